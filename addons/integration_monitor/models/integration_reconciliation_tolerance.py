from decimal import Decimal

from odoo import api, fields, models

from ..domain.reconciliation import EXACT, Tolerance


class IntegrationReconciliationTolerance(models.Model):
    """How far a control total and Odoo may be apart and still agree: per company, or per system of it.

    Of an amount and a percentage the stricter one holds; without any rule both sides must be equal.
    """

    _name = "integration.reconciliation.tolerance"
    _inherit = ["integration.audited.mixin", "integration.company.mixin"]
    _description = "Tolerance"
    _order = "company_id, system_id, measure, id"
    _check_company_auto = True

    _audit_name = "reconciliation_tolerance"

    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)
    system_id = fields.Many2one(
        "integration.system",
        ondelete="cascade",
        check_company=True,
        help="Empty: every system without a tolerance of its own.",
    )
    measure = fields.Selection(
        [("key", "Totals per day"), ("claim", "Claims"), ("ledger", "Charges and payments")],
        help="Empty: whatever is compared.",
    )
    use_amount = fields.Boolean("Limit by amount")
    amount = fields.Float(min_display_digits=2, help="In the currency that is compared, per row.")
    use_percent = fields.Boolean("Limit by percentage")
    percent = fields.Float(min_display_digits=2, help="Of what the control total says, per row.")
    count = fields.Integer("Pieces", help="So many pieces more or fewer are no break.")

    _limits_check = models.Constraint(
        "CHECK (amount >= 0 AND percent >= 0 AND percent <= 100 AND count >= 0)", "A tolerance is 0 or more."
    )
    _rule_uniq = models.UniqueIndex(
        "(company_id, COALESCE(system_id, 0), COALESCE(measure, '')) WHERE active", "There is such a tolerance already."
    )

    @api.depends("system_id", "company_id")
    def _compute_display_name(self):
        for rule in self:
            rule.display_name = rule.system_id.name or rule.company_id.name

    @api.model
    def _of(self, system, measure):
        """Return the :class:`Tolerance` in force; the system's own goes first, then what names the measure."""
        rules = self.search([("company_id", "=", system.company_id.id)])
        rules = rules.filtered(
            lambda rule: rule.system_id in (system, self.env["integration.system"]) and rule.measure in (measure, False)
        )
        if not rules:
            return EXACT
        best = max(rules, key=lambda rule: (bool(rule.system_id), bool(rule.measure)))
        return Tolerance(
            Decimal(str(best.amount)) if best.use_amount else None,
            Decimal(str(best.percent)) if best.use_percent else None,
            best.count,
        )

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        self._compare_again(rules.company_id)
        return rules

    def write(self, vals):
        before = self.company_id
        result = super().write(vals)
        self._compare_again(before | self.company_id)
        return result

    def unlink(self):
        companies = self.company_id
        result = super().unlink()
        self._compare_again(companies)
        return result

    @api.model
    def _compare_again(self, companies):
        # sudo: whoever sets tolerances has no right to write what was compared
        self.env["integration.reconciliation"].sudo()._recompare(companies)
