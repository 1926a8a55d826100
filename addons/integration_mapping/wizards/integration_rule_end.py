from odoo import fields, models
from odoo.exceptions import UserError

from ..models.integration_governed_mixin import ENDINGS


class IntegrationRuleEnd(models.TransientModel):
    """Ask for the end of governed rules: retire from a day on, or revoke what was wrong."""

    _name = "integration.rule.end"
    _description = "End a rule"

    res_model = fields.Char(required=True, readonly=True)
    res_ids = fields.Char(required=True, readonly=True)
    names = fields.Char("Rules", compute="_compute_names")
    how = fields.Selection(ENDINGS, required=True, default="retire")
    last_day = fields.Date(default=fields.Date.context_today, help="The last day of service it holds for.")
    reason = fields.Char(required=True)

    def _compute_names(self):
        for wizard in self:
            wizard.names = "; ".join(wizard._rules().mapped("display_name"))

    def _rules(self):
        """Return what is to end; of models without such rules nothing."""
        model = self.env.get(self.res_model)
        ids = [int(part) for part in (self.res_ids or "").split(",") if part.isdigit()]
        if model is None or "ending" not in model._fields:
            return self.env["integration.unit.factor"].browse()
        return model.browse(ids)

    def action_confirm(self):
        """Ask for it; once approved, what is not billed yet is judged again without the rule."""
        self.ensure_one()
        rules = self._rules()
        rules.check_access("write")
        if not (self.reason or "").strip():
            raise UserError(self.env._("Say why."))
        if self.how == "retire" and not self.last_day:
            raise UserError(self.env._("Choose the last day."))
        rules._ask_end(self.how, self.last_day, self.reason.strip())
        return {"type": "ir.actions.act_window_close"}
