import { ConnectionLostError, makeErrorFromResponse } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { catchCalls } from "./calls";

/** What Odoo answers whoever is logged in no more. */
export function sessionExpired() {
    const data = { name: "odoo.http.SessionExpiredException", message: "Session expired" };
    return makeErrorFromResponse({ code: 100, message: "Odoo Session Expired", data });
}

const SESSION_DIALOG = ".modal:contains(Your Odoo session expired)";
let calls;

/** Refuses the next call of a method with an error, once it has been caused. */
function refuse(model, method, error) {
    calls = catchCalls(model, method);
    return () => {
        calls.stop();
        calls.caught.forEach((call) => call.refuse(error));
    };
}

/**
 * Steps of a page that is asked for something: without an answer it says so in the reader's language and asks again;
 * where the session has ended, Odoo's own dialog comes.
 */
function unanswered({ page, trigger, act = (element) => element.click(), model, method, read }) {
    return [
        {
            content: "The page that was left is gone",
            trigger: page,
        },
        {
            content: `${model}: the network is away`,
            trigger,
            run() {
                const refuseNow = refuse(model, method, new ConnectionLostError(`/${method}`));
                act(this.anchor);
                refuseNow();
            },
        },
        {
            content: "It says so, and no address",
            trigger: `${page} .alert-danger:contains(Odoo did not answer.):not(:contains(/${method})) button:contains(Try again)`,
            run: "click",
        },
        {
            trigger: `${page}:not(:has(.alert-danger)) ${read}`,
        },
        {
            content: "The session has ended",
            trigger,
            run() {
                const refuseNow = refuse(model, method, sessionExpired());
                act(this.anchor);
                refuseNow();
            },
        },
        {
            content: "Odoo says so, and leads to the login",
            trigger: `${SESSION_DIALOG} .btn-close`,
            run: "click",
        },
        {
            trigger: `body:not(:has(.modal)) ${page}`,
        },
    ];
}

registry.category("web_tour.tours").add("integration_no_answer", {
    steps: () => [
        {
            trigger: ".o_integration_overview .o_integration_headline",
        },
        ...unanswered({
            page: ".o_integration_overview",
            trigger: ".o_integration_reload:not(:has(.fa-spin))",
            model: "integration.overview",
            method: "get_data",
            read: ".o_integration_headline",
        }),
        {
            trigger: ".o_menu_sections [data-menu-xmlid='integration_monitor.menu_reconciliation']",
            run: "click",
        },
        {
            trigger: ".dropdown-item[data-menu-xmlid='integration_monitor.menu_month_end']",
            run: "click",
        },
        ...unanswered({
            page: ".o_integration_month_end",
            trigger: ".o_integration_reload:not(:has(.fa-spin))",
            model: "integration.month.end",
            method: "get_data",
            read: ".o_integration_headline",
        }),
        {
            trigger: ".o_menu_sections [data-menu-xmlid='integration_core.menu_messages']",
            run: "click",
        },
        {
            trigger: ".o-dropdown--menu [data-menu-xmlid='integration_monitor.menu_trace']",
            run: "click",
        },
        {
            trigger: ".o_trace_search input",
            run: "edit E-404",
        },
        ...unanswered({
            page: ".o_integration_trace",
            trigger: ".o_trace_search",
            act: (form) => form.requestSubmit(),
            model: "integration.trace",
            method: "find",
            read: ".o_trace_nothing",
        }),
    ],
});
