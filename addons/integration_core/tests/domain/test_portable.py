"""The configuration as a document: bytes, digest, what may be in it, how two states compare."""

import doctest
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import portable
from integration_core.domain.portable import Change, Document, DocumentError, Item

TEXTS = st.text(max_size=20).filter(lambda text: "\x00" not in text and text.isprintable())
VALUES = st.one_of(TEXTS, st.integers(-(2**31), 2**31), st.booleans(), st.none())
ITEMS = st.builds(
    Item,
    st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3),
    st.dictionaries(TEXTS, VALUES, max_size=4),
)


def test_examples():
    assert doctest.testmod(portable).failed == 0


@given(st.dictionaries(TEXTS, st.lists(ITEMS, max_size=4), max_size=4), st.randoms())
def test_what_is_written_is_read_and_the_order_does_not_matter(content, random):
    document = Document("test", ({"ref": "1"}, {"ref": "2"}), content, {"integration.system": 2})
    shuffled = {name: random.sample(items, len(items)) for name, items in reversed(content.items())}
    again = Document("test", ({"ref": "2"}, {"ref": "1"}), shuffled, {"integration.system": 2})
    assert document.write() == again.write()
    assert portable.read(document.write()).write() == document.write()


def test_one_object_a_line():
    document = Document("", (), {"a": [Item({"x": 1}, {"y": "z"}), Item({"x": 0})], "b": []})
    lines = document.write().decode().splitlines()
    assert '{"key":{"x":0},"values":{}},' in lines
    assert '{"key":{"x":1},"values":{"y":"z"}}' in lines


def test_laid_out_otherwise_it_is_the_same():
    document = Document("test", (), {"a": [Item({"x": 1}, {"y": "é"})]})
    other = json.dumps(json.loads(document.write()), indent=4).encode()
    assert portable.read(other).write() == document.write()


WHOLE = Document("test", (), {"a": [Item({"x": 1}, {"y": "yes"})]}).write()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_json"),
        (b"\xef\xbb\xbf" + WHOLE, "not_json"),
        (WHOLE + b"x", "not_json"),
        (WHOLE.replace(b'"environment": "test"', b'"environment": "test", "environment": "test"'), "not_json"),
        (WHOLE.replace(b'"x":1', b'"x":1,"x":1'), "not_json"),
        (WHOLE.replace(b'"x":1', b'"x":NaN'), "not_json"),
        (b"[]", "format"),
        (WHOLE.replace(b"configuration/1", b"configuration/2"), "format"),
        (WHOLE.replace(b'"values"', b'"valued"'), "schema"),
        (WHOLE.replace(b'"companies": []', b'"companies": {}'), "schema"),
        (WHOLE.replace(b'"companies": []', b'"companies": [], "users": []'), "schema"),
        (WHOLE.replace(b'{"x":1}', b"{}"), "schema"),
        (WHOLE.replace(b"yes", b"no"), "digest"),
        (WHOLE.replace(b'"environment": "test"', b'"environment": "production"'), "digest"),
    ],
)
def test_what_is_no_document_is_refused_and_says_why(data, code):
    with pytest.raises(DocumentError) as refused:
        portable.read(data)
    assert refused.value.code == code
    assert "yes" not in str(refused.value)


def test_too_large(monkeypatch):
    monkeypatch.setattr(portable, "MAX_BYTES", len(WHOLE) - 1)
    with pytest.raises(DocumentError) as refused:
        portable.read(WHOLE)
    assert refused.value.code == "too_large"


def test_what_is_withheld_or_not_said_does_not_differ():
    here = Item({}, {"url": "https://a", "days": 3, "name": "A"}, ())
    there = Item({}, {"url": "https://b", "days": 4}, ("url",))
    assert portable.compare(here, there) == (Change("days", 3, 4),)


@pytest.mark.parametrize(
    "name",
    [
        *("secret", "webhook_secret", "password", "api_key", "apikeys", "key", "keys", "token", "access_token"),
        *("private_pem", "sealed", "wrapped", "totp_secret", "salt", "session_cookie", "login", "credential_note"),
        *("patient_name", "patient", "mrn", "birth_date", "birthdate", "guarantor_ref", "phone", "email", "street"),
        *("payload", "payload_text", "body", "example_json", "gender"),
    ],
)
@pytest.mark.parametrize("kind", ["char", "text", "many2one"])
def test_what_may_be_secret_or_a_patients_never_leaves(name, kind):
    assert not portable.may_travel(name, kind)


@pytest.mark.parametrize(
    "kind", ["binary", "datetime", "html", "json", "one2many", "properties", "reference", "monetary"]
)
def test_kinds_of_fields_that_are_never_carried(kind):
    assert not portable.may_travel("name", kind)


def test_people_and_what_nobody_reads_never_leave():
    assert not portable.may_travel("steward_id", "many2one", refers_to="res.users")
    assert not portable.may_travel("bank_id", "many2one", refers_to="res.partner.bank")
    assert not portable.may_travel("name", "char", hidden=True)
    assert portable.may_travel("name", "char")
    assert portable.may_travel("max_body_bytes", "integer")


def test_kinds_in_a_circle_are_a_fault_of_the_models():
    with pytest.raises(ValueError, match="circle"):
        portable.in_order({"a": ["b"], "b": ["a"]})
    assert portable.in_order({"a": ["a", "elsewhere"]}) == ["a"]


def test_long_values_are_cut():
    assert len(portable.told("x" * 500)) == 80
