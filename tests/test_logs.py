"""Every line of a server and of a worker that log in JSON is one object, and says what it belongs to."""

import json
import re
from pathlib import Path

import pytest
from outward import invoices, leave_engine_to_workers
from patients import PATIENT, POISON, Talker, event, example, visit
from servers import Server, wait_until

from simulator.transport import FORGED_SECRET

ENVIRON = {"INTEGRATION_LOG_FORMAT": "json"}
FEW = 12
"""Lines that Odoo writes before it loads any addon: its version, its configuration."""
EVENT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
POISONED = "ALTER TABLE res_partner ADD CONSTRAINT poison CHECK (name NOT LIKE '%Poisonwortley') NOT VALID"
ADMITTED = "clinical.encounter.admitted.v1"
SENDING = "odoo.addons.integration_core.engine.sending"


def lines_of(log: Path) -> list[dict]:
    """Return what a log holds from the moment on that the addons are loaded: lines of JSON and nothing else."""
    lines = log.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("{"))
    assert first < FEW, lines[:first]
    return [json.loads(line) for line in lines[first:]]


def found(log: Path, what: str) -> dict:
    """Return the first line of a log whose message has ``what``; wait for it."""
    return wait_until(
        lambda: next((line for line in lines_of(log) if what in line["message"]), None), what=f"a line about {what}"
    )


@pytest.fixture(scope="module")
def server(odoo_server, receiver) -> Server:
    made = odoo_server(listen_port=receiver.port, environ=ENVIRON)
    made.sql(POISONED)
    leave_engine_to_workers(made)
    return made


@pytest.fixture(scope="module")
def talker(server) -> Talker:
    return Talker(server)


def test_the_first_lines_in_json_come_before_any_database_is_loaded(server):
    lines = lines_of(server.log)
    assert {"time", "level", "logger", "message", "pid"} <= lines[0].keys()
    loading = next(number for number, line in enumerate(lines) if "loading 1 modules" in line["message"])
    assert loading < 20
    assert lines[loading]["database"] == server.db


def test_a_refusal_says_which_request_it_was_of_whom(server, talker):
    body = event(ADMITTED, example(ADMITTED, POISON, "E-1"))
    assert talker.send(body, message_id="twice").status == 202
    assert talker.send(body, message_id="twice").status == 200
    line = found(server.log, ": duplicate, ")
    assert (line["system"], line["webhook_id"]) == ("ehr", "twice")
    assert line["request_id"] in line["message"]
    assert "event_id" not in line, "a copy becomes no event"


def test_nobody_who_is_not_verified_is_named(server, talker):
    assert talker.send(event(ADMITTED, example(ADMITTED, POISON, "E-2")), secret=FORGED_SECRET).status == 401
    line = found(server.log, "of nobody: refused")
    assert line["request_id"] in line["message"]
    assert not line.keys() & {"system", "webhook_id", "event_id"}


def test_a_worker_says_what_it_works_on(server, talker, receiver, start):
    worker = start(f"--log-handler={SENDING}:DEBUG")
    worker.wait_ready()
    lines_of(worker.log)
    assert {talker.send(body).status for body in visit(PATIENT, "V-1", payer=POISON)} == {202}
    line = found(worker.log, "a handler failed on delivery")
    ((event_id, lane, code),) = server.sql(
        "SELECT e.uuid, d.lane, s.code FROM integration_delivery d JOIN integration_event e ON e.id = d.event_id"
        " JOIN integration_system s ON s.id = e.system_id WHERE d.id = %s",
        line["delivery_id"],
    )
    assert (line["event_id"], line["system"], line["database"]) == (event_id, code, server.db)
    assert line["lane"] == ("critical", "normal", "bulk")[int(lane)]
    assert line["worker"].split(":")[1] == str(worker.pid)
    assert line["level"] == "ERROR"
    assert line["error"].startswith("CheckViolation 23514")
    assert "Poisonwortley" not in worker.log.read_text(encoding="utf-8")


def test_a_try_says_where_it_goes(server, talker, receiver, start):
    worker = start(f"--log-handler={SENDING}:DEBUG")
    worker.wait_ready()
    invoices(server, 1)
    line = found(worker.log, "delivered")
    assert line["endpoint"] in {name for (name,) in server.sql("SELECT name FROM integration_endpoint")}
    assert EVENT.fullmatch(line["event_id"])
    assert line["worker"].split(":")[1] == str(worker.pid)


def test_nothing_else_was_written(server):
    for log in [server.log, *server.state.glob("worker-*.log")]:
        assert all(isinstance(line, dict) for line in lines_of(log))
