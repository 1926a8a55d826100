"""What of a payload somebody is shown: minimum necessary, by the classes that the schema names."""

import json

import pytest

from integration_core.domain import catalogue, disclosure, quick_schema, schema
from integration_core.domain.clearance import Clearance
from integration_core.domain.disclosure import mask_of, needs, show

PATIENT, FINANCE, INTERNAL = Clearance.PATIENT, Clearance.FINANCE, Clearance.INTERNAL
OPERATOR = needs(finance=False, clinical=False)
REVIEWER = needs(finance=True, clinical=False)
LIAISON = needs(finance=False, clinical=True)
P, F = mask_of(PATIENT), mask_of(FINANCE)


def field(kind=None, **rules):
    return {**rules, **({"x-classification": kind} if kind else {})}


def shown(data, rules, *, kind=PATIENT, needed=REVIEWER):
    schema.check(rules)
    return show({"data": data}, schema=rules, kind=kind, needed=needed).value["data"]


def test_a_place_is_kept_and_its_value_is_not():
    rules = {"properties": {"a": field("patient"), "b": field("finance"), "c": field("internal")}}
    assert shown({"a": {"x": 1}, "b": 2, "c": 3}, rules, needed=OPERATOR) == {"a": {"•••": P}, "b": F, "c": 3}
    assert shown({"a": 1, "b": 2, "c": 3}, rules) == {"a": P, "b": 2, "c": 3}
    assert shown({"a": 1, "b": 2, "c": 3}, rules, needed=LIAISON) == {"a": 1, "b": F, "c": 3}


def test_an_annotation_holds_for_all_within_until_another_says_otherwise():
    inner = {"properties": {"id": {}, "city": field("internal"), "deep": {"items": {"properties": {"x": {}}}}}}
    rules = {"properties": {"a": field("patient", **inner)}}
    found = shown({"a": {"id": 1, "city": "X", "deep": [{"x": 1}, {"x": 2}]}}, rules)
    assert found == {"a": {"id": P, "city": "X", "deep": [{"x": P}, {"x": P}]}}


def test_items_of_arrays_are_judged_one_by_one():
    rules = {"properties": {"a": {"prefixItems": [field("internal"), field("patient")], "items": field("finance")}}}
    assert shown({"a": [1, 2, 3, 4]}, rules) == {"a": [1, P, 3, 4]}
    assert shown({"a": [1, 2, 3, 4]}, rules, needed=OPERATOR) == {"a": [1, P, F, F]}


def test_what_no_schema_names_is_as_confidential_as_the_type_and_so_is_its_name():
    rules = {"properties": {"a": field("internal", properties={"b": {}})}}
    assert shown({"a": {"b": 1, "Jane": 2, "Doe": [3]}, "MRN-7": {}}, rules) == {
        "a": {"b": 1, "•••": P, "••• 2": P},
        "•••": P,
    }
    assert shown({"a": {"b": 1, "Jane": 2}}, rules, kind=INTERNAL) == {"a": {"b": 1, "Jane": 2}}


def test_items_that_no_schema_names_are_as_confidential_as_the_type():
    assert shown({"a": [1]}, {"properties": {"a": field("internal")}}) == {"a": [P]}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf", "allOf"])
def test_of_several_schemas_the_most_confidential_holds_whichever_is_met(keyword):
    branches = [
        {"properties": {"kind": {"const": "a"}, "x": field("internal")}},
        {"properties": {"kind": {"const": "b"}, "x": field("patient"), "y": field("internal")}},
    ]
    rules = {keyword: branches, "properties": {"kind": field("internal")}}
    assert shown({"kind": "a", "x": 1, "y": 2}, rules) == {"kind": "a", "x": P, "y": 2}


def test_conditions_count_too():
    rules = {
        "properties": {"x": field("internal"), "y": field("internal")},
        "if": {"properties": {"y": field("finance")}},
        "then": {"properties": {"x": field("patient")}},
        "dependentSchemas": {"x": {"properties": {"z": field("internal")}}},
    }
    assert shown({"x": 1, "y": 2, "z": 3}, rules, needed=OPERATOR) == {"x": P, "y": F, "z": 3}


