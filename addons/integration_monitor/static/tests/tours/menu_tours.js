import { registry } from "@web/core/registry";

const ROOT = "integration_core.menu_root";

function leaves(menus, menu) {
    const below = menus.getMenuAsTree(menu.id).childrenTree;
    return below.length ? below.flatMap((one) => leaves(menus, one)) : [menu];
}

async function openEach() {
    const { menu: menus, action } = odoo.__WOWL_DEBUG__.root.env.services;
    const app = menus.getApps().find((one) => one.xmlid === ROOT);
    for (const menu of leaves(menus, app)) {
        console.log(`Opening ${menu.xmlid}`);
        await menus.selectMenu(menu); // until it is on the screen with what it reads first
        const shown = action.currentController?.action.id;
        const opened = shown === menu.actionID || document.querySelector(".modal.o_technical_modal");
        if (!opened || document.querySelector(".o_error_dialog")) {
            const text = document.querySelector(".o_error_dialog")?.textContent;
            throw new Error(`${menu.xmlid} did not open: ${text || `action ${shown}`}`);
        }
        await action.doAction({ type: "ir.actions.act_window_close" });
    }
}

registry.category("web_tour.tours").add("integration_every_menu", {
    timeout: 120000,
    steps: () => [
        {
            content: "Every menu opens",
            trigger: ".o_main_navbar .o_menu_brand:contains(Integration)",
            run: openEach,
        },
        {
            trigger: "body:not(:has(.o_error_dialog))",
        },
    ],
});
