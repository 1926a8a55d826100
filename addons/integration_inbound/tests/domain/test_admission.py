"""Admission: the contract's order of checks, bounded reading, and headers as partners really send them."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_inbound.domain import admission
from integration_inbound.domain.admission import BodyProblem, MediaType, Refusal, Request, Seen

JSON_TYPE = "application/cloudevents+json"


@dataclass
class FakeGate:
    """Answers what the test says and writes down what it was asked, in order."""

    party: str | None = "ehr"
    limited: Refusal | None = None
    limit: int = 1000
    seen_messages: dict = field(default_factory=dict)
    judgement: object = "event"
    seen_events: dict = field(default_factory=dict)
    ready: bool = True
    stored: object = "uuid"
    asked: list = field(default_factory=list)

    def authenticate(self, request):
        self.asked.append("authenticate")
        return self.party and admission.Verified(self.party, request.headers["webhook-id"], request)

    def take_rate(self, party):
        self.asked.append("rate")
        return self.limited

    def body_limit(self, party):
        self.asked.append("limit")
        return self.limit

    def digest(self, body):
        return hashlib.sha256(body).hexdigest()

    def seen_message(self, party, message_id):
        self.asked.append("seen_message")
        return self.seen_messages.get(message_id)

    def judge(self, party, body):
        self.asked.append("judge")
        return self.judgement

    def seen_event(self, party, event):
        self.asked.append("seen_event")
        return self.seen_events.get(event)

    def is_ready(self):
        self.asked.append("ready")
        return self.ready

    def store(self, party, event, body, message_id):
        self.asked.append("store")
        return self.stored


HEADERS = {"webhook-id": "m1", "content-type": JSON_TYPE}
REQUEST = Request("ehr", HEADERS, b"{}")


def changed(body=b"{}", **headers):
    """Return the request with other headers (None: without this one) and another body."""
    given = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request("ehr", {name: value for name, value in given.items() if value is not None}, body)


SAME = Seen("first", hashlib.sha256(b"{}").hexdigest())
OTHER = Seen("first", hashlib.sha256(b"[]").hexdigest())


def admit(request=REQUEST, **facts):
    gate = FakeGate(**facts)
    return admission.admit(request, gate), gate.asked


def test_accepted():
    outcome, asked = admit()
    assert asked == ["authenticate", "rate", "limit", "judge", "ready", "store"]  # nothing is looked up
    assert (outcome.outcome, outcome.event_uuid, outcome.party, outcome.body) == ("accepted", "uuid", "ehr", b"{}")
    assert outcome.is_received
    assert not outcome.is_kept


def broken_from(step):
    """Every fact from ``step`` on is bad, so only the order decides which problem is answered."""
    facts = {
        "authenticate": {"party": None},
        "rate": {"limited": Refusal("rate-limited", "rate")},
        "media": {},
        "limit": {"limit": 1},
        "seen_message": {"seen_messages": {"m1": OTHER}},
        "judge": {"judgement": Refusal("malformed-body", "syntax")},
        "seen_event": {"seen_events": {"event": OTHER}},
        "ready": {"ready": False},
    }
    names = list(facts)
    chosen = names[names.index(step) :]
    merged = {key: value for name in chosen for key, value in facts[name].items()}
    request = changed(content_type="text/plain") if "media" in chosen else REQUEST
    return request, merged


@pytest.mark.parametrize(
    ("step", "segment", "received"),
    [
        ("authenticate", "signature-rejected", False),
        ("rate", "rate-limited", False),
        ("media", "unsupported-media-type", True),
        ("limit", "body-too-large", False),
        ("seen_message", "id-conflict", True),
        ("judge", "malformed-body", True),
        ("seen_event", "id-conflict", True),
        ("ready", "not-ready", False),
    ],
)
def test_the_first_check_that_fails_answers(step, segment, received):
    request, facts = broken_from(step)
    outcome, asked = admit(request, **facts)
    assert outcome.outcome == "refused"
    assert outcome.refusal.segment == segment
    assert "store" not in asked
    assert outcome.is_received == received
    assert outcome.is_kept == received


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("facts", [{"seen_messages": {"m1": SAME}}, {"seen_events": {"event": SAME}}])
def test_the_same_message_again_is_a_duplicate_of_the_first(facts, ready):
    outcome, _asked = admit(**facts, ready=ready, stored=None)
    assert (outcome.outcome, outcome.event_uuid) == ("duplicate", "first")
    assert outcome.is_received
    assert not outcome.is_kept


def test_what_was_not_stored_and_is_not_found_either_is_to_come_again():
    outcome, _asked = admit(stored=None)
    assert (outcome.outcome, outcome.refusal.segment) == ("refused", "not-ready")


def step_by_step(facts):
    """Return what the contract's table answers from the row ``webhook-id`` on, one row after the other."""
    message, event = facts["seen_messages"].get("m1"), facts["seen_events"].get("event")
    if message:
        return ("duplicate", "first") if message is SAME else ("refused", "id_conflict_webhook_id")
    if isinstance(facts["judgement"], Refusal):
        return ("refused", "syntax")
    if event:
        return ("duplicate", "first") if event is SAME else ("refused", "id_conflict_source_id")
    return ("accepted", "uuid") if facts["ready"] else ("refused", "backlog")


