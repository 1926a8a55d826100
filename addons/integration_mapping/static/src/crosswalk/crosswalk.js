import { Component, onMounted, useRef, useState } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { localization } from "@web/core/l10n/localization";
import { _t } from "@web/core/l10n/translation";
import { downloadFile } from "@web/core/network/download";
import { Pager } from "@web/core/pager/pager";
import { usePopover } from "@web/core/popover/popover_hook";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { debounce } from "@web/core/utils/timing";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { CellPopover } from "./cell_popover";

const MODEL = "integration.crosswalk";
const TYPING_MS = 300;
const ACCESS_ERROR = "odoo.exceptions.AccessError";
const EMPTY = { gap: true, codes: [], more: 0, differs: false, before: [], after: [] };
const ICONS = {
    ends: "fa-clock-o",
    proposed: "fa-hourglass-half",
    draft: "fa-pencil",
    later: "fa-calendar-o",
    ended: "fa-ban",
};

/** What every system calls every canonical entity on a day; gaps are filled where they are seen. */
export class Crosswalk extends Component {
    static template = "integration_mapping.Crosswalk";
    static components = { Layout, Pager };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.grid = useRef("grid");
        this.popover = usePopover(CellPopover, {
            popoverClass: "o_crosswalk_popover",
            position: "bottom",
            // Whoever works by keyboard goes on where the card was opened.
            onClose: () => this.opened?.isConnected && this.opened.focus(),
        });
        this.latest = new KeepLast();
        this.display = { controlPanel: {} };
        this.icons = ICONS;
        this.state = useState({
            query: {},
            head: null,
            rows: [],
            total: 0,
            loading: true,
            error: "",
            refused: false,
        });
        this.asked = { ...(this.props.state?.query || {}) };
        this.typing = null;
        this.search = debounce(() => this.searchTyped(), TYPING_MS);
        useSetupAction({ getLocalState: () => ({ query: { ...this.asked } }) });
        // The page is shown at once and fills when the answer is there.
        onMounted(() => this.load());
    }

    // -- words ------------------------------------------------------------------------------------------------------

    get filters() {
        const comparing = this.state.query.other_day;
        return [
            ["all", _t("All entries")],
            ["gap", _t("Gaps")],
            ["none", _t("Without any code")],
            ["proposed", _t("Proposed")],
            ["ends", _t("Ends soon")],
            ["ended", _t("Ended, nothing follows")],
            ...(comparing ? [["differs", _t("Different on the two days")]] : []),
        ];
    }

    get orders() {
        return [
            ["name", _t("Name A–Z")],
            ["name_desc", _t("Name Z–A")],
            ["newest", _t("Newest first")],
        ];
    }

    get isFiltered() {
        return Boolean(this.state.query.search) || this.state.query.filter !== "all";
    }

    get chosenKind() {
        return this.state.head?.kinds.find((kind) => kind.key === this.state.query.kind);
    }

    get waitingSystems() {
        return this.state.head.systems.filter((system) => system.waiting);
    }

    words(how) {
        return {
            answers: _t("answers"),
            ends: _t("ends soon"),
            proposed: _t("waits for approval"),
            draft: _t("not submitted"),
            later: _t("begins later"),
            ended: _t("ended"),
        }[how];
    }

    waitingText(waiting) {
        const codes = waiting.codes === 1 ? _t("1 code waits") : _t("%s codes wait", waiting.codes);
        const lines = waiting.lines === 1 ? _t("1 line") : _t("%s lines", waiting.lines);
        return [codes, waiting.lines ? lines : "", waiting.money].filter(Boolean).join(" · ");
    }

    cell(row, system) {
        return row.cells[system.id] || EMPTY;
    }

    cellClass(row, system) {
        const cell = this.cell(row, system);
        if (this.state.query.other_day) {
            return cell.differs ? "o_crosswalk_differs" : "text-muted";
        }
        if (cell.gap) {
            const proposed = cell.codes.some((code) => code.how === "proposed");
            return proposed ? "o_crosswalk_proposed" : system.waiting ? "o_crosswalk_gap o_crosswalk_waiting" : "o_crosswalk_gap";
        }
        return cell.codes.some((code) => code.how === "ends") ? "o_crosswalk_ends" : "";
    }

    /** Everything that a cell shows by colours and signs, as a sentence. */
    cellLabel(row, system) {
        const cell = this.cell(row, system);
        if (this.state.query.other_day) {
            const [before, after] = [cell.before, cell.after].map((codes) => codes.join(", ") || _t("no code"));
            return cell.differs ? _t("%(before)s, then %(after)s", { before, after }) : _t("unchanged: %s", before);
        }
        const codes = cell.codes.map((code) => [code.code, this.words(code.how), code.when].filter(Boolean).join(", "));
        if (cell.gap) {
            codes.unshift(_t("no code"));
            if (system.waiting) {
                codes.push(this.waitingText(system.waiting));
            }
        }
        return codes.join("; ");
    }

    listed(codes) {
        return codes.join(", ");
    }

    // -- loading ----------------------------------------------------------------------------------------------------

    /** Loads what the changed query asks for; the frame around the grid stays where only the page or the words change. */
    async load(changes = {}, { rowsOnly = false } = {}) {
        // What is shown changes with the answer: rows and the query that they answer belong together.
        this.asked = { ...this.asked, ...changes };
        this.state.loading = true;
        this.popover.close();
        try {
            const asked = { ...this.asked, rows_only: rowsOnly && Boolean(this.state.head) };
            const page = await this.latest.add(this.orm.silent.call(MODEL, "get_page", [asked]));
            this.asked = page.query;
            this.state.query = page.query;
            this.state.rows = page.rows;
            this.state.total = page.total;
            this.state.head = page.head || this.state.head;
            this.state.error = "";
            this.state.refused = false;
        } catch (error) {
            this.state.refused = error.exceptionName === ACCESS_ERROR || error.data?.name === ACCESS_ERROR;
            this.state.error = error.data?.message || error.message || _t("Odoo did not answer.");
        }
        this.state.loading = false;
    }

    onSearch(text) {
        this.typing = text;
        this.search();
    }

    searchTyped() {
        const search = this.typing;
        this.typing = null;
        this.search.cancel();
        return this.load({ search, offset: 0 });
    }

    /** Reads the entity of a changed cell anew, and what waits. */
    async changed(entityId) {
        const asked = { ...this.state.query, entity_ids: [entityId], offset: 0 };
        const page = await this.orm.silent.call(MODEL, "get_page", [asked]);
        this.state.rows = this.state.rows.map((row) => page.rows.find((one) => one.id === row.id) || row);
        this.state.head = page.head;
    }

    setKind(kind) {
        // A system may have no codes of this kind.
        return this.load({ kind, offset: 0, system_id: false });
    }

    setCompany(id) {
        return this.load({ company_id: Number(id), offset: 0, system_id: false });
    }

    setFilter(filter) {
        return this.load({ filter, offset: 0 }, { rowsOnly: true });
    }

    setSystem(id) {
        return this.load({ system_id: Number(id), offset: 0 }, { rowsOnly: true });
    }

    setOrder(order) {
        return this.load({ order, offset: 0 }, { rowsOnly: true });
    }

    setDay(day) {
        return this.load({ day: day || false, offset: 0 }, { rowsOnly: true });
    }

    setOtherDay(day) {
        // What differs is what one compares for.
        return this.load({ other_day: day || false, filter: day ? "differs" : "all", offset: 0 }, { rowsOnly: true });
    }

    setPage({ offset, limit }) {
        return this.load({ offset, limit }, { rowsOnly: true });
    }

    clear() {
        return this.load({ search: "", filter: "all", system_id: false, offset: 0 });
    }

    showGaps(system) {
        return this.load({ filter: "gap", system_id: system.id, offset: 0 }, { rowsOnly: true });
    }

    // -- elsewhere --------------------------------------------------------------------------------------------------

    openEntity(row) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "integration.entity",
            res_id: row.id,
            views: [[false, "form"]],
        });
    }

    openWaiting(system) {
        const { kind, company_id } = this.state.query;
        return this.action.doAction({
            type: "ir.actions.act_window",
            name: _t("Codes to map: %s", system.name),
            res_model: "integration.mapping.task",
            views: [
                [false, "list"],
                [false, "form"],
            ],
            domain: [
                ["system_id", "=", system.id],
                ["kind", "=", kind],
                ["company_id", "=", company_id],
                ["state", "=", "open"],
            ],
        });
    }

    async exportDifferences() {
        const file = await this.orm.call(MODEL, "export_differences", [{ ...this.state.query }]);
        // Spreadsheets take a file without this mark for one of another encoding.
        downloadFile(`\ufeff${file.content}`, file.name, "text/csv;charset=utf-8");
        this.notification.add(_t("%s differences exported.", file.count), { type: "success" });
    }

    // -- one cell ---------------------------------------------------------------------------------------------------

    openCell(target, row, system) {
        const cell = this.cell(row, system);
        this.opened = target;
        this.popover.open(target, {
            row: { id: row.id, name: row.name },
            system: { id: system.id, code: system.code, name: system.name, mode: system.mode },
            waiting: system.waiting?.top || [],
            codes: cell.codes,
            gap: cell.gap,
            mayEdit: this.state.head.may.edit,
            changed: () => this.changed(row.id),
        });
    }

    // -- the keyboard -----------------------------------------------------------------------------------------------

    cellAt(row, column) {
        return this.grid.el?.querySelector(`[data-row="${row}"][data-column="${column}"]`);
    }

    focusCell(row, column) {
        const cell = this.cellAt(row, column);
        if (cell) {
            this.grid.el.querySelectorAll('[data-row][tabindex="0"]').forEach((one) => (one.tabIndex = -1));
            cell.tabIndex = 0;
            cell.focus();
        }
        return Boolean(cell);
    }

    async onKeydown(event) {
        const cell = event.target.closest("[data-row]");
        if (!cell || event.ctrlKey || event.altKey || event.metaKey) {
            return;
        }
        const [row, column] = [Number(cell.dataset.row), Number(cell.dataset.column)];
        const [lastRow, lastColumn] = [this.state.rows.length - 1, this.state.head.systems.length];
        const onwards = localization.direction === "rtl" ? -1 : 1;
        const targets = {
            ArrowDown: [row + 1, column],
            ArrowUp: [row - 1, column],
            ArrowRight: [row, column + onwards],
            ArrowLeft: [row, column - onwards],
            Home: [row, 0],
            End: [row, lastColumn],
        };
        if (event.key in targets) {
            event.preventDefault();
            this.focusCell(...targets[event.key]);
        } else if (event.key === "PageDown" || event.key === "PageUp") {
            event.preventDefault();
            await this.turnPage(event.key === "PageDown" ? 1 : -1, Math.min(row, lastRow), column);
        } else if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            cell.click();
        }
    }

    async turnPage(step, row, column) {
        const { offset, limit } = this.state.query;
        const next = offset + step * limit;
        if (next >= 0 && next < this.state.total) {
            await this.load({ offset: next }, { rowsOnly: true });
            browser.requestAnimationFrame(() => this.focusCell(row, column) || this.focusCell(0, column));
        }
    }

    async onGridClick(event) {
        const target = event.target.closest("[data-row]");
        if (!target || event.target.closest("a, input")) {
            return;
        }
        const [row, column] = [Number(target.dataset.row), Number(target.dataset.column)];
        const entity = this.state.rows[row];
        if (this.typing === null) {
            return this.openAt(row, column);
        }
        // What was typed a moment before is searched first: else its answer would close what is opened now.
        await this.searchTyped();
        const found = this.state.rows.findIndex((one) => one.id === entity.id);
        if (found >= 0) {
            browser.requestAnimationFrame(() => this.openAt(found, column));
        }
    }

    openAt(row, column) {
        this.focusCell(row, column);
        if (column) {
            this.openCell(this.cellAt(row, column), this.state.rows[row], this.state.head.systems[column - 1]);
        } else {
            this.openEntity(this.state.rows[row]);
        }
    }
}

registry.category("actions").add("integration_mapping.crosswalk", Crosswalk);
