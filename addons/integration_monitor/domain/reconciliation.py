"""Reconciliation: what a control total says against what was found, key by key, within tolerances.

Both sides are tallied per key (:class:`Key`). A difference beyond the tolerance is a break, and the records of its key
are searched for what explains it to the cent (:func:`explain`). Nothing is explained by likeness: a candidate is an
exact sum, or it is none. Amounts are decimals and never meet across currencies, because the currency is in the key.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Final

from ...integration_core.domain import decimals

MOST_RECORDS: Final = 500
"""Records of one break that are searched; the search for pairs is linear in them."""
MOST_OF_A_KIND: Final = 3
"""Candidates of one kind that are worth a person's time."""
APPLIED: Final = "applied"
NOT_APPLIED: Final = ("parked", "waiting", "rejected", "withdrawn", "replaced", "duplicate", "unaccounted")
"""What may have become of a line that does not count, in the order in which they are looked at."""
STILL_DUE: Final = frozenset({"parked", "waiting"})
"""What will count once its cause is mended."""


class Outcome(str, Enum):
    """What comparing one key came to."""

    MATCHED = "matched"
    WITHIN = "within"
    BREAK = "break"
    ONLY_TOLD = "only_told"
    ONLY_FOUND = "only_found"
    UNCOUNTED = "uncounted"
    """Neither side counts anything: it was not told, and nothing of what is here was applied."""

    @property
    def is_break(self) -> bool:
        """Whether it is work for a person."""
        return self in (Outcome.BREAK, Outcome.ONLY_TOLD, Outcome.ONLY_FOUND)


@dataclass(frozen=True)
class Key:
    """What is compared by itself.

    Attributes:
        day: Day of service, local to the system; None where days are not told apart.
        cost_center: As sent; empty where they are not told apart.
        kind: Name of the event type; empty for claims.
        claim: Number of the claim; empty where they are not told apart.
        currency: ISO 4217; empty where no money is compared.
    """

    day: date | None = None
    cost_center: str = ""
    kind: str = ""
    claim: str = ""
    currency: str = ""

    @property
    def place(self) -> Key:
        """The key without its currency: where counts belong."""
        return replace(self, currency="")


@dataclass(frozen=True)
class Tally:
    """How many, and what they are worth; None is what a side does not say, and then it is not compared."""

    count: int | None = None
    amount: Decimal | None = None

    def __add__(self, other: Tally) -> Tally:
        """Add what is said; what neither says stays unsaid.

        >>> Tally(1, Decimal("2.50")) + Tally(2)
        Tally(count=3, amount=Decimal('2.50'))
        """
        count = self.count if other.count is None else other.count + (self.count or 0)
        if other.amount is None:
            return Tally(count, self.amount)
        return Tally(count, other.amount if self.amount is None else decimals.add(self.amount, other.amount))


@dataclass(frozen=True)
class Tolerance:
    """How far two sides may be apart and still agree.

    With both an amount and a percentage the stricter one holds: a percentage of a big total would hide a whole claim,
    a fixed amount a small key's whole worth, and adding a second limit must never let through more than the first.

    Attributes:
        amount: Of money, in the key's currency; None: no such limit.
        percent: Of what was told; None: no such limit.
        count: Of pieces. With neither amount nor percentage, money must agree exactly.
    """

    amount: Decimal | None = None
    percent: Decimal | None = None
    count: int = 0

    def limit(self, told: Decimal) -> Decimal:
        """Return how far money may be from ``told``.

        >>> Tolerance(Decimal("1"), Decimal("10")).limit(Decimal("5")), Tolerance().limit(Decimal("5"))
        (Decimal('0.50'), Decimal('0'))
        """
        limits = [] if self.amount is None else [self.amount]
        if self.percent is not None:
            limits.append(decimals.multiply(decimals.multiply(told.copy_abs(), self.percent), Decimal("0.01")))
        return min(limits, default=Decimal(0))

    def allows(self, result: Result) -> bool:
        """Tell whether the two sides of a result are near enough; a difference of exactly the limit is."""
        count, amount = result.count, result.amount
        if count is not None and abs(count) > self.count:
            return False
        told = result.told.amount if result.told else None
        return amount is None or abs(amount) <= self.limit(told or Decimal(0))


EXACT: Final = Tolerance()


