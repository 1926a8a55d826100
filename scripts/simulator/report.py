"""The end of a run: what was sent, what Odoo answered, and the equation, from Odoo's own answers.

``received = applied + waiting + parked + rejected + duplicate``. The left side counts the units of what was sent and
counted by Odoo. The right side is what Odoo says of each: its answer to the message, and for accepted ones what its
status address tells line by line. Amounts are quantity × unit price as sent; a line sent without a price counts under
*price unknown*, never as 0.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from .messages import Unit
from .transport import Exchange, Status

BUCKETS = ("applied", "waiting", "parked", "rejected", "duplicate")


@dataclass(slots=True)
class Tally:
    """A number of units, their money by currency, and how many carry no price."""

    units: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)
    price_unknown: int = 0

    def add(self, unit: Unit) -> None:
        """Count one unit."""
        self.units += 1
        if unit.amount is not None and unit.currency is not None:
            self.amounts[unit.currency] = self.amounts.get(unit.currency, Decimal(0)) + unit.amount
        elif unit.priced:
            self.price_unknown += 1

    def money(self) -> str:
        """Write the amounts, one per currency."""
        return " + ".join(f"{amount:,.2f} {currency}" for currency, amount in sorted(self.amounts.items())) or "-"


@dataclass(slots=True)
class Equation:
    """Both sides, and why lines are parked."""

    received: Tally = field(default_factory=Tally)
    buckets: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in BUCKETS})
    reasons: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))

    @property
    def unaccounted(self) -> int:
        """Units of which Odoo said nothing that we understand; 0 when the equation holds."""
        return self.received.units - sum(tally.units for tally in self.buckets.values())


def equation(exchanges: Iterable[Exchange], statuses: Mapping[str, Status]) -> Equation:
    """Add up both sides for a run."""
    result = Equation()
    for exchange in exchanges:
        if not exchange.answer.counted:
            continue
        lines = _lines(statuses.get(exchange.message.message_id, {})) if exchange.answer.accepted else {}
        for unit in exchange.message.units:
            result.received.add(unit)
            bucket, reason = _bucket(exchange, lines, unit)
            if bucket in result.buckets:
                result.buckets[bucket].add(unit)
            if bucket == "parked":
                result.reasons[reason or "no reason given"].add(unit)
    return result


def _bucket(exchange: Exchange, lines: Mapping[str, tuple[str, str]], unit: Unit) -> tuple[str, str]:
    if exchange.answer.duplicate:
        return "duplicate", ""
    if not exchange.answer.accepted:
        return "rejected", exchange.answer.word
    return lines.get(unit.name) or lines.get("", ("", ""))


def _lines(status: Status) -> dict[str, tuple[str, str]]:
    """Read a status answer: per line its state and reason; under the empty name those of the whole message."""
    found: dict[str, tuple[str, str]] = {}
    entries = status.get("lines")
    for entry in entries if isinstance(entries, list) else []:
        found[str(entry.get("line"))] = (str(entry.get("status")), str(entry.get("reason") or ""))
    if not found and isinstance(status.get("status"), str):
        found[""] = (str(status["status"]), str(status.get("reason") or ""))
    return found


def is_settled(status: Status) -> bool:
    """Whether nothing of a message waits any more."""
    lines = _lines(status)
    return bool(lines) and all(state not in ("waiting", "") for state, _reason in lines.values())


def is_parked(status: Status, reason: str) -> bool:
    """Whether something of a message is parked for this reason."""
    return ("parked", reason) in _lines(status).values()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Set a table in plain text: first column to the left, the others to the right."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    padded = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in cells]
    lines = ["  ".join(row) for row in padded]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)


def sent_table(exchanges: Sequence[Exchange]) -> str:
    """Tell by event type what was sent and what Odoo answered."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for exchange in exchanges:
        answer = exchange.answer
        kind = "accepted" if answer.accepted else "duplicate" if answer.duplicate else "refused"
        for name in (exchange.message.type, "all"):
            counts[name]["sent"] += 1
            counts[name][kind] += 1
    names = [*sorted(name for name in counts if name != "all"), "all"]
    columns = ("sent", "accepted", "duplicate", "refused")
    return table(("messages by type", *columns), ([name, *(str(counts[name][c]) for c in columns)] for name in names))


def refusals(exchanges: Iterable[Exchange]) -> list[str]:
    """Tell each kind of refusal, with what the sender knows of it."""
    kinds: Counter[tuple[int, str, str]] = Counter()
    for exchange in exchanges:
        answer = exchange.answer
        if not answer.accepted and not answer.duplicate:
            kinds[(answer.status, answer.word, exchange.message.note)] += 1
    return [
        f"{count} x {status} {word}" + (f" ({note})" if note else "") for (status, word, note), count in kinds.items()
    ]


def equation_table(result: Equation) -> str:
    """Set the equation: one row for each side's parts, by count and by amount."""
    rows = [("received", result.received)]
    rows += [(("= " if name == BUCKETS[0] else "+ ") + name, result.buckets[name]) for name in BUCKETS]
    text = table(
        ("as Odoo answers", "units", "amount as sent", "price unknown"),
        ([name, str(tally.units), tally.money(), str(tally.price_unknown)] for name, tally in rows),
    )
    verdict = "The equation holds." if not result.unaccounted else f"NOT ACCOUNTED FOR: {result.unaccounted} units."
    return f"{text}\n{verdict}"


def parked_table(result: Equation) -> str:
    """Set the parked units by reason."""
    return table(
        ("parked because", "units", "amount as sent", "price unknown"),
        (
            [reason, str(tally.units), tally.money(), str(tally.price_unknown)]
            for reason, tally in sorted(result.reasons.items())
        ),
    )
