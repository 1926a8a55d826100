from odoo import fields, models


class IntegrationAlertMute(models.TransientModel):
    """Ask until when nobody is to be told, and why."""

    _name = "integration.alert.mute"
    _description = "Mute an alert rule"

    rule_id = fields.Many2one("integration.alert.rule", required=True, readonly=True, ondelete="cascade")
    until = fields.Datetime(
        required=True,
        default=lambda self: fields.Datetime.add(fields.Datetime.now(), hours=4),
        help="In your time zone.",
    )
    reason = fields.Char("Why", required=True)

    def action_confirm(self):
        """Mute the rule."""
        self.ensure_one()
        self.rule_id._mute(self.until, self.reason)
        return {"type": "ir.actions.act_window_close"}
