"""Who pays: payer fields of a message and the order in which they decide (wire contract, section 4, *A line*).

A person is never found by name: a payer by its code, a guarantor by its identifier alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Guarantor:
    """A person who pays; name and address become that customer's billing data and nothing else."""

    id: str
    name: str | None
    address: Mapping[str, str]


@dataclass(frozen=True)
class PayerTerms:
    """Payer fields of one message: payer codes by rank, guarantor, whether the patient pays."""

    coverage: tuple[str, ...]
    guarantor: Guarantor | None
    self_pay: bool


class Source(Enum):
    """Where the customer of a charge comes from."""

    COVERAGE = "coverage"
    GUARANTOR = "guarantor"
    SELF_PAY = "self_pay"
    NOBODY = "nobody"


def choose(
    *, coverage: Sequence[str], has_guarantor: bool, self_pay: bool, self_pay_default: bool
) -> tuple[Source, str | None]:
    """Return where the customer comes from, and the payer's code when it is a payer.

    First-ranked payer, else guarantor, else self-pay when the message or the system's default says so.
    """
    if coverage:
        return Source.COVERAGE, coverage[0]
    if has_guarantor:
        return Source.GUARANTOR, None
    if self_pay or self_pay_default:
        return Source.SELF_PAY, None
    return Source.NOBODY, None


def read_terms(data: Mapping[str, object]) -> PayerTerms | None:
    """Return the payer fields of a message's ``data``; None when it has none of them."""
    coverage = _coverage(data.get("coverage"))
    guarantor = _guarantor(data.get("guarantor"))
    self_pay = data.get("self_pay") is True
    if not coverage and guarantor is None and not self_pay:
        return None
    return PayerTerms(coverage, guarantor, self_pay)


def _coverage(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    ranked = []
    for position, item in enumerate(value):
        if isinstance(item, dict) and isinstance(item.get("payer"), str):
            rank = item.get("rank")
            ranked.append((rank if isinstance(rank, int) else position + 1, position, item["payer"]))
    return tuple(payer for _rank, _position, payer in sorted(ranked))


def _guarantor(value: object) -> Guarantor | None:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        return None
    name = value.get("name")
    return Guarantor(value["id"], name if isinstance(name, str) and name else None, _address(value.get("address")))


def _address(value: object) -> Mapping[str, str]:
    if isinstance(value, str):
        return {"street": value}
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(text, str) and text}
