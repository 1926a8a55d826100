"""The audit trail for others: FHIR, CSV, and rows that verify."""

import csv
import io
import json
from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_core.domain import audit_event, sealing
from integration_core.domain.sealing import Row

NOON = datetime(2026, 11, 27, 12, 0, 0)
ROW = Row(
    5, NOON, 7, "Ada", 1, "Clinic", "credential.revoke", "integration.credential", 3, "key_1", "for Jane Doe", "EMR"
)


def event(**values):
    return audit_event.audit_event(ROW._replace(**values), source="db-1")


def test_a_row_as_fhir():
    assert event() == {
        "resourceType": "AuditEvent",
        "id": "audit-5",
        "type": {"system": audit_event.DCM, "code": "110113", "display": "Security Alert"},
        "subtype": [
            {"system": audit_event.DCM, "code": "110129", "display": "Security Configuration"},
            {"system": f"{audit_event.OWN}/audit-action", "code": "credential.revoke"},
        ],
        "action": "U",
        "recorded": "2026-11-27T12:00:00.000000Z",
        "outcome": "0",
        "agent": [
            {
                "who": {"identifier": {"system": f"{audit_event.OWN}/user", "value": "7"}, "display": "Ada"},
                "requestor": True,
            }
        ],
        "source": {"site": "Clinic", "observer": {"display": "Odoo db-1"}},
        "entity": [
            {
                "what": {
                    "identifier": {"system": f"{audit_event.OWN}/record/integration.credential", "value": "3"}
                },
                "type": {"system": audit_event.ENTITY_TYPE, "code": "2", "display": "System Object"},
                "name": "key_1",
                "detail": [{"type": "detail", "valueString": "EMR"}],
            }
        ],
    }


def test_reasons_are_free_text_and_stay_out():
    assert "Jane" not in json.dumps(event())


@pytest.mark.parametrize(
    ("action", "kind", "deed", "outcome"),
    [
        ("login.succeed", "110114", "E", "0"),
        ("login.fail", "110114", "E", "4"),
        ("gate.refusals", "110113", "E", "4"),
        ("payload.read", "110110", "R", "0"),
        ("role.change", "110113", "U", "0"),
        ("audit.remove", "110101", "D", "0"),
        ("list.export", "110106", "R", "0"),
        ("system.create", "110100", "C", "0"),
        ("never.seen", "110100", "E", "0"),
    ],
)
def test_kinds_of_events(action, kind, deed, outcome):
    made = event(action=action)
    assert (made["type"]["code"], made["action"], made["outcome"]) == (kind, deed, outcome)
    assert made["subtype"][-1]["code"] == action


def test_what_is_required_is_there_for_an_empty_row():
    """FHIR R4 requires type, recorded, an agent with requestor, and source.observer."""
    made = audit_event.audit_event(Row(1, NOON, *[None] * 10), source="x")
    assert {"type", "recorded", "agent", "source"} <= set(made)
    assert made["agent"][0]["requestor"] is True
    assert made["source"]["observer"]
    assert "entity" not in made


def test_persons_are_told_from_objects():
    assert event(res_model="res.users")["entity"][0]["type"]["code"] == "1"


@given(st.text(max_size=30))
@example("=1+1")
@example("+Auditor")
@example("-1")
@example("@x")
@example("\t=1")
def test_csv_holds_no_formula(text):
    (values,) = csv.reader(io.StringIO(audit_event.csv_row(ROW._replace(detail=text)), newline=""))
    assert len(values) == len(audit_event.CSV_COLUMNS)
    told = values[audit_event.CSV_COLUMNS.index("detail")]
    assert not told.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert told in (text, f"'{text}")
    assert values[-1] == sealing.leaf(ROW._replace(detail=text)).hex()


@given(st.text(max_size=30), st.one_of(st.none(), st.integers(0, 99)))
def test_plain_rows_have_what_is_sealed(text, number):
    row = ROW._replace(detail=text, res_id=number)
    found = json.loads(audit_event.plain_row(row))["row"]
    assert tuple(found) == sealing.COLUMNS
    again = Row(*found.values())._replace(at=datetime.fromisoformat(found["at"].removesuffix("Z")))
    assert sealing.leaf(again) == sealing.leaf(row)


def test_plain_seals_and_certificates():
    made = sealing.seal(1, [5], [ROW], after=None, sealed_at=NOON)
    found = json.loads(audit_event.plain_seal(made))["seal"]
    assert (found["leaves"], found["ids"]) == (sealing.leaf(ROW).hex(), "5")
    assert found["first_at"] == "2026-11-27T12:00:00.000000Z"
    paper = sealing.certify([made], after=None, days=365, removed_at=NOON)
    assert json.loads(audit_event.plain_certificate(paper))["certificate"]["digest"] == paper.digest
