import { registry } from "@web/core/registry";

let letFiguresCome;

/** Keeps the next question for a month's figures back until `letFiguresCome` is called. */
function holdNextFigures() {
    const send = XMLHttpRequest.prototype.send;
    XMLHttpRequest.prototype.send = function (body) {
        if (String(body).includes('"integration.month.end"') && String(body).includes('"get_data"')) {
            XMLHttpRequest.prototype.send = send;
            letFiguresCome = () => send.call(this, body);
        } else {
            send.call(this, body);
        }
    };
}

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
            content: "To the month before, whose figures do not come yet",
            trigger: ".o_integration_month_before",
            run() {
                holdNextFigures();
                this.anchor.click();
            },
        },
        {
            content: "The figures of one month are on the screen, another one is chosen: neither can be signed",
            trigger: "body:has(.o_integration_sign:disabled):has(.o_integration_export:disabled)",
            run() {
                letFiguresCome();
            },
        },
        {
            content: "Another month has nothing",
            trigger: ".o_integration_sign:enabled",
        },
        {
            trigger: ".o_integration_headline[data-level='info']:contains(No service of this month was received)",
        },
    ],
});
