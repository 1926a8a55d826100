from odoo import api, fields, models
from odoo.addons.integration_core.domain.equation import Tally
from odoo.addons.integration_core.tools import money_in_digits

from ..domain import month_end
from ..domain.month_end import Standing

KEPT = """
    CREATE OR REPLACE FUNCTION {table}_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a sign-off is append-only' USING ERRCODE = 'restrict_violation';
    END $$;
    DROP TRIGGER IF EXISTS {table}_kept ON {table};
    CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_kept();
"""
"""Lets the database refuse to change or delete a row of a table."""


class IntegrationMonthSignoff(models.Model):
    """That somebody signed a month off as it stood. Never edited, as the database sees to: a later one follows it."""

    _name = "integration.month.signoff"
    _description = "Sign-off of a month"
    _order = "id desc"
    _log_access = False
    _rec_name = "signed_at"

    month_id = fields.Many2one("integration.month", required=True, readonly=True, index=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    user_id = fields.Many2one("res.users", "Signed off by", required=True, readonly=True)
    signed_at = fields.Datetime("Signed off", required=True, readonly=True)
    reason = fields.Char(readonly=True, help="Why, although something waited for a person.")
    received_count = fields.Integer("Received", readonly=True, aggregator=None)
    received_text = fields.Char("Received (money)", readonly=True)
    stuck_count = fields.Integer("Waited for a person", readonly=True, aggregator=None)
    stuck_text = fields.Char("Waited (money)", readonly=True)
    unbilled_text = fields.Char("Unbilled", readonly=True, help="At what will be invoiced; for the accrual.")
    digest = fields.Char("SHA-256 of all figures", required=True, readonly=True)
    figure_ids = fields.One2many("integration.month.figure", "signoff_id", "Figures", readonly=True)

    def init(self):
        self.env.cr.execute(KEPT.format(table=self._table))

    @api.model
    def _money_text(self, sums):
        """Return {currency: tally} as a text that is the same in every language; False for no money."""
        parts = (
            f"{currency} {money_in_digits(self.env, currency, tally.amount)}"
            for currency, tally in sorted(sums.items())
            if currency
        )
        return "; ".join(parts) or False

    @api.model
    def _make(self, month, cells, reason):
        """Keep the figures of a month as they stand; return the sign-off."""
        figures = month_end.figures(cells)
        received, stuck = month_end.received(cells), month_end.stuck(figures)
        signoff = self.create(
            {
                "month_id": month.id,
                "company_id": month.company_id.id,
                "user_id": self.env.user.id,
                "signed_at": fields.Datetime.now(),
                "reason": reason,
                "received_count": sum(tally.units for tally in received.values()),
                "received_text": self._money_text(received),
                "stuck_count": sum(tally.units for tally in stuck.values()),
                "stuck_text": self._money_text(stuck),
                "unbilled_text": self._unbilled_text(cells),
                "digest": month_end.digest(figures),
            }
        )
        self.env["integration.month.figure"]._keep(signoff, figures)
        return signoff

    def _is_the_same(self, cells, reason):
        """Tell whether this says what the user would sign off now: the same figures, for the same reason."""
        signed = (self.user_id, self.reason or "", self.digest, self.unbilled_text)
        digest = month_end.digest(month_end.figures(cells))
        return bool(self) and signed == (self.env.user, reason, digest, self._unbilled_text(cells))

    def _unbilled_text(self, cells):
        sums = {}
        for _center, currency, tally in month_end.unbilled(cells):
            sums[currency] = sums.get(currency, Tally()) + tally
        return self._money_text(sums)

    def _figures(self):
        """Return what was signed off, as :data:`month_end.Figures`, exactly."""
        self.ensure_one()
        self.env.cr.execute(
            "SELECT cost_center, currency, standing, count, amount::text, price_unknown"
            " FROM integration_month_figure WHERE signoff_id = %s",
            (self.id,),
        )
        return {
            month_end.Key(center, currency, Standing(standing)): month_end.tally_of(*numbers)
            for center, currency, standing, *numbers in self.env.cr.fetchall()
        }
