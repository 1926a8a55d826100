import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("integration_trace_finance", {
    steps: () => [
        {
            content: "From the invoice",
            trigger: ".o_form_view .oe_button_box button:contains(Trace), .o_form_view .o-form-buttonbox button:contains(Trace)",
            run: "click",
        },
        {
            content: "To the encounter it bills",
            trigger: ".o_integration_trace .o_trace_title:contains(E-1)",
        },
        {
            content: "What happens outside finance is told as not visible",
            trigger: ".o_trace_stage[data-stage='delivery'][data-level='hidden']",
        },
        {
            content: "It waits for its payment",
            trigger: ".o_trace_headline[data-level='warning']:contains(Not paid yet)",
        },
        {
            content: "Two lines were approved at once, by whom",
            trigger: ".o_trace_step[data-what='approved']:contains(2 ×):contains(reviewer)",
        },
        {
            content: "No content for finance",
            trigger: ".o_integration_trace:not(:has(.o_trace_content))",
        },
        {
            content: "Each step opens its record",
            trigger: ".o_trace_step[data-what='charge_made'] button:contains(Open)",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(E-1)",
        },
        {
            content: "And back",
            trigger: ".breadcrumb-item a:contains(Trace)",
            run: "click",
        },
        {
            trigger: ".o_integration_trace .o_trace_title:contains(E-1)",
        },
        {
            content: "Another flow, by keyboard",
            trigger: ".o_trace_search input",
            run: "edit E-7 && press Enter",
        },
        {
            trigger: ".o_integration_trace .o_trace_title:contains(E-7)",
        },
        {
            content: "A dead letter concerns finance, too",
            trigger: ".o_trace_step[data-what='delivery_dead'] .o_trace_unseen",
        },
    ],
});

registry.category("web_tour.tours").add("integration_trace_operator", {
    steps: () => [
        {
            content: "What can be looked for",
            trigger: ".o_trace_start:contains(the number of an encounter)",
        },
        {
            trigger: ".o_trace_search input",
            run: "edit E-404 && press Enter",
        },
        {
            content: "Nothing is found, and what was not searched",
            trigger: ".o_trace_nothing:contains(E-404):contains(Invoices and payments are not visible to you)",
        },
        {
            trigger: ".o_trace_search input",
            run: "edit E-7 && press Enter",
        },
        {
            content: "It is stuck",
            trigger: ".o_trace_headline[data-level='danger']:contains(Dead letter)",
        },
        {
            content: "Its attempts",
            trigger: ".o_trace_step[data-what='delivery_dead'] summary:contains(2 attempts)",
            run: "click",
        },
        {
            trigger: ".o_trace_step[data-what='delivery_dead'] details[open] li",
        },
        {
            content: "The guarded door asks why",
            trigger: ".o_trace_step[data-what='message_accepted'] .o_trace_content",
            run: "click",
        },
        {
            trigger: ".modal .btn-close",
            run: "click",
        },
        {
            content: "To the dead letter",
            trigger: "body:not(:has(.modal)) .o_trace_step[data-what='delivery_dead'] button:contains(Open)",
            run: "click",
        },
        {
            content: "And by its own button to its flow",
            trigger: ".o_form_view .oe_button_box button:contains(Trace), .o_form_view .o-form-buttonbox button:contains(Trace)",
            run: "click",
        },
        {
            content: "The step one came from is marked",
            trigger: ".o_integration_trace .o_trace_focus[data-what='delivery_dead']",
        },
    ],
});
