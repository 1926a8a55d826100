"""Tens of thousands of codes into the mappings, by an import of the suite and by Odoo's own."""

from __future__ import annotations

from collections.abc import Callable

from benchmark.bed import Bed
from benchmark.figures import Figure, at_most, paired, ratio_at_least
from benchmark.site import MeasureError


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Import codes of a live system: file read, looked at, approved, carried out in batches, audited, announced."""
    count, services = bed.options.pick(500, 50_000), bed.options.pick(50, 5_000)
    # Odoo's own takes minutes for all of them; its rate does not rise with their number.
    fewer, approved = bed.options.pick(100, 10_000, 50_000), bed.options.pick(50, 2_000)
    rounds, in_force, seconds, peaks = [], [], [], []
    for turn in range(bed.options.rounds):
        note(f"round {turn + 1}")
        with bed.ours() as site:
            entities = site.inside("mapping_import.prepare", services=services)
            taken, peak, made = site.inside("mapping_import.ours", entities=entities, count=count, prefix="LIST-")
            if made != count:
                raise MeasureError(f"{made} of {count} codes answer")
            note(f"round {turn + 1}: {taken:.0f} s; now Odoo's own")
            other, loaded = site.inside("mapping_import.odoos_own", entities=entities, count=fewer, prefix="LOAD-")
            if loaded != fewer:
                raise MeasureError(f"Odoo's own import made {loaded} of {fewer}")
            whole, answering = site.inside(
                "mapping_import.odoos_own", entities=entities, count=approved, prefix="LIVE-", in_force=True
            )
            if answering != approved:
                raise MeasureError(f"{answering} of {approved} codes of Odoo's own import answer")
        rounds.append((count / taken, fewer / other))
        in_force.append((count / taken, approved / whole))
        seconds.append(taken)
        peaks.append(peak)
    return [
        Figure(f"import of {count:,} codes of a live system, s", max(seconds), target=at_most(60)),
        Figure("the same, the process's highest memory, MiB", max(peaks), target=at_most(400)),
        paired("codes imported and in force, codes/s; Odoo's own import, then approved", in_force, ratio_at_least(10)),
        paired("the same; Odoo's own import alone, which leaves proposals", rounds, ratio_at_least(10)),
    ]
