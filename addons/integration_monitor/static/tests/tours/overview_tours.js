import { ConnectionLostError } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { patch } from "@web/core/utils/patch";
import { Overview } from "@integration_monitor/overview/overview";
import { catchCalls, check } from "./calls";
import { checkColors } from "./colors";

let page, calls;

/** Gets hold of the page that is shown: whatever reads it anew next tells which one it is. */
function findPage() {
    const unpatch = patch(Overview.prototype, {
        refresh() {
            page = this;
            unpatch();
            return super.refresh(...arguments);
        },
    });
}

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
            content: "The chart is drawn in the page's own colours",
            trigger: ".o_integration_hours canvas",
            run() {
                checkColors(this.anchor, "y");
            },
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

registry.category("web_tour.tours").add("integration_overview_while_odoo_is_slow", {
    steps: () => [
        {
            content: "What is held is said once, and not read out again with each of its ages",
            trigger:
                "body:has(.o_integration_held[role='alert']:contains(Held: Lane: Bulk)):has(.o_integration_hold):not(:has(.o_integration_hold[role]))",
        },
        {
            content: "An answer is awaited when three hints come: nothing more is asked",
            trigger: ".o_integration_reload:not(:has(.fa-spin))",
            run() {
                findPage();
                calls = catchCalls("integration.overview", "get_data");
                this.anchor.click();
                page.refresh(true);
                page.refresh(true);
                page.refresh(true);
                check(calls.caught.length === 1, `${calls.caught.length} questions at once`);
                const headline = { ...page.state.data.headline, text: "Painted" };
                calls.caught[0].answer({ ...page.state.data, headline, setup: [] });
            },
        },
        {
            content: "The answer is shown although more has happened, and the page is read once more",
            trigger: "body:has(.o_integration_reload .fa-spin) .o_integration_headline:contains(Painted)",
            run() {
                check(calls.caught.length === 2, `${calls.caught.length - 1} questions more`);
                check(calls.caught[1].args[1] === true, "the set-up is checked again");
                calls.caught[1].letGo();
            },
        },
        {
            trigger:
                "body:not(:has(.o_integration_reload .fa-spin)) .o_integration_headline:not(:contains(Painted))",
            run() {
                check(calls.caught.length === 2, "asked once more than anything happened");
            },
        },
        {
            content: "Another period, whose figures do not come yet",
            trigger: "button[data-period='week']",
            run: "click",
        },
        {
            content: "The figures are those of the period that is marked; another one is on its way",
            trigger:
                "body:has([data-period='today'][aria-pressed='true']) [data-period='week'][aria-pressed='false'][aria-busy='true']:has(.fa-spin)",
            run() {
                check(calls.caught.length === 3, "another period is asked for at once");
                check(calls.caught[2].args[1] === true, "the set-up is checked again");
                calls.stop();
                calls.caught[2].refuse(new ConnectionLostError("/away"));
            },
        },
        {
            content: "What could not be read, and what it is that stays",
            trigger:
                "body:has([data-period='today'][aria-pressed='true']) .alert-danger:contains(Odoo did not answer.):contains(What is below):contains(Today) button:contains(Try again)",
            run: "click",
        },
        {
            trigger: "body:not(:has(.alert-danger .btn-danger)) [data-period='week'][aria-pressed='true']",
        },
    ],
});

registry.category("web_tour.tours").add("integration_overview_keeps_its_period", {
    steps: () => [
        {
            trigger: "button[data-period='month']",
            run: "click",
        },
        {
            trigger: "body:has([data-period='month'][aria-pressed='true']) .o_integration_equation [data-bucket='received']",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row",
        },
        {
            content: "Back to the Overview",
            trigger: ".breadcrumb-item a:contains(Overview), .o_back_button a:contains(Overview)",
            run: "click",
        },
        {
            trigger: "[data-period='month'][aria-pressed='true']",
        },
        {
            content: "What is held in a lane opens as many deliveries",
            trigger: ".o_integration_lanes [data-figure='held']:contains(1)",
            run: "click",
        },
        {
            trigger: ".o_list_view:not(:has(.o_data_row + .o_data_row)) .o_data_row",
        },
    ],
});
