"""The Connect page's own words, used as an engineer uses them: pasted into a shell, against a real server."""

import json
import os
import re
import subprocess

import pytest

OPERATOR = "integration.operator"


@pytest.fixture(scope="module")
def server(odoo_server):
    return odoo_server()


@pytest.fixture(scope="module")
def system(server):
    return server.rpc(OPERATOR, "integration.system", "search", [["code", "=", "ehr"]])[0]


def ask(server, method, *words):
    return server.rpc(OPERATOR, "integration.connect", method, *words)


def paste(script: str, secret: str) -> subprocess.CompletedProcess:
    environ = {**os.environ, "INTEGRATION_SECRET": secret, "no_proxy": "*"}
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=environ, check=True, timeout=60)


def commands(server, system) -> dict[str, str]:
    """Give the command of each granted event type, for the address at which this server answers."""
    public = ask(server, "get_data", system)["url"]
    return {
        kind["name"]: kind["curl"].replace(public, f"{server.base_url}/integration/v1/inbound/ehr")
        for kind in ask(server, "get_data", system)["types"]
    }


def test_the_command_of_every_type_posts_an_event(server, system):
    secret = server.systems["ehr"]["secret"]
    for name, script in commands(server, system).items():
        answer = paste(script, secret).stdout
        assert " 202 " in answer.splitlines()[0], f"{name}: {answer}"
        accepted = json.loads(answer.splitlines()[-1])
        (found,) = [row for row in ask(server, "find", system, accepted["id"]) if row.get("event") == accepted["event"]]
        assert found["title"] == name


def test_what_a_wrong_secret_was_answered_is_found_and_explained(server, system, wait_until):
    script = next(iter(commands(server, system).values()))
    told = paste(script.replace("--include", "--verbose"), "whsec_" + "A" * 43 + "=")
    request_id = re.search(r"x-request-id: (\w+)", told.stderr, re.IGNORECASE)[1]
    # Refusals are stored a moment later.
    (found,) = wait_until(lambda: ask(server, "find", system, request_id), what="the refusal is found")
    assert (found["kind"], found["times"], found["address"]) == ("turned_away", 1, "127.0.0.1")
    checked = ask(server, "check_signature", system, told.stderr, "{}", "text")
    assert [step["name"] for step in checked["steps"] if step["state"] == "failed"] == ["signature"]
    last = ask(server, "get_requests", system)
    assert (last[0]["status"], last[0]["request_id"]) == (401, request_id)


def test_a_test_event_is_followed_to_its_end_and_makes_no_document(server, system, wait_until):
    sent = ask(server, "send_test", system, "clinical.service.finalized.v1")
    assert sent["status"] == 202, sent
    followed = wait_until(
        lambda: (found := ask(server, "follow", system, sent["message_id"]))["done"] and found, what="it is followed"
    )
    assert followed["mode"] == "test"
    assert followed["status"] in ("applied", "parked")
    charges = server.sql(
        "SELECT c.mode, c.invoice_id FROM integration_charge c JOIN integration_event e ON e.id = c.event_id"
        " WHERE e.webhook_id = %s",
        sent["message_id"],
    )
    assert [mode for mode, _invoice in charges] == ["test"]
    assert not any(invoice for _mode, invoice in charges)
