from odoo import api, fields, models


class IntegrationAssignWizard(models.TransientModel):
    """Give dead letters to a person, with a reason."""

    _name = "integration.assign.wizard"
    _description = "Assign dead letters"

    res_ids = fields.Json(readonly=True, default=lambda self: self.env.context.get("active_ids") or [])
    user_id = fields.Many2one(
        "res.users",
        "Whose turn",
        required=True,
        domain=lambda self: [("all_group_ids", "in", self.env.ref("integration_core.group_operator").ids)],
    )
    reason = fields.Char("Why", required=True)
    summary = fields.Char(compute="_compute_summary")

    @api.depends("res_ids")
    def _compute_summary(self):
        for wizard in self:
            count = len(wizard.res_ids or [])
            wizard.summary = (
                self.env._("1 dead letter gets a new owner.")
                if count == 1
                else self.env._("%s dead letters get a new owner.", count)
            )

    def action_confirm(self):
        """Give them to the chosen person."""
        self.ensure_one()
        self.env["integration.delivery"].browse(self.res_ids or []).exists()._assign(self.user_id, self.reason)
        return {"type": "ir.actions.act_window_close"}
