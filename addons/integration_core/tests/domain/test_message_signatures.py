"""HTTP message signatures: the RFC's own examples, another implementation, and every way in which we are strict."""

import base64
import datetime
from dataclasses import dataclass, replace

import http_message_signatures as reference
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import profiles
from integration_core.domain.profiles import content_digest, message_signatures
from integration_core.domain.profiles.examples import AROUND, Example, Holder
from integration_core.domain.profiles.settings import Profile, Settings
from integration_core.domain.signing import Accepted, Cause, PrivateKey, Refused, Secret

NOW = 1_800_000_000
BODY = b'{"specversion":"1.0"}'
RFC9421 = Settings(Profile.RFC9421)
SECRET = Holder()
PRIVATE = Holder(PrivateKey.generate())
COVERED = ("@method", "@path", "content-digest")


def request(body=BODY, **headers):
    given = {
        "content-type": "application/cloudevents+json",
        "content-digest": content_digest.of(body),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return Example(RFC9421, (SECRET.verify_key(Profile.RFC9421),), body, given)


def signed(message, *, covered=COVERED, created=NOW, key_id="key_example", holder=SECRET, label="sig1"):
    made = message_signatures.sign(
        message,
        holder.key,
        key_id=key_id,
        created=created,
        covered=covered,
        base_url=message.around.base_url,
        label=label,
    )
    return replace(message, headers={**message.headers, **made})


def resigned(message, parameters, *, holder=SECRET, names=COVERED):
    """Sign with the text of the parameters as it is given."""
    base = message_signatures.signature_base(message, names, parameters, message.around.base_url)
    raw = message_signatures.hmac.digest(holder.key.raw, base, "sha256")
    made = {"signature-input": f"s={parameters}", "signature": f"s=:{base64.b64encode(raw).decode()}:"}
    return replace(message, headers={**message.headers, **made})


def verify(message, **given):
    how = {"settings": RFC9421, "keys": message.keys, "now": NOW, "around": message.around, **given}
    return profiles.verify(message, **how)


def refused(message, **given):
    verdict = verify(message, **given)
    assert isinstance(verdict, Refused), verdict
    return verdict.cause


# -- the examples of RFC 9421, appendix B -----------------------------------------------------------------------------

TEST_REQUEST = Example(
    RFC9421,
    (),
    b'{"hello": "world"}',
    {
        "host": "example.com",
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "content-type": "application/json",
        "content-digest": "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXv"
        "Jwew==:",
        "content-length": "18",
    },
    target="/foo?param=Value&Pet=dog",
    around=profiles.Surroundings("https://example.com"),
)
SHARED_SECRET = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
ED25519_SEED = base64.urlsafe_b64decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU=")
ED25519_PUBLIC = base64.urlsafe_b64decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs=")


class TestExamplesOfTheRfc:
    def test_b_2_5_hmac(self):
        parameters = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
        names = ["date", "@authority", "content-type"]
        base = message_signatures.signature_base(TEST_REQUEST, names, parameters, "https://example.com")
        assert base == (
            b'"date": Tue, 20 Apr 2021 02:07:55 GMT\n'
            b'"@authority": example.com\n'
            b'"content-type": application/json\n'
            b'"@signature-params": ' + parameters.encode()
        )
        made = message_signatures.hmac.digest(SHARED_SECRET, base, "sha256")
        assert base64.b64encode(made) == b"pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="

    def test_b_2_6_ed25519(self):
        names = ["date", "@method", "@path", "@authority", "content-type", "content-length"]
        quoted = " ".join(f'"{name}"' for name in names)
        parameters = f'({quoted});created=1618884473;keyid="test-key-ed25519"'
        base = message_signatures.signature_base(TEST_REQUEST, names, parameters, "https://example.com")
        assert b'"@path": /foo\n' in base
        key = PrivateKey(ED25519_SEED)
        assert key.public_key().raw == ED25519_PUBLIC
        assert base64.b64encode(key.signer.sign(base)) == (
            b"wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
        )

    def test_derived_components(self):
        values = {
            name: message_signatures._component(TEST_REQUEST, name, "https://Example.com:443")
            for name in ("@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query")
        }
        assert values == {
            "@method": "POST",
            "@target-uri": "https://example.com/foo?param=Value&Pet=dog",
            "@authority": "example.com",
            "@scheme": "https",
            "@request-target": "/foo?param=Value&Pet=dog",
            "@path": "/foo",
            "@query": "?param=Value&Pet=dog",
        }
        bare = replace(TEST_REQUEST, target="")
        assert message_signatures._component(bare, "@path", "") == "/"
        assert message_signatures._component(bare, "@query", "") == "?"
        for name in ("@authority", "@scheme", "@target-uri"):
            for base_url in ("", "ftp://x", "https://", "https://[", "odoo"):
                assert message_signatures._component(bare, name, base_url) is None

    def test_content_digest(self):
        """RFC 9530, appendix B; RFC 9421, B.2."""
        assert content_digest.holds(TEST_REQUEST.headers["content-digest"], b'{"hello": "world"}')
        assert content_digest.of(b'{"hello": "world"}') == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"


# -- another implementation -------------------------------------------------------------------------------------------


@dataclass
class TheirRequest:
    method: str
    url: str
    headers: dict


class TheirKeys(reference.HTTPSignatureKeyResolver):
    def __init__(self, holder):
        self.key = holder.key.raw if isinstance(holder.key, Secret) else holder.key.signer

    def resolve_private_key(self, key_id):
        return self.key

    def resolve_public_key(self, key_id):
        return self.key if isinstance(self.key, bytes) else self.key.public_key()


HOLDERS = [
    (SECRET, reference.algorithms.HMAC_SHA256),
    (PRIVATE, reference.algorithms.ED25519),
]


@pytest.mark.parametrize(("holder", "algorithm"), HOLDERS)
@pytest.mark.parametrize("include_alg", [True, False])
def test_what_another_implementation_signs_is_accepted(holder, algorithm, include_alg):
    ours = replace(request(webhook_id="m-1"), keys=(holder.verify_key(Profile.RFC9421),))
    theirs = TheirRequest("POST", AROUND.base_url + ours.target, dict(ours.headers))
    reference.HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=TheirKeys(holder)).sign(
        theirs,
        key_id="key_example",
        created=datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc),
        nonce="n",
        include_alg=include_alg,
        use_existing_digest=True,
        covered_component_ids=("@method", "@target-uri", "@authority", "content-digest", "webhook-id"),
    )
    sent = {name.lower(): value for name, value in theirs.headers.items()}
    verdict = verify(replace(ours, headers=sent))
    assert isinstance(verdict, Accepted), verdict
    assert (verdict.message_id, verdict.timestamp) == ("m-1", NOW)


