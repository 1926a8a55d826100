from odoo import api, models
from odoo.tools import SQL

from .integration_endpoint import TESTED


class IntegrationEvent(models.Model):
    _inherit = "integration.event"

    @api.model
    def _fan_out_condition(self):
        """Narrow what leaves Odoo to what each endpoint was granted.

        An endpoint is told of its own company alone, by default not of what its own system caused, and nothing real
        from before its system went live. Its test events go to itself alone.
        """
        return SQL(
            """(%s) AND (s.consumer <> 'endpoint' OR EXISTS (
                   SELECT 1 FROM integration_endpoint p JOIN integration_system y ON y.id = p.system_id
                    WHERE p.id = s.endpoint_id AND (%s)))""",
            super()._fan_out_condition(),
            self._endpoint_condition(),
        )

    @api.model
    def _endpoint_condition(self):
        return SQL(
            """
            CASE WHEN t.name = %(tested)s
                 THEN s.for_tests AND e.res_model = 'integration.endpoint' AND e.res_id = p.id
                 ELSE s.for_tests IS NOT TRUE
                      AND p.company_id = e.company_id
                      AND y.mode = 'live' AND y.live_from <= e.received_at
                      AND (s.include_own IS TRUE OR e.origin_system_id IS DISTINCT FROM p.system_id)
                      AND (e.origin_system_id IN (SELECT o.system_id FROM integration_subscription_origin_rel o
                                                   WHERE o.subscription_id = s.id)
                           OR NOT EXISTS (SELECT 1 FROM integration_subscription_origin_rel o
                                           WHERE o.subscription_id = s.id))
            END
            """,
            tested=TESTED,
        )

    @api.model
    def _fan_out_until(self):
        """A system goes live at a moment; a test event goes to the endpoint that it is about."""
        return SQL(
            """LEAST(%s, CASE WHEN t.name = %s THEN '-infinity'::timestamp ELSE (
                   SELECT y.live_from FROM integration_endpoint p JOIN integration_system y ON y.id = p.system_id
                    WHERE p.id = s.endpoint_id AND y.live_from > e.received_at) END)""",
            super()._fan_out_until(),
            TESTED,
        )

    def _subscriber_ids(self, system):
        """Return what ``system`` calls the records that these events are about, for ``data.ids``.

        Hook for the addons that know identifiers; here nothing has another name.

        :return: {event id: {kind: identifier}}, JSON values only; events without any may be left out
        """
        return {}
