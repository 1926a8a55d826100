import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("integration_account_review", {
    steps: () => [
        {
            content: "The encounter waits for review: open its group",
            trigger: ".o_group_name:contains('TOUR-1')",
            run: "click",
        },
        {
            content: "Open the charge",
            trigger: ".o_data_row td[name='encounter']:contains('TOUR-1')",
            run: "click",
        },
        {
            content: "The amount is what the message said",
            trigger: ".o_form_view [name='amount']:contains('321.00')",
        },
        {
            content: "Approve it",
            trigger: "button[name='action_approve']",
            run: "click",
        },
        {
            content: "The billing run tells how far it is",
            trigger: ".o_form_view [name='charge_count']:contains('1')",
        },
        {
            content: "The run lists the encounter's draft",
            trigger: ".o_data_row td[name='encounter_id']:contains('TOUR-1')",
        },
    ],
});

registry.category("web_tour.tours").add("integration_account_follow", {
    steps: () => [
        {
            content: "Open the charge",
            trigger: ".o_data_row td[name='encounter']:contains('TOUR-1')",
            run: "click",
        },
        {
            content: "See the message it came from",
            trigger: ".o_form_view [name='event_id'] a, .o_form_view [name='event_id'] input, .o_form_view [name='event_id']",
        },
        {
            content: "Go on to the invoice",
            trigger: "button[name='action_open_invoice']",
            run: "click",
        },
        {
            content: "The invoice names the encounter and leads back to the charges",
            trigger: "button[name='action_integration_charges']",
            run: "click",
        },
        {
            content: "Back at the charge",
            trigger: ".o_data_row td[name='encounter']:contains('TOUR-1')",
        },
    ],
});
