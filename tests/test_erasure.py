"""Erasing one patient's contents while processes are killed: nothing is missed, nothing of others goes."""

import signal
from dataclasses import replace

import pytest
from outward import all_done, leave_engine_to_workers
from servers import Server, wait_until
from visits import admission, visits

from simulator.messages import Message
from simulator.systems import load_systems
from simulator.transport import Client
from suite.demo import ADMIN

OFFICERS = ("integration.operator", "finance.viewer")
PATIENT = "MRN-SECRET-77"
MINE, OTHERS = 210, 20
BATCH = 200
"""Contents that one transaction opens, or erases (``integration_erasure.py``)."""
LEFT = """
SELECT count(*) FILTER (WHERE starts_with(r.encounter, 'M-')), count(*) FILTER (WHERE starts_with(r.encounter, 'O-'))
  FROM integration_payload p JOIN integration_receipt r ON r.event_id = p.event_id
"""


@pytest.fixture(scope="module")
def server(odoo_server) -> Server:
    made = odoo_server()
    leave_engine_to_workers(made)
    ((group,),) = made.sql(
        "SELECT res_id FROM ir_model_data WHERE module = 'integration_core' AND name = 'group_privacy_officer'"
    )
    officers = made.rpc(ADMIN, "res.users", "search", [["login", "in", OFFICERS]])
    made.rpc(ADMIN, "res.users", "write", officers, {"group_ids": [[4, group]]})
    return made


def admissions(prefix: str, count: int, patient: str) -> list[Message]:
    """Admissions to encounters of one patient; for others the encounter's name ends the number."""
    made = map(admission, visits(prefix, count))
    return [replace(one, data={**one.data, "patient": {"id": patient or one.data["encounter"]}}) for one in made]


def state(server: Server) -> str:
    ((found,),) = server.sql("SELECT state FROM integration_erasure")
    return found


def test_a_crash_in_the_middle_misses_nothing_and_takes_nothing_else(server, start):
    client = Client(load_systems(server.state / "demo-systems.json", server.base_url))
    sent = client.send(admissions("M", MINE, PATIENT) + admissions("O", OTHERS, ""))
    assert {one.answer.status for one in sent} == {202}
    worker = start()
    all_done(server)
    worker.kill()
    assert server.sql(LEFT) == [(MINE, OTHERS)]

    requester, approver = OFFICERS
    (system,) = server.rpc(requester, "integration.system", "search", [["code", "=", "ehr"]])
    values = {"name": "Case 12", "reason": "art. 17", "system_id": system, "patient_numbers": PATIENT}
    (wizard,) = server.rpc(requester, "integration.erasure.wizard", "create", [values])
    erasure = server.rpc(requester, "integration.erasure.wizard", "action_request", [wizard])["res_id"]

    assert start(failpoints="chore.integration.erasure=kill@2").wait_dead(60) == -signal.SIGKILL
    assert server.sql("SELECT opened_count FROM integration_erasure") == [(BATCH,)], "the second batch left nothing"
    worker = start()
    wait_until(lambda: state(server) == "requested", what="the search ends")
    worker.kill()
    assert server.sql("SELECT count(*) FROM integration_erasure_line") == [(MINE,)]
    assert server.sql(LEFT) == [(MINE, OTHERS)], "nothing goes before it is approved"

    server.rpc(approver, "integration.erasure", "action_approve", [erasure])
    # Three turns look for what has come since, by content, encounter and refusal; the fifth erases the second batch.
    assert start(failpoints="chore.integration.erasure=kill@5").wait_dead(60) == -signal.SIGKILL
    assert server.sql(LEFT) == [(MINE - BATCH, OTHERS)], "the second batch left nothing"
    start()
    wait_until(lambda: state(server) == "done", what="everything is erased")
    assert server.sql(LEFT) == [(0, OTHERS)]
    assert server.sql("SELECT erased_count FROM integration_erasure") == [(MINE,)]
    papers = "SELECT count, erasure_id FROM integration_retention_certificate WHERE reason = 'erasure' ORDER BY id"
    assert server.sql(papers) == [(BATCH, erasure), (MINE - BATCH, erasure)]
    assert server.sql("SELECT count(*) FROM integration_payload_gone WHERE reason = 'erasure'") == [(MINE,)]
    assert PATIENT.encode() not in server.dump()
