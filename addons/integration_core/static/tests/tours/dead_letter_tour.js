import { registry } from "@web/core/registry";

/** An operator reads why a delivery died, takes it over, mends the cause elsewhere, and retries it with a reason. */
registry.category("web_tour.tours").add("integration_core_dead_letter", {
    url: "/odoo/integration-dead-letters",
    steps: () => [
        {
            content: "The list says the age and the reason in words",
            trigger: ".o_list_view .o_data_row:contains('Odoo could not process it'):contains('2 days')",
        },
        {
            trigger: ".o_data_row .o_data_cell[name='type_name']",
            run: "click",
        },
        {
            content: "What happened",
            trigger: "div[name='explained']:contains('Odoo could not process it'):contains('handler_failed')",
        },
        {
            content: "What is affected, and no money for an operator",
            trigger: "div[name='explained']:contains('1 dead letter of “Handled”'):not(:contains('Money at risk'))",
        },
        {
            content: "Whose turn it is",
            trigger: "div[name='explained']:contains('Integration administrator'):contains('nobody')",
        },
        {
            trigger: "div[name='explained'] button[name='action_assign_to_me']",
            run: "click",
        },
        {
            trigger: "div[name='explained'] div[name='owner_id']:contains('tour_operator')",
        },
        {
            content: "The button",
            trigger: "div[name='next_buttons'] button.btn-primary:contains('Retry')",
            run: "click",
        },
        {
            trigger: ".modal [name='reason'] input",
            run: "edit The mapping is mended",
        },
        {
            trigger: ".modal footer button.btn-primary:contains('Retry')",
            run: "click",
        },
        {
            content: "It is nobody's turn now",
            trigger: "body:not(:has(.modal)) div[name='explained']:contains('Nobody: it goes on by itself')",
        },
    ],
});
