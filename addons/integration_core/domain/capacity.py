"""Who may be served now: shares of an engine process for lanes and channels.

A *channel* is what shares capacity: an endpoint, for instance. Three rules keep one channel or lane from costing the
others anything: the critical lane has a reserve on top of what the others may fill, and the bulk lane may not fill all
of that; a channel begins with two at a time and gets one more
with each success, up to its cap, and two again after a failure of the way there; and channels that are slow right now
may together fill half of the process at most. A channel whose last tries were all slow or reached nobody is *suspect*:
it counts as slow from the moment its next try begins, for by the time that it shows many of them would have the whole
process. How much of a channel may be held ready beside that follows from its
pace: what it has ended of late, so that one that hangs holds next to nothing. All times are seconds of a monotonic
clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LANES: Final = 3
_SHARES: Final = (1.25, 1.0, 0.6)
"""How much of a process's concurrency a lane and the less critical ones may fill together: critical, normal, bulk."""
FIRST_WINDOW: Final = 2
SLOW_AFTER_S: Final = 1.0
_SLOW_SHARE: Final = 0.5
PACE_S: Final = 0.2
"""After so long half of what a channel has ended counts no more for its pace."""
STALLED_AFTER_S: Final = 0.25
"""A channel that has ended nothing for so long, while something is under way, does not get on."""


def lane_limits(concurrency: int) -> tuple[int, ...]:
    """Return, per lane, how many of it and of the less critical lanes may be under way together.

    At least one each, and at least one more for the critical lane. Raises ValueError for less than one.
    """
    if concurrency < 1:
        raise ValueError("an engine does at least one thing at a time")
    critical, normal, bulk = (max(1, int(concurrency * share)) for share in _SHARES)
    return max(critical, normal + 1), normal, bulk


@dataclass
class Channel:
    """What is under way for one channel of a process.

    ``cap`` is the most it may have under way, ``window`` how much of that it has earned. ``doubts`` counts the tries
    since the last one that was answered in time. ``pace`` is about how many tries ended within :data:`PACE_S` before
    ``paced_at``.
    """

    cap: int
    window: int = FIRST_WINDOW
    started: dict[int, float] = field(default_factory=dict)
    doubts: int = 0
    pace: float = 0.0
    paced_at: float = 0.0

    def free(self) -> int:
        """Return how many more may begin."""
        return max(0, min(self.cap, self.window) - len(self.started))

    @property
    def is_suspect(self) -> bool:
        """Whether nothing speaks for its next tries: as many as it begins with have failed; one alone says little."""
        return self.doubts >= min(self.cap, FIRST_WINDOW)

    def is_slow(self, now: float) -> bool:
        """Tell whether its oldest try has been under way for too long to count on its end, or is likely to be."""
        return bool(self.started) and (self.is_suspect or now - next(iter(self.started.values())) > SLOW_AFTER_S)

    def pace_at(self, now: float) -> float:
        """Return the pace as it has died away until ``now``."""
        return float(self.pace * 0.5 ** (max(0.0, now - self.paced_at) / PACE_S))

    def is_stalled(self, now: float) -> bool:
        """Tell whether what is under way has not got on for a while."""
        return bool(self.started) and now - max(self.paced_at, next(iter(self.started.values()))) > STALLED_AFTER_S

    def ahead(self, now: float) -> int:
        """Return how many tries may be held, those under way included: twice what it can do before anybody looks again.

        That is twice what may be under way, and of a channel that gets on twice its pace.
        """
        return 2 * max(min(self.cap, self.window), 0 if self.is_stalled(now) else int(self.pace_at(now)))

    def note(self, now: float, *, reached: bool, took: float = 0.0) -> None:
        """Learn from a try that ended after ``took`` seconds: ``reached`` when the other side answered, whatever."""
        self.doubts = 0 if reached and took <= SLOW_AFTER_S else self.doubts + 1
        self.window = min(self.cap, self.window + 1) if reached else FIRST_WINDOW
        self.pace, self.paced_at = self.pace_at(now) + 1, now


class Occupancy:
    """What is under way in one engine process, and what may begin."""

    def __init__(self, concurrency: int) -> None:
        """Take how many tries may be under way at once, the critical lane's reserve not counted."""
        self._limits = lane_limits(concurrency)
        self.most = self._limits[0]
        """How many tries may be under way with the reserve."""
        self._slow_limit = max(1, int(concurrency * _SLOW_SHARE))
        self._from_lane = [0] * LANES
        """How many tries of each lane and the less critical ones are under way."""
        self._channels: dict[int, Channel] = {}

    @property
    def total(self) -> int:
        """How many tries are under way."""
        return self._from_lane[0]

    def set_caps(self, caps: Mapping[int, int]) -> None:
        """Take each channel's cap; channels that are gone and idle are forgotten."""
        for key, cap in caps.items():
            channel = self._channels.get(key)
            if channel is None:
                self._channels[key] = Channel(cap, min(cap, FIRST_WINDOW))
            else:
                channel.cap = cap
        for key in [key for key, channel in self._channels.items() if key not in caps and not channel.started]:
            del self._channels[key]

    def channel(self, key: int) -> Channel:
        """Return a channel; one that nobody announced does one thing at a time."""
        return self._channels.setdefault(key, Channel(1, 1))

    def may_begin(self, key: int, lane: int, now: float) -> bool:
        """Tell whether a try of this channel and lane may begin."""
        if not self.lane_is_open(lane):
            return False
        channel = self.channel(key)
        if channel.free() <= 0:
            return False
        return not (channel.is_suspect or channel.is_slow(now)) or self._slow(now) < self._slow_limit

    def lane_is_open(self, lane: int) -> bool:
        """Tell whether one more of this lane would leave the more critical lanes their reserve."""
        counts, limits = self._from_lane, self._limits
        for low in range(lane + 1):  # noqa: SIM110 (asked for every try: a generator takes three times as long)
            if counts[low] >= limits[low]:
                return False
        return True

    def begin(self, key: int, lane: int, ticket: int, now: float) -> None:
        """Note that a try has begun; ``ticket`` is its number, unique while it lasts."""
        self._count(lane, 1)
        self.channel(key).started[ticket] = now

    def end(self, key: int, lane: int, ticket: int, now: float, *, reached: bool) -> None:
        """Note that a try has ended, and whether the other side answered."""
        self._count(lane, -1)
        channel = self.channel(key)
        channel.note(now, reached=reached, took=now - channel.started.pop(ticket, now))

    def _count(self, lane: int, step: int) -> None:
        for low in range(lane + 1):
            self._from_lane[low] += step

    def under_way(self) -> dict[int, int]:
        """Return how many tries each channel has under way, where there are any."""
        return {key: len(channel.started) for key, channel in self._channels.items() if channel.started}

    def _slow(self, now: float) -> int:
        return sum(len(channel.started) for channel in self._channels.values() if channel.is_slow(now))
