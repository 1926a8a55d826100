"""The quick check never says yes where the complete validator says no, and says yes to everyday messages."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import catalogue, schema
from integration_core.domain.strict_json import MAX_INTEGER

TYPES = [entry.type for entry in catalogue.entries()]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-MAX_INTEGER, MAX_INTEGER),
    st.floats(allow_nan=False, allow_infinity=False),
    # What strict JSON refuses is refused before a schema is asked, in messages and in schemas.
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(["", "a", "2026-11-20", "2026-11-20T10:00:00Z", "1.50", "-1", "USD", "https://x.test/", "1\n"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["a", "b", "line", "id", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)
limits = st.integers(0, 4)
leaves = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "boolean", "null", "array", "object", "integer", "number"])
        | st.lists(st.sampled_from(["string", "null", "integer"]), min_size=1, max_size=2, unique=True),
        "enum": st.lists(scalars, min_size=1, max_size=3),
        "const": scalars,
        "minLength": limits,
        "maxLength": limits,
        "minItems": limits,
        "maxItems": limits,
        "minProperties": limits,
        "maxProperties": limits,
        "uniqueItems": st.booleans(),
        "minimum": limits,
        "maximum": limits,
        "pattern": st.sampled_from(["^[0-9]+$", "a", r"^\d*$"]),
        "format": st.sampled_from(["date-time", "date", "uri", "uuid"]),
        "required": st.lists(st.sampled_from(["a", "b"]), unique=True),
    },
)
schemas = st.recursive(
    leaves,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["array", "object"]),
            "items": inner,
            "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
            "additionalProperties": st.booleans() | inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
        },
    ),
    max_leaves=4,
)


def complete(compiled, instance):
    return not list(compiled._validator.iter_errors(instance))


@given(schemas, values)
def test_a_quick_yes_is_a_yes(rules, instance):
    compiled = schema.compile_schema(rules)
    assert compiled._quick is not None
    if compiled._quick(instance):
        assert complete(compiled, instance)


@given(schemas, values)
def test_the_verdict_is_the_complete_validators(rules, instance):
    compiled = schema.compile_schema(rules)
    assert (compiled.validate(instance) == []) == complete(compiled, instance)


@given(st.sampled_from(TYPES), st.data())
def test_catalogue_messages_with_one_part_replaced(name, data):
    compiled = schema.compile_schema(catalogue.schema(name))
    instance = copy.deepcopy(catalogue.example(name)["data"])
    place = instance
    while isinstance(place, (dict, list)) and place:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(values)
            break
        place = place[key]
    if compiled._quick(instance):
        assert complete(compiled, instance)


@pytest.mark.parametrize("name", TYPES)
def test_every_type_of_the_catalogue_is_checked_quickly(name):
    compiled = schema.compile_schema(catalogue.schema(name))
    assert compiled._quick is not None
    assert compiled._quick(catalogue.example(name)["data"])


@pytest.mark.parametrize(
    "rules",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        {"not": {"type": "string"}},
        {"if": {"type": "string"}, "then": {"minLength": 2}},
        {"patternProperties": {"^a": {"type": "string"}}},
        {"prefixItems": [{"type": "string"}]},
        {"unevaluatedProperties": False},
        {"properties": {"a": {"dependentRequired": {"a": ["b"]}}}},
        {"additionalProperties": {"oneOf": [{"type": "string"}]}},
        {"items": False},
    ],
)
def test_what_it_does_not_know_it_leaves_to_the_complete_validator(rules):
    assert schema.compile_schema(rules)._quick is None
