import { registry } from "@web/core/registry";

/** A governance approver reads what would change, rejects one request with a reason and approves another. */
registry.category("web_tour.tours").add("integration_core_approvals", {
    url: "/odoo/integration-approvals",
    steps: () => [
        { trigger: ".o_facet_value:contains('My turn')" },
        { trigger: ".o_data_row:contains('Tour laboratory') td[name='record_name']", run: "click" },
        { trigger: ".o_form_view div[name='changes_html'] td:contains('Live')" },
        { trigger: ".o_statusbar_buttons button:contains('Reject')", run: "click" },
        { trigger: ".modal div[name='reason'] input", run: "edit Its contract is not signed" },
        { trigger: ".modal-footer button.btn-danger:visible", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_arrow_button_current:contains('Rejected')" },
        { trigger: ".o_back_button", run: "click" },
        { trigger: ".o_list_view .o_data_row:contains('Tour pharmacy') button[name='action_approve']", run: "click" },
        { trigger: ".o_list_view:not(:has(.o_data_row:contains('Tour pharmacy'))):not(:has(.o_data_row:contains('Tour lab')))" },
    ],
});
