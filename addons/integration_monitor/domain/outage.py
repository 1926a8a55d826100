"""An outage told afterwards: when a sender was silent, and which of its messages never came.

Where a sender numbers its messages (CloudEvents ``sequence``, whole numbers that rise by one), a number that is not
here was sent and not accepted, or never sent. Without numbers only the system itself can say what is missing: see its
control totals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

MOST_DIGITS: Final = 18
"""Longer numbers are no counters, and no whole numbers of a database either."""


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
        moments: When messages came, in any order: those within the period, and the first one after it.
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


def numbers(sequences: Iterable[str | None]) -> list[int]:
    """Return the whole numbers among the sequences that messages carry, in order and each once.

    >>> numbers(["10", "9", None, "a", "09"])
    [9, 10]
    """
    return sorted({int(one) for one in sequences if one and one.isdecimal() and len(one) <= MOST_DIGITS})


def gaps(known: Iterable[int]) -> list[Gap]:
    """Return what is missing between the numbers that are here, which are in order.

    >>> gaps([1, 2, 5, 7])
    [Gap(first=3, last=4), Gap(first=6, last=6)]
    """
    return [Gap(one + 1, other - 1) for one, other in pairwise(known) if other - one > 1]
