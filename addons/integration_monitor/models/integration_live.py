from datetime import timedelta

from odoo import api, fields, models
from odoo.addons.integration_core import tools
from odoo.exceptions import AccessError
from odoo.tools import SQL

from .integration_overview import ROLES

HINT = "integration.changed"
"""Type of the message on the bus. It carries nothing."""
CHANNEL = "integration"
"""Part of a company's channel; the other part is the company."""
PAUSE_SECONDS = 3
"""So often the engine tells of changes at most."""
WATCHED = timedelta(minutes=4)
"""For how long somebody who has read a live page is taken to look at it; pages that are seen read again before."""
_LIVE_LOCK = 0x696E746C  # "intl"
_SEQUENCES = (
    "alert",
    "approval",
    "audit",
    "breaker_change",
    "charge",
    "charge_document",
    "delivery_count",
    "effect",
    "event",
    "receipt",
    "reconciliation_line",
    "refused_message",
)
"""What is appended, at once as it is: ids that were given out."""
_TABLES = (
    "approval",
    "charge",
    "charge_document",
    "delivery",
    "effect",
    "endpoint",
    "hold",
    "mapping_task",
    "reconciliation",
    "refused_message",
    "subscription",
)
"""What is changed in place, as PostgreSQL's statistics count it, up to seconds later."""


class IntegrationLive(models.AbstractModel):
    """Tells pages that are looked at that something has changed, so that they read anew what their reader may see.

    A hint goes over Odoo's bus to a company's channel, on which everybody of that company with a role listens. It holds
    no figure and no name. Nothing is written while nobody looks: whoever reads a live page leaves a row that says until
    when. Such rows are appended, never changed, so that no two readers wait for each other.

    What has changed is seen by ids that were given out and by PostgreSQL's counters of changed rows: no table is read.
    An id is given out before its row is committed, so each hint is followed by one more when all is quiet again.
    """

    _name = "integration.live"
    _description = "Live pages"

    def init(self):
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS integration_live_watch (
                company_id integer NOT NULL,
                until timestamp NOT NULL
            );
            INSERT INTO integration_metric_state (name) VALUES ('live') ON CONFLICT DO NOTHING;
            """
        )

    # -- who looks
    # ------------------------------------------------------------------------------------------------------------

    @api.model
    def watch(self):
        """Note that the user looks at a live list of the chosen companies.

        :raises AccessError: for those without a role of the app
        """
        if not self._has_role(self.env.user):
            raise AccessError(self.env._("You hold no role of this app."))
        self._watch(self.env.companies)

    @api.model
    def _has_role(self, user):
        return user._is_internal() and any(user.has_group(group) for group in ROLES.values())

    @api.model
    def _watch(self, companies):
        """Note that somebody looks at these companies; writes at most every other minute for each."""
        now = fields.Datetime.now()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO integration_live_watch (company_id, until)
                SELECT c.id, %(until)s FROM unnest(%(companies)s) AS c (id)
                 WHERE NOT EXISTS (SELECT FROM integration_live_watch w
                                    WHERE w.company_id = c.id AND w.until > %(fresh)s)
                """,
                companies=companies.ids,
                until=now + WATCHED,
                fresh=now + WATCHED / 2,
            )
        )

    @api.model
    def _watched(self):
        """Return (the companies that somebody looks at, whether there are rows of those who have gone)."""
        self.env.cr.execute(
            SQL(
                """
                SELECT array_agg(DISTINCT company_id) FILTER (WHERE until > %(now)s), bool_or(until <= %(now)s)
                  FROM integration_live_watch
                """,
                now=fields.Datetime.now(),
            )
        )
        companies, gone = self.env.cr.fetchone()
        return self.env["res.company"].browse(sorted(companies or ())), bool(gone)

    # -- telling
    # --------------------------------------------------------------------------------------------------------------

    @api.model
    def _hint(self):
        """Have everybody who looks read anew when this transaction commits; told once however often it is called."""
        self._send(self._watched()[0])

    @api.model
    def _send(self, companies):
        if any(f'"{HINT}"' in one["message"] for one in self.env.cr.precommit.data.get("bus.bus.values", ())):
            return
        bus = self.env["bus.bus"]
        for company in companies:
            bus._sendone((company, CHANNEL), HINT, {})

    @api.model
    def _chore_tell(self, limit):
        """Tell those who look that something has changed, if so; there is never more to do at once."""
        companies, gone = self._watched()
        if companies or gone:
            # A snapshot from before another process's turn would refuse to note this one.
            tools.begin_read_committed(self.env.cr)
            self._take_turn(companies)
        return 0

    @api.model
    def _take_turn(self, companies):
        if not self._is_alone():
            return
        self.env.cr.execute(SQL("DELETE FROM integration_live_watch WHERE until <= %s", fields.Datetime.now()))
        if companies and self._has_moved():
            self._send(companies)

    @api.model
    def _has_moved(self):
        """Tell whether something has changed since it was last asked, or a last hint is due; never twice in a moment.

        ``mark`` is what was seen last, ``done`` what was told twice.
        """
        self.env.cr.execute(
            SQL(
                """
                UPDATE integration_metric_state m
                   SET mark = s.moved, done = CASE WHEN m.mark = s.moved THEN m.mark ELSE m.done END, at = %(now)s
                  FROM (SELECT %(moved)s AS moved) AS s
                 WHERE m.name = 'live' AND (m.mark <> s.moved OR m.done <> m.mark)
                   AND COALESCE(m.at + make_interval(secs => %(pause)s) <= %(now)s OR m.at > %(now)s, true)
                RETURNING true
                """,
                moved=self._moved(),
                pause=PAUSE_SECONDS,
                now=tools.utc_now(),
            )
        )
        return bool(self.env.cr.fetchone())

    @api.model
    def _moved(self):
        """SQL of a number that differs whenever something that a live page shows has changed."""
        return SQL(
            """
            (SELECT COALESCE(sum(pg_sequence_last_value(to_regclass('integration_' || n || '_id_seq'))), 0)
               FROM unnest(%s) AS n)::bigint
            + (SELECT COALESCE(sum(pg_stat_get_tuples_inserted(t.oid) + pg_stat_get_tuples_updated(t.oid)
                                   + pg_stat_get_tuples_deleted(t.oid)), 0)
                 FROM unnest(%s) AS n CROSS JOIN LATERAL (SELECT to_regclass('integration_' || n)::oid AS oid) AS t
              )::bigint
            """,
            list(_SEQUENCES),
            list(_TABLES),
        )

    @api.model
    def _is_alone(self):
        """Tell whether no other process tells; until the end of the transaction none will."""
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LIVE_LOCK,))
        return self.env.cr.fetchone()[0]
