"""Counting what was refused at the door, in bounded memory and a bounded number of rows.

Anybody can send what will be refused, under as many names and from as many addresses as they like. What is kept of it
is a count per (minute, cause, claimed system, address); when one minute brings too many different ones, the rest of
that minute is counted together under :data:`OTHERS`.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

OTHERS: Final = "*"
"""Stands for a claimed system or an address that is no longer told apart."""

MAX_NEW_PER_MINUTE: Final = 200
"""Different rows that one process starts per minute."""

MAX_REQUEST_IDS: Final = 20
"""Request ids that are kept per row and call, the newest."""

_MAX_CLAIM_CHARS: Final = 64
_MAX_ADDRESS_CHARS: Final = 45  # the longest IPv6 text
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9_.:-]")


def clean_claim(text: str) -> str:
    """Return what a sender calls itself in characters that are harmless on every screen and in every log."""
    return _NOT_PLAIN.sub("?", text[:_MAX_CLAIM_CHARS]) or "?"


@dataclass(frozen=True)
class Row:
    """What is counted together. ``minute`` is naive UTC without seconds."""

    minute: datetime
    cause: str
    claimed: str
    address: str


@dataclass
class Count:
    """How often, when last, and the newest request ids."""

    times: int = 0
    last_at: datetime | None = None
    request_ids: list[str] = field(default_factory=list)


class RefusalLedger:
    """What this process has counted and not stored yet. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[Row, Count] = {}
        self._minute: datetime | None = None
        self._started: set[Row] = set()

    def note(self, cause: str, *, claimed: str, address: str, at: datetime, request_id: str) -> None:
        """Count one refusal at ``at`` (naive UTC)."""
        minute = at.replace(second=0, microsecond=0)
        row = Row(minute, cause, clean_claim(claimed), clean_claim(address[:_MAX_ADDRESS_CHARS]))
        with self._lock:
            count = self._pending.setdefault(self._admitted(row), Count())
            count.times += 1
            count.last_at = max(at, count.last_at or at)
            count.request_ids = [*count.request_ids, request_id][-MAX_REQUEST_IDS:]

    def _admitted(self, row: Row) -> Row:
        if row.minute != self._minute:
            self._minute = row.minute
            self._started = set()
        if row not in self._started and len(self._started) >= MAX_NEW_PER_MINUTE:
            return Row(row.minute, row.cause, OTHERS, OTHERS)
        self._started.add(row)
        return row

    def take(self) -> dict[Row, Count]:
        """Return everything counted since the last call; the caller stores it."""
        with self._lock:
            pending, self._pending = self._pending, {}
            return pending
