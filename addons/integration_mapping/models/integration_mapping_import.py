import base64
from collections import Counter
from dataclasses import replace

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..domain import import_plan
from ..domain.import_columns import ColumnError, Layout, rows_of
from ..domain.import_plan import Status
from ..domain.import_rows import Unclear, claim_of, with_keys
from ..domain.table_file import TableError, read
from ..domain.waiting import Waiting
from .integration_entity import KINDS
from .integration_mapping_import_row import STATUSES, TODO
from .integration_mapping_lookup import KEY

MAX_BYTES = 64 * 1024 * 1024
MAX_ROWS = 200_000
RETIRE_SHARE = 5
"""Percent of what is in force that a full list may end without a second person
(``integration_mapping.import_retire_share``)."""
SHOWN_ROWS = 40
"""Rows of each kind that the form shows; the list has all."""
SHOWN = 15
"""Examples that a request for approval shows of each kind of change."""
FROM_PEOPLE = {"file", "file_name", "profile_id", "system_id", "kind", "mode", "effective", "company_id", "note"}
"""What a person says of an import, as long as it is not carried out; the rest is the suite's own."""
_COUNTS = {status.value: f"{status.value}_count" for status in Status}
_MONEY_READERS = "integration_core.group_steward"


class IntegrationMappingImport(models.Model):
    """A list of codes from a file: looked at first, then carried out as it was looked at.

    ::

        draft ──check──▶ checked ──apply──▶ (waits for approval) ──▶ applying ──▶ done
          ▲                 │                                            │
          └──another file───┘                              cancelled ◀───┘

    The dry run writes what it would do about each row as a row of the import. The engine carries these out in batches,
    each with its effects in one transaction, so that a crash at any instruction neither loses nor doubles one; every
    row is decided on again when its turn comes, and what somebody has changed meanwhile is refused.
    """

    _name = "integration.mapping.import"
    _inherit = ["integration.approval.mixin", "integration.audited.mixin", "integration.company.mixin"]
    _description = "Import of codes"
    _order = "id desc"

    _approval_guarded = ("digest", "profile_id", "mode", "effective")
    _approval_protected = (
        *("state", "digest", "checked_at", "row_count", *_COUNTS.values(), "extra_count", "scope_count"),
        *("started_at", "ended_at", "last_row_id", "applied_count", "tasks_answered", "read_as"),
    )
    _approval_shown = ("file_name", "note")
    _audit_name = "mapping_import"
    _audit_silent = ("last_row_id", "applied_count", "released", "tasks_answered")

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    state = fields.Selection(
        [
            ("draft", "Choose a file"),
            ("checked", "Looked at"),
            ("applying", "Being carried out"),
            ("done", "Done"),
            ("cancelled", "Cancelled"),
        ],
        default="draft",
        required=True,
        readonly=True,
    )
    stage = fields.Selection(
        [
            ("draft", "Choose a file"),
            ("checked", "Looked at"),
            ("waiting", "Waits for approval"),
            ("applying", "Being carried out"),
            ("done", "Done"),
            ("cancelled", "Cancelled"),
        ],
        compute="_compute_stage",
    )
    file = fields.Binary(attachment=True)
    file_name = fields.Char()
    profile_id = fields.Many2one("integration.import.profile", ondelete="restrict", check_company=True)
    system_id = fields.Many2one(
        "integration.system", "Codes of", ondelete="restrict", help="Where neither a column nor the profile says it."
    )
    kind = fields.Selection(KINDS, help="Where neither a column nor the profile says it.")
    mode = fields.Selection(
        [("delta", "Only what changes"), ("full", "The whole list: what is not in it ends")],
        "The file holds",
        compute="_compute_mode",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
    )
    effective = fields.Date(
        "Holds from",
        required=True,
        default=fields.Date.context_today,
        help="First day of service on which something else holds than before, where a row names no days. A code that "
        "is new holds since ever.",
    )
    note = fields.Char("Why", help="For whoever approves, and for the audit trail.")

    checked_at = fields.Datetime("Looked at", readonly=True)
    read_as = fields.Char("Read as", readonly=True)
    digest = fields.Char("Content", readonly=True, help="The same whatever the order, encoding and line ends are.")
    row_count = fields.Integer("Rows", readonly=True)
    new_count = fields.Integer("New", readonly=True)
    changed_count = fields.Integer("Changed", readonly=True)
    unchanged_count = fields.Integer("Unchanged", readonly=True)
    merged_count = fields.Integer("Repeats", readonly=True)
    refused_count = fields.Integer("Refused", readonly=True)
    retired_count = fields.Integer("End", readonly=True, help="Codes that a full list leaves out: no rows of the file.")
    extra_count = fields.Integer(
        "Codes of several rows", readonly=True, help="New codes told by rows that have a second code each."
    )
    scope_count = fields.Integer("In force", readonly=True, help="Codes in force of the lists that the file is about.")
    retired_share = fields.Float("Share that ends (%)", compute="_compute_retired_share")
    retires_much = fields.Boolean(compute="_compute_retired_share")
    retire_limit = fields.Integer(compute="_compute_retired_share")
    touches_live = fields.Boolean(compute="_compute_touches_live", help="Codes of a live system change.")
    nothing_to_do = fields.Boolean(compute="_compute_todo")
    todo_count = fields.Integer("To carry out", compute="_compute_todo")
    same_as_id = fields.Many2one("integration.mapping.import", "Same content as", compute="_compute_same_as")
    row_ids = fields.One2many("integration.mapping.import.row", "import_id", "Rows of the file", readonly=True)
    # A form with a list of fifty thousand rows would ask for all of their ids.
    shown_ids = fields.Many2many("integration.mapping.import.row", string="Some rows", compute="_compute_shown")

    started_at = fields.Datetime(readonly=True)
    ended_at = fields.Datetime(readonly=True)
    last_row_id = fields.Integer(readonly=True, help="Every row up to this one is carried out.")
    applied_count = fields.Integer("Carried out", readonly=True)
    progress = fields.Integer("Progress (%)", compute="_compute_todo")
    tasks_answered = fields.Integer("Codes that were waited for", readonly=True)
    released = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    released_lines = fields.Integer("Lines that go on", compute="_compute_released", compute_sudo=True)
    released_money = fields.Char(
        "Money that goes on", compute="_compute_released", compute_sudo=True, groups=_MONEY_READERS
    )

    _open_idx = models.Index("(id) WHERE state = 'applying'")

    # -- computed ----------------------------------------------------------------------------------------------------

    @api.depends("file_name")
    def _compute_display_name(self):
        for one in self:
            one.display_name = one.file_name or self.env._("Import %s", one.id or "")

    @api.depends("profile_id")
    def _compute_mode(self):
        for one in self:
            one.mode = one.profile_id.mode or one.mode or "delta"

    @api.depends("state", "approval_state")
    def _compute_stage(self):
        for one in self:
            waits = one.state == "checked" and one.approval_state == "requested"
            one.stage = "waiting" if waits else one.state

    @api.depends("retired_count", "scope_count")
    def _compute_retired_share(self):
        limit = self._retire_limit()
        for one in self:
            one.retire_limit = limit
            one.retired_share = import_plan.share(one.retired_count, one.scope_count)
            one.retires_much = one.retired_share > limit

    @api.model
    def _retire_limit(self):
        # sudo: a setting of the suite's own
        value = self.env["ir.config_parameter"].sudo().get_param("integration_mapping.import_retire_share") or ""
        return int(value) if value.isdigit() else RETIRE_SHARE

    def _compute_touches_live(self):
        rows = self.env["integration.mapping.import.row"].sudo()  # sudo: whether, and no more
        domain = [("import_id", "in", self.ids), ("status", "in", TODO), ("system_id.mode", "=", "live")]
        live = {one.id for (one,) in rows._read_group(domain, ["import_id"])}
        for one in self:
            one.touches_live = one._origin.id in live

    @api.depends("state", "applied_count", "new_count", "changed_count", "retired_count", "extra_count")
    def _compute_todo(self):
        for one in self:
            one.todo_count = one.new_count + one.changed_count + one.retired_count + one.extra_count
            one.nothing_to_do = one.state == "checked" and not one.todo_count
            part = 100 * one.applied_count // (one.todo_count or 1)
            one.progress = 100 if one.state == "done" else min(99, part)

    @api.depends("digest", "state")
    def _compute_same_as(self):
        for one in self:
            domain = [("digest", "=", one.digest), ("state", "=", "done"), ("company_id", "=", one.company_id.id)]
            same = self.search([*domain, ("id", "!=", one._origin.id)], limit=1) if one.digest else self.browse()
            one.same_as_id = same

    @api.depends("state", "row_count")
    def _compute_shown(self):
        rows = self.env["integration.mapping.import.row"]
        for one in self:
            of_status = [("import_id", "=", one._origin.id)]
            some = [rows.search([*of_status, ("status", "=", name)], limit=SHOWN_ROWS) for name, _label in STATUSES]
            one.shown_ids = rows.browse([row.id for of_one in some for row in of_one])

    @api.depends("released")
    def _compute_released(self):
        tasks = self.env["integration.mapping.task"]
        currencies = tasks._currencies()
        for one in self:
            waited = Waiting.from_json(one.released)
            one.released_lines = waited.lines
            one.released_money = tasks._money_text(waited, currencies)

    # -- what people may write ---------------------------------------------------------------------------------------

    def write(self, vals):
        """Let people change what they said; what was looked at is then no longer what would be done."""
        if self.env.su or self._is_approving() or not FROM_PEOPLE & set(vals):
            return super().write(vals)
        if any(one.state not in ("draft", "checked") for one in self):
            raise UserError(self.env._("This import has begun. Make a new one for another file."))
        result = super().write(vals)
        if set(vals) - {"note"}:
            # What was asked for is another list now; most of what says which one it is stands in the file.
            self.filtered(lambda one: one.approval_state == "requested")._approval_lose(sorted(vals))
            self._forget_check()
        return result

    def _forget_check(self):
        """Let nothing be left of what was looked at."""
        self.env["integration.mapping.import.row"]._remove_of(self)
        counts = dict.fromkeys((*_COUNTS.values(), "row_count", "extra_count", "scope_count"), 0)
        values = {"state": "draft", "digest": False, "checked_at": False, "read_as": False, "author_id": self.env.uid}
        self._own().write({**values, **counts})

    def _own(self):
        """Return these imports for what only the suite writes of them."""
        # sudo: how far an import is is not anybody's to write; whoever calls has checked the right to what it does
        return self.sudo()._approving()

    @api.ondelete(at_uninstall=False)
    def _unlink_only_unused(self):
        for one in self:
            if one.state not in ("draft", "checked", "cancelled") or one.applied_count:
                raise UserError(self.env._("%s was carried out and stays in the record.", one.display_name))

    # -- the dry run -------------------------------------------------------------------------------------------------

    def action_check(self):
        """Read the file and say what would be done about each row; nothing is changed."""
        self.check_access("write")
        self.ensure_one()
        if self.state not in ("draft", "checked") or self.approval_state == "requested":
            raise UserError(self.env._("This import has begun, or waits for approval."))
        table = self._read_file()
        layout = self._layout()
        try:
            rows = rows_of(table, layout)
        except ColumnError as error:
            raise UserError(self._column_text(error)) from error
        self._forget_check()
        lookup = self.env["integration.mapping.lookup"]._of(rows, self.company_id, made=self._makes_services())
        claims, unclear = self._claims(rows, layout, lookup)
        lines = self._lines_of(claims, unclear, lookup)
        self.env["integration.mapping.import.row"]._insert(self, lines)
        delimiters = {"\t": self.env._("tab"), "": ""}
        read_as = " · ".join(filter(None, (table.encoding, delimiters.get(table.delimiter, table.delimiter))))
        self._own().write(
            {
                "state": "checked",
                "checked_at": fields.Datetime.now(),
                "digest": import_plan.digest(rows),
                "read_as": read_as,
                "row_count": len(rows),
                "approval_state": "draft",
            }
        )
        self._recount()
        return True

    def _read_file(self):
        if not self.file:
            raise UserError(self.env._("Choose a file first."))
        content = base64.b64decode(self.with_context(bin_size=False).file)
        if len(content) > MAX_BYTES:
            raise UserError(self.env._("The file has more than %s MB. Divide it.", MAX_BYTES // 1024 // 1024))
        profile = self.profile_id
        try:
            return read(
                content,
                delimiter=profile._delimiter() if profile else None,
                encoding=profile.encoding or None,
                sheet=profile.sheet or None,
                most=MAX_ROWS,
            )
        except TableError as error:
            raise UserError(self._table_text(error)) from error

    def _table_text(self, error):
        match error.code:
            case "empty":
                return self.env._("The file is empty.")
            case "too_many":
                return self.env._("The file has more than %s rows. Divide it.", error.detail)
            case "sheet":
                return self.env._("The workbook has no sheet “%s”. The profile names it.", error.detail)
            case "encoding":
                return self.env._("The file is not in the encoding that the profile names (%s).", error.detail)
        return self.env._(
            "This is neither a table as text (CSV) nor a workbook (XLSX) that could be read. (%s)", str(error)
        )

    def _column_text(self, error):
        label = self.env["integration.import.profile"]._fields[f"column_{error.field}"]
        label = label._description_string(self.env)
        match error.code:
            case "missing":
                return self.env._(
                    "The profile says “%(field)s” the column “%(name)s”, and the file has none of that name.",
                    field=label,
                    name=error.detail,
                )
            case "twice":
                return self.env._(
                    "Two columns could be meant for “%(field)s”: %(names)s. Name one in a profile.",
                    field=label,
                    names=error.detail,
                )
        return self.env._(
            "No column has the codes. The file has: %s. Say in a profile which column it is.", error.detail
        )

    def _layout(self):
        constants = {"kind": self.kind or "", "system": self.system_id.code or ""}
        return self.profile_id._layout(constants) if self.profile_id else Layout(constants=constants)

    def _makes_services(self):
        return self.profile_id.meaning == "made"

    def _price_digits(self):
        """Return the decimals of sales prices, None where prices are not taken over."""
        if self.profile_id.price_use != "list_price":
            return None
        return self.env["decimal.precision"].precision_get("Product Price")

    @api.model
    def _claims(self, rows, layout, lookup):
        """Return what rows claim, and ``[(row, Unclear)]`` of those that cannot be understood."""
        claims, unclear = [], []
        for row in rows:
            try:
                claims.append(claim_of(row, layout, lookup))
            except Unclear as why:
                unclear.append((row, why))
        return with_keys(claims, lookup), unclear

    def _lines_of(self, claims, unclear, lookup):
        """Return the values of the import's rows, in the order in which they are to be carried out."""
        gathered = import_plan.gather(claims)
        told = {claim.question for claim in claims} | {claim.also for claim in claims if claim.also}
        known = self._known(told)
        names = lookup.entities
        lines = self._absent_lines(told, unclear, lookup) if self.mode == "full" else []
        decided, answers = [], {}
        # Codes before the second codes that share their meaning.
        for step in sorted(gathered.steps, key=lambda one: (one.parent is not None, one.claim.line)):
            decision = self._decided(self._with_parent(step, answers), answers, known)
            answers[step.claim.question] = decision
            decided.append((step, decision))
        meant = self._meant(decision.known for _step, decision in decided if decision.status is Status.CHANGED)
        # In the order in which they are carried out: all codes of one entity together, so that it changes once.
        decided.sort(key=lambda one: (one[0].parent is not None, one[1].entity or 0, one[0].claim.line))
        lines += [self._step_line(step, decision, names, meant) for step, decision in decided]
        lines += [
            {
                **self._claim_line(one.claim),
                "status": one.status.value,
                "reason": one.reason,
                "other_line": one.other or None,
            }
            for one in gathered.verdicts
        ]
        return lines + [self._unclear_line(row, why, lookup) for row, why in unclear]

    def _decided(self, step, answers, known):
        if step.parent in answers and answers[step.parent].status is Status.REFUSED:
            return import_plan.Decision(Status.REFUSED, "parent_refused")
        return import_plan.decide(
            step, known.get(step.claim.question, ()), effective=self.effective, digits=self._price_digits()
        )

    @staticmethod
    def _with_parent(step, answers):
        """Return the step of a second code with the entity of its code, as far as there is one already."""
        answer = answers.get(step.parent)
        if step.parent is None or answer is None:
            return step
        meaning = import_plan.Meaning(entity=answer.entity)
        return replace(step, claim=replace(step.claim, meaning=meaning))

    @staticmethod
    def _claim_line(claim):
        question = claim.question
        return {
            "line": claim.line,
            "kind": question.kind,
            "system_id": question.system,
            "code_system": question.code_system,
            "code": claim.code,
            "code_key": question.key,
            "display": claim.display or None,
            "price": claim.price or None,
            "valid_from": claim.span.first,
            "valid_to": claim.span.last,
            "note": claim.note or None,
            "target": claim.meaning.target,
            "target_name": claim.meaning.name or None,
            "entity": claim.meaning.entity,
            "made": claim.meaning.made,
        }

    def _step_line(self, step, decision, entities, meant):
        entity = entities.get(decision.entity)
        made = self.env._("A new service")
        return {
            **self._claim_line(step.claim),
            "status": decision.status.value,
            "reason": decision.reason or None,
            "entity": decision.entity,
            "known": decision.known or None,
            "meant": meant.get(decision.known),
            "extra": step.extra,
            "means": entity.name if entity else made if step.claim.meaning.made else step.claim.meaning.name or None,
            "parent_code_system": step.parent.code_system if step.parent else None,
            "parent_key": step.parent.key if step.parent else None,
        }

    @api.model
    def _unclear_line(self, row, why, lookup):
        return {
            "line": row.line,
            "status": "refused",
            "reason": why.reason,
            "detail": why.detail or None,
            "kind": lookup.kinds.get(row.get("kind").casefold()),
            "system_id": lookup.systems.get(row.get("system")),
            "code": row.get("code")[:255] or None,
            "display": row.get("display") or None,
        }

    def _absent_lines(self, told, unclear, lookup):
        """Return the rows for what a full list leaves out, of the lists that the file is about."""
        scopes = {(question.system, question.kind, question.code_system) for question in told}
        known = self._known_of(scopes)
        self._own().scope_count = len(import_plan.current(known, effective=self.effective))
        named = self._named_unclearly(unclear, {code_system for _system, _kind, code_system in scopes}, lookup)
        ends = [
            (one, last)
            for one, last in import_plan.absent(known, told, effective=self.effective)
            if (one.question.code_system, one.question.key) not in named
        ]
        entities = self.env["integration.entity"].browse({one.entity for one, _last in ends})
        names = {entity.id: entity.name for entity in entities}
        lines = []
        for one, last in ends:
            begun = one.span.first is None or one.span.first <= last
            lines.append(
                {
                    "line": 0,
                    "status": "retired",
                    "reason": "absent" if begun else "not_begun",
                    "kind": one.question.kind,
                    "system_id": one.question.system,
                    "code_system": one.question.code_system,
                    "code": one.question.key,
                    "code_key": one.question.key,
                    "display": one.display or None,
                    "entity": one.entity,
                    "known": one.id,
                    "meant": names.get(one.entity),
                    "valid_from": one.span.first,
                    "valid_to": last if begun else one.span.last,
                }
            )
        return lines

    @api.model
    def _named_unclearly(self, unclear, code_systems, lookup):
        """Return ``{(code system, key)}`` of codes in rows that cannot be understood: they are not left out either.

        Whose code such a row means may be what is unclear, so it is taken for a code of each of these lists.
        """
        codes = sorted({row.get(name) for row, _why in unclear for name in ("code", "also")} - {""})
        return {(one, key) for one in code_systems for key in lookup.keys(one, codes)} if codes else set()

    @api.model
    def _meant(self, ids):
        """Return what identifiers mean now, as people read it: ``{id: text}``."""
        identifiers = self.env["integration.identifier"].browse(set(ids) - {0})
        return {one.id: f"{one.entity_id.name} ({one.holds})" for one in identifiers}

    def _recount(self):
        """Count the rows anew; the sum over the rows of the file is their number."""
        rows = self.env["integration.mapping.import.row"].sudo()  # sudo: numbers only
        for one in self:
            counted = Counter()
            groups = rows._read_group([("import_id", "=", one.id)], ["status", "extra"], ["__count"])
            for status, extra, count in groups:
                if not extra:
                    counted[_COUNTS[status]] += count
                elif status in TODO:
                    counted["extra_count"] += count
            one._own().write({**dict.fromkeys((*_COUNTS.values(), "extra_count"), 0), **counted})

    # -- approval ----------------------------------------------------------------------------------------------------

    def _approval_group(self):
        return "integration_core.group_steward"

    def _approval_needed(self):
        """Codes of live systems take two people, and so does a list that ends many codes, wherever they are used."""
        return self.touches_live or self.retires_much

    def action_request_approval(self):
        """Ask for the approval of imports as they were looked at."""
        self.check_access("write")
        for one in self:
            if one.state != "checked":
                raise UserError(self.env._("Look at what %s would do first.", one.display_name))
            if not one.todo_count:
                raise UserError(self.env._("There is nothing to carry out: every code is on record as the file says."))
        return super().action_request_approval()

    def _approval_effects(self):
        """Show numbers, and some of each kind of change."""
        labels = [(name, self._fields[name]._description_string(self.env)) for name in self._shown_counts()]
        effects = [(label, "", str(self[name])) for name, label in labels if self[name]]
        rows = self.env["integration.mapping.import.row"]
        words = dict(rows._fields["status"]._description_selection(self.env))
        for status in ("retired", "changed", "new"):
            some = rows.search([("import_id", "=", self.id), ("status", "=", status)], limit=SHOWN)
            if some:
                before = "\n".join(self._shown_before(row) for row in some) if status != "new" else ""
                effects.append((words[status], before, "\n".join(self._shown_after(row) for row in some)))
        return effects

    @api.model
    def _shown_counts(self):
        return ("row_count", "new_count", "extra_count", "changed_count", "retired_count", "refused_count")

    @api.model
    def _shown_before(self, row):
        return f"{row.system_id.code}: {row.code} → {row.meant}"

    def _shown_after(self, row):
        if row.status == "retired":
            return self.env._("%(code)s: ends", code=row.code)
        means = row.means or row.display or ""
        return f"{row.system_id.code}: {row.code} → {means}"

    def _on_approved(self):
        for one in self:
            one._begin()

    # -- buttons -----------------------------------------------------------------------------------------------------

    def action_apply(self):
        """Carry it out, or ask for the approval that it needs; where nobody else could approve, that is the asker."""
        self.check_access("write")
        self.ensure_one()
        self.action_request_approval()
        if self.can_approve:
            self.action_approve()
        return True

    def action_cancel(self):
        """Do nothing more; what was carried out stays."""
        self.check_access("write")
        self.ensure_one()
        if self.state not in ("draft", "checked", "applying"):
            raise UserError(self.env._("This import has ended."))
        if self.approval_state == "requested":
            self._approval_end("withdrawn", {"approval_state": "draft"})
        self._own().write({"state": "cancelled", "ended_at": fields.Datetime.now()})
        self.env["integration.audit"]._record("mapping_import.cancel", self, detail=f"done: {self.applied_count}")
        return True

    def action_rows(self):
        """Open the rows in a list of their own, to filter and to count."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Rows of %s", self.display_name),
            "res_model": "integration.mapping.import.row",
            "view_mode": "list",
            "domain": [("import_id", "=", self.id)],
            "context": {"search_default_group_status": 1},
        }

    def action_made(self):
        """Open the mappings that it made."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Mapped by %s", self.display_name),
            "res_model": "integration.identifier",
            "view_mode": "list,form",
            "domain": [("import_id", "=", self.id)],
        }

    # -- what is on record -------------------------------------------------------------------------------------------

    def _known(self, questions):
        """Return what is on record for questions: ``{question: [Known]}``; one query, however many there are."""
        if not questions:
            return {}
        systems, kinds, code_systems, keys = (list(column) for column in zip(*questions, strict=True))
        wanted = SQL(
            """
            JOIN unnest(%s, %s::varchar[], %s::varchar[], %s::varchar[]) AS w (system_id, kind, code_system, code)
              ON i.system_id = w.system_id AND i.kind = w.kind AND i.code_system = w.code_system AND i.%s = w.code
            """,
            systems,
            kinds,
            code_systems,
            keys,
            KEY,
        )
        found = {}
        for one in self._known_where(wanted, proposals=True):
            found.setdefault(one.question, []).append(one)
        return found

    def _known_of(self, scopes):
        """Return all that is on record of whole lists: ``(system, kind, code system)``."""
        if not scopes:
            return []
        systems, kinds, code_systems = (list(column) for column in zip(*scopes, strict=True))
        wanted = SQL(
            """
            JOIN unnest(%s, %s::varchar[], %s::varchar[]) AS w (system_id, kind, code_system)
              ON i.system_id = w.system_id AND i.kind = w.kind AND i.code_system = w.code_system
            """,
            systems,
            kinds,
            code_systems,
        )
        return self._known_where(wanted, proposals=False)

    def _known_where(self, wanted, *, proposals):
        self.env["integration.identifier"].flush_model()
        self.env["integration.entity"].flush_model(["product_id"])
        states = SQL("i.state IN ('approved', 'retired')")
        if proposals:
            states = SQL("(%s OR i.state = 'proposed' AND i.approval_state = 'requested')", states)
        price, join = SQL("NULL"), SQL("")
        if self._price_digits() is not None:
            self.env["product.template"].flush_model(["list_price"])
            price = SQL("t.list_price::text")
            join = SQL(
                """
                JOIN integration_entity e ON e.id = i.entity_id LEFT JOIN product_product p ON p.id = e.product_id
                LEFT JOIN product_template t ON t.id = p.product_tmpl_id
                """
            )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT i.id, i.system_id, i.kind, i.code_system, i.%(key)s, i.entity_id, i.valid_from, i.valid_to,
                       CASE i.state WHEN 'proposed' THEN 'requested' ELSE i.state END, i.display, i.note, %(price)s
                  FROM integration_identifier i %(wanted)s %(join)s
                 WHERE i.company_id = %(company)s AND %(states)s
                """,
                key=KEY,
                price=price,
                wanted=wanted,
                join=join,
                company=self.company_id.id,
                states=states,
            )
        )
        return [self._as_known(*row) for row in rows]

    @staticmethod
    def _as_known(known_id, system, kind, code_system, key, entity, first, last, state, display, note, price):
        return import_plan.Known(
            id=known_id,
            question=import_plan.Question(system, kind, code_system, key),
            entity=entity,
            span=import_plan.Span(first, last),
            state=state,
            display=display or "",
            note=note or "",
            price=price,
        )


class IntegrationIdentifier(models.Model):
    _inherit = "integration.identifier"

    import_id = fields.Many2one(
        "integration.mapping.import",
        "Imported by",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        help="The list that it came with.",
    )
