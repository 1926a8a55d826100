from odoo import api, models


class IntegrationApproval(models.Model):
    _inherit = "integration.approval"

    @api.model_create_multi
    def create(self, vals_list):
        """Tell those who look that something waits for approval."""
        requests = super().create(vals_list)
        self.env["integration.live"]._hint()
        return requests

    def write(self, vals):
        """Tell those who look what became of requests."""
        written = super().write(vals)
        if "state" in vals:
            self.env["integration.live"]._hint()
        return written