@dataclass(frozen=True)
class Result:
    """Both sides of one key, and what comparing them came to.

    Attributes:
        told: What the control total says; None where it has nothing of this key.
        found: What counts here; None where there is nothing.
        rest: What is here and does not count, by what became of it.
        late: What counts here and arrived after the control total was taken.
    """

    key: Key
    told: Tally | None
    found: Tally | None
    outcome: Outcome = Outcome.MATCHED
    rest: Mapping[str, Tally] = field(default_factory=dict)
    late: Tally = Tally()

    @property
    def count(self) -> int | None:
        """Found less told, in pieces; None where a side does not say."""
        told, found = self._counts
        return None if told is None or found is None else found - told

    @property
    def amount(self) -> Decimal | None:
        """Found less told, in money; None where a side does not say."""
        told = Decimal(0) if self.told is None else self.told.amount
        found = Decimal(0) if self.found is None else self.found.amount
        return None if told is None or found is None else decimals.add(found, told.copy_negate())

    @property
    def _counts(self) -> tuple[int | None, int | None]:
        told = 0 if self.told is None else self.told.count
        found = 0 if self.found is None else self.found.count
        return told, found

    @property
    def is_equal(self) -> bool:
        """Whether nothing that both sides say differs."""
        return not self.count and not self.amount


@dataclass(frozen=True)
class Found:
    """What is here of one key: what counts, what does not, what came late."""

    counts: Tally | None = None
    rest: Mapping[str, Tally] = field(default_factory=dict)
    late: Tally = Tally()

    def __add__(self, other: Found) -> Found:
        """Put two of them together."""
        rest = dict(self.rest)
        for status, tally in other.rest.items():
            rest[status] = rest.get(status, Tally()) + tally
        both = [one for one in (self.counts, other.counts) if one is not None]
        return Found(sum(both[1:], both[0]) if both else None, rest, self.late + other.late)


def add_up(rows: Iterable[tuple[Key, Tally]]) -> dict[Key, Tally]:
    """Return one tally per key."""
    totals: dict[Key, Tally] = {}
    for key, tally in rows:
        totals[key] = totals.get(key, Tally()) + tally
    return totals


def align(told: Mapping[Key, Tally], found: Mapping[Key, Found]) -> dict[Key, Found]:
    """Return what was found under the keys that the control total uses (see :class:`Homes`)."""
    homes = Homes(told)
    aligned: dict[Key, Found] = {}
    for key, one in found.items():
        places = homes.of(key)
        for where in places:
            what = one
            if not where.currency and where in told:
                what = _without_money(one)
            elif len(places) > 1:
                what = replace(one, counts=one.counts and Tally(None, one.counts.amount))
            aligned[where] = aligned.get(where, Found()) + what
    return aligned


class Homes:
    """Which keys of a control total a piece belongs to.

    Where it says no money, pieces of every currency belong to its key and money is not compared. Where it tells the
    money of several currencies and how many pieces they are together, a piece belongs to both keys. Lines that came
    without a price have no currency: they are counted with the one that the control total names there.
    """

    def __init__(self, told: Mapping[Key, Tally]) -> None:
        self._named: dict[Key, dict[str, Tally]] = {}
        for key, tally in told.items():
            self._named.setdefault(key.place, {})[key.currency] = tally

    def of(self, key: Key) -> list[Key]:
        """Return the keys that pieces of a key as found count for: that of pieces first, then that of money."""
        named = self._named.get(key.place, {})
        if "" in named and all(tally.count is None for currency, tally in named.items() if currency):
            return [key.place] if len(named) == 1 or not key.currency else [key.place, key]
        if not key.currency and len(named) == 1:
            return [replace(key, currency=next(iter(named)))]
        return [key]


def _without_money(found: Found) -> Found:
    return Found(
        found.counts and Tally(found.counts.count),
        {status: Tally(tally.count) for status, tally in found.rest.items()},
        Tally(found.late.count),
    )


def compare(
    told: Mapping[Key, Tally], found: Mapping[Key, Found], tolerance: Callable[[Key], Tolerance] = lambda _key: EXACT
) -> list[Result]:
    """Compare two sides and return one result per key of either, in the order of their keys.

    Args:
        told: What the control total says.
        found: What is here, under the same keys (see :func:`align`).
        tolerance: How far a key's sides may be apart.
    """
    results = []
    for key in sorted({*told, *found}, key=_order):
        here = found.get(key, Found())
        result = Result(key, told.get(key), here.counts, rest=here.rest, late=here.late)
        results.append(replace(result, outcome=_judge(result, tolerance(key))))
    return results


def _order(key: Key) -> tuple[str, ...]:
    return (key.day.isoformat() if key.day else "", key.kind, key.cost_center, key.claim, key.currency)


def _judge(result: Result, tolerance: Tolerance) -> Outcome:
    if result.told is None and result.found is None:
        return Outcome.UNCOUNTED
    if result.is_equal:
        return Outcome.MATCHED
    if tolerance.allows(result):
        return Outcome.WITHIN
    if result.told is None:
        return Outcome.ONLY_FOUND
    return Outcome.ONLY_TOLD if result.found is None else Outcome.BREAK


