import { Component, onWillStart, useState } from "@odoo/owl";
import { Dialog } from "@web/core/dialog/dialog";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";

/** What became of every code of one cell: who, when, what, and why. */
export class HistoryDialog extends Component {
    static template = "integration_mapping.HistoryDialog";
    static components = { Dialog };
    static props = { row: Object, system: Object, close: Function };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ history: null });
        onWillStart(async () => {
            const ids = [this.props.row.id, this.props.system.id];
            this.state.history = await this.orm.call("integration.crosswalk", "get_history", ids);
        });
    }

    /** Whether one of the codes was ended, for a reason that not everybody reads. */
    get isEnded() {
        return this.state.history.codes.some((code) => code.state === "retired" || code.state === "revoked");
    }

    get title() {
        return _t("%(name)s in %(system)s", { name: this.props.row.name, system: this.props.system.name });
    }
}
