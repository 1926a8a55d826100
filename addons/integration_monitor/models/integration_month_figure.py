from odoo import api, fields, models

from .integration_month_line import STANDINGS
from .integration_month_signoff import KEPT


class IntegrationMonthFigure(models.Model):
    """One figure of a month as it was signed off. Append-only, as the database sees to."""

    _name = "integration.month.figure"
    _description = "Figure of a signed month"
    _order = "signoff_id desc, cost_center, currency, id"
    _log_access = False
    _rec_name = "cost_center"

    signoff_id = fields.Many2one(
        "integration.month.signoff", "Sign-off", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    cost_center = fields.Char(required=True, readonly=True)
    currency = fields.Char(readonly=True, help="ISO 4217, as sent; empty where lines name none.")
    standing = fields.Selection(STANDINGS, "Where they stand", required=True, readonly=True)
    count = fields.Integer("Lines", readonly=True)
    amount = fields.Float("Amount as sent", digits=(30, 10), min_display_digits=2, readonly=True, aggregator=None)
    price_unknown = fields.Integer("Without a price", readonly=True)

    def init(self):
        self.env.cr.execute(KEPT.format(table=self._table))

    @api.model
    def _keep(self, signoff, figures):
        """Keep what a sign-off is about; by statement, so that amounts stay as exact as they are."""
        signoff.flush_recordset()
        owner = (signoff.id, signoff.company_id.id)
        rows = [
            (*owner, key.cost_center, key.currency, key.standing.value, tally.units, tally.amount, tally.price_unknown)
            for key, tally in figures.items()
        ]
        if rows:
            self.env.cr.execute_values(
                "INSERT INTO integration_month_figure"
                " (signoff_id, company_id, cost_center, currency, standing, count, amount, price_unknown) VALUES %s",
                rows,
            )
        self.invalidate_model()
        signoff.invalidate_recordset(["figure_ids"])
