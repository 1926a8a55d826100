"""How tries went over time: hour by hour of a day, day by day of a month, as clocks show it where the reader is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, timezone, tzinfo
from typing import Final

from .objectives import DAYS, Tally

HOURS: Final = 24
"""Hours of the line by hours, the present one included."""


@dataclass(frozen=True, slots=True)
class Point:
    """Tries of one hour or day.

    Attributes:
        at: When it began, naive UTC.
        tally: Tries, and how many of them failed.
        slots: How many deliveries were done, by slot of latency.
    """

    at: datetime
    tally: Tally = field(default_factory=Tally)
    slots: Mapping[int, int] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """Percentage of tries that went well; None without any."""
        return self.tally.success


def hours(now: datetime, zone: tzinfo) -> list[datetime]:
    """Return when the last hours began, the present one last.

    :param now: naive UTC
    :return: naive UTC
    """
    local = now.replace(tzinfo=timezone.utc).astimezone(zone)
    # Told from the moment, not from the clock: it shows an hour twice or never when it is put back or forward.
    present = now - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return [present - timedelta(hours=back) for back in reversed(range(HOURS))]


def days(now: datetime, zone: tzinfo) -> list[datetime]:
    """Return when the last days began, today last.

    :param now: naive UTC
    :return: naive UTC
    """
    today = now.replace(tzinfo=timezone.utc).astimezone(zone).date()
    begun = (datetime.combine(today - timedelta(days=back), time.min, zone) for back in reversed(range(DAYS)))
    return [moment.astimezone(timezone.utc).replace(tzinfo=None) for moment in begun]


def points(starts: Sequence[datetime], rows: Iterable[tuple[int, bool, bool, int, int]]) -> list[Point]:
    """Return one point of each hour or day, those without any try too.

    :param rows: (place in ``starts`` from 1 on, whether the tries went well, whether they ended their deliveries, slot
        of latency, how many)
    """
    tallies, slots = [Tally() for _start in starts], [dict[int, int]() for _start in starts]
    for place, good, done, slot, tries in rows:
        tallies[place - 1] += Tally(tries, 0 if good else tries)
        if done:
            slots[place - 1][slot] = slots[place - 1].get(slot, 0) + tries
    return [Point(*one) for one in zip(starts, tallies, slots, strict=True)]
