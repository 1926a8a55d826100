"""Objectives of systems and endpoints: how much may fail, how much has, and how fast that goes.

An objective of 99.9 % over 30 days leaves one try in a thousand to fail: the *error budget*. The *burn rate* says how
many times as fast as that a span of time spends it; at 1 it is spent when the 30 days are over. When somebody is
to be told, and over which two windows, is the multi-window method of "The Site Reliability Workbook" (Beyer, Murphy,
Rensin, Kawahara, Thorne; O'Reilly 2018), chapter 5, "Alerting on SLOs".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

# pylint: disable=prefer-env-translation; there is no env here, the screen looks the marked texts up

DAYS: Final = 30
"""Days over which an objective holds."""
SHORT: Final = 12
"""The short window is the long one divided by this: 5 minutes beside an hour, as in the book."""
DEFAULTS: Final[Mapping[str, float]] = {"critical": 99.9, "standard": 99.5, "reporting": 99.0}
"""Percentage of tries that go well, by criticality."""
NEVER: Final = 1000.0
"""Hours that stand for "not at all at the present rates": a database and JSON take no infinity."""
KEY_DAYS: Final = 14
"""A last key that ends within so many days is told."""


def _(text: str) -> str:
    """Mark a text for the translators and return it as it is."""
    return text


def objective(criticality: str, told: str | None) -> float:
    """Return the objective of a criticality (%), as somebody set it, else as shipped.

    >>> objective("critical", "99.95"), objective("critical", "100"), objective("standard", None)
    (99.95, 99.9, 99.5)
    """
    try:
        value = float(told or "")
    except ValueError:
        value = 0.0
    # 100 % leaves no budget: every rate would be infinite.
    return value if 0.0 < value < 100.0 else DEFAULTS.get(criticality, DEFAULTS["standard"])


@dataclass(frozen=True, slots=True)
class Tally:
    """Tries of a span of time, and how many of them failed."""

    tries: int = 0
    failed: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Return both together."""
        return Tally(self.tries + other.tries, self.failed + other.failed)

    @property
    def success(self) -> float | None:
        """Percentage that went well, rounded down: a single failure never reads as 100 %; None without any try.

        >>> Tally(100_000, 1).success
        99.99
        """
        return 10_000 * (self.tries - self.failed) // self.tries / 100 if self.tries else None


@dataclass(frozen=True, slots=True)
class Budget:
    """An error budget.

    Attributes:
        allowed: So many of the tries may fail.
        spent: So many have.
        left: Percentage of the budget that is left, below 0 when more is spent than there was; None without any try.
    """

    allowed: float
    spent: int
    left: float | None


def budget(tally: Tally, percent: float) -> Budget:
    """Return what is left of the error budget after these tries.

    :param percent: the objective, above 0 and below 100
    """
    allowed = tally.tries * (100.0 - percent) / 100.0
    return Budget(allowed, tally.failed, 100.0 * (1.0 - tally.failed / allowed) if allowed else None)


def burn_rate(tally: Tally, percent: float) -> float | None:
    """Return how many times as fast as it may the budget is spent; None without any try.

    >>> burn_rate(Tally(1000, 1), 99.9)
    1.0
    """
    if not tally.tries:
        return None
    return round(100.0 * tally.failed / tally.tries / (100.0 - percent), 6)


