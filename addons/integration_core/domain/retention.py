"""How long things are kept: which rule holds for which lane, and which set of rules is safe.

A rule says for how many days one kind of thing is kept; without a rule it is kept for good. A rule for one lane goes
before the rule for all of them. All durations are days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LANES: Final = ("critical", "normal", "bulk")
BY_LANE: Final = frozenset({"payload", "attempt", "event"})
"""Kinds of things that know their lane."""
LEAST_DAYS: Final = {
    "payload": 1,
    "refused": 1,
    "attempt": 1,
    "count": 1,
    "key": 4,
    "event": 100,
    "receipt": 100,
    "audit": 365,
}
"""Message identities: a signature of up to 72 h ago is accepted, so that a copy may come on the fourth day. Events and
receipts: Reconciliation shows 92 days. The audit trail: a whole year is there to be audited."""


@dataclass(frozen=True)
class Rule:
    """Keep ``what`` for ``days``; ``lane`` is None for all lanes."""

    what: str
    lane: str | None
    days: int


@dataclass(frozen=True)
class Fault:
    """What is wrong with a rule.

    ``code`` is ``too_short`` (less than ``least`` days), ``no_lane`` (this kind knows no lane), ``outlived`` (message
    identities would go before an event, so that a late copy would happen again) or ``unaudited`` (something would be
    kept for longer than the audit trail, which tells what was done to it).
    """

    code: str
    rule: Rule
    least: int = 0


def lanes_of(rule: Rule, rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return the lanes for which ``rule`` decides, among ``rules``."""
    if rule.lane:
        return (rule.lane,)
    special = {other.lane for other in rules if other.what == rule.what and other.lane}
    return tuple(lane for lane in LANES if lane not in special)


def faults(rules: Iterable[Rule]) -> list[Fault]:
    """Return what is wrong with a set of rules; an empty list when it is safe."""
    every = list(rules)
    found = []
    longest = max((rule.days for rule in every if rule.what == "event"), default=0)
    longest_of_all = max((rule.days for rule in every if rule.what != "audit"), default=0)
    for rule in every:
        least = LEAST_DAYS[rule.what]
        if rule.days < least:
            found.append(Fault("too_short", rule, least))
        elif rule.lane and rule.what not in BY_LANE:
            found.append(Fault("no_lane", rule))
        elif rule.what == "key" and rule.days <= longest:
            found.append(Fault("outlived", rule, longest + 1))
        elif rule.what == "audit" and rule.days < longest_of_all:
            found.append(Fault("unaudited", rule, longest_of_all))
    return found