def test_references_are_followed():
    rules = {
        "$defs": {"who": field("patient", properties={"id": {}, "ward": field("internal")})},
        "properties": {"a": {"$ref": "#/$defs/who"}, "b": {"items": {"$ref": "#/$defs/who"}}},
    }
    who = {"id": 1, "ward": "W"}
    assert shown({"a": who, "b": [who]}, rules) == {"a": {"id": P, "ward": "W"}, "b": [{"id": P, "ward": "W"}]}


def test_members_named_by_pattern_and_members_of_one_kind():
    rules = {
        "patternProperties": {"^n_": field("internal")},
        "additionalProperties": field("finance"),
    }
    assert shown({"n_1": 1, "other": 2}, rules, needed=OPERATOR) == {"n_1": 1, "other": F}
    assert shown({"n_1": 1, "other": 2}, {"patternProperties": {"^n_": field("internal")}}) == {"n_1": 1, "•••": P}


def test_without_annotations_all_data_are_as_confidential_as_the_type():
    rules = {"properties": {"a": {}}}
    assert shown({"a": 1}, rules) == P
    assert shown({"a": 1}, rules, kind=FINANCE) == {"a": 1}
    assert show({"data": {"a": 1}}, schema=None, kind=FINANCE, needed=OPERATOR).value == {"data": F}


def test_of_an_events_attributes_those_that_may_name_a_patient_are_masked():
    event = {"id": "1", "type": "t", "subject": "patient/MRN-7", "partitionkey": "MRN-7", "ward": "W", "time": "T"}
    found = show(event, schema=None, kind=PATIENT, needed=REVIEWER)
    assert found.value == {"id": "1", "type": "t", "•••": P, "••• 2": P, "••• 3": P, "time": "T"}
    assert found.masked == 3
    assert show(event, schema=None, kind=PATIENT, needed=LIAISON).value == event


def test_what_is_no_event_is_one_value():
    assert show(["MRN-7"], schema=None, kind=PATIENT, needed=OPERATOR).value == P


@pytest.mark.parametrize("name", [e.type for e in catalogue.entries() if e.patient_data])
def test_the_shipped_types_show_finance_no_patient_and_operators_no_money(name):
    event = catalogue.example(name)
    event["data"].update({"remark": "REMARK", "patient": {"id": "NUMBER", "name": "NAME"}})
    event["data"].update({"merged_into": "NUMBER"} if "merged_into" in event["data"] else {})
    event["data"]["guarantor"] = {"id": "NUMBER", "name": "Payer"}
    rules = catalogue.schema(name)
    for needed in (REVIEWER, OPERATOR):
        text = json.dumps(show(event, schema=rules, kind=PATIENT, needed=needed).value)
        assert not [word for word in ("REMARK", "NUMBER", "NAME") if word in text]
    encounter = event["data"].get("encounter")
    finance = show(event, schema=rules, kind=PATIENT, needed=REVIEWER).value["data"]
    operator = show(event, schema=rules, kind=PATIENT, needed=OPERATOR).value["data"]
    if encounter and "encounter" in rules["properties"]:
        assert finance["encounter"] == encounter
        assert operator["encounter"] == F
    assert show(event, schema=rules, kind=PATIENT, needed=set(Clearance)).value == event


def test_an_annotation_costs_the_gate_nothing():
    """The quick check knows the word; an unknown one would send every message to the complete validator."""
    maker = quick_schema.Maker(dict.fromkeys(("date-time", "date", "uri", "uuid"), bool), lambda _p, _t: True)
    for entry in catalogue.entries():
        assert maker.make(catalogue.schema(entry.type))


def test_the_classes_that_a_schema_names():
    assert disclosure.classes_of(catalogue.schema("clinical.patient.merged.v1")) == {PATIENT, FINANCE}
