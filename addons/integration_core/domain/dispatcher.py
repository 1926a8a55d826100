"""Prepared tries of one engine process, and the threads that carry them out.

The engine's loop puts tries here in batches; each thread takes the next one that may begin, so that threads never wait
for the loop. Within a lane the channels take turns. Nothing here knows Odoo or a database.
"""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from .capacity import LANES, Occupancy

_logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

IDLE_THREAD_S: Final = 30.0
"""Seconds after which a thread that found nothing to do ends."""


@dataclass(frozen=True)
class Try(Generic[Item, Result]):
    """One try that is ready: what it is about, where it belongs, and the job that carries it out.

    ``ready_at`` is when it was queued, ``begin_by`` until when it may begin, as whoever runs it sees to (seconds of the
    monotonic clock).
    """

    item: Item
    channel: int
    lane: int
    job: Callable[[], Result]
    ready_at: float
    begin_by: float = math.inf


class Dispatcher(Generic[Item, Result]):
    """Hands prepared tries to threads, within what :class:`.capacity.Occupancy` allows."""

    def __init__(
        self,
        concurrency: int,
        run: Callable[[Try[Item, Result]], Result],
        *,
        reached: Callable[[Result], bool],
        poke: Callable[[], None],
    ) -> None:
        """Take how many tries may be under way at once and what a thread does with one; ``run`` must not raise.

        ``reached`` tells from a result whether the other side answered; ``poke`` is called when there are new results.
        """
        self._occupancy = Occupancy(concurrency)
        self._run, self._reached, self._poke = run, reached, poke
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._lanes: list[dict[int, deque[Try[Item, Result]]]] = [{} for _ in range(LANES)]
        self._results: list[Result] = []
        self._tickets = itertools.count(1)
        self._queued = self._threads = self._idle = 0
        self._closed = self._is_short = False

    # -- the loop's side

    def set_caps(self, caps: Mapping[int, int]) -> None:
        """Take how many tries each channel may have under way."""
        with self._lock:
            self._occupancy.set_caps(caps)
            self._hire()

    @property
    def queued(self) -> int:
        """How many tries wait for a thread."""
        return self._queued

    @property
    def under_way(self) -> int:
        """How many tries are being carried out."""
        return self._occupancy.total

    def ready(self, now: float) -> int:
        """Return how many tries wait for a thread in channels that get on."""
        with self._lock:
            return sum(
                len(tries)
                for lane in self._lanes
                for channel, tries in lane.items()
                if not self._occupancy.channel(channel).is_stalled(now)
            )

    def room(self, channels: Iterable[int], now: float) -> dict[int, int]:
        """Return how many more tries each of these channels may hold, 0 or less for none."""
        with self._lock:
            held = self._held()
            return {key: self._occupancy.channel(key).ahead(now) - held.get(key, 0) for key in channels}

    def held_by_channel(self) -> dict[int, int]:
        """Return how many tries of each channel wait for a thread or are under way."""
        with self._lock:
            return self._held()

    def _held(self) -> dict[int, int]:
        counts = self._occupancy.under_way()
        for lane in self._lanes:
            for channel, tries in lane.items():
                counts[channel] = counts.get(channel, 0) + len(tries)
        return counts

    def put(self, tries: Iterable[Try[Item, Result]]) -> None:
        """Queue tries; threads begin with them at once."""
        with self._lock:
            for one in tries:
                self._lanes[one.lane].setdefault(one.channel, deque()).append(one)
                self._queued += 1
            self._hire()

    def take_back(self, unwanted: Callable[[Try[Item, Result]], bool]) -> list[Item]:
        """Remove the queued tries that are ``unwanted`` and return what they are about."""
        removed: list[Item] = []
        with self._lock:
            for lane in self._lanes:
                for channel, tries in list(lane.items()):
                    left = deque(one for one in tries if not unwanted(one))
                    if len(left) < len(tries):
                        kept = {id(one) for one in left}
                        removed += [one.item for one in tries if id(one) not in kept]
                        lane[channel] = left
                        if not left:
                            del lane[channel]
            self._queued -= len(removed)
        return removed

    def take_surplus(self, now: float) -> list[Item]:
        """Remove what channels that do not get on hold beyond what they may, the last first; return what it is about.

        Others may have it meanwhile: another process, or these channels themselves when they get on.
        """
        removed: list[Item] = []
        with self._lock:
            held = self._held()
            for lane in reversed(self._lanes):
                for key, tries in list(lane.items()):
                    channel = self._occupancy.channel(key)
                    surplus = held[key] - channel.ahead(now) if channel.is_stalled(now) else 0
                    for _one in range(min(surplus, len(tries))):
                        removed.append(tries.pop().item)
                        held[key] -= 1
                    if not tries:
                        del lane[key]
            self._queued -= len(removed)
        return removed

    def results(self) -> list[Result]:
        """Return what ended since this was last asked."""
        with self._lock:
            done, self._results = self._results, []
        return done

    def close(self) -> None:
        """Let every thread end after what it is doing."""
        with self._lock:
            self._closed = True
            self._work.notify_all()

    # -- the threads' side

    def _hire(self) -> None:
        """Wake idle threads for what may begin, and start more while there are too few."""
        wanted = self._startable()
        if self._idle and wanted:
            self._work.notify(min(wanted, self._idle))
        for _more in range(min(wanted - self._idle, self._occupancy.most - self._threads)):
            if not self._hire_one():
                break

    def _hire_one(self) -> bool:
        """Start a thread; where this machine has none to spare, those that are there go on, and more are tried for."""
        try:
            threading.Thread(target=self._serve, name="integration-send", daemon=True).start()
        except RuntimeError as error:
            if not self._is_short:
                _logger.warning("no thread can be started beside %s that send (%s)", self._threads, error)
            self._is_short = True
            return False
        self._threads += 1
        self._is_short = False
        return True

    def _startable(self) -> int:
        free = self._occupancy.most - self._occupancy.total
        channels = (
            min(len(tries), self._occupancy.channel(channel).free())
            for lane in self._lanes
            for channel, tries in lane.items()
        )
        return max(0, min(free, sum(channels)))

    def _serve(self) -> None:
        while (one := self._next()) is not None:
            self._carry_out(*one)

    def _carry_out(self, one: Try[Item, Result], ticket: int) -> None:
        result = self._run(one)
        with self._lock:
            self._occupancy.end(one.channel, one.lane, ticket, time.monotonic(), reached=self._reached(result))
            self._results.append(result)
            first = len(self._results) == 1
            if self._queued and self._idle and self._occupancy.channel(one.channel).free() > 1:
                self._work.notify()  # this thread takes one itself; the channel has just earned another
        if first:
            self._poke()

    def _next(self) -> tuple[Try[Item, Result], int] | None:
        with self._lock:
            while True:
                found = self._pick(time.monotonic())
                if found is not None:
                    return found
                if self._closed or not self._wait():
                    self._threads -= 1
                    return None

    def _wait(self) -> bool:
        self._idle += 1
        try:
            return self._work.wait(IDLE_THREAD_S)
        finally:
            self._idle -= 1

    def _pick(self, now: float) -> tuple[Try[Item, Result], int] | None:
        for rank, lane in enumerate(self._lanes):
            if not lane or not self._occupancy.lane_is_open(rank):
                continue
            for channel, tries in lane.items():
                if self._occupancy.may_begin(channel, rank, now):
                    return self._begin(lane, channel, tries, rank, now)
        return None

    def _begin(
        self,
        lane: dict[int, deque[Try[Item, Result]]],
        channel: int,
        tries: deque[Try[Item, Result]],
        rank: int,
        now: float,
    ) -> tuple[Try[Item, Result], int]:
        one = tries.popleft()
        # The channel goes to the end of its lane: the others come first now.
        del lane[channel]
        if tries:
            lane[channel] = tries
        self._queued -= 1
        ticket = next(self._tickets)
        self._occupancy.begin(channel, rank, ticket, now)
        return one, ticket
