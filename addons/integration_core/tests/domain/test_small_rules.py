"""Hashing, approval, chains and problem documents."""

import hashlib
import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import chain, hashing, problems
from integration_core.domain.schema import Violation


class TestHashing:
    HASHER = hashing.KeyedHasher(b"k" * 32)

    def test_body_digest(self):
        assert hashing.body_digest(b"abc") == hashlib.sha256(b"abc").hexdigest()

    @given(st.text(), st.text(), st.text(), st.text())
    def test_equal_only_for_equal_scope_and_text(self, scope, text, other_scope, other_text):
        same = self.HASHER.hash(text, scope=scope) == self.HASHER.hash(other_text, scope=other_scope)
        assert same == ((scope, text) == (other_scope, other_text))

    def test_keyed(self):
        other = hashing.KeyedHasher(b"o" * 32)
        assert other.hash("MRN-7", scope="ehr") != self.HASHER.hash("MRN-7", scope="ehr")
        assert "k" * 8 not in repr(self.HASHER)
        with pytest.raises(ValueError, match="32"):
            hashing.KeyedHasher(b"short")


class TestChain:
    def test_a_flow_of_its_own(self):
        assert chain.root("a") == chain.Chain("a", "a", None, 1)

    def test_what_the_sender_named(self):
        assert chain.root("a", correlation_id="f", causation_id="z") == chain.Chain("a", "f", "z", 1)

    def test_child(self):
        assert chain.child(chain.root("a", correlation_id="f"), "b") == chain.Chain("b", "f", "a", 2)

    def test_sixteen_events_pass_and_the_seventeenth_parks(self):
        link = chain.root("0")
        for number in range(1, 16):
            link = chain.child(link, str(number))
        assert (link.length, link.too_long) == (16, False)
        assert chain.child(link, "16").too_long
        assert (chain.is_too_long(link.length - 1), chain.is_too_long(link.length)) == (False, True)

    def test_own_events_never_cause_own_events(self):
        own, other = "integration.delivery.dead_lettered.v1", "finance.invoice.posted.v1"
        assert not chain.may_cause(own, "integration.endpoint.disabled.v1")
        assert chain.may_cause(own, other)
        assert chain.may_cause(other, own)
        assert chain.may_cause("integrations.a.b.v1", own)


class TestProblems:
    def test_document(self):
        errors = [Violation("/data/lines/0/quantity", "is required")]
        document = problems.build("schema-violation", detail="d", instance="/i", errors=errors, extra=1)
        assert document == {
            "type": "/integration/v1/problems/schema-violation",
            "title": "The event does not satisfy its schema",
            "status": 422,
            "detail": "d",
            "instance": "/i",
            "errors": [{"pointer": "/data/lines/0/quantity", "detail": "is required"}],
            "extra": 1,
        }

    @pytest.mark.parametrize(
        ("segment", "status"),
        [
            ("body-too-large", 413),
            ("signature-rejected", 401),
            ("rate-limited", 429),
            ("unsupported-media-type", 415),
            ("id-conflict", 409),
            ("malformed-body", 400),
            ("malformed-event", 400),
            ("schema-violation", 422),
            ("event-type-not-granted", 403),
            ("not-ready", 503),
            ("not-found", 404),
            ("method-not-allowed", 405),
        ],
    )
    def test_every_segment_of_the_contract(self, segment, status):
        document = problems.build(segment)
        assert document["status"] == status
        assert HTTPStatus(status)
        problem = problems.PROBLEMS[segment]
        assert problem.help
        assert problem.sender_should_retry == (status in (401, 429, 503))

    def test_no_others(self):
        assert len(problems.PROBLEMS) == 12
        with pytest.raises(KeyError):
            problems.build("other")

    def test_one_body_for_every_401(self):
        document = json.loads(problems.SIGNATURE_REJECTED)
        assert document["status"] == 401
        assert document["instance"] == "/integration/v1/inbound"
        assert "WWW-Authenticate" in problems.SIGNATURE_REJECTED_HEADERS
