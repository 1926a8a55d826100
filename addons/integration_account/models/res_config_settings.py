from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    integration_self_pay_partner_id = fields.Many2one(
        related="company_id.integration_self_pay_partner_id", readonly=False
    )
    integration_bank_cooling_hours = fields.Integer(related="company_id.integration_bank_cooling_hours", readonly=False)
    integration_sale_journal_id = fields.Many2one(related="company_id.integration_sale_journal_id", readonly=False)
