"""One message, from its sender's span to its receiver's: through a server and a worker, by the standard variables."""

import json
import re
import secrets

import pytest
from outward import leave_engine_to_workers
from patients import PATIENT, Talker, visit
from servers import Server, wait_until

COLLECTED = {"OTEL_TRACES_EXPORTER": "console", "OTEL_BSP_SCHEDULE_DELAY": "100"}
BLOCK = re.compile(r"^\{$.*?^\}$", re.MULTILINE | re.DOTALL)


def spans_of(server: Server) -> list[dict]:
    """Return the spans that its processes have exported."""
    logs = [server.log, *server.state.glob("worker-*.log")]
    texts = [log.read_text(encoding="utf-8", errors="replace") for log in logs]
    return [json.loads(found[0]) for text in texts for found in BLOCK.finditer(text)]


def in_trace(server: Server, trace: str) -> list[dict]:
    return [span for span in spans_of(server) if span["context"]["trace_id"] == f"0x{trace}"]


def traced(server: Server, trace: str, *names: str) -> list[dict]:
    """Return the spans of a trace as soon as these are among them."""
    wait_until(lambda: set(names) <= {span["name"] for span in in_trace(server, trace)}, what=f"{names} are exported")
    return in_trace(server, trace)


def of(found: list[dict], name: str) -> list[dict]:
    return [span for span in found if span["name"] == name]


def id_of(span: dict) -> str:
    return span["context"]["span_id"].removeprefix("0x")


def parent_of(span: dict) -> str:
    return span["parent_id"].removeprefix("0x")


@pytest.fixture(scope="module")
def server(odoo_server, receiver) -> Server:
    made = odoo_server(listen_port=receiver.port, environ=COLLECTED)
    leave_engine_to_workers(made)
    return made


@pytest.fixture(scope="module")
def talker(server) -> Talker:
    return Talker(server)


def new_trace() -> tuple[str, str]:
    return secrets.token_hex(16), secrets.token_hex(8)


@pytest.fixture
def worker(start):
    made = start()
    made.wait_ready()
    return made


@pytest.mark.parametrize("way", ["in the event", "in the header"])
def test_a_message_is_received_journalled_claimed_and_handled_in_the_senders_trace(server, talker, worker, way):
    trace, span = new_trace()
    given = f"00-{trace}-{span}-01"
    body = visit(PATIENT, f"T-{way[-4:]}")[0]
    if way == "in the event":
        answer = talker.send(with_member(body, traceparent=given))
    else:
        answer = talker.send(body, traceparent=given)
    assert answer.status == 202
    found = traced(server, trace, "receive", "journal", "claim", "handle")
    event_id = json.loads(answer.text.splitlines()[-1])["event"]
    ours = [one for one in found if one["attributes"].get("integration.event_id") == event_id]
    [receive], [journal] = of(found, "receive"), of(ours, "journal")
    assert parent_of(receive) == span
    assert parent_of(journal) == id_of(receive)
    assert of(ours, "claim")
    assert of(ours, "handle")
    assert {parent_of(one) for one in [*of(ours, "claim"), *of(ours, "handle")]} == {id_of(journal)}
    assert receive["attributes"]["integration.outcome"] == "accepted"
    assert receive["attributes"]["integration.system"] == "ehr"
    [(kept,)] = server.sql("SELECT traceparent FROM integration_event WHERE uuid = %s", event_id)
    assert kept == f"00-{trace}-{id_of(journal)}-01"


def with_member(body: bytes, **members: str) -> bytes:
    return json.dumps({**json.loads(body), **members}).encode()


def test_what_is_sent_belongs_under_our_span(server, receiver, worker):
    server.inside(
        """
partner = env["res.partner"].create({"name": "A payer"})
product = env["product.product"].create({"name": "A service", "type": "service"})
line = (0, 0, {"product_id": product.id, "quantity": 1, "price_unit": 10.0})
env["account.move"].create(
    {"move_type": "out_invoice", "partner_id": partner.id, "invoice_line_ids": [line]}
).action_post()
"""
    )
    sent = wait_until(lambda: receiver.requests() and receiver.requests()[-1], what="it is sent")
    _version, trace, span, flags = sent.headers["traceparent"].split("-")
    assert flags == "01"
    found = traced(server, trace, "send")
    [send], [journal], [claim] = of(found, "send"), of(found, "journal"), of(found, "claim")
    assert id_of(send) == span
    assert parent_of(send) == parent_of(claim) == id_of(journal)
    assert sent.event["traceparent"] == f"00-{trace}-{id_of(journal)}-01"
    assert send["attributes"]["integration.outcome"] == "delivered"
    assert send["attributes"]["integration.status_code"] == 204
    assert send["attributes"]["integration.webhook_id"] == sent.event["id"]
    assert send["kind"] == "SpanKind.CLIENT"


def test_no_span_says_more_than_ids_and_states(server):
    exported = spans_of(server)
    assert {span["name"] for span in exported} == {"receive", "journal", "claim", "handle", "send"}
    told = {name for span in exported for name in span["attributes"]}
    assert told <= {
        f"integration.{name}"
        for name in (
            *("request_id", "system", "webhook_id", "event_id", "event_type", "subscription_id", "delivery_id"),
            *("endpoint", "lane", "worker", "batch", "attempt", "outcome", "status_code", "error"),
        )
    }
    text = json.dumps(exported)
    assert not [word for word in PATIENT.tokens if word in text]
    assert not any(span["events"] or span["links"] for span in exported)
