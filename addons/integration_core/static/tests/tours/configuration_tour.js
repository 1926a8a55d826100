import { registry } from "@web/core/registry";

/** An administrator looks at a document, leaves out what is refused, imports the rest. */
registry.category("web_tour.tours").add("integration_core_configuration", {
    steps: () => [
        { trigger: ".o_form_view button[name='action_check']:contains('Look at it')", run: "click" },
        { trigger: ".alert-danger:contains('refused')" },
        { trigger: "div[name='line_ids'] .o_data_row.text-danger:contains('Tries'), div[name='line_ids'] .o_data_row:contains('Refused')" },
        { trigger: "div[name='line_ids'] .o_data_row:contains('3 → 9')" },
        { trigger: "button[name='action_leave_out_refused']", run: "click" },
        { trigger: ".alert-info:contains('new or changed')" },
        { trigger: "button[name='action_import']", run: "click" },
        { trigger: ".alert-success:contains('Imported')" },
    ],
});
