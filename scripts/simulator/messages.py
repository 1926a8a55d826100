"""What the clinical side says: lines, messages, phases. Immutable, and the same bytes whenever it is said again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

ADMITTED = "clinical.encounter.admitted.v1"
DISCHARGED = "clinical.encounter.discharged.v1"
FINALIZED = "clinical.service.finalized.v1"
VOIDED = "clinical.service.voided.v1"
TOTALS = "control.totals.reported.v1"

Data = dict[str, object]


@dataclass(frozen=True, slots=True)
class Unit:
    """What the equation counts: one line of a message, or the whole message where it has none.

    ``amount`` is quantity × unit price as sent, None where no price was sent or the unit has none.
    """

    name: str
    amount: Decimal | None
    currency: str | None
    priced: bool


@dataclass(frozen=True, slots=True)
class Message:
    """One event of one system, and how it is to be sent."""

    system: str
    message_id: str
    type: str
    subject: str
    time: datetime
    data: Data
    note: str = ""
    forged: bool = False

    @property
    def body(self) -> bytes:
        """The CloudEvent, the same bytes each time."""
        event = {
            "specversion": "1.0",
            "id": self.message_id,
            "source": f"/systems/{self.system}",
            "type": self.type,
            "subject": self.subject,
            "time": rfc3339(self.time),
            "datacontenttype": "application/json",
            "data": self.data,
        }
        return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units of this message, in its own order."""
        lines = self.data.get("lines")
        if not isinstance(lines, list):
            return (Unit(self.message_id, None, None, priced=self.type == FINALIZED),)
        return tuple(_line_unit(line, priced=self.type == FINALIZED) for line in lines)


@dataclass(frozen=True, slots=True)
class Phase:
    """Messages that may travel side by side; the next phase begins when all of them are answered."""

    title: str
    messages: tuple[Message, ...] = field(default_factory=tuple)


def _line_unit(line: dict[str, str], *, priced: bool) -> Unit:
    price = line.get("unit_price")
    amount = Decimal(price) * Decimal(line["quantity"]) if priced and price is not None else None
    return Unit(line["line"], amount, line.get("currency"), priced)


def rfc3339(moment: datetime) -> str:
    """Write an aware UTC moment as RFC 3339 wants it, with ``Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
