from odoo import api, fields, models

from ..domain.specificity import Case, RuleBook, Scope

SCOPE = ("product_id", "categ_id", "partner_id")
"""What every such rule may be about; the most specific one decides, in this order."""


class IntegrationScopedMixin(models.AbstractModel):
    """A governed rule about a service or a category of services, a payer, or all of them.

    The most specific one that fits a line decides: service, then category (the nearest first), then payer, then system.
    """

    _name = "integration.scoped.mixin"
    _inherit = ["integration.governed.mixin"]
    _description = "Rule for services and payers"
    _check_company_auto = True

    product_id = fields.Many2one(
        "product.product", "Service", check_company=True, ondelete="restrict", index="btree_not_null"
    )
    categ_id = fields.Many2one(
        "product.category",
        "Service category",
        ondelete="restrict",
        index="btree_not_null",
        help="With all categories below it; the nearest category of a service that has a rule decides.",
    )
    partner_id = fields.Many2one(
        "res.partner",
        "Payer",
        check_company=True,
        ondelete="restrict",
        index="btree_not_null",
        help="The customer of the charge. Empty: whoever pays.",
    )
    about = fields.Char("For", compute="_compute_about", help="What the rule is about.")

    _one_subject = models.Constraint(
        "CHECK (num_nonnulls(product_id, categ_id) < 2)", "A rule is about one service or one category, not both."
    )

    def _about_parts(self):
        """Return what the rule is about, as texts for people; nothing for what it leaves open."""
        self.ensure_one()
        return [self[name].display_name for name in SCOPE if self[name]]

    @api.depends(*SCOPE)
    def _compute_about(self):
        for rule in self:
            rule.about = ", ".join(rule._about_parts()) or self.env._("everything else")

    def _scope(self):
        """Return what the rule is about, as a :class:`Scope`."""
        self.ensure_one()
        return Scope(
            service=self.product_id.id or None, category=self.categ_id.id or None, payer=self.partner_id.id or None
        )

    def _book(self):
        """Return these rules as a :class:`RuleBook`."""
        return RuleBook((rule._scope(), rule._span(), rule) for rule in self)

    @api.model
    def _case(self, product, partner, system):
        """Return what decides which rule fits a line, as a :class:`Case`.

        :param product: its product, not empty
        :param partner: its customer, or empty
        :param system: who sent it
        """
        # sudo: which category a product is in does not depend on who asks
        path = product.sudo().categ_id.parent_path or ""
        categories = [int(part) for part in path.split("/") if part]
        return Case(product.id, tuple(reversed(categories)), partner.id or None, system.id)
