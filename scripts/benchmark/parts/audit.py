"""The audit trail: verifying a million rows, and what its triggers and its sealing cost the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg2

from benchmark.bed import Bed
from benchmark.draining import drain
from benchmark.figures import Figure, at_most, paired, ratio_at_least
from benchmark.parts.outbound import ENDPOINTS
from benchmark.receiving import receiving
from benchmark.site import MeasureError, Site

_EVERY_SECONDS = 0.1
_ROWS = 20
"""Rows written each time: 200 a second, far more than people do at a hospital."""
_WRITE = """
    INSERT INTO integration_audit (at, user_id, user_name, company_id, company_name, action, detail)
    SELECT now() AT TIME ZONE 'UTC', 2, 'Ada Lovelace', c.id, 'Clinic', 'bench.done', 'row ' || n
      FROM generate_series(1, %s) AS n, (SELECT min(id) AS id FROM res_company) AS c
"""


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure verifying, then delivering beside a writer of the trail, with and without its chain."""
    count, events = bed.options.pick(2_000, 1_000_000), bed.options.pick(100, 10_000)
    with bed.ours() as site, receiving(bed.scratch, ENDPOINTS) as receiver:
        figures = _verifying(site, count, note)
        types: list[str] = site.inside("ours.prepare", ports=receiver.ports)
        rounds = []
        with site.workers(1), _writing(site):
            drain(site, receiver, types, 50)
            for turn in range(bed.options.rounds):
                note(f"round {turn + 1}")
                rates = {}
                # Each goes first in turn: what a round leaves behind is the other's to bear.
                for on in (True, False) if turn % 2 else (False, True):
                    site.inside("audit.chain", on=on)
                    rates[on] = drain(site, receiver, types, events)
                rounds.append((rates[True], rates[False]))
        site.inside("audit.chain", on=True)
    title = "events/s to endpoints while 200 rows/s of audit trail are written and sealed; not queued, not sealed"
    return [*figures, paired(title, rounds, ratio_at_least(0.95))]


def _verifying(site: Site, count: int, note: Callable[[str], None]) -> list[Figure]:
    note(f"{count:,} rows")
    sealing = site.inside("audit.fill", count=count)
    note("verifying")
    rows, seconds, peak = site.inside("audit.verify")
    if rows < count:
        raise MeasureError(f"{rows} rows were verified, not {count}")
    return [
        Figure(f"sealing {count:,} rows of the audit trail, rows/s", count / sealing, None, None),
        Figure(f"verifying {count:,} rows of the audit trail, s", seconds, None, None, at_most(120)),
        Figure(f"verifying {count:,} rows of the audit trail, MiB on top", peak, None, None, at_most(64)),
    ]


@contextmanager
def _writing(site: Site) -> Iterator[None]:
    """Write rows of the trail all the while."""
    over, failures = threading.Event(), []

    def write() -> None:
        try:
            connection = psycopg2.connect(site.dsn)
            connection.autocommit = True
            with connection.cursor() as cr:
                while not over.wait(_EVERY_SECONDS):
                    cr.execute(_WRITE, (_ROWS,))
            connection.close()
        except psycopg2.Error as error:
            failures.append(error)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()
    if failures:
        raise MeasureError(f"the trail could not be written: {failures[0]}")
