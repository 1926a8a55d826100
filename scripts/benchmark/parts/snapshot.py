"""Delivering while somebody holds an old snapshot open, as a long report does."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from statistics import median

from benchmark.bed import Bed
from benchmark.figures import Figure, ratio_at_least
from benchmark.parts.outbound import ENDPOINTS, Lane
from benchmark.receiving import receiving


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure the rate before a REPEATABLE READ transaction begins and after it was open for two minutes."""
    import psycopg2  # the environment that has it is made by this very program

    count, seconds = bed.options.pick(100, 3_000), bed.options.pick(5, 120)
    with bed.ours() as ours, bed.peers() as peers, receiving(bed.scratch, ENDPOINTS) as receiver:
        lane = Lane(ours, peers, receiver)
        with ours.workers(1):
            lane.warm_ours()
            note("without it")
            clean = median(lane.drain_ours(count) for _ in range(bed.options.pick(1, 3)))
            with closing(psycopg2.connect(ours.dsn)) as report:
                report.set_session(isolation_level="REPEATABLE READ", readonly=True)
                with report.cursor() as cursor:
                    cursor.execute("SELECT count(*) FROM integration_event")
                began, held = time.monotonic(), [0.0]
                while time.monotonic() - began < seconds:
                    note(f"open for {time.monotonic() - began:.0f} s")
                    held.append(lane.drain_ours(count))
                # The last ones: the longer it is open, the more that cannot be cleaned up lies in the way.
                last = median(held[-3:])
    title = f"a REPEATABLE READ transaction open for {seconds} s, events/s; without"
    return [Figure(title, last, clean, last / clean, ratio_at_least(0.8))]
