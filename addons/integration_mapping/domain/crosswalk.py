"""The crosswalk as people read it: how a code stands on a day, what a cell holds, and how two days differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from typing import Final

from .validity import Span

SOON_DAYS: Final = 30
"""A code whose last day is at most this many days away ends soon."""
IN_FORCE: Final = ("approved", "retired")
"""States of an identifier that answer for the days of their span."""


class Standing(Enum):
    """How one code stands on a day; the values are what the screen calls them in its markup."""

    ANSWERS = "answers"
    ENDS = "ends"
    """It answers, its last day is near, and nothing follows it in the cell."""
    PROPOSED = "proposed"
    """It waits for approval."""
    DRAFT = "draft"
    """Nobody was asked to approve it, or it was rejected."""
    LATER = "later"
    """Approved; its first day lies ahead."""
    ENDED = "ended"
    """Its last day is past."""
    REVOKED = "revoked"


ANSWERING: Final = (Standing.ANSWERS, Standing.ENDS)
_ORDER: Final = (*ANSWERING, Standing.PROPOSED, Standing.DRAFT, Standing.LATER, Standing.ENDED, Standing.REVOKED)


@dataclass(frozen=True)
class Code:
    """One identifier, as far as the crosswalk shows it.

    Attributes:
        id: Of the identifier.
        code: What the system calls the entity.
        state: ``proposed``, ``approved``, ``retired`` or ``revoked``.
        asked: Whether it waits for approval.
        span: The days of service it holds for.
    """

    id: int
    code: str
    state: str
    asked: bool = False
    span: Span = field(default_factory=Span)

    @property
    def in_force(self) -> bool:
        """Whether it answers for the days of its span."""
        return self.state in IN_FORCE

    def answers(self, day: date) -> bool:
        """Tell whether it answers for a service of that day."""
        return self.in_force and self.span.holds(day)


def standing(code: Code, day: date, cell: Iterable[Code] = ()) -> Standing:
    """Return how a code stands on ``day``.

    Args:
        code: The code.
        day: A day of service.
        cell: All codes of the same entity in the same system; what follows without a gap keeps it from ending soon.

    >>> standing(Code(1, "CBC", "approved"), date(2026, 6, 1)).value
    'answers'
    >>> standing(Code(1, "CBC", "retired", span=Span(None, date(2026, 6, 9))), date(2026, 6, 1)).value
    'ends'
    >>> standing(Code(1, "CBC", "proposed", asked=True), date(2026, 6, 1)).value
    'proposed'
    """
    if code.state == "revoked":
        return Standing.REVOKED
    if not code.in_force:
        return Standing.PROPOSED if code.asked else Standing.DRAFT
    first, last = code.span.first, code.span.last
    if first is not None and day < first:
        return Standing.LATER
    if last is None:
        return Standing.ANSWERS
    if last < day:
        return Standing.ENDED
    near = (last - day).days <= SOON_DAYS
    follows = last < date.max and any(other.answers(last + timedelta(days=1)) for other in cell)
    return Standing.ENDS if near and not follows else Standing.ANSWERS


@dataclass(frozen=True)
class Cell:
    """What one system calls one entity on a day.

    Attributes:
        shown: The codes worth showing with their standing, those that answer first.
        gap: Whether no code answers on the day.
    """

    shown: tuple[tuple[Code, Standing], ...] = ()
    gap: bool = True


def cell(codes: Sequence[Code], day: date) -> Cell:
    """Return the cell of these codes of one entity in one system.

    Revoked codes are not shown, and of ended ones only the latest, and that only where nothing answers or waits: it
    says what the system called the entity before.

    >>> old = Code(1, "OLD", "retired", span=Span(None, date(2026, 5, 31)))
    >>> [(code.code, how.value) for code, how in cell([old], date(2026, 6, 1)).shown]
    [('OLD', 'ended')]
    >>> cell([old, Code(2, "NEW", "approved", span=Span(date(2026, 6, 1)))], date(2026, 6, 1)).gap
    False
    """
    stands = [(code, standing(code, day, codes)) for code in codes]
    present = [(code, how) for code, how in stands if how not in (Standing.ENDED, Standing.REVOKED)]
    if not present:
        ended = [pair for pair in stands if pair[1] is Standing.ENDED]
        present = sorted(ended, key=lambda pair: (pair[0].span.last or date.max, pair[0].id))[-1:]
    shown = sorted(present, key=lambda pair: (_ORDER.index(pair[1]), pair[0].code, pair[0].id))
    return Cell(tuple(shown), not any(how in ANSWERING for _code, how in shown))


@dataclass(frozen=True)
class Difference:
    """What a cell holds on two days: the codes that answer on each, sorted.

    Attributes:
        before: On the earlier chosen day.
        after: On the other.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the system calls the entity otherwise."""
        return self.before != self.after


def compare(codes: Iterable[Code], day: date, other: date) -> Difference:
    """Return which of these codes of one cell answer on ``day`` and which on ``other``.

    >>> codes = [Code(1, "A", "retired", span=Span(None, date(2026, 5, 31))), Code(2, "B", "approved")]
    >>> compare(codes, date(2026, 5, 1), date(2026, 6, 1))
    Difference(before=('A', 'B'), after=('B',))
    """
    known = list(codes)
    before, after = (tuple(sorted(one.code for one in known if one.answers(on))) for on in (day, other))
    return Difference(before, after)
