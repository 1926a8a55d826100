"""The units by which nothing is lost silently: the lines of a message where it has lines, else the message itself.

Receipts are written for refused messages too, so this reading never fails: what cannot be read is left empty, and a
message without readable lines counts as one unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Final

from . import decimals, timestamps
from .strict_json import JSON, JSONObject

_SERVICE_TIMES: Final = ("performed_at", "consumed_at", "voided_at", "admitted_at", "discharged_at", "at")
_MAX_CHARS: Final = 255


@dataclass(frozen=True)
class Unit:
    """One unit of a message.

    ``line`` names the unit within the message: the line's number (see :func:`line_names`), None where the message is
    the unit. ``amount`` is quantity times unit price exactly as sent, None (never zero) where the price is unknown;
    ``price_unknown`` counts only where the event type carries money. ``service_at`` is aware, in UTC.
    """

    line: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    quantity: Decimal | None = None
    cost_center: str | None = None
    department: str | None = None
    service_at: datetime | None = None
    price_unknown: bool = False


MESSAGE: Final = Unit()
"""The one unit of a message of which nothing could be read."""


def units(
    data: JSON,
    *,
    lines_pointer: str | None = "lines",
    priced: bool = False,
    default_currency: str | None = None,
) -> list[Unit]:
    """Return the units of an event's ``data``, at least one.

    ``lines_pointer`` names the list of lines as the catalogue does (None: the message is the unit); ``priced`` says
    that the event type carries money; ``default_currency`` is that of a price sent without one.
    """
    if not isinstance(data, dict):
        return [MESSAGE]
    items = data.get(lines_pointer.removeprefix("/")) if lines_pointer else None
    if not isinstance(items, list) or not items:
        return [_unit(None, {}, data, priced, default_currency)]
    rows: list[JSONObject] = [item if isinstance(item, dict) else {} for item in items]
    return [_unit(name, row, data, priced, default_currency) for name, row in zip(line_names(items), rows, strict=True)]


def line_names(items: Sequence[JSON]) -> list[str]:
    """Return one name per item of a list of lines, all different.

    That is the line's number; a number that the message repeats is told apart by ``#2``, ``#3``, and an item without
    one is called by its place, ``#<place>``.
    """
    used: set[str] = set()
    names = []
    for place, item in enumerate(items, start=1):
        base = name = (_text(item, "line") if isinstance(item, dict) else None) or f"#{place}"
        repeat = 1
        while name in used:
            repeat += 1
            name = f"{base}#{repeat}"
        used.add(name)
        names.append(name)
    return names


def encounter_of(data: JSON) -> str | None:
    """Return the encounter that an event's ``data`` names, if it names one."""
    return _text(data, "encounter") if isinstance(data, dict) else None


def service_day(unit: Unit, timezone: tzinfo) -> date | None:
    """Return the day of service in ``timezone`` (the facility's), or None when the message tells no time."""
    if unit.service_at is None:
        return None
    try:
        return unit.service_at.astimezone(timezone).date()
    except OverflowError:  # the first or last day of the calendar
        return unit.service_at.date()


def _unit(name: str | None, row: JSONObject, data: JSONObject, priced: bool, default_currency: str | None) -> Unit:
    quantity = _decimal(row.get("quantity"), positive=True)
    price = _decimal(row.get("unit_price"))
    amount = None if quantity is None or price is None else decimals.multiply(quantity, price)
    return Unit(
        line=name,
        amount=amount,
        currency=None if amount is None else _text(row, "currency") or default_currency,
        quantity=quantity,
        cost_center=_text(row, "cost_center") or _text(data, "cost_center"),
        department=_text(row, "department") or _text(data, "department"),
        service_at=_service_at(row) or _service_at(data),
        price_unknown=priced and amount is None,
    )


def _text(row: JSONObject, name: str) -> str | None:
    value = row.get(name)
    return value[:_MAX_CHARS] if isinstance(value, str) and value else None


def _decimal(value: JSON, *, positive: bool = False) -> Decimal | None:
    try:
        return decimals.parse(value, positive=positive)
    except decimals.DecimalError:
        return None


def _service_at(row: JSONObject) -> datetime | None:
    for name in _SERVICE_TIMES:
        value = row.get(name)
        if isinstance(value, str):
            try:
                return timestamps.parse(value)
            except timestamps.TimestampError:
                continue
    return None
