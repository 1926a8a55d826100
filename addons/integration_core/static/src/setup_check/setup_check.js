import { Component, onWillStart, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

const ICONS = { success: "fa-check-circle", warning: "fa-exclamation-triangle", danger: "fa-times-circle" };
// Told apart also by those who see no red or green.
const WORDS = { success: _t("Good"), warning: _t("Worth a look"), danger: _t("To mend") };

/** Every precondition of the integration: red, amber or green, what it means, since when, and its fix. */
export class SetupCheck extends Component {
    static template = "integration_core.SetupCheck";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ data: null, error: "", loading: true, at: "" });
        this.display = { controlPanel: {} };
        this.icons = ICONS;
        this.words = WORDS;
        onWillStart(() => this.refresh());
    }

    async refresh() {
        this.state.loading = true;
        try {
            this.state.data = await this.orm.silent.call("integration.setup.check", "get_data", []);
            this.state.error = "";
            this.state.at = luxon.DateTime.now().toLocaleString(luxon.DateTime.TIME_WITH_SECONDS);
        } catch (error) {
            this.state.error = error.data?.message || error.message || _t("Odoo did not answer.");
        } finally {
            this.state.loading = false;
        }
    }

    open(action) {
        return this.action.doAction(action, { onClose: () => this.refresh() });
    }
}

registry.category("actions").add("integration_core.setup_check", SetupCheck);
