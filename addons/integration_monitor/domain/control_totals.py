"""What a control total says: out of a message's data, or out of a table that somebody exported.

Three measures are compared:

``key``
    Pieces and money per day of service, cost center and event type, against what Odoo has.
``claim``
    Money per claim, against the charges that Odoo has of it.
``ledger``
    Charges against what settles them per claim, both sides in one file: Odoo's own data play no part.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, tzinfo
from decimal import Decimal
from typing import Any, Final

from ...integration_core.domain import decimals, timestamps
from ...integration_core.domain.equation import UNASSIGNED
from ...integration_mapping.domain.import_columns import DayError, PriceError, day_of, money_of, plain, width_differs
from ...integration_mapping.domain.table_file import Table
from .reconciliation import Found, Key, Tally, add_up

MEASURES: Final = ("key", "claim", "ledger")
TOLD: Final = "told"
FOUND: Final = "found"
"""The sides of a ledger: charges are told, what settles them is found. Of the other measures all lines are told."""
MOST_TEXT: Final = 255
MOST_COUNT: Final = 2**31 - 1
"""Pieces of one key, all its items together."""
MOST_DAYS: Final = 366
"""Days of a period that is compared with what Odoo has, whose rows are read anew each time."""
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_MOMENT: Final = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})[T ](?P<clock>\d{2}:\d{2})(?P<seconds>:\d{2}(?:\.\d{1,18})?)?"
    r"(?: ?(?:(?P<utc>Z|UTC|GMT)|(?P<hours>[+-]\d{2})(?::?(?P<minutes>\d{2}))?))?",
    re.ASCII,
)
_COUNT: Final = re.compile(r"\d{1,9}(?:\.0+)?")
_SIDES: Final[Mapping[str, str]] = {
    "charge": TOLD,
    "payment": FOUND,
    "adjustment": FOUND,
    "writeoff": FOUND,
    # Money that moves between the payers of one claim leaves it and comes back to it: the claim's balance is the same.
    "transferin": "",
    "transferout": "",
}
_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "day": ("servicedate", "serviceday", "day", "date", "fromdate", "dateofservice"),
    "cost_center": ("costcenter", "costcentre", "department", "departmentid"),
    "kind": ("eventtype", "messagetype", "type"),
    "claim": ("claim", "claimid", "claimnumber"),
    "count": ("count", "quantity", "number", "pieces", "lines"),
    "amount": ("amount", "total", "value", "chargeamount"),
    "paid": ("payments", "payment", "paid", "paidamount"),
    "adjusted": ("adjustments", "adjustment"),
    "currency": ("currency", "currencycode"),
    "reference": ("reference", "id", "transaction", "transactionid", "chargeid"),
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "key": ("day", "kind"),
    "claim": ("claim", "amount"),
    "ledger": ("claim", "kind", "amount"),
}


class TotalsError(ValueError):
    """The file as a whole cannot be read.

    Attributes:
        code: ``missing`` (a column that the measure needs) or ``twice`` (two columns could be meant).
        detail: What the column should say.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class _RowError(ValueError):
    """Why a row is refused; its text is the reason's code."""


@dataclass(frozen=True)
class TotalLine:
    """One line of a control total.

    Attributes:
        side: :data:`TOLD` or :data:`FOUND`.
        day: Day of service.
        cost_center: As sent; empty where not said.
        kind: Event type, or the kind of a ledger's entry.
        claim: Its number; empty where not said.
        count: Pieces; None where not said.
        amount: Money; None where not said.
        currency: ISO 4217; empty where there is no money.
        reference: What its sender calls the line.
    """

    side: str = TOLD
    day: date | None = None
    cost_center: str = ""
    kind: str = ""
    claim: str = ""
    count: int | None = None
    amount: Decimal | None = None
    currency: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Refused:
    """A row that cannot be used: where it stands, and why (a code)."""

    number: int
    reason: str


