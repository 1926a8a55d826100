from odoo import fields, models


class IntegrationErasureWizard(models.TransientModel):
    """Ask whose contents are to be erased, and why."""

    _name = "integration.erasure.wizard"
    _inherit = ["integration.patient.numbers.mixin"]
    _description = "Request an erasure"

    name = fields.Char("Case", required=True)
    reason = fields.Char("Why", required=True)
    system_id = fields.Many2one("integration.system", required=True)

    def action_request(self):
        """Request it: the engine begins to search, and nothing is erased before another person approves."""
        self.ensure_one()
        erasure = self.env["integration.erasure"]._request(
            {
                "name": self.name,
                "reason": self.reason,
                "system_id": self.system_id.id,
                "patient_refs": self._taken_refs(),
            }
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": erasure._name,
            "res_id": erasure.id,
            "views": [[False, "form"]],
            "target": "current",
        }
