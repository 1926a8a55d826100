from odoo import api, fields, models
from odoo.tools import SQL

from .. import tools

FRESH_SECONDS = 5


class IntegrationHeartbeat(models.Model):
    """One row per engine process, which only that process updates."""

    _name = "integration.heartbeat"
    _description = "Engine heartbeat"
    _order = "last_beat desc"
    _log_access = False

    name = fields.Char("Process", required=True, readonly=True)
    state = fields.Selection([("awake", "Awake"), ("asleep", "Asleep")], required=True, readonly=True)
    last_beat = fields.Datetime(required=True, readonly=True)

    _name_uniq = models.UniqueIndex("(name)", "A process has one heartbeat.")

    @api.model
    def _beat(self, name, state):
        """Say that the process called ``name`` is alive; forgets processes unheard of for a day."""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO integration_heartbeat (name, state, last_beat) VALUES (%(name)s, %(state)s, %(now)s)
                ON CONFLICT (name) DO UPDATE SET state = EXCLUDED.state, last_beat = EXCLUDED.last_beat
                """,
                name=name,
                state=state,
                now=tools.utc_now(),
            )
        )

    @api.model
    def _forget_the_dead(self):
        self.env.cr.execute(
            SQL("DELETE FROM integration_heartbeat WHERE last_beat < %s - interval '1 day'", tools.utc_now())
        )

    @api.model
    def _is_awake(self):
        """Tell whether some engine process is awake and beating."""
        self.env.cr.execute(
            SQL(
                "SELECT 1 FROM integration_heartbeat WHERE state = 'awake' AND last_beat > %s - "
                "make_interval(secs => %s) LIMIT 1",
                tools.utc_now(),
                FRESH_SECONDS,
            )
        )
        return bool(self.env.cr.fetchone())
