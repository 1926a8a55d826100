"""The strict reader: what RFC 8259 allows is read as the standard library reads it, everything loose is refused."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import strict_json
from integration_core.domain.strict_json import Fault, StrictJsonError


def fault_of(data):
    with pytest.raises(StrictJsonError) as caught:
        strict_json.loads(data)
    return caught.value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"null", None),
        (b" \t\r\n[ ]\n", []),
        (b"{}", {}),
        (b'{"":0}', {"": 0}),
        (b"-0", 0),
        (b"9007199254740992", 2**53),
        (b"-9007199254740992", -(2**53)),
        (b"1E4", 10000.0),
        (b"1e-400", 0.0),
        (b"1.7976931348623157e308", 1.7976931348623157e308),
        ('"é€😀"'.encode(), "é€😀"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\uFDD0\\u007f"', "\ufdd0\x7f"),
        (b'"\\\\u0000"', "\\u0000"),
        (b'"\\\\ud800"', "\\ud800"),
        (b'"[[[[\\"{{{{"', '[[[["{{{{'),
        (b'{"a":{"a":1},"b":{"a":1}}', {"a": {"a": 1}, "b": {"a": 1}}),
    ],
)
def test_accepted(data, value):
    assert strict_json.loads(data) == value


@pytest.mark.parametrize(
    ("data", "fault", "pointer", "offset"),
    [
        (b"\xef\xbb\xbf{}", Fault.BOM, None, 0),
        (b'{"a":"\xff"}', Fault.ENCODING, None, 6),
        (b'"\xed\xa0\x80"', Fault.ENCODING, None, 1),
        (b'"\xc0\xaf"', Fault.ENCODING, None, 1),
        ('"a"'.encode("utf-16"), Fault.ENCODING, None, 0),
        (b"", Fault.SYNTAX, None, 0),
        (b"{} {}", Fault.SYNTAX, None, 3),
        (b"[1,]", Fault.SYNTAX, None, None),
        (b'{"a":1,}', Fault.SYNTAX, None, None),
        (b"{a:1}", Fault.SYNTAX, None, 1),
        (b"['a']", Fault.SYNTAX, None, 1),
        (b"01", Fault.SYNTAX, None, 1),
        (b"+1", Fault.SYNTAX, None, 0),
        (b".5", Fault.SYNTAX, None, 0),
        (b"5.", Fault.SYNTAX, None, 1),
        (b"1e", Fault.SYNTAX, None, 1),
        (b"0x1", Fault.SYNTAX, None, 1),
        (b"// c\n1", Fault.SYNTAX, None, 0),
        (b'"\x00"', Fault.SYNTAX, None, 1),
        (b'"a\nb"', Fault.SYNTAX, None, 2),
        (b'"\\x41"', Fault.SYNTAX, None, 1),
        (b'"\\u00g0"', Fault.SYNTAX, None, None),
        (b'"open', Fault.SYNTAX, None, 0),
        (b"\xc2\xa01", Fault.SYNTAX, None, 0),
        ('"é" x'.encode(), Fault.SYNTAX, None, 5),
        (b"[" * 65 + b"]" * 65, Fault.DEPTH, None, None),
        (b'{"a":' * 65 + b"1" + b"}" * 65, Fault.DEPTH, None, None),
        (b"[" * 1_000_000, Fault.DEPTH, None, None),
        (b'{"a":[0,{"b":1,"b":1}]}', Fault.DUPLICATE_KEY, "/a/1", None),
        (b'{"a":1,"\\u0061":2}', Fault.DUPLICATE_KEY, "", None),
        (b"[NaN]", Fault.CONSTANT, "/0", None),
        (b'{"x":-Infinity}', Fault.CONSTANT, "/x", None),
        (b"9007199254740993", Fault.NUMBER_RANGE, "", None),
        (b'{"a/b":{"c~d":-9007199254740993}}', Fault.NUMBER_RANGE, "/a~1b/c~0d", None),
        (b"1" * 5000, Fault.NUMBER_RANGE, "", None),
        (b"[1e309]", Fault.NUMBER_RANGE, "/0", None),
        (b"[-1e999]", Fault.NUMBER_RANGE, "/0", None),
        (b'{"a":["\\u0000"]}', Fault.TEXT, "/a/0", None),
        (b'{"a":{"k\\u0000":1}}', Fault.TEXT, "/a", None),
        (b'["\\ud800"]', Fault.TEXT, "/0", None),
        (b'["\\uDC00\\uD800"]', Fault.TEXT, "/0", None),
        (b'{"\\udfff":1}', Fault.TEXT, "", None),
    ],
)
def test_refused(data, fault, pointer, offset):
    error = fault_of(data)
    assert error.fault is fault
    assert error.pointer == pointer
    if offset is not None:
        assert error.offset == offset


def test_the_place_is_cut_to_what_an_answer_should_hold():
    error = fault_of(b'{"' + b"k" * 500 + b'":NaN}')
    assert error.pointer == "/" + "k" * 199


def test_depth_of_64_is_read():
    data = b"[" * 64 + b"]" * 64
    assert json.dumps(strict_json.loads(data)).encode() == data


def test_many_brackets_side_by_side_are_not_deep():
    assert len(strict_json.loads(b"[" + b"[]," * 1000 + b"[]]")) == 1001


def test_brackets_in_strings_are_not_depth():
    assert strict_json.loads(json.dumps(["[" * 500, '\\"{' * 500]).encode())


def test_errors_tell_the_place_and_never_the_value():
    error = fault_of(b'{"patient":{"name":"Ada \\u0000 Lovelace"}}')
    assert error.detail.endswith("/patient/name")
    assert "Ada" not in str(error)
    assert "at byte" in fault_of(b'{"name": Ada}').detail
    assert fault_of(b"[" * 65).detail == "the value is nested too deeply"


@pytest.mark.parametrize(
    "data",
    [b'"' + b'\\"' * 500_000, b"[" + b'"a",' * 250_000, b'{"' * 500_000, b"\\" * 1_000_000],
    ids=["open string", "open array", "quotes", "backslashes"],
)
def test_hostile_megabytes_cost_linear_time(data):
    start = time.process_time()
    fault_of(data)
    assert time.process_time() - start < 2


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_reads_what_the_standard_library_writes(value, ascii_only):
    assert strict_json.loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(VALUES)
def test_canonical_text_is_stable(value):
    text = strict_json.dumps(value)
    assert strict_json.dumps(strict_json.loads(text)) == text


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(data):
    try:
        value = strict_json.loads(data)
    except StrictJsonError:
        return
    json.dumps(value, allow_nan=False).encode("utf-8")


def test_canonical_form():
    assert strict_json.dumps({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'.encode()
    with pytest.raises(ValueError, match="Out of range"):
        strict_json.dumps(float("nan"))
