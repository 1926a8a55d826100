from odoo import models
from odoo.addons.integration_core.domain.errors import Turn


class IntegrationDelivery(models.Model):
    """What an endpoint adds to the explanation of a delivery: what holds it, its owner, and the way to it."""

    _inherit = "integration.delivery"

    def _turn_person(self, turn):
        return self.endpoint_id.owner_id if turn is Turn.ENDPOINT_OWNER else super()._turn_person(turn)

    def action_resume(self):
        result = super().action_resume()
        self.endpoint_id.filtered(lambda endpoint: endpoint.state == "paused").action_resume()
        return result

    def action_open_endpoint(self):
        """Open the endpoint that this delivery goes to."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "integration.endpoint",
            "res_id": self.endpoint_id.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_allow_address(self):
        """Open the form that allows the exact host and port of this delivery's endpoint."""
        self.check_access("read")
        return self.endpoint_id.action_allow_address()

    def action_create_key(self):
        """Make a key for this delivery's endpoint and show its text, this once."""
        self.check_access("read")
        return self.endpoint_id.action_create_key()
