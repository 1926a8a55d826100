"""What sealing and opening the contents of messages costs the engine, beside contents that are stored as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from benchmark.bed import Bed
from benchmark.draining import drain
from benchmark.figures import Figure, paired, ratio_at_least
from benchmark.parts.inbound import WORKERS, post, signed
from benchmark.parts.outbound import ENDPOINTS
from benchmark.receiving import Receiver, receiving
from benchmark.site import MeasureError, Site
from suite.server import Running

PLAIN: Final = "INTEGRATION_BENCH_PLAIN"
"""A process with this variable stores contents as they are (``addons/integration_bench/plain.py``)."""
KEPT: Final = 0.95
_WARM: Final = 50

Pairs = list[tuple[float, float]]


@dataclass(frozen=True)
class _Side:
    """One database with its processes, and what is measured in it."""

    site: Site
    types: list[str]
    running: Running
    receiver: Receiver

    def deliver(self, count: int) -> float:
        """Return deliveries per second: contents are opened, signed and sent."""
        return drain(self.site, self.receiver, self.types, count)

    def emit(self, count: int) -> float:
        """Return events per second of one transaction: contents are sealed."""
        self.site.inside("ours.pause")
        rate: float = count / self.site.inside("ours.emit_together", count=count, type_name=self.types[0])
        self.site.inside("ours.forget")
        return rate

    def accept(self, count: int) -> float:
        """Return messages per second that are accepted: verified, and their contents sealed."""
        messages = signed(self.site.built.systems["ehr"]["secret"], count)
        return count / float(post(self.site, f"{self.running.url}/integration/v1/inbound/ehr", messages)["took"])


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure delivering, emitting and accepting, in turns with contents that are sealed and that are not."""
    events, together = bed.options.pick(100, 10_000), bed.options.pick(200, 5_000)
    messages, rounds = bed.options.pick(40, 2_400), bed.options.pick(1, 7)
    with receiving(bed.scratch, ENDPOINTS) as receiver, ExitStack() as ending:
        sealed, plain = (ending.enter_context(_side(bed, receiver, plain=plain)) for plain in (False, True))
        delivered = _pairs(sealed, plain, _Side.deliver, events, rounds, note)
        accepted = _pairs(sealed, plain, _Side.accept, messages, rounds, note)
        _check(sealed, plain)
        emitted = _pairs(sealed, plain, _Side.emit, together, rounds, note)
        micros = sealed.site.inside("cipher.seal_and_open", count=bed.options.pick(1_000, 50_000))
    return [
        paired("events/s to endpoints, contents sealed; as they are", delivered, ratio_at_least(KEPT)),
        paired("inbound signed accept, messages/s, contents sealed; as they are", accepted, ratio_at_least(KEPT)),
        paired("emit in one transaction, events/s, contents sealed; as they are", emitted, ratio_at_least(KEPT)),
        Figure("sealing and opening one content of 1 kB, µs", micros),
    ]


@contextmanager
def _side(bed: Bed, receiver: Receiver, *, plain: bool) -> Iterator[_Side]:
    with bed.ours() as site:
        if plain:
            site.environ[PLAIN] = "1"
        site.inside("ours.admit_everything")
        site.inside("ours.pause", consumer="handler")
        types: list[str] = site.inside("ours.prepare", ports=receiver.ports)
        with site.workers(1), site.serving(workers=WORKERS, cron_threads=0) as running:
            yield _Side(site, types, running, receiver)


def _pairs(
    sealed: _Side,
    plain: _Side,
    way: Callable[[_Side, int], float],
    count: int,
    rounds: int,
    note: Callable[[str], None],
) -> Pairs:
    """Return what both did in each round; who goes first takes turns."""
    for side in (sealed, plain):
        way(side, _WARM)
    found = []
    for turn in range(rounds):
        rates = {side.site.name: way(side, count) for side in ((sealed, plain) if turn % 2 else (plain, sealed))}
        found.append((rates[sealed.site.name], rates[plain.site.name]))
        note(f"round {turn + 1}: {found[-1][0]:,.0f}/s sealed, {found[-1][1]:,.0f}/s as they are")
    return found


def _check(sealed: _Side, plain: _Side) -> None:
    """Prove that the two are what they are called: a comparison of the same with the same would look good."""
    for side, expected in ((sealed, False), (plain, True)):
        ((found, readable),) = side.site.sql(
            "SELECT count(*), count(*) FILTER (WHERE position('\"specversion\"'::bytea IN sealed) > 0)"
            "  FROM integration_payload JOIN integration_event e ON e.id = event_id"
            "  JOIN integration_event_type t ON t.id = e.event_type_id"
            " WHERE e.source_event_id LIKE 'bench-%' OR t.name LIKE 'bench.%'"
        )
        if not found or readable != (found if expected else 0):
            raise MeasureError(f"{readable} of {found} contents are readable in {side.site.name}")
