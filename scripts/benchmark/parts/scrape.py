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
from benchmark.figures import Figure, at_most, ratio_at_most
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
    """Measure scrapes over HTTP at two lengths of history, and the chores that count for them."""
    few, many = bed.options.pick(200, 100_000), bed.options.pick(2_000, 10_000_000 if bed.options.full else 1_000_000)
    times = bed.options.pick(5, 60)
    with bed.ours() as site:
        site.inside("ours.prepare", ports=[free_port() for _ in range(_ENDPOINTS)])
        token: str = site.inside("scrape.token")
        with site.serving(cron_threads=0) as running:  # nobody else counts
            found: dict[int, float] = {}
            for first, last in ((1, few), (few + 1, many)):
                _fill(site, first, last, note)
                seconds, receipts = _count(site, note)
                bed.checkpoint()
                note(f"scrapes at {last:,} events")
                found[last] = _scrape(running.url, token, times)
            figures = [site.inside("scrape.count_figures") for _ in range(5)]
    title = f"scrape at {many:,} events and {many * _TRIES_PER_DELIVERY:,} tries of history, ms"
    return [
        Figure(title, found[many], None, None, at_most(50)),
        Figure(f"{title}; at {few:,}", found[many], found[few], found[many] / found[few], ratio_at_most(1.3)),
        Figure("counting 100,000 receipts for the metrics, ms", seconds / receipts * 100_000 * 1000),
        Figure(f"counting the figures of the background at {many:,} events, ms", median(figures) * 1000),
    ]


def _fill(site: Site, first: int, last: int, note: Callable[[str], None]) -> None:
    """Have events, deliveries, tries and receipts numbered ``first`` to ``last``, and the counts of their tries."""
    history.make(site.sql, last, note, first=first)
    moments = f"""
        (SELECT n, (now() AT TIME ZONE 'UTC') - n * interval '1 second' AS moment
           FROM generate_series({first}, {last}) AS n) AS g
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
         WHERE g.n % 60 = 0
        """
    )
    site.sql("VACUUM ANALYZE integration_receipt")


def _count(site: Site, note: Callable[[str], None]) -> tuple[float, int]:
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


def _scrape(url: str, token: str, times: int) -> float:
    """Return the median milliseconds of a scrape on one connection; the first load what it knows by heart."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=60)
    found = []
    for _ in range(times + 5):
        began = time.perf_counter()
        connection.request("GET", _PATH, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        found.append((time.perf_counter() - began) * 1000)
        if answer.status != http.client.OK or b"delivery_latency_seconds_count" not in body:
            raise MeasureError(f"a scrape was answered {answer.status}")
    connection.close()
    return median(found[5:])
