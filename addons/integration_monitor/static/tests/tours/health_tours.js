import { ConnectionLostError } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { catchCalls } from "./calls";
import { checkColors } from "./colors";
import { sessionExpired } from "./error_tours";

let lines;

const toHealth = [
    {
        trigger: ".o_form_view .o_notebook_headers a[name='health']",
        run: "click",
    },
];

registry.category("web_tour.tours").add("integration_health_lines", {
    steps: () => [
        ...toHealth,
        {
            content: "The chart says what it shows",
            trigger: ".o_integration_health_lines canvas[role='img'][aria-label*='1,000 tries'][aria-label*='99.9 %']",
        },
        {
            content: "It is drawn in the page's own colours",
            trigger: ".o_integration_health_lines canvas",
            run() {
                const chart = checkColors(this.anchor, "share");
                if (chart.data.datasets[0].data.filter((one) => one !== null).join() !== "99.9") {
                    throw new Error("the line shows something else");
                }
            },
        },
        {
            content: "The same by keyboard and ear",
            trigger: ".o_integration_health_table summary",
            run: "click",
        },
        {
            trigger: ".o_integration_health_table[open] tbody tr:only-child:contains(1,000):contains(99.9 %)",
        },
        {
            content: "The month",
            trigger: ".o_integration_health_lines button[data-span='days']",
            run: "click",
        },
        {
            trigger: ".o_integration_health_lines button[data-span='days'][aria-pressed='true']",
        },
        {
            trigger: ".o_integration_health_table tbody tr:nth-child(2):contains(1,000)",
        },
        {
            trigger: ".o_integration_health_lines canvas[aria-label*='1,050 tries']",
        },
    ],
});

registry.category("web_tour.tours").add("integration_health_lines_empty", {
    steps: () => [
        ...toHealth,
        {
            trigger: ".o_integration_health_nothing:contains(Nothing was tried within 30 days)",
        },
    ],
});

registry.category("web_tour.tours").add("integration_health_lines_error", {
    steps: () => [
        {
            trigger: ".o_form_view .o_notebook_headers a[name='health']",
            run() {
                lines = catchCalls("integration.endpoint", "get_health_lines");
                this.anchor.click();
            },
        },
        {
            trigger: ".o_integration_health_lines:contains(Reading)",
            run: () => lines.caught.at(-1).refuse(new ConnectionLostError("/away")),
        },
        {
            content: "It says so in words, and can be asked again",
            trigger: ".o_integration_health_lines .alert:contains(Odoo did not answer.):not(:contains(/away)) button",
            run: "click",
        },
        {
            content: "The session has ended",
            trigger: ".o_integration_health_lines:contains(Reading)",
            run() {
                lines.stop();
                lines.caught.at(-1).refuse(sessionExpired());
            },
        },
        {
            content: "Odoo says so, and leads to the login",
            trigger: ".modal:contains(Your Odoo session expired)",
        },
    ],
});

registry.category("web_tour.tours").add("integration_health_lines_again", {
    steps: () => [
        {
            trigger: ".o_form_view .o_notebook_headers a[name='health']",
            run() {
                lines = catchCalls("integration.endpoint", "get_health_lines");
                this.anchor.click();
            },
        },
        {
            trigger: ".o_integration_health_lines:contains(Reading)",
            run() {
                lines.stop();
                lines.caught.at(-1).refuse(new Error("The network is away"));
            },
        },
        {
            content: "It says so and can be asked again",
            trigger: ".o_integration_health_lines .alert:contains(The network is away) button",
            run: "click",
        },
        {
            trigger: ".o_integration_health_lines canvas",
        },
    ],
});
