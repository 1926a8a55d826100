from odoo import fields, models
from odoo.addons.integration_core.wizards.integration_reason_wizard import OPERATIONS

from ..domain import month_end

_LINES = "integration.reconciliation.line"
_PERIODS = "integration.reconciliation"
OPERATIONS |= {
    "sign_month": ("integration.month", "_sign"),
    "sign_period": (_PERIODS, "action_sign"),
    "explained": (_LINES, "action_explain"),
    "resolved": (_LINES, "action_resolve"),
    "accepted": (_LINES, "action_accept"),
    "open": (_LINES, "action_reopen"),
}


class IntegrationReasonWizard(models.TransientModel):
    _inherit = "integration.reason.wizard"

    operation = fields.Selection(
        selection_add=[
            ("sign_month", "Sign off"),
            ("sign_period", "Sign off"),
            ("explained", "Explain"),
            ("resolved", "Resolve"),
            ("accepted", "Accept"),
            ("open", "Reopen"),
        ],
        ondelete=dict.fromkeys(
            ("sign_month", "sign_period", "explained", "resolved", "accepted", "open"),
            "cascade",
        ),
    )
    seen = fields.Char(readonly=True, help="SHA-256 of the figures that were read before they are signed off.")

    def _arguments(self):
        return (self.reason, self.seen) if self.operation == "sign_month" else super()._arguments()

    def _summary(self):
        if self.operation == "sign_month":
            return self._summary_of_month()
        if self.operation == "sign_period":
            periods = self.env[_PERIODS].browse(self.res_ids or []).exists()
            return "; ".join(f"{one.display_name}: {one.todo}" for one in periods)
        if OPERATIONS.get(self.operation, ("",))[0] == _LINES:
            lines = self.env[_LINES].browse(self.res_ids or []).exists()
            return self.env._(
                "Breaks: %(count)s, together %(money)s.",
                count=len(lines),
                money=lines._money_text() or self.env._("pieces only"),
            )
        return super()._summary()

    def _summary_of_month(self):
        month = self.env["integration.month"].browse(self.res_ids or []).exists()[:1]
        if not month:
            return False
        stuck = month_end.stuck(month._figures())
        return self.env._("%(month)s: %(stuck)s. It is signed off nevertheless.", **month._words(stuck))
