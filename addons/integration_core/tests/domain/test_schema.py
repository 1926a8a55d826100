"""Schemas: violations name rule and place and never the value; unusable or dangerous schemas are refused."""

import pytest

from integration_core.domain import catalogue, schema
from integration_core.domain.schema import Violation


def check(rules, instance):
    return schema.compile_schema(rules).validate(instance)


@pytest.mark.parametrize(
    ("rules", "instance", "violation"),
    [
        ({"type": "object"}, None, Violation("/data", "must be of type object")),
        ({"type": ["string", "null"]}, 1, Violation("/data", "must be of type string or null")),
        ({"required": ["a/b"]}, {}, Violation("/data/a~1b", "is required")),
        ({"items": {"minLength": 2}}, ["xx", "x"], Violation("/data/1", "must have at least 2 characters")),
        ({"maxLength": 1}, "xx", Violation("/data", "must have at most 1 characters")),
        ({"pattern": "^a$"}, "secret", Violation("/data", "must match the pattern ^a$")),
        ({"format": "date-time"}, "secret", Violation("/data", "must be a valid date-time")),
        ({"format": "date"}, "2026-02-30", Violation("/data", "must be a valid date")),
        ({"format": "uuid"}, "secret", Violation("/data", "must be a valid uuid")),
        ({"format": "uri"}, "no scheme", Violation("/data", "must be a valid uri")),
        ({"enum": ["in", "out"]}, "secret", Violation("/data", "must be one of: in, out")),
        ({"const": 1}, "secret", Violation("/data", "must be the constant that the schema names")),
        ({"minimum": 1}, 0, Violation("/data", "must be at least 1")),
        ({"maxItems": 1}, [1, 2], Violation("/data", "must have at most 1 items")),
        ({"additionalProperties": False}, {"x": 1}, Violation("/data", "has a field that the schema does not allow")),
        ({"not": {}}, "secret", Violation("/data", "has a form that the schema forbids")),
        (
            {"oneOf": [{"const": 1}, {"const": 2}]},
            "secret",
            Violation("/data", "must meet one of the alternatives"),
        ),
        (
            {"dependentRequired": {"a": ["b"]}},
            {"a": "secret"},
            Violation("/data", "lacks a field that another field of it requires"),
        ),
        ({"contains": {"const": 1}}, ["secret"], Violation("/data", "breaks the rule 'contains' of the schema")),
    ],
)
def test_each_rule_is_named_without_the_value(rules, instance, violation):
    assert check(rules, instance) == [violation]


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("^a$", "a", "a\n"),
        ("^[$]$", "$", "$\n"),
        (r"^\$$", "$", "$\n"),
        (r"^\d+$", "12", "١٢"),
        (r"^[^\]$]$", "a", "$"),
        ("b", "abc", "ac"),
    ],
)
def test_patterns_mean_what_ecma_262_says(pattern, matching, other):
    assert check({"pattern": pattern}, matching) == []
    assert len(check({"pattern": pattern}, other)) == 1
    assert check({"pattern": pattern}, 7) == []


def test_every_missing_field_is_named():
    found = check({"required": ["a", "b", "it's"]}, {})
    assert [item.pointer for item in found] == ["/data/a", "/data/b", "/data/it's"]


def test_valid_values_of_each_format():
    for name, value in [
        ("date-time", "2026-11-20T09:30:00Z"),
        ("date", "2024-02-29"),
        ("uuid", "6F1C9D3E-5b7a-4c1e-9a51-2f0c8d7e4b10"),
        ("uri", "urn:x:y"),
        ("date", 7),
    ]:
        assert check({"format": name}, value) == []


def test_formats_are_asserted_strictly():
    for name, value in [
        ("date-time", "2026-11-20T09:30:00"),
        ("date", "20241120"),
        ("date", "2024-W10-1"),
        ("uuid", "6f1c9d3e5b7a4c1e9a512f0c8d7e4b10"),
    ]:
        assert len(check({"format": name}, value)) == 1


def test_a_name_that_is_not_the_schemas_own_is_not_told():
    """It is the sender's text as any value is: some file things under a patient's number."""
    rules = {"properties": {"by_ward": {"additionalProperties": {"type": "string"}}}}
    found = check(rules, {"by_ward": {"MRN-7": 1, "19310817": 2}})
    assert [item.pointer for item in found] == ["/data/by_ward/*", "/data/by_ward/*"]
    found = check({"items": {"patternProperties": {"^M": {"required": ["a"]}}}}, [{"MRN-7": {}}])
    assert [item.pointer for item in found] == ["/data/0/*/a"]


def test_a_classification_is_one_of_four_words():
    for kind in ("public", "internal", "finance", "patient"):
        schema.check({"properties": {"a": {"x-classification": kind}}})
    with pytest.raises(schema.SchemaError) as caught:
        schema.check({"properties": {"a": {"x-classification": "secret"}}})
    assert caught.value.pointer == "/properties/a/x-classification"


def test_no_more_than_20_errors():
    assert len(check({"items": {"type": "string"}}, [1] * 100)) == 20


