"""Control totals: what the clinical record says it sent of a day, counted from its own messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from .messages import FINALIZED, Data, Message, Unit

Key = tuple[date, str]
"""Day of service where the system is, and department."""


@dataclass(slots=True)
class Total:
    """Lines, and their quantity × unit price as sent."""

    count: int = 0
    amount: Decimal = Decimal(0)

    def add(self, unit: Unit) -> None:
        """Count one more line."""
        self.count += 1
        self.amount += unit.amount or 0


def count(messages: Iterable[Message], zone: str) -> dict[Key, Total]:
    """Count the finalized lines of messages, each message once however often it is sent.

    :param zone: IANA name of the time zone in which the system's days are
    """
    totals: dict[Key, Total] = {}
    for message in {one.message_id: one for one in messages if one.type == FINALIZED and "lines" in one.data}.values():
        lines = message.data["lines"]
        assert isinstance(lines, list)
        day = _day(str(message.data["performed_at"]), zone)
        for line, unit in zip(lines, message.units, strict=True):
            totals.setdefault((day, line["department"]), Total()).add(unit)
    return totals


def statement(totals: dict[Key, Total], currency: str, taken_at: str) -> Data:
    """Give the data of ``control.totals.reported.v1``.

    :param totals: of at least one day
    :param taken_at: RFC 3339 time at which they were counted
    """
    days = [day for day, _department in totals]
    return {
        "period": {"from": str(min(days)), "to": str(max(days))},
        "taken_at": taken_at,
        "totals": [
            {
                "service_date": str(day),
                "department": department,
                "event_type": FINALIZED,
                "count": total.count,
                "amount": str(total.amount),
                "currency": currency,
            }
            for (day, department), total in sorted(totals.items())
        ],
    }


def _day(moment: str, zone: str) -> date:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone(ZoneInfo(zone)).date()
