"""What one engine process has seen of receivers and not told the others yet, and the probes that it has let out.

While everything succeeds nothing is written anywhere: the successes of the last five minutes are only remembered here,
since they count once something fails.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from .domain.breaker import WINDOW_S, Count, Sample


@dataclass(frozen=True, slots=True)
class Probe:
    """The one delivery that asks whether a receiver is back.

    Attributes:
        endpoint_id: Whose it is.
        numbers: {name of a breaker it goes through: number of the probe}.
        at: When it went out, in seconds of the monotonic clock.
        became: What it means to each breaker; empty for one that was not sent; None while it is out.
    """

    endpoint_id: int
    numbers: Mapping[str, int]
    at: float = field(default_factory=time.monotonic)
    became: Mapping[str | None, Count] | None = None


class Book:
    """Samples by breaker name, one per second, that have not been appended to the database; and probes.

    Seconds are of the database's clock, which all processes share. Nothing is lost with a transaction: what it was to
    store comes back by :meth:`give_back`, and a probe is remembered until :meth:`forget` says that it is stored.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples: dict[str, dict[int, Sample]] = {}
        self._given_back: set[str] = set()
        self.clock_offset = 0.0
        """What the database's clock is ahead of this machine's, in seconds."""
        self.failing: frozenset[str] = frozenset()
        """Breakers with a failure in the last minutes, as the database knows: there successes count, too."""
        self.shut: dict[int, list[str]] = {}
        """Endpoints behind open breakers: nothing of theirs leaves but a probe through all of these."""
        self.probes: dict[int, Probe] = {}
        """The probes that this process has let out, by delivery."""

    def count(self, name: str | None, count: Count, *, times: int = 1, now: float | None = None) -> None:
        """Note that a try ended so, or that many did one after the other."""
        if count is Count.NOTHING or name is None:
            return
        second = int(time.time() + self.clock_offset if now is None else now)
        with self._lock:
            seen = self._samples.setdefault(name, {})
            seen[second] = seen.get(second, Sample(float(second))).plus(count, times)
            if len(seen) > WINDOW_S:
                for old in [at for at in seen if at < second - WINDOW_S]:
                    del seen[old]

    def take(self, names: Iterable[str]) -> dict[str, list[Sample]]:
        """Hand over what is remembered of these breakers, and what was given back of any; nobody else gets it."""
        with self._lock:
            wanted = {*names, *self._given_back}
            self._given_back.clear()
            return {name: list(seen.values()) for name in sorted(wanted) if (seen := self._samples.pop(name, {}))}

    def give_back(self, taken: Mapping[str, Iterable[Sample]]) -> None:
        """Have whoever takes something next take this, too: it could not be stored."""
        with self._lock:
            for name, samples in taken.items():
                seen = self._samples.setdefault(name, {})
                for earlier in samples:
                    later = seen.get(int(earlier.at))
                    seen[int(earlier.at)] = earlier if later is None else earlier.then(later)
                self._given_back.add(name)

    def end(self, delivery_id: int, became: Mapping[str | None, Count]) -> None:
        """Remember what became of a delivery, if it is a probe."""
        probe = self.probes.get(delivery_id)
        if probe is not None:
            self.probes[delivery_id] = replace(probe, became=became)

    def ended(self) -> dict[int, Probe]:
        """Return the probes that are no longer out, and of which the breakers may not know."""
        return {number: probe for number, probe in list(self.probes.items()) if probe.became is not None}

    def forget(self, ended: Mapping[int, Probe]) -> None:
        """Forget probes of which the breakers know what became of them."""
        for number, probe in ended.items():
            if self.probes.get(number) is probe:
                del self.probes[number]

    def probing(self, lost_after: float) -> set[int]:
        """Return the endpoints whose probe is out; what has been out for longer than that is forgotten."""
        oldest = time.monotonic() - lost_after
        for delivery_id in [number for number, probe in self.probes.items() if probe.at < oldest]:
            self.probes.pop(delivery_id, None)
        return {probe.endpoint_id for probe in self.probes.values()}


_books: dict[str, Book] = {}


def book_of(dbname: str) -> Book:
    """Return this process's book for a database."""
    return _books.setdefault(dbname, Book())
