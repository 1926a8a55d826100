"""What a claim costs, with little and with much history behind it."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Final

from benchmark import history
from benchmark.bed import Bed
from benchmark.figures import Figure, ratio_at_most
from benchmark.site import Site, free_port

_ENDPOINTS: Final = 10
_HUGE: Final = 10_000_000


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure a claim of 100 in a database whose history grows; the longest history is kept for the next run."""
    few, many, claims = bed.options.pick(200, 10_000), bed.options.pick(2_000, 1_000_000), bed.options.pick(5, 40)
    with bed.ours() as site:
        types = _prepare(site)
        history.make(site.sql, few, note)
        bed.checkpoint()
        small = _claim(site, types, claims)
        history.make(site.sql, many, note, first=few + 1)
        bed.checkpoint()
        note(f"claims at {many:,}")
        found = [_figure(many, _claim(site, types, claims), few, small)]
    if bed.options.full:
        with bed.with_history(_HUGE, lambda made: _fill(made, note), note) as site:
            types = site.inside("ours.prepared_types")
            found.append(_figure(_HUGE, _claim(site, types, claims), few, small))
    return found


def _prepare(site: Site) -> list[str]:
    types: list[str] = site.inside("ours.prepare", ports=[free_port() for _ in range(_ENDPOINTS)])
    return types


def _fill(site: Site, note: Callable[[str], None]) -> None:
    _prepare(site)
    history.make(site.sql, _HUGE, note)


def _figure(size: int, milliseconds: float, few: int, small: float) -> Figure:
    title = f"claim of 100 at {size:,} events of history, ms; at {few:,}"
    return Figure(title, milliseconds, small, milliseconds / small, ratio_at_most(1.3))


def _claim(site: Site, types: list[str], claims: int) -> float:
    """Return the median claim in milliseconds; what it claimed is forgotten afterwards."""
    site.inside("ours.emit", count=(claims + 5) * 100, types=types)
    site.inside("claiming.time_claims", count=5)
    found: list[float] = site.inside("claiming.time_claims", count=claims)
    site.inside("ours.forget_open")
    return median(found)
