"""When an alert begins, goes on and ends, and when people may be told of it.

Once at the start and once at the end, however often it is looked in between: a reading has to be past its threshold for
a while before an alert begins, and back below it by a margin, for that while or a longer one, before it ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from math import ceil, floor
from typing import Final

CRITICAL: Final = "critical"
"""The class that no quiet hours hold back."""
USUAL_SHARE: Final = 0.5
"""A system is usually heard from at an hour when it was so on more than this share of the days looked at."""
LEAST_WEEKS: Final = 3
"""In so many weeks at least a system must have been heard before they say on which days of the week it sends."""


class Step(Enum):
    """What becomes of an alert after a look."""

    NOTHING = "nothing"
    BEGIN = "begin"
    GO_ON = "go_on"
    END = "end"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule reads of one thing that it watches.

    Attributes:
        subject: Names the thing, always alike; unique within a rule.
        value: In the unit of the rule's kind; None where nothing can be said.
        company: Id of its company; None: it concerns all.
        count: How many messages, lines or keys it is about.
        amount: Money that waits, in ``currency``; None where there is none, or it is not known.
        system: Id, as are ``endpoint`` and ``subscription``.
        lane: Name.
        urgent: It calls people at night, whatever class its rule has.
    """

    subject: str
    value: float | None
    company: int | None = None
    count: int = 0
    amount: Decimal | None = None
    currency: str | None = None
    system: int | None = None
    endpoint: int | None = None
    subscription: int | None = None
    lane: str | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """What a rule says of a reading.

    Attributes:
        threshold: In the unit of the reading.
        margin: How far back below the threshold (above a floor) a reading must be for the alert to end; 0 or more.
        floor: Readings below the threshold are bad, not those above it.
        hold: For how long a reading must be bad before an alert begins, and good before it ends.
        keep_firing: For how long it must be good before it ends, where that is longer.
    """

    threshold: float
    margin: float = 0.0
    floor: bool = False
    hold: timedelta = timedelta(0)
    keep_firing: timedelta = timedelta(0)

    def is_bad(self, reading: float) -> bool:
        """Tell whether a reading is past the threshold; one on it is not."""
        return reading < self.threshold if self.floor else reading > self.threshold

    def is_good(self, reading: float) -> bool:
        """Tell whether a reading is back by the margin."""
        if self.floor:
            return reading >= self.threshold + self.margin
        return reading <= self.threshold - self.margin

    def worse(self, one: float, other: float) -> float:
        """Return the worse of two readings."""
        return min(one, other) if self.floor else max(one, other)


@dataclass(frozen=True, slots=True)
class Course:
    """How things stand between two looks.

    Attributes:
        running: Whether there is an alert.
        turning_since: Since when readings have said the contrary; None: they do not.
    """

    running: bool = False
    turning_since: datetime | None = None


def step(limit: Limit, reading: float | None, course: Course, now: datetime) -> tuple[Step, Course]:
    """Return what to do after a reading, and how things stand then.

    :param reading: None where nothing can be said, such as a share of no tries: then all stays as it is
    """
    stays = Step.GO_ON if course.running else Step.NOTHING
    if reading is None:
        return stays, course
    turns = limit.is_good(reading) if course.running else limit.is_bad(reading)
    if not turns:
        return stays, replace(course, turning_since=None)
    # A clock that was put back must not hold an alert up for as long as it was wrong.
    since = min(course.turning_since or now, now)
    if now - since < (max(limit.hold, limit.keep_firing) if course.running else limit.hold):
        return stays, replace(course, turning_since=since)
    return (Step.END if course.running else Step.BEGIN), Course(not course.running)


@dataclass(frozen=True, slots=True)
class Quiet:
    """When people are left alone.

    Attributes:
        start: Hour of the day at which quiet hours begin, such as 22.5 for half past ten.
        stop: Hour at which they end; the same as ``start``: there are none.
    """

    start: float = 0.0
    stop: float = 0.0

    def holds(self, local: datetime) -> bool:
        """Tell whether a moment, as clocks show it there, is in quiet hours. They may go past midnight."""
        hour = local.hour + local.minute / 60 + local.second / 3600
        if self.start <= self.stop:
            return self.start <= hour < self.stop
        return hour >= self.start or hour < self.stop


