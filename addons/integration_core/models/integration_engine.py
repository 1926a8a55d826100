import logging
import threading
import time

from odoo import SUPERUSER_ID, api, models
from odoo.modules.registry import Registry
from odoo.service.server import CommonServer
from odoo.tools import SQL

from ..engine.inbox import CHANNEL
from ..engine.runner import Runner
from ..tools import is_real, utc_now

_logger = logging.getLogger(__name__)

CRON_SECONDS = 50.0  # below limit_time_real_cron's default with the longest try on top
BELIEF_SECONDS = 0.5  # how long a process may believe that an engine is awake; shorter than the engine's grace
_NOTIFIED = "integration_core.notified"


class _Belief:
    """What this process last knew of the engine of each database, so that not every commit asks."""

    def __init__(self):
        self._lock = threading.Lock()
        self._asked = {}

    def due(self, dbname):
        with self._lock:
            now = time.monotonic()
            if now - self._asked.get(dbname, -BELIEF_SECONDS) < BELIEF_SECONDS:
                return False
            self._asked[dbname] = now
            return True


_belief = _Belief()
# When Odoo stops it closes every connection under its cron threads: the engine is told first, and goes without noise.
_stopping = threading.Event()
CommonServer.on_stop(_stopping.set)


class IntegrationEngine(models.AbstractModel):
    """Moves every delivery, to handlers inside Odoo and to endpoints outside.

    The same :class:`~odoo.addons.integration_core.engine.runner.Runner` runs in Odoo's cron and, later, in processes
    of its own. PostgreSQL is the only coordination.
    """

    _name = "integration.engine"
    _description = "Engine"

    @api.model
    def _chores(self):
        """Return (model, method) pairs that the engine calls: each one transaction, returning the rows left."""
        return []

    @api.model
    def _cron_run(self):
        """Run the engine inside Odoo's cron. Nothing escapes: a cron that fails too often is switched off by Odoo."""
        try:
            Runner(Registry(self.env.cr.dbname), stopping=_stopping.is_set).run(seconds=CRON_SECONDS)
            if not _stopping.is_set() and self._has_due():
                self.env.ref("integration_core.cron_engine")._trigger()
        except Exception as error:
            if _stopping.is_set():
                _logger.info("the engine stopped with Odoo (%s); leases bring back what it held", type(error).__name__)
            else:
                _logger.exception("the engine stopped; the next cron run goes on")

    @api.model
    def _drain(self):
        """Carry out everything that is due now, in this thread; for tests and scripts."""
        self.env.flush_all()
        Runner(self.env.registry, inline=True).drain()
        self.env.invalidate_all()

    @api.model
    def _has_due(self):
        # Held work is due but nobody may claim it: it must not keep the cron turning.
        self.env.cr.execute(
            SQL(
                """
                SELECT 1 FROM integration_delivery d JOIN integration_subscription s ON s.id = d.subscription_id
                 WHERE d.state = 'waiting' AND d.due_at <= %s AND (%s) LIMIT 1
                """,
                utc_now(),
                self.env["integration.delivery"]._claim_condition(),
            )
        )
        return bool(self.env.cr.fetchone())

    @api.model
    def _wake(self):
        """Wake the engine at this transaction's commit: by NOTIFY, and by the cron when nobody is awake."""
        cr = self.env.cr
        if not is_real(cr):
            return
        data = cr.postcommit.data
        if _NOTIFIED in data:
            return
        data[_NOTIFIED] = True
        cr.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
        cr.postcommit.add(lambda dbname=cr.dbname: _trigger_if_asleep(dbname))


def _trigger_if_asleep(dbname):
    """After the commit: when no engine is awake, trigger the cron.

    A process asks at most twice a second. What it leaves out is safe: an engine that fell asleep meanwhile still
    listens for longer than that, and one that was just triggered has yet to look.
    """
    if not _belief.due(dbname):
        return
    try:
        with Registry(dbname).cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            if not env["integration.heartbeat"]._is_awake():
                env.ref("integration_core.cron_engine")._trigger()
    except Exception:
        # The event is committed; the slow poll of the cron is the safety net.
        _logger.exception("the engine could not be woken")
