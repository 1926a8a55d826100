import { registry } from "@web/core/registry";

/**
 * Client action `integration_monitor.home`: what the app opens with is the server's to say.
 *
 * @param {Object} env
 * @returns {Promise<Object>} the action that follows
 */
function home(env) {
    return env.services.orm.call("integration.overview", "get_home", []);
}

registry.category("actions").add("integration_monitor.home", home);
