from odoo import api, models
from odoo.tools import SQL


class IntegrationRetention(models.Model):
    _inherit = "integration.retention"

    @api.model
    def _before_removal(self, event_ids):  # pylint: disable=missing-return; there is nothing to return
        """Keep what the equation says of these events: without them nothing tells what became of what was received."""
        super()._before_removal(event_ids)
        self.env["integration.ledger"]._settle(event_ids, SQL("NOT (%s)", self._open_condition()))
