"""The order in which a verified message is judged."""

import json

import pytest

from integration_core.domain import acceptance, catalogue, hashing, schema
from integration_core.domain.acceptance import AcceptedEvent, Refusal, TypeFacts
from integration_core.domain.schema import Violation

TYPE = "clinical.service.finalized.v1"
FACTS = TypeFacts(known=True, granted=True, schema=schema.compile_schema(catalogue.schema(TYPE)))


def accept(body=None, facts=FACTS, **changes):
    if body is None:
        body = json.dumps({**catalogue.example(TYPE), **changes}).encode()
    return acceptance.accept(
        body, system_code="ehr", type_facts=lambda name: facts if name == TYPE else TypeFacts(False)
    )


def test_accepted():
    body = json.dumps(catalogue.example(TYPE)).encode()
    outcome = accept(body)
    assert isinstance(outcome, AcceptedEvent)
    assert outcome.envelope.type == TYPE
    assert outcome.digest == hashing.body_digest(body)


@pytest.mark.parametrize(
    ("changes", "segment", "code"),
    [
        ({"body": b"\xef\xbb\xbf{}"}, "malformed-body", "bom"),
        ({"body": b"{"}, "malformed-body", "syntax"),
        ({"body": b"[]"}, "malformed-event", "malformed_event"),
        ({"source": "/systems/lab"}, "malformed-event", "malformed_event"),
        ({"type": "clinical.service.finalized.v2"}, "schema-violation", "unknown_type"),
        ({"type": "nonsense"}, "schema-violation", "unknown_type"),
        ({"facts": TypeFacts(known=True, granted=True)}, "schema-violation", "unknown_type"),
        ({"facts": TypeFacts(True, True, False, FACTS.schema)}, "schema-violation", "retired_type"),
        ({"facts": TypeFacts(True, False, False, FACTS.schema), "data": {}}, "event-type-not-granted", "not_granted"),
        ({"data": {}}, "schema-violation", "schema_violation"),
        ({"data": None}, "schema-violation", "schema_violation"),
    ],
)
def test_refused(changes, segment, code):
    outcome = accept(**changes)
    assert isinstance(outcome, Refusal)
    assert (outcome.segment, outcome.code) == (segment, code)
    assert outcome.detail


def test_places_of_schema_violations():
    data = catalogue.example(TYPE)["data"]
    line = {"line": "1", "service": "ED-MID"}
    assert accept(data={**data, "lines": [line]}).errors == (Violation("/data/lines/0/quantity", "is required"),)
    assert accept(type="nonsense").errors[0].pointer == "/type"


def test_the_place_in_a_malformed_body_is_told_in_known_names_alone():
    body = b'{"data": {"patient": {"MRN-7": [{"id": 1, "id": 2}]}}}'
    refusal = acceptance.accept(body, system_code="ehr", type_facts=lambda _name: acceptance.TypeFacts(known=False))
    assert refusal.detail.endswith("at /data/patient/*/0")
    body = b'{"data": {"19310817": NaN}}'
    refusal = acceptance.accept(body, system_code="ehr", type_facts=lambda _name: acceptance.TypeFacts(known=False))
    assert refusal.detail.endswith("at /data/*")
