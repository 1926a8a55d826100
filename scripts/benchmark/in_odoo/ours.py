"""Endpoints, events and subscriptions of the suite, made as its own code makes them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from odoo.addons.integration_core.engine import claims

from benchmark import prototype

TYPE = "bench.record.changed_{}.v1"
_PER_TRANSACTION = 500
_APPROVED = {"approval_state": "approved", "decision_reason": "The benchmark's own."}


def prepare(env: Any, *, ports: list[int], timeout: int = 15) -> list[str]:
    """Make one endpoint per port, with a key, an allow-list entry and a subscription to an event type of its own.

    Returns:
        The event types, in the order of the ports.
    """
    env["integration.subscription"].search([("consumer", "=", "endpoint")]).active = False
    system = env["integration.system"].create(
        {
            "code": "bench",
            "name": "Receiver of the benchmark",
            "company_id": env.company.id,
            "owner_id": env.ref("base.user_admin").id,
            "state": "active",
            "mode": "live",
            "live_from": datetime.now(timezone.utc).replace(tzinfo=None),
            **_APPROVED,
        }
    )
    return [_endpoint(env, system, number, port, timeout) for number, port in enumerate(ports)]


def _endpoint(env: Any, system: Any, number: int, port: int, timeout: int) -> str:
    env["integration.egress.allow"].create({"host": "127.0.0.1", "port": port, "reason": "receiver of the benchmark"})
    endpoint = env["integration.endpoint"].create(
        {
            "name": f"bench {number}",
            "url": f"http://127.0.0.1:{port}/",
            "system_id": system.id,
            "owner_id": env.ref("base.user_admin").id,
            "timeout": timeout,
            "state": "active",
            "approved_mode": "live",
            **_APPROVED,
        }
    )
    key, _text = env["integration.credential"]._generate(
        {"endpoint_id": endpoint.id}, company=endpoint.company_id, use="outbound"
    )
    key.write({"approval_state": "approved", "state": "active"})
    event_type = env["integration.event.type"].create(
        {
            "name": TYPE.format(number),
            "title": f"Bench {number}",
            "direction": "outbound",
            "lane": "normal",
            "schema_json": json.dumps({"type": "object"}),
            "state": "approved",
            **_APPROVED,
        }
    )
    env["integration.subscription"].create(
        {
            "name": f"bench {number}",
            "company_id": endpoint.company_id.id,
            "consumer": "endpoint",
            "endpoint_id": endpoint.id,
            "event_type_ids": [(6, 0, event_type.ids)],
        }
    )
    return str(event_type.name)


def prepared_types(env: Any) -> list[str]:
    """Return the event types that :func:`prepare` made."""
    return sorted(env["integration.event.type"].search([("name", "=like", "bench.record.%")]).mapped("name"))


def _subscriptions(env: Any, consumer: str) -> Any:
    return env["integration.subscription"].search([("consumer", "=", consumer)])


def put_in_order(env: Any, *, ordered: bool) -> None:
    """Have events of one subject delivered one after the other, in the order of their commits, or not."""
    _subscriptions(env, "endpoint").write({"ordered": ordered})


def pause(env: Any, *, consumer: str = "endpoint") -> None:
    """Pause the subscriptions of one kind, so that work piles up."""
    _subscriptions(env, consumer).filtered(lambda s: s.state == "active").action_pause()


def resume(env: Any, *, consumer: str = "endpoint") -> float:
    """Resume them; return the moment just before the commit, on the wall clock."""
    _subscriptions(env, consumer).filtered(lambda s: s.state == "paused").action_resume()
    return time.time()


def emit(env: Any, *, count: int, types: list[str]) -> float:
    """Journal ``count`` events, spread over ``types``, in big transactions; return how long that took in seconds."""
    began = time.monotonic()
    records = _records(env, min(count, _PER_TRANSACTION))
    left = dict.fromkeys(types, count // len(types)) | dict.fromkeys(
        types[: count % len(types)], count // len(types) + 1
    )
    share = -(-_PER_TRANSACTION // len(types))
    while any(left.values()):
        for name, rest in left.items():
            part = min(rest, len(records), share)
            records[:part]._emit_event(name)
            left[name] -= part
        env.cr.commit()
        env.invalidate_all()
    return time.monotonic() - began


def emit_together(env: Any, *, count: int, type_name: str) -> float:
    """Journal ``count`` events of as many records in one transaction; return seconds, the commit included."""
    records = _records(env, count)
    env.cr.commit()
    env.invalidate_all()
    began = time.monotonic()
    records._emit_event(type_name)
    env.cr.commit()
    return time.monotonic() - began


def time_single(env: Any, *, count: int, type_name: str, url: str) -> list[tuple[float, float, float]]:
    """Time small transactions, taking turns; return seconds of each, the commit included.

    Returns:
        Per turn: one that changes a record, one that also emits an event, one that also does a bare two-row INSERT.
    """
    record = _records(env, 1)
    prototype.create(env.cr)
    env.cr.commit()
    turns: list[tuple[float, float, float]] = []
    for number in range(count):
        body = f"{number:05}" * 160

        def event() -> None:
            record._emit_event(type_name)

        def rows(body: str = body) -> None:
            prototype.insert(env.cr, str(uuid.uuid4()), "bench/1", body, url)

        nothing, emitted, inserted = (_timed(env, record, more) for more in (lambda: None, event, rows))
        turns.append((nothing, emitted, inserted))
    return turns


def _timed(env: Any, record: Any, more: Callable[[], None]) -> float:
    env.invalidate_all()
    began = time.perf_counter()
    record.name = f"R{began}"
    more()
    env.cr.commit()
    return time.perf_counter() - began


def _records(env: Any, count: int) -> Any:
    model = env["integration.bench.record"]
    found = model.search([], limit=count)
    missing = [{"name": f"R{number}"} for number in range(len(found), count)]
    return found | model.create(missing)


def emit_one(env: Any, *, type_name: str) -> tuple[str, float]:
    """Journal one event and commit; return its id on the wire and the wall clock just after the commit."""
    committed: list[float] = []
    record = _records(env, 1)
    env.cr.commit()
    # The first to be called after the commit: what the engine's own hooks do then is part of the way.
    env.cr.postcommit.add(lambda: committed.append(time.time()))
    event = record._emit_event(type_name)
    message_id = str(event.source_event_id)
    env.cr.commit()
    return message_id, committed[0]


def emit_for_each(env: Any, *, count: int, types: list[str]) -> list[str]:
    """Journal one event for each of ``count`` new records; return their ids on the wire."""
    records = env["integration.bench.record"].create([{"name": "R"}] * count)
    return [
        event.source_event_id
        for number, record in enumerate(records)
        for event in record._emit_event(types[number % len(types)])
    ]


def count_admissions(env: Any) -> None:
    """Subscribe the handler that counts to admissions."""
    env["integration.subscription"].create(
        {
            "name": "bench: counts",
            "company_id": False,
            "consumer": "handler",
            "handler": "integration.handler.bench",
            "event_type_ids": [(6, 0, env["integration.event.type"]._named("clinical.encounter.admitted.v1").ids)],
        }
    )


def open_deliveries(env: Any) -> int:
    """Return how many deliveries are neither done nor given up."""
    env.cr.execute("SELECT count(*) FROM integration_due WHERE tier <> %s", (claims.DEAD,))
    return int(env.cr.fetchone()[0])


def forget(env: Any) -> None:
    """Remove every event, so that the next round begins with empty tables."""
    for table in ("attempt", "delivery", "effect", "payload", "event"):
        env.cr.execute(f"DELETE FROM integration_{table}")


def forget_open(env: Any) -> None:
    """Remove what is still to be delivered, whoever has claimed it."""
    env.cr.execute("DELETE FROM integration_delivery WHERE id IN (SELECT id FROM integration_due)")


def admit_everything(env: Any) -> None:
    """Lift the limits that turn a load away: the rate of each system and the backlog."""
    env["integration.system"].search([]).rate_per_minute = 10_000_000
    env["ir.config_parameter"].set_param("integration_inbound.backlog_limit", "100000000")
