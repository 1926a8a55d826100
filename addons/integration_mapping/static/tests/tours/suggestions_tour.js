import { registry } from "@web/core/registry";

const menu = (section, entry) => [
    { content: `Open ${section}`, trigger: `.o_menu_sections button:contains(${section})`, run: "click" },
    { content: `Open ${entry}`, trigger: `.o-dropdown--menu .o-dropdown-item:contains(${entry})`, run: "click" },
];

registry.category("web_tour.tours").add("integration_mapping_suggestions", {
    steps: () => [
        ...menu("Mappings", "Codes to map"),
        { content: "Map the code", trigger: ".o_data_row:contains(GLU-7) button[name=action_map]", run: "click" },
        {
            content: "The suggestion says what speaks for it",
            trigger: ".modal .o_field_widget[name=suggestion_ids] .o_data_row:contains(Glucose):contains(sender)",
        },
        {
            content: "Nothing is chosen by it",
            trigger: ".modal .o_field_widget[name=product_id] input:not(:contains(Glucose))",
        },
        {
            content: "Choose it",
            trigger: ".modal .o_data_row:contains(Glucose) button[name=action_choose]",
            run: "click",
        },
        {
            content: "It is filled in",
            trigger: ".modal .o_field_widget[name=product_id] input:value(Glucose in plasma)",
        },
        { content: "Confirm", trigger: ".modal button[name=action_confirm]", run: "click" },
        { content: "It waits for another steward", trigger: ".o_data_row:contains(GLU-7):contains(Another steward)" },
        { content: "Look at the other code", trigger: ".o_data_row:contains(NOISE) td[name=code]", run: "click" },
        { content: "Dismiss it", trigger: ".o_form_view button[name=action_dismiss]", run: "click" },
        { content: "What follows is told", trigger: ".modal:contains(Dismiss)" },
        { content: "Say why", trigger: ".modal .o_field_widget[name=reason] input", run: "edit A test of the analyser" },
        { content: "Confirm", trigger: ".modal button[name=action_confirm]", run: "click" },
        { content: "Finance decides now", trigger: ".o_field_widget[name=turn]:contains(Finance decides)" },
        {
            content: "The reason stays",
            trigger: ".o_field_widget[name=dismissed_reason]:contains(A test of the analyser)",
        },
    ],
});

registry.category("web_tour.tours").add("integration_mapping_approve", {
    steps: () => [
        ...menu("Approvals", "Waiting"),
        { content: "Open the request", trigger: ".o_data_row:contains(GLU-7) td[name=record_name]", run: "click" },
        { content: "What it means is told", trigger: ".o_form_view:contains(Glucose in plasma)" },
        { content: "Approve", trigger: ".o_form_view button[name=action_approve]", run: "click" },
        { content: "It is decided", trigger: ".o_form_view:not(:has(button[name=action_approve]:visible))" },
    ],
});

registry.category("web_tour.tours").add("integration_mapping_look", {
    steps: () => [
        {
            content: "Finance sees what the code means",
            trigger: ".o_data_row:contains(GLU-7):contains(Glucose in plasma) td[name=code]",
            run: "click",
        },
        { content: "Nothing to press that changes it", trigger: ".o_form_view:not(:has(button[name=action_change]))" },
        { content: "Nor to end it", trigger: ".o_form_view:not(:has(button[name=action_end]))" },
    ],
});