@given(
    st.fixed_dictionaries(
        {
            "seen_messages": st.sampled_from([{}, {"m1": SAME}, {"m1": OTHER}]),
            "judgement": st.sampled_from(["event", Refusal("malformed-body", "syntax")]),
            "seen_events": st.sampled_from([{}, {"event": SAME}, {"event": OTHER}]),
            "ready": st.booleans(),
        }
    )
)
def test_storing_first_answers_as_asking_first_would(facts):
    new = not facts["seen_messages"] and not facts["seen_events"]
    outcome, asked = admit(**facts, stored="uuid" if new else None)
    code = outcome.refusal.code if outcome.refusal else outcome.event_uuid
    assert (outcome.outcome, code) == step_by_step(facts)
    assert ("store" in asked) == (facts["ready"] and facts["judgement"] == "event")


def test_a_refused_message_is_nothing_to_authenticate_again():
    outcome, _asked = admit(party=None)
    assert outcome.party is None
    assert not outcome.is_kept


def test_same_body_is_judged_after_decoding():
    request = changed(gzip.compress(b"{}"), content_encoding="gzip")
    outcome, _asked = admit(request, seen_messages={"m1": SAME}, stored=None)
    assert (outcome.outcome, outcome.body) == ("duplicate", b"{}")


def test_not_ready_says_when_to_come_back():
    outcome, _asked = admit(ready=False)
    assert outcome.refusal.headers == {"Retry-After": "30"}


class TestDecoding:
    def decode(self, limit=10, **changes):
        return admission.decode_body(changed(**changes), limit)

    def test_plain(self):
        assert self.decode(body=b"x" * 10) == b"x" * 10
        assert self.decode(body=b"x" * 11).segment == "body-too-large"

    def test_gzip(self):
        assert self.decode(body=gzip.compress(b"x" * 10), content_encoding="GZIP") == b"x" * 10
        assert self.decode(body=gzip.compress(b"x" * 11), content_encoding="gzip").segment == "body-too-large"
        assert self.decode(body=b"{}", content_encoding="gzip").segment == "unsupported-media-type"

    @pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "gzip,", "*"])
    def test_other_encodings(self, encoding):
        assert self.decode(content_encoding=encoding).code == "content_encoding"


