from odoo import api, fields, models

from ..domain import readiness


class IntegrationBillingRule(models.Model):
    """When charges of one class of encounters are ready: days after the discharge, or days after the service."""

    _name = "integration.billing.rule"
    _inherit = ["integration.audited.mixin", "integration.company.mixin", "integration.portable.mixin"]
    _description = "Billing rule"
    _order = "company_id, encounter_class nulls last, id"
    _rec_name = "encounter_class"

    _audit_name = "billing_rule"

    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", index=True, default=lambda self: self.env.company, help="Empty: every company without its own."
    )
    encounter_class = fields.Char(help="As the clinical system writes it, e.g. inpatient. Empty: any other class.")
    basis = fields.Selection(
        [(readiness.DISCHARGE, "After discharge"), (readiness.SERVICE, "After the service")],
        required=True,
        default=readiness.DISCHARGE,
        help="Outpatients often send no discharge: let them be ready days after the service.",
    )
    days = fields.Integer("Days to hold", default=0, required=True)

    _days_check = models.Constraint("CHECK (days BETWEEN 0 AND 3650)", "Days to hold are 0 or more.")
    _class_uniq = models.UniqueIndex(
        "(COALESCE(company_id, 0), COALESCE(encounter_class, '')) WHERE active",
        "This class of encounters already has a billing rule.",
    )

    @api.depends("encounter_class", "basis", "days")
    def _compute_display_name(self):
        for rule in self:
            rule.display_name = rule.encounter_class or self.env._("Any class")

    @api.model
    def _by_class(self, company):
        """Return a function from encounter class to the rule in force in ``company`` (empty when there is none)."""
        rules = self.search([("company_id", "in", (company.id, False))])
        # The company's own rules win; among equals the one of the class wins over the one of any class.
        ranked = {(bool(rule.company_id), rule.encounter_class or ""): rule for rule in rules}

        def rule_of(encounter_class):
            name = encounter_class or ""
            for key in ((True, name), (False, name), (True, ""), (False, "")):
                if key in ranked:
                    return ranked[key]
            return self.browse()

        return rule_of

    def _ready_on(self, service_day, discharge_day):
        """Return the first day a charge may be billed, or None while that is not known."""
        if not self:
            return None
        return readiness.ready_on(self.basis, self.days, service_day=service_day, discharge_day=discharge_day)

    @api.model
    def _portable_key(self):
        return ("company_id", "encounter_class")

    @api.model
    def _portable_fields(self):
        return ["basis", "days"]

    @api.model
    def _portable_known(self):
        return [("active", "=", True)]

    def _portable_note(self, values):
        return self.env._("It holds at once.")

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        self.env["integration.charge"]._recheck_held(rules.company_id)
        return rules

    @api.ondelete(at_uninstall=False)
    def _recheck_without(self):
        self.env["integration.charge"]._recheck_held(self.company_id)

    def write(self, vals):
        result = super().write(vals)
        self.env["integration.charge"]._recheck_held(self.company_id)
        return result
