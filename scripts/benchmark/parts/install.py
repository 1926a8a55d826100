"""Installing on a database that has a big ledger already."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmark.bed import Bed
from benchmark.figures import Figure, more_at_most
from benchmark.site import MeasureError, Site

_SUITE = ("integration_suite",)


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure how much longer an installation takes with a million journal items in the database."""
    items = bed.options.pick(2_000, 1_000_000)
    # The big one first: what the machine has to read from the disk once is counted against the suite.
    with bed.bare() as site:
        note(f"making {items:,} journal items")
        made: int = site.inside("ledger.fill", items=items)
        if made < items:
            raise MeasureError(f"{made} of {items} journal items were made")
        site.inside.close()
        site.sql("VACUUM ANALYZE account_move")
        site.sql("VACUUM ANALYZE account_move_line")
        bed.checkpoint()
        note(f"installing with {made:,}")
        big = _install(site)
    with bed.bare() as site:
        note("installing without journal items")
        small = _install(site)
    title = f"install with {items:,} journal items, s; without"
    return [Figure(title, big, small, big / small, more_at_most(60))]


def _install(site: Site) -> float:
    began = time.monotonic()
    site.odoo.install(site.name, _SUITE)
    return time.monotonic() - began
