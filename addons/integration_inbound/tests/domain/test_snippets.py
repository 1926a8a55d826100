"""The commands to copy, run in shells; and the reasons of all that the gate refuses."""

import json
import os
import shutil
import subprocess
import time
from datetime import datetime, timezone

import pytest

from integration_core.domain import catalogue, signing, strict_json
from integration_inbound.domain import reasons, snippets

URL = "https://odoo.example.org/integration/v1/inbound/ehr"
FINALIZED = "clinical.service.finalized.v1"
TIME = datetime(2026, 11, 20, 10, 0, tzinfo=timezone.utc)
SECRET = signing.Secret(bytes(range(24, 56)))
# A curl that tells what it was asked to send.
STUB = """#!/bin/sh
for argument; do printf '%s\\0' "$argument"; done > "$TOLD"
"""


def run(tmp_path, shell, text, **environ):
    stub = tmp_path / "curl"
    stub.write_text(STUB)
    stub.chmod(0o755)
    told = tmp_path / "told"
    subprocess.run(
        [shell, "-c", text],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TOLD": str(told), **environ},
        check=True,
        timeout=60,
    )
    return told.read_bytes().decode().split("\0")[:-1]


def sent(words):
    """Return (url, headers, body) of a curl command line."""
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    return words[words.index("--include") + 1], headers, words[words.index("--data-binary") + 1].encode()


@pytest.mark.parametrize("shell", [name for name in ("sh", "bash", "dash") if shutil.which(name)])
def test_it_posts_a_signed_event(tmp_path, shell):
    text = snippets.curl(url=URL, code="ehr", example=catalogue.example(FINALIZED), time=TIME)
    url, headers, body = sent(run(tmp_path, shell, text, INTEGRATION_SECRET=SECRET.text()))
    assert url == URL
    assert headers["content-type"] == "application/cloudevents+json"
    verdict = signing.verify(
        message_id=headers["webhook-id"],
        timestamp=headers["webhook-timestamp"],
        signature=headers["webhook-signature"],
        body=body,
        keys=[signing.VerifyKey("key", SECRET)],
        now=time.time(),
    )
    assert isinstance(verdict, signing.Accepted)
    event = strict_json.loads(body)
    assert event["id"] == headers["webhook-id"]
    assert (event["source"], event["type"]) == ("/systems/ehr", FINALIZED)
    assert event["data"] == catalogue.example(FINALIZED)["data"]


def test_any_text_survives_the_shell(tmp_path):
    odd = 'it\'s "$HOME" `id` \\n !x 東京'
    example = {"type": FINALIZED, "data": {"encounter": odd}}
    text = snippets.curl(url="https://h/it's", code="ehr", example=example, time=TIME, database="a'b")
    url, headers, body = sent(run(tmp_path, "sh", text, INTEGRATION_SECRET=SECRET.text()))
    assert url == "https://h/it's"
    assert headers["X-Odoo-Database"] == "a'b"
    assert json.loads(body)["data"]["encounter"] == odd


def test_each_run_is_another_message(tmp_path):
    text = snippets.curl(url=URL, code="ehr", example=catalogue.example(FINALIZED), time=TIME)
    ids = {sent(run(tmp_path, "sh", text, INTEGRATION_SECRET=SECRET.text()))[1]["webhook-id"] for _ in range(2)}
    assert len(ids) == 2


def test_the_secret_is_no_part_of_it():
    text = snippets.curl(url=URL, code="ehr", example=catalogue.example(FINALIZED), time=TIME)
    assert "whsec_}" in text
    assert snippets.SECRET_VARIABLE in snippets.ask_secret()
    assert "read -r -s" in snippets.ask_secret()


def codes_of_the_gate():
    """Return every code that the sources of the gate name as a refusal's."""
    found = {fault.value for fault in strict_json.Fault} | {cause.value for cause in signing.Cause}
    return found | {"unknown_type", "retired_type", "not_granted", "schema_violation", "malformed_event"}


@pytest.mark.parametrize("code", sorted(codes_of_the_gate()))
def test_every_refusal_has_its_words(code):
    assert code in reasons.REASONS


def test_reasons_by_kind():
    assert reasons.of("accepted", None).status == 202
    assert reasons.of("duplicate", None).status == 200
    assert reasons.of("turned_away", "too_old").status == 401
    assert "re-used it on a retry" in reasons.of("turned_away", "too_old").words
    assert reasons.of("rejected", "id_conflict_webhook_id").status == 409
    assert reasons.of("turned_away", "something_new") == reasons.Reason(401, "Something new.")
    assert reasons.of("rejected", None).status == 400
