"""Signing and verifying, against the published vectors and against everything that must be refused."""

import base64
import time

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import signing
from integration_core.domain.signing import Accepted, Cause, Refused, Secret, VerifyKey

NOW = 1614265330
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
SECRET = Secret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
KEY = VerifyKey("k1", SECRET)


def check(**changes):
    arguments = {
        "message_id": ID,
        "timestamp": str(NOW),
        "signature": SIGNATURE,
        "body": BODY,
        "keys": [KEY],
        "now": NOW,
    }
    return signing.verify(**{**arguments, **changes})


def test_published_vector_of_the_reference_libraries():
    assert signing.sign_v1(SECRET.raw, ID, NOW, BODY) == SIGNATURE
    assert check() == Accepted("k1", ID, NOW)


def test_published_vector_of_the_specification():
    signature = signing.sign_v1(
        base64.b64decode("plJ3nmyCDGBKInavdOK15jsl"),
        "msg_loFOjxBNrRLzqYUf",
        1731705121,
        b'{"event_type":"ping","data":{"success":true}}',
    )
    assert signature == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


def test_the_standardwebhooks_package_and_this_module_understand_each_other():
    secret = Secret.generate()
    hook = standardwebhooks.Webhook(secret.text())
    now = int(time.time())
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": str(now),
        "webhook-signature": signing.sign([secret], "m1", now, BODY),
    }
    assert hook.verify(BODY, headers) == {"test": 2432232314}
    theirs = signing.sign_v1(secret.raw, "m1", now, BODY)
    assert headers["webhook-signature"] == theirs


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"message_id": None}, Cause.MISSING_HEADER),
        ({"timestamp": ""}, Cause.MISSING_HEADER),
        ({"signature": None}, Cause.MISSING_HEADER),
        ({"message_id": "a.b"}, Cause.BAD_MESSAGE_ID),
        ({"message_id": "a b"}, Cause.BAD_MESSAGE_ID),
        ({"message_id": "a\n"}, Cause.BAD_MESSAGE_ID),
        ({"message_id": "é"}, Cause.BAD_MESSAGE_ID),
        ({"message_id": "x" * 257}, Cause.BAD_MESSAGE_ID),
        ({"timestamp": "1614265330 "}, Cause.BAD_TIMESTAMP),
        ({"timestamp": "+1614265330"}, Cause.BAD_TIMESTAMP),
        ({"timestamp": "1614265330.0"}, Cause.BAD_TIMESTAMP),
        ({"timestamp": "1" * 13}, Cause.BAD_TIMESTAMP),
        ({"timestamp": "١٦١٤٢٦٥٣٣٠"}, Cause.BAD_TIMESTAMP),
        ({"signature": " "}, Cause.BAD_SIGNATURE_HEADER),
        ({"signature": " ".join([SIGNATURE] * 17)}, Cause.BAD_SIGNATURE_HEADER),
        ({"signature": "v1," + "A" * 70_000}, Cause.BAD_SIGNATURE_HEADER),
        ({"signature": "v1," + "A" * 5000}, Cause.NO_MATCH),
        ({"keys": []}, Cause.NO_KEY),
        ({"body": BODY + b" "}, Cause.NO_MATCH),
        ({"message_id": "other"}, Cause.NO_MATCH),
        ({"timestamp": str(NOW + 1)}, Cause.NO_MATCH),
        ({"signature": SIGNATURE.replace("v1,", "v2,")}, Cause.NO_MATCH),
        ({"signature": SIGNATURE.replace("v1,", "v1a,")}, Cause.NO_MATCH),
        ({"signature": SIGNATURE.removeprefix("v1,")}, Cause.NO_MATCH),
        ({"signature": SIGNATURE.rstrip("=")}, Cause.NO_MATCH),
        # The last character before '=' carries two bits that a decoder ignores: another spelling of the same bytes.
        ({"signature": SIGNATURE.replace("OE=", "OF=")}, Cause.NO_MATCH),
        ({"signature": SIGNATURE.replace("/", "_")}, Cause.NO_MATCH),
        ({"now": NOW + 301}, Cause.TOO_OLD),
        ({"now": NOW - 301}, Cause.IN_FUTURE),
        ({"now": NOW + 3601, "past_tolerance": 3600}, Cause.TOO_OLD),
        ({"now": NOW - 301, "past_tolerance": 3600}, Cause.IN_FUTURE),
        ({"now": NOW + 72 * 3600 + 1, "past_tolerance": 10**9}, Cause.TOO_OLD),
    ],
)
def test_refusals(changes, cause):
    assert check(**changes) == Refused(cause)


@pytest.mark.parametrize(
    "changes",
    [
        {"message_id": ID, "now": NOW + 300},
        {"now": NOW - 300},
        {"now": NOW + 72 * 3600, "past_tolerance": 72 * 3600},
        {"signature": f"v1,%%% garbage v1, {SIGNATURE}"},
        {"signature": " ".join(["v2,AAAA"] * 15 + [SIGNATURE])},
        {"keys": [VerifyKey("old", Secret.generate()), KEY]},
    ],
)
def test_acceptances(changes):
    assert check(**changes) == Accepted("k1", ID, NOW)


