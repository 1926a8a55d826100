import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("integration_finance_reads", {
    steps: () => [
        {
            content: "One sentence says whether it flows",
            trigger: ".o_integration_headline[data-level]",
        },
        {
            content: "The equation shows money; parked opens what is parked",
            trigger: ".o_integration_equation .o_integration_cell[data-bucket='parked']:contains(80.00)",
            run: "click",
        },
        {
            content: "One receipt, and its line",
            trigger: ".o_list_view .o_data_row:contains(E-1):contains(Parked)",
        },
        {
            content: "Back to the Overview",
            trigger: ".o_menu_sections [data-menu-xmlid='integration_monitor.menu_overview']",
            run: "click",
        },
        {
            content: "Whose turn it is stands beside the money",
            trigger: ".o_integration_parked tr[data-reason='service_unmapped']:contains(Mapping steward)",
            run: "click",
        },
        {
            content: "The charge behind it",
            trigger: ".o_list_view .o_data_row:contains(E-1)",
        },
        {
            content: "Reconciliation by day",
            trigger: ".o_menu_sections [data-menu-xmlid='integration_monitor.menu_reconciliation']",
            run: "click",
        },
        {
            trigger: ".dropdown-item[data-menu-xmlid='integration_monitor.menu_ledger_received']",
            run: "click",
        },
        {
            content: "A row leads to its receipts",
            trigger: ".o_list_view .o_data_row:contains(ED) .o_data_cell[name='cost_center']",
            run: "click",
        },
        {
            trigger: ".breadcrumb-item:contains(Reconciliation), .o_breadcrumb:contains(Receipts of)",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(E-1):contains(Applied)",
        },
    ],
});

registry.category("web_tour.tours").add("integration_operator_skips", {
    steps: () => [
        {
            content: "An operator sees plumbing",
            trigger: ".o_integration_deliveries",
        },
        {
            content: "To the deliveries",
            trigger: ".o_menu_sections [data-menu-xmlid='integration_core.menu_deliveries']",
            run: "click",
        },
        {
            content: "To the dead letters",
            trigger: ".o-dropdown--menu [data-menu-xmlid='integration_core.menu_dead_letters']",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row button[title='Skip'], .o_list_view .o_data_row button:has(.fa-times)",
            run: "click",
        },
        {
            content: "Why",
            trigger: ".modal [name='reason'] input",
            run: "edit The sender cancelled it",
        },
        {
            trigger: ".modal footer button.btn-danger:contains(Skip)",
            run: "click",
        },
        {
            content: "It is gone from the list",
            trigger: "body:not(:has(.modal)) .o_view_nocontent",
        },
    ],
});
