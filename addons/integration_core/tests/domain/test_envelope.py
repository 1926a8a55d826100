"""CloudEvents: what the standard requires, what it leaves open, and what the suite itself sends."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from cloudevents.http import from_http
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import envelope, strict_json, timestamps
from integration_core.domain.envelope import EnvelopeError, EventTypeName

SOURCE = "/systems/ehr"
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": SOURCE,
    "type": "clinical.encounter.admitted.v1",
    "data": {"a": 1},
}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def read(**changes):
    return envelope.parse({**EVENT, **changes}, expected_source=SOURCE)


def test_the_least_an_event_may_be():
    event = read()
    assert (event.id, event.source, event.type, event.data) == ("1", SOURCE, EVENT["type"], {"a": 1})
    assert event.time is None
    assert event.extensions == {}
    assert event.to_dict() == EVENT


def test_every_attribute_is_kept():
    attributes = {
        "time": "2026-11-20T10:30:00+01:00",
        "subject": "encounter/E-1",
        "datacontenttype": "application/json; charset=utf-8",
        "dataschema": "https://example.org/s",
        "partitionkey": "E-1",
        "correlationid": "c",
        "causationid": "d",
        "traceparent": TRACE,
        "sequence": 7,
        "myextension": True,
        "another1": -(2**31),
        "empty": "",
    }
    event = read(**attributes)
    assert event.time == datetime(2026, 11, 20, 9, 30, tzinfo=timezone.utc)
    assert event.sequence == "7"
    assert event.extensions == {"myextension": True, "another1": -(2**31), "empty": ""}
    expected = {**EVENT, **attributes, "sequence": "7", "time": "2026-11-20T09:30:00Z"}
    assert event.to_dict() == expected
    assert envelope.parse(strict_json.loads(event.to_bytes())) == event


def test_ordering_key():
    assert read().ordering_key is None
    assert read(subject="s").ordering_key == "s"
    assert read(subject="s", partitionkey="p").ordering_key == "p"


def test_null_is_absent():
    assert read(subject=None, time=None, myextension=None) == read()
    with pytest.raises(EnvelopeError, match="/id: is required"):
        read(id=None)


def test_data_may_be_absent_for_the_schema_to_judge():
    assert envelope.parse({key: value for key, value in EVENT.items() if key != "data"}).data is None


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"specversion": "0.3"}, "/specversion"),
        ({"specversion": 1.0}, "/specversion"),
        ({"id": ""}, "/id"),
        ({"id": 1}, "/id"),
        ({"id": "x" * 256}, "/id"),
        ({"id": "a\u0007"}, "/id"),
        ({"id": "a\ufffe"}, "/id"),
        ({"source": "/systems/other"}, "/source"),
        ({"source": "/systems/EHR"}, "/source"),
        ({"source": "/systems/ehr/"}, "/source"),
        ({"type": ""}, "/type"),
        ({"type": ["x"]}, "/type"),
        ({"time": "2026-11-20T10:30:00"}, "/time"),
        ({"time": 1}, "/time"),
        ({"subject": ""}, "/subject"),
        ({"subject": "x" * 256}, "/subject"),
        ({"partitionkey": 7}, "/partitionkey"),
        ({"sequence": True}, "/sequence"),
        ({"datacontenttype": "text/xml"}, "/datacontenttype"),
        ({"datacontenttype": "application/jsonx"}, "/datacontenttype"),
        ({"data_base64": "AA=="}, "/data_base64"),
        ({"myExtension": "x"}, ""),
        ({"my-extension": "x"}, ""),
        ({"é": "x"}, ""),
        ({"big": 2**31}, "/big"),
        ({"big": -(2**31) - 1}, "/big"),
        ({"ext": 1.5}, "/ext"),
        ({"ext": {"a": 1}}, "/ext"),
        ({"ext": "a\nb"}, "/ext"),
        ({f"ext{index}": 1 for index in range(33)}, ""),
    ],
)
def test_refused(changes, pointer):
    with pytest.raises(EnvelopeError) as caught:
        read(**changes)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("value", [None, [], "x", 1, [EVENT]])
def test_an_event_is_an_object(value):
    with pytest.raises(EnvelopeError, match="object"):
        envelope.parse(value)


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_required_attributes(name):
    with pytest.raises(EnvelopeError) as caught:
        envelope.parse({key: value for key, value in EVENT.items() if key != name})
    assert caught.value.pointer == f"/{name}"


def test_errors_never_repeat_the_value():
    with pytest.raises(EnvelopeError) as caught:
        read(source="/systems/Ada-Lovelace")
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (TRACE, True),
        ("01" + TRACE[2:] + "-more", True),
        (TRACE + "-more", False),
        ("ff" + TRACE[2:], False),
        (TRACE.upper(), False),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01", False),
        ("", False),
        ("garbage", False),
    ],
)
def test_traceparent(text, valid):
    assert envelope.is_traceparent(text) == valid
    if text:
        assert read(traceparent=text).traceparent == (text if valid else None)
    child = envelope.child_traceparent(text)
    assert envelope.is_traceparent(child)
    assert (child[3:35] == text[3:35]) == valid
    assert child[36:52] != text[36:52]


def test_event_type_names():
    name = EventTypeName.parse("finance.credit_note.posted.v12")
    assert (name.domain, name.entity, name.verb, name.major) == ("finance", "credit_note", "posted", 12)
    assert str(name) == "finance.credit_note.posted.v12"
    for text in ("a.b.c", "a.b.c.v0", "a.b.c.v01", "A.b.c.v1", "a.b-c.d.v1", "a.b.c.v1\n", "a..c.v1", "a.b.c.d.v1"):
        with pytest.raises(ValueError, match="event type"):
            EventTypeName.parse(text)


NOW = datetime(2026, 11, 20, 9, 30, tzinfo=timezone.utc)


def build(**changes):
    arguments = {"id": "1", "source": "/odoo/u/1", "type": "finance.invoice.posted.v1", "data": {}, "time": NOW}
    return envelope.build(**{**arguments, **changes})


def test_build():
    event = build(subject="invoice/42", correlationid="c", causationid=None, originsystem="ehr")
    assert event.to_bytes() == (
        b'{"correlationid":"c","data":{},"datacontenttype":"application/json","id":"1","originsystem":"ehr",'
        b'"source":"/odoo/u/1","specversion":"1.0","subject":"invoice/42","time":"2026-11-20T09:30:00Z",'
        b'"type":"finance.invoice.posted.v1"}'
    )
    assert build(time=NOW.astimezone(timezone(timedelta(hours=2)))).to_bytes() == build().to_bytes()


@pytest.mark.parametrize("changes", [{"type": "invoice"}, {"id": ""}, {"subject": "a\nb"}, {"Bad": "x"}])
def test_build_refuses_what_a_receiver_could_refuse(changes):
    with pytest.raises(EnvelopeError):
        build(**changes)


def test_addresses():
    assert envelope.inbound_source("ehr") == "/systems/ehr"
    assert envelope.outbound_source("6f1c", 3) == "/odoo/6f1c/3"
    expected = "https://h/integration/v1/schemas/a.b.c.v1"
    assert envelope.dataschema_url("https://h/", "a.b.c.v1") == expected


def test_the_cloudevents_package_reads_what_is_sent():
    event = build(subject="invoice/42", dataschema="https://h/s", partitionkey="p")
    theirs = from_http({"content-type": envelope.MEDIA_TYPE}, event.to_bytes())
    assert theirs["id"] == "1"
    assert theirs["type"] == event.type
    assert timestamps.parse(theirs["time"]) == NOW
    assert theirs.data == {}
    assert theirs["partitionkey"] == "p"


KEYS = st.sampled_from([*EVENT, "time", "subject", "traceparent", "ext"]) | st.text(max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just({}) | st.just([])


@given(st.dictionaries(KEYS, SCALARS, max_size=6))
def test_any_object_is_read_or_refused(changes):
    try:
        event = envelope.parse({**EVENT, **changes})
    except EnvelopeError:
        return
    assert envelope.parse(json.loads(json.dumps(event.to_dict()))) == event


def issuer(**changes):
    shared = {"source": "/odoo/u/1", "type": "finance.invoice.posted.v1", "time": NOW, "dataschema": "https://h/s"}
    return envelope.Issuer(**{**shared, **changes})


@given(
    subject=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40),
    data=st.dictionaries(st.text(max_size=5), st.none() | st.integers(-9, 9) | st.text(max_size=5)),
    causationid=st.none() | st.just("c"),
    traceparent=st.none() | st.sampled_from([TRACE, "rubbish"]),
)
def test_an_issuer_writes_what_build_writes(subject, data, causationid, traceparent):
    one = {"id": "1", "subject": subject, "correlationid": "f", "causationid": causationid, "traceparent": traceparent}
    built = envelope.build(
        source="/odoo/u/1",
        type="finance.invoice.posted.v1",
        time=NOW,
        dataschema="https://h/s",
        partitionkey=subject,
        data=data,
        **one,
    )
    assert issuer().body(data=data, **one) == built.to_bytes()


@pytest.mark.parametrize("changes", [{"type": "finance.invoice.posted"}, {"source": ""}, {"dataschema": "a\nb"}])
def test_an_issuer_refuses_what_receivers_could(changes):
    with pytest.raises(EnvelopeError):
        issuer(**changes)


@pytest.mark.parametrize("changes", [{"id": ""}, {"subject": "x" * 256}, {"correlationid": "a\x00"}])
def test_an_issuer_refuses_a_body_that_receivers_could(changes):
    with pytest.raises(EnvelopeError):
        issuer().body(**{"id": "1", "subject": "s", "data": {}, **changes})
