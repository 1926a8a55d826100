import { Component, onMounted, onPatched, useRef, useState } from "@odoo/owl";
import { router } from "@web/core/browser/router";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { says } from "../errors";

const MODEL = "integration.trace";
const ACCESS_ERROR = "odoo.exceptions.AccessError";
const ICONS = {
    problem: "fa-times-circle",
    waiting: "fa-clock-o",
    done: "fa-check-circle",
    note: "fa-info-circle",
    hidden: "fa-eye-slash",
    none: "fa-circle-thin",
};
const HEADLINE_ICONS = { danger: "fa-times-circle", warning: "fa-clock-o", success: "fa-check-circle" };

/** One business flow on one page: found by what people have at hand, told as a timeline, each step opens its record. */
export class Trace extends Component {
    static template = "integration_monitor.Trace";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.input = useRef("input");
        this.timeline = useRef("timeline");
        this.latest = new KeepLast();
        this.display = { controlPanel: {} };
        this.icons = ICONS;
        this.headlineIcons = HEADLINE_ICONS;
        this.state = useState({ text: "", found: null, flow: null, loading: false, error: "", refused: false });
        this.key = this.startKey();
        this.text = this.props.state?.text || "";
        this.again = null;
        this.mayScroll = false;
        useSetupAction({ getLocalState: () => ({ flow: this.key, text: this.text }) });
        onMounted(() => {
            if (this.key) {
                this.open(this.key);
            } else if (this.text) {
                this.search(this.text);
            } else {
                this.input.el?.focus();
            }
        });
        onPatched(() => this.showFocus());
    }

    /** What to begin with: where one comes back to, the record whose button was pressed, or the address. */
    startKey() {
        const { context = {}, params = {} } = this.props.action;
        if (this.props.state) {
            return this.props.state.flow || "";
        }
        const record = context.active_model && context.active_id ? `${context.active_model}-${context.active_id}` : "";
        return params.flow || record || router.current.flow || "";
    }

    get examples() {
        return [
            _t("the number of an encounter, alone or with a line: E-1001 / 2"),
            _t("the number of an invoice or a payment: INV/2026/00001"),
            _t("the name, number or code of a supplier or payer"),
            _t("the id of a message (webhook-id), of an event or of a request"),
        ];
    }

    async ask(method, argument) {
        this.state.loading = true;
        this.state.error = "";
        this.again = () => this.ask(method, argument);
        try {
            const answer = await this.latest.add(this.orm.silent.call(MODEL, method, [argument]));
            this.state.loading = false;
            return answer;
        } catch (error) {
            this.state.loading = false;
            this.state.refused = error.exceptionName === ACCESS_ERROR;
            this.state.error = says(error);
            return null;
        }
    }

    onSubmit(event) {
        event.preventDefault();
        return this.search(this.input.el.value);
    }

    async search(text) {
        this.text = text.trim();
        if (!this.text) {
            return this.clear();
        }
        const found = await this.ask("find", this.text);
        if (!found) {
            this.again = () => this.search(text);
            return;
        }
        this.state.text = found.text;
        if (found.matches.length === 1) {
            await this.open(found.matches[0].key);
            return;
        }
        this.setKey("");
        this.state.flow = null;
        this.state.found = found;
    }

    async open(key) {
        this.setKey(key);
        const flow = await this.ask("get_flow", key);
        if (!flow) {
            this.again = () => this.open(key);
            return;
        }
        this.state.found = null;
        this.state.flow = flow;
        this.mayScroll = true;
        if (flow.key) {
            this.setKey(flow.key);
        }
    }

    clear() {
        this.setKey("");
        this.text = "";
        Object.assign(this.state, { text: "", found: null, flow: null, error: "" });
        this.input.el.value = "";
        this.input.el.focus();
    }

    /** Keeps the flow in the address: what it names are encounters and records, nothing of a patient's. */
    setKey(key) {
        this.key = key;
        this.props.updateActionState?.({ flow: key || undefined });
    }

    isFocus(step) {
        const focus = this.state.flow.focus;
        return Boolean(focus && step.records.model === focus.model && step.records.ids.includes(focus.id));
    }

    /** Shows the step that one came from, once. */
    showFocus() {
        const step = this.mayScroll && this.timeline.el?.querySelector(".o_trace_focus");
        if (step) {
            this.mayScroll = false;
            step.scrollIntoView({ block: "center" });
        }
    }

    openStep(action) {
        return this.action.doAction(action);
    }

    /** Asks the guarded door for the content of a message; who is let in, and how much is shown, is decided there. */
    openContent(eventId) {
        return this.action.doAction("integration_core.action_open_payload", {
            additionalContext: { active_model: "integration.event", active_id: eventId, active_ids: [eventId] },
        });
    }

    levelWords(level) {
        return {
            problem: _t("needs somebody"),
            waiting: _t("waits"),
            done: _t("done"),
            note: _t("noted"),
            hidden: _t("not visible to you"),
            none: _t("nothing so far"),
        }[level];
    }

    timeText(step) {
        return step.at || _t("to come");
    }

    openLabel(step) {
        return _t("Open: %s", [step.title, step.names].filter(Boolean).join(" "));
    }

    attemptsText(step) {
        return step.attempts === 1 ? _t("1 attempt") : _t("%s attempts", step.attempts);
    }

    leftOutText(count) {
        return count === 1
            ? _t("1 earlier step that needs nobody is left out.")
            : _t("%s earlier steps that need nobody are left out.", count);
    }
}

registry.category("actions").add("integration_monitor.trace", Trace);
