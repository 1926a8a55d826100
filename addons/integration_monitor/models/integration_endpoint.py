from odoo import models
from odoo.fields import Domain


class IntegrationEndpoint(models.Model):
    _inherit = "integration.endpoint"

    def _is_told_elsewhere(self):
        """An alert rule about this endpoint tells: with its quiet hours, to its owner, and by an event."""
        self.ensure_one()
        mine = Domain("kind", "=", "trouble")
        for name in ("company_id", "system_id"):
            mine &= Domain(name, "in", [False, self[name].id])
        mine &= Domain("endpoint_id", "in", [False, self.id])
        # sudo: rules are administrators' to read; the engine asks whether there is one
        return bool(self.env["integration.alert.rule"].sudo().search_count(mine, limit=1))
