from odoo import fields, models


class IntegrationChargeReject(models.TransientModel):
    """Asks why parked charges are rejected for good."""

    _name = "integration.charge.reject"
    _description = "Reject charges"

    charge_ids = fields.Many2many("integration.charge", string="Charges", required=True)
    reason = fields.Char(required=True)

    def action_reject(self):
        """Reject the charges with this reason."""
        self.charge_ids._reject(self.reason)
        return {"type": "ir.actions.act_window_close"}
