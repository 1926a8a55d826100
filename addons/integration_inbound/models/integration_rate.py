import threading

from odoo import api, fields, models
from odoo.addons.integration_core import standing, tools
from odoo.tools import SQL, ormcache

from ..domain import rate

_spare = standing.Connections(most=1)
_spare_lock = threading.Lock()


def ask(dbname, asking, system_id, question):
    """Do what :meth:`IntegrationRate._ask` does, where no cursor is at hand.

    :param asking: the statement that :meth:`IntegrationRate._asking` returned
    """
    values = _values(system_id, question)
    row = standing.connections.run(dbname, asking, values)
    if row is None:  # all are busy, or it was lost
        with _spare_lock:
            row = _spare.run(dbname, asking, values)
    return rate.Answer(*row) if row else None


def _values(system_id, question):
    return {
        "system_id": system_id,
        "per_window": question.per_window,
        "want": question.want,
        "back": question.back,
    }


class IntegrationRate(models.Model):
    """The bucket of each system's allowance, of which all processes on all hosts take shares: see :mod:`..domain.rate`.

    A row is changed about once a second per process that takes in messages of its system, in a transaction that does
    nothing else. The table is not logged: after a crash of PostgreSQL all buckets are full.
    """

    _name = "integration.rate"
    _description = "Used allowance of a system"
    _log_access = False
    _rec_name = "system_id"

    system_id = fields.Many2one("integration.system", required=True, readonly=True, ondelete="cascade")
    per_window = fields.Integer(required=True, readonly=True)
    tokens = fields.Float(required=True, readonly=True)
    granted = fields.Integer(required=True, readonly=True, help="By the last question.")
    filled_at = fields.Datetime(required=True, readonly=True)

    _system_uniq = models.UniqueIndex("(system_id)", "A system has one bucket.")

    def init(self):
        self.env.cr.execute("SELECT relpersistence FROM pg_class WHERE oid = 'integration_rate'::regclass")
        if self.env.cr.fetchone()[0] != "u":
            self.env.cr.execute("ALTER TABLE integration_rate SET UNLOGGED")

    @api.model
    def _ask(self, system_id, question):
        """Carry a :class:`rate.Question` to the bucket of a system; return its :class:`rate.Answer`.

        None when no connection is to be had. It is a transaction of its own: nobody waits for the caller's.
        """
        cr = self.env.cr
        if tools.is_in_test(cr):
            self._asking().execute(cr, _values(system_id, question))
            return rate.Answer(*cr.fetchone())
        return ask(cr.dbname, self._asking(), system_id, question)

    @ormcache()
    def _asking(self):
        """Return the :class:`tools.Statement` that does what :meth:`rate.Bucket.answer` says."""
        place = tools.Statement.place
        per_window = SQL("%s::int", place("per_window"))
        want = SQL("%s::int", place("want"))
        elapsed = SQL("GREATEST(0, EXTRACT(EPOCH FROM EXCLUDED.filled_at - r.filled_at))::float8")
        kept = SQL("CASE WHEN r.per_window = EXCLUDED.per_window THEN r.tokens ELSE EXCLUDED.per_window END")
        available = SQL(
            "LEAST(EXCLUDED.per_window, %s + %s * EXCLUDED.per_window / %s + %s::int)",
            kept,
            elapsed,
            float(rate.WINDOW_S),
            place("back"),
        )
        granted = SQL("LEAST(%s, floor(%s))", want, available)
        return tools.Statement.of(
            self.env.cr,
            SQL(
                """
                INSERT INTO integration_rate AS r (system_id, per_window, tokens, granted, filled_at)
                VALUES (%(system_id)s::int, %(per_window)s, %(per_window)s - LEAST(%(want)s, %(per_window)s),
                        LEAST(%(want)s, %(per_window)s), %(now)s)
                ON CONFLICT (system_id) DO UPDATE
                   SET per_window = EXCLUDED.per_window,
                       tokens = %(available)s - %(granted)s,
                       granted = %(granted)s,
                       filled_at = GREATEST(r.filled_at, EXCLUDED.filled_at)
                RETURNING granted, tokens
                """,
                system_id=place("system_id"),
                per_window=per_window,
                want=want,
                now=tools.utc_now(),
                available=available,
                granted=granted,
            ),
        )
