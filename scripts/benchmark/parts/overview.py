"""What reading the Overview costs, with little and with much history, for those who see money and for operators."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Final

from benchmark.bed import Bed
from benchmark.figures import Figure, at_most, paired, ratio_at_most
from benchmark.parts import scrape
from benchmark.site import Site, free_port

_ENDPOINTS: Final = 10
_APART: Final = 30
"""Seconds between two events: 2,880 a day, so that every period of the page holds as much in both databases."""
_TRIES: Final = 3
_PEOPLE: Final = {"finance_viewer": "a finance viewer", "operator": "an operator"}
_FURTHER_TRIES: Final = """
    INSERT INTO integration_attempt (delivery_id, number, started_at, duration_ms, outcome, worker)
    SELECT a.delivery_id, a.number + n, a.started_at + n * interval '1 second', 12, 'retry', 'history'
      FROM integration_attempt a CROSS JOIN generate_series(1, %s) AS n
"""


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure reading the page in two databases with histories of two lengths, in turns."""
    few, many = bed.options.pick(200, 100_000), bed.options.pick(2_000, 10_000_000 if bed.options.full else 1_000_000)
    figures = []
    with bed.ours() as small, bed.ours() as large:
        _prepared(small, few, note)
        _prepared(large, many, note)
        bed.checkpoint()
        times = bed.options.pick(2, 10)
        for role, who in _PEOPLE.items():
            pairs = []
            for turn in range(2 * bed.options.rounds):
                note(f"{who}, round {turn + 1}")
                ours, reference = (site.inside("overview.read", role=role, times=times) for site in (large, small))
                pairs.append((ours, reference))
            title = f"Overview of {who} at {many:,} events and {many * _TRIES:,} tries of history, ms"
            figures += [
                Figure(title, median(ours for ours, _reference in pairs), None, None, at_most(300)),
                paired(f"{title}; at {few:,}", pairs, ratio_at_most(1.3)),
            ]
            month = median(large.inside("overview.read", role=role, times=times, period="month") for _ in range(3))
            figures.append(Figure(f"{title}, over 30 days of 2,880 events", month))
    return figures


def _prepared(site: Site, events: int, note: Callable[[str], None]) -> None:
    site.inside("ours.prepare", ports=[free_port() for _ in range(_ENDPOINTS)])
    site.inside("overview.prepare", roles=list(_PEOPLE))
    scrape.fill(site, events, note, apart=_APART)
    note("further tries")
    site.sql(_FURTHER_TRIES % (_TRIES - 1))
    site.sql("VACUUM ANALYZE integration_attempt")
    scrape.count(site, note)
