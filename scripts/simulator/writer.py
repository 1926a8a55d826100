"""Writes a hospital day: encounters, lines and the messages that tell of them, and keeps the plan they follow.

:class:`Plan` says what a correct Odoo must make of every line.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum

from .hospital import Hospital, Service
from .messages import ADMITTED, DISCHARGED, FINALIZED, VOIDED, Data, Message, Phase, rfc3339

LineKey = tuple[str, str, str]


class Fate(str, Enum):
    """What a correct Odoo makes of a line."""

    READY = "ready"
    HELD = "held"
    WITHDRAWN = "withdrawn"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """One line of care as it stands when everything has arrived; ``price`` None: from the payer's price list."""

    service: str
    quantity: Decimal
    price: Decimal | None
    department: str
    fate: Fate
    touched: bool = False


@dataclass(slots=True)
class Encounter:
    """One stay or visit while the day is written."""

    system: str
    number: str
    kind: str
    began: datetime
    department: str
    payer: Data
    discharged: bool = False
    lines: int = 0


@dataclass(slots=True)
class Plan:
    """The day: its phases in order, and the fate of every line."""

    phases: list[Phase] = field(default_factory=list)
    lines: dict[LineKey, PlannedLine] = field(default_factory=dict)
    encounters: list[Encounter] = field(default_factory=list)


class Writer:
    """Writes the messages of a day; all chance comes from the date and the seed."""

    def __init__(self, hospital: Hospital, day: date, seed: int) -> None:
        """Begin an empty day."""
        self.hospital = hospital
        self.midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
        self.tag = f"{day:%Y%m%d}-{seed}"
        self.chance = random.Random(self.tag)  # noqa: S311 - a repeatable play, not a secret
        self.plan = Plan()
        self.number = 0

    # -- messages -------------------------------------------------------------------------------------------------

    def message(self, kind: str, encounter: Encounter, moment: datetime, data: Data, note: str = "") -> Message:
        """Give one message an id of its own."""
        self.number += 1
        message_id = f"{encounter.system}-{self.tag}-{self.number:04d}"
        subject = f"encounter/{encounter.number}"
        return Message(encounter.system, message_id, kind, subject, moment, data, note)

    def admitted(self, encounter: Encounter, note: str = "") -> Message:
        """Tell that an encounter began, and who pays."""
        data: Data = {
            "encounter": encounter.number,
            "patient": {"id": f"MRN-{encounter.number}"},
            "admitted_at": rfc3339(encounter.began),
            "department": encounter.department,
            "class": encounter.kind,
            "facility": self.hospital.facility,
            **encounter.payer,
        }
        return self.message(ADMITTED, encounter, encounter.began, data, note)

    def discharged(self, encounter: Encounter, moment: datetime) -> Message:
        """Tell that an encounter ended."""
        encounter.discharged = True
        data: Data = {
            "encounter": encounter.number,
            "patient": {"id": f"MRN-{encounter.number}"},
            "discharged_at": rfc3339(moment),
        }
        return self.message(DISCHARGED, encounter, moment, data)

    def finalized(self, encounter: Encounter, moment: datetime, lines: list[Data], note: str = "") -> Message:
        """Tell that services are complete."""
        data: Data = {
            "encounter": encounter.number,
            "patient": {"id": f"MRN-{encounter.number}"},
            "performed_at": rfc3339(moment),
            "facility": self.hospital.facility,
            "lines": lines,
        }
        return self.message(FINALIZED, encounter, moment, data, note)

    def voided(self, key: LineKey, moment: datetime, reason: str, quantity: Decimal | None = None) -> Message:
        """Tell that a line, or part of its quantity, was wrong."""
        line: Data = {"line": key[2], "reason": reason}
        if quantity is not None:
            line["quantity"] = str(quantity)
        data: Data = {"encounter": key[1], "lines": [line]}
        return self.message(VOIDED, self.encounter(key), moment, data, "void" if quantity is None else "partial void")

    # -- lines ----------------------------------------------------------------------------------------------------

    def line(self, encounter: Encounter, service: Service, quantity: Decimal, fate: Fate | None = None) -> Data:
        """Write one new line into the plan, and give it as it is sent."""
        encounter.lines += 1
        key = (encounter.system, encounter.number, str(encounter.lines))
        price = None if encounter.system == "lab" else service.price
        planned = PlannedLine(
            service.code, quantity, price, self.chance.choice(service.departments), fate or Fate.READY, fate is not None
        )
        self.plan.lines[key] = planned
        return self.sent(key)

    def sent(self, key: LineKey, **changes: str) -> Data:
        """Give a planned line as it is sent, with changes to what is said."""
        planned = self.plan.lines[key]
        line: Data = {
            "line": key[2],
            "service": planned.service,
            "quantity": str(planned.quantity),
            "department": planned.department,
        }
        if planned.price is not None:
            line |= {"unit_price": str(planned.price), "currency": self.hospital.currency}
        return line | changes

    def pick(self, kind: str, *, quantity: int = 1) -> LineKey:
        """Choose the first untouched line of a discharged or outpatient encounter, and mark it as touched."""
        for encounter in self.plan.encounters:
            if encounter.kind == kind:
                for number in range(1, encounter.lines + 1):
                    key = (encounter.system, encounter.number, str(number))
                    planned = self.plan.lines[key]
                    if not planned.touched and planned.quantity >= quantity and encounter.system == "ehr":
                        self.change(key)
                        return key
        msg = f"the day has no untouched {kind} line with a quantity of {quantity}"
        raise LookupError(msg)

    def change(self, key: LineKey, **changes: object) -> None:
        """Write down what has become of a line."""
        self.plan.lines[key] = replace(self.plan.lines[key], touched=True, **changes)  # type: ignore[arg-type]

    def encounter(self, key: LineKey) -> Encounter:
        """Give the encounter of a line."""
        return next(e for e in self.plan.encounters if (e.system, e.number) == key[:2])

    # -- encounters -----------------------------------------------------------------------------------------------

    def begin(self, system: str, kind: str, prefix: str, department: str) -> Encounter:
        """Open a new encounter at some time of the day."""
        number = f"{prefix}{self.tag}-{len(self.plan.encounters) + 1:03d}"
        began = self.midnight - timedelta(minutes=self.chance.randint(14 * 60, 24 * 60 - 5))
        encounter = Encounter(system, number, kind, began, department, self._payer())
        self.plan.encounters.append(encounter)
        return encounter

    def after(self, encounter: Encounter, hours: float) -> datetime:
        """Give a moment so many hours into the encounter."""
        return encounter.began + timedelta(hours=hours)

    def add(self, title: str, messages: list[Message]) -> None:
        """Add a phase."""
        self.plan.phases.append(Phase(title, tuple(messages)))

    def _payer(self) -> Data:
        roll = self.chance.random()
        if roll < 0.2:
            return {"self_pay": True}
        return {"coverage": [{"payer": self.chance.choice(self.hospital.payers), "rank": 1}]}
