from odoo import api, models
from odoo.tools import SQL


class IntegrationRetention(models.Model):
    _inherit = "integration.retention"

    @api.model
    def _open_condition(self):
        """A charge that is not invoiced or ended yet, and a void that waits, still need their message."""
        return SQL(
            """
            %s
            OR EXISTS (SELECT 1 FROM integration_charge c
                        WHERE c.event_id = e.id AND c.state IN ('parked', 'held', 'ready', 'approved'))
            OR EXISTS (SELECT 1 FROM integration_charge_void v
                        WHERE v.event_id = e.id AND v.state IN ('waiting', 'parked'))
            """,
            super()._open_condition(),
        )

    @api.model
    def _open_events(self):
        return SQL(
            """
            %s
            UNION ALL
            SELECT event_id, CASE state WHEN 'parked' THEN 'parked' ELSE 'waiting' END FROM integration_charge
             WHERE event_id IS NOT NULL AND state IN ('parked', 'held', 'ready', 'approved')
            UNION ALL
            SELECT event_id, state FROM integration_charge_void
             WHERE event_id IS NOT NULL AND state IN ('waiting', 'parked')
            """,
            super()._open_events(),
        )
