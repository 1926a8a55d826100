"""Every signature profile: what it accepts, each way in which it is strict, and that no input makes it raise."""

import base64
import hashlib
import hmac
import re
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import profiles, signing
from integration_core.domain.book import NOBODY, Key, alike
from integration_core.domain.profiles import body_hmac, client_certificate, examples, timestamped
from integration_core.domain.profiles.examples import Holder, sign_example
from integration_core.domain.profiles.settings import Profile, Settings, is_header_name
from integration_core.domain.signing import (
    Accepted,
    Cause,
    Certificate,
    KeyFormatError,
    PrivateKey,
    Refused,
    Secret,
    TextSecret,
    VerifyKey,
)

NOW = 1_800_000_000
EVER = datetime(2020, 1, 1)
BODY = b'{"specversion":"1.0","id":"1","source":"/systems/ehr"}'
SECRET = Holder()
PRIVATE = Holder(PrivateKey.generate())
TEXT = Holder(TextSecret.parse("It's a Secret to Everybody"))
ALL = [
    (Profile.STANDARD, SECRET),
    (Profile.STANDARD, PRIVATE),
    (Profile.STRIPE, SECRET),
    (Profile.STRIPE, TEXT),
    (Profile.GITHUB, SECRET),
    (Profile.GITHUB, TEXT),
    (Profile.RFC9421, SECRET),
    (Profile.RFC9421, PRIVATE),
    (Profile.MTLS, SECRET),
]
TIMED = [(profile, holder) for profile, holder in ALL if profile not in (Profile.GITHUB, Profile.MTLS)]
SHA = hashlib.sha256(BODY).hexdigest()
IDS = {
    Profile.STANDARD: "msg-1",
    Profile.STRIPE: f"sha256-{SHA}",
    Profile.GITHUB: f"msg-1:{SHA[:32]}",
    Profile.RFC9421: "msg-1",
    Profile.MTLS: "msg-1",
}


def decoys(settings):
    """Return two keys that nobody has, of each kind that the profile can use."""
    return tuple(signing.decoys()[kind] for kind in settings.kinds for _twice in range(2))


def verify(request, **given):
    how = {"settings": request.settings, "keys": request.keys, "now": NOW, "around": request.around, **given}
    return profiles.verify(request, **how)


def refused(request, **given):
    verdict = verify(request, **given)
    assert isinstance(verdict, Refused), verdict
    return verdict.cause


def example(profile, holder=SECRET, body=BODY, **given):
    return sign_example(Settings(profile), body, holder=holder, now=given.pop("now", NOW), **given)


