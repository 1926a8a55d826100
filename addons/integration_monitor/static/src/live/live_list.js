import { onMounted, onWillUnmount } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";
import { useLive } from "./live";

// Before the server takes it that nobody looks any more.
const WATCH_MS = 90000;

/** A list that is read anew when something has changed, unless somebody is at work in it. */
export class LiveListController extends ListController {
    setup() {
        super.setup();
        const orm = useService("orm");
        const watch = () => document.visibilityState === "visible" && orm.silent.call("integration.live", "watch", []);
        let timer;
        useLive(
            () => this.readAnew(),
            () => {}
        );
        onMounted(() => {
            watch();
            timer = browser.setInterval(watch, WATCH_MS);
        });
        onWillUnmount(() => browser.clearInterval(timer));
    }

    async readAnew() {
        const root = this.model.root;
        if (!root.selection.length && !root.editedRecord) {
            await this.model.load();
        }
    }
}

registry.category("views").add("integration_live_list", { ...listView, Controller: LiveListController });
