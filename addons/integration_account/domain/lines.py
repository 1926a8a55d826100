"""Lines of care: what a message says about them, and what a line means that is not the first of its name.

Source of the rules: the wire contract, section 4, *A line*: (system, encounter, line) names one charge for ever. The
same content again has no effect; other content replaces the charge only with a higher ``revision``; anything else is a
conflict that a person decides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Protocol

from .payer import PayerTerms, read_terms

Data = Mapping[str, object]


class TimeReader(Protocol):
    """Reads an RFC 3339 text into an aware datetime."""

    def __call__(self, text: str, /) -> datetime:
        """Return the moment that ``text`` names."""


class LineError(ValueError):
    """A line lacks something no schema should have let through; the text names the field, never its value."""


@dataclass(frozen=True)
class Line:
    """One line of ``clinical.service.finalized.v1``, message-level defaults filled in.

    Quantities and prices are exact; ``performed_at`` is aware. ``unit_price`` is per unit, in ``currency``; None when
    the message sets no price.
    """

    line: str
    revision: int
    service: str
    code_system: str | None
    quantity: Decimal
    unit_price: Decimal | None
    currency: str | None
    unit: str | None
    performed_at: datetime
    department: str | None
    cost_center: str | None
    facility: str | None
    claim: str | None
    display: str | None
    terms: PayerTerms | None

    @property
    def digest(self) -> str:
        """SHA-256 over what makes the charge: equal for the same content in another spelling (``1`` and ``1.00``).

        The revision, the line's own name and the display text do not count as content.
        """
        content = [
            self.service,
            self.code_system,
            _plain(self.quantity),
            _plain(self.unit_price),
            self.currency,
            self.unit,
            self.performed_at.timestamp(),
            self.department,
            self.cost_center,
            self.facility,
            self.claim,
            list(self.terms.coverage) if self.terms else None,
            self.terms.guarantor.id if self.terms and self.terms.guarantor else None,
            self.terms.self_pay if self.terms else None,
        ]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()

    @property
    def amount(self) -> Decimal | None:
        """Quantity × unit price as sent, exact; None without a price."""
        return None if self.unit_price is None else self.quantity * self.unit_price


@dataclass(frozen=True)
class VoidLine:
    """One line of ``clinical.service.voided.v1``; ``quantity`` None means all of it."""

    line: str
    quantity: Decimal | None
    reason: str


class Verdict(Enum):
    """What a line means, given what is known under its name."""

    NEW = "new"
    SAME = "same"
    NEWER_SAME = "newer_same"
    """The same content under a higher revision: only the revision is remembered."""
    REVISION = "revision"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Known:
    """What is remembered of one earlier content of a line; exactly one of them is ``current``."""

    revision: int
    digest: str
    current: bool


def judge(line: Line, known: Sequence[Known]) -> Verdict:
    """Tell what ``line`` means beside everything ``known`` under the same system, encounter and line."""
    current = next((one for one in known if one.current), None)
    if current is None:
        return Verdict.NEW
    digest = line.digest
    if digest == current.digest:
        return Verdict.NEWER_SAME if line.revision > current.revision else Verdict.SAME
    if line.revision > current.revision:
        return Verdict.REVISION
    if any(one.digest == digest and one.revision == line.revision for one in known):
        return Verdict.SAME
    return Verdict.CONFLICT


def read_lines(data: Data, *, moment: datetime, parse_time: TimeReader) -> list[Line]:
    """Return the lines of a finalized message.

    :param data: the decoded ``data``, valid by its schema
    :param moment: used where neither line nor message says when the service was performed
    :param parse_time: reads an RFC 3339 text into an aware datetime
    :raises LineError: when a mandatory field is missing
    """
    terms = read_terms(data)
    performed_at = _time(data.get("performed_at"), parse_time) or moment
    return [
        Line(
            line=_required(item, "line"),
            revision=_revision(item.get("revision")),
            service=_required(item, "service"),
            code_system=_text(item.get("code_system")),
            quantity=_decimal(item, "quantity"),
            unit_price=_decimal(item, "unit_price") if item.get("unit_price") is not None else None,
            currency=_text(item.get("currency")),
            unit=_text(item.get("unit")),
            performed_at=_time(item.get("performed_at"), parse_time) or performed_at,
            department=_text(item.get("department")) or _text(data.get("department")),
            cost_center=_text(item.get("cost_center")) or _text(data.get("cost_center")),
            facility=_text(data.get("facility")),
            claim=_text(item.get("claim")),
            display=_text(item.get("display")),
            terms=terms,
        )
        for item in _items(data)
    ]


def read_voids(data: Data) -> list[VoidLine]:
    """Return the lines of a voided message.

    :raises LineError: when a mandatory field is missing
    """
    return [
        VoidLine(
            line=_required(item, "line"),
            quantity=_decimal(item, "quantity") if item.get("quantity") is not None else None,
            reason=_text(item.get("reason")) or "",
        )
        for item in _items(data)
    ]


def _items(data: Data) -> list[Data]:
    lines = data.get("lines")
    if not isinstance(lines, list) or not all(isinstance(item, dict) for item in lines):
        raise LineError("lines")
    return lines


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _required(item: Data, name: str) -> str:
    value = _text(item.get(name))
    if value is None:
        raise LineError(name)
    return value


def _decimal(item: Data, name: str) -> Decimal:
    value = item.get(name)
    try:
        number = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise LineError(name)
    return number


def _revision(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _time(value: object, parse_time: TimeReader) -> datetime | None:
    return parse_time(value) if isinstance(value, str) else None


def _plain(value: Decimal | None) -> str | None:
    if value is None:
        return None
    normal = value.normalize()
    return format(normal.copy_abs() if normal == 0 else normal, "f")
