import { makeErrorFromResponse } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { patch } from "@web/core/utils/patch";
import { MonthEnd } from "@integration_monitor/month_end/month_end";
import { catchCalls, check, drawn } from "./calls";

let figures, deed, month;

/** The month whose figures are on the screen. */
function shownMonth() {
    return document.querySelector("input.o_integration_month").value;
}

/** Another month, so many months before. */
function before(text, months) {
    return luxon.DateTime.fromFormat(text, "yyyy-MM").minus({ months }).toFormat("yyyy-MM");
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
            trigger: ".o_integration_month_end .o_integration_headline[data-level='warning']:contains(1 line waits for a person)",
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
            content: "A button that is pressed twice is pressed once",
            trigger: ".o_integration_sign:enabled",
            run() {
                deed = catchCalls("integration.month.end", "action_sign");
                this.anchor.click();
                this.anchor.click();
            },
        },
        {
            trigger: "body:has(.o_integration_sign:disabled):has(.o_integration_export:disabled)",
            run() {
                deed.stop();
                check(deed.caught.length === 1, `signed ${deed.caught.length} times`);
                deed.caught[0].letGo();
            },
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
    ],
});

registry.category("web_tour.tours").add("integration_month_on_the_screen", {
    steps: () => [
        {
            content: "To the month before",
            trigger: ".o_integration_month_before",
            run: "click",
        },
        {
            content: "A figure of it",
            trigger: ".o_integration_standings tr[data-standing='mapping']:contains(60.00) button",
            run() {
                month = shownMonth();
                this.anchor.click();
            },
        },
        {
            trigger: ".o_list_view .o_data_row:contains(E-8)",
        },
        {
            content: "Back to the month, and not to the one that the page opens with",
            trigger: ".breadcrumb-item a:contains(Month end), .o_back_button a:contains(Month end)",
            run: "click",
        },
        {
            trigger: ".o_integration_month_end .o_integration_standings tr[data-standing='mapping']:contains(60.00)",
            run: () => check(shownMonth() === month, `the page has gone to ${shownMonth()}`),
        },
        {
            content: "Another month, whose figures do not come yet, and then a third one",
            trigger: "input.o_integration_month",
            async run() {
                figures = catchCalls("integration.month.end", "get_data");
                document.querySelector(".o_integration_month_before").click();
                figures.stop();
                await drawn();
                check(document.querySelector(".o_integration_sign").disabled, "one month is signed, another is chosen");
                check(document.querySelector(".o_integration_export").disabled, "one month for another");
                this.anchor.value = before(month, 3);
                this.anchor.dispatchEvent(new Event("change"));
            },
        },
        {
            content: "The figures of the third one come, and then those that are awaited no more",
            trigger: "body:has(.o_integration_sign:enabled) .o_integration_headline:contains(No service of this month)",
            async run() {
                const title = this.anchor.textContent;
                check(figures.caught.length === 1 && figures.caught[0].args[0] === before(month, 1), "held another one");
                check(shownMonth() === before(month, 3), "the third one has not come");
                await figures.caught[0].letGo();
                await drawn();
                check(shownMonth() === before(month, 3), `the page has gone to ${shownMonth()}`);
                check(document.querySelector(".o_integration_headline").textContent === title, "of another month");
            },
        },
        {
            content: "Could another month be chosen while one signs, what is on the screen would be signed",
            trigger: ".o_integration_sign:enabled",
            async run() {
                const shown = shownMonth();
                const unpatch = patch(MonthEnd.prototype, {
                    get current() {
                        return true;
                    },
                });
                figures = catchCalls("integration.month.end", "get_data");
                deed = catchCalls("integration.month.end", "action_sign");
                document.querySelector(".o_integration_month_before").click();
                await drawn();
                this.anchor.click();
                unpatch();
                deed.stop();
                check(figures.caught.length === 1, "no other month was asked for");
                const [signed, , seen] = deed.caught[0].args;
                check(signed === shown && seen.length === 64, `${signed} is signed, ${shown} is on the screen`);
            },
        },
        {
            content: "Figures that changed since they were read are not signed",
            trigger: ".o_integration_month_end",
            run() {
                const data = { name: "odoo.exceptions.UserError", arguments: ["figures changed since"] };
                deed.caught[0].refuse(makeErrorFromResponse({ code: 0, message: "Odoo Server Error", data }));
            },
        },
        {
            trigger: ".modal:contains(figures changed since) footer button",
            run() {
                check(figures.caught.length === 2, "the page is not read anew");
                figures.caught.at(-1).letGo();
                figures.stop();
                this.anchor.click();
            },
        },
        {
            trigger: "body:not(:has(.modal)) .o_integration_sign:enabled",
        },
    ],
});
