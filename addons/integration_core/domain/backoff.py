"""When to try a delivery again.

A schedule is a list of waits, each counted from the try before. The default spreads ten tries over 75 h 35 min, so a
receiver that is down for a weekend loses nothing. Each wait gets up to 10 % more, at most 15 minutes, so that the
deliveries of one outage do not all return in the same second; never less, so a receiver can rely on the schedule.
All durations are seconds.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from . import timestamps

MAX_TRIES: Final = 100
MAX_STEP_S: Final = 30 * 24 * 3600
JITTER_SHARE: Final = 0.10
MAX_JITTER_S: Final = 15 * 60.0

_SECONDS: Final = re.compile(r"[0-9]{1,10}")
_DIGITS: Final = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Schedule:
    """The waits before each try, the first included (0: at once)."""

    delays: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse a schedule without a try, or with waits outside 0 s to 30 days."""
        if not 1 <= len(self.delays) <= MAX_TRIES:
            raise ValueError(f"a schedule has 1 to {MAX_TRIES} tries")
        if any(not 0 <= delay <= MAX_STEP_S for delay in self.delays):
            raise ValueError(f"a wait is 0 to {MAX_STEP_S} seconds")

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read seconds separated by commas, such as ``0, 5, 300``; raise ValueError for anything else."""
        parts = [part.strip() for part in text.split(",")]
        if not all(_SECONDS.fullmatch(part) for part in parts):
            raise ValueError("a schedule is a list of whole seconds, such as 0, 5, 300")
        return cls(tuple(int(part) for part in parts))

    def to_text(self) -> str:
        """Return the form that :meth:`parse` reads."""
        return ", ".join(map(str, self.delays))

    @property
    def tries(self) -> int:
        """How often a delivery is tried before it becomes a dead letter."""
        return len(self.delays)

    @property
    def total(self) -> int:
        """Seconds from the first due time to the last try, jitter aside."""
        return sum(self.delays)


DEFAULT_SCHEDULE: Final = Schedule((0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400))


def next_delay(
    schedule: Schedule,
    attempts_made: int,
    *,
    retry_after: float | None = None,
    time_left: float | None = None,
    rand: Callable[[], float] = random.random,
) -> float | None:
    """Return the seconds from now until the next try, or None when the tries are used up.

    ``retry_after`` is the receiver's wish: the wait becomes the longer of it and the step, but the wish never carries
    the wait beyond ``time_left``, the delivery's remaining lifetime (by default, what the schedule still plans).
    ``rand`` gives numbers in [0, 1).
    """
    if attempts_made < 0:
        raise ValueError("attempts cannot be negative")
    if attempts_made >= schedule.tries:
        return None
    step = float(schedule.delays[attempts_made])
    wait = step
    if retry_after is not None and math.isfinite(retry_after):
        left = sum(schedule.delays[attempts_made:]) if time_left is None else time_left
        wait = max(step, min(retry_after, left))
    return wait + rand() * min(wait * JITTER_SHARE, MAX_JITTER_S)


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for (RFC 9110 §10.2.3), or None when it is unreadable.

    Both forms are read: seconds, and a date, which gives 0 when it is past. A wish beyond 30 days means 30 days,
    however many digits it has. ``now`` must be aware.
    """
    text = (value or "").strip()
    if _DIGITS.fullmatch(text):
        return min(float(text), float(MAX_STEP_S))
    moment = timestamps.http_date(text) if text else None
    return None if moment is None else min(max(0.0, (moment - now).total_seconds()), float(MAX_STEP_S))
