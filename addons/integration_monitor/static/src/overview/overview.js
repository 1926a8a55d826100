import { Component, onMounted, onWillStart, onWillUnmount, useEffect, useRef, useState } from "@odoo/owl";
import { loadBundle } from "@web/core/assets";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { formatInteger } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { useLive } from "../live/live";

const POLL_MS = 30000;
// Ages grow although nothing changes; and whoever reads is taken to look for as long as integration_live.py says.
const LIVE_POLL_MS = 90000;
// Told apart also by those who see no red or green, and readable on a light and on a dark page.
const COLORS = { accepted: "#0f9488", duplicate: "#9aa5b1", rejected: "#d9480f" };
const SIGNS = ["", "=", "+", "+", "+", "+"];

/** Writes a whole number as the user's language does; whatever else as it is. */
function number(value) {
    return Number.isInteger(value) ? formatInteger(value) : value;
}

/** One number of the equation: units, amounts per currency, what has no price; opens the records behind it. */
export class EquationCell extends Component {
    static template = "integration_monitor.EquationCell";
    static props = {
        cell: Object,
        open: Function,
        of: { type: String, optional: true },
        small: { type: Boolean, optional: true },
        // What its lines without a price are called, where "price unknown" is the name of something else.
        unpriced: { type: String, optional: true },
    };

    number = number;

    /** What a screen reader says of a cell of a table, whose column's name it does not say of a button. */
    get spoken() {
        const { label, units, amounts } = this.props.cell;
        return [`${label}: ${number(units)}`, ...amounts].join(", ");
    }
}

/** A figure with its name, and what else is to be said of it; opens the records behind it. */
export class Figure extends Component {
    static template = "integration_monitor.Figure";
    static props = {
        name: String,
        label: String,
        value: [Number, String],
        action: Object,
        open: Function,
        amounts: { type: Array, optional: true },
        bad: { type: Boolean, optional: true },
        slots: { type: Object, optional: true },
    };

    get value() {
        return number(this.props.value);
    }
}

/** Is it flowing, is anything lost, what is parked, what is stuck, whose turn it is. */
export class Overview extends Component {
    static template = "integration_monitor.Overview";
    static components = { EquationCell, Figure, Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.canvas = useRef("canvas");
        this.state = useState({ data: null, period: "today", error: "", loading: true, at: "", live: false });
        this.periods = [
            { key: "today", label: _t("Today") },
            { key: "week", label: _t("7 days") },
            { key: "month", label: _t("30 days") },
        ];
        this.words = {
            waiting: _t("Waiting"),
            dead: _t("Dead letters"),
            delivered: _t("Delivered"),
            success: _t("Tries that went well"),
            retrying: _t("Tried before"),
            agree: _t("Rows that agree"),
            breaks: _t("Breaks to look at"),
            mine: _t("My turn"),
            overdue: _t("Past their time"),
        };
        this.quantiles = [
            { name: "p50", label: _t("Half within") },
            { name: "p95", label: _t("95 % within") },
            { name: "p99", label: _t("99 % within") },
        ];
        this.signs = SIGNS;
        this.number = number;
        this.pollSeconds = POLL_MS / 1000;
        this.last = new KeepLast();
        useLive(
            () => this.refresh(true),
            (live) => (this.state.live = live)
        );
        onWillStart(() => loadBundle("web.chartjs_lib"));
        onMounted(() => {
            this.refresh();
            this.timer = browser.setInterval(() => this.tick(), POLL_MS);
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

    /** Refreshes by the clock, while somebody can see the page; seldom where changes are told. */
    tick() {
        const old = Date.now() - (this.readAt || 0) > LIVE_POLL_MS - POLL_MS / 2;
        if (document.visibilityState === "visible" && (!this.state.live || old)) {
            this.refresh();
        }
    }

    /** @param {boolean} again the page was read a moment ago: what changes seldom need not be read */
    async refresh(again = false) {
        this.state.loading = true;
        try {
            // An answer that a later question has overtaken is never seen.
            const asked = [this.state.period, again && Boolean(this.setUp)];
            const data = await this.last.add(this.orm.silent.call("integration.overview", "get_data", asked));
            this.setUp = data.setup || this.setUp || [];
            this.state.data = { ...data, warnings: [...this.setUp, ...(data.warnings || [])] };
            this.state.error = "";
            this.state.at = luxon.DateTime.now().toLocaleString(luxon.DateTime.TIME_WITH_SECONDS);
            this.readAt = asked[1] ? this.readAt : Date.now();
        } catch (error) {
            this.state.error = error.data?.message || error.message || _t("Odoo did not answer.");
        }
        this.state.loading = false;
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

    lookAt(text) {
        return _t("Look: %s", text);
    }

    icon(level) {
        return {
            success: "fa-check-circle",
            info: "fa-info-circle",
            warning: "fa-exclamation-triangle",
            danger: "fa-times-circle",
        }[level];
    }

    /** Parts of the money at risk, with the records behind each. */
    get riskParts() {
        const { risk, parked, equation } = this.state.data;
        const parts = [
            { name: "parked", label: _t("Parked, however old"), action: parked.action },
            { name: "waiting", label: _t("Waiting, however old"), action: risk.waiting_action },
            { name: "unaccounted", label: _t("Unaccounted"), action: equation.unaccounted.action, wrong: true },
        ];
        return parts
            .map((part) => ({ ...part, amounts: risk.parts[part.name] }))
            .filter((part) => part.amounts.length);
    }

    /** What a screen reader says of the chart. */
    get hoursSpoken() {
        const hours = this.state.data.hours;
        const sum = (name) => hours[name].reduce((total, one) => total + one, 0);
        return _t("Received today by hour. Accepted: %(accepted)s, duplicate: %(duplicate)s, rejected: %(rejected)s.", {
            accepted: sum("accepted"),
            duplicate: sum("duplicate"),
            rejected: sum("rejected"),
        });
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
