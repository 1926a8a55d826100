import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("integration_finance_reads", {
    steps: () => [
        {
            content: "One sentence says whether it flows",
            trigger: ".o_integration_headline[data-level]",
        },
        {
            content: "How much money is at risk, and what of it is parked",
            trigger: ".o_integration_risk:contains(80.00) [data-risk='parked']",
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

registry.category("web_tour.tours").add("integration_steward_maps", {
    steps: () => [
        {
            content: "No money and no plumbing",
            trigger: ".o_integration_overview:not(:has(.o_integration_equation, .o_integration_deliveries, .o_integration_risk))",
        },
        {
            content: "What needs the steward leads to the codes",
            trigger: ".o_integration_needs [data-need^='map/']:contains(Codes to map)",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(NEW)",
        },
    ],
});

registry.category("web_tour.tours").add("integration_administrator_looks", {
    steps: () => [
        {
            content: "An administrator sees money and plumbing",
            trigger: ".o_integration_overview:has(.o_integration_risk):has(.o_integration_lanes):has(.o_integration_silence)",
        },
        {
            content: "The key that ends leads to the keys",
            trigger: ".o_integration_needs [data-need^='key/']:contains(ends within)",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row",
        },
        {
            content: "Back to the Overview",
            trigger: ".o_menu_sections [data-menu-xmlid='integration_monitor.menu_overview']",
            run: "click",
        },
        {
            content: "Which days and cost centers a system's figures consist of",
            trigger: ".o_integration_systems tbody th button",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_group_header",
        },
    ],
});

registry.category("web_tour.tours").add("integration_auditor_verifies", {
    steps: () => [
        {
            content: "An auditor sees plumbing and no money",
            trigger: ".o_integration_overview:has(.o_integration_deliveries):not(:has(.o_integration_risk, .o_integration_parked))",
        },
        {
            content: "A quantile leads to the counts it is made of",
            trigger: ".o_integration_latency [data-figure='p99']",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_group_header",
        },
        {
            content: "Back to the Overview",
            trigger: ".o_menu_sections [data-menu-xmlid='integration_monitor.menu_overview']",
            run: "click",
        },
        {
            content: "Nobody has verified the trail yet",
            trigger: ".o_integration_needs [data-need='verify']",
            run: "click",
        },
        {
            trigger: ".o_form_view button[name='action_verify']",
        },
    ],
});

registry.category("web_tour.tours").add("integration_operator_skips", {
    steps: () => [
        {
            content: "An operator sees plumbing, and what needs them",
            trigger: ".o_integration_overview:has(.o_integration_lanes [data-lane='0']) .o_integration_needs [data-need='dead']",
        },
        {
            content: "The queue of a lane leads to its deliveries",
            trigger: ".o_integration_lanes [data-lane] button:contains(Normal)",
            run: "click",
        },
        {
            trigger: ".o_list_view",
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
