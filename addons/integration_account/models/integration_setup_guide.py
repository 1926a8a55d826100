from odoo import api, models

_REVIEWER = "integration_core.group_finance_reviewer"
_VIEWER = "integration_core.group_finance_viewer"


class IntegrationSetupGuide(models.AbstractModel):
    _inherit = "integration.setup.guide"

    @api.model
    def _steps(self):
        return [*super()._steps(), (90, "invoice", self.env._("The first draft invoice"))]

    def _step_invoice(self, system):
        if not system:
            return self._first(system)
        # sudo: how far charges are, by count alone, may be known by whoever may see the system
        charges = self.env["integration.charge"].sudo()
        domain = [("system_id", "=", system.id), ("mode", "=", "live")]
        if charges.search_count([*domain, ("invoice_id", "!=", False)], limit=1):
            return self._says(
                True,
                self.env._("A charge of this system is on an invoice. Finance looks at the draft and posts it."),
                label=self.env._("Charges"),
                action=self._charges(system, "integration_account.action_charge"),
                role=_VIEWER,
            )
        counts = dict(charges._read_group(domain, ["state"], ["__count"]))
        return self._on_its_way(system, counts)

    @api.model
    def _on_its_way(self, system, counts):
        """Say what the charges of a system wait for, by {state: how many}."""
        if counts.get("approved"):
            return self._says(False, self.env._("Approved; the draft is being made."), role=_REVIEWER, waits=True)
        if counts.get("ready"):
            return self._says(
                False,
                self.env._("Ready for review: %s. A finance reviewer selects and approves them.", counts["ready"]),
                label=self.env._("Review charges"),
                action=self._charges(system, "integration_account.action_charge_review", state="ready"),
                role=_REVIEWER,
            )
        if counts.get("held"):
            return self._says(
                False,
                self.env._(
                    "On hold: %s. Their billing rule lets them wait, for the discharge by default.", counts["held"]
                ),
                label=self.env._("Billing rules"),
                action=self._open("integration_account.action_billing_rule"),
                waits=True,
            )
        if counts.get("parked"):
            return self._says(
                False,
                self.env._("Parked: %s. Each says what it waits for.", counts["parked"]),
                label=self.env._("Parked charges"),
                action=self._charges(system, "integration_account.action_charge_parked", state="parked"),
                role=_VIEWER,
            )
        return self._says(
            False,
            self.env._("Waiting for the first charge that arrives while the system is live."),
            details=[self.env._("What arrived before it went live stays a test and makes no document.")],
            role=_REVIEWER,
            waits=system.mode == "live",
        )

    @api.model
    def _charges(self, system, xmlid, state=None):
        domain = [("system_id", "=", system.id), ("mode", "=", "live")]
        return self._open(xmlid, domain=[*domain, ("state", "=", state)] if state else domain, context={})