class TestGunzip:
    def test_members(self):
        two = gzip.compress(b"one") + gzip.compress(b"two")
        assert admission.gunzip(two, 6) == b"onetwo"
        assert admission.gunzip(two, 5) is BodyProblem.TOO_LARGE
        assert admission.gunzip(gzip.compress(b""), 0) == b""

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"{}",
            gzip.compress(b"x")[:-1],
            gzip.compress(b"x") + b"trailing",
            gzip.compress(b"x") + b"\0\0",
            zlib.compress(b"x"),
            gzip.compress(b"x" * 100)[:-5] + b"\0\0\0\0\0",
        ],
    )
    def test_not_gzip(self, raw):
        assert admission.gunzip(raw, 1000) is BodyProblem.UNDECODABLE

    def test_more_members_than_any_sender_needs(self):
        assert admission.gunzip(gzip.compress(b"") * 1000, 10) is BodyProblem.UNDECODABLE

    def test_a_bomb_is_never_inflated(self, monkeypatch):
        sizes = []
        real = zlib.decompressobj

        class Spy:
            def __init__(self, bits):
                self.inner = real(bits)

            def decompress(self, data, most):
                part = self.inner.decompress(data, most)
                sizes.append(len(part))
                return part

            def __getattr__(self, name):
                return getattr(self.inner, name)

        bomb = gzip.compress(b"\0" * 50_000_000)
        monkeypatch.setattr(admission.zlib, "decompressobj", Spy)
        assert admission.gunzip(bomb, 1000) is BodyProblem.TOO_LARGE
        assert sizes == [1001]

    @given(st.binary(), st.integers(0, 50))
    def test_round_trip_within_the_limit(self, data, limit):
        found = admission.gunzip(gzip.compress(data), limit)
        assert found == (data if len(data) <= limit else BodyProblem.TOO_LARGE)

    @given(st.binary())
    def test_never_raises(self, raw):
        admission.gunzip(raw, 100)


class TestContentType:
    @pytest.mark.parametrize(
        "text",
        [
            JSON_TYPE,
            "Application/CloudEvents+JSON",
            f"{JSON_TYPE}; charset=utf-8",
            f'{JSON_TYPE};charset="UTF-8" ; profile=x',
            f" {JSON_TYPE} ;",
        ],
    )
    def test_accepted(self, text):
        assert admission.is_structured_json(text)

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "",
            "application/json",
            "application/cloudevents-batch+json",
            "application/cloudevents+xml",
            f"{JSON_TYPE}, application/json",
            f"{JSON_TYPE}; charset=utf-16",
            f"{JSON_TYPE}; charset",
            f"{JSON_TYPE} x",
            "x" * 2000,
        ],
    )
    def test_refused(self, text):
        assert not admission.is_structured_json(text)

    def test_parameters(self):
        found = admission.parse_media_type('a/B; C=d; e="f;\\"g"; c=second')
        assert found == MediaType("a/b", {"c": "d", "e": 'f;"g'})

    @given(st.text())
    def test_never_raises(self, text):
        admission.parse_media_type(text)
        admission.parse_content_encoding(text)
        admission.parse_media_type("a/b;" + text)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (None, None),
        ("application/cloudevents+json", "application/cloudevents+json"),
        ('Application/CloudEvents+JSON; charset=UTF-8; name="Jane Doe"', "application/cloudevents+json"),
        ("application/cloudevents+json; charset=latin1", "application/cloudevents+json; charset=other"),
        ("text/plain; patient=MRN-7", "text/plain"),
        ("MRN-7/Jane Doe", "application/octet-stream"),
        ("Jane Doe", "application/octet-stream"),
    ],
)
def test_what_is_kept_of_a_content_type_is_judged_as_it_was_and_tells_nothing_else(sent, kept):
    assert admission.kept_content_type(sent) == kept
    assert admission.is_structured_json(sent) == admission.is_structured_json(kept)


@pytest.mark.parametrize(("sent", "kept"), [(None, None), ("GZIP", "gzip"), ("br", "br"), ("Jane Doe", "other")])
def test_what_is_kept_of_a_content_encoding(sent, kept):
    assert admission.kept_content_encoding(sent) == kept
    assert admission.parse_content_encoding(sent) == admission.parse_content_encoding(kept)
