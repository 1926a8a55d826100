"""Delivering to endpoints outside: fast, slow and hanging receivers, workers and crons, beside the peers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from benchmark import prototype
from benchmark.bed import Bed
from benchmark.figures import Figure, at_most, more_at_most, paired, ratio_at_least
from benchmark.receiving import Receiver, receiving
from benchmark.site import MeasureError, Process, Site, free_port, wait_until

ENDPOINTS: Final = 10
SLOW_SECONDS: Final = 0.05
MANY_THREADS: Final = 64
"""Where a receiver takes its time, a worker that has more under way at once delivers more."""
HANG_SECONDS: Final = 10.0
_TIMEOUT: Final = 300.0
_WARM: Final = 50
"""How many of each are sent before anything is measured: connections are open and caches filled then."""
_FAILED_CLAIM: Final = re.compile(r"could not serialize|deadlock detected|SerializationFailure|Traceback")
_prefixes = (f"p{number}" for number in itertools.count())


@dataclass(frozen=True)
class QueueJob:
    """One way to run queue_job.

    Attributes:
        channels: How many jobs run at once.
        workers: Prefork workers of the Odoo that runs them; 0 for threads.
    """

    channels: int
    workers: int

    def __str__(self) -> str:
        return f"root:{self.channels}, " + (f"{self.workers} prefork workers" if self.workers else "threaded")


CANDIDATES: Final = (QueueJob(4, 0), QueueJob(16, 0), QueueJob(4, 4))
"""What is tried to find queue_job's best configuration on this machine."""


class Lane:
    """The suite, the peers and one receiver, and a way to drain each.

    Args:
        ours: A database with the suite.
        peers: One with the peers.
        receiver: Where everything is sent.
    """

    def __init__(self, ours: Site, peers: Site, receiver: Receiver) -> None:
        self.ours = ours
        self.peers = peers
        self.receiver = receiver
        self.types: list[str] = ours.inside("ours.prepare", ports=receiver.ports)
        peers.inside("peers.prepare_prototype")

    def drain_ours(self, count: int, delays: dict[int, float] | None = None) -> float:
        """Return events per second from the moment that subscriptions are resumed to the last arrival."""
        self.load_ours(count)
        self.receiver.reset(delays)
        began: float = self.ours.inside("ours.resume")
        rate = count / (self.receiver.last(count, _TIMEOUT) - began)
        wait_until(lambda: not self.ours.inside("ours.open_deliveries"), 60, "every delivery is complete")
        return rate

    def warm(self) -> None:
        """Let a few messages through on both sides."""
        self.warm_ours()
        self.drain_prototype(_WARM)

    def warm_ours(self) -> None:
        """Let a few messages through on the suite's side."""
        self.drain_ours(_WARM)

    def load_ours(self, count: int) -> None:
        """Journal events while their subscriptions are paused."""
        self.ours.inside("ours.pause")
        self.ours.inside("ours.emit", count=count, types=self.types)

    def drain_prototype(self, count: int, delays: dict[int, float] | None = None, *, cron: bool = False) -> float:
        """Return the prototype's events per second, from the commit of its messages to the last arrival."""
        self.receiver.reset(delays)
        words = {"count": count, "urls": self.receiver.urls, "prefix": next(_prefixes), "trigger": cron}
        began: float = self.peers.inside("peers.feed_prototype", **words)
        return count / (self.receiver.last(count, _TIMEOUT) - began)

    def drain_queue_job(self, count: int, delays: dict[int, float] | None = None) -> float:
        """Return queue_job's jobs per second, from the commit of the jobs to the last arrival."""
        self.receiver.reset(delays)
        words = {"count": count, "urls": self.receiver.urls, "prefix": next(_prefixes)}
        began: float = self.peers.inside("peers.enqueue_posts", **words)
        rate = count / (self.receiver.last(count, _TIMEOUT) - began)
        wait_until(lambda: not self.peers.inside("peers.open_jobs"), 60, "every job is done")
        return rate

    @contextmanager
    def queue_job(self, way: QueueJob, cron_threads: int = 0) -> Iterator[None]:
        """Have an Odoo run queue_job in one way during the block."""
        with run_queue_job(self.peers, way, cron_threads):
            yield


@contextmanager
def run_queue_job(site: Site, way: QueueJob, cron_threads: int = 0) -> Iterator[None]:
    """Have an Odoo run queue_job in one way during the block."""
    port = free_port()
    site.configure(
        f"\n[queue_job]\nchannels = root:{way.channels}\nscheme = http\nhost = 127.0.0.1\nport = {port}\n",
        log_level="warn",
    )
    running = site.start_server(way.workers, cron_threads, port)
    try:
        # Its runner waits some seconds before it begins, and its workers load what they need with their first job.
        site.inside("peers.enqueue_nothing", count=_WARM)
        wait_until(lambda: not site.inside("peers.open_jobs"), 60, "queue_job is warm")
        yield
    finally:
        site.stop_server(running)


