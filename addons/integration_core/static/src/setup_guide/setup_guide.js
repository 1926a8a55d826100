import { Component, onWillStart, onWillUnmount, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { CopyButton } from "@web/core/copy_button/copy_button";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

const FIRST_EVENT = "integration_core.first_event";
// What the bus does not tell (a refusal, a charge that is made) shows after this long.
const LOOK_MS = 5000;

/** From an empty database to the first draft invoice of one system; each step's state is read from the records. */
export class SetupGuide extends Component {
    static template = "integration_core.SetupGuide";
    static components = { CopyButton, Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.busService = useService("bus_service");
        this.state = useState({ data: null, error: "", busy: false });
        this.display = { controlPanel: {} };
        this.copyText = _t("Copy");
        this.copiedText = _t("Copied");
        this.asked = this.remembered;
        const heard = () => this.refresh();
        onWillStart(async () => {
            await this.refresh();
            this.busService.subscribe(FIRST_EVENT, heard);
            this.timer = browser.setInterval(() => this.look(), LOOK_MS);
        });
        useSetupAction({ getLocalState: () => ({ system: this.asked }) });
        onWillUnmount(() => {
            this.busService.unsubscribe(FIRST_EVENT, heard);
            browser.clearInterval(this.timer);
        });
    }

    /** The system that was chosen here or whose form led here; null: the server chooses. */
    get remembered() {
        const { state, action } = this.props;
        return state?.system ?? (action.context?.active_model === "integration.system" ? action.context.active_id : null);
    }

    look() {
        if (document.visibilityState === "visible" && this.state.data?.next) {
            this.refresh();
        }
    }

    async refresh() {
        try {
            const data = await this.orm.silent.call("integration.setup.guide", "get_data", [this.asked]);
            this.state.data = data;
            this.state.error = "";
        } catch (error) {
            this.state.error = error.data?.message || error.message || _t("Odoo did not answer.");
        }
    }

    /** Goes on with the system of this id, as text; "0": with one that is still to be registered. */
    choose(system) {
        // Not in the template: Owl looks for Number among the component's own names there.
        this.asked = Number(system);
        return this.refresh();
    }

    open(action) {
        return this.action.doAction(action, { onClose: () => this.refresh() });
    }

    async press(button) {
        if (!button.call) {
            // A system that is registered from here is the newest one: the guide goes on with it.
            this.asked = this.asked || null;
            return this.open(button.action);
        }
        const [model, method, ids] = button.call;
        this.state.busy = true;
        try {
            await this.orm.call(model, method, [ids]);
        } finally {
            this.state.busy = false;
            await this.refresh();
        }
    }
}

registry.category("actions").add("integration_core.setup_guide", SetupGuide);
