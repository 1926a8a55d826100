"""What is to be done about one stored row of an import."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from .import_plan import ALWAYS, Claim, Decision, Meaning, Question, Status, Step
from .validity import Span

FOLLOWS = {
    # As it was looked at → what may be found when its turn comes: what another row of the same file did counts.
    "new": (Status.NEW, Status.UNCHANGED),
    "changed": (Status.CHANGED, Status.UNCHANGED, Status.NEW),
}


@dataclass(frozen=True)
class Work:
    """One row.

    Attributes:
        row: Its id.
        status: What it was looked at as: ``new``, ``changed`` or ``retired``.
        reason: Why.
        known: The identifier on record that it is about, 0 for none.
        step: What it says. Of what ends, the claim's span has the last day.
    """

    row: int
    status: str
    reason: str
    known: int
    step: Step


def work_of(
    row: int,
    status: str,
    reason: str | None,
    known: int,
    line: int,
    system: int,
    kind: str,
    code_system: str,
    key: str,
    code: str,
    display: str | None,
    entity: int | None,
    target: int | None,
    target_name: str | None,
    made: bool | None,
    price: str | None,
    first: date | None,
    last: date | None,
    note: str | None,
    parent_code_system: str | None,
    parent_key: str | None,
    extra: bool | None,
) -> Work:
    """Return the work of a row as the database has it."""
    meaning = Meaning(entity or None, target or None, target_name or "", bool(made))
    claim = Claim(
        line,
        Question(system, kind, code_system, key),
        code,
        display or "",
        meaning,
        price or "",
        # What is to be revoked has a last day before its first one: it has no span.
        Span(first, last) if status != "retired" else Span(None, last),
        note or "",
    )
    parent = Question(system, kind, parent_code_system or "", parent_key) if parent_key else None
    return Work(row, status, reason or "", known, Step(claim, parent, bool(extra)))


def as_looked_at(work: Work, decision: Decision) -> Decision:
    """Return the decision, or a refusal where it is another than what was looked at and approved.

    >>> work = work_of(1, "new", None, 0, 2, 1, "service", "l", "A", "A", *[None] * 12)
    >>> as_looked_at(work, Decision(Status.CHANGED, "meaning", 7)).reason
    'meanwhile'
    """
    if decision.status is Status.REFUSED:
        return decision
    another = work.status == "changed" and decision.status is Status.CHANGED and decision.known != work.known
    # Without days the row was to hold from a day on, after what it means so far; now it would hold since ever.
    since_ever = work.status == "changed" and decision.status is Status.NEW and work.step.claim.span == ALWAYS
    if decision.status not in FOLLOWS[work.status] or another or since_ever:
        return Decision(Status.REFUSED, "meanwhile", decision.known)
    return decision
