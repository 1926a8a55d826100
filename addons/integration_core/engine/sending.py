"""The loop that serves consumers outside Odoo: claim, prepare, let threads send, complete.

No socket is open while a transaction is. The loop claims somewhat more than its threads can begin at once, so that they
never wait for it; what has not begun within a few seconds is given back.
"""

import logging
import time
from collections.abc import Callable

from odoo import SUPERUSER_ID, api

from .. import discreet
from ..domain import failpoints, log_context, tracing
from ..domain.dispatcher import Dispatcher, Try
from ..domain.keyring import KeyringError
from ..domain.throttle import TokenBucket
from . import claims
from .claims import Claimed, Place, Result
from .handling import HELD_DELAY, failure, held
from .loops import RETRIES_EVERY, Every, Loop, Shared, is_connection_error, is_repeatable, now_utc
from .plan import Line, Plan

_logger = logging.getLogger(__name__)

CLAIM = 200
PREFETCH_SECONDS = 3.0
"""How long a claimed delivery may wait for a thread before it is given back."""
LINGER = 0.003
"""Seconds to wait for more results when some have come: one statement then stores them all."""
REACT_EVERY = 1.0
"""Seconds that what follows from successes may wait, so that it is done once for many."""
TOGETHER = 8
"""How many deliveries whose process died once are under way in one process at most."""
BEGIN_WITHIN = 0.4
"""The share of a lease within which its try begins. What is left, 72 of 120 seconds, is for the longest try of an
endpoint (60) and for storing what came of it: nobody else has the delivery meanwhile."""


