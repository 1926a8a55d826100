from odoo import api, fields, models
from odoo.exceptions import UserError

from ..domain.reconciliation import explain

KINDS = [
    ("parked", "Parked"),
    ("waiting", "Waiting"),
    ("rejected", "Rejected"),
    ("withdrawn", "Voided"),
    ("replaced", "Replaced"),
    ("duplicate", "Duplicate"),
    ("unaccounted", "Unaccounted"),
    ("not_yet", "Parked and waiting"),
    ("late", "Late"),
    ("copy", "Entered twice"),
    ("single", "One record"),
    ("pair", "Two records"),
    ("sign", "Wrong sign"),
    ("digits", "Digits exchanged"),
    ("elsewhere", "Booked elsewhere"),
]
MOST_REFS = 200


class IntegrationReconciliationCandidate(models.Model):
    """Something that accounts for a break exactly. Made anew by each comparison."""

    _name = "integration.reconciliation.candidate"
    _description = "Candidate"
    _order = "line_id, id"
    _log_access = False

    line_id = fields.Many2one(
        "integration.reconciliation.line", "Break", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    kind = fields.Selection(KINDS, "Cause", required=True, readonly=True)
    count = fields.Integer("Pieces", readonly=True)
    amount = fields.Float("Accounts for", readonly=True, min_display_digits=2, aggregator=None)
    res_model = fields.Char(readonly=True)
    res_ids = fields.Char(readonly=True, help="Ids, separated by commas.")
    other_line_id = fields.Many2one(
        "integration.reconciliation.line", "Other row", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    text = fields.Char("What it is", compute="_compute_text")

    @api.depends("kind", "count", "other_line_id")
    def _compute_text(self):
        words = self._words()
        for one in self:
            one.text = words[one.kind].format(count=abs(one.count), other=one.other_line_id.display_name or "")

    @api.model
    def _words(self):
        return {
            "parked": self.env._("{count} parked: they count once their cause is mended"),
            "waiting": self.env._("{count} waiting: they count once they are worked off"),
            "rejected": self.env._("{count} rejected: they will never count"),
            "withdrawn": self.env._("{count} voided: the control total still has them"),
            "replaced": self.env._("{count} replaced by a correction: the control total still has them"),
            "duplicate": self.env._("{count} sent twice: the control total has them twice"),
            "unaccounted": self.env._("{count} received, and nothing became of them: tell an administrator"),
            "not_yet": self.env._("{count} parked or waiting, together"),
            "late": self.env._("{count} arrived after the control total was taken"),
            "copy": self.env._("The same service for the same money twice in one encounter"),
            "single": self.env._("One record is worth exactly the difference"),
            "pair": self.env._("Two records are worth exactly the difference"),
            "sign": self.env._("A record is worth half the difference: its sign may be the wrong way round"),
            "digits": self.env._("With two neighbouring digits of this record exchanged, the sides agree"),
            "elsewhere": self.env._("The opposite difference: {other}"),
        }

    @api.model
    def _keep(self, period, rows, results, records):
        """Make the candidates of a comparison, in place of those of the one before.

        :param rows: {key: row of the period}
        :param results: every result
        :param records: {key: list of :class:`Record`}, of the breaks that are looked into
        """
        self.search([("line_id", "in", period.line_ids.ids)]).unlink()
        breaks = [result for result in results if result.outcome.is_break]
        # Claims that differ by the same amount have nothing to do with each other.
        others = breaks if period.measure == "key" else []
        self.create(
            [
                self._values_of(period, rows, result, one)
                for result in breaks
                if result.key in records
                for one in explain(result, records[result.key], others)
            ]
        )

    def _values_of(self, period, rows, result, one):
        model_of = self.env["integration.reconciliation.facts"]._model_of
        named = [model_of(period.measure, ref) for ref in one.refs[:MOST_REFS]]
        return {
            "line_id": rows[result.key].id,
            "company_id": period.company_id.id,
            "kind": one.kind,
            "count": one.count,
            "amount": float(one.amount or 0),
            "res_model": named[0][0] if named else False,
            "res_ids": ",".join(str(ref) for model, ref in named if model == named[0][0]) or False,
            "other_line_id": rows[one.key].id if one.key else False,
        }

    def action_open(self):
        """Open the records that it names; whoever may not read them is told so."""
        self.check_access("read")
        self.ensure_one()
        if self.other_line_id:
            return {
                "type": "ir.actions.act_window",
                "res_model": self.other_line_id._name,
                "res_id": self.other_line_id.id,
                "views": [(False, "form")],
            }
        if not self.res_model:
            raise UserError(self.env._("It names no record of its own."))
        self.env[self.res_model].check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.text,
            "res_model": self.res_model,
            "views": [(False, "list"), (False, "form")],
            "domain": [("id", "in", [int(ref) for ref in self.res_ids.split(",")])],
        }
