import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useAutofocus, useService } from "@web/core/utils/hooks";
import { HistoryDialog } from "./history_dialog";

const MODEL = "integration.crosswalk";
const IDENTIFIER = "integration.identifier";

/** One cell: the codes in it with all that is known of them, and the form that proposes one for a gap. */
export class CellPopover extends Component {
    static template = "integration_mapping.CellPopover";
    static props = {
        row: Object,
        system: Object,
        waiting: Array,
        codes: Array,
        gap: Boolean,
        mayEdit: Boolean,
        changed: Function,
        close: Function,
    };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.dialog = useService("dialog");
        this.notification = useService("notification");
        this.state = useState({
            adding: !this.props.codes.length && this.props.mayEdit,
            code: null,
            error: "",
            busy: false,
            values: { code: "", valid_from: "", valid_to: "", note: "" },
        });
        useAutofocus({ refName: "code", mobile: true });
        onWillStart(() => this.show(this.props.codes[0]));
    }

    get hint() {
        return this.props.system.mode === "live"
            ? _t("A live system: another steward approves it.")
            : _t("A test system: it takes effect at once.");
    }

    async show(code) {
        if (code) {
            this.state.code = await this.orm.silent.call(MODEL, "get_code", [code.id]);
        }
    }

    /** Returns the waiting code that is typed or chosen, which says in which code system it is. */
    get chosen() {
        return this.props.waiting.find((one) => one.code === this.state.values.code);
    }

    waitingLabel(one) {
        const lines = one.lines === 1 ? _t("1 line") : _t("%s lines", one.lines);
        return [one.display, one.lines ? lines : "", one.money].filter(Boolean).join(" · ");
    }

    onKeydown(event) {
        if (event.key === "Enter" && event.target.tagName === "INPUT") {
            event.preventDefault();
            this.propose();
        }
    }

    async propose() {
        const { code, ...more } = this.state.values;
        // What a system waits for is taken byte for byte; what a person types is not meant to end in a space.
        const exact = this.chosen ? code : code.trim();
        if (!exact) {
            this.state.error = _t("Type the code that %s uses.", this.props.system.name);
            return;
        }
        const asked = { ...more, code_system: this.chosen?.code_system };
        const ids = [this.props.row.id, this.props.system.id];
        await this.tried(async () => {
            const told = await this.orm.silent.call(MODEL, "propose", [...ids, exact, asked]);
            this.notification.add(told.message, { type: told.type });
            this.props.close();
        });
    }

    /** Carries out a deed; a refusal is told in place, where it can be mended. */
    async tried(deed) {
        this.state.busy = true;
        this.state.error = "";
        try {
            await deed();
        } catch (error) {
            this.state.error = error.data?.message || error.message || _t("Odoo did not answer.");
            this.state.busy = false;
            return;
        }
        this.state.busy = false;
        await this.props.changed();
    }

    press(method, message) {
        return this.tried(async () => {
            await this.orm.silent.call(IDENTIFIER, method, [[this.state.code.id]]);
            this.notification.add(message, { type: "success" });
            this.props.close();
        });
    }

    approve() {
        return this.press("action_approve", _t("Approved. What waited goes on by itself."));
    }

    submit() {
        return this.press("action_submit", _t("Submitted."));
    }

    withdraw() {
        return this.press("action_withdraw", _t("Withdrawn: it is a draft again."));
    }

    async ask(method) {
        const action = await this.orm.call(IDENTIFIER, method, [[this.state.code.id]]);
        // Buttons of forms are given the views by the controller; what a method answers has none.
        this.leaveFor({ views: [[false, "form"]], ...action }, { onClose: this.props.changed });
    }

    /** Opens something else instead of the card; first opened, then closed: a card that is gone opens nothing. */
    leaveFor(action, options) {
        this.action.doAction(action, options);
        this.props.close();
    }

    reject() {
        const id = this.state.code.id;
        this.leaveFor("integration_core.action_reject", {
            additionalContext: { active_model: IDENTIFIER, active_id: id, active_ids: [id] },
            onClose: this.props.changed,
        });
    }

    history() {
        const { row, system, close } = this.props;
        this.dialog.add(HistoryDialog, { row, system });
        close();
    }

    openForm() {
        this.leaveFor({
            type: "ir.actions.act_window",
            res_model: IDENTIFIER,
            res_id: this.state.code.id,
            views: [[false, "form"]],
        });
    }
}
