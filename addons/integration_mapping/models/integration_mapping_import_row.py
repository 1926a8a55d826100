from odoo import api, fields, models
from odoo.tools import SQL

from ..domain.import_plan import Claim, Meaning, Question, Step
from ..domain.validity import Span
from .integration_entity import KINDS

STATUSES = [
    ("refused", "Refused"),
    ("retired", "Ends"),
    ("changed", "Changes"),
    ("new", "New"),
    ("merged", "Repeats"),
    ("unchanged", "Unchanged"),
]
TODO = ("new", "changed", "retired")
"""What there is to be done about: the rest only has to be told."""
REASONS = [
    ("no_code", "The row has no code"),
    ("width", "The row has more or fewer fields than the header"),
    ("no_kind", "Neither a column nor the profile says what the code stands for"),
    ("unknown_kind", "There is no such kind of code"),
    ("no_system", "Neither a column nor the profile says whose code it is"),
    ("unknown_system", "No system has this code"),
    ("too_long", "It has more than 255 characters"),
    ("bad_price", "It is no price"),
    ("bad_day", "It is no day; write 2026-12-31"),
    ("days_backward", "The first day lies after the last one"),
    ("no_meaning", "The row does not say what the code means"),
    ("no_name", "A department needs a name beside its cost center"),
    ("made_kind", "Only services can be made from a list"),
    ("unknown_entity", "There is no such entry"),
    ("several_entities", "Several entries have this name; give Odoo's record"),
    ("other_kind", "The entry is of another kind"),
    ("entity_differs", "The entry of this number is called otherwise"),
    ("unknown_record", "Odoo has no such record"),
    ("several_records", "Several records of Odoo have this reference"),
    ("several_meanings", "One code with two meanings: neither wins"),
    ("several_prices", "One code with two prices: neither wins"),
    ("days_overlap", "The same code is said for some of these days elsewhere"),
    ("no_second_code", "Its code has a second code in other rows, and here it has none"),
    ("same_row", "Says the same as another row"),
    ("same_meaning", "Means the same as another row, in other words"),
    ("proposed", "The code is proposed already and waits for approval"),
    ("later_meaning", "The code has another meaning from a later day on; give days"),
    ("several_spans", "Several mappings hold on these days; a person has to decide"),
    ("meaning", "Means something else"),
    ("days", "Holds on other days"),
    ("end", "Gets a last day"),
    ("text", "Is called otherwise"),
    ("price", "Has another price"),
    ("again", "Comes back after an end"),
    ("absent", "Is not in the list any more"),
    ("not_begun", "Is not in the list any more, and had not begun"),
    ("meanwhile", "Somebody changed it after this was looked at"),
    ("parent_refused", "The code that it belongs to was refused"),
    ("failed", "It could not be carried out"),
]

_WRITTEN = (
    *("line", "status", "reason", "other_line", "detail", "kind", "system_id", "code_system", "code", "code_key"),
    *("display", "price", "valid_from", "valid_to", "note", "means", "entity_id", "target", "target_name", "made"),
    *("extra", "parent_code_system", "parent_key", "known_id"),
)
_AT_ONCE = 5000
_SQL_TYPES = {name: SQL(name) for name in ("varchar", "int4", "bool", "date")}


