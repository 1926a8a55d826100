"""Emitting through the ORM: many events in one transaction, and what one event adds to a small one."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmark.bed import Bed
from benchmark.figures import Figure, at_least, paired, ratio_at_most
from benchmark.site import free_port


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure what emitting costs whoever does the change."""
    count, turns = bed.options.pick(200, 5_000), bed.options.pick(10, 150)
    with bed.ours() as site:
        (type_name,) = site.inside("ours.prepare", ports=[free_port()])
        site.inside("ours.pause")
        site.inside("ours.emit_together", count=50, type_name=type_name)
        note("many in one transaction")
        words = {"count": count, "type_name": type_name}
        rates = [count / site.inside("ours.emit_together", **words) for _ in range(bed.options.rounds)]
        note("one at a time")
        site.inside("ours.time_single", count=5, type_name=type_name, url="http://127.0.0.1/")
        timed = site.inside("ours.time_single", count=turns, type_name=type_name, url="http://127.0.0.1/")
    empty = median(turn[0] for turn in timed)
    added = [((event - empty) * 1000, (rows - empty) * 1000) for _, event, rows in timed]
    # Of the medians: single turns may have taken less than the median transaction without anything.
    one = paired("one event adds, ms; a bare two-row INSERT", added)
    # On a machine that is busy with other things the reference may come out as nothing, or less: no ratio then.
    ratio = one.ours / one.reference if one.reference and one.reference > 0 else None
    return [
        Figure("emit through the ORM, one transaction, events/s", median(rates), None, None, at_least(5_000)),
        Figure(one.measure, one.ours, one.reference, ratio, ratio_at_most(1.5)),
    ]
