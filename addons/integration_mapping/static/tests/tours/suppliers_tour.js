import { registry } from "@web/core/registry";

const menu = (section, entry) => [
    { content: `Open ${section}`, trigger: `.o_menu_sections button:contains(${section})`, run: "click" },
    { content: `Open ${entry}`, trigger: `.o-dropdown--menu .o-dropdown-item:contains(${entry})`, run: "click" },
];

registry.category("web_tour.tours").add("integration_attach_supplier", {
    steps: () => [
        ...menu("Mappings", "Proposed records"),
        {
            content: "It says which contact has its number",
            trigger: ".o_data_row:contains(S-9) td[name=match_text]:contains(VAT BE0477472701)",
        },
        { content: "Look at it", trigger: ".o_data_row:contains(S-9) td[name=name]", run: "click" },
        { content: "What it says is there", trigger: ".o_form_view .o_field_widget[name=told_html]:contains(Ghent)" },
        { content: "Attach it", trigger: "button[name=action_attach_match]", run: "click" },
        { content: "It is attached", trigger: ".o_arrow_button_current:contains(Attached)" },
        {
            content: "Another steward approves",
            trigger: ".o_field_widget[name=turn]:contains(Another steward approves)",
        },
    ],
});

registry.category("web_tour.tours").add("integration_merge_suppliers", {
    steps: () => [
        ...menu("Mappings", "Duplicates"),
        { content: "Look for duplicates", trigger: "button[name=action_look]", run: "click" },
        { content: "One is found by its number", trigger: ".o_data_row:contains(VAT BE0477472701)" },
        { content: "Look at it", trigger: ".o_data_row td[name=names]", run: "click" },
        { content: "Both sides are shown", trigger: ".o_field_widget[name=comparison] th:contains(Acme Twin)" },
        { content: "Merge", trigger: "button[name=action_keep_one]", run: "click" },
        { content: "Sure", trigger: ".modal .btn-primary", run: "click" },
        { content: "It waits", trigger: ".o_field_widget[name=turn]:contains(Another steward approves)" },
    ],
});

registry.category("web_tour.tours").add("integration_approve_supplier", {
    steps: () => [
        ...menu("Approvals", "Waiting"),
        { content: "The code waits", trigger: ".o_data_row:contains(S-9) button[name=action_approve]", run: "click" },
        { content: "It is gone", trigger: ".o_list_view:not(:has(.o_data_row:contains(S-9)))" },
        ...menu("Mappings", "Suppliers"),
        { content: "The supplier has its code", trigger: ".o_data_row:contains(Acme Medical):contains(hub: S-9)" },
    ],
});