def net(results: Iterable[Result]) -> dict[str, Decimal]:
    """Return what all breaks come to, found less told, per currency."""
    sums: dict[str, Decimal] = {}
    for result in results:
        if result.outcome.is_break and result.amount:
            sums[result.key.currency] = decimals.add(sums.get(result.key.currency, Decimal(0)), result.amount)
    return sums


# -- what explains a break


@dataclass(frozen=True)
class Record:
    """One line that is here, of the key of a break.

    Attributes:
        ref: Which record it is; the caller's own.
        amount: What it is worth; None where it has no price.
        status: ``applied`` or one of :data:`NOT_APPLIED`.
        late: It arrived after the control total was taken.
        same: What tells a copy: two records with the same are one thing entered twice; empty: not known.
    """

    ref: int
    amount: Decimal | None
    status: str = APPLIED
    late: bool = False
    same: str = ""


@dataclass(frozen=True)
class Candidate:
    """Something that accounts for a break exactly.

    Attributes:
        kind: ``parked``, ``waiting``, ``rejected``, ``withdrawn``, ``replaced``, ``duplicate``, ``unaccounted`` (all
            lines of the key of which that became), ``not_yet`` (parked and waiting together), ``late``, ``copy``,
            ``single``, ``pair``, ``sign``, ``digits``, ``elsewhere``.
        count: Pieces that it accounts for.
        amount: Money that it accounts for, with the sign of the difference; None where only pieces differ.
        refs: Its records.
        key: Where the opposite difference is (``elsewhere``).
    """

    kind: str
    count: int
    amount: Decimal | None
    refs: tuple[int, ...] = ()
    key: Key | None = None


def explain(result: Result, records: Sequence[Record], others: Iterable[Result] = ()) -> list[Candidate]:
    """Return what accounts for a break exactly, the likeliest first; an empty list where nothing does.

    Args:
        result: The break.
        records: Lines of its key; the first :data:`MOST_RECORDS` of them are looked at.
        others: Results among which the opposite difference is looked for.
    """
    looked_at = records[:MOST_RECORDS]
    searches = (_by_status, _late, _copies, _singles, _pairs, _signs, _digits)
    found = [one for search in searches for one in _first(search(result, looked_at))]
    return _without_repeats([*found, *_first(_elsewhere(result, others))])


def _first(candidates: Iterator[Candidate]) -> list[Candidate]:
    return [one for one, _place in zip(candidates, range(MOST_OF_A_KIND), strict=False)]


def _without_repeats(candidates: list[Candidate]) -> list[Candidate]:
    """Leave out what names the same records as an earlier one."""
    seen: set[tuple[int, ...]] = set()
    kept = []
    for one in candidates:
        refs = tuple(sorted(one.refs))
        if not refs or refs not in seen:
            kept.append(one)
            seen.add(refs)
    return kept


def _fits(result: Result, count: int, amount: Decimal | None) -> bool:
    """Tell whether ``count`` pieces worth ``amount`` are the difference, in all that it is told in."""
    if result.count is not None and result.count != count:
        return False
    if result.amount is None:
        return result.count is not None
    return amount is not None and amount == result.amount


def _times(amount: Decimal, way: int) -> Decimal:
    """Return an amount, or its opposite for ``way`` -1; never rounded, as Decimal's own minus would."""
    return amount.copy_negate() if way < 0 else amount


def _by_status(result: Result, records: Sequence[Record]) -> Iterator[Candidate]:
    """All that did not count here, of one fate: then as much is missing."""
    groups = [(status, {status}) for status in NOT_APPLIED] + [("not_yet", set(STILL_DUE))]
    for kind, statuses in groups:
        tally = sum((result.rest.get(status, Tally()) for status in sorted(statuses)), Tally())
        if kind == "not_yet" and not all(result.rest.get(status) for status in statuses):
            continue
        count = tally.count or 0
        if count and _fits(result, -count, (tally.amount or Decimal(0)).copy_negate()):
            refs = tuple(one.ref for one in records if one.status in statuses)
            yield Candidate(kind, -count, result.amount, refs)


def _late(result: Result, records: Sequence[Record]) -> Iterator[Candidate]:
    """All that counts here and arrived after the control total was taken."""
    count = result.late.count or 0
    if count and _fits(result, count, result.late.amount or Decimal(0)):
        refs = tuple(one.ref for one in records if one.late and one.status == APPLIED)
        yield Candidate("late", count, result.amount, refs)


def _copies(result: Result, records: Sequence[Record]) -> Iterator[Candidate]:
    """Something that is here twice and was told once."""
    first: dict[tuple[str, Decimal | None], int] = {}
    for one in _applied(records):
        twin = (one.same, one.amount)
        if one.same and twin in first and _fits(result, 1, one.amount):
            yield Candidate("copy", 1, result.amount, (first[twin], one.ref))
        first.setdefault(twin, one.ref)


