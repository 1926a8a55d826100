import { registry } from "@web/core/registry";

/** An administrator adds an endpoint, allows its private address, makes a key, has it approved, and subscribes it. */
registry.category("web_tour.tours").add("integration_outbound_endpoint", {
    url: "/odoo/integration-endpoints",
    steps: () => [
        { trigger: ".o_list_button_add", run: "click" },
        { trigger: "div[name='name'] input", run: "edit Tour warehouse" },
        { trigger: "div[name='system_id'] input", run: "edit TEST-RECEIVER" },
        { trigger: ".ui-menu-item > a:contains('TEST-RECEIVER')", run: "click" },
        { trigger: "div[name='url'] input", run: "edit http://10.11.12.13:8099/hook" },
        { trigger: ".o_form_button_save", run: "click" },
        { trigger: "button[name='action_allow_address']", run: "click" },
        { trigger: ".modal div[name='reason'] input", run: "edit The warehouse in our own network" },
        { trigger: ".modal .o_form_button_save", run: "click" },
        { trigger: "body:not(:has(.modal)) button[name='action_create_key']", run: "click" },
        { trigger: ".modal div[name='holder_name']:contains('Tour warehouse')" },
        { trigger: ".modal footer button[name='action_create']:visible", run: "click" },
        { trigger: ".o_integration_key_text:contains('whsec_')" },
        { trigger: ".o_integration_key_close", run: "click" },
        { trigger: "body:not(:has(.modal)) button[name='action_request_approval']", run: "click" },
        { trigger: ".o_statusbar_buttons button[name='action_approve']", run: "click" },
        { trigger: ".o_arrow_button_current:contains('Active')" },
        { trigger: "a[name='subscriptions']", run: "click" },
        { trigger: "div[name='subscription_ids'] .o_field_x2many_list_row_add a", run: "click" },
        { trigger: ".modal div[name='event_type_ids'] input", run: "edit finance.invoice.posted" },
        { trigger: ".ui-menu-item > a:contains('finance.invoice.posted.v1')", run: "click" },
        { trigger: ".modal .o_form_button_save", run: "click" },
        { trigger: "body:not(:has(.modal)) .o_form_button_save", run: "click" },
        { trigger: "div[name='subscription_ids'] .o_data_row:contains('finance.invoice.posted.v1')" },
        { trigger: "body:not(:has(.o_form_button_save:visible))" },
    ],
});
