import { Component, onMounted, onWillStart, onWillUpdateProps, useEffect, useRef, useState } from "@odoo/owl";
import { loadBundle } from "@web/core/assets";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { formatFloat, formatInteger } from "@web/views/fields/formatters";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { pageColors } from "../colors";
import { says } from "../errors";

const ACCESS_ERROR = "odoo.exceptions.AccessError";
// Told apart by dashes and signs, too, and readable on a light and on a dark page.
const SHARE_COLOR = "#0f9488";
const LATENCY_COLOR = "#d9480f";
const UNITS = [
    { from: 120000, ms: 60000, label: _t("95 % within (min)") },
    { from: 1000, ms: 1000, label: _t("95 % within (s)") },
    { from: 0, ms: 1, label: _t("95 % within (ms)") },
];

/** How tries of a system or endpoint went over time: two lines, and the same as a table. */
export class HealthLines extends Component {
    static template = "integration_monitor.HealthLines";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.root = useRef("root");
        this.canvas = useRef("canvas");
        this.latest = new KeepLast();
        this.state = useState({ data: null, span: "", error: "", refused: false });
        onWillStart(() => loadBundle("web.chartjs_lib"));
        onMounted(() => this.read(this.props.record));
        onWillUpdateProps(({ record }) => {
            if (record.resId !== this.shown) {
                this.read(record);
            }
        });
        useEffect(
            () => {
                const chart = this.draw();
                return () => chart?.destroy();
            },
            () => [this.state.data, this.state.span, this.canvas.el]
        );
    }

    async read(record) {
        this.shown = record.resId;
        Object.assign(this.state, { data: null, error: "", refused: false });
        if (!record.resId) {
            this.state.data = { spans: [] };
            return;
        }
        const call = this.orm.silent.call(record.resModel, "get_health_lines", [[record.resId]]);
        try {
            const data = await this.latest.add(call);
            this.state.span = data.spans.find(({ points }) => this.tried(points))?.name || "";
            this.state.data = data;
        } catch (error) {
            this.state.refused = error.exceptionName === ACCESS_ERROR;
            this.state.error = says(error);
        }
    }

    tried(points) {
        return points.reduce((sum, point) => sum + point.tries, 0);
    }

    get span() {
        return this.state.data?.spans.find(({ name }) => name === this.state.span);
    }

    /** Points with anything to tell: those of the table. */
    get rows() {
        return this.span.points.filter((point) => point.tries);
    }

    integer(value) {
        return formatInteger(value);
    }

    share(value) {
        return value === null ? "" : `${formatFloat(value, { digits: [16, 2], trailingZeros: false })} %`;
    }

    /** What a screen reader says of the chart. */
    get spoken() {
        const rows = this.rows;
        const worst = rows.reduce((one, other) => (other.share < one.share ? other : one), rows[0]);
        return _t("%(span)s: %(tries)s tries; least went well at %(label)s: %(share)s. The table below has all of it.", {
            span: this.span.label,
            tries: this.integer(this.tried(rows)),
            label: worst.label,
            share: this.share(worst.share),
        });
    }

    draw() {
        if (!this.span || !this.canvas.el) {
            return null;
        }
        const { points } = this.span;
        const { text, grid } = pageColors(this.root.el);
        const most = Math.max(0, ...points.map((point) => point.latency || 0));
        const { ms, label } = UNITS.find(({ from }) => most >= from);
        const within = String(label);
        const { objective } = this.state.data;
        const axis = (title, position, more = {}) => ({
            position,
            beginAtZero: false,
            title: { display: true, text: title, color: text },
            ticks: { color: text, maxTicksLimit: 6 },
            grid: { color: grid },
            border: { color: grid },
            ...more,
        });
        return new Chart(this.canvas.el, {
            type: "line",
            data: {
                labels: points.map((point) => point.label),
                datasets: [
                    {
                        label: _t("Went well (%)"),
                        data: points.map((point) => point.share),
                        yAxisID: "share",
                        borderColor: SHARE_COLOR,
                        backgroundColor: SHARE_COLOR,
                        pointStyle: "circle",
                    },
                    {
                        label: within,
                        data: points.map((point) => (point.latency === null ? null : point.latency / ms)),
                        yAxisID: "latency",
                        borderColor: LATENCY_COLOR,
                        backgroundColor: LATENCY_COLOR,
                        borderDash: [6, 4],
                        pointStyle: "triangle",
                    },
                    {
                        label: _t("Objective (%)"),
                        data: points.map(() => objective),
                        yAxisID: "share",
                        borderColor: text,
                        borderDash: [2, 3],
                        borderWidth: 1,
                        pointRadius: 0,
                        pointStyle: "line",
                    },
                ],
            },
            options: {
                animation: false,
                maintainAspectRatio: false,
                interaction: { mode: "index", intersect: false },
                plugins: {
                    legend: { position: "bottom", labels: { color: text, usePointStyle: true, boxHeight: 7 } },
                    tooltip: {
                        callbacks: {
                            footer: ([{ dataIndex }]) => _t("Tries: %s", this.integer(points[dataIndex].tries)),
                        },
                    },
                },
                scales: {
                    x: {
                        ticks: { color: text, maxRotation: 0, autoSkipPadding: 12 },
                        grid: { display: false },
                        border: { color: grid },
                    },
                    // Where nothing failed the objective is seen below the line, not at the bottom.
                    share: axis(_t("Went well (%)"), "left", { max: 100, suggestedMin: 2 * objective - 100 }),
                    latency: axis(within, "right", { beginAtZero: true, grid: { display: false } }),
                },
            },
        });
    }
}

registry.category("view_widgets").add("integration_health_lines", { component: HealthLines });
