from odoo import api, models


class IntegrationEngine(models.AbstractModel):
    _inherit = "integration.engine"

    @api.model
    def _chores(self):
        return [*super()._chores(), ("integration.reconciliation", "_chore_compare")]
