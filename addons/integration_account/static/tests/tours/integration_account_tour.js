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

registry.category("web_tour.tours").add("integration_confirm_bank_account", {
    steps: () => [
        { content: "Open Mappings", trigger: ".o_menu_sections button:contains(Mappings)", run: "click" },
        {
            content: "Open the accounts",
            trigger: ".o-dropdown--menu .o-dropdown-item:contains(Supplier bank accounts)",
            run: "click",
        },
        {
            content: "One is withheld, and it says whose turn it is",
            trigger: ".o_data_row:contains(Acme Medical):contains(7034):contains(A second person calls)",
        },
        { content: "Look at it", trigger: ".o_data_row:contains(Acme Medical) td[name=partner_id]", run: "click" },
        { content: "The known phone is there", trigger: ".o_field_widget[name=phones_text]:contains('+32 9 123 45 67')" },
        { content: "Record the call", trigger: "button[name=action_record_call]", run: "click" },
        { content: "Say whom", trigger: ".modal .o_field_widget[name=spoke_to] input", run: "edit Ann, bookkeeping" },
        { content: "They confirmed it", trigger: ".modal button[name=action_confirm]", run: "click" },
        { content: "Now it can be approved", trigger: "button[name=action_approve]:enabled", run: "click" },
        { content: "Time has to pass", trigger: ".o_arrow_button_current:contains(Cooling off)" },
    ],
});
