import { registry } from "@web/core/registry";

const line = (name) => `tr[data-entity="${name}"]`;
const row = (name) => `.o_crosswalk_grid ${line(name)}`;
const cell = (name, system) => `${row(name)} td[data-system="${system}"]`;

registry.category("web_tour.tours").add("integration_crosswalk_steward", {
    steps: () => [
        {
            content: "Open Mappings",
            trigger: ".o_menu_sections button:contains(Mappings)",
            run: "click",
        },
        {
            content: "Open the crosswalk",
            trigger: ".o-dropdown--menu .o-dropdown-item:contains(Crosswalk)",
            run: "click",
        },
        { content: "A code answers", trigger: `${cell("Echo of the heart", "ehr")}:contains(ECHO-1)` },
        { content: "A gap", trigger: `${cell("Fracture clinic", "ehr")}.o_crosswalk_waiting`, run: "click" },
        { content: "The form is there", trigger: ".o_crosswalk_popover .o_crosswalk_new_code" },
        { content: "Nothing is typed", trigger: ".o_crosswalk_propose", run: "click" },
        { content: "It says so", trigger: ".o_crosswalk_error:contains(Type the code)" },
        { content: "Type a code that means another", trigger: ".o_crosswalk_new_code", run: "edit ECHO-1" },
        { content: "Propose it by Enter", trigger: ".o_crosswalk_new_code", run: "press Enter" },
        { content: "It is refused in place", trigger: ".o_crosswalk_error:contains(already means)" },
        { content: "Type the waiting code", trigger: ".o_crosswalk_new_code", run: "edit FRX-9" },
        { content: "It is known to wait", trigger: ".o_crosswalk_chosen:contains(Fracture)" },
        { content: "Propose it", trigger: ".o_crosswalk_propose", run: "click" },
        { content: "It waits for approval", trigger: `${cell("Fracture clinic", "ehr")}.o_crosswalk_proposed:contains(FRX-9)` },
        { content: "Open it", trigger: `${cell("Fracture clinic", "ehr")}`, run: "click" },
        { content: "Its author may take it back", trigger: ".o_crosswalk_popover button:contains(Withdraw)" },
        { content: "Not approve it", trigger: ".o_crosswalk_popover:not(:has(.o_crosswalk_approve))" },
        { content: "Look at its history", trigger: ".o_crosswalk_history", run: "click" },
        { content: "It was asked for", trigger: '.modal .o_crosswalk_past[data-code="FRX-9"]:contains(Asked for approval)' },
        { content: "Close it", trigger: ".modal .modal-footer button:contains(Close)", run: "click" },
        { content: "It is closed", trigger: "body:not(:has(.modal))" },
        { content: "Open a code that answers", trigger: cell("Echo of the heart", "ehr"), run: "click" },
        { content: "Change it", trigger: ".o_crosswalk_change", run: "click" },
        { content: "What that reaches is said", trigger: ".modal .alert:contains(No line so far)" },
        { content: "Leave it", trigger: ".modal footer button:contains(Cancel)", run: "click" },
        { content: "The form is closed", trigger: "body:not(:has(.modal))" },
        {
            content: "Compare with another year",
            trigger: ".o_crosswalk_other_day",
            run: ({ anchor }) => {
                anchor.value = "2031-01-01";
                anchor.dispatchEvent(new Event("change", { bubbles: true }));
            },
        },
        { content: "Only what differs", trigger: `${cell("Echo of the heart", "ehr")}.o_crosswalk_differs:contains(ECHO-1)` },
        { content: "Nothing else", trigger: `.o_crosswalk_grid:not(:has(${line("Fracture clinic")}))` },
        { content: "Stop comparing", trigger: "button:contains(Stop comparing)", run: "click" },
        { content: "All are there again", trigger: row("Fracture clinic") },
        {
            content: "Search, and open a code before the answer is there",
            trigger: ".o_crosswalk_search",
            run: ({ anchor }) => {
                anchor.value = "of the heart";
                anchor.dispatchEvent(new InputEvent("input", { bubbles: true }));
                document.querySelector(cell("Echo of the heart", "ehr")).click();
            },
        },
        {
            content: "One is left, and its card is open",
            trigger: `body:has(.o_crosswalk_popover) .o_crosswalk_grid:not(:has(${line("Fracture clinic")}))`,
        },
    ],
});

registry.category("web_tour.tours").add("integration_crosswalk_approver", {
    steps: () => [
        { content: "Show what is proposed", trigger: ".o_crosswalk_filter", run: "selectByLabel Proposed" },
        { content: "Only that", trigger: `.o_crosswalk_grid:not(:has(${line("Echo of the heart")})):has(${line("Fracture clinic")})` },
        {
            content: "By keyboard from its name",
            trigger: `${row("Fracture clinic")} th[data-column="0"]`,
            run: (helpers) => helpers.anchor.focus(),
        },
        { content: "To its code", trigger: `${row("Fracture clinic")} th:focus`, run: "press ArrowRight" },
        { content: "Open it", trigger: `${cell("Fracture clinic", "ehr")}:focus`, run: "press Enter" },
        { content: "What it reaches is said", trigger: ".o_crosswalk_facts:contains(Touches)" },
        { content: "Approve", trigger: ".o_crosswalk_approve", run: "click" },
        { content: "It answers", trigger: `${cell("Fracture clinic", "ehr")}:not(.o_crosswalk_proposed):contains(FRX-9)` },
    ],
});

registry.category("web_tour.tours").add("integration_crosswalk_viewer", {
    steps: () => [
        { content: "Open a code", trigger: `${cell("Fracture clinic", "ehr")}:contains(FRX-9)`, run: "click" },
        { content: "Its days are told", trigger: ".o_crosswalk_facts:contains(always)" },
        {
            content: "Nothing can be changed",
            trigger: ".o_crosswalk_popover:not(:has(.o_crosswalk_change, .o_crosswalk_end, .o_crosswalk_approve, .o_crosswalk_add))",
        },
        { content: "Close it", trigger: ".o_crosswalk_popover .btn-close", run: "click" },
        { content: "It is closed", trigger: "body:not(:has(.o_crosswalk_popover))" },
        { content: "Open a gap", trigger: cell("Fracture clinic", "trial"), run: "click" },
        { content: "No form", trigger: ".o_crosswalk_popover:contains(No code on this day):not(:has(input))" },
        { content: "Close it", trigger: ".o_crosswalk_popover .btn-close", run: "click" },
        { content: "It is closed again", trigger: "body:not(:has(.o_crosswalk_popover))" },
    ],
});