def with_header(request, **headers):
    """Return the request with other headers (None: without this one)."""
    given = {**request.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return replace(request, headers={name: value for name, value in given.items() if value is not None})


class TestEveryProfile:
    @pytest.mark.parametrize(("profile", "holder"), ALL)
    def test_accepted(self, profile, holder):
        verdict = verify(example(profile, holder))
        assert (verdict.key_id, verdict.message_id, verdict.timestamp) == ("key_example", IDS[profile], NOW)

    @pytest.mark.parametrize(("profile", "holder"), ALL)
    def test_signed_again_it_is_the_same_message(self, profile, holder):
        later = verify(example(profile, holder, now=NOW + 60), now=NOW + 60)
        assert later.message_id == verify(example(profile, holder)).message_id

    @pytest.mark.parametrize(("profile", "holder"), ALL)
    def test_another_key(self, profile, holder):
        another = TextSecret.parse("x" * 16) if holder is TEXT else type(holder.key).generate()
        request = example(profile, Holder(another, der=b"another"))
        expected = example(profile, holder)
        assert refused(replace(request, keys=expected.keys)) is Cause.NO_MATCH

    @pytest.mark.parametrize(("profile", "holder"), [row for row in ALL if row[0] is not Profile.MTLS])
    def test_another_body(self, profile, holder):
        cause = refused(replace(example(profile, holder), body=BODY + b" "))
        assert cause is (Cause.BAD_DIGEST if profile is Profile.RFC9421 else Cause.NO_MATCH)

    @pytest.mark.parametrize(("profile", "holder"), ALL)
    def test_without_keys(self, profile, holder):
        assert refused(example(profile, holder), keys=()) is Cause.NO_KEY

    @pytest.mark.parametrize(("profile", "holder"), ALL)
    def test_without_its_proof(self, profile, holder):
        request = example(profile, holder)
        assert refused(with_header(request, **{request.settings.proof_header: None})) is Cause.MISSING_HEADER

    @pytest.mark.parametrize(("profile", "holder"), ALL)
    def test_any_of_several_keys(self, profile, holder):
        request = example(profile, holder)
        others = decoys(request.settings)
        assert verify(request, keys=(*others, *request.keys)).key_id == "key_example"
        assert verify(request, others=others).key_id == "key_example"

    @pytest.mark.parametrize(("profile", "holder"), ALL)
    def test_a_key_that_is_not_valid_now(self, profile, holder):
        request = example(profile, holder)
        assert refused(request, keys=decoys(request.settings), others=request.keys) is Cause.KEY_NOT_VALID
        assert refused(request, keys=(), others=request.keys) is Cause.KEY_NOT_VALID
        assert refused(request, keys=(), others=decoys(request.settings)) is Cause.NO_KEY

    @pytest.mark.parametrize(("profile", "holder"), TIMED)
    def test_the_clock_is_judged_last(self, profile, holder):
        request = example(profile, holder)
        assert isinstance(verify(request, now=NOW + 300), Accepted)
        assert refused(request, now=NOW + 301) is Cause.TOO_OLD
        assert refused(request, now=NOW - 301) is Cause.IN_FUTURE
        assert isinstance(verify(request, now=NOW + 72 * 3600, past_tolerance=72 * 3600), Accepted)
        assert refused(request, now=NOW + 72 * 3600 + 1, past_tolerance=10**9) is Cause.TOO_OLD
        assert refused(request, now=NOW - 301, past_tolerance=10**9) is Cause.IN_FUTURE
        assert refused(replace(request, body=b"x"), now=NOW + 301) is not Cause.TOO_OLD

    @pytest.mark.parametrize(("profile", "holder"), [row for row in ALL if row[0] is not Profile.STANDARD])
    def test_an_id_that_may_not_be_one(self, profile, holder):
        for bad in ("a.b", "", "ü", "x" * 257, "a b"):
            settings = Settings(profile, message_id_header="x-id")
            request = sign_example(settings, BODY, holder=holder, now=NOW, message_id="good")
            if profile is Profile.RFC9421:
                continue  # covered: a changed id is no match, see below
            assert refused(with_header(request, x_id=bad)) is Cause.BAD_MESSAGE_ID, bad

    @pytest.mark.parametrize(("profile", "holder"), ALL)
    def test_the_proof_of_one_profile_is_none_of_another(self, profile, holder):
        request = example(profile, holder)
        for other in Profile:
            if other is not profile:
                settings = Settings(other)
                fitting = tuple(key for key in request.keys if isinstance(key.material, settings.kinds))
                assert refused(request, settings=settings, keys=fitting or decoys(settings))

    @pytest.mark.parametrize("profile", Profile)
    def test_keys_that_the_profile_cannot_use_are_none(self, profile):
        keys = [Key(key, EVER) for key in signing.decoys().values()]
        [found] = alike([replace(NOBODY, signature=Settings(profile), keys=tuple(keys))])
        expected = {
            Profile.STANDARD: {Secret, signing.PublicKey},
            Profile.RFC9421: {Secret, signing.PublicKey},
            Profile.MTLS: {Certificate},
        }
        assert {type(key.verify.material) for key in found.keys} == expected.get(profile, {Secret, TextSecret})

    @pytest.mark.parametrize("profile", [Profile.STANDARD, Profile.RFC9421])
    def test_a_text_signs_nothing_where_secrets_are_bytes(self, profile):
        same_bytes = Holder(Secret(TEXT.key.raw))
        request = example(profile, same_bytes)
        text = VerifyKey("key_example", TEXT.key)
        assert isinstance(verify(request), Accepted)
        assert refused(replace(request, keys=(text,))) in (Cause.NO_MATCH, Cause.UNKNOWN_KEY)
        with pytest.raises(ValueError, match="text"):
            example(profile, TEXT)

    @pytest.mark.parametrize("profile", Profile)
    def test_whoever_has_no_key_has_as_many_decoys_of_the_same_kinds(self, profile):
        """Of everybody with the same profile, whatever keys they really have, a refusal tries the same."""
        kinds = Settings(profile).kinds
        keys = tuple(Key(signing.decoys()[kind], EVER) for kind in kinds for _twice in range(2))
        holder, keyless = (replace(NOBODY, signature=Settings(profile), keys=found) for found in (keys, ()))
        filled = [sorted(str(type(key.verify.material)) for key in one.keys) for one in alike([holder, keyless])]
        assert filled[0] == filled[1]
        assert len(filled[0]) == 2 * len(kinds)


class TestStripe:
    def header(self, *parts):
        request = example(Profile.STRIPE)
        return with_header(request, stripe_signature=",".join(parts))

    @property
    def good(self):
        return timestamped.sign(SECRET.key.text(), NOW, BODY).partition(",")[2]

    def test_one_right_entry_among_others_is_enough(self):
        zeros = "v1=" + "0" * 64
        for parts in (
            (f"t={NOW}", zeros, self.good),
            (self.good, zeros, f"t={NOW}"),
            (f"t={NOW}", "v1=short", "v0=" + "0" * 64, "x", self.good),
            (f"t={NOW}", " " + self.good),
        ):
            assert isinstance(verify(self.header(*parts)), Accepted), parts

    @pytest.mark.parametrize(
        ("parts", "cause"),
        [
            (("{good}",), Cause.BAD_SIGNATURE_HEADER),
            (("t={now}", "t={now}", "{good}"), Cause.BAD_SIGNATURE_HEADER),
            (("t=", "{good}"), Cause.BAD_TIMESTAMP),
            (("t=1e9", "{good}"), Cause.BAD_TIMESTAMP),
            (("t=-1", "{good}"), Cause.BAD_TIMESTAMP),
            (("t=1800000000.0", "{good}"), Cause.BAD_TIMESTAMP),
            (("t=1_800_000_000", "{good}"), Cause.BAD_TIMESTAMP),
            (("t=١٨٠٠", "{good}"), Cause.BAD_TIMESTAMP),
            (("t={now}",), Cause.NO_MATCH),
            (("t={now}", "v1="), Cause.NO_MATCH),
            (("t={now}", "{upper}"), Cause.NO_MATCH),
            (("t={now}", "{good}0"), Cause.NO_MATCH),
            (("t={now}", "{good}ü"), Cause.NO_MATCH),
            (("t={now}", "v2={hex}"), Cause.NO_MATCH),
            (("t={now}", *["v1=x"] * 17), Cause.BAD_SIGNATURE_HEADER),
            (("t={now}", "x" * 2100, "{good}"), Cause.BAD_SIGNATURE_HEADER),
        ],
    )
    def test_strict(self, parts, cause):
        digits = self.good.removeprefix("v1=")
        texts = [part.format(now=NOW, good=self.good, hex=digits, upper=f"v1={digits.upper()}") for part in parts]
        assert refused(self.header(*texts)) is cause

    def test_the_secret_is_a_text_here(self):
        raw_key = hmac.digest(SECRET.key.raw, f"{NOW}.".encode() + BODY, "sha256").hex()
        assert refused(self.header(f"t={NOW}", f"v1={raw_key}")) is Cause.NO_MATCH

    def test_an_unsigned_id_is_joined_with_the_digest_of_the_body(self):
        settings = Settings(Profile.STRIPE, message_id_header="x-id")
        one = sign_example(settings, BODY, holder=SECRET, now=NOW, message_id="m")
        other = sign_example(settings, b"other", holder=SECRET, now=NOW, message_id="m")
        assert verify(one).message_id == f"m:{SHA[:32]}"
        assert verify(one).message_id != verify(other).message_id
        assert len(verify(with_header(one, x_id="x" * 200)).message_id) <= 256
        assert refused(with_header(one, x_id="x" * 201)) is Cause.BAD_MESSAGE_ID

    def test_the_header_may_have_another_name(self):
        settings = Settings(Profile.STRIPE, signature_header="x-vendor-signature")
        request = sign_example(settings, BODY, holder=SECRET, now=NOW)
        assert "x-vendor-signature" in request.headers
        assert isinstance(verify(request), Accepted)
        assert refused(request, settings=Settings(Profile.STRIPE)) is Cause.MISSING_HEADER


class TestGithub:
    @pytest.mark.parametrize(
        "header",
        [
            "{hex}",
            "sha1={hex}",
            "sha256={upper}",
            "SHA256={hex}",
            "sha256={hex} ",
            "sha256={hex},sha256={hex}",
            "sha256={hex}\n",
            "sha256=",
            "sha256=" + "0" * 63,
        ],
    )
    def test_strict(self, header):
        digits = body_hmac.sign(SECRET.key.text(), BODY).removeprefix("sha256=")
        request = example(Profile.GITHUB)
        changed = with_header(request, x_hub_signature_256=header.format(hex=digits, upper=digits.upper()))
        assert refused(changed) is Cause.BAD_SIGNATURE_HEADER

    def test_a_request_without_a_body_proves_nothing(self):
        assert refused(example(Profile.GITHUB, body=b"")) is Cause.NOTHING_SIGNED
        assert refused(example(Profile.GITHUB, body=b"", method="GET")) is Cause.NOTHING_SIGNED

    def test_another_id_beside_the_same_body_is_another_message_and_no_others(self):
        first = verify(example(Profile.GITHUB))
        captured = verify(with_header(example(Profile.GITHUB), x_github_delivery="of-another"))
        honest = verify(example(Profile.GITHUB, body=b"another", message_id="of-another"))
        assert len({first.message_id, captured.message_id, honest.message_id}) == 3

    def test_known_value(self):
        """The example of GitHub's documentation on validating webhook deliveries."""
        assert body_hmac.sign("It's a Secret to Everybody", b"Hello, World!") == (
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        )

    def test_the_known_value_is_accepted(self):
        headers = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
        headers["x-github-delivery"] = "1"
        known = replace(example(Profile.GITHUB, TEXT), body=b"Hello, World!", headers=headers)
        assert isinstance(verify(known), Accepted)


class TestTextSecrets:
    """What a sender keeps as a text is keyed with the UTF-8 bytes of that text, whatever it looks like."""

    # Of (text, body) signed at 1800000000; made with `openssl dgst -sha256 -hmac "$TEXT"`.
    STRIPE = [
        (
            "whsec_5Wj0GqTzbXnYvK2rLd8mPcQeHs4uAf1i",
            "2c58689d4449d8276864f59f54c03a4cea2453f7244403e5acac74cdedabc199",
        ),
        ("Zwölf Boxkämpfer jagen", "5fb463532a83335b540e1193a5a5234102c8acf70c01494c153e88e9e7b81578"),
        ("0123456789abcdef" * 16, "7b41bfea10565c3e80d0748a42f7ef2ba7f6f015be2419be23fdd4a97c30d472"),
    ]

    @pytest.mark.parametrize(("text", "digest"), STRIPE)
    def test_known_values(self, text, digest):
        request = example(Profile.STRIPE, Holder(TextSecret.parse(text)))
        signed = with_header(request, stripe_signature=f"t={NOW},v1={digest}")
        assert isinstance(verify(signed), Accepted)

    def test_a_text_that_begins_like_a_secret_is_not_decoded(self):
        shown = Secret.generate().text()
        assert TextSecret.parse(shown).raw == shown.encode() != Secret.parse(shown).raw
        assert isinstance(verify(example(Profile.STRIPE, Holder(TextSecret.parse(shown)))), Accepted)

    @pytest.mark.parametrize("text", ["x" * 16, "ö" * 8, "x" * 256, "a b c d e f g h i"])
    def test_lengths_that_do(self, text):
        assert TextSecret.parse(text).text() == text

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x" * 15,
            "ö" * 7,
            "x" * 257,
            " " + "x" * 20,
            "x" * 20 + " ",
            "x" * 20 + "\n",
            "x" * 10 + "\t" + "x" * 10,
            "x" * 10 + "\0" + "x" * 10,
            "\ud800" * 20,
        ],
    )
    def test_what_is_no_text_of_a_sender_is_refused_without_repeating_it(self, text):
        with pytest.raises(KeyFormatError) as refusal:
            TextSecret.parse(text)
        assert "xxx" not in str(refusal.value)

    def test_it_is_in_no_traceback(self):
        assert "Everybody" not in repr(TEXT.key)


