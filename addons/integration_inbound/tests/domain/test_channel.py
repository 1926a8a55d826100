"""The channel for Mirth Connect and Open Integration Engine: its options, its signature, its decisions."""

import json
import re
from pathlib import Path

import mirth
import pytest

from integration_core.domain import problems, signing
from integration_inbound.domain import channel

CODE = "ehr"
URL = "https://odoo.example.org/integration/v1/inbound/ehr"
SECRET = signing.Secret(bytes(range(32)))
MESSAGE = json.dumps(
    {
        "type": "clinical.service.finalized.v1",
        "subject": "encounter/E-1001",
        "time": "2026-11-20T09:30:00Z",
        "data": {"encounter": "E-1001", "note": "Zoë · 東京 · 😀 · ${x}"},
    },
    ensure_ascii=False,
)


@pytest.fixture(scope="module")
def root():
    return mirth.parse(channel.build(code=CODE, url=URL, channel_id=mirth.CHANNEL_ID))


def option(root, name):
    return root.findtext(f"{mirth.DESTINATION}/properties/{name}")


def queue(root, name):
    return option(root, f"destinationConnectorProperties/{name}")


def test_address_and_code_are_filled_in_and_the_secret_is_not(root):
    text = channel.build(code=CODE, url=URL, channel_id=mirth.CHANNEL_ID)
    assert option(root, "host") == URL
    assert "source: '/systems/ehr'" in mirth.script_of(root, "sign")
    assert not re.search(r"@[A-Z_]+@", text)
    assert "configurationMap.get('odoo.ehr.secret')" in mirth.script_of(root, "sign")
    assert root.findtext("id") == mirth.CHANNEL_ID


def test_the_manual_shows_the_code_that_runs(root):
    manual = Path(channel.__file__).parents[3] / "docs" / "connect" / "mirth.md"
    shown = re.search(r"```javascript\n(.*?)```", manual.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert shown in mirth.script_of(root, "sign")


def test_what_belongs_to_xml_is_escaped():
    url = "https://h/integration/v1/inbound/ehr?a=1&b=<2>"
    assert option(mirth.parse(channel.build(code=CODE, url=url, channel_id=mirth.CHANNEL_ID)), "host") == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("queueEnabled", "true"),
        # The first try is the queue's, too: what is tried before the queue is signed once for all its tries.
        ("sendFirst", "false"),
        ("retryCount", "0"),
        # Both together sign every try anew; either alone sends an old signature.
        ("regenerateTemplate", "true"),
        ("includeFilterTransformer", "true"),
        # While Odoo is away one message asks again and again, not all of them.
        ("rotate", "false"),
        ("threadCount", "1"),
        # Nothing is put into the body after it was signed.
        ("reattachAttachments", "false"),
        ("validateResponse", "false"),
    ],
)
def test_the_queue_signs_every_try(root, name, value):
    assert queue(root, name) == value


def test_what_is_sent_is_what_was_signed(root):
    assert option(root, "method") == "post"
    assert option(root, "contentType") == "application/cloudevents+json"
    assert (option(root, "charset"), option(root, "dataTypeBinary"), option(root, "multipart")) == (
        "UTF-8",
        "false",
        "false",
    )
    names = {
        entry.findtext("string").lower() for entry in root.findall(f"{mirth.DESTINATION}/properties/headers/entry")
    }
    assert names == {"webhook-id", "webhook-timestamp", "webhook-signature"}  # so no content-encoding: no gzip


def test_the_answer_is_text_whose_transformer_always_runs(root):
    # Only of the type RAW does the engine run it for a try without any answer.
    assert root.findtext(f"{mirth.DESTINATION}/responseTransformer/inboundDataType") == "RAW"
    assert not re.match(option(root, "responseBinaryMimeTypes"), problems.MEDIA_TYPE)
    assert not re.match(option(root, "responseBinaryMimeTypes"), "application/json")


def test_its_signature_is_that_of_the_standard(root):
    headers, body, _maps = mirth.send(root, MESSAGE, secret=SECRET.text(), message_id=42, now=1_764_000_000)
    assert headers["webhook-id"] == f"{mirth.CHANNEL_ID}-42"
    assert headers["webhook-timestamp"] == "1764000000"
    assert isinstance(verified(headers, body, now=1_764_000_000), signing.Accepted)
    event = json.loads(body)
    assert event["id"] == headers["webhook-id"]
    assert (event["source"], event["subject"]) == ("/systems/ehr", "encounter/E-1001")
    assert event["data"]["note"] == "Zoë · 東京 · 😀 · ${x}"