def test_leading_zeros_of_a_timestamp_are_signed_as_sent():
    signature = signing.sign_v1(SECRET.raw, ID, NOW, BODY)
    assert check(timestamp="00" + str(NOW), signature=signature) == Refused(Cause.NO_MATCH)


class TestEd25519:
    PRIVATE = signing.PrivateKey(bytes(range(32)))

    def test_round_trip(self):
        key = VerifyKey("e", self.PRIVATE.public_key())
        signature = signing.sign_v1a(self.PRIVATE.raw, ID, NOW, BODY)
        assert check(signature=signature, keys=[key]) == Accepted("e", ID, NOW)
        assert check(signature=signature, keys=[key], body=b"") == Refused(Cause.NO_MATCH)
        assert check(signature="v1a,AAAA", keys=[key]) == Refused(Cause.NO_MATCH)

    def test_a_public_key_is_never_an_hmac_secret(self):
        public = self.PRIVATE.public_key()
        forged = signing.sign_v1(public.raw, ID, NOW, BODY)
        assert check(signature=forged, keys=[VerifyKey("e", public)]) == Refused(Cause.NO_MATCH)
        with pytest.raises(signing.KeyFormatError):
            Secret.parse(public.text())

    def test_one_header_serves_both_kinds_of_key(self):
        header = signing.sign([SECRET, self.PRIVATE], ID, NOW, BODY)
        for material in (SECRET, self.PRIVATE.public_key()):
            key = VerifyKey("k", material)
            assert check(signature=header, keys=[key]) == Accepted("k", ID, NOW)

    def test_texts_read_back(self):
        assert signing.PrivateKey.parse(self.PRIVATE.text()) == self.PRIVATE
        public = self.PRIVATE.public_key()
        assert signing.PublicKey.parse(public.text()) == public
        both = "whsk_" + base64.b64encode(self.PRIVATE.raw + public.raw).decode()
        assert signing.PrivateKey.parse(both) == self.PRIVATE
        odd = "whsk_" + base64.b64encode(self.PRIVATE.raw + self.PRIVATE.raw).decode()
        with pytest.raises(signing.KeyFormatError):
            signing.PrivateKey.parse(odd)

    def test_jwk_of_rfc_8037_appendix_a(self):
        seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
        jwk = signing.PrivateKey(seed).public_key().jwk("k")
        assert jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


class TestSecrets:
    @pytest.mark.parametrize("size", [24, 32, 64])
    def test_sizes(self, size):
        secret = Secret.generate(size)
        assert Secret.parse(secret.text()) == secret

    @pytest.mark.parametrize("size", [0, 18, 23, 65])
    def test_wrong_sizes(self, size):
        text = "whsec_" + base64.b64encode(b"x" * size).decode()
        with pytest.raises(signing.KeyFormatError):
            Secret.parse(text)

    @pytest.mark.parametrize("text", ["", "whsec", "WHSEC_" + "A" * 32, "whsec_" + "A" * 33])
    def test_malformed(self, text):
        with pytest.raises(signing.KeyFormatError):
            Secret.parse(text)

    def test_key_material_is_not_in_reprs_or_errors(self):
        text = "whsec_" + base64.b64encode(b"hunter2").decode()
        with pytest.raises(signing.KeyFormatError) as caught:
            Secret.parse(text)
        assert "hunter2" not in str(caught.value)
        assert repr(SECRET) == "Secret()"
        assert "raw" not in repr(KEY)


def test_signing_refuses_what_it_would_not_accept():
    with pytest.raises(ValueError, match="webhook-id"):
        signing.sign([SECRET], "a.b", NOW, BODY)
    for count in (0, 17):
        with pytest.raises(ValueError, match="keys"):
            signing.sign([SECRET] * count, ID, NOW, BODY)


def test_decoys_never_match():
    decoys = tuple(signing.decoys().values())
    assert check(keys=decoys) == Refused(Cause.NO_MATCH)
    assert check(keys=[], others=decoys) == Refused(Cause.NO_KEY)
    assert signing.decoys() is signing.decoys()


@given(st.text() | st.none(), st.text() | st.none(), st.text() | st.none(), st.binary())
def test_nothing_makes_verify_raise(message_id, timestamp, signature, body):
    keys = [KEY, VerifyKey("e", TestEd25519.PRIVATE.public_key())]
    outcome = check(message_id=message_id, timestamp=timestamp, signature=signature, body=body, keys=keys)
    assert isinstance(outcome, Refused)


@given(st.binary(max_size=200), st.integers(0, 10**12 - 1))
def test_any_body_and_time_verify_as_signed(body, timestamp):
    header = signing.sign([SECRET], ID, timestamp, body)
    outcome = check(timestamp=str(timestamp), signature=header, body=body, now=float(timestamp))
    assert outcome == Accepted("k1", ID, timestamp)