def short_window(minutes: int) -> int:
    """Return the length of the short window (min) beside a long one."""
    return max(1, minutes // SHORT)


def both(long: float | None, short: float | None) -> float | None:
    """Return the rate that both windows show: the long one that it matters, the short one that it still goes on.

    None where one of them saw no try.
    """
    return None if long is None or short is None else min(long, short)


@dataclass(frozen=True, slots=True)
class Sample:
    """How much waited at a moment (naive UTC)."""

    at: datetime
    waiting: int


def hours_left(samples: Sequence[Sample], *, least_span: timedelta) -> float | None:
    """Return in how many hours a backlog is worked off if it goes on as since its peak; :data:`NEVER` at most.

    What arrives and what is done are not told apart: that the backlog grew or shrank is both together. What came in one
    burst, or was let go, began to shrink at its peak, and says nothing before.

    :param samples: in any order
    :param least_span: of a shorter time nothing is said, nor of a backlog that has shrunk for a shorter time
    :return: None where nothing can be said; 0.0 when nothing waits
    """
    if not samples:
        return None
    first, last = min(samples, key=lambda one: one.at), max(samples, key=lambda one: one.at)
    if not last.waiting:
        return 0.0
    if last.at - first.at < least_span or last.at == first.at:
        return None
    peak = max(samples, key=lambda one: (one.waiting, one.at))
    if peak.at == last.at:
        return NEVER
    shrinking = last.at - peak.at
    if shrinking < least_span:
        return None
    done_per_hour = (peak.waiting - last.waiting) / (shrinking.total_seconds() / 3600)
    return min(last.waiting / done_per_hour, NEVER)


# -- how something stands


class Health(str, Enum):
    """How a system or endpoint stands."""

    BAD = "bad"
    WARNING = "warning"
    GOOD = "good"
    IDLE = "idle"


class Cause(str, Enum):
    """Why it stands so, the gravest first."""

    STOPPED = "stopped"
    NO_KEY = "no_key"
    BREAKER = "breaker"
    BUDGET_SPENT = "budget_spent"
    DEAD_LETTERS = "dead_letters"
    PAUSED = "paused"
    KEY_ENDS = "key_ends"
    BURNING = "burning"
    LATE = "late"
    NOT_YET = "not_yet"
    QUIET = "quiet"
    WELL = "well"

    @property
    def health(self) -> Health:
        """How it stands."""
        return _CAUSES[self][0]

    @property
    def words(self) -> str:
        """Why, in words."""
        return _CAUSES[self][1]


_CAUSES: Final[Mapping[Cause, tuple[Health, str]]] = {
    Cause.STOPPED: (Health.BAD, _("Stopped: it receives or sends nothing until somebody resumes it")),
    Cause.NO_KEY: (Health.BAD, _("There is no key that holds now")),
    Cause.BREAKER: (Health.BAD, _("The receiver does not answer as it should; its events wait")),
    Cause.BUDGET_SPENT: (Health.BAD, _("More has failed than its objective allows")),
    Cause.DEAD_LETTERS: (Health.BAD, _("Deliveries were given up and wait for a person")),
    Cause.PAUSED: (Health.WARNING, _("Paused by a person")),
    Cause.KEY_ENDS: (Health.WARNING, _("Its last key ends soon")),
    Cause.BURNING: (Health.WARNING, _("More fails at present than its objective allows")),
    Cause.LATE: (Health.WARNING, _("Deliveries wait to be tried again")),
    Cause.NOT_YET: (Health.IDLE, _("Not in use yet")),
    Cause.QUIET: (Health.IDLE, _("Nothing was sent or received within 30 days")),
    Cause.WELL: (Health.GOOD, _("All is well")),
}


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a system or endpoint.

    Attributes:
        draft: It is not in use yet.
        stopped: The suite or an administrator has stopped it for a reason.
        paused: A person has paused it.
        keyless: It has no key that holds now, and needs one.
        breaker_open: A circuit breaker in front of it is open.
        dead: Dead letters.
        retrying: Deliveries that failed and are tried again.
        key_days: Days until its last key ends; None: it has none, or the last does not end.
        left: Percentage of its error budget that is left; None without any try.
        rate: Burn rate of the last hour; None without any try.
        heard: Something came from it within the last days.
    """

    draft: bool = False
    stopped: bool = False
    paused: bool = False
    keyless: bool = False
    breaker_open: bool = False
    dead: int = 0
    retrying: int = 0
    key_days: float | None = None
    left: float | None = None
    rate: float | None = None
    heard: bool = False


def judge(signs: Signs) -> Cause:
    """Return the gravest of what is the matter."""
    if signs.draft and not signs.stopped:
        return Cause.NOT_YET
    holds = {
        Cause.STOPPED: signs.stopped,
        Cause.NO_KEY: signs.keyless,
        Cause.BREAKER: signs.breaker_open,
        Cause.BUDGET_SPENT: signs.left is not None and signs.left < 0,
        Cause.DEAD_LETTERS: signs.dead > 0,
        Cause.PAUSED: signs.paused,
        Cause.KEY_ENDS: signs.key_days is not None and signs.key_days < KEY_DAYS,
        Cause.BURNING: signs.rate is not None and signs.rate > 1,
        Cause.LATE: signs.retrying > 0,
        Cause.QUIET: signs.left is None and not signs.heard,
    }
    return next((cause for cause in Cause if holds.get(cause)), Cause.WELL)
