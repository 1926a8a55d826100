"""``kill -9`` of Odoo at chosen instructions, then a restart: nothing is lost, nothing is doubled.

The failpoints are described in ``docs/failpoints.md``. The tests share one server; each brings encounters of its own.
"""

import contextlib
import itertools
from collections import Counter
from decimal import Decimal

import pytest
from servers import wait_until
from visits import LINES, admission, charged, visits

from simulator.messages import Message
from simulator.systems import load_systems
from simulator.transport import Client, UnreachableError

REVIEWER = "finance.reviewer"
MESSAGES = 20
SHORT_LEASE = {"INTEGRATION_LEASE_SECONDS": "3"}


@pytest.fixture(scope="module")
def server(odoo_server, receiver):
    return odoo_server(listen_port=receiver.port, environ=SHORT_LEASE)


@pytest.fixture
def client(server) -> Client:
    return Client(load_systems(server.state / "demo-systems.json", server.base_url))


def assert_each_once(server, prefix: str) -> None:
    expected = {f"{prefix}-{n}": (LINES, Decimal("104.50") * LINES) for n in range(MESSAGES)}
    wait_until(lambda: len(charged(server, prefix)) == MESSAGES and not open_deliveries(server), what="all is charged")
    assert charged(server, prefix) == expected
    assert not server.sql("SELECT 1 FROM integration_delivery WHERE state = 'dead'")


def open_deliveries(server) -> list[tuple]:
    return server.sql("SELECT id FROM integration_delivery WHERE state = 'waiting'")


def start(server, failpoints: str = "") -> None:
    """Start, and let the engine look at once: by itself it would within a minute, when Odoo's crons first poll.

    Odoo answers before its cron threads listen, so it is asked again until the engine's heart beats.
    """
    ((began,),) = server.sql("SELECT now() AT TIME ZONE 'UTC'")
    server.start(failpoints=failpoints)
    beats = itertools.count()

    def beating() -> list[tuple]:
        if next(beats) % 20 == 0:
            server.nudge()
        return server.sql("SELECT 1 FROM integration_heartbeat WHERE last_beat > %s", began)

    wait_until(beating, what="the engine wakes")


def restart(server, failpoints: str = "") -> None:
    server.kill()
    start(server, failpoints)


def test_killed_after_the_202_before_anything_was_done(server, client, tmp_path):
    restart(server, f"engine.after_claim=pause:{tmp_path / 'never'}")
    exchanges = client.send(visits("A", MESSAGES))
    assert {e.answer.status for e in exchanges} == {202}
    wait_until((tmp_path / "never.reached").exists, what="the engine has claimed, and done nothing")
    assert charged(server, "A") == {}
    restart(server)
    assert_each_once(server, "A")


def test_killed_between_the_commit_and_the_202(server, client, tmp_path):
    restart(server, "inbound.after_commit=kill")
    messages = visits("R", MESSAGES)
    with pytest.raises(UnreachableError):
        Client(load_systems(server.state / "demo-systems.json", server.base_url), patience=0.5).send(messages[:1])
    server.wait_dead()
    start(server)
    answers = [exchange.answer.status for exchange in client.send(messages)]
    assert Counter(answers) == {200: 1, 202: MESSAGES - 1}
    assert_each_once(server, "R")


def test_killed_while_a_handler_runs(server, client):
    restart(server, "engine.handler_before_commit=kill")
    sent = send_until_death(server, visits("B", MESSAGES))
    server.wait_dead()
    assert charged(server, "B") == {}
    start(server)
    client.send(sent)
    assert_each_once(server, "B")


def test_killed_after_a_handler_committed(server, client):
    restart(server, "engine.handler_after_commit=kill")
    sent = send_until_death(server, visits("C", MESSAGES))
    server.wait_dead()
    start(server)
    client.send(sent)
    assert_each_once(server, "C")


def send_until_death(server, messages: list[Message]) -> list[Message]:
    """Send to a server that dies meanwhile; give the messages, to be repeated as a sender does."""
    hasty = Client(load_systems(server.state / "demo-systems.json", server.base_url), patience=0.5)
    with contextlib.suppress(UnreachableError):
        for message in messages:
            hasty.send([message])
    return messages


@pytest.mark.parametrize(
    ("failpoint", "at_least", "at_most"),
    [("engine.after_claim", 1, 1), ("engine.after_send", 2, 2)],
    ids=["between claim and send", "after the receiver's 200"],
)
def test_killed_around_the_send(server, client, receiver, failpoint, at_least, at_most, tmp_path):
    prefix = failpoint.rpartition("_")[2]
    if not server.alive:
        start(server)
    messages = visits(prefix, MESSAGES)
    client.send([admission(messages[0]), *messages])
    assert_each_once(server, prefix)
    move = invoice(server, f"{prefix}-0")
    restart(server, f"{failpoint}=kill:{tmp_path / 'once'}")
    server.rpc_may_die(REVIEWER, "account.move", "action_post", [move])
    server.wait_dead()
    assert server.sql("SELECT state FROM account_move WHERE id = %s", move) == [("posted",)]
    start(server)

    def news() -> list[str]:
        return [event["id"] for event in receiver.events() if event["subject"] == f"invoice/{move}"]

    wait_until(lambda: len(news()) >= at_least and not open_deliveries(server), what="the news arrives")
    assert len(news()) <= at_most
    assert len(set(news())) == 1


def invoice(server, encounter: str) -> int:
    """Approve an encounter's charges and give the draft made of them."""
    wanted = [["encounter", "=", encounter], ["state", "=", "ready"]]
    ready = wait_until(lambda: server.rpc(REVIEWER, "integration.charge", "search", wanted), what="charges are ready")
    server.rpc(REVIEWER, "integration.charge", "action_approve", ready)
    query = "SELECT id FROM account_move WHERE invoice_origin = %s"
    return wait_until(lambda: server.sql(query, encounter), what="a draft invoice")[0][0]
