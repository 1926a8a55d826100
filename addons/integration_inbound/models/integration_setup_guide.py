from odoo import fields, models
from odoo.addons.integration_core.tools import age_in_words


class IntegrationSetupGuide(models.AbstractModel):
    _inherit = "integration.setup.guide"

    def _step_event(self, system):
        step = super()._step_event(system)
        if system and not step["done"]:
            step["button"] = self._says(
                False,
                "",
                label=self.env._("Connect"),
                action=self._open(
                    "integration_inbound.action_connect",
                    context={"active_model": system._name, "active_id": system.id, "active_ids": system.ids},
                ),
                role="integration_core.group_operator",
            )["button"]
        return step

    def _while_waiting(self, system):
        return [*super()._while_waiting(system), *self._refused(system)]

    def _refused(self, system):
        """Say what was last refused of a system from which nothing was accepted yet."""
        lines = []
        lately = fields.Datetime.subtract(fields.Datetime.now(), hours=1)
        refusal = self.env["integration.refusal"].search(
            [("claimed", "=", system.code), ("minute", ">=", lately)], limit=1
        )
        if refusal:
            causes = dict(refusal._fields["cause"]._description_selection(self.env))
            lines.append(
                self.env._(
                    "Refused %(ago)s ago, from %(address)s: %(cause)s (%(times)s in that minute).",
                    ago=age_in_words(self.env, refusal.last_at),
                    address=refusal.address,
                    cause=causes[refusal.cause],
                    times=refusal.count,
                )
            )
        message = self.env["integration.refused.message"].search([("system_id", "=", system.id)], limit=1)
        if message:
            lines.append(
                self.env._(
                    "A signed message was refused: %(detail)s It waits under Refused messages.",
                    detail=message.detail or message.code,
                )
            )
        return lines
