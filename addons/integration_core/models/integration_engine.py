import logging
import threading
import time

import psycopg2
from odoo import SUPERUSER_ID, api, models
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.service.server import CommonServer
from odoo.tools import SQL, config

from .. import discreet
from ..engine import crons
from ..engine.inbox import CHANNEL
from ..engine.plan import ALL_LANES
from ..engine.runner import Runner
from ..tools import is_real, utc_now

_logger = logging.getLogger(__name__)

CRON_SECONDS = 50.0  # below limit_time_real_cron's default with the longest try on top
CPU_SHARE = 0.6  # of Odoo's limit on the processor time of one unit of work, after which the next cron run goes on
PATIENCE = 30.0  # seconds without work before it leaves the cron: waking it again takes longer than any delivery
PATIENCE_OF_ONE = 4.0  # where Odoo has one cron thread, for which its other crons wait
BELIEF_SECONDS = 0.25  # how long a process may believe what it saw of the engine; see FAST_POLL_FOR and GRACE
_NOTIFIED = "integration_core.notified"


class _Belief:
    """What this process last saw of the engine of each database, so that not every commit asks or wakes."""

    def __init__(self):
        self._lock = threading.Lock()
        self._asked, self._busy = {}, {}

    def due(self, dbname):
        """Tell whether it is time to look again, and count this as a look."""
        with self._lock:
            now = time.monotonic()
            if now - self._asked.get(dbname, -BELIEF_SECONDS) < BELIEF_SECONDS:
                return False
            self._asked[dbname] = now
            return True

    def saw(self, dbname, *, busy):
        """Remember whether some engine is busy with all lanes: it looks for more by itself."""
        self._busy[dbname] = time.monotonic() if busy else -BELIEF_SECONDS

    def is_busy(self, dbname):
        return time.monotonic() - self._busy.get(dbname, -BELIEF_SECONDS) < BELIEF_SECONDS


_belief = _Belief()
# When Odoo stops it closes every connection under its cron threads: the engine is told first, and goes without noise.
_stopping = threading.Event()
CommonServer.on_stop(_stopping.set)


