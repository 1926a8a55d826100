import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/** An administrator asks for a system to go live, and finds it among what others have to decide, not among their own. */
tours.add("integration_core_admin_asks", {
    steps: () => [
        { trigger: "button[name='action_request_approval']", run: "click" },
        { trigger: ".modal-footer button.btn-primary", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_form_view .alert:contains('Going live waits for the approval of a second person')" },
        { trigger: ".o_menu_sections [data-menu-xmlid='integration_core.menu_approvals']", run: "click" },
        { trigger: ".o-dropdown--menu [data-menu-xmlid='integration_core.menu_approvals_waiting']", run: "click" },
        { trigger: ".o_view_nocontent:contains('Nothing waits for you')" },
        { trigger: ".o_facet_remove", run: "click" },
        { trigger: ".o_list_view .o_data_row:contains('Tour radiology') td[name='record_name']", run: "click" },
        {
            content: "Who asked may withdraw, and neither approve nor reject",
            trigger: ".o_statusbar_buttons:has(button[name='action_withdraw']):not(:has(button[name='action_approve']))",
        },
    ],
});

/** A second administrator reads in the inbox what would change, and approves it. */
tours.add("integration_core_admin_approves", {
    steps: () => [
        { trigger: ".o_facet_value:contains('My turn')" },
        { trigger: ".o_data_row:contains('Tour radiology') td[name='record_name']", run: "click" },
        { trigger: ".o_form_view div[name='changes_html'] td:contains('Live')" },
        { trigger: ".o_statusbar_buttons button[name='action_approve']", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Approved')" },
    ],
});

/** The clinical side opens a content in an emergency: a short reason is not enough, and money stays masked. */
tours.add("integration_core_liaison_breaks_the_glass", {
    steps: () => [
        { trigger: ".o_statusbar_buttons button:contains('Open the content')", run: "click" },
        { trigger: ".modal .alert-danger:contains('You are not cleared for contents')" },
        { trigger: ".modal div[name='reason'] input", run: "edit Urgent" },
        { trigger: ".modal-footer button[name='action_break']", run: "click" },
        { trigger: ".modal:contains('20 characters') .modal-footer button.btn-primary", run: "click" },
        {
            trigger: ".modal div[name='reason'] input",
            run: "edit The ward waits for the blood group of a bleeding patient",
        },
        { trigger: ".modal-footer button[name='action_break']", run: "click" },
        { trigger: ".modal pre.o_integration_payload:contains('MRN-7'):contains('••• (finance)')" },
        { trigger: ".modal:has(.o_integration_payload) .modal-footer button:contains('Close')", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_statusbar_buttons button:contains('Open the content')", run: "click" },
        { trigger: ".modal .alert-danger:contains('You broke the glass')" },
        { trigger: ".modal-footer button[special='cancel'], .modal-footer button:contains('Cancel')", run: "click" },
        { trigger: "body:not(:has(.modal))" },
    ],
});

/** A privacy officer reviews it: who, why, what was looked at, and what they found. */
tours.add("integration_core_officer_reviews", {
    steps: () => [
        { trigger: ".o_facet_value:contains('To review')" },
        { trigger: ".o_data_row:contains('tour_liaison') td[name='reason']", run: "click" },
        { trigger: ".o_form_view div[name='looks']:contains('as needed: public, internal, patient')" },
        { trigger: ".o_statusbar_buttons button[name='action_review']", run: "click" },
        { trigger: ".modal div[name='finding'] label:contains('It was right')", run: "click" },
        { trigger: ".modal div[name='note'] textarea, .modal div[name='note'] input", run: "edit Asked the ward, it was so" },
        { trigger: ".modal-footer button[name='action_confirm']", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_arrow_button_current:contains('Reviewed')" },
    ],
});

/** An auditor sees how old what is not sealed yet is, verifies, and finds where the trail stands. */
tours.add("integration_core_auditor_verifies", {
    steps: () => [
        { trigger: ".o_list_view .o_data_row:contains('system.suspend'):contains('Not sealed yet')" },
        { trigger: ".o_control_panel button:contains('Verify')", run: "click" },
        { trigger: ".o_form_view div[name='waiting']:contains('rows, the oldest for')" },
        { trigger: ".o_form_view button[name='action_verify']", run: "click" },
        { trigger: ".o_form_view .alert-success:contains('The trail is sound')" },
        { trigger: ".o_form_view div[name='anchors_now'] :contains(' ')" },
    ],
});

/** A privacy officer asks for an erasure: patient numbers, a case and a reason. */
tours.add("integration_core_officer_requests_erasure", {
    steps: () => [
        { trigger: ".o_control_panel button:contains('Request erasure')", run: "click" },
        { trigger: ".modal div[name='name'] input", run: "edit Case 12" },
        { trigger: ".modal div[name='reason'] input", run: "edit GDPR article 17, letter of 3 November" },
        { trigger: ".modal div[name='system_id'] input", run: "edit Radiology" },
        { trigger: ".ui-menu-item a:contains('Radiology')", run: "click" },
        { trigger: ".modal div[name='patient_numbers'] textarea", run: "edit MRN-7" },
        { trigger: ".modal-footer button[name='action_request']", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_form_view .alert-info:contains('The engine looks through the contents')" },
    ],
});

/** Whoever asked cannot approve it, and is told so. */
tours.add("integration_core_officer_may_not_approve", {
    steps: () => [
        { trigger: ".o_form_view .alert-warning:contains('Waits for a privacy officer other than who requested it')" },
        { trigger: ".o_form_view:not(:has(button[name='action_approve']))" },
    ],
});

/** Another privacy officer reads what was found and what stays, and approves. */
tours.add("integration_core_officer_approves_erasure", {
    steps: () => [
        { trigger: ".o_form_view div[name='stays_text']:contains('messages')" },
        { trigger: ".o_form_view .o_data_row:contains('clinical.encounter.admitted.v1')" },
        { trigger: ".o_statusbar_buttons button[name='action_approve']", run: "click" },
        { trigger: ".modal:contains('cannot be taken back') .modal-footer button.btn-primary", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_arrow_button_current:contains('Erasing')" },
    ],
});

/** When it is done, the certificate says what went. */
tours.add("integration_core_officer_sees_the_certificate", {
    steps: () => [
        { trigger: ".o_form_view .o_arrow_button_current:contains('Done')" },
        { trigger: ".o_form_view div[name='erased_count']:contains('1')" },
        { trigger: "button[name='action_open_certificates']", run: "click" },
        { trigger: ".o_list_view .o_data_row, .o_form_view div[name='row_ids']" },
    ],
});
