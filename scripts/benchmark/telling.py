"""Can the causes of an answer be told apart by the time it took?

A classifier learns from one half of the measured times and is judged by the other, which it has not seen. It divides
the times of both causes into bins with equally many of them, and says of a time what most of its bin were: that finds
an answer which is faster or slower, and also one whose times are only spread otherwise.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

BINS: Final = 16
"""How finely times are looked at. Each bin has hundreds of the ten thousand times per cause: it learns no noise."""

Times = Mapping[str, Sequence[float]]
"""The times by what caused them, each in the order in which they were measured."""


def accuracy(times: Times) -> float:
    """Return which share of the times is told rightly; guessing reaches one over the number of causes.

    Of every cause as many times are judged, so that a cause does not count more because there is more of it.

    Raises:
        ValueError: There are fewer than two causes, or fewer than two times of one.
    """
    shortest = min(map(len, times.values()), default=0)
    if len(times) < 2 or shortest < 2:
        raise ValueError("it takes two causes, and two times of each")
    # Every other one: whatever else the machine did meanwhile is in both halves.
    learned = {cause: found[0 : shortest // 2 * 2 : 2] for cause, found in times.items()}
    unseen = {cause: found[1 : shortest // 2 * 2 : 2] for cause, found in times.items()}
    edges = _edges([value for found in learned.values() for value in found])
    said = _most(learned, edges)
    right = sum(said[bisect_right(edges, value)] == cause for cause, found in unseen.items() for value in found)
    return right / sum(map(len, unseen.values()))


def worst_pair(times: Times) -> tuple[float, tuple[str, str]]:
    """Return how well the two causes that are easiest to tell apart are told apart, and which these are."""
    found = [(accuracy({one: times[one], other: times[other]}), (one, other)) for one, other in combinations(times, 2)]
    return max(found)


def _edges(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered[len(ordered) * number // BINS] for number in range(1, BINS)]


def _most(learned: Times, edges: Sequence[float]) -> list[str]:
    bins: list[Counter[str]] = [Counter(dict.fromkeys(learned, 0)) for _ in range(BINS)]
    for cause, found in learned.items():
        for value in found:
            bins[bisect_right(edges, value)][cause] += 1
    return [counted.most_common(1)[0][0] for counted in bins]
