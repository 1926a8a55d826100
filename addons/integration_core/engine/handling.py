"""The loop that carries out handlers inside Odoo: one batch of events, one transaction."""

import logging
import random
import time
from collections import Counter, deque
from datetime import datetime
from typing import Any, NamedTuple

from odoo import SUPERUSER_ID, api
from odoo.sql_db import BaseCursor

from .. import discreet
from ..domain import backoff, failpoints, log_context, tracing
from ..domain.keyring import KeyringError
from ..tools import EventIds
from . import claims, order
from .claims import Claimed, Place, Result
from .loops import RETRIES_EVERY, Every, Loop, Shared, is_connection_error, is_repeatable, now_utc
from .plan import Line

_logger = logging.getLogger(__name__)

BATCH = 200
REPEATS = 5
REPEAT_WAIT = 0.02
"""Seconds, more or less, before a batch is repeated that met another transaction; twice as many each time."""
YOUNG = 0.25
"""The share of its time in which a lease need not begin anew."""
HELD_DELAY = 30.0
"""Seconds until work that cannot be tried (no master key) is looked at again."""
SCHEDULE = backoff.Schedule.parse("0,5,60,600")
ALONE_EVERY = 2
"""Every so many batches of a subscription are one delivery whose process died, while fresh work waits, too."""
OTHERS_EVERY = 8
"""Every so many batches the least critical lane that has something due comes first."""
RESERVE_AFTER = 1.0
"""Seconds that a turn of the main loop may take, for a batch or chores, before the reserve serves the critical lane
beside it."""


