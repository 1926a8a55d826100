from odoo import api, models


class IntegrationEngine(models.AbstractModel):
    _inherit = "integration.engine"

    @api.model
    def _chores(self):
        return [
            *super()._chores(),
            ("integration.metric.figures", "_chore_received"),
            ("integration.metric.figures", "_chore_figures"),
            ("integration.reconciliation", "_chore_compare"),
            ("integration.alert.watch", "_chore_watch"),
            ("integration.live", "_chore_tell"),
        ]
