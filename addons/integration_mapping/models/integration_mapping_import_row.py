import json

from odoo import api, fields, models
from odoo.tools import SQL

from ..domain.import_work import work_of
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
    *("display", "price", "valid_from", "valid_to", "note", "means", "entity", "target", "target_name", "made"),
    *("extra", "parent_code_system", "parent_key", "known", "meant"),
)
_AT_ONCE = 5000


class IntegrationMappingImportRow(models.Model):
    """What an import does about one row of its file, or about one code that the file leaves out.

    Written by the import alone, thousands at a time.
    """

    _name = "integration.mapping.import.row"
    _description = "Row of an import"
    _order = "line, id"
    _rec_name = "code"
    _log_access = False

    import_id = fields.Many2one(
        "integration.mapping.import", required=True, readonly=True, ondelete="cascade", index=True
    )
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
    entity = fields.Integer(readonly=True, help="The entry that it means, where there was one when it was looked at.")
    target = fields.Integer(readonly=True, help="Odoo's record, whose entry is still to be made.")
    target_name = fields.Char(readonly=True)
    made = fields.Boolean("Becomes a service", readonly=True)
    extra = fields.Boolean(
        "Of several rows", readonly=True, help="Told by rows that have a second code each, and counted beside them."
    )
    parent_code_system = fields.Char(readonly=True)
    parent_key = fields.Char(readonly=True, help="The code whose meaning this second code shares.")
    known = fields.Integer(readonly=True, help="The mapping on record that it is about.")
    meant = fields.Char("Meant so far", readonly=True)

    # The engine takes what is to be done from it, and the screen its groups.
    _status_idx = models.Index("(import_id, status, id)")

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
        columns = SQL(", ").join(map(SQL.identifier, _WRITTEN))
        for begin in range(0, len(lines), _AT_ONCE):
            self.env.cr.execute(
                SQL(
                    """
                    INSERT INTO integration_mapping_import_row (import_id, company_id, %(columns)s)
                    SELECT %(import)s, %(company)s, %(columns)s
                      FROM json_populate_recordset(NULL::integration_mapping_import_row, %(lines)s)
                           WITH ORDINALITY ORDER BY ordinality
                    """,
                    **{"columns": columns, "import": owner.id, "company": owner.company_id.id},
                    lines=json.dumps(lines[begin : begin + _AT_ONCE], default=str),
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
        """Write what became of rows other than was planned: ``[(id, status, reason, detail or None)]``."""
        if not settled:
            return
        self.flush_model()
        ids, statuses, reasons, details = (list(column) for column in zip(*settled, strict=True))
        self.env.cr.execute(
            SQL(
                """
                UPDATE integration_mapping_import_row r
                   SET status = w.status, reason = w.reason, detail = COALESCE(w.detail, r.detail)
                  FROM unnest(%s, %s::varchar[], %s::varchar[], %s::varchar[]) AS w (id, status, reason, detail)
                 WHERE r.id = w.id
                """,
                ids,
                statuses,
                reasons,
                details,
            )
        )
        self.invalidate_model()

    @api.model
    def _next(self, owner, after, limit):
        """Return what is to be done about the next rows of an import, as :class:`import_work.Work`.

        Read as they are, without records: there are tens of thousands of them.
        """
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id, status, reason, COALESCE(known, 0), line, system_id, kind, code_system, code_key, code,
                       display, entity, target, target_name, made, price, valid_from, valid_to, note,
                       parent_code_system, parent_key, extra
                  FROM integration_mapping_import_row
                 WHERE import_id = %s AND id > %s AND status IN %s ORDER BY id LIMIT %s
                """,
                owner.id,
                after,
                TODO,
                limit,
            )
        )
        return [work_of(*row) for row in rows]