@dataclass(frozen=True)
class Reading:
    """What a file says.

    Attributes:
        lines: What can be used.
        refused: What cannot.
        left_out: Rows that are meant to play no part, by the kind of entry that they are.
    """

    lines: tuple[TotalLine, ...] = ()
    refused: tuple[Refused, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


def of_message(totals: Iterable[Mapping[str, Any]]) -> list[TotalLine]:
    """Return the lines of the ``totals`` of a message that its JSON Schema has accepted."""
    return [
        TotalLine(
            day=date.fromisoformat(one["service_date"]) if one.get("service_date") else None,
            cost_center=one.get("cost_center") or one.get("department") or "",
            kind=one.get("event_type", ""),
            claim=one.get("claim", ""),
            count=one.get("count"),
            amount=decimals.parse(one["amount"], signed=True) if "amount" in one else None,
            currency=one.get("currency", "") if "amount" in one else "",
        )
        for one in totals
    ]


def of_table(
    table: Table,
    measure: str,
    *,
    first: date,
    last: date,
    currency: str,
    zone: tzinfo,
    signs: Mapping[str, str] | None = None,
    kinds: Iterable[str] = (),
    decimal_comma: bool = False,
) -> Reading:
    """Read a file as a control total.

    Args:
        table: The file.
        measure: One of :data:`MEASURES`.
        first: First day of the period.
        last: Last day of it; rows of other days are refused.
        currency: Of rows that name none.
        zone: Where the system is: a time with an offset is of the day that it was there.
        signs: Sign of each currency, by its code; an amount may carry the code or the sign of its row's currency.
        kinds: Event types that there are (``key``).
        decimal_comma: Amounts are written ``1.234,56``.

    Raises:
        TotalsError: A column is missing, or could be one of two.
    """
    places = _columns(table.header, measure)
    reader = _Reader(measure, first, last, currency, zone, signs or {}, frozenset(kinds), decimal_comma)
    lines, refused, left_out = [], [], Counter[str]()
    for row in table.lines:
        said = {name: row.values[place].strip() for name, place in places.items() if place < len(row.values)}
        try:
            if width_differs(table, row.values):
                raise _RowError("other_width")
            line = reader.line(said)
        except _RowError as error:
            refused.append(Refused(row.number, str(error)))
            continue
        if line.side:
            lines.append(line)
        else:
            left_out[line.kind] += 1
    return Reading(tuple(lines), tuple(refused), dict(left_out))


def _columns(header: Sequence[str], measure: str) -> dict[str, int]:
    names = [plain(name) for name in header]
    places = {}
    for wanted, spellings in _ALIASES.items():
        # The first spelling that is there is meant: a transaction has an ID and a charge's ID beside it.
        for spelling in spellings:
            if spelling in names:
                if names.count(spelling) > 1:
                    raise TotalsError("twice", wanted)
                places[wanted] = names.index(spelling)
                break
    for wanted in _NEEDED[measure]:
        if wanted not in places:
            raise TotalsError("missing", wanted)
    if measure == "key" and not {"count", "amount"} & places.keys():
        raise TotalsError("missing", "count")
    return places


@dataclass(frozen=True)
class _Reader:
    measure: str
    first: date
    last: date
    currency: str
    zone: tzinfo
    signs: Mapping[str, str]
    kinds: frozenset[str]
    decimal_comma: bool

    def line(self, said: Mapping[str, str]) -> TotalLine:
        """Return what a row says; a line without a side plays no part. Raises :class:`_RowError`."""
        if any(len(text) > MOST_TEXT for text in said.values()):
            raise _RowError("too_long")
        line = TotalLine(
            day=self._day(said.get("day", "")),
            cost_center=said.get("cost_center", ""),
            kind=said.get("kind", ""),
            claim=said.get("claim", ""),
            count=self._count(said.get("count", "")),
            reference=said.get("reference", ""),
        )
        line = self._ledger(line, said) if self.measure == "ledger" else self._told(line, said)
        return line if line.amount is None else replace(line, currency=self._currency(said))

    def _told(self, line: TotalLine, said: Mapping[str, str]) -> TotalLine:
        line = replace(line, amount=self._amount(said.get("amount", ""), said))
        if self.measure == "claim":
            if not line.claim:
                raise _RowError("no_claim")
            if line.amount is None:
                raise _RowError("no_amount")
            return line
        if line.day is None:
            raise _RowError("no_day")
        if line.kind not in self.kinds:
            raise _RowError("unknown_type")
        if line.count is None and line.amount is None:
            raise _RowError("no_figure")
        return line

    def _ledger(self, line: TotalLine, said: Mapping[str, str]) -> TotalLine:
        if not line.claim:
            raise _RowError("no_claim")
        kind = plain(line.kind)
        if kind not in _SIDES:
            raise _RowError("unknown_type")
        side = _SIDES[kind]
        names = {
            "payment": ("paid", "amount"),
            "adjustment": ("adjusted", "amount"),
            "writeoff": ("adjusted", "amount"),
        }
        texts = [said.get(name, "") for name in names.get(kind, ("amount",))]
        amount = self._amount(next((text for text in texts if text), ""), said)
        if side and amount is None:
            raise _RowError("no_amount")
        return replace(line, side=side, kind=kind, count=1, amount=amount if side else None)

    def _day(self, text: str) -> date | None:
        moment = _MOMENT.fullmatch(text)
        try:
            day = self._day_there(moment) if moment else day_of(text)
        except (DayError, timestamps.TimestampError, OverflowError):
            raise _RowError("bad_day") from None
        if day is not None and not self.first <= day <= self.last:
            raise _RowError("other_period")
        return day

    def _day_there(self, moment: re.Match[str]) -> date | None:
        """Return the day of a time: as it stands there, or, where that has an offset, as it was where the system is."""
        if not moment["utc"] and not moment["hours"]:
            return day_of(moment["day"])
        offset = "Z" if moment["utc"] else f"{moment['hours']}:{moment['minutes'] or '00'}"
        at = timestamps.parse(f"{moment['day']}T{moment['clock']}{moment['seconds'] or ':00'}{offset}")
        return at.astimezone(self.zone).date()

    def _count(self, text: str) -> int | None:
        if not text or self.measure == "ledger":
            return None
        if not _COUNT.fullmatch(text):
            raise _RowError("bad_count")
        return int(text.split(".")[0])

    def _amount(self, text: str, said: Mapping[str, str]) -> Decimal | None:
        try:
            money = money_of(text, decimal_comma=self.decimal_comma)
        except PriceError:
            raise _RowError("bad_amount") from None
        if money is None:
            return None
        amount, marks = money
        currency = self._currency(said)
        if any(mark not in (currency, self.signs.get(currency)) for mark in marks):
            raise _RowError("bad_currency")
        try:
            return decimals.parse(f"{amount:f}", signed=True)
        except decimals.DecimalError:
            raise _RowError("bad_amount") from None

    def _currency(self, said: Mapping[str, str]) -> str:
        currency = said.get("currency", "") or self.currency
        if not _CURRENCY.fullmatch(currency):
            raise _RowError("bad_currency")
        return currency


# -- the two sides


@dataclass(frozen=True)
class Grain:
    """How finely a control total tells things apart; what it does not tell apart is compared together.

    Attributes:
        kinds: Event types that it speaks of; of others it says nothing, and nothing is compared.
        by_center: Those of them whose cost centers it tells apart.
        claims: Claims that it tells as a whole, of whichever days.
        by_day: Claims of which each item tells its day.
    """

    kinds: frozenset[str] = frozenset()
    by_center: frozenset[str] = frozenset()
    claims: frozenset[str] = frozenset()
    by_day: frozenset[str] = frozenset()


def grain_of(lines: Iterable[TotalLine]) -> Grain:
    """Return how finely a control total tells things apart: each event type and each claim by itself."""
    some = list(lines)
    claims = frozenset(one.claim for one in some if one.claim and one.day is None)
    return Grain(
        kinds=frozenset(one.kind for one in some),
        by_center=frozenset(one.kind for one in some if one.cost_center),
        claims=claims,
        by_day=frozenset(one.claim for one in some if one.claim) - claims,
    )


def fault_of(first: date, last: date, measure: str) -> str | None:
    """Return why a period cannot be compared (a code), or None.

    >>> fault_of(date(2026, 1, 2), date(2026, 1, 1), "key"), fault_of(date(2020, 1, 1), date(2026, 1, 1), "key")
    ('period_reversed', 'period_too_long')
    """
    if first > last:
        return "period_reversed"
    return "period_too_long" if measure != "ledger" and (last - first).days >= MOST_DAYS else None


def measure_of(lines: Sequence[TotalLine]) -> str | None:
    """Return what the lines of a message are to be compared by; None where some are of claims and some are not."""
    of_claims = {bool(one.claim) for one in lines}
    if len(of_claims) != 1:
        return None
    return "claim" if True in of_claims else "key"


def told_of(lines: Sequence[TotalLine], measure: str) -> dict[Key, Tally]:
    """Return what the control total says, per key."""
    told = [one for one in lines if one.side == TOLD]
    if measure == "ledger":
        return add_up(_of_claim(one) for one in told)
    grain = grain_of(told)
    if measure == "claim":
        return add_up(_of_claim(one, one.day if one.claim in grain.by_day else None) for one in told)
    return _together(
        add_up(
            (
                Key(one.day, _center_of(one, grain), one.kind, "", one.currency),
                Tally(one.count, one.amount),
            )
            for one in told
        )
    )


def _center_of(line: TotalLine, grain: Grain) -> str:
    return (line.cost_center or UNASSIGNED) if line.kind in grain.by_center else ""


def _together(told: Mapping[Key, Tally]) -> dict[Key, Tally]:
    """Put pieces that are told without a currency to the money of their place, where that is of one currency."""
    priced: dict[Key, list[Key]] = {}
    for key in told:
        if key.currency:
            priced.setdefault(key.place, []).append(key)

    def home(key: Key) -> Key:
        others = priced.get(key, [])
        return others[0] if len(others) == 1 else key

    return add_up((home(key), tally) for key, tally in told.items())


def counts_too_much(told: Mapping[Key, Tally]) -> bool:
    """Tell whether a key has more pieces than can be counted.

    >>> counts_too_much({Key(): Tally(MOST_COUNT)}), counts_too_much({Key(): Tally(MOST_COUNT + 1)})
    (False, True)
    """
    return any((one.count or 0) > MOST_COUNT for one in told.values())


def found_of(lines: Sequence[TotalLine]) -> dict[Key, Found]:
    """Return the other side of a ledger, per key."""
    tallies = add_up(_of_claim(one) for one in lines if one.side == FOUND)
    return {key: Found(tally) for key, tally in tallies.items()}


def _of_claim(line: TotalLine, day: date | None = None) -> tuple[Key, Tally]:
    """Money alone: how many charges and payments a claim has need not be equal."""
    return Key(day, claim=line.claim, currency=line.currency), Tally(None, line.amount)


def digest(lines: Iterable[TotalLine]) -> str:
    """Return the SHA-256 of what the lines say, in whatever order they stand."""
    rows = sorted(
        [
            one.side,
            one.day.isoformat() if one.day else "",
            one.cost_center,
            one.kind,
            one.claim,
            "" if one.count is None else str(one.count),
            "" if one.amount is None else f"{one.amount.normalize():f}",
            one.currency,
            one.reference,
        ]
        for one in lines
    )
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()
