"""The loops of an engine process: for handlers inside Odoo, for each consumer outside, and for what all of them need.

Each loop is a thread with transactions of its own. None waits for another: a long batch of charges does not delay
an invoice's news, nor a hanging receiver the charges.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import Any, TypeVar

import psycopg2
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.sql_db import BaseCursor
from psycopg2 import errorcodes

from .. import discreet
from ..domain import failpoints, log_context, tracing
from ..tools import engine_cursor, keep_plans, stay_read_committed
from . import claims, order
from .claims import Claimed, Place, Result
from .plan import Plan

_logger = logging.getLogger(__name__)
Outcome = TypeVar("Outcome")

PLAN_EVERY = 0.5
"""Seconds between two looks at what may be claimed; a change made on a screen is announced and seen at once."""
IDLE_WAIT = 0.5
FAST_POLL = 0.02
FAST_POLL_FOR = 2.0
"""A loop that was busy looks again every 20 ms for two seconds: longer than emitters may believe it busy."""
RETRIES_EVERY = 8
"""Every so many claims take retries first, so that endless fresh work cannot starve them."""
LONG_TURN = 0.2
BUSY_AFTER = 0.5
"""Seconds of work without a pause after which a loop counts as busy: it needs no waking then."""
SERIALIZATION_CODES = {
    errorcodes.SERIALIZATION_FAILURE,
    errorcodes.DEADLOCK_DETECTED,
    errorcodes.LOCK_NOT_AVAILABLE,
    # Two processes did the same at once, and the index decided; the batch sees the other's row when it is repeated.
    errorcodes.UNIQUE_VIOLATION,
}
"""What another transaction did to ours, not what is wrong with the event: the batch is repeated."""


def now_utc() -> datetime:
    """The wall clock as Odoo stores times: UTC without a zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def is_connection_error(error: BaseException) -> bool:
    """Tell whether the database is gone, restarting or has ended our connection.

    When a connection breaks in the middle of a statement psycopg2 has no code to go by and raises its plain
    ``DatabaseError``.
    """
    if not isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) and (
        type(error) is not psycopg2.DatabaseError
    ):
        return False
    code = getattr(error, "pgcode", None)
    return code is None or code[:2] in ("08", "57")


def is_repeatable(error: BaseException) -> bool:
    """Tell whether ``error`` came from concurrency or a lost connection rather than from the event."""
    return is_connection_error(error) or getattr(error, "pgcode", None) in SERIALIZATION_CODES