def best_queue_job(bed: Bed, lane: Lane) -> QueueJob:
    """Return the fastest of the candidates on this machine."""
    rates: dict[QueueJob, float] = {}
    for way in CANDIDATES[: bed.options.pick(1, len(CANDIDATES))]:
        with lane.queue_job(way):
            rates[way] = lane.drain_queue_job(bed.options.pick(20, 150))
    return max(rates, key=lambda way: rates[way])


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure everything about delivering to endpoints outside."""
    with bed.ours() as ours, bed.peers() as peers, receiving(bed.scratch, ENDPOINTS) as receiver:
        lane = Lane(ours, peers, receiver)
        note("queue_job: which configuration is best here")
        way = best_queue_job(bed, lane)
        found = []
        for title, part in (
            ("worker process", _workers),
            ("crons of a plain Odoo", _crons),
            ("two workers", _two_workers),
            ("slow receiver", _slow),
            ("hanging endpoint", _hanging),
            ("Odoo's webhook action", _webhook_action),
        ):
            note(title)
            found += part(bed, lane, way)
        note(f"queue_job at its best: {way}")
        return found


@contextmanager
def _prototype(lane: Lane) -> Iterator[Process]:
    process = lane.peers.program("benchmark.prototype")
    process.wait_for("prototype ready")
    try:
        yield process
    finally:
        process.stop()


def _workers(bed: Bed, lane: Lane, way: QueueJob) -> list[Figure]:
    many, some, few = bed.options.pick(200, 8_000), bed.options.pick(200, 5_000), bed.options.pick(20, 300)
    beside, against, in_order = [], [], []
    with lane.ours.workers(1), _prototype(lane), lane.queue_job(way):
        lane.warm()
        for _ in range(bed.options.rounds):
            reference = lane.drain_prototype(many)
            ours = lane.drain_ours(some)
            beside.append((ours, reference))
            against.append((ours, lane.drain_queue_job(few)))
            # The prototype knows no order; 500 records have news, so there are as many keys.
            lane.ours.inside("ours.put_in_order", ordered=True)
            in_order.append((lane.drain_ours(some), reference))
            lane.ours.inside("ours.put_in_order", ordered=False)
    return [
        paired("one worker, fast receiver, events/s; prototype", beside, ratio_at_least(0.6)),
        paired("one worker, in order, fast receiver, events/s; prototype", in_order, ratio_at_least(0.6)),
        paired("one worker, fast receiver, events/s; queue_job", against, ratio_at_least(12)),
    ]


def _crons(bed: Bed, lane: Lane, way: QueueJob) -> list[Figure]:
    """Both in plain Odoos with two cron threads; queue_job runs jobs in its HTTP threads or workers."""
    found = []
    for name, workers in (("threaded", 0), ("prefork", 2)):
        beside, against = _cron_rounds(bed, lane, way, workers)
        found += [
            paired(f"crons, {name}, fast receiver, events/s; prototype in a cron", beside, ratio_at_least(0.6)),
            paired(f"crons, {name}, fast receiver, events/s; queue_job", against, ratio_at_least(8)),
        ]
    return found


def _cron_rounds(
    bed: Bed, lane: Lane, way: QueueJob, workers: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    many, some, few = bed.options.pick(200, 4_000), bed.options.pick(200, 3_000), bed.options.pick(20, 300)
    beside, against = [], []
    lane.peers.inside("peers.use_prototype_cron", active=True)
    with lane.ours.serving(workers=workers):
        # The prototype has an Odoo of the same shape, queue_job the one that suits it best.
        lane.warm_ours()
        for _ in range(bed.options.rounds):
            with lane.peers.serving(workers=workers, options=("--load=base,rpc,web,integration_inbound",)):
                lane.drain_prototype(_WARM, cron=True)
                reference = lane.drain_prototype(many, cron=True)
            beside.append((lane.drain_ours(some), reference))
        with lane.queue_job(way):
            against += [(ours, lane.drain_queue_job(few)) for ours, _reference in beside]
    lane.peers.inside("peers.use_prototype_cron", active=False)
    return beside, against


def _two_workers(bed: Bed, lane: Lane, _way: QueueJob) -> list[Figure]:
    count = bed.options.pick(200, 4_000)
    rounds, failures = [], 0
    for _ in range(bed.options.rounds):
        with lane.ours.workers(1):
            lane.warm_ours()
            one = lane.drain_ours(count)
        with lane.ours.workers(2) as processes:
            lane.warm_ours()
            two = lane.drain_ours(count)
            failures += sum(len(_FAILED_CLAIM.findall(process.log.read_text("utf-8"))) for process in processes)
        rounds.append((two, one))
    return [
        paired("two workers on one database, events/s; one worker", rounds, ratio_at_least(0.9)),
        Figure("two workers on one database: failed claims", failures, None, None, at_most(0)),
    ]


def _slow(bed: Bed, lane: Lane, way: QueueJob) -> list[Figure]:
    count, few = bed.options.pick(100, 2_000), bed.options.pick(20, 200)
    delays = dict.fromkeys(lane.receiver.ports, SLOW_SECONDS)
    beside, against = [], []
    with lane.ours.workers(1, f"--concurrency={prototype.THREADS}"), _prototype(lane):
        lane.warm()
        for _ in range(bed.options.rounds):
            reference = lane.drain_prototype(count, delays)
            beside.append((lane.drain_ours(count, delays), reference))
    # Each at its best: queue_job as was found above, a worker with as many threads as pay here.
    with lane.ours.workers(1, f"--concurrency={MANY_THREADS}"), lane.queue_job(way):
        lane.warm_ours()
        for _ in range(bed.options.rounds):
            ours = lane.drain_ours(count, delays)
            against.append((ours, lane.drain_queue_job(few, delays)))
    return [
        paired(f"50 ms receiver, {prototype.THREADS} threads each, events/s; prototype", beside, ratio_at_least(0.9)),
        paired(f"50 ms receiver, {MANY_THREADS} threads, events/s; queue_job", against, ratio_at_least(15)),
    ]


def _hanging(bed: Bed, lane: Lane, way: QueueJob) -> list[Figure]:
    count, many = bed.options.pick(50, 300), bed.options.pick(50, 6_000)
    rounds, backlog = [], []
    for _ in range(bed.options.rounds):
        clean = _healthy_ours(lane, count, hang=False)
        rounds.append((_healthy_ours(lane, count, hang=True), clean))
        # Far more for each endpoint than a process claims at once.
        clean = _healthy_ours(lane, many, hang=False)
        backlog.append((_healthy_ours(lane, many, hang=True), clean))
    # Half as many will do: each of what hangs takes ten seconds.
    with lane.queue_job(way):
        peer = [(rounds[-1][0], _healthy_queue_job(lane, count // 2))]
    lane.peers.inside("peers.forget_jobs")
    return [
        paired("one of ten endpoints hangs 10 s: nine healthy served, s; none hangs", rounds, more_at_most(0.3)),
        paired("the same with a backlog of 6,000 events; none hangs", backlog, more_at_most(0.3)),
        paired("one of ten endpoints hangs 10 s: nine healthy served, s; queue_job with half of it", peer),
    ]


def _healthy(receiver: Receiver, count: int, began: float) -> float:
    """Return seconds until the nine healthy endpoints have everything."""
    hanging, wanted = receiver.ports[0], count - count // ENDPOINTS

    def served() -> list[float]:
        moments: dict[str, float] = {}
        for arrival in receiver.arrivals():
            if arrival.port != hanging:
                moments.setdefault(arrival.message_id, arrival.moment)
        return sorted(moments.values()) if len(moments) >= wanted else []

    moments: list[float] = wait_until(served, _TIMEOUT, "the healthy endpoints are served")
    return moments[-1] - began


def _delays(receiver: Receiver, *, hang: bool) -> dict[int, float]:
    return {receiver.ports[0]: HANG_SECONDS} if hang else {}


def _healthy_ours(lane: Lane, count: int, *, hang: bool) -> float:
    lane.load_ours(count)
    lane.receiver.reset(_delays(lane.receiver, hang=hang))
    with lane.ours.workers(1) as (worker,):
        began: float = lane.ours.inside("ours.resume")
        seconds = _healthy(lane.receiver, count, began)
        worker.kill()
    lane.ours.inside("ours.forget")
    return seconds


def _healthy_queue_job(lane: Lane, count: int) -> float:
    lane.receiver.reset(_delays(lane.receiver, hang=True))
    words = {"count": count, "urls": lane.receiver.urls, "prefix": next(_prefixes)}
    began: float = lane.peers.inside("peers.enqueue_posts", **words)
    return _healthy(lane.receiver, count, began)


def _webhook_action(bed: Bed, lane: Lane, _way: QueueJob) -> list[Figure]:
    """Odoo's own action posts within the caller's request, who waits for it: one transaction each."""
    count, some = bed.options.pick(5, 200), bed.options.pick(100, 3_000)
    lane.peers.inside("peers.outgoing_webhook", url=lane.receiver.urls[0])
    rounds = []
    with lane.ours.workers(1):
        for _ in range(bed.options.rounds):
            lane.receiver.reset()
            seconds: float = lane.peers.inside("peers.make_hooks", count=count)
            if not lane.receiver.arrivals():
                raise MeasureError("Odoo's webhook action posted nothing")
            rounds.append((lane.drain_ours(some), count / seconds))
    return [paired("one worker, fast receiver, events/s; Odoo's webhook action", rounds)]
