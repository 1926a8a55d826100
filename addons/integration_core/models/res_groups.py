from odoo import api, models


class ResGroups(models.Model):
    """Whoever gets or loses an approving role by a group is noted; see :class:`IntegrationApprovingRole`."""

    _inherit = "res.groups"

    @api.model_create_multi
    def create(self, vals_list):
        groups = super().create(vals_list)
        if any({"user_ids", "implied_ids", "implied_by_ids"} & set(vals) for vals in vals_list):
            self.env["integration.approving.role"]._look()
        return groups

    def write(self, vals):
        result = super().write(vals)
        if {"user_ids", "implied_ids", "implied_by_ids"} & set(vals):
            self.env["integration.approving.role"]._look()
        return result

    def unlink(self):
        result = super().unlink()
        self.env["integration.approving.role"]._look()
        return result