class TestClientCertificate:
    def test_both_spellings(self):
        request = example(Profile.MTLS)
        rfc9440 = f":{base64.b64encode(SECRET.der).decode()}:"
        assert isinstance(verify(with_header(request, x_ssl_client_cert=rfc9440)), Accepted)
        crlf = request.headers["x-ssl-client-cert"].replace("%0A", "%0D%0A")
        assert isinstance(verify(with_header(request, x_ssl_client_cert=crlf)), Accepted)

    @pytest.mark.parametrize(
        "peer", ["127.0.0.2", "10.0.0.1", "::1", "", None, "127.0.0.1, 10.0.0.1", "unix:", "x" * 99]
    )
    def test_believed_from_the_proxy_alone(self, peer):
        assert refused(replace(example(Profile.MTLS), peer=peer)) is Cause.UNTRUSTED_PROXY

    def test_an_ipv4_peer_on_an_ipv6_socket(self):
        assert isinstance(verify(replace(example(Profile.MTLS), peer="::ffff:127.0.0.1")), Accepted)

    def test_without_proxies_nobody_is_believed(self):
        assert refused(example(Profile.MTLS), around=profiles.NOWHERE) is Cause.UNTRUSTED_PROXY

    def test_networks(self):
        found = client_certificate.parse_proxies(" 10.0.0.5, 192.168.4.0/28 ,2001:db8::/64,")
        inside = ["10.0.0.5", "192.168.4.15", "2001:db8::9"]
        assert [client_certificate.is_from(peer, found) for peer in inside] == [True, True, True]
        assert not client_certificate.is_from("192.168.4.16", found)
        assert client_certificate.parse_proxies("") == ()
        for bad in ("nginx", "10.0.0.5/8", "10.0.0", "*", "10.0.0.1-10.0.0.9"):
            with pytest.raises(ValueError, match=re.escape(bad.partition("/")[0])):
                client_certificate.parse_proxies(bad)

    @pytest.mark.parametrize(
        "header",
        [
            "SHA1:00",
            "0" * 64,
            "::",
            ":",
            ":YQ:",
            ":YR==:",
            "%2D" * 30,
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            "{pem}{pem}",
            " {pem}",
            "{pem}x",
            "x" * 17_000,
            "ü",
        ],
    )
    def test_strict(self, header):
        request = example(Profile.MTLS)
        changed = header.format(pem=request.headers["x-ssl-client-cert"])
        assert refused(with_header(request, x_ssl_client_cert=changed)) is Cause.BAD_SIGNATURE_HEADER

    def test_validity_is_that_of_the_certificate(self):
        digest = hashlib.sha256(SECRET.der).digest()
        request = example(Profile.MTLS)
        for material in (Certificate(digest, NOW + 1, NOW + 9), Certificate(digest, NOW - 9, NOW - 1)):
            assert refused(request, keys=(VerifyKey("k", material),)) is Cause.CERTIFICATE_NOT_VALID
        assert isinstance(verify(request, keys=(VerifyKey("k", Certificate(digest, NOW, NOW)),)), Accepted)

    def test_an_id_falls_back_to_the_event_and_then_to_the_body(self):
        request = with_header(example(Profile.MTLS), webhook_id=None)
        assert verify(request).message_id == f"sha256-{SHA}"
        assert verify(with_header(request, ce_id="evt-1")).message_id == "evt-1"
        assert verify(with_header(request, ce_id="a.b")).message_id == f"sha256-{SHA}"

    def test_kept_form(self):
        material = Certificate(hashlib.sha256(b"x").digest(), 1, 2)
        assert Certificate.parse(material.text()) == material
        for text in ("", "x509_00_1_2", material.text() + "\n", "whsec_" + "A" * 32):
            with pytest.raises(signing.KeyFormatError):
                Certificate.parse(text)
        with pytest.raises(signing.KeyFormatError):
            Certificate(b"short", 0, 1)

    def test_a_certificate_is_no_key_of_standard_webhooks(self):
        request = example(Profile.STANDARD)
        assert refused(request, keys=example(Profile.MTLS).keys) is Cause.NO_MATCH


