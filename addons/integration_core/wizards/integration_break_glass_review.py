from odoo import api, fields, models


class IntegrationBreakGlassReview(models.TransientModel):
    """Ask what was found before a break-glass counts as reviewed."""

    _name = "integration.break.glass.review"
    _description = "Review a break-glass"

    glass_id = fields.Many2one("integration.break.glass", required=True, readonly=True)
    who = fields.Many2one(related="glass_id.user_id")
    reason = fields.Char(related="glass_id.reason")
    looks = fields.Text(related="glass_id.looks")
    can_review = fields.Boolean(compute="_compute_can_review")
    finding = fields.Selection([("right", "It was right"), ("wrong", "It was not right")], required=True)
    note = fields.Char("What you found", required=True)

    @api.depends("glass_id")
    @api.depends_context("uid")
    def _compute_can_review(self):
        for review in self:
            review.can_review = review.glass_id.can_review

    def action_confirm(self):
        """Keep the finding."""
        self.ensure_one()
        self.glass_id._review(self.finding, self.note)
        return {"type": "ir.actions.act_window_close"}
