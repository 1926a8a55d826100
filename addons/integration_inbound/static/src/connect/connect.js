import { Component, onMounted, onWillStart, onWillUnmount, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { CopyButton } from "@web/core/copy_button/copy_button";
import { _t } from "@web/core/l10n/translation";
import { downloadFile } from "@web/core/network/download";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

const FOLLOW_MS = 1500;
const FOLLOW_TIMES = 40;
const MODEL = "integration.connect";

/** A text to copy, with a button for it. */
export class Copyable extends Component {
    static template = "integration_inbound.Copyable";
    static components = { CopyButton };
    static props = { text: String, block: { type: Boolean, optional: true }, name: { type: String, optional: true } };

    setup() {
        this.copy = _t("Copy");
        this.copied = _t("Copied");
    }
}

/** How a system is connected: what the other side needs, what it sends, and why it is not accepted. */
export class Connect extends Component {
    static template = "integration_inbound.Connect";
    static components = { Copyable, CopyButton, Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        const context = this.props.action.context || {};
        this.systemId = this.props.action.params?.system_id || context.active_id || this.props.state?.active_id;
        this.state = useState({
            data: null,
            error: "",
            busy: "",
            tab: "connect",
            typeName: "",
            requests: [],
            requestsAt: "",
            check: { headers: "", body: "", form: "text", result: null, error: "" },
            test: { result: null, followed: null, error: "" },
            find: { text: "", found: null, error: "" },
        });
        this.tabs = [
            { key: "connect", label: _t("Connect"), icon: "fa-plug" },
            { key: "requests", label: _t("Last requests"), icon: "fa-list" },
            { key: "check", label: _t("Check a signature"), icon: "fa-stethoscope" },
            { key: "test", label: _t("Send test event"), icon: "fa-paper-plane-o" },
            { key: "find", label: _t("Find a message"), icon: "fa-search" },
            { key: "channel", label: _t("Mirth / Open Integration Engine"), icon: "fa-download" },
        ];
        this.forms = [
            { key: "text", label: _t("Text") },
            { key: "hex", label: _t("Hexadecimal") },
            { key: "base64", label: _t("Base64") },
        ];
        this.gone = false;
        onWillStart(() => this.load());
        onMounted(() => this.refreshRequests());
        onWillUnmount(() => {
            this.gone = true;
            browser.clearTimeout(this.timer);
        });
    }

    /** The tabs of this system: the channel signs as Standard Webhooks, and is for no other profile. */
    get shownTabs() {
        return this.tabs.filter((tab) => tab.key !== "channel" || !this.state.data.profile);
    }

    get display() {
        return { controlPanel: {} };
    }

    get chosen() {
        return this.state.data.types.find((type) => type.name === this.state.typeName);
    }

    stateColor(state) {
        return { ok: "text-success", failed: "text-danger", warning: "text-warning", skipped: "text-muted" }[state];
    }

    stateIcon(state) {
        return {
            ok: "fa-check-circle",
            failed: "fa-times-circle",
            warning: "fa-exclamation-triangle",
            skipped: "fa-minus-circle",
        }[state];
    }

    stateWord(state) {
        return { ok: _t("right"), failed: _t("wrong"), warning: _t("look"), skipped: _t("not judged") }[state];
    }

    outcomeColor(kind) {
        return (
            {
                accepted: "text-bg-success",
                applied: "text-bg-success",
                duplicate: "text-bg-secondary",
                waiting: "text-bg-info",
                parked: "text-bg-warning",
            }[kind] || "text-bg-danger"
        );
    }

    /** Asks Odoo; a refusal is told in words beside the button that was pressed, as `place.error`. */
    async ask(place, busy, method, ...words) {
        place.error = "";
        this.state.busy = busy;
        try {
            return await this.orm.silent.call(MODEL, method, [this.systemId, ...words]);
        } catch (error) {
            place.error = error.data?.message || error.message || _t("Odoo did not answer.");
            return undefined;
        } finally {
            this.state.busy = "";
        }
    }

    async load() {
        if (!this.systemId) {
            this.state.error = _t("Open this page from the form of a system.");
            return;
        }
        const data = await this.ask(this.state, "load", "get_data");
        if (data) {
            this.state.data = data;
            this.state.typeName = data.types[0]?.name || "";
            this.env.config.setDisplayName?.(_t("Connect %s", data.name));
        }
    }

    async refreshRequests() {
        if (!this.state.data) {
            return;
        }
        const requests = await this.ask(this.state, "requests", "get_requests");
        if (requests) {
            this.state.requests = requests;
            this.state.requestsAt = luxon.DateTime.now().toLocaleString(luxon.DateTime.TIME_WITH_SECONDS);
        }
    }

    show(tab) {
        this.state.tab = tab;
        if (tab === "requests") {
            this.refreshRequests();
        }
    }

    open(action) {
        if (action) {
            this.action.doAction(action);
        }
    }

    async openRequest(request) {
        this.open(await this.ask(this.state, "requests", "open_request", request.id));
    }

    openAllRequests() {
        this.action.doAction("integration_inbound.action_request_of_system", {
            additionalContext: { active_id: this.systemId, active_ids: [this.systemId] },
        });
    }

    async checkSignature() {
        const { check } = this.state;
        check.result = (await this.ask(check, "check", "check_signature", check.headers, check.body, check.form)) || null;
    }

    clearCheck() {
        Object.assign(this.state.check, { headers: "", body: "", result: null, error: "" });
    }

    async sendTest() {
        const { test } = this.state;
        browser.clearTimeout(this.timer);
        test.followed = null;
        test.result = (await this.ask(test, "test", "send_test", this.state.typeName)) || null;
        if (test.result?.accepted) {
            this.follow(test.result.message_id, FOLLOW_TIMES);
        }
    }

    /** Asks again and again what became of the test event, as its sender could. */
    async follow(messageId, times) {
        const { test } = this.state;
        const followed = await this.ask(test, "", "follow", messageId);
        if (this.gone || test.result?.message_id !== messageId) {
            return;
        }
        test.followed = followed ? { ...followed, tired: times <= 0 } : test.followed;
        if (followed && !followed.done && times > 0) {
            this.timer = browser.setTimeout(() => this.follow(messageId, times - 1), FOLLOW_MS);
        }
    }

    followAgain() {
        this.follow(this.state.test.result.message_id, FOLLOW_TIMES);
    }

    async findMessage() {
        const { find } = this.state;
        find.found = (await this.ask(find, "find", "find", find.text)) || null;
    }

    /** Looks up what another part of the page names. */
    look(text) {
        this.state.find.text = text;
        this.state.tab = "find";
        return this.findMessage();
    }

    async downloadChannel() {
        const file = await this.ask(this.state, "channel", "get_channel");
        if (file) {
            downloadFile(file.content, file.name, "application/xml");
        }
    }
}

registry.category("actions").add("integration_inbound.connect", Connect);