class IntegrationMappingImportRow(models.Model):
    """What an import does about one row of its file, or about one code that the file leaves out.

    Written by the import alone, thousands at a time.
    """

    _name = "integration.mapping.import.row"
    _description = "Row of an import"
    _order = "line, id"
    _rec_name = "code"
    _log_access = False

    import_id = fields.Many2one("integration.mapping.import", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade", index=True)
    line = fields.Integer(readonly=True, help="Where it stands in the file; 0: it is not in the file.")
    status = fields.Selection(STATUSES, "What happens", required=True, readonly=True)
    reason = fields.Selection(REASONS, readonly=True)
    other_line = fields.Integer(readonly=True)
    detail = fields.Char(readonly=True)
    why = fields.Char(compute="_compute_why")
    kind = fields.Selection(KINDS, readonly=True)
    system_id = fields.Many2one("integration.system", readonly=True, ondelete="cascade")
    code_system = fields.Char(readonly=True)
    code = fields.Char(readonly=True)
    code_key = fields.Char(readonly=True, help="The code as its code system compares it.")
    display = fields.Char("Called", readonly=True)
    price = fields.Char(readonly=True)
    valid_from = fields.Date(readonly=True)
    valid_to = fields.Date("Valid until", readonly=True)
    note = fields.Char(readonly=True)
    means = fields.Char(readonly=True)
    entity_id = fields.Many2one("integration.entity", readonly=True, ondelete="set null")
    target = fields.Integer(readonly=True, help="Odoo's record, whose entry is still to be made.")
    target_name = fields.Char(readonly=True)
    made = fields.Boolean("Becomes a service", readonly=True)
    extra = fields.Boolean(
        "Of several rows", readonly=True, help="Told by rows that have a second code each, and counted beside them."
    )
    parent_code_system = fields.Char(readonly=True)
    parent_key = fields.Char(readonly=True, help="The code whose meaning this second code shares.")
    known_id = fields.Many2one("integration.identifier", "On record", readonly=True, ondelete="set null")
    known_entity_id = fields.Many2one(related="known_id.entity_id", string="Meant so far")
    made_id = fields.Many2one("integration.identifier", "Made", readonly=True, ondelete="set null")
    done = fields.Boolean(readonly=True)

    # The engine takes what is to be done from it, and the screen its groups.
    _status_idx = models.Index("(import_id, status, id)")
    _known_idx = models.Index("(known_id) WHERE known_id IS NOT NULL")
    _made_idx = models.Index("(made_id) WHERE made_id IS NOT NULL")

    @api.depends("reason", "other_line", "detail")
    def _compute_why(self):
        words = dict(self._fields["reason"]._description_selection(self.env))
        for row in self:
            text = words.get(row.reason) or ""
            if row.other_line:
                text = self.env._("%(reason)s (line %(line)s)", reason=text, line=row.other_line)
            row.why = f"{text}: {row.detail}" if row.detail else text

    # -- written by the import alone, thousands at a time

    @api.model
    def _insert(self, owner, lines):
        """Store the rows of an import, in this order.

        :param owner: the import
        :param lines: values by column; what is absent is NULL
        """
        own = {"import_id": owner.id, "company_id": owner.company_id.id}
        columns = {name: self._fields[name].column_type[0] for name in _WRITTEN}
        for begin in range(0, len(lines), _AT_ONCE):
            part = lines[begin : begin + _AT_ONCE]
            self.env.cr.execute(
                SQL(
                    "INSERT INTO %s (import_id, company_id, done, %s) SELECT %s, %s, FALSE, * FROM unnest(%s)",
                    SQL.identifier(self._table),
                    SQL(", ").join(map(SQL.identifier, columns)),
                    own["import_id"],
                    own["company_id"],
                    SQL(", ").join(
                        SQL("%s::%s[]", [line.get(name) for line in part], _SQL_TYPES[kind])
                        for name, kind in columns.items()
                    ),
                )
            )
        self.invalidate_model()

    @api.model
    def _remove_of(self, owners):
        """Remove all rows of these imports."""
        self.flush_model()
        self.env.cr.execute(SQL("DELETE FROM %s WHERE import_id = ANY (%s)", SQL.identifier(self._table), owners.ids))
        self.invalidate_model()

    @api.model
    def _settle(self, settled):
        """Write what became of rows: ``[(id, status, reason, made id or None, detail or None)]``; one statement."""
        if not settled:
            return
        self.flush_model()
        ids, statuses, reasons, made, details = (list(column) for column in zip(*settled, strict=True))
        self.env.cr.execute(
            SQL(
                """
                UPDATE %s r SET done = TRUE, status = w.status, reason = w.reason, made_id = w.made,
                                detail = COALESCE(w.detail, r.detail)
                  FROM unnest(%s, %s::varchar[], %s::varchar[], %s::int[], %s::varchar[])
                       AS w (id, status, reason, made, detail)
                 WHERE r.id = w.id
                """,
                SQL.identifier(self._table),
                ids,
                statuses,
                reasons,
                made,
                details,
            )
        )
        self.invalidate_model()

    # -- what the domain sees

    def _question(self):
        return Question(self.system_id.id, self.kind, self.code_system, self.code_key)

    def _parent(self):
        if not self.parent_key:
            return None
        return Question(self.system_id.id, self.kind, self.parent_code_system, self.parent_key)

    def _as_step(self):
        """Return the row as :func:`import_plan.decide` takes it."""
        claim = Claim(
            line=self.line,
            question=self._question(),
            code=self.code,
            display=self.display or "",
            meaning=Meaning(self.entity_id.id or None, self.target or None, self.target_name or "", self.made),
            price=self.price or "",
            span=Span(self.valid_from or None, self.valid_to or None),
            note=self.note or "",
        )
        return Step(claim, parent=self._parent(), extra=self.extra)
