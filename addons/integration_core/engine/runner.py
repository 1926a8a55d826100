"""The engine's loop: claim, run, complete, for handlers inside Odoo and consumers outside.

One :class:`Runner` is one engine process or thread. Handlers run in its own thread, one batch a transaction;
consumers outside are served from a bounded pool of threads that never touch the ORM or an open transaction.
"""

import logging
import os
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timezone

import psycopg2
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.sql_db import BaseCursor
from psycopg2 import errorcodes

from ..domain import backoff, failpoints
from ..domain.keyring import KeyringError
from ..tools import engine_cursor
from . import claims
from .claims import Claimed, Result
from .inbox import Inbox

_logger = logging.getLogger(__name__)

HANDLER_BATCH = 200
CONCURRENCY = 16
PER_SUBSCRIPTION = 8
IDLE_BEFORE_SLEEP = 4.0  # s without work before the process says that it sleeps
GRACE = 1.0  # s it still listens afterwards: longer than an emitter may believe that it is awake
BEAT_EVERY = 1.0
CHORES_EVERY = 1.0
HELD_DELAY = 30.0  # s until work that cannot be tried (no master key) is looked at again
HANDLER_SCHEDULE = backoff.Schedule.parse("0,5,60,600")
# What another transaction did to ours, not what is wrong with the event: the batch is repeated.
REPEATABLE = {
    errorcodes.SERIALIZATION_FAILURE,
    errorcodes.DEADLOCK_DETECTED,
    errorcodes.LOCK_NOT_AVAILABLE,
}
REPEATS = 5


