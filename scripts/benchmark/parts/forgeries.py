"""What honest senders keep of their pace while somebody posts forgeries."""

from __future__ import annotations

import base64
import json
import math
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmark import open_load
from benchmark.bed import Bed
from benchmark.figures import Figure, paired, ratio_at_least
from benchmark.parts.inbound import WORKERS, message, post, signed, signed_one
from benchmark.site import MeasureError, Site
from simulator.transport import FORGED_SECRET
from suite.layout import CHECKOUT

PACE: Final = 100
"""Forgeries per second, straight at Odoo."""
KEPT: Final = 0.7
"""What of their rate honest senders keep then, at least."""
_LONGEST: Final = 120
_PER_PROCESS: Final = 700
"""Requests per second that one process of Python can send."""
_REACHED: Final = 0.9
"""The part of its pace that an attack has to reach to count as one."""


@contextmanager
def forging(site: Site, url: str, pace: int, *, sources: Sequence[str] = ("",)) -> Iterator[dict[str, Any]]:
    """Post forgeries to ``url`` during the block: real messages, signed for now with a secret that nobody knows.

    The dictionary tells, after the block, with which ``statuses`` they were answered and the ``pace`` that was reached.

    Args:
        site: Whose folder is used.
        url: The address of a system, at Odoo or at a proxy before it.
        pace: How many per second.
        sources: Addresses of this machine that they come from.
    """
    processes = [_Forger(site.folder / f"forger-{number}.json") for number in range(math.ceil(pace / _PER_PROCESS))]
    told: dict[str, Any] = {"statuses": {}, "pace": 0.0}
    try:
        for forger in processes:
            forger.start(url, pace / len(processes), sources)
        yield told
    finally:
        for forger in processes:
            forger.stop()
    for forger in processes:
        found = forger.told()
        told["pace"] += found["pace"]
        for status, count in found["statuses"].items():
            told["statuses"][status] = told["statuses"].get(status, 0) + count


class _Forger:
    """One process that forges until it is told to stop."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, url: str, pace: float, sources: Sequence[str]) -> None:
        forged = (signed_one(FORGED_SECRET, message(uuid.uuid4().hex)) for _ in range(50))
        requests = [open_load.raw(url, headers, body.encode()) for headers, body in forged]
        asked = {
            "url": url,
            "requests": [base64.b64encode(request).decode() for request in requests],
            "pace": pace,
            "seconds": _LONGEST,
            "sources": list(sources),
            "connections": 32,
        }
        self._file.write_text(json.dumps(asked), encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmark.open_load", str(self._file)],
            env={"PYTHONPATH": str(CHECKOUT / "scripts")},
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        self._process.stdout.readline()  # it has begun

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.communicate()

    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        return found


def beside_forgeries(
    site: Site,
    url: str,
    secret: str,
    pace: int,
    *,
    count: int,
    rounds: int,
    note: Callable[[str], None],
    sources: Sequence[str] = ("",),
) -> list[tuple[float, float]]:
    """Return pairs of honest messages per second, beside forgeries and alone, each accepted.

    Args:
        site: Whose folder is used.
        url: The address of the system, at Odoo or at a proxy before it.
        secret: The system's own.
        pace: Forgeries per second.
        count: Honest messages per measurement, from eight clients.
        rounds: How many pairs.
        note: Told what happens.
        sources: Addresses of this machine that forgeries come from.

    A connection that a busy server did not take is tried again, as senders do.

    Raises:
        MeasureError: An honest message was not accepted, a forgery was, or fewer were sent than ``pace`` says.
    """
    found = []
    for turn in range(rounds):
        note(f"round {turn + 1}: alone")
        alone = count / post(site, url, signed(secret, count), patient=True)["took"]
        note(f"round {turn + 1}: beside {pace} forgeries/s")
        with forging(site, url, pace, sources=sources) as forged:
            beside = count / post(site, url, signed(secret, count), patient=True)["took"]
        if forged["statuses"].get("202"):
            raise MeasureError(f"forgeries were accepted: {forged['statuses']}")
        if forged["pace"] < _REACHED * pace:
            raise MeasureError(f"only {forged['pace']:.0f} forgeries/s were sent, answered {forged['statuses']}")
        note(f"round {turn + 1}: {beside:.0f}/s beside {alone:.0f}/s, forgeries answered {forged['statuses']}")
        found.append((beside, alone))
    return found


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure the rate of honest senders straight at Odoo, with two prefork workers."""
    count = bed.options.pick(40, 1_200)
    with bed.ours() as site:
        secret = site.built.systems["ehr"]["secret"]
        site.inside("ours.admit_everything")
        site.inside("ours.pause", consumer="handler")
        with site.serving(workers=WORKERS) as running:
            url = f"{running.url}/integration/v1/inbound/ehr"
            post(site, url, signed(secret, 16))
            rounds = beside_forgeries(site, url, secret, PACE, count=count, rounds=bed.options.rounds, note=note)
    return [paired(f"honest messages/s beside {PACE} forgeries/s; alone", rounds, ratio_at_least(KEPT))]
