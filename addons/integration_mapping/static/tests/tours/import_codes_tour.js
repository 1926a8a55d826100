import { registry } from "@web/core/registry";

const menu = (section, entry) => [
    { content: `Open ${section}`, trigger: `.o_menu_sections button:contains(${section})`, run: "click" },
    { content: `Open ${entry}`, trigger: `.o-dropdown--menu .o-dropdown-item:contains(${entry})`, run: "click" },
];

const LIST = [
    "system,kind,code,description,record",
    "ehr,service,ECHO-1,Echo,ECHO",
    "ehr,service,ECHO-2,Echo again,ECHO",
    "ehr,service,,No code,ECHO",
    "ehr,service,ECHO-3,Unknown,NONE",
].join("\n");

function upload() {
    const input = this.anchor.querySelector("input[type=file]");
    const files = new DataTransfer();
    files.items.add(new File([LIST], "echo.csv", { type: "text/csv" }));
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
}

registry.category("web_tour.tours").add("integration_import_codes", {
    steps: () => [
        ...menu("Mappings", "Import"),
        { content: "A new list", trigger: ".o_list_button_add", run: "click" },
        { content: "Choose the file", trigger: ".o_field_widget[name=file]", run: upload },
        { content: "It is chosen", trigger: ".o_field_widget[name=file] input:value(echo.csv)" },
        { content: "Look at it", trigger: "button[name=action_check]:contains(Look at it)", run: "click" },
        { content: "Two are new", trigger: ".o_field_widget[name=new_count]:contains(2)" },
        { content: "Two are refused", trigger: ".o_field_widget[name=refused_count]:contains(2)" },
        {
            content: "One has no code",
            trigger: ".o_field_widget[name=shown_ids] .o_data_row:contains(The row has no code).text-danger",
        },
        {
            content: "One means nothing that is known",
            trigger: ".o_field_widget[name=shown_ids] .o_data_row:contains(Odoo has no such record: NONE)",
        },
        {
            content: "One is new, and what it means is said",
            trigger: ".o_field_widget[name=shown_ids] .o_data_row:contains(ECHO-2):contains(Echocardiogram).text-success",
        },
        { content: "Ask", trigger: "button[name=action_apply]:contains(Ask for approval)", run: "click" },
        { content: "It waits", trigger: ".o_arrow_button_current:contains(Waits for approval)" },
        { content: "And says for whom", trigger: ".alert:contains(Waits for the approval of another steward)" },
    ],
});

registry.category("web_tour.tours").add("integration_approve_import", {
    steps: () => [
        { content: "It is my turn", trigger: ".o_data_row td.o_data_cell:contains(echo.csv)", run: "click" },
        { content: "What would change", trigger: ".o_field_widget[name=changes_html]:contains(ehr: ECHO-1 → Echocardiogram)" },
        { content: "Look at the list itself", trigger: "button[name=action_open]", run: "click" },
        { content: "It is there", trigger: ".alert:contains(Nothing is changed before)" },
        { content: "Approve", trigger: ".o_form_view button[name=action_approve]:visible", run: "click" },
        { content: "Done", trigger: ".o_arrow_button_current:contains(Done)" },
        { content: "What went on", trigger: ".alert:contains(Codes that were waited for):contains(1)" },
    ],
});