def test_the_place_is_bounded_and_based_where_the_caller_says():
    compiled = schema.compile_schema({"properties": {"k" * 1000: {"type": "string"}}})
    (violation,) = compiled.validate({"k" * 1000: 1}, base="/x")
    assert violation.pointer.startswith("/x/kkk")
    assert len(violation.pointer) == 200
    assert violation.as_dict()["detail"] == "must be of type string"


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        ([], ""),
        (True, ""),
        ({"type": "text"}, "/type"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
        ({"properties": {"a": {"$ref": "https://example.org/schema"}}}, "/properties/a/$ref"),
        ({"items": [{"$ref": "other.json"}]}, "/items"),
        ({"prefixItems": [{"$dynamicRef": "other.json"}]}, "/prefixItems/0/$dynamicRef"),
        ({"format": "email"}, "/format"),
        ({"pattern": "("}, "/pattern"),
        ({"pattern": "^(a+)+$"}, "/pattern"),
        ({"pattern": "(a*){2,}"}, "/pattern"),
        ({"pattern": "a" * 501}, "/pattern"),
        ({"patternProperties": {"(a+)*": {}}}, "/patternProperties"),
        ({"properties": {"const": {"pattern": "(a+)*"}}}, "/properties/const/pattern"),
        ({"pattern": "a{99999999999999999999}"}, ""),
        ({"$ref": "#/nope"}, "/$ref"),
        ({"$ref": "#named", "$defs": {"a": {"$anchor": "named"}}}, "/$ref"),
        ({"examples": [{}], "items": {"$ref": "#/examples/0"}}, "/items/$ref"),
        ({"$ref": "#"}, ""),
        ({"properties": {"child": {"$ref": "#"}}}, ""),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, "/$defs/a"),
        ({"$dynamicRef": "#a", "$dynamicAnchor": "a"}, "/$dynamicRef"),
        ({"items": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "/items/$schema"),
        ({"items": {"$id": "https://example.org/other"}}, "/items/$id"),
    ],
)
def test_unusable_schemas(rules, pointer):
    with pytest.raises(schema.SchemaError) as caught:
        schema.check(rules)
    assert caught.value.pointer == pointer


def test_words_of_the_data_are_not_taken_for_rules():
    schema.check({"const": {"$ref": "https://example.org"}, "examples": [{"format": "email"}]})
    schema.check({"properties": {"format": {"type": "string"}, "pattern": {"type": "string"}}})


def test_local_references_work():
    rules = {"$defs": {"id": {"type": "string"}}, "items": {"$ref": "#/$defs/id"}}
    assert check(rules, ["a"]) == []
    assert len(check(rules, [1])) == 1


def test_a_reference_may_name_what_must_be_escaped():
    rules = {"$defs": {"a/b ~": {"type": "string"}}, "items": {"$ref": "#/$defs/a~1b%20~0"}}
    assert check(rules, ["a"]) == []
    assert len(check(rules, [1])) == 1


def test_references_that_make_a_giant_of_a_small_schema_are_refused():
    doubling = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(16)}
    with pytest.raises(schema.SchemaError, match="at most 10000 schemas"):
        schema.check({"$defs": {**doubling, "d16": {}}, "$ref": "#/$defs/d0"})
    chain = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(400)}
    with pytest.raises(schema.SchemaError, match="at most 40 deep"):
        schema.check({"$defs": {**chain, "d400": {}}, "$ref": "#/$defs/d0"})


def nested(levels):
    rules = {"type": "string"}
    for _ in range(levels):
        rules = {"items": rules}
    return rules


def test_the_deepest_schema_can_be_applied():
    data = 1
    for _ in range(39):
        data = [data]
    assert len(check(nested(39), data)) == 1
    with pytest.raises(schema.SchemaError, match="at most 40 deep"):
        schema.check(nested(40))


@pytest.mark.parametrize(
    "text", ["not json", "[]", "", "{", '{"type":"objekt"}', '{"a":1,"a":2}', "\ud800", b"\xff", "[" * 5000]
)
def test_texts_that_are_no_schema(text):
    with pytest.raises(schema.SchemaError):
        schema.compile_schema(text)


def test_whatever_a_validator_raises_is_a_schema_error_without_the_data():
    class Stumbling:
        def iter_errors(self, instance):
            raise RuntimeError(f"secret {instance}")

    with pytest.raises(schema.SchemaError) as caught:
        schema.CompiledSchema("0", Stumbling()).validate("secret")
    assert "secret" not in str(caught.value)
    assert "RuntimeError" in str(caught.value)


def test_what_no_schema_allows_is_said():
    assert check({"properties": {"a": False}}, {"a": 1}) == [Violation("/data", "is not allowed")]


@pytest.mark.parametrize("name", [entry.type for entry in catalogue.entries()])
def test_every_schema_of_the_catalogue_can_be_used(name):
    schema.compile_schema(catalogue.schema(name))


def test_compiled_schemas_are_shared_by_content():
    first = schema.compile_schema({"type": "string", "minLength": 1})
    assert schema.compile_schema({"minLength": 1, "type": "string"}) is first
    assert schema.compile_schema(b'{"minLength":1,"type":"string"}') is first
    assert len(first.digest) == 64
    with pytest.raises(schema.SchemaError):
        schema.compile_schema("{")
