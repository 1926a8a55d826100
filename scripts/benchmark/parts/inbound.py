"""Accepting signed messages, beside the least that a controller can do and beside Odoo's own ways in."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from benchmark.bed import Bed
from benchmark.figures import Figure, paired, percentile, ratio_at_least
from benchmark.site import MeasureError, Site
from simulator import wire
from simulator.messages import FINALIZED, Message
from suite.layout import CHECKOUT

CLIENTS: Final = 8
WORKERS: Final = 2
_TIMEOUT: Final = 600
_ACCEPTED: Final = {"200", "201", "202"}

Messages = list[tuple[dict[str, str], str]]


def signed(secret: str, count: int) -> Messages:
    """Return messages of one finalized line each, every one of an encounter of its own, signed for now."""
    return [signed_one(secret, message(uuid.uuid4().hex)) for _ in range(count)]


def message(name: str) -> Message:
    """Return one finalized line of the encounter ``name``, as the demo hospital's clinical record sends it."""
    now = datetime.now(timezone.utc)
    line = {"line": "1", "service": "WOUND", "quantity": "1", "unit_price": "52.25", "currency": "USD"}
    data: dict[str, object] = {
        "encounter": f"B-{name}",
        "patient": {"id": f"MRN-{name}"},
        "performed_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "department": "CLINIC",
        "self_pay": True,
        "lines": [line],
    }
    return Message("ehr", f"bench-{name}", FINALIZED, f"encounter/B-{name}", now, data)


def signed_one(secret: str, content: Message) -> tuple[dict[str, str], str]:
    """Return the headers and the body of a message, signed for now."""
    headers = wire.headers(secret, content.message_id, int(time.time()), content.body)
    return {**headers, "content-type": "application/cloudevents+json"}, content.body.decode()


def post(
    site: Site, url: str, messages: Messages, *, cafile: Path | None = None, patient: bool = False
) -> dict[str, Any]:
    """Post messages from a process of its own, ``patient`` or not (:class:`load.Load`); return what it tells.

    ``cafile`` is whom to trust where the url is one of TLS.

    Raises:
        MeasureError: One of them was not accepted.
    """
    file = site.folder / "load.json"
    trusted = cafile and str(cafile)
    asked = {"url": url, "clients": CLIENTS, "messages": messages, "cafile": trusted, "patient": patient}
    file.write_text(json.dumps(asked), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "benchmark.load", str(file)],
        env={"PYTHONPATH": str(CHECKOUT / "scripts")},
        timeout=_TIMEOUT,
        check=True,
    )
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if set(told["statuses"]) - _ACCEPTED:
        raise MeasureError(f"{url} answered {told['statuses']}")
    return told


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure how many messages per second are accepted, each by two prefork workers."""
    count = bed.options.pick(40, 1_200)
    with bed.ours() as ours, bed.peers() as peers:
        secret = ours.built.systems["ehr"]["secret"]
        ours.inside("ours.admit_everything")
        ours.inside("ours.pause", consumer="handler")
        peers.inside("peers.share_secret", secret=secret)
        hook: str = peers.inside("peers.incoming_webhook")
        bearer: str = peers.inside("peers.api_key")
        with (
            ours.serving(workers=WORKERS) as mine,
            peers.serving(workers=WORKERS, options=("--load=base,rpc,web,integration_inbound",)) as theirs,
        ):
            ways: dict[str, Callable[[int], tuple[Site, str, Messages]]] = {
                "suite": lambda n: (ours, f"{mine.url}/integration/v1/inbound/ehr", signed(secret, n)),
                "bare": lambda n: (peers, f"{theirs.url}/bench/bare", signed(secret, n)),
                "hook": lambda n: (peers, f"{theirs.url}{hook}", _as_json(secret, n)),
                "json2": lambda n: (
                    peers,
                    f"{theirs.url}/json/2/integration.bench.inbox/create",
                    _as_records(secret, n, bearer),
                ),
            }
            for way in ways.values():
                post(*way(16))
            rates: dict[str, list[float]] = {name: [] for name in ways}
            slowest: list[float] = []
            for turn in range(bed.options.rounds):
                for name, way in ways.items():
                    note(f"round {turn + 1}: {name}")
                    told = post(*way(count))
                    rates[name].append(count / told["took"])
                    if name == "suite":
                        slowest.append(percentile(told["seconds"], 0.99) * 1000)
        _check_stored(ours, bed.options.rounds * count + 16)
    return [
        _beside("a bare controller", rates, "bare", 0.75),
        _beside("base_automation's webhook", rates, "hook", 2),
        _beside("/json/2 create", rates, "json2", 1.7),
        Figure("inbound signed accept, p99 with 8 clients, ms", sorted(slowest)[len(slowest) // 2]),
    ]


def _beside(name: str, rates: dict[str, list[float]], key: str, limit: float) -> Figure:
    rounds = list(zip(rates["suite"], rates[key], strict=True))
    return paired(f"inbound signed accept, messages/s; {name}", rounds, ratio_at_least(limit))


def _check_stored(site: Site, expected: int) -> None:
    ((stored,),) = site.sql("SELECT count(*) FROM integration_event WHERE source_event_id LIKE 'bench-%'")
    if stored != expected:
        raise MeasureError(f"{expected} messages were accepted, {stored} are in the journal")


def _as_json(secret: str, count: int) -> Messages:
    return [({"content-type": "application/json"}, body) for _headers, body in signed(secret, count)]


def _as_records(secret: str, count: int, bearer: str) -> Messages:
    headers = {"content-type": "application/json", "authorization": f"Bearer {bearer}"}
    return [
        (headers, json.dumps({"vals_list": [{"name": sent["webhook-id"], "body": body}]}))
        for sent, body in signed(secret, count)
    ]
