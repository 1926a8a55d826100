from odoo import api, fields, models
from odoo.addons.integration_core.tools import money_in_digits


class IntegrationReconciliationChange(models.Model):
    """What became different in a period after it was signed off. Append-only."""

    _name = "integration.reconciliation.change"
    _description = "Change after sign-off"
    _order = "id desc"
    _log_access = False
    _rec_name = "at"

    reconciliation_id = fields.Many2one(
        "integration.reconciliation", "Period", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    signoff_id = fields.Many2one(
        "integration.reconciliation.signoff", "After the sign-off", required=True, readonly=True, index=True
    )
    line_id = fields.Many2one(
        "integration.reconciliation.line", "Row", required=True, readonly=True, index=True, ondelete="cascade"
    )
    at = fields.Datetime("When", required=True, readonly=True)
    what = fields.Selection(
        [("figures", "Other figures"), ("row", "New row"), ("decision", "Decided otherwise")],
        required=True,
        readonly=True,
    )
    was = fields.Json(readonly=True, help="Figures of both sides, or a state: values, said in the reader's language.")
    became = fields.Json(readonly=True)
    before = fields.Char(compute="_compute_words")
    after = fields.Char(compute="_compute_words")
    user_id = fields.Many2one("res.users", "By", readonly=True, help="Empty: a comparison found it.")

    @api.depends("was", "became", "line_id.currency")
    @api.depends_context("lang")
    def _compute_words(self):
        for one in self:
            one.before, one.after = one._in_words(one.was), one._in_words(one.became)

    def _in_words(self, value):
        """Say what a row was: the name of its state, or both sides as one text."""
        if not value:
            return False
        if self.what == "decision":
            words = dict(self.line_id._fields["state"]._description_selection(self.env))
            return words.get(value["state"], value["state"])
        currency = self.line_id.currency
        return self.env._(
            "told %(told_count)s / %(told)s, found %(found_count)s / %(found)s",
            told_count=value["told_count"],
            told=money_in_digits(self.env, currency, value["told_amount"]),
            found_count=value["found_count"],
            found=money_in_digits(self.env, currency, value["found_amount"]),
        )