class Loop:
    """What the loops share: a registry that follows changes made elsewhere, a plan, and how to wait."""

    consumer = ""

    def __init__(self, shared: "Shared", *, lanes: frozenset[int]) -> None:
        """Take what the process's loops share, and the lanes to serve."""
        self.shared = shared
        self.lanes = lanes
        self.has_more = False
        """Whether something is left to do that nobody would wake this loop for."""
        self._plan = Plan()
        self._woken = threading.Event()
        self._news = True
        """Whether another transaction has said something since this was last looked at."""
        self._quiet_since = time.monotonic()
        self._working_since: float | None = None
        self._turning_since: float | None = None
        self._claimed_between = 0, 0
        """When the last claim began and ended, in nanoseconds since 1970."""
        self._cr: BaseCursor | None = None
        self._cr_of: Registry | None = None
        self._dismissed = False

    # -- running

    def run(self) -> None:
        """Work until the process stops; a lost database is waited for."""
        with log_context.about(worker=self.shared.name, database=self.registry.db_name):
            self._run()

    def _run(self) -> None:
        trouble = 0
        while not (self.shared.stopping.is_set() or self._dismissed):
            try:
                self._step()
                trouble = 0
            except Exception as error:  # noqa: BLE001 (reported; a loop never ends for an error)
                trouble += 1
                self._report(error, trouble)
                # Whoever hears that the database is back wakes the loops.
                self._woken.wait(min(5.0, 0.1 * 2 ** min(trouble, 6)))
                self._woken.clear()
        self.land()
        self._close_cursor()

    def _step(self) -> None:
        moment = self._turning_since = time.monotonic()
        try:
            worked = self.turn()
        finally:
            self._turning_since = None
        if worked:
            self._working_since = self._working_since or moment
            self._quiet_since = time.monotonic()
            return
        self._working_since = None
        quiet = time.monotonic() - self._quiet_since
        self._woken.wait(FAST_POLL if quiet < FAST_POLL_FOR else IDLE_WAIT)
        self._woken.clear()

    def _report(self, error: Exception, trouble: int) -> None:
        if self.shared.stopping.is_set():
            _logger.info("the engine stops (%s)", type(error).__name__)
        elif not is_connection_error(error):
            discreet.failed(_logger, "the engine's loop for %s failed; it goes on", self.consumer, error=error)
        elif trouble == 1:
            _logger.warning("the database is not there (%s); trying again", type(error).__name__)

    def wake(self, *, plan: bool = False) -> None:
        """Look for work now; with ``plan``, after reading anew what may be claimed."""
        if plan:
            self._plan.read_at = 0.0
        self._news = True
        self._woken.set()

    def dismiss(self) -> None:
        """Let this loop alone end, after what it has under way: there is nothing left for it to serve."""
        self._dismissed = True
        self._woken.set()

    def everything_is_due(self) -> None:
        """Let the next turn do what is otherwise done now and then (for :meth:`Runner.drain`)."""

    @property
    def quiet_for(self) -> float:
        """Seconds since this loop last had something to do; a turn that takes long is something."""
        moment, turning = time.monotonic(), self._turning_since
        long_turn = turning is not None and moment - turning > LONG_TURN
        return 0.0 if long_turn else moment - self._quiet_since

    @property
    def is_reserve(self) -> bool:
        """Whether it works only while another loop is held up."""
        return False

    @property
    def is_busy(self) -> bool:
        """Whether it has been at work without a pause, so that it looks for more by itself."""
        since = self._working_since
        return since is not None and time.monotonic() - since > BUSY_AFTER

    def turn(self) -> bool:
        """Do what is to be done now; return whether there was anything."""
        raise NotImplementedError

    def land(self) -> None:
        """Finish what is under way."""

    # -- the database

    @property
    def registry(self) -> Registry:
        """The registry as it is now."""
        return self.shared.registry

    @contextmanager
    def _cursor(self) -> Iterator[BaseCursor]:
        """Yield the loop's own cursor for one READ COMMITTED transaction: a new one each time costs a third more."""
        if self.shared.inline:
            with engine_cursor(self.registry) as cr:
                yield cr
            return
        cr = self._standing_cursor()
        try:
            yield cr
            cr.commit()  # pylint: disable=invalid-commit
        except BaseException:
            self._close_cursor()
            raise

    def _standing_cursor(self) -> BaseCursor:
        if self._cr is not None and self._cr_of is not self.registry:
            self._close_cursor()  # it belongs to modules and fields as they were
        if self._cr is None:
            self._cr_of = self.registry
            self._cr = self.registry.cursor()
            stay_read_committed(self._cr)
            self._cr.execute("SET jit = off")
            keep_plans(self._cr)
            self._cr.commit()  # pylint: disable=invalid-commit
        return self._cr

    def _close_cursor(self) -> None:
        cr, self._cr = self._cr, None
        if cr is not None:
            with suppress(psycopg2.Error):
                cr.close()

    def _read_plan(self) -> Plan:
        if time.monotonic() - self._plan.read_at >= PLAN_EVERY or self.shared.inline:
            with self._cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                everything, lanes, systems = env["integration.hold"]._held()
                self._plan.lines = [] if everything else self._lines(env)
                self._plan.held_lanes, self._plan.held_systems = lanes, systems
            self._plan.read_at = time.monotonic()
        return self._plan

    def _lines(self, env: api.Environment) -> list:
        raise NotImplementedError

    def _complete(self, results: list[Result]) -> list[Result]:
        """Store results; return those of deliveries that were still ours."""
        if not results:
            return []
        with self._cursor() as cr:
            stored = claims.complete(cr, results, worker=self.shared.name)
            order.release(cr, stored.freed)
            self._announce_dead(cr, [r.claimed.id for r in results if r.state == "dead" and r.claimed.id in stored.ids])
        return [r for r in results if r.claimed.id in stored.ids]

    def _announce_dead(self, cr: BaseCursor, delivery_ids: list[int]) -> None:
        if not delivery_ids:
            return
        deliveries = api.Environment(cr, SUPERUSER_ID, {})["integration.delivery"].browse(delivery_ids)
        try:
            with cr.savepoint():
                deliveries._announce_dead()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
            # The dead letter itself must not be lost for want of the event that tells of it.
            message = "deliveries %s: their dead letter could not be announced"
            discreet.failed(_logger, message, delivery_ids, error=error)

    def _take(self, places: list[Place], limit: int, *, retries_first: bool = False) -> list[Claimed]:
        began = time.time_ns()
        with self._cursor() as cr:
            claimed = claims.claim(
                cr,
                places=places,
                owner=self.shared.name,
                limit=limit,
                held_systems=list(self._plan.held_systems),
                retries_first=retries_first,
            )
        self._plan.learn(claimed, time.monotonic())
        if claimed:
            self._claimed_between = began, time.time_ns()
            failpoints.hit("engine.after_claim")
        return claimed

    def _facts_of(self, one: Claimed) -> dict[str, Any]:
        """Return what logs and traces say of a delivery."""
        return {
            "worker": self.shared.name,
            "lane": log_context.LANES[one.lane],
            "subscription_id": one.subscription_id,
            "delivery_id": one.id,
        }

    def _trace_claim(self, one: Claimed, parent: str | None, event_id: str | None) -> None:
        """Tell of the claim of a delivery in the trace of its event."""
        began, ended = self._claimed_between
        span = tracing.begin("claim", parent=parent, start=began, event_id=event_id, **self._facts_of(one))
        if span is not None:
            span.end(ended)


class Shared:
    """What the loops of one process have in common."""

    def __init__(self, registry: Registry, name: str, *, inline: bool) -> None:
        """Take the registry to begin with and the name of the process."""
        self.registry = registry
        self.name = name
        self.inline = inline
        self.stopping = threading.Event()
        self.peers = 1
        """How many engine processes are awake, this one included: they share rates."""


class Every:
    """Lets something happen at most once in a while, and never for more than a small share of the time."""

    def __init__(self, seconds: float, *, share: float = 0.02) -> None:
        """Take the least time between two runs, and the greatest share of the time they may take together."""
        self._seconds, self._share = seconds, share
        self._next = 0.0

    def due(self) -> bool:
        """Tell whether it is time."""
        return time.monotonic() >= self._next

    def run(self, work: Callable[[], Outcome]) -> Outcome:
        """Do it now, and plan the next time; return what ``work`` returns."""
        began = time.monotonic()
        try:
            return work()
        finally:
            took = time.monotonic() - began
            self._next = time.monotonic() + max(self._seconds, took / self._share)

    def again(self) -> None:
        """Let it be due at once."""
        self._next = 0.0
