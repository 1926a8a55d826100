import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("integration_trace_purchase", {
    steps: () => [
        {
            content: "From the order, or from its transfer",
            trigger: ".o_form_view button.oe_stat_button:contains(Trace)",
            run: "click",
        },
        {
            content: "The order waits for its goods",
            trigger: ".o_trace_headline[data-level='warning']:contains(Transfer waits)",
        },
        {
            content: "No stage of services",
            trigger: ".o_integration_trace:not(:has(.o_trace_stage[data-stage='charge']))",
        },
        {
            content: "Back to the order",
            trigger: ".o_trace_step[data-what='order_confirmed'] button:contains(Open)",
            run: "click",
        },
        {
            content: "It is the order",
            trigger: ".o_form_view .o_field_widget[name='partner_id']",
        },
    ],
});