class SendLoop(Loop):
    """Serves one consumer outside Odoo."""

    _clock = staticmethod(time.monotonic)

    def __init__(self, shared: Shared, *, consumer: str, model: str, lanes: frozenset[int], concurrency: int) -> None:
        """Take the name of the consumer, the model that prepares its tries, and how many may be under way at once."""
        super().__init__(shared, lanes=lanes)
        self.consumer, self._model = consumer, model
        self._concurrency = concurrency
        self._dispatcher = Dispatcher(concurrency, self._try, reached=self._reached, poke=self._woken.set)
        self._unstored: list[Result] = []
        self._unreacted: list[Result] = []
        self._react_soon = Every(REACT_EVERY)
        self._alone: dict[int, int] = {}
        self._owed: dict[int, Claimed] = {}
        """What was claimed and has neither a place in the queue nor a result: a turn that fails leaves it behind."""
        self._spared: frozenset[int] = frozenset()
        """What was given back after the last turn that failed, and has not been prepared since."""
        self._leased_at = 0.0
        self._buckets: dict[int, TokenBucket] = {}
        self._look_for_alone = Every(0.1, share=0.1)
        self._turns = 0

    @property
    def quiet_for(self) -> float:
        """Seconds since this loop last had something to do."""
        return 0.0 if self._dispatcher.under_way else super().quiet_for

    def turn(self) -> bool:
        """Claim and prepare more, store what ended."""
        self._give_back_owed()
        busy = self._fetch()  # first: what has just been committed leaves before anything else is seen to
        busy |= self._store()
        self._give_back()
        if self._unreacted and self._react_soon.due():
            self._react_now()
        return busy

    def land(self) -> None:
        """Give back what has not begun, wait for what is under way (each has a total deadline) and store it."""
        try:
            self._return([*self._owed.values(), *self._dispatcher.take_back(lambda _one: True)])
            while self._dispatcher.under_way:
                self._woken.wait(0.2)
                self._woken.clear()
                self._store()
            self._store()
            self._react_now()
        except Exception as error:  # noqa: BLE001 (leases bring back what could not be stored)
            _logger.warning("the engine stopped before everything was stored (%s)", type(error).__name__)
        finally:
            self._dispatcher.close()

    # -- claiming

    def _lines(self, env: api.Environment) -> list[Line]:
        lines = env["integration.delivery"]._plan_consumer(self.consumer, self.shared.name)
        self._dispatcher.set_caps({line.channel: 1 if line.probing else line.cap for line in lines})
        return lines

    def _fetch(self) -> bool:
        plan = self._read_plan()
        if not plan.lines or self._dispatcher.ready(time.monotonic()) >= CLAIM // 2:
            return False
        free = self._free(plan)
        self._turns += 1
        places = plan.places(self.lanes, free)
        self._leased_at = self._clock()
        claimed = self._take(places, CLAIM, retries_first=self._turns % RETRIES_EVERY == 0) if places else []
        if self._look_for_alone.due() or self.shared.inline:
            channels = plan.by_subscription()
            for one in claimed:
                free[channels[one.subscription_id].channel] -= 1
            claimed += self._look_for_alone.run(lambda: self._fetch_alone(plan, free))
        if claimed:
            self._prepare(claimed, plan)
        return bool(claimed)

    def _take(self, places: list[Place], limit: int, *, retries_first: bool = False) -> list[Claimed]:
        claimed = super()._take(places, limit, retries_first=retries_first)
        self._owed.update({one.id: one for one in claimed})
        self._spend(claimed)
        return claimed

    def _free(self, plan: Plan) -> dict[int, int]:
        """Return how many more deliveries each channel may hold in this process, those that wait included."""
        moment = time.monotonic()
        # Only of a probe is there one at most, whatever the pace.
        held_now = self._dispatcher.held_by_channel() if any(line.probing for line in plan.lines) else {}
        room = self._dispatcher.room({line.channel for line in plan.lines}, moment)
        return {
            line.channel: min(self._room(line, room, held_now), self._allowance(line, moment)) for line in plan.lines
        }

    def _room(self, line: Line, room: dict[int, int], held_now: dict[int, int]) -> int:
        if line.probing:
            return 1 - held_now.get(line.channel, 0)
        return CLAIM if self.shared.inline else min(CLAIM, room[line.channel])

    def _allowance(self, line: Line, moment: float) -> int:
        """Return how many deliveries the channel's rate allows this process at this moment."""
        if line.rate is None:
            self._buckets.pop(line.channel, None)
            return CLAIM
        share = 1 / self.shared.peers
        bucket = self._buckets.get(line.channel)
        if bucket is None:
            bucket = self._buckets[line.channel] = TokenBucket(line.rate, share=share, now=moment)
        bucket.change(line.rate, share=share, now=moment)
        return bucket.available(moment)

    def _spend(self, claimed: list[Claimed]) -> None:
        """Take the tokens of rated channels for what was claimed."""
        lines = self._plan.by_subscription()
        for one in claimed:
            bucket = self._buckets.get(lines[one.subscription_id].channel)
            if bucket is not None:
                bucket.take(1, time.monotonic())

    def _fetch_alone(self, plan: Plan, free: dict[int, int]) -> list[Claimed]:
        """Claim deliveries whose process died.

        Most of those only shared a process with what killed it, if anything did: a few of them go at once. What has
        met two dead processes goes with none of the others beside it, so that a third death names the one.
        """
        room = TOGETHER - len(self._alone) if all(crashes < 2 for crashes in self._alone.values()) else 0
        claimed = self._take(plan.places(self.lanes, free, alone=True), room) if room else []
        suspects = [one for one in claimed if one.crashes > 1]
        kept = [one for one in claimed if one.crashes < 2] or ([] if self._alone else suspects[:1])
        self._return([one for one in suspects if one not in kept])
        self._alone.update({one.id: one.crashes for one in kept})
        return kept

    def _prepare(self, claimed: list[Claimed], plan: Plan) -> None:
        channels = plan.by_subscription()
        moment = time.monotonic()
        tries = []
        jobs = self._jobs(claimed)
        self._return([one for one, job in jobs if job is None])
        jobs = [(one, job) for one, job in jobs if job is not None]
        if tracing.enabled():
            self._trace_claims(jobs)
        self._spared -= {one.id for one, _job in jobs}
        begin_by = self._leased_at + claims.lease_seconds() * BEGIN_WITHIN
        for one, job in jobs:
            self._owed.pop(one.id, None)
            if isinstance(job, Result):
                self._unstored.append(job)
            elif self.shared.inline:
                self._unstored.append(self._try(Try(one, 0, one.lane, job, moment, begin_by)))
            else:
                tries.append(Try(one, channels[one.subscription_id].channel, one.lane, job, moment, begin_by))
        self._dispatcher.put(tries)

    def _trace_claims(self, jobs: list[tuple[Claimed, Result | Callable[[], Result]]]) -> None:
        for one, job in jobs:
            if not isinstance(job, Result):
                about = getattr(job, "about", {})
                self._trace_claim(one, getattr(job, "traceparent", None), about.get("event_id"))

    def _jobs(self, claimed: list[Claimed]) -> list[tuple[Claimed, Result | Callable[[], Result] | None]]:
        try:
            with self._cursor() as cr:
                return api.Environment(cr, SUPERUSER_ID, {})[self._model]._prepare(claimed)
        except KeyringError:
            return [(one, held(one, "no_master_key", HELD_DELAY)) for one in claimed]
        except Exception as error:
            if is_connection_error(error):
                raise
            discreet.failed(_logger, "deliveries %s could not be prepared", [one.id for one in claimed], error=error)
            if len(claimed) > 1:
                return [pair for one in claimed for pair in self._jobs([one])]
            return [(one, failure(one, "not_prepared", error)) for one in claimed]

    # -- in the threads

    def _try(self, one: Try) -> Result:
        item, job = one.item, one.job
        about = {"database": self.registry.db_name, **self._facts_of(item), **getattr(job, "about", {})}
        with log_context.about(**about):
            if self._clock() > one.begin_by:
                # This process stood still. Another one may have it already; if not, it is claimed again.
                _logger.info("delivery %s: not tried, its lease is nearly over", item.id)
                return Result(item, "waiting", "retry", now_utc(), spent=False)
            try:
                result = job()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
                discreet.failed(_logger, "delivery %s: its try failed", item.id, error=error)
                return failure(item, "job_failed", error)
            _logger.debug("delivery %s: %s", item.id, result.error_code or result.outcome)
            failpoints.hit("engine.after_send")
            return result

    @staticmethod
    def _reached(result: Result) -> bool:
        return result.outcome != "retry" or result.status_code is not None

    # -- storing

    def _store(self) -> bool:
        """Store what the threads finished, in one statement; what cannot be stored now is kept and tried again."""
        self._unstored += self._dispatcher.results()
        if not self._unstored:
            return False
        if len(self._unstored) < CLAIM // 8 and self._dispatcher.queued and not self.shared.stopping.is_set():
            self.shared.stopping.wait(LINGER)
            self._unstored += self._dispatcher.results()
        results = self._unstored
        stored = self._complete(results)
        self._unstored = []
        self._forget([one.claimed for one in results])
        self._react(stored)
        return True

    def _react(self, results: list[Result]) -> None:
        model = self.registry[self._model]
        watched = {line.channel for line in self._plan.lines if line.watched or line.probing}
        urgency = results and model._calls_for_reaction(self.registry.db_name, results, watched)
        if urgency:
            self._unreacted += results
        if urgency == "now" or (self._unreacted and (self.shared.inline or self._react_soon.due())):
            self._react_now()

    def _react_now(self) -> None:
        results, self._unreacted = self._unreacted, []
        if results:
            self._react_soon.run(lambda: self._react_to(results))

    def _react_to(self, results: list[Result]) -> None:
        try:
            with self._cursor() as cr:
                api.Environment(cr, SUPERUSER_ID, {})[self._model]._after(results)
        except Exception as error:
            if is_connection_error(error):
                self._unreacted = [*results, *self._unreacted]
                raise
            # The results are stored; what follows from them is tried again with the next result.
            discreet.failed(_logger, "what follows from %s results could not be done", len(results), error=error)
        self._plan.read_at = 0.0

    def _give_back(self) -> None:
        """Return what has waited too long for a thread, what does not get on, and what may no longer be sent."""
        if not self._dispatcher.queued:
            return
        moment = time.monotonic()
        oldest = moment - PREFETCH_SECONDS
        allowed = self._plan.caps() if self._plan.read_at else None
        lanes = self._plan.held_lanes
        back = self._dispatcher.take_back(
            lambda one: one.ready_at < oldest
            or one.lane in lanes
            or (allowed is not None and one.channel not in allowed)
        )
        self._return([*back, *self._dispatcher.take_surplus(moment)])

    def _give_back_owed(self) -> None:
        """Give back what a turn that failed had claimed: nothing was sent, and its process lives.

        What two such turns had claimed, one after the other, may be why they failed: its lease ends, as if its process
        had died. After the third time it is a dead letter.
        """
        owed = list(self._owed.values())
        if not owed:
            return
        again = [one for one in owed if one.id in self._spared]
        self._return([one for one in owed if one.id not in self._spared])
        self._let_be(again)
        self._spared = frozenset(one.id for one in owed)

    def _return(self, claimed: list[Claimed]) -> None:
        """Give back what was claimed, with the tokens of rated channels that were taken for it.

        It is owed until that is done.
        """
        if not claimed:
            return
        self._owed.update({one.id: one for one in claimed})
        try:
            with self._cursor() as cr:
                claims.give_back(cr, claimed)
                env = api.Environment(cr, SUPERUSER_ID, {})
                env[self._model]._given_back([one.id for one in claimed])
        except Exception as error:
            if is_repeatable(error):
                raise
            # Their leases end. Tried again for ever, it would keep everything else waiting.
            discreet.failed(_logger, "deliveries %s could not be given back", [o.id for o in claimed], error=error)
        self._let_be(claimed)

    def _let_be(self, claimed: list[Claimed]) -> None:
        """Have nothing more to do with what was claimed and not sent."""
        for one in claimed:
            self._owed.pop(one.id, None)
        self._forget(claimed)
        self._put_back_tokens(claimed)

    def _put_back_tokens(self, claimed: list[Claimed]) -> None:
        lines = self._plan.by_subscription()
        for one in claimed:
            line = lines.get(one.subscription_id)
            if line is not None and line.channel in self._buckets:
                self._buckets[line.channel].put_back(1)

    def _forget(self, claimed: list[Claimed]) -> None:
        for one in claimed:
            if self._alone.pop(one.id, None) is not None:
                self._look_for_alone.again()