class Freedom(Enum):
    """Whether people may be told something now, or what keeps it back."""

    FREE = "free"
    MUTED = "muted"
    QUIET = "quiet"


def may_tell(severity: str, quiet: Quiet, local: datetime, muted_until: datetime | None, now: datetime) -> Freedom:
    """Tell whether people may be told of an alert now.

    :param severity: the class; ``critical`` is told at night, too
    :param local: ``now`` as clocks show it where the company is
    :param muted_until: somebody muted the rule until then, of whatever class it is; compared with ``now``
    """
    if muted_until is not None and now < muted_until:
        return Freedom.MUTED
    return Freedom.QUIET if severity != CRITICAL and quiet.holds(local) else Freedom.FREE


class Tell(Enum):
    """What people are to be told of an alert."""

    NOTHING = "nothing"
    BEGAN = "began"
    AGAIN = "again"
    ENDED = "ended"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Told:
    """What people know of an alert.

    Attributes:
        ended: Whether it is over.
        began_at: When they were told that it began, or last reminded; None: not yet.
        ended_at: When they were told that it is over; None: not yet.
        slept: Quiet hours, and no mute, have kept its beginning back.
    """

    ended: bool = False
    began_at: datetime | None = None
    ended_at: datetime | None = None
    slept: bool = False


def next_telling(told: Told, *, free: bool, silence: timedelta | None, now: datetime) -> Tell:
    """Return what people are to be told now.

    Who was never told that an alert began is not told that it ended, where somebody has muted it. What began and ended
    in quiet hours is told once, when they are over.

    :param free: whether they may be told anything now
    :param silence: time between reminders of an alert that goes on; None: there are none
    """
    if not free:
        return Tell.NOTHING
    if told.ended:
        if told.ended_at:
            return Tell.NOTHING
        missed = Tell.MISSED if told.slept else Tell.NOTHING
        return Tell.ENDED if told.began_at else missed
    if told.began_at is None:
        return Tell.BEGAN
    if silence and now - told.began_at >= silence:
        return Tell.AGAIN
    return Tell.NOTHING


def failed_share(tries: int, failed: int, *, least: int) -> float | None:
    """Return the percentage of tries that failed; None for too few to say anything.

    :param least: so many tries there must be
    """
    if tries < max(1, least):
        return None
    return 100.0 * failed / tries


def first_day_back(silent: float, hours: float) -> int:
    """Return how many days ago the last time was at which a system that is silent may have been heard at this hour.

    The days of an outage say nothing of what is usual: looked at are those before it.

    :param silent: hours since it was last heard from
    :param hours: the time of the day that is looked at: so many hours, up to now

    >>> first_day_back(3, 2), first_day_back(26, 2), first_day_back(120, 2)
    (1, 2, 5)
    """
    return max(1, floor((silent - hours) / 24) + 1)


def first_week_back(day: int) -> int:
    """Return how many weeks ago the last day of today's name was that is at least so many days ago.

    >>> first_week_back(1), first_week_back(7), first_week_back(8)
    (1, 1, 2)
    """
    return ceil(day / 7)


def is_usual(heard: int, looked: int, heard_weeks: int = 0, known_weeks: int = 0) -> bool:
    """Tell whether a system usually sends at this hour, on a day of this name.

    :param heard: on so many of the days looked at it did
    :param looked: days looked at, on which it was live
    :param heard_weeks: in so many of the weeks looked at it did on the day of this name
    :param known_weeks: weeks looked at, in which it was heard at all; too few of them say nothing
    """
    if known_weeks >= LEAST_WEEKS and heard_weeks / known_weeks <= USUAL_SHARE:
        return False
    return looked > 0 and heard / looked > USUAL_SHARE
