from odoo import api, fields, models
from odoo.exceptions import UserError


class IntegrationIdentifierEnd(models.TransientModel):
    """Retire a mapping from a day on, or revoke one that was wrong."""

    _name = "integration.identifier.end"
    _description = "End a mapping"

    identifier_ids = fields.Many2many("integration.identifier", string="Mappings", readonly=True)
    how = fields.Selection(
        [
            ("retire", "Retire: it was right up to a day"),
            ("revoke", "Revoke: it was wrong, for past days too"),
        ],
        required=True,
        default="retire",
    )
    last_day = fields.Date(default=fields.Date.context_today, help="The last day of service it holds for.")
    reason = fields.Char(required=True)
    impact = fields.Char("Reaches", compute="_compute_impact", help="Lines whose days have no meaning afterwards.")

    @api.depends("identifier_ids", "how", "last_day")
    def _compute_impact(self):
        currencies = self.env["integration.mapping.task"]._currencies()
        for wizard in self:
            identifiers = wizard.identifier_ids._origin
            uses = identifiers._end_uses(wizard.last_day if wizard.how == "retire" else None)
            wizard.impact = identifiers._changed_text(uses, currencies)

    def action_confirm(self):
        """Carry it out; lines of days without an answer wait for a new mapping from now on."""
        self.ensure_one()
        self.identifier_ids.check_access("write")
        if not (self.reason or "").strip():
            raise UserError(self.env._("Say why."))
        if self.how == "revoke":
            self.identifier_ids._revoke(self.reason)
        elif self.last_day:
            self.identifier_ids._retire(self.last_day, self.reason)
        else:
            raise UserError(self.env._("Choose the last day."))
        return {"type": "ir.actions.act_window_close"}