@pytest.mark.parametrize(("holder", "algorithm"), HOLDERS)
def test_another_implementation_accepts_what_we_sign(holder, algorithm):
    covered = (*COVERED, "webhook-id", "@authority")
    ours = signed(request(webhook_id="m-1"), covered=covered, holder=holder, created=1_700_000_000)
    theirs = TheirRequest("POST", AROUND.base_url + ours.target, {k.title(): v for k, v in ours.headers.items()})
    verifier = reference.HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=TheirKeys(holder))
    found = verifier.verify(theirs, max_age=datetime.timedelta(days=36500), body=BODY)
    assert len(found) == 1


# -- strictness -------------------------------------------------------------------------------------------------------


class TestWhatMustBeCovered:
    @pytest.mark.parametrize(
        "covered",
        [
            ("@method", "@target-uri", "content-digest"),
            ("@method", "@request-target", "content-digest"),
            (*COVERED, "content-type", "@scheme", "@query"),
        ],
    )
    def test_enough(self, covered):
        verdict = verify(signed(request(), covered=covered))
        assert verdict.covered == frozenset(covered)

    @pytest.mark.parametrize(
        "covered",
        [
            (),
            ("@path", "content-digest"),
            ("@method", "content-digest"),
            ("@method", "@path"),
            ("@method", "@authority", "content-digest"),
            ("@method", "@query", "content-digest"),
        ],
    )
    def test_too_little(self, covered):
        assert refused(signed(request(), covered=covered)) is Cause.NOT_COVERED

    def test_a_query(self):
        with_query = replace(request(), target="/integration/v1/inbound/ehr?a=b")
        assert refused(signed(with_query)) is Cause.NOT_COVERED
        assert isinstance(verify(signed(with_query, covered=(*COVERED, "@query"))), Accepted)
        assert isinstance(verify(signed(with_query, covered=("@method", "@target-uri", "content-digest"))), Accepted)

    def test_an_id_that_is_sent(self):
        message = request(webhook_id="m-1")
        assert refused(signed(message)) is Cause.NOT_COVERED
        assert verify(signed(message, covered=(*COVERED, "webhook-id"))).message_id == "m-1"
        assert refused(signed(request(webhook_id="a.b"), covered=(*COVERED, "webhook-id"))) is Cause.BAD_MESSAGE_ID

    def test_the_event_id_counts_only_where_it_is_covered(self):
        message = request(ce_id="evt-1")
        assert verify(signed(message, covered=(*COVERED, "ce-id"))).message_id == "evt-1"
        assert verify(signed(message)).message_id.startswith("sha256-")

    @pytest.mark.parametrize(
        "name", ["webhook-timestamp", "X-Upper", "@query-param", "@status", "@", "", "a\n", "@nothing"]
    )
    def test_a_component_that_is_not_there(self, name):
        message = request()
        with pytest.raises(ValueError, match="not there"):
            signed(message, covered=(*COVERED, name))
        assert message_signatures.signature_base(message, [*COVERED, name], "()", "https://x") is None

    @pytest.mark.parametrize("value", ["a\nb", "a\r\nb", "ü", "a\0b", "\x7f"])
    def test_a_value_that_could_be_another_line(self, value):
        assert message_signatures.signature_base(request(x=value), ["x"], "()", "") is None

    @pytest.mark.parametrize("parameter", [";sf", ";bs", ";req", ";tr", ';key="a"'])
    def test_components_with_parameters_are_not_supported(self, parameter):
        message = signed(request())
        text = message.headers["signature-input"].replace('"content-digest"', f'"content-digest"{parameter}')
        changed = replace(message, headers={**message.headers, "signature-input": text})
        assert refused(changed) is Cause.NOT_COVERED

    @pytest.mark.parametrize("item", ['"content-type";bs', "1", "content-type"])
    def test_nothing_that_we_do_not_understand_is_left_out(self, item):
        text = f'("@method" "@path" "content-digest" {item});created={NOW};keyid="key_example"'
        assert refused(resigned(request(), text)) is Cause.NOT_COVERED

    def test_named_twice(self):
        text = '("@method" "@path" "content-digest" "@method");created=1800000000;keyid="key_example"'
        message = request()
        headers = {**message.headers, "signature-input": f"s={text}", "signature": "s=:AAAA:"}
        assert refused(replace(message, headers=headers)) is Cause.NOT_COVERED