class HandlerLoop(Loop):
    """Claims deliveries to handlers, a batch of one subscription at a time, and runs the chores in between."""

    consumer = "handler"
    _clock = staticmethod(time.monotonic)

    def __init__(self, shared: Shared, *, lanes: frozenset[int], behind: "HandlerLoop | None" = None) -> None:
        """Take the lanes to serve; a loop that is ``behind`` another one works only while that one is held up."""
        super().__init__(shared, lanes=lanes)
        self._behind = behind
        self._leased_at = 0.0
        self._freed: frozenset[order.Key] = frozenset()
        """Ordering keys whose head was removed, and of which the next delivery has yet to be let go."""
        self._follows = False
        """Whether something has yet to follow from what was committed."""
        self._chores = Every(1.0, share=0.25)
        self._turn = 0
        self._served: dict[tuple[int, int], int] = {}
        self._batches: Counter[tuple[int, int]] = Counter()
        self._origins: dict[int, Origin] = {}

    def turn(self) -> bool:
        """Carry out one batch, do the chores."""
        if self._follows:
            self._follow_up()
        if self._behind is not None:
            return self._behind.is_held_up() and self._carry_out_batch()
        busy = self._carry_out_batch()
        if self._chores.due():
            self.has_more = bool(self._chores.run(self._do_chores))
            if self.has_more:
                self._chores.again()
        return busy or self.has_more

    @property
    def is_reserve(self) -> bool:
        """Whether it works only while another loop is held up."""
        return self._behind is not None

    def is_held_up(self) -> bool:
        """Tell whether this loop has not looked for work for long: a batch keeps it, or chores do."""
        since = self._turning_since
        return since is not None and time.monotonic() - since > RESERVE_AFTER

    def everything_is_due(self) -> None:
        """Let the chores happen in the next turn."""
        self._chores.again()

    # -- batches

    def _lines(self, env: api.Environment) -> list[Line]:
        return env["integration.delivery"]._plan_handlers()

    def _carry_out_batch(self) -> bool:
        batch = self._claim_batch()
        if not batch:
            return False
        self._run_parts(self._by_author(batch))
        return True

    def _claim_batch(self) -> list[Claimed]:
        """Claim from one subscription: critical lanes first, and in a lane whoever was served longest ago."""
        plan = self._read_plan()
        self._turn += 1
        free = {line.channel: BATCH for line in plan.lines}
        places = plan.places(self.lanes, free) + plan.places(self.lanes, free, alone=True)
        # Now and then the least critical lane comes first, which endless critical work would starve.
        sign = -1 if self._turn % OTHERS_EVERY == 0 else 1
        places.sort(key=lambda place: (sign * place.lane, self._served.get(_key(place), 0)))
        self._leased_at = self._clock()
        with self._cursor() as cr:
            found = claims.ready(cr, places, list(plan.held_systems))
        if not found:
            return []
        key = _key(found[0])
        self._served[key] = self._turn
        return self._claim_of(key, [place for place in found if _key(place) == key])

    def _claim_of(self, key: tuple[int, int], places: list[Place]) -> list[Claimed]:
        """Claim of one subscription in one lane: a batch, or one whose process died.

        Fresh work goes first, but however much of it there is, it starves neither retries nor those that go alone.
        """
        self._batches[key] += 1
        alone = [place for place in places if place.tier == claims.ALONE]
        together = [place for place in places if place.tier != claims.ALONE]
        if alone and (not together or self._batches[key] % ALONE_EVERY == 0):
            claimed = self._take(alone, 1)
            if claimed:
                return claimed
        return self._take(together, BATCH, retries_first=self._batches[key] % RETRIES_EVERY == 0)

    def _by_author(self, claimed: list[Claimed]) -> list[list[Claimed]]:
        """Split a batch by company and by the system that sent, as whose user it is carried out."""
        with self._cursor() as cr:
            self._origins = origins(cr, [one.event_id for one in claimed])
        groups: dict[tuple[int, int | None], list[Claimed]] = {}
        for one in sorted(claimed, key=lambda c: (c.event_id, c.id)):
            if tracing.enabled():
                self._trace_claim(one, self._origin(one).traceparent, self._origin(one).uuid)
            groups.setdefault((one.company_id, self._origin(one).system_id), []).append(one)
        return list(groups.values())

    def _origin(self, one: Claimed) -> "Origin":
        return self._origins.get(one.event_id, NOBODY)

    def _about(self, part: list[Claimed]) -> log_context.about:
        """Return the scope of a batch; the ids of one event where it stands alone."""
        one, origin = part[0], self._origin(part[0])
        facts: dict[str, log_context.Told] = {
            "system": origin.system,
            "subscription_id": one.subscription_id,
            "lane": log_context.LANES[one.lane],
        }
        if len(part) > 1:
            return log_context.about(**facts, delivery_ids=lambda: [each.id for each in part])
        trace = log_context.trace_of(origin.traceparent)
        return log_context.about(
            **facts, delivery_id=one.id, event_id=origin.uuid, webhook_id=origin.webhook_id, trace_id=trace
        )

    def _run_parts(self, parts: list[list[Claimed]]) -> None:
        """Run the parts of a batch; on an error that is not concurrency split one until the poison event stands alone.

        However long that takes, what waits for its turn meanwhile is not lost: its leases begin anew before each part,
        and while a part runs nobody can take them back. A delivery that was lost all the same is not run.
        """
        waiting = deque(parts)
        while waiting:
            if self.shared.stopping.is_set():
                # Whoever stops the process may not wait for all of them.
                return self._give_back([one for part in waiting for one in part])
            ours = self._still_ours([one for part in waiting for one in part])
            part = [one for one in waiting.popleft() if one.id in ours]
            if part:
                beside = [one for others in waiting for one in others if one.id in ours]
                with self._about(part):
                    waiting.extendleft(self._run_or_split(part, beside))
        return None

    def _give_back(self, held_now: list[Claimed]) -> None:
        with self._cursor() as cr:
            claims.give_back(cr, held_now)

    def _still_ours(self, held_now: list[Claimed]) -> frozenset[int]:
        """Return the ids of those that this process still holds; their leases begin anew where they are not young."""
        moment = self._clock()
        if moment - self._leased_at < claims.lease_seconds() * YOUNG:
            return frozenset(one.id for one in held_now)
        with self._cursor() as cr:
            ours = claims.renew(cr, held_now)
        self._leased_at = moment
        return ours

    def _run_or_split(self, part: list[Claimed], beside: list[Claimed]) -> list[list[Claimed]]:
        """Run a part; return what is left to do of it, last things first.

        :param beside: what waits until it is over
        """
        spans = self._begin_spans(part) if tracing.enabled() else {}
        try:
            with tracing.handling(spans):
                self._run_part(part, beside)
            for span in spans.values():
                span.end()
        except Exception as error:
            if is_connection_error(error):
                # Nothing was committed. The leases end: what brings PostgreSQL down shall not come again at once.
                raise
            # What waits was locked until now: once its lease is over, anybody may take it back.
            ours = self._still_ours([*part, *beside])
            if len(part) > 1 and not isinstance(error, KeyringError):
                part = [one for one in part if one.id in ours]
                middle = len(part) // 2
                return [part[middle:], part[:middle]]  # the first half stays first: key order is kept
            for span in spans.values():
                span.fail(type(error).__name__)
                span.end()
            self._fail(part, error)
        return []

    def _begin_spans(self, part: list[Claimed]) -> dict[str, tracing.Span]:
        """Begin a span for each event of a batch, in the event's trace; a batch that is split has others."""
        spans = {}
        for one in part:
            origin = self._origin(one)
            span = tracing.begin(
                "handle",
                parent=origin.traceparent,
                event_id=origin.uuid,
                system=origin.system,
                attempt=one.attempts + 1,
                batch=len(part),
                **self._facts_of(one),
            )
            if span is not None and origin.uuid:
                spans[origin.uuid] = span
        if len(part) == 1:
            for span in spans.values():
                log_context.note(**span.ids)
        return spans

    def _run_part(self, part: list[Claimed], beside: list[Claimed]) -> None:
        for turn in range(REPEATS):
            try:
                return self._handle(part, beside)
            except Exception as error:
                if not is_repeatable(error) or turn == REPEATS - 1:
                    raise
                _logger.info("handler batch of %s repeated after %s", len(part), type(error).__name__)
                if not is_connection_error(error):
                    # Nothing is locked any more, and the batch may have taken longer than its leases.
                    ours = self._still_ours([*part, *beside])
                    part, beside = ([one for one in some if one.id in ours] for some in (part, beside))
                    if not part:
                        return None
                # At once, both would meet again.
                self.shared.stopping.wait(REPEAT_WAIT * 2**turn * random.uniform(0.5, 1.5))  # noqa: S311
        return None

    def _handle(self, part: list[Claimed], beside: list[Claimed]) -> None:
        """One transaction: the handler's effects and the completion of its deliveries."""
        started, clock = now_utc(), time.monotonic()
        with self.registry.cursor() as cr:
            env = self._author_env(cr, part[0])
            ours = claims.lock(cr, part, beside=beside)
            if not ours:
                return
            subscription = env["integration.subscription"].sudo().browse(part[0].subscription_id)  # sudo: engine's own
            events = env["integration.event"].browse({one.event_id for one in ours})
            handler = env[subscription.handler].with_context(integration_handled_event_ids=EventIds(events.ids))
            handler._handle(handler._load_batch(events))
            env.flush_all()
            failpoints.hit("engine.handler_before_commit")
            stored = self._done(cr, ours, started, clock)
        self._freed, self._follows = self._freed | stored.freed, True
        failpoints.hit("engine.handler_after_commit")
        self._follow_up()

    def _follow_up(self) -> None:
        """Do what follows from a commit. It cannot be undone, so nothing here fails it: the next turn tries again."""
        try:
            self.registry.signal_changes()
            if self._freed:
                # A snapshot that begins after the commit sees who was put behind these meanwhile.
                with self._cursor() as cr:
                    order.release(cr, self._freed)
                self._freed = frozenset()
            self._follows = False
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
            _logger.warning("what follows from a batch could not be done yet (%s)", discreet.name_of(error))

    def _done(self, cr: BaseCursor, ours: list[Claimed], started: datetime, clock: float) -> claims.Stored:
        duration = int((time.monotonic() - clock) * 1000)
        results = [Result(one, "done", "applied", started, duration) for one in ours]
        return claims.complete(cr, results, worker=self.shared.name)

    def _author_env(self, cr: BaseCursor, one: Claimed) -> api.Environment:
        """Return the environment of the user of the system that sent, else of the engine's own."""
        env = api.Environment(cr, SUPERUSER_ID, {})
        user = env["integration.event"].browse(one.event_id).system_id.run_as_id
        # Bookkeeping mails and followers are for people's deeds, not for thousands of charges.
        context = {"allowed_company_ids": [one.company_id], "tracking_disable": True, "mail_create_nosubscribe": True}
        if not user._acts_for_integration():
            user = env.ref("integration_core.user_engine")
        return api.Environment(cr, user.id, context)

    def _fail(self, part: list[Claimed], error: Exception) -> None:
        """Record a failure: retried on a short schedule, then a dead letter. A missing key spends no attempt."""
        if isinstance(error, KeyringError):
            self._complete([held(one, "no_master_key", HELD_DELAY) for one in part])
            return
        discreet.failed(_logger, "a handler failed on delivery %s", part[0].id, error=error)
        self._complete([failure(one, "handler_failed", error) for one in part])

    # -- chores

    def _do_chores(self) -> bool:
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            user = env.ref("integration_core.user_engine")
            # Once for all of them: each has a transaction of its own, which would have to read it anew.
            who = user.id, {"allowed_company_ids": user.company_ids.ids, "tracking_disable": True}
            chores = env["integration.engine"]._chores()
        left = False
        for model, method in chores:
            left |= self._chore(model, method, *who)
        return left

    def _chore(self, model: str, method: str, user_id: int, context: dict[str, Any]) -> bool:
        for turn in range(REPEATS):
            try:
                with self.registry.cursor() as cr:
                    env = api.Environment(cr, user_id, context)
                    left = bool(getattr(env[model], method)(BATCH))
                    failpoints.hit(f"chore.{model}")
                return left
            except Exception as error:
                if is_connection_error(error):
                    raise
                if not is_repeatable(error) or turn == REPEATS - 1:
                    discreet.failed(_logger, "chore %s.%s failed", model, method, error=error)
                    return False
        return False