class IntegrationEngine(models.AbstractModel):
    """Moves every delivery, to handlers inside Odoo and to endpoints outside.

    The same :class:`~odoo.addons.integration_core.engine.runner.Runner` runs in Odoo's cron and in worker processes
    (``cli/integration_worker.py``). PostgreSQL is the only coordination.
    """

    _name = "integration.engine"
    _description = "Engine"

    def _register_hook(self):
        super()._register_hook()
        crons.keep(self.env.cr.dbname, _stopping)

    @api.model
    def _chores(self):
        """Return (model, method) pairs that the engine calls: each one transaction, returning the rows left."""
        return [
            ("integration.replay", "_chore_advance"),
            ("integration.retention", "_chore_purge"),
            ("integration.delivery.count", "_chore_fold"),
            ("integration.audit.seal", "_chore_seal"),
            ("integration.approval", "_chore_due"),
            ("integration.erasure", "_chore_advance"),
            ("integration.retention.alarm", "_chore_watch"),
        ]

    @api.model
    def _contained(self, function):
        """Run ``function`` in a savepoint; return None when it went well, else a reason that may be shown.

        Errors of the database's concurrency are raised: the caller's whole transaction is to be repeated.
        """
        try:
            with self.env.cr.savepoint():
                function()
        except psycopg2.OperationalError:
            raise
        except UserError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
            # The type alone: an error's text may hold what was sent.
            _logger.warning("integration: %s in %s", type(error).__name__, getattr(function, "__qualname__", "a chore"))
            _logger.debug("integration: contained error\n%s", discreet.outline(error))
            return self.env._("Unexpected error (%s).", type(error).__name__)
        return None

    @api.model
    def _cron_run(self):
        """Run the engine inside Odoo's cron. Nothing escapes: a cron that fails too often is switched off by Odoo.

        It stands down for the lanes that worker processes serve.
        """
        lanes = ALL_LANES - self.env["integration.heartbeat"]._served_by_workers()
        if not lanes:
            return
        try:
            registry = Registry(self.env.cr.dbname)
            runner = Runner(registry, lanes=lanes, stopping=_CronLimit())
            patience = PATIENCE if config["max_cron_threads"] > 1 else PATIENCE_OF_ONE
            runner.run(seconds=CRON_SECONDS, patience=patience)
            goes_on = runner.has_more or runner.quiet_for < patience or self._has_due()
            if goes_on and not _stopping.is_set():
                self.env.ref("integration_core.cron_engine")._trigger()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
            if _stopping.is_set():
                _logger.info("the engine stopped with Odoo (%s); leases bring back what it held", type(error).__name__)
            else:
                discreet.failed(_logger, "the engine stopped; the next cron run goes on", error=error)

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
                SELECT 1 FROM integration_subscription s
                 WHERE %s AND EXISTS (
                    SELECT 1 FROM integration_due d
                     WHERE d.subscription_id = s.id AND d.tier IN (0, 1, 5) AND d.due_at <= %s AND (%s)) LIMIT 1
                """,
                self.env["integration.delivery"]._claim_condition(),
                utc_now(),
                self.env["integration.hold"]._let_go(),
            )
        )
        return bool(self.env.cr.fetchone())

    @api.model
    def _wake(self, *, plan=False):
        """Wake the engine at this transaction's commit: by NOTIFY, and by the cron when nobody is awake.

        A NOTIFY serialises commits; it is left out while an engine is known to be busy, which looks for more by itself.

        :param plan: what may be claimed has changed: the engine reads it anew at once
        """
        news = "plan" if plan else ""
        if not self._is_news(news):
            return
        if plan or not _belief.is_busy(self.env.cr.dbname):
            self.env.cr.execute("SELECT pg_notify(%s, %s)", (CHANNEL, news))
        self._woke(news)

    @api.model
    def _must_notify(self):
        """Tell whether a statement that adds deliveries must notify; call :meth:`_woke` when it has added some."""
        return self._is_news("") and must_notify(self.env.cr.dbname)

    def _is_news(self, news):
        """Tell whether this transaction has not yet said ``news``, nor that everything changed."""
        cr = self.env.cr
        return is_real(cr) and not cr.postcommit.data.get(_NOTIFIED, set()) & {news, "plan"}

    @api.model
    def _woke(self, news=""):
        """Remember that this transaction has said ``news``, and look at the engine after its commit."""
        cr = self.env.cr
        if not is_real(cr):
            return
        said = cr.postcommit.data.setdefault(_NOTIFIED, set())
        if not said:
            cr.postcommit.add(lambda dbname=cr.dbname: look_at_engine(dbname))
        said.add(news)


class _CronLimit:
    """Tells when an engine in a cron must stop: Odoo stops, or kills what has used too much processor time."""

    def __init__(self):
        # Only prefork workers have the limit.
        self._allowed = CPU_SHARE * config["limit_time_cpu"] if config["workers"] else float("inf")
        self._began = time.process_time()

    def __call__(self):
        return _stopping.is_set() or time.process_time() - self._began > self._allowed


def must_notify(dbname):
    """Tell whether a transaction that adds deliveries must notify; :func:`look_at_engine` after its commit."""
    return not _belief.is_busy(dbname)


def look_at_engine(dbname):
    """After the commit: see what the engine does, and trigger the cron when nobody is awake for some lane.

    A process looks a few times a second at most. What it leaves out is safe: an engine that fell asleep meanwhile still
    listens for longer than that, and one that was just triggered has yet to look.
    """
    if not _belief.due(dbname):
        return
    try:
        with Registry(dbname).cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            fresh = env["integration.heartbeat"]._fresh()
            _belief.saw(dbname, busy=_all_lanes_busy(fresh))
            if len(_lanes(fresh)) < len(ALL_LANES):
                env.ref("integration_core.cron_engine")._trigger()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
        # The event is committed; the slow poll of the cron is the safety net.
        discreet.failed(_logger, "the engine could not be woken", error=error)


def _all_lanes_busy(fresh):
    return any(state == "busy" and len(lanes.split(",")) == len(ALL_LANES) for _kind, lanes, state in fresh)


def _lanes(fresh):
    """Return the names of the lanes for which somebody is awake."""
    return {lane for _kind, lanes, _state in fresh for lane in lanes.split(",")}
