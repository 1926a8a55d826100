"""What a claim costs, with little and with much history behind it."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmark import history
from benchmark.bed import Bed
from benchmark.figures import Figure, ratio_at_most
from benchmark.site import Site, free_port

_ENDPOINTS = 10
_SMALL = 10_000


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure a claim of 100 at growing sizes of history, in one database that grows."""
    sizes = [bed.options.pick(200, _SMALL), bed.options.pick(2_000, 1_000_000)]
    if bed.options.full:
        sizes.append(10_000_000)
    claims = bed.options.pick(5, 40)
    found: list[Figure] = []
    with bed.ours() as site:
        types = site.inside("ours.prepare", ports=[free_port() for _ in range(_ENDPOINTS)])
        made, small = 0, 0.0
        for size in sizes:
            history.make(site.sql, size - made, note)
            bed.checkpoint()
            made = size
            note(f"claims at {size:,}")
            milliseconds = _claim(site, types, claims)
            if small:
                title = f"claim of 100 at {size:,} events of history, ms; at {sizes[0]:,}"
                found.append(Figure(title, milliseconds, small, milliseconds / small, ratio_at_most(1.3)))
            small = small or milliseconds
    return found


def _claim(site: Site, types: list[str], claims: int) -> float:
    """Return the median claim in milliseconds; what it claimed is forgotten afterwards."""
    site.inside("ours.emit", count=(claims + 5) * 100, types=types)
    site.inside("claiming.time_claims", count=5)
    found: list[float] = site.inside("claiming.time_claims", count=claims)
    site.inside("ours.forget_open")
    return median(found)
