from odoo import api, fields, models


class IntegrationReconciliationDecision(models.TransientModel):
    """Ask why before a decision about breaks, and before a sign-off."""

    _name = "integration.reconciliation.decision"
    _description = "Decide on reconciliation"

    decision = fields.Selection(
        [
            ("explained", "Explain"),
            ("resolved", "Resolve"),
            ("accepted", "Accept"),
            ("open", "Reopen"),
            ("sign", "Sign off"),
        ],
        required=True,
        readonly=True,
    )
    line_ids = fields.Many2many(
        "integration.reconciliation.line", "integration_reconciliation_decision_line", readonly=True
    )
    period_ids = fields.Many2many(
        "integration.reconciliation", "integration_reconciliation_decision_period", readonly=True
    )
    summary = fields.Char(compute="_compute_summary")
    open_count = fields.Integer(compute="_compute_summary")
    reason = fields.Char("Why")

    @api.depends("line_ids", "period_ids")
    def _compute_summary(self):
        for wizard in self:
            wizard.open_count = sum(wizard.period_ids.mapped("open_count"))
            if wizard.decision == "sign":
                wizard.summary = "; ".join(f"{one.display_name}: {one.todo}" for one in wizard.period_ids)
            else:
                wizard.summary = self.env._(
                    "%(count)s breaks, together %(money)s.",
                    count=len(wizard.line_ids),
                    money=wizard.line_ids._money_text() or self.env._("pieces only"),
                )

    @api.model
    def _ask(self, decision, *, lines=(), periods=()):
        wizard = self.create(
            {"decision": decision, "line_ids": [one.id for one in lines], "period_ids": [one.id for one in periods]}
        )
        titles = dict(self._fields["decision"]._description_selection(self.env))
        return {
            "type": "ir.actions.act_window",
            "name": titles[decision],
            "res_model": self._name,
            "res_id": wizard.id,
            "views": [(False, "form")],
            "target": "new",
        }

    def action_confirm(self):
        """Do it, with the reason."""
        self.ensure_one()
        if self.decision == "sign":
            self.period_ids.action_sign(self.reason or "")
        else:
            self.line_ids._decide(self.decision, self.reason or "")
        return {"type": "ir.actions.act_window_close"}
