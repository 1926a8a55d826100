import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { deserializeDateTime, formatDateTime } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { hasEnded, says } from "../errors";
import { EquationCell, number } from "../overview/overview";

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
        this.number = number;
        this.state = useState({ data: null, error: "", loading: false, busy: false });
        this.month = kept.month || (context.service_month || "").slice(0, 7);
        this.company = kept.company || context.month_company || false;
        // Whoever looks at a figure and comes back finds the month that they were about to sign.
        useSetupAction({ getLocalState: () => ({ month: this.month, company: this.company }) });
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
            // Not in a "finally": an answer that a later choice has overtaken never comes, and the later one is awaited.
            this.state.loading = false;
        } catch (error) {
            this.state.loading = false;
            this.state.error = says(error);
        }
    }

    /** What is on the screen, and nothing else, is signed and downloaded: not what was chosen and has not come yet. */
    get shown() {
        return [this.state.data.month, this.state.data.company];
    }

    /** Whether the figures on the screen are those of what is chosen, and nothing is being done with them. */
    get current() {
        return !this.state.loading && !this.state.error && !this.state.busy;
    }

    /** Does one thing at a time: a button that is pressed twice is pressed once. */
    async once(deed) {
        if (this.state.busy) {
            return;
        }
        this.state.busy = true;
        try {
            await deed();
        } finally {
            this.state.busy = false;
        }
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

    /** Signs off what was read: where figures changed since, Odoo refuses, and they are read anew. */
    sign() {
        return this.once(async () => {
            let asked;
            try {
                const read = [...this.shown, this.state.data.seen];
                asked = await this.orm.call("integration.month.end", "action_sign", read);
            } catch (error) {
                if (!hasEnded(error)) {
                    this.refresh();
                }
                throw error;
            }
            if (asked !== true) {
                await this.action.doAction(asked, { onClose: () => this.refresh() });
                return;
            }
            // Not awaited: where another month is chosen meanwhile, these figures never come.
            this.refresh();
        });
    }

    download() {
        return this.once(async () => {
            const action = await this.orm.call("integration.month.end", "action_export", this.shown);
            await this.action.doAction(action);
        });
    }

    /** Who signed the month off, and when. */
    get signed() {
        const { by, at } = this.state.data.signoff;
        return _t("Signed off by %(by)s, %(at)s.", { by, at: formatDateTime(deserializeDateTime(at)) });
    }

    icon(level) {
        return {
            success: "fa-check-circle",
            info: "fa-info-circle",
            warning: "fa-exclamation-triangle",
            danger: "fa-times-circle",
        }[level];
    }
}

registry.category("actions").add("integration_monitor.month_end", MonthEnd);
