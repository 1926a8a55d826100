"""An outage told afterwards: when a sender was silent, and which of its messages never came.

Where a sender numbers its messages (CloudEvents ``sequence``, whole numbers that rise by one), a number that is not
here was sent and not accepted, or never sent. Without numbers only the system itself can say what is missing: see its
control totals. A counter may begin anew: what is missing is told of each of its rounds, never between two of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from itertools import pairwise
from typing import Final

MOST_DIGITS: Final = 18
"""Longer numbers are no counters, and no whole numbers of a database either."""
OPEN_ROUNDS: Final = 4
"""Rounds of a counter, the latest ones, to which a number may still belong."""


@dataclass(frozen=True)
class Silence:
    """A time without a message.

    Attributes:
        begin: The last message before it, naive UTC; None: none is known.
        end: The first one after it, naive UTC; None: it goes on.
    """

    begin: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Gap:
    """Numbers that are missing one after the other, both ends included."""

    first: int
    last: int

    @property
    def count(self) -> int:
        """How many they are."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        """Tell it as people write it.

        >>> str(Gap(7, 7)), str(Gap(7, 9))
        ('7', '7–9')
        """
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"


def silences(
    moments: Iterable[datetime], begin: datetime, end: datetime, least: timedelta, *, before: datetime | None = None
) -> list[Silence]:
    """Return the times of at least ``least`` without a message that touch a period.

    Args:
        moments: When messages came, in any order: those within the period, and the first one after it. Of messages
            that came within less than ``least`` of each other, the first and the last one will do.
        begin: Of the period, naive UTC.
        end: Of the period, naive UTC; not later than now.
        least: The shortest that counts.
        before: When the last message before the period came.
    """
    known = sorted(moments)
    found = []
    edges: list[datetime | None] = [before, *known]
    if not known or known[-1] < end:
        edges.append(None)
    for one, other in pairwise(edges):
        if (other or end) - (one or begin) >= least:
            found.append(Silence(one, other))
    return found


class When(Enum):
    """When a message came, seen from the period that is looked at."""

    BEFORE = "before"
    WITHIN = "within"
    AFTER = "after"


@dataclass(frozen=True)
class Stretch:
    """Numbers that came one right after the other, both ends included."""

    first: int
    last: int
    when: When = When.WITHIN


@dataclass
class _Round:
    """The numbers of a counter since it began, or began anew.

    Attributes:
        base: The first one that came: nothing is said of what is below it.
        spans: (first, last) of what is here, in order; between two of them something is missing.
        floor: The highest one that came before the period; None: none did.
        top: The highest one that came before the period ended; None: none did.
    """

    base: int
    spans: list[tuple[int, int]] = field(default_factory=list)
    floor: int | None = None
    top: int | None = None

    def has(self, number: int) -> bool:
        place = bisect_left(self.spans, number, key=lambda span: span[1])
        return place < len(self.spans) and self.spans[place][0] <= number

    def distance(self, number: int) -> int:
        """Return how far a number is from those that fill a gap or come next."""
        return max(0, self.base - number, number - self.spans[-1][1] - 1)

    def take(self, stretch: Stretch) -> None:
        first, last = max(stretch.first, self.base), stretch.last
        if first > last:  # a late one, of before what is looked at
            return
        if stretch.when is not When.AFTER:
            self.top = max(last, self.top or last)
        if stretch.when is When.BEFORE:
            self.floor = max(last, self.floor or last)
        begin = bisect_left(self.spans, first - 1, key=lambda span: span[1])
        end = bisect_right(self.spans, last + 1, key=lambda span: span[0])
        if begin < end:
            first, last = min(first, self.spans[begin][0]), max(last, self.spans[end - 1][1])
        self.spans[begin:end] = [(first, last)]

    def gaps(self) -> Iterator[Gap]:
        """Return what is missing above what came before the period, and below the first one above its highest."""
        for (_first, one), (other, _last) in pairwise(self.spans):
            if self.top is not None and one <= self.top and (self.floor is None or other > self.floor):
                yield Gap(one + 1, other - 1)


@dataclass(frozen=True)
class Numbering:
    """What is known of the numbers of one counter.

    Attributes:
        first: The lowest one of which something is said.
        last: The highest one.
        gaps: What is missing between them.
    """

    first: int
    last: int
    gaps: tuple[Gap, ...] = ()


def numbering(stretches: Iterable[Stretch]) -> Numbering | None:
    """Return what is known of the numbers of a counter in a period; None when there are none.

    What came after the period fills its gaps. It is looked at up to the highest number of the period and the first one
    above it: what is missing beyond is another period's.

    Args:
        stretches: What came, in the order in which it came.

    >>> numbering([Stretch(1, 2), Stretch(5, 5), Stretch(7, 7), Stretch(3, 3, When.AFTER)]).gaps
    (Gap(first=4, last=4), Gap(first=6, last=6))
    """
    found = [one for one in _rounds(stretches) if one.top is not None]
    if not found:
        return None
    gaps = tuple(gap for one in found for gap in one.gaps())
    last = max(*(one.top or 0 for one in found), *(gap.last + 1 for gap in gaps), 0)
    return Numbering(min(one.base for one in found), last, gaps)


def sought(gaps: Iterable[Gap]) -> list[tuple[int, int]]:
    """Return the numbers among which what fills gaps is looked for: (first, last), in order, none of them twice.

    Each with the number before the gap: where that comes again the counter has begun anew, and what follows is of its
    next round (see :func:`numbering`).

    >>> sought([Gap(5, 9), Gap(3, 3), Gap(8, 12)])
    [(2, 3), (4, 12)]
    """
    found: list[tuple[int, int]] = []
    for first, last in sorted((gap.first - 1, gap.last) for gap in gaps):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _rounds(stretches: Iterable[Stretch]) -> list[_Round]:
    found: list[_Round] = []
    for stretch in stretches:
        home = _round_of(found[-OPEN_ROUNDS:], stretch.first)
        if home is None:
            home = _Round(stretch.first)
            found.append(home)
        home.take(stretch)
    return found


def _round_of(rounds: list[_Round], number: int) -> _Round | None:
    """Return the round that a number is nearest to, of several the latest one; None: it begins a new one.

    A round has each number once. One that is far below the first number that is known is no late one, but the counter
    has begun anew.
    """
    free = [one for one in reversed(rounds) if not one.has(number)]
    best = min(free, key=lambda one: one.distance(number), default=None)
    return None if best is None or 2 * number < best.base else best