class TestSettings:
    def test_names(self):
        for good in ("x-signature", "stripe-signature", "webhook-id", "a"):
            assert is_header_name(good)
        for bad in ("", "X-Upper", "x_y", "-x", "x y", "x:", "content-type", "host", "cookie", "x" * 65, "x\n"):
            assert not is_header_name(bad), bad

    def test_only_some_headers_may_be_renamed(self):
        renamed = {
            profile: Settings(profile, signature_header="x-sig", message_id_header="x-id").proof_header == "x-sig"
            for profile in Profile
        }
        assert {profile for profile, is_renamed in renamed.items() if is_renamed} == {
            Profile.STRIPE,
            Profile.GITHUB,
            Profile.MTLS,
        }
        assert Settings(Profile.STANDARD, message_id_header="x-id").id_header == "webhook-id"


NAMES = st.sampled_from(
    [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "stripe-signature",
        "x-hub-signature-256",
        "x-github-delivery",
        "signature",
        "signature-input",
        "content-digest",
        "x-ssl-client-cert",
        "ce-id",
    ]
)
BITS = st.sampled_from(
    [
        'sig1=("@method" "@path" "content-digest");created=1800000000;keyid="k"',
        "sig1=:AAAA:",
        "sha-256=:AAAA:",
        "t=1800000000,v1=" + "0" * 64,
        "sha256=" + "0" * 64,
        "-----BEGIN CERTIFICATE-----%0A",
        "v1,AAAA",
        "\ud800",
    ]
)
VALUES = st.one_of(st.text(max_size=60), BITS, st.lists(st.one_of(BITS, st.text(max_size=5)), max_size=4).map(",".join))


