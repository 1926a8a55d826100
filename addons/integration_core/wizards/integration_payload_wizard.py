from odoo import api, fields, models
from odoo.exceptions import UserError

from ..domain.keyring import KeyringError


class IntegrationPayloadWizard(models.TransientModel):
    """Ask why before the content of a message is shown to somebody who is cleared for it, or breaks the glass."""

    _name = "integration.payload.wizard"
    _description = "Open the content of a message"

    event_id = fields.Many2one(
        "integration.event", readonly=True, default=lambda self: self._chosen("integration.event")
    )
    content_gone = fields.Char(compute="_compute_content_gone")
    entrance = fields.Selection(
        [("cleared", "Cleared"), ("broken", "Glass broken"), ("glass", "May break the glass"), ("none", "Not cleared")],
        compute="_compute_entrance",
    )
    open_until = fields.Datetime(compute="_compute_entrance")
    reason = fields.Char("Why", required=True)

    @api.model
    def _chosen(self, model):
        """Return the id of the record that the dialog was opened from, if it is of this model."""
        return self.env.context.get("active_model") == model and self.env.context.get("active_id")

    def _holder(self):
        """Return the record whose payload is opened."""
        self.ensure_one()
        return self.event_id

    @api.depends("event_id")
    def _compute_content_gone(self):
        for wizard in self:
            holder = wizard._holder()
            wizard.content_gone = holder and holder._payload_gone()

    @api.depends_context("uid")
    def _compute_entrance(self):
        glasses = self.env["integration.break.glass"]
        glass = glasses._of_user()
        if self.env.user.has_group("integration_core.group_payload_reader"):
            entrance = "cleared"
        elif glass:
            entrance = "broken"
        else:
            entrance = "glass" if glasses._may_break() else "none"
        self.entrance = entrance
        self.open_until = glass.until

    def action_open(self):
        """Show as much of the content as the person's work needs, this once."""
        return self._show(everything=False)

    def action_open_everything(self):
        """Show all of the content, this once."""
        return self._show(everything=True)

    def action_break(self):
        """Break the glass, and show as much of the content as the person's work needs."""
        self.ensure_one()
        self.env["integration.break.glass"]._begin(self.reason)
        return self._show(everything=False)

    def _show(self, *, everything):
        """Return the action that shows it; the text goes to the browser alone and is stored nowhere."""
        self.ensure_one()
        holder = self._holder()
        if not holder:
            raise UserError(self.env._("Open this from a message."))
        try:
            look = holder._open_payload(self.reason, everything=everything)
        except KeyringError as error:
            raise UserError(error.remedy) from error
        return {
            "type": "ir.actions.client",
            "tag": "integration_core.show_payload",
            "params": {"name": holder._payload_type().display_name or "", "text": look.text, "masked": look.masked},
        }
