from odoo import fields, models


class IntegrationReplay(models.Model):
    """A request to deliver events again, with who asked and why."""

    _name = "integration.replay"
    _description = "Replay"
    _order = "id desc"

    reason = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one("res.users", required=True, readonly=True, default=lambda self: self.env.user)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    delivery_ids = fields.One2many("integration.delivery", "replay_id", readonly=True)
