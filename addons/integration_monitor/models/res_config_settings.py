from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    integration_month_mail = fields.Boolean(related="company_id.integration_month_mail", readonly=False)
    integration_month_user_ids = fields.Many2many(related="company_id.integration_month_user_ids", readonly=False)
