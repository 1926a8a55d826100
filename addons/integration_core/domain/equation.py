"""The equation: ``received = applied + waiting + parked + rejected + duplicate``, in units and in money.

The two sides come from different tables, so the check can fail; this module only adds and compares. Amounts of
different currencies never meet, because the currency is part of the key; units without a price are counted apart,
never as 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Final

from . import decimals

UNASSIGNED: Final = "unassigned"
"""The cost center of what has none."""


class Bucket(str, Enum):
    """Where a unit is counted."""

    RECEIVED = "received"
    APPLIED = "applied"
    WAITING = "waiting"
    PARKED = "parked"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"


RIGHT_SIDE: Final = tuple(bucket for bucket in Bucket if bucket is not Bucket.RECEIVED)


@dataclass(frozen=True)
class Key:
    """One row of the equation. ``day`` is the day of receipt or of service; None for a total over days."""

    company: int
    system: int
    currency: str | None
    cost_center: str = UNASSIGNED
    day: date | None = None


@dataclass(frozen=True)
class Tally:
    """How many units, what they are worth, and how many of them have no price."""

    units: int = 0
    amount: Decimal = Decimal(0)
    price_unknown: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Add exactly."""
        return Tally(
            self.units + other.units,
            decimals.add(self.amount, other.amount),
            self.price_unknown + other.price_unknown,
        )

    def __sub__(self, other: Tally) -> Tally:
        """Subtract exactly."""
        return self + Tally(-other.units, -other.amount, -other.price_unknown)


@dataclass(frozen=True)
class Row:
    """A key with its tallies."""

    key: Key
    tallies: dict[Bucket, Tally] = field(default_factory=dict)

    def tally(self, bucket: Bucket) -> Tally:
        """Return one bucket's tally, empty when nothing was counted there."""
        return self.tallies.get(bucket, Tally())

    @property
    def difference(self) -> Tally:
        """Received less all that is accounted for: empty when nothing is lost, negative when counted twice."""
        total = self.tally(Bucket.RECEIVED)
        for bucket in RIGHT_SIDE:
            total = total - self.tally(bucket)
        return total

    @property
    def balanced(self) -> bool:
        """Whether both sides agree in units, in money and in units without a price."""
        return self.difference == Tally()


class Ledger:
    """Collects counts for the rows of the equation."""

    def __init__(self) -> None:
        """Begin empty."""
        self._rows: dict[Key, Row] = {}

    def add(
        self,
        bucket: Bucket,
        key: Key,
        *,
        units: int = 1,
        amount: Decimal | None = None,
        price_unknown: int | None = None,
    ) -> None:
        """Count ``units`` in a bucket, worth ``amount`` together; without an amount all are of unknown price.

        ``price_unknown`` says how many of them have no price where a sum covers both kinds.
        """
        unpriced = price_unknown if price_unknown is not None else (units if amount is None else 0)
        row = self._rows.setdefault(key, Row(key))
        row.tallies[bucket] = row.tally(bucket) + Tally(units, amount or Decimal(0), unpriced)

    def row(self, key: Key) -> Row:
        """Return the row of a key, empty when nothing was counted for it."""
        return self._rows.get(key, Row(key))

    def rows(self) -> tuple[Row, ...]:
        """Return every row, in the order in which keys first appeared."""
        return tuple(self._rows.values())

    def imbalances(self) -> tuple[Row, ...]:
        """Return the rows in which something is unaccounted for or counted twice."""
        return tuple(row for row in self._rows.values() if not row.balanced)