def _singles(result: Result, records: Sequence[Record]) -> Iterator[Candidate]:
    """One line that is here and was not told, or was told and does not count here."""
    for one in records:
        way = 1 if one.status == APPLIED else -1
        if one.amount is not None and result.amount and _fits(result, way, _times(one.amount, way)):
            yield Candidate("single", way, result.amount, (one.ref,))


def _pairs(result: Result, records: Sequence[Record]) -> Iterator[Candidate]:
    """Two lines of one fate that come to the difference together."""
    if not result.amount:
        return
    for way, some in ((1, list(_applied(records))), (-1, [one for one in records if one.status != APPLIED])):
        if result.count is not None and result.count != 2 * way:
            continue
        earlier: dict[Decimal, int] = {}
        for one in some:
            if not one.amount:
                continue
            wanted = decimals.add(_times(result.amount, way), one.amount.copy_negate())
            if wanted in earlier:
                yield Candidate("pair", 2 * way, result.amount, (earlier[wanted], one.ref))
            earlier.setdefault(one.amount, one.ref)


def _signs(result: Result, records: Sequence[Record]) -> Iterator[Candidate]:
    """A line with the wrong sign on one side: the difference is twice its worth."""
    for one in _applied(records):
        if one.amount and result.amount and not result.count and decimals.add(one.amount, one.amount) == result.amount:
            yield Candidate("sign", 0, result.amount, (one.ref,))


def _digits(result: Result, records: Sequence[Record]) -> Iterator[Candidate]:
    """A line of which two neighbouring digits changed places on one side."""
    if not result.amount or result.count:
        return
    for one in _applied(records):
        if one.amount and decimals.add(one.amount, result.amount.copy_negate()) in _swapped(one.amount):
            yield Candidate("digits", 0, result.amount, (one.ref,))


def _swapped(amount: Decimal) -> set[Decimal]:
    """Return the amounts with two neighbouring digits exchanged; each differs by a multiple of nine of its last digit.

    >>> sorted(_swapped(Decimal("12.3")))
    [Decimal('13.2'), Decimal('21.3')]
    """
    text = f"{amount:f}"
    places = [place for place, one in enumerate(text) if one.isdigit()]
    swapped = set()
    for one, other in itertools.pairwise(places):
        digits = list(text)
        digits[one], digits[other] = digits[other], digits[one]
        swapped.add(Decimal("".join(digits)))
    return swapped - {amount}


def _elsewhere(result: Result, others: Iterable[Result]) -> Iterator[Candidate]:
    """The opposite difference on another day, at another cost center or on another claim."""
    for other in others:
        alike = (other.key.kind, other.key.currency) == (result.key.kind, result.key.currency)
        if not alike or other.key == result.key or not other.outcome.is_break:
            continue
        count = -(other.count or 0)
        if _fits(result, count, None if other.amount is None else other.amount.copy_negate()):
            yield Candidate("elsewhere", count, result.amount, (), other.key)


def _applied(records: Iterable[Record]) -> Iterator[Record]:
    return (one for one in records if one.status == APPLIED)


# -- which of two control totals holds


@dataclass(frozen=True)
class Version:
    """What tells one control total of a period from another.

    Attributes:
        number: As the sender counts them; None where it does not.
        taken_at: When the totals were taken, with its offset.
        digest: Of what they say.
    """

    number: int | None
    taken_at: datetime
    digest: str


def judge(new: Version, standing: Version | None) -> str:
    """Tell what a new control total is beside the one that stands.

    Returns:
        ``newer`` (it takes the place of the other), ``same`` (it says what is there already), ``stale`` (an older one
        that came late) or ``conflict`` (the same version says something else).
    """
    if standing is None:
        return "newer"
    if new.digest == standing.digest and new.number in (None, standing.number):
        return "same"
    if new.number is not None and standing.number is not None and new.number != standing.number:
        return "newer" if new.number > standing.number else "stale"
    if new.number is not None and new.number == standing.number:
        return "conflict"
    return "newer" if new.taken_at >= standing.taken_at else "stale"


# -- breaks as work items

OPEN: Final = ("open", "explained")
"""States of a break that still is work; sign-off asks for a reason while there is any."""


def next_state(state: str, *, is_break: bool, moved: bool, newer: bool) -> str:
    """Return the state of a key's work item after a comparison.

    Args:
        state: Before: ``open``, ``explained``, ``resolved``, ``accepted``, or empty where there never was a break.
        is_break: The sides differ beyond the tolerance.
        moved: They say something else than when the state was decided.
        newer: Another control total holds than when it was decided.

    What a person said of one difference is never taken for another one: a break whose figures moved is open again.
    *Resolved* says that it was mended at its source; a newer control total that still differs shows that it was not.
    """
    if not is_break:
        return "resolved" if state in OPEN else state
    if state in ("", "open") or moved or (newer and state == "resolved"):
        return "open"
    return state
