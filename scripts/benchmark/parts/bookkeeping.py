"""What the monitoring's bookkeeping costs the engine: its chores and the folding of counts, with and without."""

from __future__ import annotations

from collections.abc import Callable

from benchmark.bed import Bed
from benchmark.draining import drain
from benchmark.figures import Figure, paired, ratio_at_least
from benchmark.parts.outbound import ENDPOINTS
from benchmark.receiving import receiving


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure delivering with and without the monitoring's chores, in turns; with them, somebody looks."""
    events = bed.options.pick(100, 20_000)
    rounds = []
    with bed.ours() as site, receiving(bed.scratch, ENDPOINTS) as receiver:
        types: list[str] = site.inside("ours.prepare", ports=receiver.ports)
        with site.workers(1):
            drain(site, receiver, types, 50)
            for turn in range(2 * bed.options.rounds):
                note(f"round {turn + 1}")
                rates = {}
                # Each goes first in turn: what a round leaves behind is the other's to bear.
                for on in (True, False) if turn % 2 else (False, True):
                    site.inside("bookkeeping.switch", on=on)
                    rates[on] = drain(site, receiver, types, events)
                rounds.append((rates[True], rates[False]))
    title = "events/s to endpoints with the monitoring's chores and folds and a page that is looked at; without"
    return [paired(title, rounds, ratio_at_least(0.97))]
