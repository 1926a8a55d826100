"""What waits for one code: how many lines, how much money, since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

T = TypeVar("T", date, datetime)


def _earliest(one: T | None, other: T | None) -> T | None:
    if one is None or other is None:
        return one or other
    return min(one, other)


@dataclass(frozen=True)
class Waiting:
    """Lines of live traffic that cannot go on before a code is mapped.

    Attributes:
        lines: how many lines wait.
        amounts: money at risk, per ISO 4217 code; never added across currencies.
        price_unknown: how many of the lines came without a price; they are never counted as 0.
        since: naive UTC moment since when the oldest waits.
        first_day: earliest service day among them; an answer must reach back to it.

    >>> (Waiting(1, {"USD": Decimal("5")}) + Waiting(2, {"USD": Decimal("1"), "EUR": Decimal("3")})).amounts
    {'USD': Decimal('6'), 'EUR': Decimal('3')}
    """

    lines: int = 0
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    price_unknown: int = 0
    since: datetime | None = None
    first_day: date | None = None

    def __add__(self, other: Waiting) -> Waiting:
        amounts = dict(self.amounts)
        for currency, amount in other.amounts.items():
            amounts[currency] = amounts.get(currency, Decimal(0)) + amount
        return Waiting(
            lines=self.lines + other.lines,
            amounts=amounts,
            price_unknown=self.price_unknown + other.price_unknown,
            since=_earliest(self.since, other.since),
            first_day=_earliest(self.first_day, other.first_day),
        )

    def as_json(self) -> dict[str, object]:
        """Return what a JSON field keeps of it; :meth:`from_json` reads it.

        >>> Waiting.from_json(Waiting(2, {"USD": Decimal("1.10")}).as_json()).amounts
        {'USD': Decimal('1.10')}
        """
        amounts = {currency: str(amount) for currency, amount in self.amounts.items()}
        return {"lines": self.lines, "amounts": amounts, "price_unknown": self.price_unknown}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any] | None) -> Waiting:
        """Return what :meth:`as_json` has kept; nothing waits where nothing was kept."""
        kept = kept or {}
        amounts = {currency: Decimal(amount) for currency, amount in kept.get("amounts", {}).items()}
        return cls(lines=kept.get("lines", 0), amounts=amounts, price_unknown=kept.get("price_unknown", 0))
