"""CloudEvents in binary mode: read as the structured event, only where everything is covered."""

import cloudevents.conversion
import cloudevents.http
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import binary_mode, envelope, strict_json

HEADERS = {
    "Content-Type": "application/json",
    "Ce-Specversion": "1.0",
    "Ce-Id": "evt-1",
    "Ce-Source": "/systems/ehr",
    "Ce-Type": "clinical.encounter.admitted.v1",
    "Ce-Time": "2026-11-20T10:00:00Z",
}
COVERED = {name.lower() for name in HEADERS}


def read(body=b'{"a":1.10}', covered=None, **headers):
    given = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    given = {name: value for name, value in given.items() if value is not None}
    names = {name.lower() for name in given} if covered is None else covered
    return binary_mode.to_structured(given.items(), body, names)


def test_an_event():
    text = read()
    assert text.endswith(b',"data":{"a":1.10}}')  # the data as they were sent
    event = envelope.parse(strict_json.loads(text), expected_source="/systems/ehr")
    assert (event.id, event.type, event.data) == ("evt-1", "clinical.encounter.admitted.v1", {"a": 1.1})


def test_the_same_event_is_the_same_bytes():
    shuffled = dict(reversed(HEADERS.items()))
    assert binary_mode.to_structured(shuffled.items(), b"{}", COVERED) == read(b"{}")


def test_another_implementation_writes_it():
    made = cloudevents.http.CloudEvent({"type": "a.b.c.v1", "source": "/systems/ehr", "subject": "x"}, {"a": "ü"})
    headers, body = cloudevents.conversion.to_binary(made)
    headers["content-type"] = "application/json"
    event = strict_json.loads(binary_mode.to_structured(headers.items(), body, set(headers)))
    assert (event["id"], event["subject"], event["data"]) == (made["id"], "x", {"a": "ü"})


@pytest.mark.parametrize("name", sorted(COVERED))
def test_everything_must_be_covered(name):
    assert read(covered=COVERED - {name}) == "not_covered"


def test_an_attribute_that_somebody_added_on_the_way():
    assert read(covered=COVERED, ce_subject="x") == "not_covered"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a%20b", "a b"), ("%C3%BC", "ü"), ('"a b"', "a b"), ('"a\\"b"', 'a"b'), ("%", "%")],
)
def test_texts_of_attributes(value, expected):
    assert strict_json.loads(read(ce_subject=value))["subject"] == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": None},
        {"content_encoding": "gzip"},
        {"ce_data": "x"},
        {"ce_datacontenttype": "x"},
        {"ce_a_b": "x"},
        {"ce_": "x"},
        {"ce_subject": "%FF"},
        {"ce_subject": "ü"},
        {"ce_subject": '"open'},
        {f"ce_x{number}": "x" for number in range(70)},
    ],
)
def test_what_cannot_be_read(headers):
    covered = None if headers.get("Content-Type", "") is not None else COVERED
    assert read(covered=covered, **headers) == "unreadable"


@pytest.mark.parametrize("body", [b"", b"x", b'1,"id":"other"', b"\xef\xbb\xbf{}", b'{"a":1,"a":2}', b"1e999", b"{}}"])
def test_data_that_are_not_strict_json_are_left_to_the_reader(body):
    assert read(body) == body
    with pytest.raises(strict_json.StrictJsonError):
        strict_json.loads(read(body))


def test_is_binary():
    assert binary_mode.is_binary(HEADERS.items())
    assert not binary_mode.is_binary({**HEADERS, "Content-Type": "Application/CloudEvents+json"}.items())
    assert not binary_mode.is_binary({"content-type": "application/json"}.items())


@given(
    st.dictionaries(st.sampled_from([*HEADERS, "Ce-Subject", "Content-Encoding"]), st.text(max_size=20)), st.binary()
)
def test_no_input_makes_it_raise(headers, body):
    covered = {name.lower() for name in headers}
    found = binary_mode.to_structured(headers.items(), body, covered)
    assert isinstance(found, bytes) or found in ("not_covered", "unreadable")
