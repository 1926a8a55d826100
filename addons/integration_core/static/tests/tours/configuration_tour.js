import { registry } from "@web/core/registry";

const SLOW = 30000; // a dry run does everything that an import would do

/** An administrator looks at a document, leaves out what is refused, imports the rest. */
registry.category("web_tour.tours").add("integration_core_configuration", {
    steps: () => [
        { trigger: ".o_statusbar_buttons button:contains('Look at it')", run: "click" },
        { trigger: ".alert-danger:contains('1 refused')", timeout: SLOW },
        { trigger: "div[name='line_ids'] .o_data_row.text-danger:contains('Tries must be kept')" },
        { trigger: "div[name='line_ids'] .o_data_row:contains('3 → 9')" },
        { trigger: ".o_statusbar_buttons button:contains('Leave out what is refused')", run: "click" },
        { trigger: ".alert-info:contains('1 new or changed')", timeout: SLOW },
        { trigger: "div[name='line_ids'] .o_data_row:contains('Left out by you')" },
        { trigger: ".o_statusbar_buttons button:contains('Import')", run: "click" },
        { trigger: ".alert-success:contains('Imported')", timeout: SLOW },
    ],
});
