import { useEffect } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { badgeField, BadgeField } from "@web/views/fields/badge/badge_field";

const EVERY_MS = 700;
const TRIES = 40;

/**
 * How the last test event of an endpoint fared. While it is on its way the form looks again by itself, for half a minute;
 * what the user is typing is never thrown away for it.
 */
export class TestStateField extends BadgeField {
    static template = BadgeField.template;

    setup() {
        super.setup();
        this.tries = 0;
        useEffect(
            (value) => {
                if (value !== "waiting") {
                    this.tries = 0;
                    return;
                }
                const timer = browser.setInterval(() => this.look(timer), EVERY_MS);
                return () => browser.clearInterval(timer);
            },
            () => [this.props.record.data[this.props.name]]
        );
    }

    async look(timer) {
        this.tries += 1;
        if (this.tries > TRIES) {
            browser.clearInterval(timer);
        } else if (!(await this.props.record.isDirty())) {
            await this.props.record.load();
        }
    }
}

export const testStateField = { ...badgeField, component: TestStateField };

registry.category("fields").add("integration_test_state", testStateField);
