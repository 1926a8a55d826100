import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("integration_finance_signs_a_month", {
    steps: () => [
        {
            content: "To the month end",
            trigger: ".o_menu_sections [data-menu-xmlid='integration_monitor.menu_reconciliation']",
            run: "click",
        },
        {
            trigger: ".dropdown-item[data-menu-xmlid='integration_monitor.menu_month_end']",
            run: "click",
        },
        {
            content: "One sentence says how the month stands",
            trigger: ".o_integration_month_end .o_integration_headline[data-level='warning']:contains(1 lines wait for a person)",
        },
        {
            content: "What waits opens its lines",
            trigger: ".o_integration_standings tr[data-standing='mapping']:contains(80.00) button",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(E-9) .o_data_cell[name='service_code']",
            run: "click",
        },
        {
            content: "The charge behind it",
            trigger: ".o_form_view:contains(E-9)",
        },
        {
            content: "Back to the month",
            trigger: ".o_menu_sections [data-menu-xmlid='integration_monitor.menu_reconciliation']",
            run: "click",
        },
        {
            trigger: ".dropdown-item[data-menu-xmlid='integration_monitor.menu_month_end']",
            run: "click",
        },
        {
            trigger: ".o_integration_sign",
            run: "click",
        },
        {
            content: "Why, although something waits",
            trigger: ".modal [name='reason'] input",
            run: "edit The code is mapped on Monday",
        },
        {
            trigger: ".modal footer button.btn-primary:contains(Sign off)",
            run: "click",
        },
        {
            content: "Signed off, by whom and why",
            trigger: "body:not(:has(.modal)) .o_integration_signed:contains(The code is mapped on Monday)",
        },
        {
            content: "Another month has nothing",
            trigger: ".o_integration_month_before",
            run: "click",
        },
        {
            trigger: ".o_integration_headline[data-level='info']:contains(No service of this month was received)",
        },
    ],
});
