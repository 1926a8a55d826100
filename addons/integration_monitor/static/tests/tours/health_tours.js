import { registry } from "@web/core/registry";
import { patch } from "@web/core/utils/patch";
import { HealthLines } from "@integration_monitor/health/health_lines";

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
                const chart = window.Chart.getChart(this.anchor);
                const variable = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
                const { x, share } = chart.options.scales;
                const used = [x.ticks.color, share.grid.color, chart.options.plugins.legend.labels.color];
                const wanted = [variable("--body-color"), variable("--border-color"), variable("--body-color")];
                if (!wanted[0] || !wanted[1] || used.join() !== wanted.join()) {
                    throw new Error(`drawn in ${used.join()} where the page has ${wanted.join()}`);
                }
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
                const unpatch = patch(HealthLines.prototype, {
                    async read(record) {
                        const { orm } = this;
                        this.orm = { silent: { call: () => Promise.reject(new Error("The network is away")) } };
                        await super.read(record);
                        this.orm = orm;
                        unpatch();
                    },
                });
                this.anchor.click();
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
