from odoo import api, models

_STEWARD = "integration_core.group_steward"


class IntegrationSetupGuide(models.AbstractModel):
    _inherit = "integration.setup.guide"

    @api.model
    def _steps(self):
        return [*super()._steps(), (70, "codes", self.env._("Map its codes"))]

    def _step_codes(self, system):
        if not system:
            return self._first(system)
        # sudo: how many codes wait may be known by whoever may see the system; their names stay with the stewards
        tasks = self.env["integration.mapping.task"].sudo()
        [(waiting, kinds)] = tasks._read_group(
            [("system_id", "=", system.id), ("state", "=", "open")], [], ["__count", "kind:array_agg_distinct"]
        )
        if waiting:
            labels = dict(tasks._fields["kind"]._description_selection(self.env))
            return self._says(
                False,
                self.env._("Codes that nobody has mapped yet: %s.", waiting),
                details=[labels[kind] for kind in kinds],
                label=self.env._("Codes to map"),
                action=self._open(
                    "integration_mapping.integration_mapping_task_action",
                    domain=[("system_id", "=", system.id), ("state", "=", "open")],
                    context={},
                ),
                role=_STEWARD,
            )
        if not self._has_answered(system):
            text = self.env._("They show here by themselves when the first event was worked on.")
            return self._says(False, text, role=_STEWARD, waits=True)
        return self._says(True, self.env._("Every code that it sent is mapped."), role=_STEWARD)

    @api.model
    def _has_answered(self, system):
        """Tell whether any event of a system has been worked on, so that its codes would be known."""
        uuids = self._heard(system).mapped("event_uuid")
        # sudo: whether something was worked on may be known by whoever may see the system
        events = self.env["integration.event"].sudo().search([("uuid", "in", uuids)])
        # What left the journal by age was worked on.
        return len(events) < len(uuids) or any(event.delivery_state in ("done", "none") for event in events)
