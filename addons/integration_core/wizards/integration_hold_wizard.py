from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.integration_event_type import LANES


class IntegrationHoldWizard(models.TransientModel):
    """Ask what is to be held back, and why; the reason is kept with the person's name."""

    _name = "integration.hold.wizard"
    _description = "Hold deliveries back"

    scope = fields.Selection(
        [("all", "Everything"), ("lane", "One lane"), ("system", "One system")], "What", required=True, default="lane"
    )
    lane = fields.Selection(LANES)
    system_id = fields.Many2one("integration.system")
    reason = fields.Char("Why", required=True)
    count = fields.Integer("Waiting now", compute="_compute_count")

    @api.depends("scope", "lane", "system_id")
    def _compute_count(self):
        for wizard in self:
            hold = self.env["integration.hold"].new(
                {
                    "scope": wizard.scope,
                    "lane": wizard.scope == "lane" and wizard.lane,
                    "system_id": wizard.scope == "system" and wizard.system_id.id,
                }
            )
            wizard.count = hold._count_held()

    def action_hold(self):
        """Hold it back from now on."""
        self.ensure_one()
        if (self.scope == "lane" and not self.lane) or (self.scope == "system" and not self.system_id):
            raise UserError(self.env._("Name the lane or the system that is to be held."))
        self.env["integration.hold"]._hold(
            self.scope,
            self.reason,
            lane=self.lane if self.scope == "lane" else None,
            system=self.system_id if self.scope == "system" else None,
        )
        return {"type": "ir.actions.act_window_close"}
