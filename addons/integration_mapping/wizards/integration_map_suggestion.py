from odoo import fields, models


class IntegrationMapSuggestion(models.TransientModel):
    """What a code could mean, with what speaks for it, in the dialog in which a steward decides."""

    _name = "integration.map.suggestion"
    _description = "Suggestion for a code"

    wizard_id = fields.Many2one("integration.map.codes", required=True, ondelete="cascade", index=True)
    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", required=True, readonly=True)
    name = fields.Char("Could mean", required=True, readonly=True)
    evidence = fields.Char("What speaks for it", readonly=True)

    def action_choose(self):
        """Fill the suggestion into the dialog, which stays open."""
        self.ensure_one()
        self.env["integration.identifier"].check_access("create")
        self.wizard_id._choose(self.res_model, self.res_id)
        return {
            "type": "ir.actions.act_window",
            "res_model": self.wizard_id._name,
            "res_id": self.wizard_id.id,
            "view_mode": "form",
            "target": "new",
        }