@given(
    st.sampled_from(ALL),
    st.dictionaries(NAMES, VALUES, max_size=6),
    st.binary(max_size=20),
    st.text(max_size=20),
    st.one_of(st.none(), st.text(max_size=15), st.just("127.0.0.1")),
)
def test_whatever_arrives_is_refused_without_an_error(row, headers, body, target, peer):
    request = example(*row)
    strange = replace(request, headers=headers, body=body, target=target, method=target[:4], peer=peer)
    assert isinstance(verify(strange), Refused)
    damaged = replace(request, headers={**request.headers, **headers}, peer=peer)
    assert isinstance(verify(damaged), Accepted | Refused)


@given(st.sampled_from([row for row in ALL if row[0] is not Profile.MTLS]), st.data())
def test_any_changed_bit_of_the_proof_is_refused(row, data):
    request = example(*row)
    name = request.settings.proof_header
    value = request.headers[name]
    place = data.draw(st.integers(0, len(value) - 1))
    flipped = value[:place] + chr(ord(value[place]) ^ (1 << data.draw(st.integers(0, 6)))) + value[place + 1 :]
    verdict = verify(with_header(request, **{name: flipped}))
    # The label of an RFC 9421 signature is no part of it, but must be the same in both headers.
    assert isinstance(verdict, Refused), (value, flipped)


def test_examples_need_the_right_kind_of_key():
    with pytest.raises(ValueError, match="secret"):
        example(Profile.STRIPE, PRIVATE)
    assert examples.Example.target.startswith("/integration/v1/inbound/")
