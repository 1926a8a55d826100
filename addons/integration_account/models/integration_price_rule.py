from decimal import Decimal

from odoo import api, fields, models
from odoo.addons.integration_mapping.domain.specificity import Scope
from odoo.addons.integration_mapping.models.integration_scoped_mixin import SCOPE

from ..domain import prices


class IntegrationPriceRule(models.Model):
    """Which source gives the price of a charge: the message, the price list, one before the other, or both agreeing.

    Without a rule the message's price counts, and the price list's where the message has none.
    """

    _name = "integration.price.rule"
    _inherit = ["integration.scoped.mixin"]
    _description = "Price source"
    _order = "company_id, product_id, categ_id, partner_id, system_id, valid_from, id"

    _audit_name = "price_rule"
    _validity_question = ("company_id", *SCOPE, "system_id")
    _validity_answer = ("source", "tolerance")
    _approval_guarded = (*_validity_question, *_validity_answer, "valid_from", "valid_to", "replaces_id")

    system_id = fields.Many2one(
        "integration.system", check_company=True, ondelete="restrict", index="btree_not_null", help="Empty: any system."
    )
    source = fields.Selection(
        [
            (prices.MESSAGE, "Message"),
            (prices.LIST, "Price list"),
            (prices.MESSAGE_ELSE_LIST, "Message, else price list"),
            (prices.AGREE, "Message, if the price list agrees"),
        ],
        "Price from",
        required=True,
        default=prices.AGREE,
    )
    tolerance = fields.Float(
        "May differ by (%)",
        digits=(7, 4),
        help="Percent of the amount by the price list. A line that differs by more is parked.",
    )
    replaces_id = fields.Many2one("integration.price.rule", "Succeeds", ondelete="set null", copy=False, readonly=True)

    _tolerance_range = models.Constraint(
        "CHECK (tolerance >= 0 AND tolerance <= 100)", "The tolerance is between 0 and 100 percent."
    )
    _one_answer = models.Constraint(
        "EXCLUDE USING gist (company_id WITH =, COALESCE(product_id, 0) WITH =, COALESCE(categ_id, 0) WITH =,"
        " COALESCE(partner_id, 0) WITH =, COALESCE(system_id, 0) WITH =,"
        " daterange(valid_from, valid_to, '[]') WITH &&) WHERE (state IN ('approved', 'retired'))",
        "On some of these days another rule decides about the same.",
    )

    @api.depends("source", "system_id", *SCOPE)
    def _compute_display_name(self):
        labels = dict(self._fields["source"]._description_selection(self.env))
        for rule in self:
            rule.display_name = f"{rule.about}: {labels.get(rule.source, '')}"

    @api.depends("system_id")
    def _compute_about(self):
        return super()._compute_about()

    def _about_parts(self):
        return [*super()._about_parts(), *self.system_id.mapped("display_name")]

    def _scope(self):
        scope = super()._scope()
        return Scope(scope.service, scope.category, scope.payer, self.system_id.id or None)

    def _approval_needed(self):
        return not self.system_id or self.system_id.mode == "live"

    def _allowed(self):
        """Return the tolerance in percent, a ``Decimal``."""
        return Decimal(str(self.tolerance))

    @api.model
    def _of_company(self, company):
        """Return the rules in force in a company, as a ``RuleBook``; one query."""
        domain = [("company_id", "=", company.id), ("state", "in", ("approved", "retired"))]
        return self.search(domain)._book()

    def _in_force_changed(self):
        result = super()._in_force_changed()
        self.env["integration.charge"]._recheck_priced(self)
        return result
