"""From the commit to the arrival while nothing else happens."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence

from benchmark.bed import Bed
from benchmark.figures import NO_TARGET, Figure, Target, at_most, percentile, ratio_at_most
from benchmark.parts.outbound import QueueJob, run_queue_job
from benchmark.receiving import Receiver, receiving
from benchmark.site import Site

IDLE_SECONDS = 7.0
"""Between two events for crons, in which both wait for half a minute."""
_ids = (f"l{number}" for number in itertools.count())

Sender = Callable[[], tuple[str, float]]


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure latency with a worker and in both sorts of crons, beside the prototype run the same way."""
    with bed.ours() as ours, bed.peers() as peers, receiving(bed.scratch, 1) as receiver:
        (type_name,) = ours.inside("ours.prepare", ports=receiver.ports)
        peers.inside("peers.prepare_prototype")

        def suite() -> tuple[str, float]:
            found: tuple[str, float] = ours.inside("ours.emit_one", type_name=type_name)
            return found

        def prototype(*, trigger: bool = False) -> tuple[str, float]:
            name = next(_ids)
            words = {"url": receiver.urls[0], "message_id": name, "trigger": trigger}
            return name, peers.inside("peers.feed_one", **words)

        note("a worker process")
        found = _worker(bed, ours, peers, receiver, suite, prototype)
        for name, workers, target in (("threaded", 0, at_most(60)), ("prefork", 2, ratio_at_most(1.2))):
            note(f"crons, {name}")
            found += _crons(bed, ours, peers, receiver, suite, lambda: prototype(trigger=True), name, workers, target)
        return found


def _samples(receiver: Receiver, count: int, gap: float, senders: Sequence[Sender]) -> list[list[float]]:
    """Return, per sender, milliseconds from commit to arrival; the senders take turns."""
    found: list[list[float]] = [[] for _ in senders]
    receiver.reset()
    for turn in range(count):
        for number, send in enumerate(senders):
            message_id, committed = send()
            receiver.wait_for(turn * len(senders) + number + 1, 60)
            found[number].append((receiver.first()[message_id] - committed) * 1000)
            time.sleep(gap / len(senders))
    return found


def _worker(bed: Bed, ours: Site, peers: Site, receiver: Receiver, suite: Sender, prototype: Sender) -> list[Figure]:
    process = peers.program("benchmark.prototype")
    process.wait_for("prototype ready")
    with ours.workers(1):
        _samples(receiver, 5, 0.1, [suite, prototype])
        mine, bare = _samples(receiver, bed.options.pick(10, 150), 0.4, [suite, prototype])
    process.stop()
    found = _figures("commit → arrival, idle, a worker", mine, bare, at_most(10), at_most(30))
    with run_queue_job(peers, QueueJob(4, 0)):
        (job,) = _samples(receiver, bed.options.pick(5, 40), 0.3, [lambda: _job(peers, receiver)])
    return [*found, *_figures("commit → arrival, idle, a worker; queue_job", mine, job, NO_TARGET)[:1]]


def _job(peers: Site, receiver: Receiver) -> tuple[str, float]:
    prefix = next(_ids)
    words = {"count": 1, "urls": receiver.urls, "prefix": prefix}
    return f"{prefix}-0", peers.inside("peers.enqueue_posts", **words)


def _crons(
    bed: Bed,
    ours: Site,
    peers: Site,
    receiver: Receiver,
    suite: Sender,
    prototype: Sender,
    name: str,
    workers: int,
    target: Target,
) -> list[Figure]:
    peers.inside("peers.use_prototype_cron", active=True)
    options = ("--load=base,rpc,web,integration_inbound",)
    with ours.serving(workers=workers), peers.serving(workers=workers, options=options):
        _samples(receiver, 2, 0.5, [suite, prototype])
        mine, bare = _samples(receiver, bed.options.pick(2, 9), IDLE_SECONDS, [suite, prototype])
    peers.inside("peers.use_prototype_cron", active=False)
    return _figures(f"commit → arrival, idle, crons {name}", mine, bare, target)[:1]


def _figures(
    title: str, mine: Sequence[float], other: Sequence[float], median: Target, tail: Target = NO_TARGET
) -> list[Figure]:
    found = []
    for share, name, target in ((0.5, "p50", median), (0.99, "p99", tail)):
        ours, reference = percentile(mine, share), percentile(other, share)
        words = title.partition(";")
        measure = f"{words[0]}, {name}, ms;{words[2] or ' prototype'}"
        found.append(Figure(measure, ours, reference, ours / reference if reference else None, target))
    return found
