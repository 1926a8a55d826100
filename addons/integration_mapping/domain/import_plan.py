"""What an import would do: which rows of a list are new, changed, unchanged, merged or refused, and what is retired.

Two stages, neither of which knows Odoo. :func:`gather` looks at the list alone: repeats are merged, and where one code
has two meanings or two prices nobody wins, each of these rows is refused and names the other line. :func:`decide` holds
one row that is left against what is in force. The same function decides in the dry run and when the row is applied,
so that what has changed in between is seen.

No answer depends on the order of the rows: a list that is issued again in another order gives the same.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import Final, NamedTuple

from .import_columns import FIELDS, Row, price_text
from .validity import Span


class Status(str, Enum):
    """What becomes of a row."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    MERGED = "merged"
    RETIRED = "retired"
    REFUSED = "refused"


class Question(NamedTuple):
    """What a code is asked by: ``key`` is the code as its code system compares it."""

    system: int
    kind: str
    code_system: str
    key: str


class Meaning(NamedTuple):
    """What a row says that its code means.

    Attributes:
        entity: Id of the canonical entity, where there is one already.
        target: Id of Odoo's record, where its entity is still to be made.
        name: What a department that is still to be made is called.
        made: The list does not say what its codes mean: each unknown one becomes a service of its own.
    """

    entity: int | None = None
    target: int | None = None
    name: str = ""
    made: bool = False


_UNTOLD: Final = Meaning()
ALWAYS: Final = Span()
"""The days of a row that names none."""


