from odoo import api, fields, models
from odoo.tools import SQL

from ..domain.objectives import DAYS, Signs


class IntegrationSystem(models.Model):
    """Who looks after a system, and how it stands: what it sends, and what its endpoints receive together."""

    _name = "integration.system"
    _inherit = ["integration.system", "integration.health.mixin"]

    endpoint_ids = fields.One2many(
        "integration.endpoint",
        "system_id",
        "Endpoints",
        readonly=True,
        groups="integration_core.group_operator,integration_core.group_auditor",
    )

    @api.model
    def _portable_fields(self):
        return [*super()._portable_fields(), "criticality", "support_hours", "runbook_url"]

    def _health_endpoints(self):
        return {system.id: system._origin.endpoint_ids.ids for system in self}

    def _health_last_good(self):
        """Return {system id: when its last message was journalled}; one look at an index each."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.id, (SELECT max(e.received_at) FROM integration_event e WHERE e.system_id = s.id)
                  FROM integration_system s WHERE s.id IN %s
                """,
                tuple(self._origin.ids) or (0,),
            )
        )
        return dict(rows)

    def _health_signs(self, known, *, has_key, last_good):
        endpoints = self._origin.endpoint_ids
        active = endpoints.filtered(lambda endpoint: endpoint.state == "active")
        since = fields.Datetime.subtract(fields.Datetime.now(), days=DAYS)
        return Signs(
            draft=self.state == "draft",
            stopped=self.state == "suspended" or any(one.state == "disabled" for one in endpoints),
            # sudo: a hold is the operators', that there is one is not
            paused=bool(self.sudo().hold_id) or any(one.state == "paused" for one in endpoints),
            keyless=bool(self.event_type_ids) and not has_key,
            breaker_open=any(one.breaker_open for one in active),
            heard=bool(last_good and last_good >= since),
            **known,
        )
