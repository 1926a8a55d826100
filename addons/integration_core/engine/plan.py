"""What an engine process may claim now, read from the database a few times a second."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..domain.capacity import LANES
from .claims import ALONE, FRESH, RETRY, Claimed, Place

MARGIN = timedelta(seconds=2)
"""How far below the oldest delivery of the last claim the next one still looks."""
FORGET_AFTER = 3.0
"""Seconds after which a plan looks at whole places again, for what was committed late."""


@dataclass(frozen=True, slots=True)
class Line:
    """A subscription whose deliveries may be claimed.

    ``channel`` is what shares capacity: the endpoint, or the subscription itself for a handler. ``cap`` is how many
    of a channel may be under way in one process. ``rate`` limits a channel, in deliveries a minute over all processes;
    None: unlimited. A line that is ``probing`` stands behind an open circuit breaker, of which this process does the
    one probe. One that is ``watched`` has had failures lately, so successes must be told too.
    """

    subscription_id: int
    channel: int
    cap: int = 1
    rate: int | None = None
    probing: bool = False
    watched: bool = False


@dataclass
class Plan:
    """The lines of one consumer, and from when on each of their places has something to claim."""

    lines: list[Line] = field(default_factory=list)
    held_lanes: frozenset[int] = frozenset()
    held_systems: frozenset[int] = frozenset()
    read_at: float = 0.0
    _since: dict[tuple[int, int], datetime] = field(default_factory=dict)
    _forgot_at: float = 0.0

    def caps(self) -> dict[int, int]:
        """Return how many tries each channel may have under way."""
        return {line.channel: 1 if line.probing else line.cap for line in self.lines}

    def by_subscription(self) -> dict[int, Line]:
        """Return the line of each subscription."""
        return {line.subscription_id: line for line in self.lines}

    def places(self, lanes: frozenset[int], free: dict[int, int], *, alone: bool = False) -> list[Place]:
        """Return where to look for work of ``lanes``, for channels that have something ``free``.

        :param alone: look for deliveries whose process died, and for nothing else
        """
        tiers = (ALONE,) if alone else (FRESH, RETRY)
        return [
            Place(
                line.subscription_id,
                line.channel,
                lane,
                tier,
                min(free[line.channel], 4) if alone else free[line.channel],
                self._since.get((line.subscription_id, lane)) if tier == FRESH else None,
            )
            for lane in sorted(lanes - self.held_lanes)
            for line in self.lines
            if free.get(line.channel, 0) > 0
            for tier in tiers
        ]

    def learn(self, claimed: list[Claimed], now: float) -> None:
        """Remember from when on each place that was just claimed from has more."""
        if now - self._forgot_at > FORGET_AFTER:
            self._since.clear()
            self._forgot_at = now
            return
        oldest: dict[tuple[int, int], datetime] = {}
        for one in claimed:
            if one.tier == FRESH and one.due_at:
                place = (one.subscription_id, one.lane)
                oldest[place] = min(oldest.get(place, one.due_at), one.due_at)
        self._since.update({place: moment - MARGIN for place, moment in oldest.items()})


ALL_LANES = frozenset(range(LANES))
