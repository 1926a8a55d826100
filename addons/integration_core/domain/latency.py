"""Quantiles of latencies that were counted in slots.

Slot ``n`` holds latencies from bound ``n - 1`` up to bound ``n``, slot 0 those below the first bound, the last slot
those above the last bound. Within a slot latencies are taken to be spread evenly, so that a quantile is at most one
slot's width away from the true one. All latencies are milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

GOOD: Final = frozenset({"applied", "delivered"})
"""Outcomes of a try that did what it was for."""


@dataclass(frozen=True)
class Figures:
    """What became of tries, and how long deliveries took from their event on.

    ``tries`` counts by outcome; ``delivered`` is how many deliveries were done; ``p50``, ``p95`` and ``p99`` are
    milliseconds, None when nothing was delivered.
    """

    tries: Mapping[str, int] = field(default_factory=dict)
    delivered: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @property
    def total(self) -> int:
        """All tries."""
        return sum(self.tries.values())

    @property
    def success_share(self) -> float | None:
        """Share (0 to 1) of tries that did what they were for; None without any try."""
        good = sum(count for outcome, count in self.tries.items() if outcome in GOOD)
        return good / self.total if self.total else None


def quantile(counts: Mapping[int, int], bounds: Sequence[float], share: float) -> float | None:
    """Return the latency (ms) below which ``share`` of all counted ones lie; None when there are none.

    What lies in the last slot is told as the last bound: it is at least that.

    :param counts: how many latencies lie in each slot
    :param bounds: upper bounds of the slots but the last, rising
    :param share: 0 to 1
    :raises ValueError: for another share, or a slot that does not exist
    """
    if not 0 <= share <= 1:
        raise ValueError("a share is between 0 and 1")
    if any(not 0 <= slot <= len(bounds) for slot in counts):
        raise ValueError(f"there are {len(bounds) + 1} slots, counted from 0")
    total = sum(counts.values())
    if not total:
        return None
    wanted, passed = share * total, 0
    for slot in sorted(slot for slot, count in counts.items() if count):
        if passed + counts[slot] >= wanted:
            return _within(slot, (wanted - passed) / counts[slot], bounds)
        passed += counts[slot]
    raise AssertionError("unreachable: all counts together reach every share")


def _within(slot: int, share: float, bounds: Sequence[float]) -> float:
    if slot == len(bounds):
        return float(bounds[-1])
    low = bounds[slot - 1] if slot else 0.0
    return low + (bounds[slot] - low) * share


def figures(tries: Mapping[str, int], delivered: Mapping[int, int], bounds: Sequence[float]) -> Figures:
    """Return the figures of a span of time.

    :param tries: how many tries had each outcome
    :param delivered: how many deliveries were done, by latency slot
    :param bounds: upper bounds (ms) of the slots
    """
    p50, p95, p99 = (quantile(delivered, bounds, share) for share in (0.5, 0.95, 0.99))
    return Figures(dict(tries), sum(delivered.values()), p50, p95, p99)
