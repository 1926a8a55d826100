import { registry } from "@web/core/registry";

const menu = (section, entry) => [
    { content: `Open ${section}`, trigger: `.o_menu_sections button:contains(${section})`, run: "click" },
    { content: `Open ${entry}`, trigger: `.o-dropdown--menu .o-dropdown-item:contains(${entry})`, run: "click" },
];

registry.category("web_tour.tours").add("integration_register_system", {
    steps: () => [
        ...menu("Configuration", "Systems"),
        { content: "Register a system", trigger: ".o_list_button_add", run: "click" },
        { content: "Name it", trigger: ".o_field_widget[name=name] :is(input,textarea)", run: "edit Heart center" },
        { content: "Give it a code", trigger: ".o_field_widget[name=code] input", run: "edit heart" },
        { content: "Say what it may send", trigger: ".o_field_x2many_list_row_add a", run: "click" },
        {
            content: "Finalized services",
            trigger: ".modal .o_data_row:has(td:contains(clinical.service.finalized.v1)) .o_list_record_selector input",
            run: "click",
        },
        { content: "Take it", trigger: ".modal .o_select_button:enabled", run: "click" },
        {
            content: "It is in the list",
            trigger: ".o_field_widget[name=event_type_ids] td:contains(clinical.service.finalized.v1)",
        },
        { content: "Save", trigger: ".o_form_button_save", run: "click" },
        { content: "Its address is there to copy", trigger: ".o_field_widget[name=inbound_url]:contains(/inbound/heart)" },
        { content: "Activate it", trigger: "button[name=action_activate]", run: "click" },
        { content: "It is active", trigger: ".o_arrow_button_current:contains(Active)" },
        { content: "Ask for a key", trigger: ".o_form_view button:contains(Create key)", run: "click" },
        { content: "Create it", trigger: ".modal button[name=action_create]", run: "click" },
        { content: "It is shown", trigger: ".o_integration_key_text:contains(whsec_)" },
        { content: "Store it", trigger: ".o_integration_key_close", run: "click" },
        { content: "It is not shown any more", trigger: "body:not(:has(.o_integration_key_text))" },
        { content: "Look at the keys", trigger: ".o_notebook_headers a:contains(Keys)", run: "click" },
        { content: "The key works", trigger: ".o_field_widget[name=credential_ids] .badge:contains(Active)" },
    ],
});

registry.category("web_tour.tours").add("integration_map_code", {
    steps: () => [
        ...menu("Mappings", "Codes to map"),
        { content: "A code waits", trigger: ".o_data_row:contains(ECHO-2):contains(Heart center)" },
        { content: "Map it", trigger: ".o_data_row:contains(ECHO-2) button[name=action_map]", run: "click" },
        { content: "The question is asked", trigger: ".modal .o_field_widget[name=codes]:contains(heart: ECHO-2)" },
        {
            content: "Look for the product",
            trigger: ".modal .o_field_widget[name=product_id] input",
            run: "edit Echocardiogram",
        },
        { content: "Choose it", trigger: ".o-autocomplete--dropdown-item:contains(Echocardiogram)", run: "click" },
        { content: "It takes effect at once", trigger: ".modal .alert:contains(test mode)" },
        { content: "Say so", trigger: ".modal button[name=action_confirm]", run: "click" },
        { content: "The code is off the list", trigger: ".o_list_view:not(:has(.o_data_row:contains(ECHO-2)))" },
        { content: "The form is closed", trigger: "body:not(:has(.modal))" },
        ...menu("Mappings", "Services"),
        { content: "The service knows its code", trigger: ".o_data_row:contains(Echocardiogram):contains(heart: ECHO-2)" },
    ],
});
