"""Validity of an answer in whole days, and how one answer succeeds another.

A day is the local calendar day of the service (the caller converts). Both ends are inclusive, because that is how
people say it: "valid until 31 December" holds on 31 December. ``None`` means open: since ever, or until further notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta


class SpanError(ValueError):
    """The first day lies after the last one."""


@dataclass(frozen=True)
class Span:
    """Days from ``first`` to ``last``, both inclusive; ``None`` is open.

    Raises:
        SpanError: ``first`` lies after ``last``.

    >>> Span(date(2026, 1, 1), None).holds(date(2026, 1, 1))
    True
    >>> Span(None, date(2025, 12, 31)).overlaps(Span(date(2026, 1, 1), None))
    False
    """

    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        if self.first and self.last and self.first > self.last:
            raise SpanError("the first day lies after the last one")

    def holds(self, day: date) -> bool:
        """Tell whether ``day`` lies in the span."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def overlaps(self, other: Span) -> bool:
        """Tell whether at least one day lies in both spans."""
        starts_before_end = self.first is None or other.last is None or self.first <= other.last
        ends_after_start = self.last is None or other.first is None or other.first <= self.last
        return starts_before_end and ends_after_start

    def within(self, first: date | None, last: date | None) -> Span | None:
        """Return the part of the span from ``first`` to ``last``, both inclusive and ``None`` open; None for no day.

        >>> Span(date(2026, 1, 1), None).within(None, date(2026, 1, 31))
        Span(first=datetime.date(2026, 1, 1), last=datetime.date(2026, 1, 31))
        >>> Span(None, date(2025, 12, 31)).within(date(2026, 1, 1), None) is None
        True
        """
        begin = max((day for day in (self.first, first) if day), default=None)
        end = min((day for day in (self.last, last) if day), default=None)
        return None if begin and end and begin > end else Span(begin, end)


def remainder(old: Span, new: Span) -> Span | None:
    """Return what is left of ``old`` when ``new`` takes over from its first day on.

    The successor takes everything from its first day, also beyond its own last day: what follows an end that somebody
    has set is unknown, not what was true before.

    Returns:
        The days before ``new`` begins that ``old`` covered, or ``None`` when nothing is left (``old`` must be revoked).

    >>> remainder(Span(), Span(date(2026, 1, 1)))
    Span(first=None, last=datetime.date(2025, 12, 31))
    >>> remainder(Span(date(2026, 1, 1)), Span()) is None
    True
    """
    if new.first is None or new.first == date.min:
        return None
    last = new.first - timedelta(days=1)
    if old.first is not None and old.first > last:
        return None
    return Span(old.first, last if old.last is None else min(old.last, last))
