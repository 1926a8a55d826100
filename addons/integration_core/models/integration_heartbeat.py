from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .. import tools
from .integration_event_type import LANES

FRESH_SECONDS = 5
SILENT_AFTER = timedelta(seconds=30)
"""A process that is awake beats each second; after this long without a beat it has died or hangs."""


class IntegrationHeartbeat(models.Model):
    """One row per engine process, which only that process updates."""

    _name = "integration.heartbeat"
    _description = "Engine heartbeat"
    _order = "last_beat desc"
    _log_access = False

    name = fields.Char("Process", required=True, readonly=True)
    kind = fields.Selection(
        [("cron", "Odoo's scheduled action"), ("worker", "Worker process")], required=True, readonly=True
    )
    lanes = fields.Char(required=True, readonly=True, help="The lanes it serves.")
    state = fields.Selection(
        [("busy", "Busy"), ("awake", "Awake"), ("asleep", "Asleep")], required=True, readonly=True
    )
    started_at = fields.Datetime("Since", required=True, readonly=True)
    last_beat = fields.Datetime(required=True, readonly=True)

    freshness = fields.Selection(
        [("running", "Running"), ("resting", "Resting until there is work"), ("silent", "No sign of life")],
        "How it is",
        compute="_compute_freshness",
    )
    age = fields.Char("Since its last beat", compute="_compute_freshness")

    _name_uniq = models.UniqueIndex("(name)", "A process has one heartbeat.")

    @api.model
    def _beat(self, name, state, *, kind, lanes):
        """Say that the process called ``name`` is alive.

        An engine in a cron has the same name in each run of its thread, and other lanes whenever other workers live.

        :param lanes: ranks of the lanes it serves
        """
        names = [lane for rank, (lane, _label) in enumerate(LANES) if rank in lanes]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO integration_heartbeat (name, kind, lanes, state, started_at, last_beat)
                VALUES (%(name)s, %(kind)s, %(lanes)s, %(state)s, %(now)s, %(now)s)
                ON CONFLICT (name) DO UPDATE
                   SET kind = EXCLUDED.kind, lanes = EXCLUDED.lanes, state = EXCLUDED.state,
                       last_beat = EXCLUDED.last_beat
                """,
                name=name,
                kind=kind,
                lanes=",".join(names),
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
    def _fresh(self):
        """Return (kind, lanes, state) of every process that is beating and not asleep."""
        self.env.cr.execute(
            SQL(
                "SELECT kind, lanes, state FROM integration_heartbeat WHERE state <> 'asleep' AND last_beat > %s - "
                "make_interval(secs => %s)",
                tools.utc_now(),
                FRESH_SECONDS,
            )
        )
        return self.env.cr.fetchall()

    @api.model
    def _awake_count(self):
        """Return how many engine processes are awake."""
        return len(self._fresh())

    @api.model
    def _served_by_workers(self):
        """Return the ranks of the lanes that worker processes serve at this moment."""
        ranks = {lane: rank for rank, (lane, _label) in enumerate(LANES)}
        return frozenset(
            ranks[lane] for kind, lanes, _state in self._fresh() if kind == "worker" for lane in lanes.split(",")
        )

    # -- for people

    @api.depends("state", "last_beat")
    def _compute_freshness(self):
        now = fields.Datetime.now()
        for beat in self:
            beat.freshness = beat._freshness(now)
            beat.age = tools.age_in_words(self.env, beat.last_beat)

    def _freshness(self, now):
        """Return the word for this process: who said that it sleeps may be silent, who is awake may not."""
        self.ensure_one()
        if self.state == "asleep":
            return "resting"
        return "running" if now - self.last_beat < SILENT_AFTER else "silent"
