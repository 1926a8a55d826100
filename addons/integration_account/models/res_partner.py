from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    integration_guarantor_ids = fields.One2many(
        "integration.guarantor",
        "partner_id",
        "Guarantor of",
        groups="integration_core.group_finance_viewer,integration_core.group_engine",
        help="Whoever is one is a private person: seen by those alone who invoice.",
    )
