from odoo import api, models


class IntegrationHold(models.Model):
    _inherit = "integration.hold"

    @api.model_create_multi
    def create(self, vals_list):
        """Tell those who look that something was paused."""
        holds = super().create(vals_list)
        self.env["integration.live"]._hint()
        return holds

    def unlink(self):
        """Tell those who look that something was released."""
        self.env["integration.live"]._hint()
        return super().unlink()
