"""The nginx of the installation guide before a real Odoo with a single worker, which is quickly kept busy."""

import contextlib
import threading
import time
import uuid
from datetime import datetime, timezone
from urllib.parse import urlsplit

import pytest
import servers
from front import INBOUND, OTHER_ENGINE, SENDER, STRANGER, Certificates, door, send

from simulator import wire
from simulator.messages import ADMITTED, Message
from simulator.transport import FORGED_SECRET
from suite.nginx import GATE

PATIENCE = 30
"""Seconds a client waits for an answer."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def odoo(context, tmp_path_factory):
    """An Odoo that has yet to be started."""
    environ = {"ODOO_PROXY_MODE": "True", "ODOO_WORKERS": "1", "ODOO_GEVENT_PORT": str(servers.free_port())}
    made = servers.Server(context, tmp_path_factory.mktemp("state"), environ=environ)
    yield made
    made.close()


@pytest.fixture(scope="module")
def front(certificates, odoo, tmp_path_factory):
    made = door(tmp_path_factory.mktemp("nginx"), certificates, urlsplit(odoo.base_url).netloc, connections=8)
    with made.nginx:
        yield made


@pytest.fixture(scope="module")
def half_open(front):
    """Two senders that have stopped in the middle, one in its headers, one in its body, before Odoo is started."""
    with front.connect(SENDER) as in_headers, front.connect(SENDER) as in_body:
        in_headers.sendall(f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\nwebhook-id: ".encode())
        in_body.sendall(f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\ncontent-length: 9\r\n\r\nhalf".encode())
        yield in_headers, in_body


@pytest.fixture(scope="module")
def server(odoo, half_open):
    odoo.start()
    return odoo


def message() -> Message:
    number = uuid.uuid4().hex
    now = datetime.now(timezone.utc)
    data = {
        "encounter": f"E-{number}",
        "patient": {"id": "MRN-1"},
        "admitted_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "department": "ED",
    }
    return Message("ehr", number, ADMITTED, f"encounter/E-{number}", now, data)


def signed(secret: str) -> dict:
    """Return what to ask with for a message of the clinical record."""
    made = message()
    headers = wire.headers(secret, made.message_id, int(time.time()), made.body)
    return {"body": made.body, "headers": {**headers, "content-type": "application/cloudevents+json"}}


def test_a_signed_message_is_accepted(front, server):
    answer = front.ask(**signed(server.systems["ehr"]["secret"]))
    assert answer.status == 202
    assert len(answer.headers["x-request-id"]) == 32


def test_a_refusal_names_the_senders_own_address(front, server, wait_until):
    forged = signed(FORGED_SECRET)
    forged["headers"]["x-forwarded-for"] = "203.0.113.9"
    assert front.ask(**forged, source=STRANGER).segment == (401, "signature-rejected")
    noted = "SELECT DISTINCT address FROM integration_refusal WHERE claimed = 'ehr'"
    wait_until(lambda: server.sql(noted), what="the refusal is written")
    assert server.sql(noted) == [(STRANGER,)]


def test_nginx_and_the_gate_give_the_same_401(front, server, certificates):
    by_odoo = front.ask(**signed(FORGED_SECRET))
    by_nginx = front.ask(**signed(FORGED_SECRET), context=front.context(certificates.foreign))
    assert by_odoo.body == by_nginx.body
    assert by_odoo.status == by_nginx.status == 401
    assert set(by_odoo.headers) == set(by_nginx.headers)
    assert by_odoo.headers["www-authenticate"] == by_nginx.headers["www-authenticate"]


def test_health_is_reached_and_the_rest_of_odoo_is_not(front, server):
    assert front.ask("GET", "/integration/health/ready").status == 200
    assert front.ask("GET", "/integration/health/live").status == 200
    assert front.ask("GET", "/web/login").segment == (404, "not-found")


def test_senders_that_drip_do_not_hold_the_worker(front, server):
    head = f"POST {INBOUND} HTTP/1.1\r\nhost: {GATE}\r\ncontent-length: 1000\r\n\r\n".encode()
    over = threading.Event()
    with contextlib.ExitStack() as dripping:
        slow = [dripping.enter_context(front.connect(OTHER_ENGINE)) for _ in range(40)]
        for connection in slow:
            connection.sendall(head)

        def drip() -> None:
            while not over.wait(0.2):
                for connection in slow:
                    connection.sendall(b" ")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            client = front.client()
            secret = server.systems["ehr"]["secret"]
            # Each of them would have had the one worker for two seconds at least.
            assert [send(client, **signed(secret)).status for _ in range(10)] == [202] * 10
        finally:
            over.set()
            thread.join()


def test_senders_that_stop_in_the_middle_are_let_go(server, half_open):
    for connection in half_open:
        connection.settimeout(PATIENCE)
        received = b""
        while piece := connection.recv(4096):
            received += piece
        assert received == b"" or received.startswith(b"HTTP/1.1 408"), received


def test_an_odoo_that_is_restarted_costs_a_503_and_no_message(front, server):
    sent = signed(server.systems["ehr"]["secret"])
    server.stop()
    answer = front.ask(**sent)
    assert answer.segment == (503, "not-ready")
    assert int(answer.headers["retry-after"]) > 0
    server.start()
    assert front.ask(**sent).status == 202