class TestParameters:
    QUOTED = '("@method" "@path" "content-digest")'

    @pytest.mark.parametrize(
        ("given", "cause"),
        [
            (';created={now};keyid="key_example"', None),
            (';keyid="key_example";created={now}', None),
            (';created={now};keyid="key_example";nonce="n";tag="t";expires={later};other=?0;alg="hmac-sha256"', None),
            (';keyid="key_example"', Cause.NOT_COVERED),
            (";created={now}", Cause.NOT_COVERED),
            (";created={now};keyid=key_example", Cause.NOT_COVERED),
            (';created="{now}";keyid="key_example"', Cause.NOT_COVERED),
            (';created={now}.0;keyid="key_example"', Cause.NOT_COVERED),
            (';created=-1;keyid="key_example"', Cause.NOT_COVERED),
            (';created=?1;keyid="key_example"', Cause.NOT_COVERED),
            (';created={now};keyid="key_example";nonce=1', Cause.NOT_COVERED),
            (';created={now};keyid="key_example";expires="x"', Cause.NOT_COVERED),
            (';created={now};keyid="key_example";alg=hmac-sha256', Cause.NOT_COVERED),
            (';created={now};keyid="key_example";alg="ed25519"', Cause.NO_MATCH),
            (';created={now};keyid="key_example";alg="none"', Cause.NO_MATCH),
            (';created={now};keyid="KEY_EXAMPLE"', Cause.UNKNOWN_KEY),
            (';created={now};keyid="decoy"', Cause.UNKNOWN_KEY),
            (';created={now};keyid="key_example";expires={earlier}', Cause.TOO_OLD),
            (';created={earlier};keyid="key_example"', Cause.TOO_OLD),
            (';created={ahead};keyid="key_example"', Cause.IN_FUTURE),
            (';created={now};created={now};keyid="key_example"', Cause.BAD_SIGNATURE_HEADER),
        ],
    )
    def test_each(self, given, cause):
        text = self.QUOTED + given.format(now=NOW, later=NOW + 1, earlier=NOW - 301, ahead=NOW + 301)
        verdict = verify(resigned(request(), text))
        assert (verdict.cause if isinstance(verdict, Refused) else None) is cause, verdict

    def test_spaces_that_are_not_canonical_do_not_matter(self):
        """RFC 9421 §3.2: what is signed is the list as it is written canonically."""
        message = signed(request())
        text = message.headers["signature-input"].replace('"@method" ', ' "@method"   ')
        assert isinstance(verify(replace(message, headers={**message.headers, "signature-input": text})), Accepted)


