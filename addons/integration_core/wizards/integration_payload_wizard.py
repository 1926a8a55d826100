from odoo import fields, models
from odoo.exceptions import UserError

from ..domain.keyring import KeyringError


class IntegrationPayloadWizard(models.TransientModel):
    """Ask why before the content of an event is shown to somebody who is cleared for it."""

    _name = "integration.payload.wizard"
    _description = "Open the content of an event"

    event_id = fields.Many2one(
        "integration.event", required=True, readonly=True, default=lambda self: self.env.context.get("active_id")
    )
    content_gone = fields.Char(related="event_id.content_gone")
    reason = fields.Char("Why", required=True)

    def action_open(self):
        """Show the content, this once; the text goes to the browser alone and is stored nowhere."""
        self.ensure_one()
        try:
            text = self.event_id._open_payload(self.reason)
        except KeyringError as error:
            raise UserError(error.remedy) from error
        return {
            "type": "ir.actions.client",
            "tag": "integration_core.show_payload",
            "params": {"name": self.event_id.type_name, "text": text},
        }
