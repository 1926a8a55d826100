"""How many signed messages a second the gate accepts, beside other ways into the same Odoo.

Run it with the Python environment of the checks, which ``scripts/test`` makes::

    PYTHONPATH=scripts python -m measure.inbound --seconds 8 --rounds 3

A real prefork Odoo (2 workers) serves a copy of the demo hospital whose engine is paused. In each round every target
gets the same load, one after the other; the figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import pstats
import random
import re
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from measure import cpu, load
from suite import checks, masterkey, processes, server
from suite.database import Databases, suite_template
from suite.layout import ADDONS, CHECKOUT, State
from suite.odoo import Odoo
from suite.progress import Progress
from suite.testbed import Context

_BENCH_ADDONS: Final = CHECKOUT / "scripts" / "measure" / "addons"
_BARE_KEY: Final = b"bench-bare-key-of-32-bytes-------"
_SYSTEM: Final = "ehr"
_PREPARE: Final = """
import json
from datetime import timedelta
from pathlib import Path
env["ir.cron"].search([]).write({"active": False})
env["integration.subscription"].search([]).write({"state": "paused"})
env["integration.system"].search([]).write({"rate_per_minute": 10_000_000})
admin = env.ref("base.user_admin")
key = env["res.users.apikeys"].with_user(admin)._generate("rpc", "bench", env.cr.now() + timedelta(days=1))
rule = env["base.automation"].create({
    "name": "bench", "model_id": env["ir.model"]._get_id("bench.message"), "trigger": "on_webhook",
    "record_getter": "model.create({'message_id': payload['id'], 'body': str(payload['data'])})",
})
# An engine seems to be awake, as while messages come: what waking one costs is not measured here.
env.cr.execute(
    "INSERT INTO integration_heartbeat (name, kind, lanes, state, started_at, last_beat)"
    " VALUES ('bench', 'worker', 'critical,normal,bulk', 'awake', now(), now() + interval '1 day')"
)
env.cr.commit()
Path(%r).write_text(json.dumps({"api_key": key, "webhook": rule.webhook_uuid}))
"""
_PERF: Final = re.compile(r'"POST (/\S+) HTTP/[\d.]+" \d+ - (\d+) ([\d.]+) ([\d.]+)')


@dataclass(frozen=True)
class Target:
    """One way into Odoo: its name and the bytes of each request."""

    name: str
    request: load.Request
    status: int


@contextmanager
def odoo_server(odoo: Odoo, context: Context, folder: Path, profile: Path | None) -> Iterator[Any]:
    """Serve a prepared copy of the demo hospital from two workers; give the server, its log and what was prepared."""
    state = State.at(folder)
    name = f"t{os.getpid()}_inbound"
    own = replace(odoo, conf=state.odoo_conf, log=state.setup_log)
    databases = Databases(own)
    databases.copy(context.template, name)
    try:
        masterkey.copy(context.master_key, state.master_key, databases.uuid(name))
        port, gevent_port = (random.randrange(10_000, 30_000) for _port in range(2))  # noqa: S311
        own.configure(
            addons_path=f"{ADDONS},{_BENCH_ADDONS}",
            integration_master_key_file=str(state.master_key),
            log_level="info",
            workers=2,
            max_cron_threads=0,
            gevent_port=gevent_port,
        )
        own.install(name, ["bench_bare"])
        facts = folder / "facts.json"
        shell = own.command("shell", f"--config={own.conf}", f"--database={name}", "--no-http", "--log-level=warn")
        key = {masterkey.VARIABLE: str(state.master_key)}
        processes.run(
            shell,
            log=own.log,
            env=own.environment(key),
            stdin=_PREPARE % str(facts),
            failing="the database could not be prepared",
            remedy=f"Please look into {own.log}.",
        )
        env = {**key, **({"MEASURE_PROFILE": str(profile)} if profile else {})}
        running = server.start(own, name, port, log=state.odoo_log, pid_file=state.pid_file, env=env)
        try:
            server.wait_until_ready(running, state.odoo_log)
            yield running, state.odoo_log, json.loads(facts.read_text(encoding="utf-8"))
        finally:
            server.stop(running, state.pid_file)
    finally:
        databases.drop(name)


# What is posted


def _data(kind: str) -> tuple[str, dict[str, Any]]:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if kind == "admitted":
        data: dict[str, Any] = {
            "encounter": "E-1001",
            "patient": {"id": "MRN-7"},
            "admitted_at": moment,
            "department": "ED",
        }
        return "clinical.encounter.admitted.v1", data
    line = {"line": "1", "service": "99213", "quantity": "1", "unit_price": "120.00", "currency": "USD"}
    data = {
        "encounter": "E-1001",
        "patient": {"id": "MRN-7"},
        "performed_at": moment,
        "department": "ED",
        "self_pay": True,
        "lines": [line],
    }
    return "clinical.service.finalized.v1", data


def _event(kind: str) -> Callable[[], tuple[str, bytes]]:
    type_name, data = _data(kind)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def make() -> tuple[str, bytes]:
        message_id = uuid.uuid4().hex
        event = {
            "specversion": "1.0",
            "id": message_id,
            "source": f"/systems/{_SYSTEM}",
            "type": type_name,
            "subject": "encounter/E-1001",
            "time": moment,
            "datacontenttype": "application/json",
            "data": data,
        }
        return message_id, json.dumps(event).encode()

    return make


def _http(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    fields = {"Host": "127.0.0.1", "Content-Length": str(len(body)), "Connection": "keep-alive", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def _signed(path: str, key: bytes, content_type: str, make: Callable[[], tuple[str, bytes]]) -> load.Request:
    def request(_number: int) -> bytes:
        message_id, body = make()
        stamp = str(int(time.time()))
        mac = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
            "Content-Type": content_type,
        }
        return _http(path, body, headers)

    return request


def _webhook(path: str, make: Callable[[], tuple[str, bytes]]) -> load.Request:
    return lambda _number: _http(path, make()[1], {"Content-Type": "application/json"})


def _json2(api_key: str, make: Callable[[], tuple[str, bytes]]) -> load.Request:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {api_key}"}

    def request(_number: int) -> bytes:
        message_id, body = make()
        call = {"vals_list": [{"message_id": message_id, "body": body.decode()}]}
        return _http("/json/2/bench.message/create", json.dumps(call).encode(), headers)

    return request


def targets(secret: str, facts: dict[str, str], kind: str) -> list[Target]:
    """Return the gate first, then what it is compared with."""
    make = _event(kind)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    gate = _signed(f"/integration/v1/inbound/{_SYSTEM}", key, "application/cloudevents+json", make)
    return [
        Target("gate", gate, 202),
        Target("bare", _signed("/bench/bare", _BARE_KEY, "application/json", make), 202),
        Target("webhook", _webhook(f"/web/hook/{facts['webhook']}", make), 200),
        Target("json2", _json2(facts["api_key"], make), 200),
    ]


# The run


@dataclass(frozen=True)
class Round:
    """What one target did in one round, and the milliseconds of processor time that a request took."""

    load: load.Load
    odoo_ms: float
    postgres_ms: float


def _measure(running: server.Running, chosen: list[Target], options: argparse.Namespace) -> dict[str, list[Round]]:
    port = int(running.url.rpartition(":")[2])
    found: dict[str, list[Round]] = {target.name: [] for target in chosen}
    for target in chosen:
        load.run(port, target.request, clients=options.clients, seconds=2)  # both workers load what they need
    for number in range(options.rounds):
        for target in chosen if number % 2 else reversed(chosen):
            before = cpu.read(running.pid, running.database)
            result = load.run(port, target.request, clients=options.clients, seconds=options.seconds)
            used = cpu.read(running.pid, running.database).since(before)
            if set(result.statuses) != {target.status}:
                print(f"{target.name}: answers {dict(result.statuses)}", file=sys.stderr)
            total = sum(result.statuses.values())
            found[target.name].append(Round(result, 1000 * used.odoo / total, 1000 * used.postgres / total))
    return found


def _report(found: dict[str, list[Round]], log: Path) -> None:
    statements = _statements(log)
    print("\n1/s and latency as the clients saw them; processor time per request in the workers and in PostgreSQL")
    print(
        f"{'target':<10} {'1/s':>7} {'p50 ms':>7} {'p99 ms':>7} {'SQL':>4} {'Odoo ms':>8} {'PG ms':>7} {'gate is':>8}"
    )
    for name, rounds in found.items():
        ratio = _median(gate.load.rate / other.load.rate for gate, other in zip(found["gate"], rounds, strict=True))
        print(
            f"{name:<10} {_median(one.load.rate for one in rounds):7.0f}"
            f" {_median(one.load.percentile(0.5) for one in rounds):7.1f}"
            f" {_median(one.load.percentile(0.99) for one in rounds):7.1f} {statements.get(name, 0):4.0f}"
            f" {_median(one.odoo_ms for one in rounds):8.2f} {_median(one.postgres_ms for one in rounds):7.2f}"
            f" {ratio:7.2f}x"
        )


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _statements(log: Path) -> dict[str, float]:
    """Return the median number of statements per request, by target, as Odoo counted them."""
    counts: dict[str, list[int]] = {}
    names = {"integration": "gate", "bench": "bare", "web": "webhook", "json": "json2"}
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _PERF.search(line):
            counts.setdefault(names.get(match[1].split("/")[1], ""), []).append(int(match[2]))
    return {name: statistics.median(found) for name, found in counts.items()}


def _print_profile(folder: Path, lines: int) -> None:
    for kind in ("integration", "bench"):
        files = [str(path) for path in sorted(folder.glob(f"{kind}-*.prof"))]
        if files:
            print(f"\n--- {kind} ---")
            pstats.Stats(*files).sort_stats("cumulative").print_stats(lines)
            pstats.Stats(*files).sort_stats("tottime").print_stats(lines)


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="measure.inbound", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=6, help="per target and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--event", choices=("finalized", "admitted"), default="finalized")
    parser.add_argument("--only", nargs="*", default=[], help="names of targets besides the gate")
    parser.add_argument("--profile", type=int, default=0, metavar="LINES", help="print profiles of this many lines")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Run the measurement; return its exit code."""
    options = _options(words)
    with checks.prepared(Progress(6)) as bed:
        context = checks.demo_context(bed, _suite(bed))
        folder = bed.scratch / "inbound"
        profile = bed.scratch / "profile" if options.profile else None
        if profile:
            profile.mkdir()
        with odoo_server(bed.odoo, context, folder, profile) as (running, log, facts):
            chosen = targets(context.built.systems[_SYSTEM]["secret"], facts, options.event)
            if options.only:
                chosen = [target for target in chosen if target.name in ("gate", *options.only)]
            _report(_measure(running, chosen, options), log)
        if profile:
            _print_profile(profile, options.profile)
    return 0


def _suite(bed: checks.Bed) -> str:
    return suite_template(bed.databases, ("integration_suite", "integration_demo"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