class TestSeveralSignatures:
    def both(self, first, second):
        names = ("signature-input", "signature")
        return replace(
            first, headers={**first.headers, **{n: f"{first.headers[n]}, {second.headers[n]}" for n in names}}
        )

    def test_one_that_verifies_is_enough(self):
        message = request()
        good = signed(message)
        strange = signed(message, holder=Holder(), label="proxy")
        too_little = signed(message, covered=("@method",), label="other")
        for mixed in (self.both(strange, good), self.both(good, strange), self.both(too_little, good)):
            assert isinstance(verify(mixed), Accepted)

    def test_the_covered_headers_are_those_of_the_one_that_verified(self):
        message = request(ce_id="forged")
        forged = signed(message, holder=Holder(), covered=(*COVERED, "ce-id"), label="proxy")
        verdict = verify(self.both(forged, signed(message)))
        assert verdict.covered == frozenset(COVERED)
        assert verdict.message_id != "forged"

    def test_not_endlessly_many(self):
        message = signed(request())
        text = ", ".join(f"{message.headers['signature-input']}".replace("sig1", f"s{number}") for number in range(9))
        many = replace(message, headers={**message.headers, "signature-input": text})
        assert refused(many) is Cause.BAD_SIGNATURE_HEADER

    @pytest.mark.parametrize(
        ("signature_input", "signature", "cause"),
        [
            ("", "sig1=:AAAA:", Cause.MISSING_HEADER),
            ("sig1=()", "", Cause.MISSING_HEADER),
            ("sig1=(", "sig1=:AAAA:", Cause.BAD_SIGNATURE_HEADER),
            ("sig1=()", "sig1=AAAA==", Cause.BAD_SIGNATURE_HEADER),
            ("sig1=()", "sig1=:AAB=:", Cause.BAD_SIGNATURE_HEADER),
            ("sig1=1", "sig1=:AAAA:", Cause.NOT_COVERED),
            ("sig1=()", "sig2=:AAAA:", Cause.NOT_COVERED),
            ("sig1=()", "sig1=AAAA", Cause.NOT_COVERED),
            ("sig1=(1 2)", "sig1=:AAAA:", Cause.NOT_COVERED),
        ],
    )
    def test_malformed(self, signature_input, signature, cause):
        message = request()
        headers = {**message.headers, "signature-input": signature_input, "signature": signature}
        assert refused(replace(message, headers=headers)) is cause


class TestContentDigest:
    @pytest.mark.parametrize(
        "field",
        [
            "sha-256=:AAAA:",
            "sha-256",
            "sha-256=(:AAAA:)",
            "md5=:AAAA:",
            "sha=:AAAA:",
            "{good}, sha-512=:AAAA:",
            "{good},",
            "{text}",
            "{other}",
        ],
    )
    def test_wrong(self, field):
        good = content_digest.of(BODY)
        text = f'sha-256="{good[9:-1]}"'
        value = field.format(good=good, text=text, other=content_digest.of(BODY + b"x"))
        message = request(content_digest=value)
        assert refused(signed(message)) is Cause.BAD_DIGEST

    @pytest.mark.parametrize("field", ["{a}", "{b}", "{a}, {b}", "{a}, md5=:AAAA:", "unixsum=1, {b}"])
    def test_right(self, field):
        value = field.format(a=content_digest.of(BODY), b=content_digest.of(BODY, "sha-512"))
        assert isinstance(verify(signed(request(content_digest=value))), Accepted)

    def test_of_nothing(self):
        assert isinstance(verify(signed(replace(request(b""), method="GET"))), Accepted)

    def test_missing(self):
        message = signed(request())
        headers = {name: value for name, value in message.headers.items() if name != "content-digest"}
        assert refused(replace(message, headers=headers)) is Cause.MISSING_HEADER


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "PUT"},
        {"target": "/integration/v1/inbound/other"},
        {"target": "/integration/v1/inbound/%65hr"},
    ],
)
def test_the_same_signature_elsewhere(changes):
    assert refused(replace(signed(request()), **changes)) is Cause.NO_MATCH


def test_host_and_scheme_are_ours_and_not_the_requests():
    message = signed(request(host="evil.example"), covered=(*COVERED, "@authority", "@scheme"))
    assert isinstance(verify(message), Accepted)
    assert refused(message, around=profiles.Surroundings("https://other.example.org")) is Cause.NO_MATCH
    assert refused(message, around=profiles.NOWHERE) is Cause.NOT_COVERED


@given(st.sampled_from(["@method", "@path", "content-digest", "content-type", "webhook-id"]), st.text(max_size=10))
def test_any_change_of_what_is_covered_is_refused(name, text):
    covered = (*COVERED, "content-type", "webhook-id")
    message = signed(request(webhook_id="m-1"), covered=covered)
    if name == "@method":
        changed = replace(message, method=text)
    elif name == "@path":
        changed = replace(message, target=text)
    else:
        changed = replace(message, headers={**message.headers, name: text})
    same = (changed.method, changed.target) == (message.method, message.target)
    same = same and {k: v.strip(" \t") for k, v in changed.headers.items()} == dict(message.headers)
    assert isinstance(verify(changed), Accepted if same else Refused)
