"""Failed logins, counted until they are stored: a row of the trail per minute and account, however many tries."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MOST: Final = 1000
"""Different entries that are kept while they cannot be stored."""


@dataclass(frozen=True)
class Failure:
    """An account that somebody failed to enter.

    Attributes:
        minute: When, to the minute, naive UTC.
        user: Its id.
        name: Whose it is.
        login: What was claimed.
        company: Id of its company.
        company_name: Its name.
        address: Where the request came from.
        way: How it was tried, such as ``password``.
    """

    minute: datetime
    user: int
    name: str
    login: str
    company: int
    company_name: str
    address: str
    way: str


class FailureLedger:
    """Counts in memory. All methods may be called by any thread."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = threading.Lock()
        self._counts: dict[Failure, int] = {}

    def note(self, failure: Failure, times: int = 1) -> None:
        """Count one; beyond :data:`MOST` different ones, only those that are known already are counted."""
        with self._lock:
            if failure in self._counts or len(self._counts) < MOST:
                self._counts[failure] = self._counts.get(failure, 0) + times

    def take(self) -> Mapping[Failure, int]:
        """Return what was counted, and forget it."""
        with self._lock:
            taken, self._counts = self._counts, {}
        return taken

    def put_back(self, batch: Mapping[Failure, int]) -> None:
        """Count again what could not be stored."""
        for failure, times in batch.items():
            self.note(failure, times)
