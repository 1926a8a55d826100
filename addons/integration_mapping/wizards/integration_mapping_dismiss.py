from odoo import fields, models


class IntegrationMappingDismiss(models.TransientModel):
    """Say why codes get no meaning."""

    _name = "integration.mapping.dismiss"
    _description = "Dismiss codes"

    task_ids = fields.Many2many("integration.mapping.task", string="Codes", readonly=True)
    waiting = fields.Char(compute="_compute_waiting")
    reason = fields.Char(required=True)

    def _compute_waiting(self):
        for wizard in self:
            wizard.waiting = wizard.task_ids._waiting_text()

    def action_confirm(self):
        """Dismiss them; what waits stays parked, on finance's desk."""
        self.ensure_one()
        self.env["integration.identifier"].check_access("create")
        self.task_ids._dismiss(self.reason)
        return {"type": "ir.actions.act_window_close"}
