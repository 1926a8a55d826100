from odoo import models
from odoo.tools import SQL


class IntegrationHold(models.Model):
    _inherit = "integration.hold"

    def _due_condition(self):
        """A system that is held is not told anything either."""
        condition = super()._due_condition()
        if self.scope != "system":
            return condition
        return SQL(
            """
            %s OR d.subscription_id IN (
                SELECT s.id FROM integration_subscription s JOIN integration_endpoint p ON p.id = s.endpoint_id
                 WHERE p.system_id = %s)
            """,
            condition,
            self.system_id.id or 0,
        )
