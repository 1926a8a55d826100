"""Judging the audit trail: which row, which seal and which certificate is not what it was.

Nothing here knows a database: chains of seals and the rows they cover go in as iterables, one after the other, and
findings come out. What is held meanwhile does not grow with the rows: one bit per id, the rows of one seal, and up to
:data:`KEPT` rows that were found changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from . import sealing
from .sealing import LEAF_SIZE, NO_LEAF, Anchor, Certificate, Row, Seal
from .verdict import _

# pylint: disable=prefer-env-translation; there is no env here, what is marked is looked up where it is shown

Company: TypeAlias = int | None
KEPT: Final = 500
"""Changed rows that are compared with each other, to tell what was exchanged."""
_CHUNK: Final = 1 << 16
_ONE_DAY: Final = timedelta(days=1)

TEXTS: Final = {
    "row_changed": _("Row %(row)s (%(at)s, %(action)s) was changed after it was sealed in seal %(seal)s."),
    "row_deleted": _("Row %(row)s was deleted. It lay in seal %(seal)s, between %(first)s and %(last)s."),
    "row_lost": _("Row %(row)s was deleted before it was sealed; seal %(seal)s knows that it was there."),
    "row_lost_waiting": _("Row %(row)s was deleted while it waited to be sealed."),
    "row_stray": _("Row %(row)s (%(at)s, %(action)s) was inserted behind the trigger: it was never to be sealed."),
    "row_twice": _("Row %(row)s is claimed by seal %(seal)s, and by another one."),
    "row_again": _("Row %(row)s (%(at)s, %(action)s) is sealed, and waits to be sealed again."),
    "row_back": _("Row %(row)s (%(at)s, %(action)s) is there although seal %(seal)s says that it was removed."),
    "rows_exchanged": _("Rows %(row)s and %(other)s were exchanged: one has the content of the other."),
    "seal_changed": _("Seal %(seal)s was changed: its digest does not follow from what it says."),
    "seal_missing": _("Seals %(first)s to %(last)s were removed."),
    "seal_repeated": _("There is more than one seal %(seal)s, or it is out of order."),
    "seal_order": _("Seal %(seal)s does not follow the one before it: one of them was exchanged or made anew."),
    "leaves_changed": _("What seal %(seal)s says of its rows was changed."),
    "removal_unproved": _("The rows of seal %(seal)s were removed, and no certificate says by which rule."),
    "removal_gap": _("Seal %(seal)s was removed by retention although an older one was not."),
    "certificate_changed": _("Certificate %(certificate)s was changed: its digest does not follow from what it says."),
    "certificate_missing": _("A certificate before certificate %(certificate)s was removed or exchanged."),
    "certificate_wrong": _("Certificate %(certificate)s does not say what the seals say that it is about."),
    "certificate_early": _("Certificate %(certificate)s removed rows before their time: %(days)s days."),
    "certificate_untold": _("Certificate %(certificate)s has no row in the trail: it was not made by the suite."),
    "anchor_missing": _("The anchor names seal %(seal)s of %(at)s, which is not there any more."),
    "anchor_differs": _("Seal %(seal)s is another one than the anchor of %(at)s names: the trail was made anew."),
    "guard_off": _("The trigger %(action)s is missing or switched off: the database does not guard the trail."),
}
"""What each finding means, in words."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    ``code`` is a key of :data:`TEXTS`, which reads the other attributes by name.
    """

    code: str
    company: Company = None
    seal: int | None = None
    row: int | None = None
    at: datetime | str | None = None
    action: str | None = None
    other: int | None = None
    first: datetime | int | None = None
    last: datetime | int | None = None
    certificate: int | None = None
    days: int | None = None

    def text(self, template: str | None = None) -> str:
        """Say it in words, with :data:`TEXTS` or a translation of it."""
        return (template or TEXTS[self.code]) % vars(self)


@dataclass
class Chain:
    """What was seen of one company's chain.

    Attributes:
        rows: Rows that are there and match their leaves.
        sealed: Rows that its seals cover and that were not removed by retention.
        removed: Rows that retention has removed, as certificates prove.
        seals: How many seals there are.
        removed_seals: How many of them have no rows any more.
        newest: The newest seal.
        unsealed: Rows that wait to be sealed.
        unsealed_since: Time of the oldest of these.
        findings: How much is wrong.
    """

    company: Company
    rows: int = 0
    sealed: int = 0
    removed: int = 0
    seals: int = 0
    removed_seals: int = 0
    newest: Seal | None = None
    unsealed: int = 0
    unsealed_since: datetime | None = None
    findings: int = 0


@dataclass
class Report:
    """What a verification has seen, chain by chain."""

    chains: dict[Company, Chain] = field(default_factory=dict)
    findings: int = 0

    def of(self, company: Company) -> Chain:
        """Return what was seen of one chain."""
        return self.chains.setdefault(company, Chain(company))

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


class Marks:
    """A set of ids in one bit each, by chunks, so that neither gaps nor a long trail cost much."""

    def __init__(self) -> None:
        """Begin with no id."""
        self._chunks: dict[int, bytearray] = {}

    def add(self, one: int) -> bool:
        """Add an id; return whether it was new."""
        place, bit = divmod(one % _CHUNK, 8)
        chunk = self._chunks.setdefault(one // _CHUNK, bytearray(_CHUNK // 8))
        known = chunk[place] >> bit & 1
        chunk[place] |= 1 << bit
        return not known

    def __contains__(self, one: int) -> bool:
        """Tell whether an id was added."""
        chunk = self._chunks.get(one // _CHUNK)
        place, bit = divmod(one % _CHUNK, 8)
        return chunk is not None and bool(chunk[place] >> bit & 1)


@dataclass(frozen=True)
class Seen:
    """As much of a row as is needed to say that it is there."""

    id: int
    company: Company
    at: datetime | None
    action: str | None


@dataclass(frozen=True)
class Waiting:
    """An id that waits to be sealed."""

    id: int
    company: Company


@dataclass(frozen=True)
class _Changed:
    row: Row
    leaf: bytes
    seal: int
    company: Company


class Judge:
    """Verifies a trail: first its chains by :meth:`chain`, then :meth:`rest`, once.

    Everything must be read from one snapshot of the database.
    """

    def __init__(
        self,
        *,
        anchors: Iterable[Anchor] = (),
        certificates: Mapping[Company, Sequence[Certificate]] | None = None,
        told: Iterable[str] = (),
    ) -> None:
        """Take what is compared with the chains.

        Args:
            anchors: What was written down elsewhere.
            certificates: By company, in the order of their numbers.
            told: Digests of the certificates that rows of the trail tell of.
        """
        self.report = Report()
        self._anchors: dict[Company, dict[int, list[Anchor]]] = {}
        for anchor in anchors:
            self._anchors.setdefault(anchor.company, {}).setdefault(anchor.number, []).append(anchor)
        self._certificates = certificates or {}
        self._told = frozenset(told)
        self._sealed = Marks()
        self._changed: list[_Changed] = []

    def _found(self, code: str, company: Company, **values: object) -> Finding:
        self.report.findings += 1
        self.report.of(company).findings += 1
        return Finding(code, company, **values)  # type: ignore[arg-type]

    # -- one chain

    def chain(self, company: Company, batches: Iterable[tuple[Seal, Sequence[Row]]]) -> Iterator[Finding]:
        """Verify the seals of one company, in the order of their numbers, each with those of its rows that are there.

        The rows go in as they are in the table, whichever company they name: a row that was moved was changed.
        """
        seen = self.report.of(company)
        removed: list[Seal] = []
        for one, rows in batches:
            yield from self._judge_place(seen, one)
            yield from self._judge_seal(one)
            yield from self._judge_anchor(one)
            if one.certificate is None:
                yield from self._judge_rows(seen, one, rows)
            else:
                if seen.seals > len(removed):
                    yield self._found("removal_gap", company, seal=one.number)
                removed.append(one)
                yield from self._judge_removed(one, rows)
            seen.seals += 1
            seen.newest = one
        seen.removed_seals = len(removed)
        seen.removed = sum(one.count for one in removed)
        yield from self._judge_certificates(company, removed)
        for left in self._anchors.pop(company, {}).values():
            for anchor in left:
                yield self._found("anchor_missing", company, seal=anchor.number, at=anchor.sealed_at)

    def _judge_place(self, seen: Chain, one: Seal) -> Iterator[Finding]:
        before = seen.newest
        expected = before.number + 1 if before else 1
        if one.number > expected:
            yield self._found("seal_missing", one.company, first=expected, last=one.number - 1, seal=one.number)
        elif one.number < expected:
            yield self._found("seal_repeated", one.company, seal=one.number)
        elif one.previous != (before.digest if before else sealing.FIRST):
            yield self._found("seal_order", one.company, seal=one.number)

    def _judge_seal(self, one: Seal) -> Iterator[Finding]:
        if one.digest != one.expected():
            yield self._found("seal_changed", one.company, seal=one.number)
        if one.certificate is None:
            leaves = one.leaves or b""
            if hashlib.sha256(leaves).hexdigest() != one.leaves_digest or len(leaves) != one.count * LEAF_SIZE:
                yield self._found("leaves_changed", one.company, seal=one.number)

    def _judge_anchor(self, one: Seal) -> Iterator[Finding]:
        for anchor in self._anchors.get(one.company, {}).pop(one.number, ()):
            if anchor.digest != one.digest:
                yield self._found("anchor_differs", one.company, seal=one.number, at=anchor.sealed_at)

    def _ids(self, one: Seal) -> list[int]:
        try:
            return sealing.unpack(one.ids)
        except ValueError:
            return []  # its digest tells already that it was changed

    def _judge_rows(self, seen: Chain, one: Seal, rows: Sequence[Row]) -> Iterator[Finding]:
        there = {row.id: row for row in rows}
        leaves = one.leaves or b""
        for place, row_id in enumerate(self._ids(one)):
            kept = leaves[place * LEAF_SIZE : (place + 1) * LEAF_SIZE]
            seen.sealed += 1
            if not self._sealed.add(row_id):
                yield self._found("row_twice", one.company, row=row_id, seal=one.number)
            row = there.get(row_id)
            if row is None:
                code = "row_lost" if kept == NO_LEAF else "row_deleted"
                times = {"first": one.first_at, "last": one.last_at}
                yield self._found(code, one.company, row=row_id, seal=one.number, **times)
            elif sealing.leaf(row) != kept:
                if len(self._changed) < KEPT:
                    self._changed.append(_Changed(row, kept, one.number, one.company))
                about = {"row": row_id, "at": row.at, "action": row.action}
                yield self._found("row_changed", one.company, seal=one.number, **about)
            else:
                seen.rows += 1

    def _judge_removed(self, one: Seal, rows: Sequence[Row]) -> Iterator[Finding]:
        for row_id in self._ids(one):
            if not self._sealed.add(row_id):
                yield self._found("row_twice", one.company, row=row_id, seal=one.number)
        for row in rows:
            about = {"row": row.id, "at": row.at, "action": row.action}
            yield self._found("row_back", one.company, seal=one.number, **about)

    def _judge_certificates(self, company: Company, removed: Sequence[Seal]) -> Iterator[Finding]:
        by_number: dict[int | None, list[Seal]] = {}
        for one in removed:
            by_number.setdefault(one.certificate, []).append(one)
        before = sealing.FIRST
        gone_until = max((one.last_at for one in removed if one.last_at), default=None)
        for place, paper in enumerate(self._certificates.get(company, ()), start=1):
            about = {"certificate": paper.number}
            if paper.digest != paper.expected():
                yield self._found("certificate_changed", company, **about)
            if paper.number != place or paper.previous != before:
                yield self._found("certificate_missing", company, **about)
            before = paper.digest
            seals = by_number.pop(paper.number, [])
            if not _agree(paper, seals):
                yield self._found("certificate_wrong", company, **about)
            elif paper.last_at and paper.removed_at - paper.last_at < paper.days * _ONE_DAY:
                yield self._found("certificate_early", company, days=paper.days, **about)
            # The row that told of it may have been removed since, by a later certificate.
            if paper.digest not in self._told and not (gone_until and paper.removed_at <= gone_until):
                yield self._found("certificate_untold", company, **about)
        for seals in by_number.values():
            for one in seals:
                yield self._found("removal_unproved", company, seal=one.number)

    # -- what no seal covers

    def rest(self, rows: Iterable[Seen], waiting: Iterable[Waiting]) -> Iterator[Finding]:
        """Find what the chains do not cover, after all of them.

        Args:
            rows: Every row of the trail, by ascending id.
            waiting: What waits to be sealed, by ascending id.
        """
        for row, waits in _merged(rows, waiting):
            if row is None:
                if waits and waits.id not in self._sealed:
                    yield self._found("row_lost_waiting", waits.company, row=waits.id)
                continue
            about = {"row": row.id, "at": row.at, "action": row.action}
            if row.id in self._sealed:
                if waits:
                    yield self._found("row_again", row.company, **about)
            elif waits:
                self._count_waiting(row)
            else:
                yield self._found("row_stray", row.company, **about)
        yield from self._exchanged()
        for company, left in self._anchors.items():
            for anchors in left.values():
                for anchor in anchors:
                    yield self._found("anchor_missing", company, seal=anchor.number, at=anchor.sealed_at)

    def _count_waiting(self, row: Seen) -> None:
        seen = self.report.of(row.company)
        seen.unsealed += 1
        if row.at is not None and (seen.unsealed_since is None or row.at < seen.unsealed_since):
            seen.unsealed_since = row.at

    def _exchanged(self) -> Iterator[Finding]:
        """Say of changed rows which ones have the content of each other."""
        for place, one in enumerate(self._changed):
            for other in self._changed[place + 1 :]:
                if (
                    sealing.leaf(one.row._replace(id=other.row.id)) == other.leaf
                    and sealing.leaf(other.row._replace(id=one.row.id)) == one.leaf
                ):
                    yield self._found("rows_exchanged", one.company, row=one.row.id, other=other.row.id, seal=one.seal)


def _agree(paper: Certificate, seals: Sequence[Seal]) -> bool:
    """Tell whether a certificate says the same as the seals that name it."""
    return bool(seals) and (
        paper.first_seal == seals[0].number
        and paper.last_seal == seals[-1].number
        and paper.count == sum(one.count for one in seals)
        and paper.seal_digest == seals[-1].digest
        and paper.last_at == max((one.last_at for one in seals if one.last_at), default=None)
    )


def _merged(rows: Iterable[Seen], waiting: Iterable[Waiting]) -> Iterator[tuple[Seen | None, Waiting | None]]:
    """Walk along both at once, by id; where one has no such id, None stands for it."""
    queue = iter(waiting)
    ahead = next(queue, None)
    for row in rows:
        while ahead is not None and ahead.id < row.id:
            yield None, ahead
            ahead = next(queue, None)
        if ahead is not None and ahead.id == row.id:
            yield row, ahead
            ahead = next(queue, None)
        else:
            yield row, None
    while ahead is not None:
        yield None, ahead
        ahead = next(queue, None)
