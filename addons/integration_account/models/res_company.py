from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    integration_self_pay_partner_id = fields.Many2one(
        "res.partner",
        "Self-pay customer",
        check_company=True,
        help="The customer of charges that the patient pays and for which no guarantor is named.",
    )
    integration_sale_journal_id = fields.Many2one(
        "account.journal",
        "Journal for charges",
        domain=[("type", "=", "sale")],
        check_company=True,
        help="Invoices from charges go here; empty: Odoo's default sales journal.",
    )

    integration_bank_cooling_hours = fields.Integer(
        "Cooling time of bank accounts",
        default=48,
        help="Hours until a new or changed bank account of a supplier can be paid to, from when it was entered.",
    )

    _integration_cooling = models.Constraint(
        "CHECK (integration_bank_cooling_hours >= 0)", "The cooling time of bank accounts cannot be negative."
    )

    def write(self, vals):
        settings = [name for name in vals if name.startswith("integration_")]
        with self.env["integration.audited.mixin"]._telling(self, settings, "settings.change"):
            result = super().write(vals)
        if vals.get("integration_self_pay_partner_id"):
            self.env["integration.charge"]._recheck(["no_self_pay_customer"], companies=self)
        return result
