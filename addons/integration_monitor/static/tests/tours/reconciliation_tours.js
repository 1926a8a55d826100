import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("integration_finance_reconciles", {
    steps: () => [
        {
            content: "To reconciliation",
            trigger: ".o_menu_sections [data-menu-xmlid='integration_monitor.menu_reconciliation']",
            run: "click",
        },
        {
            trigger: ".dropdown-item[data-menu-xmlid='integration_monitor.menu_reconciliation_periods']",
            run: "click",
        },
        {
            content: "One period has breaks, and how much money it is",
            trigger: ".o_list_view .o_data_row:contains(USD -80.00) .o_data_cell[name='open_text']",
            run: "click",
        },
        {
            content: "It says whose turn it is",
            trigger: ".o_form_view .alert-warning:contains(Breaks for finance to look at: 1)",
        },
        {
            content: "To the breaks",
            trigger: ".o_menu_sections [data-menu-xmlid='integration_monitor.menu_reconciliation']",
            run: "click",
        },
        {
            trigger: ".dropdown-item[data-menu-xmlid='integration_monitor.menu_reconciliation_breaks']",
            run: "click",
        },
        {
            trigger: ".o_last_breadcrumb_item:contains(Breaks)",
        },
        {
            content: "The break and its likeliest cause",
            trigger: ".o_list_view .o_data_row:contains(1 parked) .o_data_cell[name='display_name']",
            run: "click",
        },
        {
            content: "What explains it leads to the record",
            trigger: ".o_form_view [name='candidate_ids'] .o_data_row:contains(Parked) button[name='action_open']",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(E-9):contains(Parked)",
        },
        {
            trigger: ".breadcrumb-item a:contains(2026-11-19 · ED)",
            run: "click",
        },
        {
            trigger: ".o_form_view button[name='action_accept']",
            run: "click",
        },
        {
            content: "Why",
            trigger: ".modal [name='reason'] input",
            run: "edit The code is new and will be billed next month",
        },
        {
            trigger: ".modal footer button.btn-primary:contains(Confirm)",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) .o_form_view .o_arrow_button_current:contains(Accepted)",
        },
        {
            content: "Back to the period",
            trigger: ".o_field_widget[name='reconciliation_id'] a",
            run: "click",
        },
        {
            trigger: ".o_form_view .alert-success:contains(can sign it off)",
        },
        {
            trigger: ".o_form_view button[name='action_sign']",
            run: "click",
        },
        {
            content: "Signed",
            trigger: "body:not(:has(.modal)) .o_form_view .o_arrow_button_current:contains(Signed off)",
        },
    ],
});