def _key(place: Place) -> tuple[int, int]:
    return place.lane, place.subscription_id


class Origin(NamedTuple):
    """Where an event comes from: the system that sent it, by id and code, and its ids."""

    system_id: int | None = None
    system: str | None = None
    uuid: str | None = None
    webhook_id: str | None = None
    traceparent: str | None = None


NOBODY = Origin()


def origins(cr: BaseCursor, event_ids: list[int]) -> dict[int, Origin]:
    """Return where each of these events comes from."""
    cr.execute(
        """
        SELECT e.id, e.system_id, s.code, e.uuid, e.webhook_id, e.traceparent
          FROM integration_event e LEFT JOIN integration_system s ON s.id = e.system_id WHERE e.id = ANY (%s)
        """,
        (event_ids,),
    )
    return {event_id: Origin(*found) for event_id, *found in cr.fetchall()}


def held(one: Claimed, code: str, delay: float) -> Result:
    """Return the result of a delivery that could not be tried: it waits and spends no attempt."""
    return Result(one, "waiting", "retry", now_utc(), delay=delay, error_code=code, spent=False)


def failure(one: Claimed, code: str, error: Exception) -> Result:
    """Return the result of an error of our own: again on a short schedule, then a dead letter."""
    delay = backoff.next_delay(SCHEDULE, one.attempts + 1)
    return Result(
        one,
        "dead" if delay is None else "waiting",
        "error",
        now_utc(),
        delay=delay or 0.0,
        error_code=code,
        # The class names what happened; its text might quote the payload.
        error_detail=type(error).__name__,
    )
