from odoo import fields, models
from odoo.exceptions import UserError


class IntegrationLegalHoldWizard(models.TransientModel):
    """Ask what a legal hold is about, and why."""

    _name = "integration.legal.hold.wizard"
    _inherit = ["integration.patient.numbers.mixin"]
    _description = "Set a legal hold"

    name = fields.Char("Case", required=True)
    reason = fields.Char("Why", required=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    scope = fields.Selection(
        lambda self: self.env["integration.legal.hold"]._fields["scope"]._description_selection(self.env),
        "What it keeps",
        required=True,
        default="company",
    )
    correlation_id = fields.Char("Flow")
    encounter = fields.Char()
    date_from = fields.Date("Received from")
    date_to = fields.Date("Received until")

    def action_set(self):
        """Set it."""
        self.ensure_one()
        if self.scope in ("system", "encounter", "patient") and not self.system_id:
            raise UserError(self.env._("Choose the system."))
        if self.system_id and self.scope in ("system", "encounter", "patient"):
            company = self.system_id.company_id
        else:
            company = self.company_id
        self.env["integration.legal.hold"]._set(
            {
                "name": self.name,
                "reason": self.reason,
                "company_id": company.id,
                "scope": self.scope,
                "system_id": self.scope in ("system", "encounter", "patient") and self.system_id.id,
                "correlation_id": self.scope == "flow" and (self.correlation_id or "").strip(),
                "encounter": self.scope == "encounter" and (self.encounter or "").strip(),
                "patient_refs": self.scope == "patient" and self._taken_refs(),
                "date_from": self.date_from,
                "date_to": self.date_to,
            }
        )
        return {"type": "ir.actions.act_window_close"}