def verified(headers, body, *, now):
    return signing.verify(
        message_id=headers["webhook-id"],
        timestamp=headers["webhook-timestamp"],
        signature=headers["webhook-signature"],
        body=body,
        keys=[signing.VerifyKey("key", SECRET)],
        now=now,
    )


def test_a_later_try_is_the_same_message_signed_anew(root):
    first, body, maps = mirth.send(root, MESSAGE, secret=SECRET.text(), now=1_764_000_000)
    later, again, _maps = mirth.send(root, MESSAGE, secret=f" {SECRET.text()}\n", now=1_764_007_200)
    assert (later["webhook-id"], again) == (first["webhook-id"], body)
    assert later["webhook-signature"] != first["webhook-signature"]
    assert isinstance(verified(later, again, now=1_764_007_200), signing.Accepted)
    assert "responseStatusCode" not in maps  # of the try before


def test_the_id_is_of_the_channel_and_its_message(root):
    ids = {mirth.send(root, MESSAGE, secret=SECRET.text(), message_id=number)[0]["webhook-id"] for number in (1, 2)}
    other = mirth.parse(channel.build(code=CODE, url=URL, channel_id="0" * 8 + mirth.CHANNEL_ID[8:]))
    ids.add(mirth.send(other, MESSAGE, secret=SECRET.text(), message_id=1)[0]["webhook-id"])
    assert len(ids) == 3
    assert all(signing.is_message_id(found) for found in ids)
    assert "MSH" not in re.sub(r"//.*|/\*.*?\*/", "", mirth.script_of(root, "sign"), flags=re.DOTALL)


def test_it_is_not_deployed_without_its_secret(root):
    script = mirth.script_of(root, "deploy")
    assert "odoo.ehr.secret" in mirth.run(script, configuration={}).thrown
    assert mirth.run(script, configuration={"odoo.ehr.secret": "whpk_" + SECRET.text()[6:]}).thrown
    assert mirth.run(script, configuration={"odoo.ehr.secret": SECRET.text()}).thrown is None


# -- what becomes of the message ---------------------------------------------------------------------------------------

ACCEPTED = '{"status":"accepted","id":"m-1","event":"e-1"}'
DUPLICATE = '{"status":"duplicate","id":"m-1","event":"e-1"}'
REQUEST_ID = "f" * 32
# (status, body, what becomes of the message); None: there was no answer
DECISIONS = [
    *((status, "", "QUEUED") for status in (401, 429, 503)),
    *((status, "", "ERROR") for status in (301, 400, 403, 404, 405, 409, 413, 415, 422)),
    (202, ACCEPTED, "SENT"),
    (200, DUPLICATE, "SENT"),
    # What no Odoo has answered is tried again.
    (None, None, "QUEUED"),
    (500, "<html>", "QUEUED"),
    (502, "", "QUEUED"),
    (504, None, "QUEUED"),
    (200, "<html>Please sign in</html>", "QUEUED"),
    (200, "null", "QUEUED"),
    (204, "", "QUEUED"),
    (202, '{"status":"accepted","id":"another","event":"e-1"}', "QUEUED"),
    # And every problem exactly where the contract says so.
    *(
        (
            known.status,
            problems.to_bytes(problems.build(known.segment)).decode(),
            "QUEUED" if known.sender_should_retry else "ERROR",
        )
        for known in problems.PROBLEMS.values()
    ),
]


@pytest.fixture(scope="module")
def decided(root):
    cases = [
        {
            "script": mirth.script_of(root, "response"),
            "connectorMap": {"odooId": "m-1"} | ({} if status is None else {"responseStatusCode": status}),
            "answer": {"body": body, "headers": {"x-request-id": REQUEST_ID}},
        }
        for status, body, _wanted in DECISIONS
    ]
    return mirth.run_all(cases)


@pytest.mark.parametrize("number", range(len(DECISIONS)), ids=lambda number: str(DECISIONS[number][:2])[:60])
def test_what_becomes_of_the_message(decided, number):
    assert decided[number].thrown is None
    assert decided[number].responseStatus == DECISIONS[number][2]


def test_the_retries_are_those_of_the_contract():
    assert {known.status for known in problems.PROBLEMS.values() if known.sender_should_retry} == {401, 429, 503}


def test_the_engine_shows_what_was_answered(decided):
    told = {body: ran.responseStatusMessage for (_status, body, _wanted), ran in zip(DECISIONS, decided, strict=True)}
    assert told[ACCEPTED] == "accepted as event e-1"
    assert told[None] == "no answer" or told[None].startswith("504")
    violation = told[problems.to_bytes(problems.build("schema-violation")).decode()]
    assert violation.startswith("422 The event does not satisfy its schema: ")
    assert violation.endswith(f"(x-request-id {REQUEST_ID})")
