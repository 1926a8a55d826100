"""What a worker takes of memory at full load, and whether that grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmark.bed import Bed
from benchmark.figures import Figure, at_most, ratio_at_most
from benchmark.parts.outbound import ENDPOINTS
from benchmark.receiving import receiving
from benchmark.site import MeasureError, wait_until
from suite import processes

_EVERY_SECONDS = 0.5
_GROWTH = 1.05
"""What still counts as no growth: caches fill, and PSS depends on what shares pages."""


def pss_mib(pid: int) -> float:
    """Return the proportional set size of a process and its children in MiB.

    Raises:
        MeasureError: The process is gone.
    """
    total = 0
    for one in [pid, *processes.descendants(pid)]:
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise MeasureError(f"process {one} is gone") from error
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


@contextmanager
def sampled(pid: int) -> Iterator[list[float]]:
    """Sample the memory of a process during the block."""
    samples: list[float] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(_EVERY_SECONDS):
            samples.append(pss_mib(pid))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield samples
    finally:
        over.set()
        sampler.join()


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Keep one worker busy for minutes with events and clinical messages, and sample its memory."""
    seconds, batch = bed.options.pick(15, 300, 1_800), bed.options.pick(50, 1_000)
    with bed.ours() as site, receiving(bed.scratch, ENDPOINTS) as receiver:
        types: list[str] = site.inside("ours.prepare", ports=receiver.ports)
        site.inside("ours.admit_everything")
        with site.workers(1) as (worker,), sampled(worker.pid) as samples:
            began, sent = time.monotonic(), 0
            while time.monotonic() - began < seconds:
                note(f"{time.monotonic() - began:.0f} s, {sent:,} events")
                site.inside("ours.emit", count=batch, types=types)
                site.inside("handlers.accept", count=batch // 10)
                sent += batch
                # At most two batches behind: full load, and an end in sight.
                wait_until(lambda: site.inside("ours.open_deliveries") < 2 * batch, 120, "the worker keeps up")
                receiver.reset()
            wait_until(lambda: not site.inside("ours.open_deliveries"), 300, "every delivery is complete")
    if len(samples) < 10:
        raise MeasureError("the worker's memory was not sampled")
    fifth = len(samples) // 5
    early, late = median(samples[fifth : 2 * fifth]), median(samples[-fifth:])
    title = f"a worker's memory after {seconds} s of load, MiB PSS; after {seconds // 5} s"
    return [
        Figure("a worker's memory at full load, MiB PSS, highest", max(samples), None, None, at_most(250)),
        Figure(title, late, early, late / early, ratio_at_most(_GROWTH)),
    ]
