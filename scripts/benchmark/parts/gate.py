"""Verifying messages: what it costs, and whether the time of a refusal tells its cause."""

from __future__ import annotations

import gc
import http.client
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from benchmark.bed import Bed
from benchmark.figures import Figure, at_most, paired
from benchmark.site import MeasureError, Site
from benchmark.telling import Times, accuracy, worst_pair

WORKERS: Final = 2
LIMIT: Final = 0.55
"""How well the two causes that are easiest to tell apart may be told apart; guessing reaches 0.5."""
_WARM: Final = 40
_TIMEOUT: Final = 60
_AT_ONCE: Final = 2_000
"""Messages that are signed together: their time is checked, and must not run out while they are posted."""
_CONTENT: Final = "application/cloudevents+json"


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure verification by itself, and refusals at the gate and over HTTP."""
    count = bed.options.pick(50, 10_000)
    with bed.ours() as ours:
        note("what a verification costs")
        costs: dict[str, list[tuple[float, float]]] = ours.inside("gate.costs", count=bed.options.pick(5, 200))
        found = [paired(f"verification of 1 kB, µs; {name}", pairs) for name, pairs in costs.items()]
        secrets: dict[str, str] = ours.inside("gate.prepare")
        note(f"the time of {count:,} refusals per cause, at the gate")
        found += _told("at the gate", ours.inside("gate.times", count=count, secrets=secrets))
        with ours.serving(workers=WORKERS) as running:
            found += _told("over HTTP", _over_http(ours, running.url, secrets, count, note))
    return found


def _told(where: str, times: Times) -> list[Figure]:
    worst, _pair = worst_pair(times)
    every, guessed = accuracy(times), 1 / len(times)
    return [
        Figure(f"refusals told apart {where}, the easiest two causes", worst, 0.5, worst / 0.5, at_most(LIMIT)),
        Figure(f"refusals told apart {where}, all {len(times)} causes", every, guessed, every / guessed),
    ]


def _over_http(
    site: Site, url: str, secrets: dict[str, str], count: int, note: Callable[[str], None]
) -> dict[str, list[float]]:
    """Return the seconds until the answer by cause, of one request after the other."""
    per_turn = max(1, _AT_ONCE // (len(secrets) + 3))
    body: bytes = site.inside("gate.body")
    found: dict[str, list[float]] = {}
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT)
    _post(connection, body, site.inside("gate.requests", count=_WARM // 5, secrets=secrets))
    done = 0
    while done < count:
        turn = min(per_turn, count - done)
        # The order is another one each time.
        asked = site.inside("gate.requests", count=turn, secrets=secrets, seed=done)
        for cause, seconds in _post(connection, body, asked):
            found.setdefault(cause, []).append(seconds)
        done += turn
        note(f"the time of {done:,} refusals per cause, over HTTP")
    connection.close()
    return found


def _post(connection: http.client.HTTPConnection, body: bytes, requests: Sequence[Any]) -> list[tuple[str, float]]:
    found = []
    gc.disable()
    try:
        for cause, code, headers in requests:
            began = time.perf_counter()
            connection.request("POST", f"/integration/v1/inbound/{code}", body, {**headers, "content-type": _CONTENT})
            answer = connection.getresponse()
            answer.read()
            found.append((cause, time.perf_counter() - began))
            if answer.status != http.client.UNAUTHORIZED:
                raise MeasureError(f"{cause} was answered {answer.status}")
    finally:
        gc.enable()
    return found
