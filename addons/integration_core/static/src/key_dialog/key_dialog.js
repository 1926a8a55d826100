import { Component } from "@odoo/owl";
import { CopyButton } from "@web/core/copy_button/copy_button";
import { Dialog } from "@web/core/dialog/dialog";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";

/**
 * Shows the text of a new key, this once. The text lives in this dialog alone: it is no part of an action that the
 * web client remembers, and it never travels back to the server.
 */
export class KeyDialog extends Component {
    static template = "integration_core.KeyDialog";
    static components = { CopyButton, Dialog };
    static props = {
        close: Function,
        name: String,
        secret: String,
        waiting: { type: Boolean, optional: true },
        isPublic: { type: Boolean, optional: true },
        isToken: { type: Boolean, optional: true },
    };

    setup() {
        this.title = this.props.isPublic ? _t("The public key") : _t("Copy this key now");
        if (this.props.isToken) {
            this.title = _t("Copy this token now");
        }
        this.copyText = _t("Copy");
        this.copiedText = _t("Copied");
    }
}

/**
 * Client action `integration_core.show_key`: opens the dialog and lets the form behind it reload.
 *
 * @param {Object} env
 * @param {{params: {name: string, secret: string, waiting: boolean, public: boolean, token: boolean}}} action
 * @returns {Object} the action that follows
 */
function showKey(env, action) {
    env.services.dialog.add(KeyDialog, {
        name: action.params.name,
        secret: action.params.secret,
        waiting: Boolean(action.params.waiting),
        isPublic: Boolean(action.params.public),
        isToken: Boolean(action.params.token),
    });
    return { type: "ir.actions.act_window_close" };
}

registry.category("actions").add("integration_core.show_key", showKey);
