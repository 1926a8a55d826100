from odoo import api, models
from odoo.tools import SQL


class IntegrationRetention(models.Model):
    _inherit = "integration.retention"

    @api.model
    def _removal_of_event(self, event_ids, reason):
        """Keep what the equation says of these events: without them nothing tells what became of what was received."""
        removal = super()._removal_of_event(event_ids, reason)
        # After super: it has locked them, so that nothing becomes of them any more.
        self.env["integration.ledger"]._settle(event_ids, SQL("NOT (%s)", self._open_condition()))
        return removal
