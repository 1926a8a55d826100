from odoo import api, fields, models


class IntegrationRefusedDecision(models.TransientModel):
    """Ask why before refused messages are replayed or closed."""

    _name = "integration.refused.decision"
    _description = "Decide on refused messages"

    message_ids = fields.Many2many("integration.refused.message", required=True, readonly=True)
    decision = fields.Selection([("replay", "Replay"), ("close", "Close")], required=True, readonly=True)
    count = fields.Integer(compute="_compute_count")
    reason = fields.Char("Why", required=True)

    @api.depends("message_ids")
    def _compute_count(self):
        for wizard in self:
            wizard.count = len(wizard.message_ids)

    def action_confirm(self):
        """Do it to the chosen messages, with the reason."""
        self.ensure_one()
        if self.decision == "replay":
            return self.message_ids.action_replay(self.reason)
        self.message_ids.action_close(self.reason)
        return {"type": "ir.actions.act_window_close"}
