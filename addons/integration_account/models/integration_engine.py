from odoo import api, models


class IntegrationEngine(models.AbstractModel):
    _inherit = "integration.engine"

    @api.model
    def _chores(self):
        return [
            *super()._chores(),
            ("integration.encounter", "_chore_recheck"),
            ("integration.charge", "_chore_resume"),
            ("integration.charge", "_chore_ready"),
            ("integration.charge.void", "_chore_meet"),
            ("integration.charge.void", "_chore_expire"),
            ("integration.billing.group", "_chore_bill"),
            ("integration.bank.change", "_chore_release"),
        ]
