import { Component, onMounted, onWillStart, onWillUnmount, useEffect, useRef, useState } from "@odoo/owl";
import { loadBundle } from "@web/core/assets";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

const REFRESH_MS = 30000;
// Told apart also by those who see no red or green, and readable on a light and on a dark page.
const COLORS = { accepted: "#0f9488", duplicate: "#9aa5b1", rejected: "#d9480f" };
const SIGNS = ["", "=", "+", "+", "+", "+"];

/** One number of the equation: units, amounts per currency, what has no price; opens the records behind it. */
export class EquationCell extends Component {
    static template = "integration_monitor.EquationCell";
    static props = {
        cell: Object,
        open: Function,
        small: { type: Boolean, optional: true },
        // What its lines without a price are called, where "price unknown" is the name of something else.
        unpriced: { type: String, optional: true },
    };
}

/** Is it flowing, is anything lost, what is parked, what is stuck, whose turn it is. */
export class Overview extends Component {
    static template = "integration_monitor.Overview";
    static components = { EquationCell, Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.canvas = useRef("canvas");
        this.state = useState({ data: null, period: "today", error: "", loading: true, at: "" });
        this.periods = [
            { key: "today", label: _t("Today") },
            { key: "week", label: _t("7 days") },
            { key: "month", label: _t("30 days") },
        ];
        this.signs = SIGNS;
        onWillStart(() => loadBundle("web.chartjs_lib"));
        onMounted(() => {
            this.refresh();
            this.timer = browser.setInterval(() => this.tick(), REFRESH_MS);
        });
        onWillUnmount(() => browser.clearInterval(this.timer));
        useEffect(
            () => {
                const chart = this.drawHours();
                return () => chart?.destroy();
            },
            () => [this.state.data?.hours, this.canvas.el]
        );
    }

    get display() {
        return { controlPanel: {} };
    }

    /** Refreshes by the clock, while somebody can see the page. */
    tick() {
        if (document.visibilityState === "visible") {
            this.refresh();
        }
    }

    async refresh() {
        this.state.loading = true;
        try {
            const data = await this.orm.silent.call("integration.overview", "get_data", [this.state.period]);
            this.state.data = data;
            this.state.error = "";
            this.state.at = luxon.DateTime.now().toLocaleString(luxon.DateTime.TIME_WITH_SECONDS);
        } catch (error) {
            this.state.error = error.data?.message || error.message || _t("Odoo did not answer.");
        } finally {
            this.state.loading = false;
        }
    }

    setPeriod(period) {
        this.state.period = period;
        return this.refresh();
    }

    open(action) {
        if (action) {
            this.action.doAction(action);
        }
    }

    /** Opens a dialog; what it changed shows when it closes. */
    ask(action) {
        return this.action.doAction(action, { onClose: () => this.refresh() });
    }

    icon(level) {
        return {
            success: "fa-check-circle",
            info: "fa-info-circle",
            warning: "fa-exclamation-triangle",
            danger: "fa-times-circle",
        }[level];
    }

    drawHours() {
        const hours = this.state.data?.hours;
        if (!hours || !this.canvas.el) {
            return null;
        }
        const bars = [
            [_t("Accepted"), hours.accepted, COLORS.accepted],
            [_t("Duplicate"), hours.duplicate, COLORS.duplicate],
            [_t("Rejected"), hours.rejected, COLORS.rejected],
        ];
        return new Chart(this.canvas.el, {
            type: "bar",
            data: {
                labels: hours.labels,
                datasets: bars.map(([label, data, backgroundColor]) => ({ label, data, backgroundColor })),
            },
            options: {
                animation: false,
                maintainAspectRatio: false,
                plugins: { legend: { position: "bottom" } },
                scales: {
                    x: { stacked: true, grid: { display: false } },
                    y: { stacked: true, beginAtZero: true, ticks: { precision: 0 } },
                },
            },
        });
    }
}

registry.category("actions").add("integration_monitor.overview", Overview);
