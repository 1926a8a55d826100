"""Month end: where each line of a service month stands, how old it is, and what changed after the sign-off.

Every line that can carry a price stands in exactly one place (:class:`Standing`), so the places add up to what was
received, in lines and in money. Amounts are decimals; those of different currencies never meet, because the currency
is part of the key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final

from ...integration_core.domain.equation import Tally


class Standing(str, Enum):
    """Where a line stands, in the order in which finance reads it."""

    INVOICED = "invoiced"
    REVIEW = "review"
    READY = "ready"
    HELD = "held"
    MAPPING = "mapping"
    PRICE = "price"
    PARKED = "parked"
    WAITING = "waiting"
    VOIDED = "voided"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    NO_CHARGE = "no_charge"
    UNACCOUNTED = "unaccounted"


STUCK: Final = (Standing.MAPPING, Standing.PRICE, Standing.PARKED, Standing.WAITING)
"""What waits for a person: whoever signs a month off with some of it says why."""

UNBILLED: Final = (Standing.REVIEW, Standing.READY, Standing.HELD, *STUCK)
"""Received, and neither on a posted invoice nor ended: what an accrual is about."""

MAPPING_REASONS: Final = (
    *("facility_unmapped", "service_unmapped", "department_unmapped", "cost_center_unmapped", "payer_unmapped"),
    *("department_without_cost_center", "unit_unknown", "unit_unrelated"),
)
"""Why a charge is parked that a mapping lets go."""

PRICE_REASONS: Final = ("no_price", "price_differs", "price_precision")
"""Why a charge is parked whose price nobody knows, or not for sure."""

AGES: Final = ((7, "week"), (30, "month"), (60, "two_months"), (90, "quarter"))
"""Bands of age: up to so many whole days since receipt."""

OLDER: Final = "older"
"""The band of what is older than all of :data:`AGES`."""

BANDS: Final = (*(name for _days, name in AGES), OLDER)


def first_of(text: str | None, today: date) -> date:
    """Return the first day of a month.

    Args:
        text: ``2026-11``, or a day of it; None or empty: the month before the one of ``today``, which is closed next.
        today: Today.

    Raises:
        ValueError: The text names no month.

    >>> first_of("2026-02", date(2026, 3, 9)), first_of(None, date(2026, 1, 31))
    (datetime.date(2026, 2, 1), datetime.date(2025, 12, 1))
    """
    if text:
        year, month = text.split("-")[:2]
        return date(int(year), int(month), 1)
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


def last_of(first: date) -> date:
    """Return the last day of the month that begins on ``first``.

    >>> last_of(date(2028, 2, 1))
    datetime.date(2028, 2, 29)
    """
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


@dataclass(frozen=True)
class Key:
    """What a figure is about.

    Attributes:
        cost_center: As sent, else the department as sent, else ``unassigned``.
        currency: ISO 4217; empty for lines that name none.
        standing: Where its lines stand.
    """

    cost_center: str
    currency: str
    standing: Standing


Figures = dict[Key, Tally]


def tally_of(units: int, amount: str | None, price_unknown: int) -> Tally:
    """Return a tally of what the database counts; an amount of nothing is 0."""
    return Tally(units, Decimal(amount or 0), price_unknown)


@dataclass(frozen=True)
class Cell:
    """Lines that are alike: what was received of them, and what they count where they stand.

    Attributes:
        key: Cost center, currency and where they stand.
        band: How old they are, out of :data:`BANDS`.
        late: They came, or became ready, after the month was signed off.
        received: From the receipts.
        counted: From what became of them; empty where nothing did.
        worth_currency: In which they will be invoiced; empty where nothing says.
        worth: What they will be invoiced at; lines whose worth nobody knows count as without a price.
    """

    key: Key
    band: str
    late: bool
    received: Tally
    counted: Tally
    worth_currency: str = ""
    worth: Tally = field(default_factory=Tally)


def figures(cells: Iterable[Cell]) -> Figures:
    """Return what stands where. What was received and stands nowhere is *unaccounted*: received less all the rest."""
    found: Figures = {}
    for cell in cells:
        nowhere = Key(cell.key.cost_center, cell.key.currency, Standing.UNACCOUNTED)
        found[nowhere] = found.get(nowhere, Tally()) + (cell.received - cell.counted)
        if cell.key.standing is not Standing.UNACCOUNTED:
            found[cell.key] = found.get(cell.key, Tally()) + cell.counted
    return {key: tally for key, tally in found.items() if tally != Tally()}


def received(cells: Iterable[Cell]) -> dict[str, Tally]:
    """Return {currency: tally} of all that was received."""
    sums: dict[str, Tally] = {}
    for cell in cells:
        sums[cell.key.currency] = sums.get(cell.key.currency, Tally()) + cell.received
    return sums


@dataclass(frozen=True)
class Change:
    """A figure that is another one now than when the month was signed off."""

    key: Key
    before: Tally
    after: Tally

    @property
    def difference(self) -> Tally:
        """Now less then."""
        return self.after - self.before


def add_up(figures: Iterable[tuple[Key, Tally]], by: Callable[[Key], str]) -> dict[str, dict[str, Tally]]:
    """Return {value of ``by``: {currency: tally}} of some figures."""
    sums: dict[str, dict[str, Tally]] = {}
    for key, tally in figures:
        own = sums.setdefault(by(key), {})
        own[key.currency] = own.get(key.currency, Tally()) + tally
    return sums


def unbilled(cells: Iterable[Cell]) -> list[tuple[str, str, Tally]]:
    """Return (cost center, invoice currency, tally) of what an accrual is about, in their order."""
    sums: dict[tuple[str, str], Tally] = {}
    for cell in cells:
        if cell.key.standing in UNBILLED:
            place = (cell.key.cost_center, cell.worth_currency)
            sums[place] = sums.get(place, Tally()) + cell.worth
    return [(*place, tally) for place, tally in sorted(sums.items())]


def unbilled_ages(cells: Iterable[Cell]) -> dict[str, dict[str, dict[str, Tally]]]:
    """Return {cost center: {band: {currency: tally}}} of what is unbilled, as sent."""
    sums: dict[str, dict[str, dict[str, Tally]]] = {}
    for cell in cells:
        if cell.key.standing in UNBILLED:
            own = sums.setdefault(cell.key.cost_center, {}).setdefault(cell.band, {})
            own[cell.key.currency] = own.get(cell.key.currency, Tally()) + cell.counted
    return sums


def stuck(figures: Mapping[Key, Tally]) -> dict[str, Tally]:
    """Return {currency: tally} of what waits for a person; empty when nothing does."""
    sums: dict[str, Tally] = {}
    for key, tally in figures.items():
        if key.standing in (*STUCK, Standing.UNACCOUNTED) and tally != Tally():
            sums[key.currency] = sums.get(key.currency, Tally()) + tally
    return sums


def changes(before: Mapping[Key, Tally], after: Mapping[Key, Tally]) -> list[Change]:
    """Return the figures that differ, by cost center, currency and standing; one that is not there counts as empty."""
    order = list(Standing)
    keys = sorted({*before, *after}, key=lambda key: (key.cost_center, key.currency, order.index(key.standing)))
    found = [Change(key, before.get(key, Tally()), after.get(key, Tally())) for key in keys]
    return [change for change in found if change.before != change.after]


def digest(figures: Mapping[Key, Tally]) -> str:
    """Return the SHA-256 of all figures, the same for the same figures in whatever order."""
    rows = sorted(
        (key.cost_center, key.currency, key.standing.value, tally.units, f"{tally.amount:f}", tally.price_unknown)
        for key, tally in figures.items()
    )
    return _sha256(rows)


def seen(cells: Iterable[Cell]) -> str:
    """Return the SHA-256 of all that is kept when a month is signed off: its figures, and what is unbilled.

    Whoever signs says by it which figures they have read.
    """
    found = list(cells)
    accrual = [
        (center, currency, tally.units, f"{tally.amount:f}", tally.price_unknown)
        for center, currency, tally in unbilled(found)
    ]
    return _sha256([digest(figures(found)), accrual])


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()
