from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .integration_scoped_mixin import SCOPE


class IntegrationCostCenterRule(models.Model):
    """Another cost center than the department's own, for some of what it does: by service, category or payer.

    A rule that leaves all of them open changes the department's cost center from a day on.
    """

    _name = "integration.cost.center.rule"
    _inherit = ["integration.scoped.mixin"]
    _description = "Cost center rule"
    _order = "department_id, product_id, categ_id, partner_id, valid_from, id"

    _audit_name = "cost_center_rule"
    _validity_question = ("company_id", "department_id", *SCOPE)
    _validity_answer = ("cost_center_id",)
    _approval_guarded = (*_validity_question, *_validity_answer, "valid_from", "valid_to", "replaces_id")

    department_id = fields.Many2one(
        "integration.entity",
        required=True,
        domain="[('kind', '=', 'department'), ('company_id', '=', company_id)]",
        check_company=True,
        ondelete="restrict",
        index=True,
        help="And those below it that have no cost center or rule of their own.",
    )
    cost_center_id = fields.Many2one(
        "integration.entity",
        "Cost center",
        required=True,
        domain="[('kind', '=', 'cost_center'), ('company_id', '=', company_id)]",
        check_company=True,
        ondelete="restrict",
        help="Bears it instead of the department's own.",
    )
    replaces_id = fields.Many2one(
        "integration.cost.center.rule", "Succeeds", ondelete="set null", copy=False, readonly=True
    )

    _one_answer = models.Constraint(
        "EXCLUDE USING gist (company_id WITH =, department_id WITH =, COALESCE(product_id, 0) WITH =,"
        " COALESCE(categ_id, 0) WITH =, COALESCE(partner_id, 0) WITH =,"
        " daterange(valid_from, valid_to, '[]') WITH &&) WHERE (state IN ('approved', 'retired'))",
        "On some of these days another rule decides about the same.",
    )

    @api.depends("department_id", "cost_center_id", *SCOPE)
    def _compute_display_name(self):
        for rule in self:
            if not rule.department_id:
                rule.display_name = self.env._("New")
                continue
            parts = [rule.department_id.name, *rule._about_parts()]
            rule.display_name = f"{', '.join(parts)} → {rule.cost_center_id.name}"

    @api.constrains("department_id", "cost_center_id")
    def _check_kinds(self):
        for rule in self:
            if (rule.department_id.kind, rule.cost_center_id.kind) != ("department", "cost_center"):
                raise ValidationError(self.env._("A cost center rule leads from a department to a cost center."))

    @api.model
    def _books(self, departments, company):
        """Return ``{department id: RuleBook}`` of the rules in force for departments and those above; one query."""
        chains = self.env["integration.entity"].union(*(department._chain() for department in departments))
        rules = self.search(
            [
                ("company_id", "=", company.id),
                ("department_id", "in", chains.ids),
                ("state", "in", ("approved", "retired")),
            ]
        )
        return {department.id: of_one._book() for department, of_one in rules.grouped("department_id").items()}

    @api.model
    def _decide(self, department, books, case, day):
        """Return (cost center entity, source, rule) for what a department did on a day.

        The nearest department that has an answer gives it: a rule that fits first, then its own cost center.

        :param case: what was done and who pays, a ``Case``; None while the service is not known: no rule then fits
        :return: empty records where there is none; source ``rule``, ``department``, ``above`` or False
        """
        for one in department._chain():
            rule = books[one.id].answer(case, day) if case and one.id in books else None
            if rule:
                return rule.cost_center_id, "rule", rule
            if one.parent_id:
                return one.parent_id, "department" if one == department else "above", self.browse()
        return department.browse(), False, self.browse()
