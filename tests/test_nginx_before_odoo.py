"""The nginx of the installation guide before a real Odoo with a single worker, which is quickly kept busy."""

import contextlib
import http.client
import threading
from urllib.parse import quote, urlsplit

import pytest
import servers
from front import ENGINE, INBOUND, OTHER_ENGINE, SENDER, STRANGER, Certificates, door, send
from partner import JSON_TYPE, Partner

from simulator.messages import ADMITTED
from simulator.transport import FORGED_SECRET
from suite.nginx import GATE, TEMPLATE

PATIENCE = 30
"""Seconds a client waits for an answer."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def odoo(context, tmp_path_factory):
    """An Odoo that has yet to be started."""
    environ = {"ODOO_PROXY_MODE": "True", "ODOO_WORKERS": "1", "ODOO_GEVENT_PORT": str(servers.free_port())}
    # As docs/install/existing-server.md says: nginx, on this machine, is believed about client certificates.
    conf = {"integration_trusted_proxies": ENGINE}
    made = servers.Server(context, tmp_path_factory.mktemp("state"), environ=environ, conf=conf)
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


def signed(secret: str) -> dict:
    """Return what to ask with for a message of the clinical record."""
    partner = Partner(INBOUND, secret)
    made = partner.message()
    return {"body": made.body, "headers": partner.fields(made.body, made.message_id)}


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


CERTIFIED = "theatre"
"""A system that proves its messages by the client certificate of its connection."""
REGISTER = """
system = env["integration.system"].create({
    "name": "Theatre", "code": arguments["system"], "company_id": company.id, "timezone": "UTC", "state": "active",
    "mode": "live", "live_from": "2020-01-01 00:00:00", "signature_profile": "mtls",
    "event_type_ids": env["integration.event.type"].search([("name", "=", arguments["type"])]).ids,
})
env["integration.certificate.wizard"].create({"system_id": system.id, "pem": arguments["pem"]}).action_register()
system.credential_ids._approval_grant(self_approved=False)
"""


@pytest.fixture(scope="module")
def certified(server, certificates) -> str:
    """The address of a system whose certificate is the client's, as an administrator has registered it."""
    server.inside(REGISTER, system=CERTIFIED, type=ADMITTED, pem=certificates.client.certificate.read_text())
    return f"/integration/v1/inbound/{CERTIFIED}"


def unsigned() -> dict:
    """Return what to ask with for a message that nothing but its connection proves."""
    made = Partner(INBOUND).message(CERTIFIED)
    return {"body": made.body, "headers": {"content-type": JSON_TYPE, "webhook-id": made.message_id}}


def straight(odoo, path: str, certificate: str, source: str) -> int:
    """Post to Odoo itself from an address of this machine, with a header as nginx would set it; return the status."""
    sent = unsigned()
    headers = {**sent["headers"], "x-ssl-client-cert": quote(certificate, safe=""), "x-forwarded-for": ENGINE}
    place = urlsplit(odoo.base_url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE, source_address=(source, 0))
    with contextlib.closing(connection):
        connection.request("POST", path, body=sent["body"], headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def test_what_nginx_runs_with_is_the_file_of_the_guide(front):
    running = (front.nginx.folder / "integration.conf").read_text()
    for line in TEMPLATE.read_text().splitlines():
        if "${" not in line:
            assert line in running.splitlines()
    assert f"ssl_client_certificate {front.certificates.authority.file};" in running


def test_a_client_certificate_proves_a_message(front, server, certificates, certified):
    sent = unsigned()
    answer = front.ask(path=certified, **sent, context=front.context(certificates.client))
    assert answer.status == 202, answer
    rows = server.sql("SELECT mode FROM integration_event WHERE source_event_id = %s", sent["headers"]["webhook-id"])
    assert rows == [("live",)]
    again = front.ask(path=certified, **sent, context=front.context(certificates.client))
    assert again.status == 200


def test_no_other_certificate_does(front, server, certificates, certified):
    another = certificates.authority.issue("another")  # as good as the client's for nginx
    for context in (front.context(another), front.context(certificates.foreign), front.context()):
        assert front.ask(path=certified, **unsigned(), context=context).segment == (401, "signature-rejected")


def test_no_header_from_outside_stands_for_a_certificate(front, server, certificates, certified):
    pem = certificates.client.certificate.read_text()
    sent = unsigned()
    for name in ("X-SSL-Client-Cert", "X_SSL_CLIENT_CERT", "x-ssl-client-cert"):
        headers = {**sent["headers"], name: quote(pem, safe="")}
        assert front.ask(path=certified, body=sent["body"], headers=headers).status == 401
    another = front.context(certificates.authority.issue("another-2"))
    headers = {**sent["headers"], "X-SSL-Client-Cert": quote(pem, safe="")}
    assert front.ask(path=certified, body=sent["body"], headers=headers, context=another).status == 401


def test_past_nginx_a_forged_header_is_not_believed(server, certificates, certified, wait_until):
    pem = certificates.client.certificate.read_text()
    assert straight(server, certified, pem, STRANGER) == 401
    noted = "SELECT 1 FROM integration_refusal WHERE claimed = %s AND cause = 'untrusted_proxy'"
    wait_until(lambda: server.sql(noted, CERTIFIED), what="why is noted")
    # The counter-test: from where nginx is, the same bytes are believed, which is why nobody else may be there.
    assert straight(server, certified, pem, ENGINE) == 202


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
