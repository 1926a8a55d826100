import { Component, onMounted, onWillStart, onWillUnmount, useEffect, useRef, useState } from "@odoo/owl";
import { loadBundle } from "@web/core/assets";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { formatInteger } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { pageColors } from "../colors";
import { hasEnded, says } from "../errors";
import { useLive } from "../live/live";

const POLL_MS = 30000;
// Ages grow although nothing changes; and whoever reads is taken to look for as long as integration_live.py says.
const LIVE_POLL_MS = 90000;
// Told apart also by those who see no red or green, and readable on a light and on a dark page.
const COLORS = { accepted: "#0f9488", duplicate: "#9aa5b1", rejected: "#d9480f" };
const SIGNS = ["", "=", "+", "+", "+", "+"];

/** Writes a whole number as the user's language does; whatever else as it is. */
export function number(value) {
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
    static defaultProps = { of: "" };

    number = number;

    /** How many of its lines came without a price; empty for none. */
    get unknown() {
        const { unknown } = this.props.cell;
        return unknown ? `${this.props.unpriced || _t("price unknown")}: ${number(unknown)}` : "";
    }

    /** What a screen reader says of a cell of a table, whose row's and column's names it does not say of a button. */
    get spoken() {
        const { label, units, amounts } = this.props.cell;
        return [this.props.of, `${label}: ${number(units)}`, ...amounts, this.unknown].filter(Boolean).join(", ");
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
        const period = this.props.state?.period || "today";
        this.state = useState({ data: null, setUp: [], period, error: "", loading: true, at: "", live: false });
        useSetupAction({ getLocalState: () => ({ period: this.state.period }) });
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
            again: _t("Due again"),
            held: _t("Held"),
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
        this.notLive = _t("Not live: read anew every %s s", POLL_MS / 1000);
        this.last = new KeepLast();
        // Which figures are awaited, and whether they are to be read once more when they have come.
        this.awaited = null;
        this.next = null;
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
        if (document.visibilityState === "visible" && !this.ended && (!this.state.live || old)) {
            this.refresh();
        }
    }

    /**
     * Reads the page anew. While an answer is awaited, it is only noted that something has changed, and the page is
     * read once more when it has come: who asked again each time would never see one where Odoo is slow. The figures of
     * another period are asked for at once, and those that were awaited are never seen.
     *
     * @param {boolean} again the page was read a moment ago: what changes seldom need not be read
     */
    async refresh(again = false) {
        const { period } = this.state;
        if (this.awaited?.period === period) {
            // What the set-up check says is on its way already, where it was asked for.
            this.next = { again: (again || !this.awaited.again) && (this.next?.again ?? true) };
            return;
        }
        this.awaited = { period, again };
        this.next = null;
        this.state.loading = true;
        try {
            this.state.data = await this.last.add(this.question(period, again));
            this.state.error = "";
            this.state.at = luxon.DateTime.now().toLocaleString(luxon.DateTime.TIME_WITH_SECONDS);
            this.ended = false;
            this.awaited = null;
            this.state.loading = false;
        } catch (error) {
            this.awaited = null;
            this.state.loading = false;
            // Told once, by Odoo, and not each time that the clock would ask.
            this.ended = hasEnded(error);
            this.state.error = says(error);
        }
        if (this.next) {
            await this.refresh(this.next.again);
        }
    }

    /** Asks for the figures of a period; what the set-up check says is asked for once, and stays if it is overtaken. */
    async question(period, again) {
        const known = again && Boolean(this.checked);
        const before = this.checked;
        this.checked = true;
        try {
            const data = await this.orm.silent.call("integration.overview", "get_data", [period, known]);
            this.state.setUp = data.setup || this.state.setUp;
            this.readAt = known ? this.readAt : Date.now();
            return data;
        } catch (error) {
            this.checked = before;
            throw error;
        }
    }

    setPeriod(period) {
        this.state.period = period;
        return this.refresh(true);
    }

    /** States that go on, those of the set-up first. */
    get warnings() {
        return [...this.state.setUp, ...(this.state.data.warnings || [])];
    }

    /** What the figures are that stay on the page although newer ones could not be read. */
    get stale() {
        const { at, data } = this.state;
        const period = data.equation && this.periods.find(({ key }) => key === data.period);
        return period
            ? _t("What is below (%(period)s) was read at %(at)s.", { period: period.label, at })
            : _t("What is below was read at %s.", at);
    }

    /** What is held, for screen readers: without ages and counts, which would be read out each time they change. */
    get held() {
        const rows = this.state.data?.holds?.rows || [];
        return rows.length ? _t("Held: %s", rows.map(({ what }) => what).join(", ")) : "";
    }

    holdText({ what, since, by }) {
        return _t("Held: %(what)s, for %(since)s, by %(by)s.", { what, since, by });
    }

    heldText({ waiting }) {
        return _t("Deliveries that wait and spend no attempt: %s.", number(waiting));
    }

    engineText(age) {
        return age ? _t("last heard of %s ago", age) : _t("not started yet");
    }

    silenceText({ heard, silent, age }) {
        if (silent) {
            return _t("should have sent by now, silent for %s", age);
        }
        return heard ? _t("%s ago", age) : _t("nothing yet");
    }

    oldestText(age) {
        return _t("oldest: %s", age);
    }

    triesText({ tries }) {
        return _t("of %s", number(tries));
    }

    agreeText({ agree, breaks, within }) {
        return _t("of %(all)s, by tolerance %(within)s", { all: number(agree + breaks), within: number(within) });
    }

    /** A count and, where there is any, its money. */
    countText({ count, amounts }) {
        return [number(count), ...(amounts.length ? [amounts.join(" + ")] : [])].join(", ");
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
            accepted: number(sum("accepted")),
            duplicate: number(sum("duplicate")),
            rejected: number(sum("rejected")),
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
        const { text, grid } = pageColors(this.canvas.el);
        return new Chart(this.canvas.el, {
            type: "bar",
            data: {
                labels: hours.labels,
                datasets: bars.map(([label, data, backgroundColor]) => ({ label, data, backgroundColor })),
            },
            options: {
                animation: false,
                maintainAspectRatio: false,
                plugins: { legend: { position: "bottom", labels: { color: text } } },
                scales: {
                    x: { stacked: true, ticks: { color: text }, grid: { display: false }, border: { color: grid } },
                    y: {
                        stacked: true,
                        beginAtZero: true,
                        ticks: { color: text, precision: 0 },
                        grid: { color: grid },
                        border: { color: grid },
                    },
                },
            },
        });
    }
}

registry.category("actions").add("integration_monitor.overview", Overview);
