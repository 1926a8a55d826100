"""Finalized lines into charges: by the suite's handler, and by one job per line."""

from __future__ import annotations

import json
import time
import uuid
from datetime import datetime, timezone
from typing import Any

from odoo.addons.integration_core.domain import envelope, strict_json, units


def accept(env: Any, *, count: int) -> list[tuple[int, dict[str, Any]]]:
    """Journal ``count`` messages of one finalized line each; return (event id, message) of each."""
    system = env["integration.system"].search([("code", "=", "ehr")])
    now = datetime.now(timezone.utc)
    return [_accept_one(env, system, now) for _number in range(count)]


def _accept_one(env: Any, system: Any, now: datetime) -> tuple[int, dict[str, Any]]:
    name = uuid.uuid4().hex
    sent = {
        "specversion": "1.0",
        "id": f"line-{name}",
        "source": "/systems/ehr",
        "type": "clinical.service.finalized.v1",
        "subject": f"encounter/L-{name}",
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datacontenttype": "application/json",
        "data": {
            "encounter": f"L-{name}",
            "patient": {"id": f"MRN-{name}"},
            "performed_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "department": "CLINIC",
            "self_pay": True,
            "lines": [{"line": "1", "service": "WOUND", "quantity": "1", "unit_price": "52.25", "currency": "USD"}],
        },
    }
    body = json.dumps(sent, separators=(",", ":")).encode()
    message = envelope.parse(strict_json.loads(body))
    accepted = env["integration.event"]._accept(
        system,
        message,
        body,
        message_units=units.units(message.data, priced=True),
        webhook_id=sent["id"],
        request_id=None,
        received_at=now.replace(tzinfo=None),
    )
    event = env["integration.event"].search([("uuid", "=", accepted.event_uuid)])
    return event.id, sent


def enqueue_lines(env: Any, *, messages: list[tuple[int, dict[str, Any]]]) -> float:
    """Make one queue_job job per message, committed together; return the wall clock just before that commit."""
    model = env["integration.bench.peers"]
    for event_id, message in messages:
        model.with_delay()._handle_message(event_id, message)
    return time.time()


def charges(env: Any) -> dict[str, int]:
    """Return how many charges are in each state."""
    return dict(env["integration.charge"]._read_group([], ["state"], ["__count"]))
