"""What a scrape of the metrics costs, with little and with much history behind it, and what is counted beforehand."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from statistics import median
from typing import Final
from urllib.parse import urlsplit

from benchmark import history
from benchmark.bed import Bed
from benchmark.figures import Figure, at_most, paired, ratio_at_most
from benchmark.site import MeasureError, Site, free_port, wait_until

_ENDPOINTS: Final = 10
_TRIES_PER_DELIVERY: Final = 3
_PATH: Final = "/integration/metrics"
_RECEIPT: Final = {
    "company_id": "s.company_id",
    "system_id": "s.id",
    "webhook_id": "'history-' || n",
    "outcome": "'duplicate'",
    "mode": "'live'",
    "price_unknown": "false",
    "received_at": "g.moment",
    "received_day": "g.moment::date",
}


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure scrapes over HTTP of two databases with histories of two lengths, in turns, and what counts for them."""
    few, many = bed.options.pick(200, 100_000), bed.options.pick(2_000, 10_000_000 if bed.options.full else 1_000_000)
    with bed.ours() as small, bed.ours() as large:
        _prepared(small, few, note)
        seconds, receipts = _prepared(large, many, note)
        bed.checkpoint()
        with small.serving(cron_threads=0) as short, large.serving(cron_threads=0) as long:  # nobody else counts
            readers = [
                _Reader(running.url, site.inside("scrape.token")) for running, site in ((long, large), (short, small))
            ]
            pairs = []
            for turn in range(2 * bed.options.rounds):
                note(f"round {turn + 1}")
                ours, reference = (reader.median(bed.options.pick(5, 20)) for reader in readers)
                pairs.append((ours, reference))
        figures: list[float] = [large.inside("scrape.count_figures") for _ in range(3)]
    title = f"scrape at {many:,} events and {many * _TRIES_PER_DELIVERY:,} tries of history, ms"
    return [
        Figure(title, median(ours for ours, _reference in pairs), None, None, at_most(50)),
        paired(f"{title}; at {few:,}", pairs, ratio_at_most(1.3)),
        Figure("counting 100,000 receipts for the metrics, ms", seconds / receipts * 100_000 * 1000),
        Figure(f"counting the figures of the background at {many:,} events, ms", median(figures) * 1000),
    ]


def _prepared(site: Site, events: int, note: Callable[[str], None]) -> tuple[float, int]:
    site.inside("ours.prepare", ports=[free_port() for _ in range(_ENDPOINTS)])
    fill(site, events, note)
    return count(site, note)


def fill(site: Site, events: int, note: Callable[[str], None], *, apart: int = 1) -> None:
    """Have so many events with their deliveries, tries and receipts, and the counts of their tries.

    Args:
        site: The database, in which endpoints are prepared.
        events: How many.
        note: Told how far it is.
        apart: Seconds between two events.
    """
    history.make(site.sql, events, note, apart=apart)
    moments = f"""
        (SELECT n, (now() AT TIME ZONE 'UTC') - n * interval '{apart} seconds' AS moment
           FROM generate_series(1, {events}) AS n) AS g
        CROSS JOIN (SELECT id, company_id FROM integration_system WHERE code = 'ehr') AS s
    """
    names = ", ".join(_RECEIPT)
    site.sql(f"INSERT INTO integration_receipt ({names}) SELECT {', '.join(_RECEIPT.values())} FROM {moments}")
    # As completions write them: a row for each group of tries, here of a minute each.
    site.sql(
        f"""
        INSERT INTO integration_delivery_count
            (minute, company_id, subscription_id, lane, state, outcome, slot, tries, latency_ms)
        SELECT date_trunc('minute', g.moment), s.company_id, b.id, 1, 'done', 'delivered', g.n % 12,
               {_TRIES_PER_DELIVERY} * 6, 300
          FROM {moments} CROSS JOIN (SELECT id FROM integration_subscription WHERE consumer = 'endpoint' AND active) b
         WHERE g.n * {apart} % {max(60, 20 * apart)} = 0
        """
    )
    site.sql("VACUUM ANALYZE integration_receipt")


def count(site: Site, note: Callable[[str], None]) -> tuple[float, int]:
    """Let the chores catch up, as they do while the engine runs; return their seconds and the receipts counted."""
    note("counting beforehand")
    while site.inside("scrape.fold"):
        pass
    seconds, receipts = 0.0, 0

    def caught_up() -> bool:
        nonlocal seconds, receipts
        took, counted, done = site.inside("scrape.count_received")
        seconds, receipts = seconds + (took if counted else 0), receipts + counted
        return bool(done)

    wait_until(caught_up, 300, "every receipt is counted")
    # What autovacuum does in the months that such a history takes.
    site.sql("VACUUM ANALYZE integration_delivery_count")
    site.inside("scrape.count_figures")
    return seconds, receipts


class _Reader:
    """Reads the metrics of one server on one connection, which has been read once before."""

    def __init__(self, url: str, token: str) -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}"}
        self.median(5)  # what a process knows by heart is loaded now

    def median(self, times: int) -> float:
        """Return the median milliseconds of so many scrapes."""
        return median(self._scrape() for _ in range(times))

    def _scrape(self) -> float:
        began = time.perf_counter()
        self._connection.request("GET", _PATH, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK or b"delivery_latency_seconds_count" not in body:
            raise MeasureError(f"a scrape was answered {answer.status}")
        return (time.perf_counter() - began) * 1000
