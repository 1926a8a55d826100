from odoo import models
from odoo.addons.integration_core.domain.errors import Turn
from odoo.exceptions import UserError


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
        self.env["integration.egress.allow"].check_access("create")
        return self._endpoint_outside().action_allow_address()

    def action_create_key(self):
        """Open the wizard that makes a key for this delivery's endpoint."""
        self.env["integration.endpoint"].check_access("write")
        return self._endpoint_outside().action_create_key()

    def _endpoint_outside(self):
        """Return the endpoint that these go to.

        :raises UserError: where a handler inside Odoo takes them
        """
        self.check_access("read")
        if not self.endpoint_id:
            raise UserError(self.env._("This goes to no endpoint: it is handled inside Odoo."))
        return self.endpoint_id
