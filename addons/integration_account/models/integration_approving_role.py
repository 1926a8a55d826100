from odoo import api, models

REVIEWER = "integration_core.group_finance_reviewer"


class IntegrationApprovingRole(models.Model):
    """Finance reviewers approve charges: two of them, and nobody bills the money that they entered themselves."""

    _inherit = "integration.approving.role"

    @api.model
    def _roles(self):
        return [*super()._roles(), REVIEWER]
