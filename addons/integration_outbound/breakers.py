"""What one engine process has seen of receivers and not told the others yet.

While everything succeeds nothing is written anywhere: the successes of the last five minutes are only remembered here,
since they count once something fails.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from .domain.breaker import WINDOW_S, Count, Sample


class Book:
    """Samples by breaker name, one per second, that have not been appended to the database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples: dict[str, dict[int, Sample]] = {}
        self.probes: dict[int, dict[str, int]] = {}
        """The probes that this process has let out: endpoint id → {breaker name: number of the probe}."""

    def count(self, name: str | None, count: Count, *, times: int = 1, now: float | None = None) -> None:
        """Note that a try ended so, or that many did one after the other."""
        if count is Count.NOTHING or name is None:
            return
        second = int(time.time() if now is None else now)
        with self._lock:
            seen = self._samples.setdefault(name, {})
            seen[second] = seen.get(second, Sample(float(second))).plus(count, times)
            if len(seen) > WINDOW_S:
                for old in [at for at in seen if at < second - WINDOW_S]:
                    del seen[old]

    def take(self, names: Iterable[str]) -> dict[str, list[Sample]]:
        """Hand over what is remembered of these breakers, and forget it."""
        with self._lock:
            return {name: list(self._samples.pop(name).values()) for name in names if name in self._samples}


_books: dict[str, Book] = {}


def book_of(dbname: str) -> Book:
    """Return this process's book for a database."""
    return _books.setdefault(dbname, Book())
