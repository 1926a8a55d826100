import { registry } from "@web/core/registry";

const tab = (name, content) => ({ content, trigger: `.o_integration_connect .nav-link[data-tab=${name}]`, run: "click" });

registry.category("web_tour.tours").add("integration_connect", {
    steps: () => [
        { content: "From the system's form", trigger: ".o_form_view button:contains(Connect)", run: "click" },
        { content: "Its address is there", trigger: "[data-name=url]:contains(/integration/v1/inbound/ehr)" },
        { content: "Choose an event type", trigger: ".o_integration_type", run: "select clinical.encounter.discharged.v1" },
        { content: "Its command is there", trigger: "[data-name=curl]:contains(clinical.encounter.discharged.v1)" },
        tab("requests", "What has it sent?"),
        { content: "It was turned away", trigger: "tr[data-kind=turned_away]:contains(re-used it on a retry)" },
        {
            content: "Why?",
            trigger: "tr[data-kind=turned_away] button:contains(Check a signature)",
            run: "click",
        },
        {
            content: "Paste the headers",
            trigger: ".o_integration_headers",
            run: "edit webhook-id: a.b",
        },
        { content: "And the body", trigger: ".o_integration_body", run: "edit {}" },
        { content: "Check", trigger: ".o_integration_check_button:enabled", run: "click" },
        { content: "It says what is missing", trigger: ".o_integration_summary:contains(webhook-timestamp and webhook-signature are missing):contains(with every request)" },
        { content: "And what else is wrong", trigger: "li[data-step=id][data-state=failed]:contains(dot)" },
        tab("test", "Does this side work?"),
        { content: "Try it", trigger: ".o_integration_send:enabled", run: "click" },
        { content: "It is accepted", trigger: ".o_integration_answer:contains(202):contains(accepted)" },
        { content: "It is followed to its end", trigger: ".o_integration_followed[data-status=parked]:contains(no_subscriber)" },
        tab("find", "Where is a message?"),
        { content: "By its id", trigger: ".o_integration_sought", run: "edit first" },
        { content: "Find", trigger: ".o_integration_find_button:enabled", run: "click" },
        { content: "It is found", trigger: ".o_integration_found[data-kind=parked]:contains(waits for a person)" },
        { content: "No such message", trigger: ".o_integration_sought", run: "edit never" },
        { content: "Find", trigger: ".o_integration_find_button:enabled", run: "click" },
        { content: "That is said", trigger: ".o_integration_nothing:contains(never arrived)" },
        tab("channel", "For an engine"),
        { content: "Its secret's place is named", trigger: "[data-name=secret_key]:contains(odoo.ehr.secret)" },
        { content: "The code can be read", trigger: "[data-name=sign]:contains(HmacSHA256)" },
        tab("requests", "Open one"),
        { content: "The accepted one", trigger: "tr[data-kind=accepted] td", run: "click" },
        { content: "It is the event", trigger: ".o_form_view .o_field_widget[name=webhook_id]" },
    ],
});
