"""What a certificate of removal says: a digest over the identities of what went.

An identity is what tells one row from all others without telling what was in it: ids, digests, numbers. The canonical
bytes of each are netstrings as of the audit trail (:func:`~.sealing.canonical`); the digest is the SHA-256 over those
of all rows, in the order of their ids. ``docs/retention.md`` tells how to make it again from a backup.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .sealing import Value, canonical, pack

TAG: Final = "integration.retention.removed.1"
"""First netstring of every identity, before the kind."""
IDENTITY: Final = {
    "payload": ("event_id", "uuid", "body_digest"),
    "attempt": ("id", "delivery_id", "number"),
    "event": ("id", "uuid", "body_digest"),
    "count": ("id", "subscription_id", "lane", "outcome", "slot", "tries"),
    "key": ("id", "webhook_id", "source", "source_event_id", "digest", "event_uuid"),
    "receipt": ("id", "event_uuid", "webhook_id", "unit"),
    "refused": ("refused_id", "webhook_id", "digest"),
    "certificate": ("id", "what", "digest"),
}
"""For each kind, the columns of an identity; the first of them is the row's id."""


@dataclass(frozen=True)
class Removed:
    """One row that went.

    Attributes:
        id: Its id.
        company: Whose it was; None for what belongs to none.
        moment: What its age was counted from, naive UTC.
        identity: The values of :data:`IDENTITY` behind the id.
    """

    id: int
    company: int | None
    moment: datetime
    identity: tuple[Value, ...]


@dataclass(frozen=True)
class Batch:
    """What went at once of one company, as its certificate says.

    Attributes:
        company: Whose it was.
        count: How many rows.
        row_ids: Which ones, as :func:`~.sealing.pack` writes them.
        first_id: The lowest id.
        last_id: The highest one.
        first_at: The earliest moment.
        last_at: The latest one.
        digest: SHA-256 over the identities, in hexadecimal.
    """

    company: int | None
    count: int
    row_ids: str
    first_id: int
    last_id: int
    first_at: datetime
    last_at: datetime
    digest: str


def digest(what: str, rows: Iterable[Sequence[Value]]) -> str:
    """Return the digest over the identities of removed rows.

    Args:
        what: The kind, a key of :data:`IDENTITY`.
        rows: Values in the order of :data:`IDENTITY`, the id first; the order of the rows does not matter.
    """
    found = hashlib.sha256()
    for row in sorted(rows, key=lambda one: int(str(one[0]))):
        found.update(canonical(TAG, (what, *row)))
    return found.hexdigest()


def batches(what: str, rows: Iterable[Removed]) -> list[Batch]:
    """Return what the certificates of these rows say, one for each company."""
    by_company: dict[int | None, list[Removed]] = {}
    for row in rows:
        by_company.setdefault(row.company, []).append(row)
    return [_batch(what, company, sorted(own, key=lambda row: row.id)) for company, own in by_company.items()]


def _batch(what: str, company: int | None, rows: list[Removed]) -> Batch:
    return Batch(
        company=company,
        count=len(rows),
        row_ids=pack([row.id for row in rows]),
        first_id=rows[0].id,
        last_id=rows[-1].id,
        first_at=min(row.moment for row in rows),
        last_at=max(row.moment for row in rows),
        digest=digest(what, ((row.id, *row.identity) for row in rows)),
    )
