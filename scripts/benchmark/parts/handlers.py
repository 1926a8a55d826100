"""Handlers inside Odoo: finalized lines become charges, by the suite and by one queue_job job per line."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmark.bed import Bed
from benchmark.figures import Figure, paired, ratio_at_least
from benchmark.parts.outbound import QueueJob, run_queue_job
from benchmark.site import MeasureError, Site, wait_until

_TIMEOUT = 600


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure charges per second; the job calls the very handler, with one line."""
    many, few = bed.options.pick(100, 3_000), bed.options.pick(20, 300)
    with bed.ours() as ours, bed.peers() as peers:
        for site in (ours, peers):
            site.inside("ours.admit_everything")
            site.inside("ours.pause", consumer="handler")
        rounds = []
        with ours.workers(1), run_queue_job(peers, QueueJob(4, 0)):
            _suite(ours, 20)
            _jobs(peers, 5)
            for turn in range(bed.options.rounds):
                note(f"round {turn + 1}")
                rounds.append((_suite(ours, many), _jobs(peers, few)))
        _check(ours, peers)
    return [paired("finalized lines into charges, lines/s; a queue_job job per line", rounds, ratio_at_least(10))]


def _charges(site: Site) -> int:
    ((count,),) = site.sql("SELECT count(*) FROM integration_charge")
    return int(count)


def _until_charged(site: Site, count: int, began: float) -> float:
    wait_until(lambda: _charges(site) >= count, _TIMEOUT, f"{count} charges")
    return time.time() - began


def _suite(site: Site, count: int) -> float:
    """Return lines per second from the moment that the subscriptions are resumed."""
    before = _charges(site)
    site.inside("ours.pause", consumer="handler")
    site.inside("handlers.accept", count=count)
    began: float = site.inside("ours.resume", consumer="handler")
    rate = count / _until_charged(site, before + count, began)
    wait_until(lambda: not site.inside("ours.open_deliveries"), _TIMEOUT, "every delivery is complete")
    return rate


def _jobs(site: Site, count: int) -> float:
    """Return lines per second from the commit of the jobs."""
    before = _charges(site)
    messages: list[Any] = site.inside("handlers.accept", count=count)
    began: float = site.inside("handlers.enqueue_lines", messages=messages)
    return count / _until_charged(site, before + count, began)


def _check(ours: Site, peers: Site) -> None:
    """Both must have done the same work.

    Raises:
        MeasureError: The charges are not in the same state.
    """
    mine, theirs = ours.inside("handlers.charges"), peers.inside("handlers.charges")
    if set(mine) != set(theirs):
        raise MeasureError(f"the charges differ: {mine} and {theirs}")