@dataclass(frozen=True)
class Claim:
    """One row of a list, as far as it can be understood by itself.

    Attributes:
        line: Where it stands.
        question: What is asked by its code.
        code: The code as it is written.
        display: What the list calls it.
        meaning: What it says that the code means.
        price: Price in one spelling, an empty text for none (:func:`import_columns.price_text`).
        span: The days it is said for.
        note: What is said about it.
        also: What is asked by its second code, such as an NDC.
        also_code: That code as it is written.
    """

    line: int
    question: Question
    code: str
    display: str = ""
    meaning: Meaning = _UNTOLD
    price: str = ""
    span: Span = ALWAYS
    note: str = ""
    also: Question | None = None
    also_code: str = ""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a row that is not carried out.

    Attributes:
        claim: The row.
        status: ``MERGED`` or ``REFUSED``.
        reason: Why, a stable word.
        other: The other line that it is about, 0 for none.
    """

    claim: Claim
    status: Status
    reason: str
    other: int = 0


@dataclass(frozen=True)
class Step:
    """One code to be carried out, from one row or from several.

    Attributes:
        claim: What is said of it; of a second code, with that code as its own.
        parent: For a second code the question whose answer it shares.
        extra: It is told by rows that each have a second code, and is counted beside them.
    """

    claim: Claim
    parent: Question | None = None
    extra: bool = False


@dataclass
class Gathered:
    """What a list says when it is looked at as a whole."""

    steps: list[Step] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass(frozen=True)
class Known:
    """What is on record for a question.

    Attributes:
        id: Which identifier it is.
        question: What it answers.
        entity: What it means.
        span: For which days.
        state: ``approved``, ``retired``, or ``requested`` for a proposal that waits for approval.
        display: What the other system calls it.
        note: What is said about it.
        price: Sales price of the service that it means, in one spelling; None where that is no part of the import.
        code: The code as it is written on record.
    """

    id: int
    question: Question
    entity: int
    span: Span
    state: str
    display: str = ""
    note: str = ""
    price: str | None = None
    code: str = ""


@dataclass(frozen=True)
class Decision:
    """What is done about a step.

    Attributes:
        status: What becomes of it.
        reason: Why, or in which way it changes: ``meaning``, ``days``, ``end``, ``text``, ``price``.
        known: The identifier that it is about: ended, changed or found to be the same; 0 for none.
        entity: What it means, where that is known already.
        span: The days that it will hold for.
    """

    status: Status
    reason: str = ""
    known: int = 0
    entity: int | None = None
    span: Span = ALWAYS


NO_REASON: Final = ""


# -- the list by itself


def digest(rows: Iterable[Row]) -> str:
    """Return the SHA-256 of what rows say, whatever their order, encoding, delimiter and line ends were.

    >>> digest([Row(2, {"code": "A"}), Row(3, {"code": "B"})]) == digest([Row(7, {"code": "B"}), Row(9, {"code": "A"})])
    True
    """
    lines = sorted("".join(f"{len(row.get(name))}:{row.get(name)}," for name in FIELDS) for row in rows)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def gather(claims: Sequence[Claim]) -> Gathered:
    """Merge repeats and refuse contradictions.

    Every claim ends either in exactly one step that is not ``extra``, or in one verdict.
    """
    found = Gathered()
    groups: dict[Question, list[Claim]] = defaultdict(list)
    for claim in sorted(claims, key=lambda one: one.line):
        groups[claim.question].append(claim)
    seconds: list[Claim] = []
    for group in groups.values():
        if any(claim.also for claim in group):
            seconds += _one_meaning(group, found)
        else:
            _gather_plain(group, found)
    kept = _gather_seconds(seconds, found)
    _gather_parents(kept, found)
    return found


def _refuse_if_differing(group: Sequence[Claim], reasons: Mapping[str, Callable[[Claim], object]]) -> list[Verdict]:
    """Return verdicts that refuse all of a group when they differ in something, the first that applies."""
    first = group[0]
    for reason, said in reasons.items():
        other = next((claim for claim in group if said(claim) != said(first)), None)
        if other:
            return [
                Verdict(claim, Status.REFUSED, reason, other.line if said(claim) == said(first) else first.line)
                for claim in group
            ]
    return []


def _meaning_of(claim: Claim) -> object:
    """Return what a code means as far as the list says it: a list that tells no meaning tells it by the text."""
    return claim.display if claim.meaning.made else claim.meaning


def _gather_plain(group: Sequence[Claim], found: Gathered) -> None:
    by_span: dict[Span, list[Claim]] = defaultdict(list)
    for claim in group:
        by_span[claim.span].append(claim)
    for span, alike in by_span.items():
        crossing = next((one for other, [one, *_] in by_span.items() if other != span and other.overlaps(span)), None)
        if crossing:
            found.verdicts += [Verdict(claim, Status.REFUSED, "days_overlap", crossing.line) for claim in alike]
            continue
        refused = _refuse_if_differing(
            alike, {"several_meanings": _meaning_of, "several_prices": lambda claim: claim.price}
        )
        found.verdicts += refused
        if not refused:
            found.steps.append(Step(_merge(alike, found)))


def _merge(alike: Sequence[Claim], found: Gathered) -> Claim:
    """Return the one claim that stands for all, and tell of the others."""
    first = alike[0]
    for claim in alike[1:]:
        same = claim.display == first.display and claim.note == first.note
        found.verdicts.append(Verdict(claim, Status.MERGED, "same_row" if same else "same_meaning", first.line))
    # Of several texts always the same one, wherever it stands.
    display = min((claim.display for claim in alike if claim.display), default="")
    note = min((claim.note for claim in alike if claim.note), default="")
    return replace(first, display=display, note=note)


def _one_meaning(group: Sequence[Claim], found: Gathered) -> list[Claim]:
    """Return the rows of a code that has second codes, unless they say different things of the code itself."""
    refused = _refuse_if_differing(
        group, {"several_meanings": lambda claim: claim.meaning, "days_overlap": lambda claim: claim.span}
    )
    found.verdicts += refused
    return [] if refused else list(group)


def _gather_seconds(claims: Sequence[Claim], found: Gathered) -> list[Claim]:
    """Make a step of each second code; return the claims that are left."""
    groups: dict[Question, list[Claim]] = defaultdict(list)
    kept = [claim for claim in claims if not claim.also]
    for claim in claims:
        if claim.also:
            groups[claim.also].append(claim)
    for second, group in groups.items():
        refused = _refuse_if_differing(
            group, {"several_meanings": lambda claim: claim.question, "several_prices": lambda claim: claim.price}
        )
        found.verdicts += refused
        if refused:
            continue
        kept += group
        one = _merge(group, found)
        own = replace(one, question=second, code=one.also_code, price="", also=None, also_code="")
        found.steps.append(Step(own, parent=one.question))
    return kept


def _gather_parents(kept: Sequence[Claim], found: Gathered) -> None:
    """Make a step of each code that has second codes, called and priced as all of its rows agree."""
    groups: dict[Question, list[Claim]] = defaultdict(list)
    for claim in kept:
        groups[claim.question].append(claim)
    for group in groups.values():
        with_second = [claim for claim in group if claim.also]
        bare = sorted((claim for claim in group if not claim.also), key=lambda one: one.line)
        if not with_second:  # those that had one were refused
            _gather_plain(bare, found)
            continue
        first = min(with_second, key=lambda one: one.line)
        displays = {claim.display for claim in with_second}
        prices = {claim.price for claim in with_second}
        one = replace(
            first,
            display=displays.pop() if len(displays) == 1 else "",
            price=prices.pop() if len(prices) == 1 else "",
            note="",
            also=None,
            also_code="",
        )
        found.steps.append(Step(one, extra=True))
        for claim in bare:
            same = (claim.display, claim.price) == (one.display, one.price)
            status, reason = (Status.MERGED, "same_row") if same else (Status.REFUSED, "no_second_code")
            found.verdicts.append(Verdict(claim, status, reason, first.line))


# -- against what is in force


def decide(step: Step, known: Collection[Known], *, effective: date, digits: int | None = None) -> Decision:
    """Say what is done about a step.

    Args:
        step: What the list says; its meaning names the entity where there is one already.
        known: All that is on record for its question.
        effective: The day from which on something else holds, where the list names no days.
        digits: Decimals to which a service's price is kept; None where prices are not imported.
    """
    proposed = next((one for one in known if one.state == "requested"), None)
    if proposed:
        return Decision(Status.REFUSED, "proposed", proposed.id)
    in_force = [one for one in known if one.state in ("approved", "retired")]
    claim = step.claim
    exact = next((one for one in in_force if one.span == claim.span), None)
    if exact and _same(claim, exact):
        return _kept(claim, exact, digits)
    if claim.span == ALWAYS:
        return _decide_undated(claim, in_force, effective, digits)
    return _decide_dated(claim, in_force, digits)


def _same(claim: Claim, known: Known) -> bool:
    return claim.meaning.made or claim.meaning.entity == known.entity


def _kept(claim: Claim, known: Known, digits: int | None) -> Decision:
    """Say what is done where the meaning stays."""
    text = (claim.display and claim.display != known.display) or (claim.note and claim.note != known.note)
    price = digits is not None and known.price is not None and claim.price
    if price and rounded(claim.price, digits or 0) != rounded(known.price or "0", digits or 0):
        return Decision(Status.CHANGED, "price", known.id, known.entity, known.span)
    status = Status.CHANGED if text else Status.UNCHANGED
    return Decision(status, "text" if text else NO_REASON, known.id, known.entity, known.span)


def rounded(price: str, digits: int) -> str:
    """Return a price as it is kept with so many decimals.

    >>> rounded("19.905", 2), rounded("4", 2)
    ('19.91', '4')
    """
    return price_text(Decimal(price).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def _decide_undated(claim: Claim, in_force: Sequence[Known], effective: date, digits: int | None) -> Decision:
    """Decide about a row without days: it says what holds now, and nothing of the past."""
    if not in_force:
        return Decision(Status.NEW, entity=claim.meaning.entity)
    now = next((one for one in in_force if one.span.holds(effective)), None)
    if now and _same(claim, now):
        return _kept(claim, now, digits)
    later = next((one for one in in_force if one.span.first and one.span.first > effective), None)
    if later:
        return Decision(Status.REFUSED, "later_meaning", later.id)
    span = Span(effective, None)
    if now:
        return Decision(Status.CHANGED, "meaning", now.id, claim.meaning.entity, span)
    # What comes back after an end is what it was, where the list does not say otherwise.
    last = max(in_force, key=lambda one: (one.span.last or date.max, one.id))
    entity = last.entity if claim.meaning.made else claim.meaning.entity
    return Decision(Status.NEW, "again", entity=entity, span=span)


def _decide_dated(claim: Claim, in_force: Sequence[Known], digits: int | None) -> Decision:
    """Decide about a row with days: on these its code means this, whatever was said before."""
    crossing = [one for one in in_force if one.span.overlaps(claim.span)]
    if not crossing:
        return Decision(Status.NEW, entity=claim.meaning.entity, span=claim.span)
    if len(crossing) > 1:
        return Decision(Status.REFUSED, "several_spans", crossing[0].id)
    [old] = crossing
    if _same(claim, old) and old.span.first == claim.span.first and _ends_earlier(claim.span, old.span):
        return Decision(Status.CHANGED, "end", old.id, old.entity, claim.span)
    entity = old.entity if claim.meaning.made else claim.meaning.entity
    same = entity is not None and entity == old.entity
    return Decision(Status.CHANGED, "days" if same else "meaning", old.id, entity, claim.span)


def _ends_earlier(new: Span, old: Span) -> bool:
    return new.last is not None and (old.last is None or new.last < old.last)


# -- what is not in the list


def absent(known: Iterable[Known], told: Collection[Question], *, effective: date) -> list[tuple[Known, date]]:
    """Return what a full list leaves out and what therefore ends, each with its last day.

    Args:
        known: Everything on record that the list is about.
        told: What the list names, in rows that are refused too: a row that is refused is not absent.
        effective: The first day on which it no longer holds.

    What begins only later has no last day before it: its last day lies before its first one, and it is revoked.
    """
    last = effective - timedelta(days=1)
    return [(one, last) for one in current(known, effective=effective) if one.question not in told]


def current(known: Iterable[Known], *, effective: date) -> list[Known]:
    """Return what of this holds on a day or will hold after it, by approval and without an end that is past."""
    return [one for one in known if one.state == "approved" and (one.span.last is None or one.span.last >= effective)]


def share(part: int, whole: int) -> float:
    """Return a part in percent of the whole, of nothing 0.

    >>> share(1, 20), share(0, 0)
    (5.0, 0.0)
    """
    return 100.0 * part / whole if whole else 0.0
