import { registry } from "@web/core/registry";

const ROOT = "integration_core.menu_root";

function leaves(menus, menu) {
    const below = menus.getMenuAsTree(menu.id).childrenTree;
    return below.length ? below.flatMap((one) => leaves(menus, one)) : [menu];
}

function check(what, opened) {
    const error = document.querySelector(".o_error_dialog");
    if (error || !opened) {
        throw new Error(`${what} did not open: ${error?.textContent}`);
    }
}

/** Shows what a menu has opened as each other view that it has, such as a chart. */
async function switchViews(what, action) {
    const buttons = document.querySelectorAll(".o_cp_switch_buttons .o_switch_view:not(.active)");
    const types = [...buttons].map((one) => one.className.match(/ o_(?!switch)([a-z]+)/)[1]);
    for (const type of types) {
        await action.switchView(type);
        check(`${what} as ${type}`, action.currentController.view.type === type);
    }
    return types.length;
}

async function openEach() {
    const { menu: menus, action } = odoo.__WOWL_DEBUG__.root.env.services;
    const app = menus.getApps().find((one) => one.xmlid === ROOT);
    const all = leaves(menus, app);
    let views = 0;
    for (const menu of all) {
        await menus.selectMenu(menu); // until it is on the screen with what it reads first
        const shown = action.currentController?.action.id;
        check(menu.xmlid, shown === menu.actionID || document.querySelector(".modal.o_technical_modal"));
        views += await switchViews(menu.xmlid, action);
        await action.doAction({ type: "ir.actions.act_window_close" });
    }
    console.log(`Opened ${all.length} menus and ${views} more views`);
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
