"""What has used a code: how many lines, how much money, over which days, and what of it can still change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from .waiting import Waiting


@dataclass(frozen=True)
class Uses:
    """Lines of live traffic that a code gave a meaning to, and that still stand.

    Attributes:
        lines: How many.
        amounts: Their money as sent, per ISO 4217 code; never added across currencies.
        price_unknown: How many of them came without a price; they are never counted as 0.
        first_day: Earliest day of service.
        last_day: Latest day of service.
        open_lines: How many a changed mapping works out anew by itself; the others stay as they are.
        drafts: Draft documents that they are on, by id.
        went_on: Those that had waited and went on when the code was approved.

    >>> one = Uses(1, {"USD": Decimal("5")}, drafts=frozenset({7}))
    >>> (one + Uses(2, {"USD": Decimal("1")}, drafts=frozenset({7, 8}))).drafts == {7, 8}
    True
    >>> (one + Uses()) == one
    True
    """

    lines: int = 0
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    price_unknown: int = 0
    first_day: date | None = None
    last_day: date | None = None
    open_lines: int = 0
    drafts: frozenset[int] = frozenset()
    went_on: Waiting = field(default_factory=Waiting)

    def __add__(self, other: Uses) -> Uses:
        together = Waiting(self.lines, self.amounts, self.price_unknown) + Waiting(
            other.lines, other.amounts, other.price_unknown
        )
        first = [day for day in (self.first_day, other.first_day) if day]
        last = [day for day in (self.last_day, other.last_day) if day]
        return Uses(
            lines=together.lines,
            amounts=together.amounts,
            price_unknown=together.price_unknown,
            first_day=min(first, default=None),
            last_day=max(last, default=None),
            open_lines=self.open_lines + other.open_lines,
            drafts=self.drafts | other.drafts,
            went_on=self.went_on + other.went_on,
        )
