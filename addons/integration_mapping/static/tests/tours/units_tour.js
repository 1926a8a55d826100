import { registry } from "@web/core/registry";

const menu = (section, entry) => [
    { content: `Open ${section}`, trigger: `.o_menu_sections button:contains(${section})`, run: "click" },
    { content: `Open ${entry}`, trigger: `.o-dropdown--menu .o-dropdown-item:contains(${entry})`, run: "click" },
];

const choose = (field, text) => [
    { content: `Look for ${text}`, trigger: `.o_field_widget[name=${field}] input`, run: `edit ${text}` },
    { content: `Choose ${text}`, trigger: `.o-autocomplete--dropdown-item:contains(${text})`, run: "click" },
];

registry.category("web_tour.tours").add("integration_map_unit", {
    steps: () => [
        ...menu("Mappings", "Codes to map"),
        { content: "Map it", trigger: ".o_data_row:contains(BX12) button[name=action_map]", run: "click" },
        { content: "It asks for a unit", trigger: ".modal .o_field_widget[name=kind]:contains(Unit)" },
        ...choose("uom_id", "Units"),
        { content: "Say how many", trigger: ".modal .o_field_widget[name=factor] input", run: "edit 12" },
        { content: "Another approves it", trigger: ".modal .alert:contains(another steward)" },
        { content: "Propose it", trigger: ".modal button[name=action_confirm]", run: "click" },
        { content: "It waits for another", trigger: ".o_data_row:contains(BX12):contains(Another steward approves)" },
    ],
});

registry.category("web_tour.tours").add("integration_unit_content", {
    steps: () => [
        ...menu("Mappings", "Unit contents"),
        { content: "Say what a box holds", trigger: ".o_list_button_add", run: "click" },
        ...choose("unit_id", "Tour box"),
        ...choose("product_id", "Tour gloves"),
        { content: "Say how many", trigger: ".o_field_widget[name=factor] input", run: "edit 100" },
        { content: "In the product's unit", trigger: ".o_field_widget[name=uom_id] input:value(Units)" },
        { content: "Save", trigger: ".o_form_button_save", run: "click" },
        { content: "It reads as a sentence", trigger: "h1:contains(1 Tour box of Tour gloves = 100 Units)" },
        { content: "Submit", trigger: "button[name=action_submit]", run: "click" },
        { content: "It waits for another", trigger: ".alert:contains(approval of another steward)" },
    ],
});
