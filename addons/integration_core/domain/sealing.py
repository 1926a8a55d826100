"""Sealing the audit trail: how a row is put into bytes, and what a seal says of the rows that it covers.

Every row has a *leaf*, the SHA-256 digest of its canonical bytes. A *seal* covers some rows of one company: it holds
their leaves, and its own digest covers its header, a digest of the leaves and the digest of the seal before it. So the
seals of a company are a chain: no row and no seal of it can change, go or come without breaking a digest.

The canonical bytes of a list of values are netstrings, one after the other: the length in bytes of the text as UTF-8,
in decimal, a colon, the text, a comma. No value (SQL NULL) is ``-,``. Integers are decimal, times are UTC as
``2026-11-27T09:30:00.000000Z``. The first netstring names what follows. ``docs/audit.md`` tells it to others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

ROW_TAG: Final = "integration.audit.row.1"
SEAL_TAG: Final = "integration.audit.seal.1"
CERTIFICATE_TAG: Final = "integration.audit.certificate.1"
LEAF_SIZE: Final = 32
"""Bytes of a SHA-256 digest."""
NO_LEAF: Final = bytes(LEAF_SIZE)
"""Stands for a row that was gone already when it was to be sealed."""
FIRST: Final = "0" * 64
"""What the first seal, and the first certificate, of a company follow."""
BATCH: Final = 1000
"""Rows that one seal covers at most."""

Value: TypeAlias = int | str | datetime | None


class Row(NamedTuple):
    """A row of the trail, with every column of its table; times are naive UTC."""

    id: int
    at: datetime | None
    user_id: int | None
    user_name: str | None
    company_id: int | None
    company_name: str | None
    action: str | None
    res_model: str | None
    res_id: int | None
    res_name: str | None
    reason: str | None
    detail: str | None


COLUMNS: Final = Row._fields
"""The columns in the order of their canonical bytes."""


@dataclass(frozen=True)
class Seal:
    """A seal as it is stored.

    Attributes:
        company: Whose chain it belongs to; None for the chain of rows without a company.
        number: 1, 2, 3 … within the chain.
        ids: The rows it covers, as :func:`pack` writes them.
        count: How many rows that are.
        first_at: Earliest time of a row that it covers; None when all of them were gone.
        last_at: Latest time of one.
        leaves_digest: SHA-256 of the leaves, in hexadecimal.
        previous: Digest of the seal before it, :data:`FIRST` for number 1.
        sealed_at: When it was made.
        digest: SHA-256 over all of the above.
        leaves: The leaves in the order of the ids; None once the rows were removed by retention.
        certificate: Number of the certificate by which its rows were removed.
    """

    company: int | None
    number: int
    ids: str
    count: int
    first_at: datetime | None
    last_at: datetime | None
    leaves_digest: str
    previous: str
    sealed_at: datetime
    digest: str
    leaves: bytes | None = None
    certificate: int | None = None

    def expected(self) -> str:
        """Return the digest that follows from what it says."""
        return _digest(
            SEAL_TAG,
            self.company,
            self.number,
            self.ids,
            self.count,
            self.first_at,
            self.last_at,
            self.leaves_digest,
            self.previous,
            self.sealed_at,
        )


@dataclass(frozen=True)
class Certificate:
    """By which rule the rows of the oldest seals of a chain were removed.

    Attributes:
        company: Whose chain it is about.
        number: 1, 2, 3 … within the chain.
        first_seal: First seal whose rows were removed.
        last_seal: Last one.
        count: How many rows were removed.
        ids: Which ones, as :func:`pack` writes them.
        first_at: Earliest time of one of them.
        last_at: Latest time of one.
        seal_digest: Digest of the last seal.
        days: For how many days rows were kept, by the rule of that time.
        removed_at: When they were removed.
        previous: Digest of the certificate before it.
        digest: SHA-256 over all of the above.
    """

    company: int | None
    number: int
    first_seal: int
    last_seal: int
    count: int
    ids: str
    first_at: datetime | None
    last_at: datetime | None
    seal_digest: str
    days: int
    removed_at: datetime
    previous: str
    digest: str

    def expected(self) -> str:
        """Return the digest that follows from what it says."""
        return _digest(
            CERTIFICATE_TAG,
            self.company,
            self.number,
            self.first_seal,
            self.last_seal,
            self.count,
            self.ids,
            self.first_at,
            self.last_at,
            self.seal_digest,
            self.days,
            self.removed_at,
            self.previous,
        )


def _netstring(value: Value) -> bytes:
    if value is None:
        return b"-,"
    if isinstance(value, datetime):
        value = value.isoformat(timespec="microseconds") + "Z"
    data = str(value).encode()
    return b"%d:%s," % (len(data), data)


def canonical(tag: str, values: Iterable[Value]) -> bytes:
    """Return the canonical bytes of values: equal values alone have equal bytes."""
    return b"".join(map(_netstring, (tag, *values)))


def _digest(tag: str, *values: Value) -> str:
    return hashlib.sha256(canonical(tag, values)).hexdigest()


def leaf(row: Sequence[Value]) -> bytes:
    """Return the leaf of a row, whose values are in the order of :data:`COLUMNS`."""
    return hashlib.sha256(canonical(ROW_TAG, row)).digest()


def pack(ids: Sequence[int]) -> str:
    """Write ascending ids compactly.

    >>> pack([1, 2, 3, 7, 9, 10])
    '1-3,7,9-10'

    Raises:
        ValueError: They do not ascend.
    """
    runs: list[list[int]] = []
    for one in ids:
        if runs and one <= runs[-1][1]:
            raise ValueError(f"These ids do not ascend: {one} after {runs[-1][1]}")
        if runs and one == runs[-1][1] + 1:
            runs[-1][1] = one
        else:
            runs.append([one, one])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def spans(text: str) -> list[tuple[int, int]]:
    """Return the (first, last) spans of what :func:`pack` has written.

    Raises:
        ValueError: It is nothing that :func:`pack` writes.
    """
    found: list[tuple[int, int]] = []
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"These are no ids: {text[:80]}")
        found.append((int(first), int(last or first)))
    for (begin, end), before in zip(found, [(0, 0), *found], strict=False):
        if not before[1] < begin <= end:
            raise ValueError(f"These ids do not ascend: {text[:80]}")
    return found


def unpack(text: str) -> list[int]:
    """Return the ids that :func:`pack` has written.

    >>> unpack("1-3,7")
    [1, 2, 3, 7]

    Raises:
        ValueError: It is nothing that :func:`pack` writes.
    """
    return [one for first, last in spans(text) for one in range(first, last + 1)]


def seal(
    company: int | None, ids: Sequence[int], rows: Sequence[Row], *, after: Seal | None, sealed_at: datetime
) -> Seal:
    """Return the seal that covers ``ids`` and follows ``after``.

    Args:
        company: Whose chain it belongs to.
        ids: The rows that are to be sealed, ascending.
        rows: Those of them that are there, in any order.
        after: The newest seal of the chain.
        sealed_at: Now, naive UTC.
    """
    leaves = {row.id: leaf(row) for row in rows}
    joined = b"".join(leaves.get(one, NO_LEAF) for one in ids)
    times = [row.at for row in rows if row.at is not None]
    made = Seal(
        company=company,
        number=after.number + 1 if after else 1,
        ids=pack(ids),
        count=len(ids),
        first_at=min(times, default=None),
        last_at=max(times, default=None),
        leaves_digest=hashlib.sha256(joined).hexdigest(),
        previous=after.digest if after else FIRST,
        sealed_at=sealed_at,
        digest="",
        leaves=joined,
    )
    return _with_digest(made)


def _with_digest(made: Seal) -> Seal:
    return Seal(**{**vars(made), "digest": made.expected()})


def certify(seals: Sequence[Seal], *, after: Certificate | None, days: int, removed_at: datetime) -> Certificate:
    """Return the certificate of the removal of the rows of ``seals``.

    Args:
        seals: Seals of one chain, one after the other.
        after: The newest certificate of the chain.
        days: For how long rows are kept.
        removed_at: Now, naive UTC.
    """
    times = [moment for one in seals for moment in (one.first_at, one.last_at) if moment is not None]
    made = Certificate(
        company=seals[0].company,
        number=after.number + 1 if after else 1,
        first_seal=seals[0].number,
        last_seal=seals[-1].number,
        count=sum(one.count for one in seals),
        ids=pack(sorted(row for one in seals for row in unpack(one.ids))),
        first_at=min(times, default=None),
        last_at=max(times, default=None),
        seal_digest=seals[-1].digest,
        days=days,
        removed_at=removed_at,
        previous=after.digest if after else FIRST,
        digest="",
    )
    return Certificate(**{**vars(made), "digest": made.expected()})


def removable(seals: Sequence[Seal], *, cutoff: datetime, rows: int) -> list[Seal]:
    """Return the oldest seals whose every row is older than ``cutoff``: a whole prefix, never one out of the middle.

    Args:
        seals: What is left of a chain, oldest first.
        cutoff: Naive UTC; a row of this moment stays.
        rows: How many rows may be removed at once; one seal always may.
    """
    found: list[Seal] = []
    for one in seals:
        latest = one.last_at or one.sealed_at
        if latest >= cutoff or (found and sum(other.count for other in found) + one.count > rows):
            break
        found.append(one)
    return found


@dataclass(frozen=True)
class Anchor:
    """That a chain had a seal of this number and digest, written down elsewhere."""

    company: int | None
    number: int
    digest: str
    sealed_at: str

    def text(self) -> str:
        """Write the anchor as one line.

        >>> Anchor(1, 7, "ab" * 32, "2026-11-27T09:30:00Z").text()[:16]
        '1 7 abababababab'
        """
        return f"{'-' if self.company is None else self.company} {self.number} {self.digest} {self.sealed_at}"


def anchor_of(newest: Seal) -> Anchor:
    """Return the anchor that stands for the newest seal of a chain and everything before it."""
    return Anchor(newest.company, newest.number, newest.digest, newest.sealed_at.isoformat(timespec="seconds") + "Z")


def read_anchors(text: str) -> list[Anchor]:
    """Read anchors, one per line; empty lines and lines that begin with ``#`` are skipped.

    Raises:
        ValueError: A line is none; the text says which.
    """
    found = []
    for place, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            company, number, digest, sealed_at = words
            if len(bytes.fromhex(digest)) != LEAF_SIZE:
                raise ValueError
            found.append(Anchor(None if company == "-" else int(company), int(number), digest.lower(), sealed_at))
        except ValueError:
            raise ValueError(f"Line {place} is no anchor: {line[:80]}") from None
    return found
