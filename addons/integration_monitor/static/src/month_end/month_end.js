import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { deserializeDateTime, formatDateTime } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { EquationCell } from "../overview/overview";

/** What of a month is invoiced, what is not and why, what came late, and who signed it off. */
export class MonthEnd extends Component {
    static template = "integration_monitor.MonthEnd";
    static components = { EquationCell, Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.last = new KeepLast();
        const context = this.props.action.context || {};
        const kept = this.props.state || {};
        this.unpriced = _t("without a price");
        this.state = useState({ data: null, error: "", loading: false });
        this.month = kept.month || (context.service_month || "").slice(0, 7);
        this.company = kept.company || context.month_company || false;
        this.env.config.setDisplayName?.(_t("Month end"));
        onWillStart(() => this.refresh());
    }

    get display() {
        return { controlPanel: {} };
    }

    async refresh() {
        this.state.loading = true;
        try {
            const chosen = [this.month || null, this.company || null];
            const data = await this.last.add(this.orm.call("integration.month.end", "get_data", chosen));
            this.state.data = data;
            this.state.error = "";
            this.month = data.month;
            this.company = data.company;
        } catch (error) {
            this.state.error = error.data?.message || error.message || _t("Odoo did not answer.");
        }
        // Not in a "finally": an answer that a later choice has overtaken never comes, and the later one is still awaited.
        this.state.loading = false;
    }

    /** What is on the screen, and nothing else, is signed and downloaded: not what was chosen and has not come yet. */
    get shown() {
        return [this.state.data.month, this.state.data.company];
    }

    /** Whether the figures on the screen are those of what is chosen. */
    get current() {
        return !this.state.loading && !this.state.error;
    }

    setMonth(month) {
        if (month) {
            this.month = month;
            this.refresh();
        }
    }

    /** Goes some months on or back. */
    move(months) {
        const first = luxon.DateTime.fromFormat(this.state.data.month, "yyyy-MM");
        this.setMonth(first.plus({ months }).toFormat("yyyy-MM"));
    }

    setCompany(company) {
        this.company = Number(company);
        return this.refresh();
    }

    open(action) {
        return this.action.doAction(action);
    }

    async sign() {
        const asked = await this.orm.call("integration.month.end", "action_sign", this.shown);
        if (asked === true) {
            return this.refresh();
        }
        return this.action.doAction(asked, { onClose: () => this.refresh() });
    }

    async download() {
        const action = await this.orm.call("integration.month.end", "action_export", this.shown);
        return this.action.doAction(action);
    }

    icon(level) {
        return {
            success: "fa-check-circle",
            info: "fa-info-circle",
            warning: "fa-exclamation-triangle",
            danger: "fa-times-circle",
        }[level];
    }

    when(text) {
        return formatDateTime(deserializeDateTime(text));
    }
}

registry.category("actions").add("integration_monitor.month_end", MonthEnd);