def now_utc() -> datetime:
    """The wall clock as Odoo stores times: UTC without a zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def is_repeatable(error: BaseException) -> bool:
    """Tell whether ``error`` came from concurrency or a lost connection rather than from the event."""
    if (
        isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
        and getattr(error, "pgcode", None) is None
    ):
        return True
    return getattr(error, "pgcode", None) in REPEATABLE


class Runner:
    """Moves deliveries of one database."""

    def __init__(
        self, registry: Registry, *, inline: bool = False, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        """:param inline: jobs run in the calling thread and nothing listens (tests, scripts)."""
        self.registry = registry
        self.name = f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident() % 10000}"
        self._inline = inline
        self._stopping = stopping
        self._pool: ThreadPoolExecutor | None = None
        self._inbox: Inbox | None = None
        self._done: deque[Result] = deque()
        self._inflight: dict[Future, Claimed] = {}
        self._last_beat = self._last_chores = 0.0
        self._state = "asleep"

    # -- the loop
    # ---------------------------------------------------------------------------------------------------------

    def run(self, *, seconds: float) -> None:
        """Move deliveries for up to ``seconds``; return earlier when nothing has been due for a while."""
        self._inbox = Inbox(self.registry.db_name)
        self._pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="integration-send")
        try:
            self._loop(time.monotonic() + seconds)
            self._land()
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            with suppress(psycopg2.Error):
                self._inbox.close()

    def drain(self, rounds: int = 100) -> None:
        """Carry out everything that is due now in the calling thread, then return."""
        for _ in range(rounds):
            self._last_chores = 0.0
            if not self._round():
                return

    def _loop(self, until: float) -> None:
        quiet_since = time.monotonic()
        while time.monotonic() < until and not self._stopping():
            self._beat("awake" if time.monotonic() - quiet_since < IDLE_BEFORE_SLEEP else "asleep")
            if self._round():
                quiet_since = time.monotonic()
                continue
            quiet = time.monotonic() - quiet_since
            if quiet > IDLE_BEFORE_SLEEP + GRACE and not self._inflight:
                break
            self._inbox.wait(0.5)
        self._beat("asleep", force=True)

    def _land(self) -> None:
        """Wait for what is still in the air, each with a total deadline of its own, and store it."""
        while self._inflight:
            self._inbox.wait(0.5)
            self._beat("asleep")
            self._collect()
        self._collect()

    def _round(self) -> bool:
        """Do what is to be done now; return whether there was anything."""
        busy = self._collect()
        busy |= self._reclaim()
        busy |= self._claim_handlers()
        for consumer, model in self._consumers().items():
            busy |= self._claim_consumer(consumer, model)
        busy |= self._chores()
        return busy

    def _consumers(self) -> dict[str, str]:
        with self.registry.cursor() as cr:
            return api.Environment(cr, SUPERUSER_ID, {})["integration.delivery"]._consumers()

    def _beat(self, state: str, *, force: bool = False) -> None:
        moment = time.monotonic()
        if not force and state == self._state and moment - self._last_beat < BEAT_EVERY:
            return
        with engine_cursor(self.registry) as cr:
            heartbeat = api.Environment(cr, SUPERUSER_ID, {})["integration.heartbeat"]
            heartbeat._beat(self.name, state)
            if state != self._state:
                heartbeat._forget_the_dead()
        self._state, self._last_beat = state, moment
        self.registry = self.registry.check_signaling()

    # -- leases
    # -----------------------------------------------------------------------------------------------------------

    def _claim(self, consumer: str, limit: int, without: list[int]) -> list[Claimed]:
        with engine_cursor(self.registry) as cr:
            condition = api.Environment(cr, SUPERUSER_ID, {})["integration.delivery"]._claim_condition()
            claimed = claims.claim(
                cr, consumer=consumer, owner=self.name, limit=limit, condition=condition, without=without
            )
        if claimed:
            failpoints.hit("engine.after_claim")
        return claimed

    def _reclaim(self) -> bool:
        with engine_cursor(self.registry) as cr:
            lost = claims.reclaim(cr, worker=self.name)
            dead = [delivery_id for delivery_id, state in lost if state == "dead"]
            self._announce_dead(cr, dead)
        for delivery_id, state in lost:
            _logger.warning("delivery %s: its process died; %s", delivery_id, state)
        return bool(lost)

    def _complete(self, results: list[Result]) -> list[Result]:
        with engine_cursor(self.registry) as cr:
            ours = claims.complete(cr, results, worker=self.name)
            self._announce_dead(cr, [r.claimed.id for r in results if r.state == "dead" and r.claimed.id in ours])
        return [r for r in results if r.claimed.id in ours]

    def _announce_dead(self, cr: BaseCursor, delivery_ids: list[int]) -> None:
        if not delivery_ids:
            return
        deliveries = api.Environment(cr, SUPERUSER_ID, {})["integration.delivery"].browse(delivery_ids)
        try:
            with cr.savepoint():
                deliveries._announce_dead()
        except Exception:
            # The dead letter itself must not be lost for want of the event that tells of it.
            _logger.exception("deliveries %s: their dead letter could not be announced", delivery_ids)

    # -- handlers
    # -----------------------------------------------------------------------------------------------------------

    def _claim_handlers(self) -> bool:
        claimed = self._claim("handler", HANDLER_BATCH, [])
        for batch in self._batches(claimed):
            self._run_batch(batch)
        return bool(claimed)

    @staticmethod
    def _batches(claimed: list[Claimed]) -> list[list[Claimed]]:
        """Group by subscription and company; what its process died on goes alone."""
        groups: dict[tuple, list[Claimed]] = {}
        for one in claimed:
            alone = one.id if one.crashes else 0
            groups.setdefault((one.lane, one.subscription_id, one.company_id, alone), []).append(one)
        return list(groups.values())

    def _run_batch(self, batch: list[Claimed]) -> None:
        """Run a batch; on an error that is not concurrency split it until the poison event stands alone."""
        waiting = deque([batch])
        while waiting:
            part = waiting.popleft()
            try:
                self._run_part(part)
            except Exception as error:  # noqa: BLE001 (a handler may raise anything; it is recorded below)
                if len(part) > 1 and not isinstance(error, KeyringError):
                    middle = len(part) // 2
                    waiting.extendleft([part[middle:], part[:middle]])  # the first half stays first: key order is kept
                else:
                    self._fail(part, error)

    def _run_part(self, part: list[Claimed]) -> None:
        for turn in range(REPEATS):
            try:
                return self._handle(part)
            except Exception as error:
                if not is_repeatable(error) or turn == REPEATS - 1:
                    raise
                _logger.info("handler batch of %s repeated after %s", len(part), type(error).__name__)
        return None

    def _handle(self, part: list[Claimed]) -> None:
        """One transaction: the handler's effects and the completion of its deliveries."""
        started, clock = now_utc(), time.monotonic()
        with self.registry.cursor() as cr:
            env = self._engine_env(cr, part[0].company_id)
            ours = env["integration.delivery"]._lock_leased(part)
            if not ours:
                return
            handler = env[part[0].handler]
            events = env["integration.event"].browse({one.event_id for one in ours})
            handler._handle(handler._load_batch(events))
            env.flush_all()
            failpoints.hit("engine.handler_before_commit")
            duration = int((time.monotonic() - clock) * 1000)
            claims.complete(
                cr,
                [Result(one, "done", "applied", started, duration) for one in ours],
                worker=self.name,
            )
        failpoints.hit("engine.handler_after_commit")
        self.registry.signal_changes()

    def _engine_env(self, cr: BaseCursor, company_id: int) -> api.Environment:
        engine_user = api.Environment(cr, SUPERUSER_ID, {}).ref("integration_core.user_engine")
        # Bookkeeping mails and followers are for people's deeds, not for thousands of charges.
        context = {"allowed_company_ids": [company_id], "tracking_disable": True, "mail_create_nosubscribe": True}
        return api.Environment(cr, engine_user.id, context)

    def _fail(self, part: list[Claimed], error: Exception) -> None:
        """Record a failure: retried on a short schedule, then a dead letter. A missing key spends no attempt."""
        if isinstance(error, KeyringError):
            results = [
                Result(one, "waiting", "retry", now_utc(), delay=HELD_DELAY, error_code="no_master_key", spent=False)
                for one in part
            ]
        else:
            _logger.error("handler %s failed on delivery %s", part[0].handler, part[0].id, exc_info=error)
            results = [self._failure(one, error) for one in part]
        self._complete(results)

    @staticmethod
    def _failure(one: Claimed, error: Exception) -> Result:
        delay = backoff.next_delay(HANDLER_SCHEDULE, one.attempts + 1)
        return Result(
            one,
            "dead" if delay is None else "waiting",
            "error",
            now_utc(),
            delay=delay or 0.0,
            error_code="handler_failed",
            # The class names what happened; its text might quote the payload.
            error_detail=type(error).__name__,
        )

    # -- consumers outside
    # ----------------------------------------------------------------------------------------------------

    def _claim_consumer(self, consumer: str, model: str) -> bool:
        free = CONCURRENCY - len(self._inflight)
        if free <= 0:
            return False
        in_flight = Counter(one.subscription_id for one in self._inflight.values())
        full = [subscription for subscription, count in in_flight.items() if count >= PER_SUBSCRIPTION]
        claimed = self._claim(consumer, free, full)
        if not claimed:
            return False
        for one, job in self._prepare(model, claimed):
            if isinstance(job, Result):
                self._done.append(job)
            elif self._inline:
                self._done.append(self._guarded(one, job))
            else:
                future = self._pool.submit(self._guarded, one, job)
                self._inflight[future] = one
                future.add_done_callback(lambda _future: self._inbox.poke())
        return True

    def _prepare(self, model: str, claimed: list[Claimed]) -> list[tuple]:
        try:
            with self.registry.cursor() as cr:
                return api.Environment(cr, SUPERUSER_ID, {})[model]._prepare(claimed)
        except KeyringError:
            kept = {"delay": HELD_DELAY, "error_code": "no_master_key", "spent": False}
            return [(one, Result(one, "waiting", "retry", now_utc(), **kept)) for one in claimed]
        except Exception as error:
            _logger.exception("deliveries %s could not be prepared", [one.id for one in claimed])
            if len(claimed) > 1:
                return [pair for one in claimed for pair in self._prepare(model, [one])]
            return [(one, self._failure(one, error)) for one in claimed]

    @staticmethod
    def _guarded(one: Claimed, job: Callable[[], Result]) -> Result:
        try:
            result = job()
        except Exception as error:
            _logger.exception("delivery %s: its job failed", one.id)
            return Runner._failure(one, error)
        failpoints.hit("engine.after_send")
        return result

    def _collect(self) -> bool:
        """Store what the threads finished."""
        for future in [future for future in self._inflight if future.done()]:
            del self._inflight[future]
            self._done.append(future.result())
        results = [self._done.popleft() for _ in range(len(self._done))]
        if not results:
            return False
        stored = self._complete(results)
        self._react(stored)
        return True

    def _react(self, results: list[Result]) -> None:
        if not results:
            return
        try:
            with engine_cursor(self.registry) as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                for model in env["integration.delivery"]._consumers().values():
                    env[model]._after(results)
        except Exception:
            # The results are stored; what follows from them is tried again with the next result.
            _logger.exception("what follows from %s results could not be carried out", len(results))

    # -- chores
    # -----------------------------------------------------------------------------------------------------------

    def _chores(self) -> bool:
        moment = time.monotonic()
        if moment - self._last_chores < CHORES_EVERY:
            return False
        self._last_chores = moment
        with self.registry.cursor() as cr:
            chores = api.Environment(cr, SUPERUSER_ID, {})["integration.engine"]._chores()
        left = False
        for model, method in chores:
            left |= self._chore(model, method)
        if left:
            self._last_chores = 0.0
        return left

    def _chore(self, model: str, method: str) -> bool:
        for turn in range(REPEATS):
            try:
                with self.registry.cursor() as cr:
                    user = api.Environment(cr, SUPERUSER_ID, {}).ref("integration_core.user_engine")
                    env = api.Environment(
                        cr, user.id, {"allowed_company_ids": user.company_ids.ids, "tracking_disable": True}
                    )
                    return bool(getattr(env[model], method)(HANDLER_BATCH))
            except Exception as error:
                if not is_repeatable(error) or turn == REPEATS - 1:
                    _logger.exception("chore %s.%s failed", model, method)
                    return False
        return False
