"""PostgreSQL that does not answer at all: the suite asks to come back, where Odoo by itself would say 404.

Odoo reaches PostgreSQL through a gate of the test's own, so that the gate can be shut without touching a server
that others use too.
"""

import json
from datetime import datetime, timezone

import pytest

from simulator.messages import ADMITTED, Message
from simulator.systems import load_systems
from simulator.transport import Client


@pytest.fixture(scope="module")
def server(odoo_server, gate):
    return odoo_server(environ={"PGHOST": "127.0.0.1", "PGPORT": str(gate.port)})


def problem(answer: tuple[int, dict, bytes]) -> tuple[int, str]:
    """Give status and the problem's type of an answer, which must be a problem and nothing else."""
    status, headers, body = answer
    assert headers["content-type"].startswith("application/problem+json"), (headers, body)
    assert "traceback" not in body.decode().lower()
    return status, json.loads(body)["type"]


def test_a_stopped_postgresql_yields_503_and_nothing_is_lost(server, gate, wait_until):
    message = Message(
        "ehr",
        "while-the-database-is-away",
        ADMITTED,
        "encounter/G-1",
        datetime.now(timezone.utc),
        {"encounter": "G-1", "patient": {"id": "MRN-1"}, "admitted_at": "2026-11-20T09:30:00Z", "department": "ED"},
    )
    systems = load_systems(server.state / "demo-systems.json", server.base_url)
    gate.shut()
    away = "/integration/v1/problems/not-ready"
    assert Client(systems, patience=0).send([message])[0].answer.word == "not-ready"
    assert problem(server.get("/integration/v1/inbound/ehr/messages/1")) == (503, away)
    assert server.get("/integration/health/ready")[0] == 503
    assert server.get("/integration/health/live")[0] == 200
    gate.open()
    wait_until(lambda: server.get("/integration/health/ready")[0] == 200, what="it is ready again")
    assert Client(systems).send([message])[0].answer.status == 202
    assert server.sql("SELECT count(*) FROM integration_event WHERE webhook_id = %s", message.message_id) == [(1,)]
