"""An admission and the lines of its encounter at the same moment: neither transaction sees what the other one does.

One process stands still with its transaction open while another one takes in the other message.
"""

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from outward import leave_engine_to_workers
from servers import Server, wait_until
from visits import LINES, admission, visit

from simulator.messages import Message
from simulator.systems import load_systems
from simulator.transport import Client

LOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
DONE = """
SELECT 1 FROM integration_delivery d JOIN integration_event e ON e.id = d.event_id
 WHERE e.webhook_id = %s AND d.state = 'done'
"""
STATES = "SELECT state, park_reason FROM integration_charge WHERE encounter = %s ORDER BY line"


@pytest.fixture(scope="module")
def server(odoo_server) -> Server:
    made = odoo_server()
    leave_engine_to_workers(made)
    return made


@pytest.fixture
def workers(server):
    started = []

    def start(failpoints: str = ""):
        started.append(server.worker(failpoints=failpoints))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()


def nobody_pays(encounter: str, first: int) -> Message:
    """Lines that name nobody who pays: the admission tells."""
    message = visit(encounter, datetime.now(timezone.utc))
    del message.data["self_pay"]
    for number, line in enumerate(message.data["lines"], first):
        line["line"] = str(number)
    return replace(message, message_id=f"{message.message_id}-{first}")


def send(server: Server, message: Message) -> None:
    client = Client(load_systems(server.state / "demo-systems.json", server.base_url))
    assert client.send([message])[0].answer.status == 202


def paid_for(message: Message) -> Message:
    told = admission(message)
    told.data["self_pay"] = True
    return told


@pytest.mark.parametrize("first", ["lines", "admission"])
def test_lines_are_worked_out_with_what_is_told_meanwhile(server, workers, tmp_path: Path, first):
    encounter = f"told-meanwhile-{first}"
    before = nobody_pays(encounter, 0)
    send(server, before)
    opening = workers()
    wait_until(lambda: server.sql(STATES, encounter) == [("parked", "no_payer")] * LINES, what="nobody pays yet")
    opening.kill()
    lines, told = nobody_pays(encounter, LINES), paid_for(before)
    one, other = (lines, told) if first == "lines" else (told, lines)
    go = tmp_path / "go"
    send(server, one)
    workers(f"engine.handler_before_commit=pause:{go}")
    wait_until((tmp_path / "go.reached").exists, what="the first one is worked out, its transaction open")
    send(server, other)
    workers()
    wait_until(lambda: server.sql(LOCKED, server.db) or server.sql(DONE, other.message_id), what="the other one's turn")
    go.touch()
    wait_until(lambda: server.sql(STATES, encounter) == [("ready", None)] * 2 * LINES, what="all of it is ready")
