import { Component } from "@odoo/owl";
import { Dialog } from "@web/core/dialog/dialog";
import { registry } from "@web/core/registry";

/** Shows the content of one event to somebody who is cleared for it and said why. Nothing of it is kept in the page. */
export class PayloadDialog extends Component {
    static template = "integration_core.PayloadDialog";
    static components = { Dialog };
    static props = { close: Function, name: String, text: String, masked: Number };
}

/**
 * Client action `integration_core.show_payload`.
 *
 * @param {Object} env
 * @param {{params: {name: string, text: string, masked: number}}} action
 * @returns {Object} the action that follows: closes the wizard that asked for the reason
 */
function showPayload(env, action) {
    env.services.dialog.add(PayloadDialog, {
        name: action.params.name,
        text: action.params.text,
        masked: action.params.masked || 0,
    });
    return { type: "ir.actions.act_window_close" };
}

registry.category("actions").add("integration_core.show_payload", showPayload);
