"""Why a signature is not accepted: every mistake is named, and nobody is told what the gate would contradict."""

import base64
import gzip
import hashlib
import hmac
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain import diagnosis, signing
from integration_core.domain.diagnosis import KnownKey
from integration_core.domain.pasted import Pasted

NOW = 1_764_000_000
ID = "m-5"  # whose signature has both characters that base64url writes in another way
SECRET = signing.Secret(bytes(range(1, 33)))
OTHER = signing.Secret(bytes(range(101, 133)))
PRIVATE = signing.PrivateKey(bytes(range(32)))
KEY = KnownKey("key_a", SECRET)
BODY = json.dumps({"b": "Zoë", "a": [1, 2]}, ensure_ascii=False).encode()
SECRET_TEXTS = (SECRET.text(), SECRET.text()[6:], SECRET.raw.hex(), OTHER.text()[6:])


def mac(content, *, secret=SECRET.raw, algorithm=hashlib.sha256):
    return hmac.new(secret, content, algorithm).digest()


def v1(raw):
    return "v1," + base64.b64encode(raw).decode()


def content(body=BODY, *, message_id=ID, timestamp=NOW):
    return f"{message_id}.{timestamp}.".encode() + body


def headers(signature=None, **changes):
    found = {
        "webhook-id": ID,
        "webhook-timestamp": str(NOW),
        "webhook-signature": signature or v1(mac(content())),
        "content-type": "application/cloudevents+json",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return {name: value for name, value in found.items() if value is not None}


def judged(given_headers, body=BODY, *, keys=(KEY,), path="/integration/v1/inbound/ehr", now=NOW, repeated=(), **how):
    found = diagnosis.diagnose(
        Pasted(given_headers, repeated, path), body, system_code="ehr", keys=keys, now=now, **how
    )
    told = " ".join([found.summary, *(f"{step.says} {step.mend}" for step in found.steps)])
    assert not any(text in told for text in SECRET_TEXTS)
    assert "Zo" not in told
    return found


def failed(found):
    return [step.name for step in found.steps if step.state == "failed"]


def test_a_right_message():
    found = judged(headers())
    assert found.verified
    assert [step.state for step in found.steps] == ["ok"] * 9
    assert found.summary == "The gate would verify this message now."
    assert not found.mend
    assert "key_a" in found.step("signature").says


def test_an_ed25519_signature():
    signature = signing.sign([PRIVATE], ID, NOW, BODY)
    found = judged(headers(signature), keys=[KEY, KnownKey("key_e", PRIVATE.public_key())])
    assert found.verified
    assert "key_e" in found.step("signature").says
    labelled = judged(headers(signature.replace("v1a", "v1")), keys=[KnownKey("key_e", PRIVATE.public_key())])
    assert "labelled v1 and not v1a" in labelled.step("signature").says


# -- headers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", diagnosis.REQUIRED)
def test_a_missing_header(name):
    found = judged({key: value for key, value in headers().items() if key != name})
    assert failed(found) == ["headers"]
    assert name in found.summary
    assert found.step("signature").state == "skipped"


@pytest.mark.parametrize(
    ("there", "name"),
    [
        ("svix-id", "webhook-id"),
        ("webhook_timestamp", "webhook-timestamp"),
        ("x-webhook-signature", "webhook-signature"),
        ("x-signature", "webhook-signature"),
    ],
)
def test_a_header_of_nearly_that_name(there, name):
    given_headers = headers()
    given_headers[there] = given_headers.pop(name)
    assert there in judged(given_headers).step("headers").mend


def test_a_header_twice():
    found = judged(headers(), repeated=("webhook-id", "accept"))
    assert (found.step("headers").state, failed(found)) == ("warning", [])
    assert "accept" not in found.step("headers").says


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/integration/v1/inbound/lab", "another system"),
        ("/integration/v1/inbound/ehr/", "slash"),
        ("/webhook", "not the address"),
        ("/integration/v1/inbound/ehr/messages/m-1", "It is this system's"),
    ],
)
def test_the_address(path, says):
    found = judged(headers(), path=path)
    assert says in found.step("address").says
    assert found.verified == ("this system" in says)


def test_no_address_is_no_mistake():
    assert judged(headers(), path=None).verified


@pytest.mark.parametrize(
    ("message_id", "says"),
    [("a.b", "dot"), ("a b", "blank"), ("é", "blank"), ("x" * 257, "257 characters"), ("ok\n", "blank")],
)
def test_the_message_id(message_id, says):
    body = content(message_id=message_id)
    found = judged(headers(v1(mac(body)), webhook_id=message_id))
    assert failed(found) == ["id"] + ([] if found.step("signature").state == "ok" else ["signature"])
    assert says in found.summary
    assert not found.verified


@pytest.mark.parametrize(
    ("timestamp", "says"),
    [
        (f"{NOW}000", "milliseconds"),
        (f"{NOW}000000", "microseconds"),
        (f"{NOW}.25", "fraction"),
        ("2025-11-24T16:00:00Z", "is a date"),
        ("Mon, 24 Nov 2025 16:00:00 GMT", "is a date"),
        ("now", "not a number"),
        ("+1764000000", "not a number"),
        ("١٧٦٤", "not a number"),
    ],
)
def test_the_timestamp(timestamp, says):
    found = judged(headers(v1(mac(f"{ID}.{timestamp}.".encode() + BODY)), webhook_timestamp=timestamp))
    assert failed(found)[0] == "timestamp"
    assert says in found.summary
    assert found.step("signature").state == "ok"  # of itself: all else about it is right


def test_a_strange_number_is_only_a_warning():
    found = judged(headers(v1(mac(f"{ID}.120.".encode() + BODY)), webhook_timestamp="120"))
    assert found.step("timestamp").state == "warning"
    assert failed(found) == ["time"]


# -- how the signature is written --------------------------------------------------------------------------------------

RIGHT = mac(content())
TAIL = base64.b64encode(RIGHT).decode()


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (TAIL, "version is missing"),
        (f"v1={TAIL}", "'=' after the version"),
        (f"V1:{TAIL}", "':' after the version"),
        (f"sha256={RIGHT.hex()}", "labelled sha256"),
        (f"t={NOW},v1={TAIL}", "webhook-signature is"),
        (f"v1,{RIGHT.hex()}", "hexadecimal"),
        (f"v1,{RIGHT.hex().upper()}", "hexadecimal"),
        (f"v1,{TAIL.rstrip('=')}", "padding"),
        (f"v1,{TAIL}=", "padding"),
        (f"v1,{base64.urlsafe_b64encode(RIGHT).decode()}", "base64url"),
        ("v1,???", "unreadable"),
        (v1(RIGHT[:20]), "it holds 20 bytes"),
        (f"v1,{TAIL} " * 17, "more than 16"),
    ],
)
def test_how_it_is_written(header, says):
    found = judged(headers(header))
    assert "format" in failed(found)
    assert says in found.step("format").says
    assert not found.verified


def test_loose_trailing_bits():
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    loose = TAIL[:-2] + alphabet[alphabet.index(TAIL[-2]) + 1] + "="
    found = judged(headers(f"v1,{loose}"))
    assert "canonical" in found.step("format").says


def test_a_broken_entry_beside_a_right_one_is_no_mistake():
    assert judged(headers(f"v9,xx {v1(RIGHT)} nonsense")).verified


# -- what would fit ----------------------------------------------------------------------------------------------------

TEXT = SECRET.text().encode()
OTHER_JSON = json.dumps(json.loads(BODY)).encode()


@pytest.mark.parametrize(
    ("signature", "says"),
    [
        (mac(content(), secret=TEXT), "taken as text, with whsec_"),
        (mac(content(), secret=TEXT[6:]), "taken as text, without decoding"),
        (mac(BODY), "only the body"),
        (mac(f"{NOW}.".encode() + BODY), "without the id"),
        (mac(f"{ID}.".encode() + BODY), "without the timestamp"),
        (mac(f"{ID}{NOW}".encode() + BODY), "without dots"),
        (mac(f"{NOW}.{ID}.".encode() + BODY), "wrong order"),
        (mac(content(b"")), "the body was left out"),
        (mac(content(), algorithm=hashlib.sha1), "HMAC-SHA1"),
        (mac(content(), algorithm=hashlib.sha512), "HMAC-SHA512"),
        (mac(content(BODY + b"\n")), "a line break at the end of the body got lost"),
        (mac(content(BODY + b"\r\n")), "a CR LF at the end of the body got lost"),
        (mac(content(b"\xef\xbb\xbf" + BODY)), "byte order mark when it was signed"),
        (mac(content(OTHER_JSON)), "written anew"),
        (mac(content(json.dumps(json.loads(BODY), indent=2).encode())), "written anew"),
        (mac(content(json.dumps(json.loads(BODY), sort_keys=True, separators=(",", ":")).encode())), "written anew"),
        (mac(content(BODY.decode().encode("latin-1"))), "LATIN-1"),
        (mac(content(BODY.decode().encode("utf-16-le"))), "UTF-16-LE"),
        (mac(content(gzip.compress(BODY, 6, mtime=0))), "compressed body was signed"),
    ],
)
def test_the_usual_mistakes(signature, says):
    found = judged(headers(v1(signature)))
    assert failed(found)[-1] == "signature"
    assert says in found.step("signature").says
    assert found.mend
    assert found.step("signature").mend
    assert not found.verified


@pytest.mark.parametrize(
    ("signed", "pasted", "says"),
    [
        (b"{}", b"{}\n", "a line break was added"),
        (b"{}", b"{}\r\n", "a CR LF was added"),
        (b'{\r\n"a":1}', b'{\n"a":1}', "were CR LF"),
        (b'{\n"a":1}', b'{\r\n"a":1}', "were LF"),
        (b'{"a":1}', b'{\n"a":1}', "no line breaks"),
        (b"{}", b"  {} ", "blanks were added"),
        (b"{}", b"\xef\xbb\xbf{}", "byte order mark was put before"),
        (b'{"a":"x"}', gzip.compress(b'{"a":"x"}'), "before it was compressed"),
    ],
)
def test_what_happened_to_the_body(signed, pasted, says):
    found = judged(headers(v1(mac(content(signed)))), pasted)
    assert says in found.step("signature").says
    # What a paste may have changed is not blamed on the sender.
    assert ("hexadecimal" in found.mend) == ("compressed" not in says)


def test_two_mistakes_at_once():
    found = judged(headers(v1(mac(BODY + b"\n", secret=TEXT))))
    says = found.step("signature").says
    assert "taken as text" in says
    assert "only the body" in says
    assert "line break" in says


def test_the_simplest_explanation_is_told():
    # With the right key only the ending is wrong; nothing else may be blamed.
    says = judged(headers(v1(mac(content(BODY + b"\n"))))).step("signature").says
    assert says == "It would fit so: a line break at the end of the body got lost after it was signed."


def test_hexadecimal_and_another_mistake():
    found = judged(headers("v1," + mac(BODY).hex()))
    assert failed(found) == ["format", "signature"]
    assert "hexadecimal" in found.step("signature").says


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("expired", "has expired"),
        ("revoked", "was revoked"),
        ("not_yet", "not valid yet"),
        ("draft", "waits for its approval"),
        ("outbound", "is for what Odoo sends"),
        ("other_system", "of the system lab"),
    ],
)
def test_another_key(condition, says):
    keys = [KEY, KnownKey("key_b", OTHER, condition, holder="lab")]
    found = judged(headers(v1(mac(content(), secret=OTHER.raw))), keys=keys)
    assert failed(found) == ["signature"]
    assert "key_b" in found.summary
    assert says in found.summary


def test_the_systems_own_key_is_blamed_before_another_systems():
    keys = [KnownKey("theirs", OTHER, "other_system", holder="lab"), KnownKey("ours", OTHER, "expired")]
    assert "ours" in judged(headers(v1(mac(content(), secret=OTHER.raw))), keys=keys).summary


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ([], "has no key"),
        ([KnownKey("key_a", SECRET, "outbound")], "has no key"),
        ([KnownKey("key_a", SECRET, "draft")], "key_a waits for its approval"),
        ([KnownKey("key_a", SECRET, "expired")], "key_a has expired"),
    ],
)
def test_no_valid_key(keys, says):
    found = judged(headers(), keys=keys)
    assert "key" in failed(found)
    assert says in found.step("key").says
    assert not found.verified


def test_nothing_explains_it():
    found = judged(headers(v1(b"x" * 32)))
    assert failed(found) == ["signature"]
    assert "none of the usual mistakes" in found.summary


# -- time --------------------------------------------------------------------------------------------------------------


def test_a_retry_with_the_old_signature():
    found = judged(headers(), now=NOW + 41 * 60)
    assert failed(found) == ["time"]
    assert found.summary == (
        "The signature is right, but its time is 41 min old (5 min are allowed): the sender re-used it on a retry."
    )


@pytest.mark.parametrize(
    ("seconds", "says"), [(301, "5 min"), (3 * 3600, "3 h 0 min"), (5 * 86400, "5 days"), (7260, "2 h 1 min")]
)
def test_how_old_it_is(seconds, says):
    assert f"{says} old" in judged(headers(), now=NOW + seconds).summary


def test_an_old_one_with_a_wrong_signature_blames_the_signature_first():
    found = judged(headers(v1(b"x" * 32)), now=NOW + 3600)
    assert failed(found) == ["signature", "time"]
    assert "re-used" not in found.step("time").says


def test_a_clock_that_is_ahead():
    found = judged(headers(), now=NOW - 400)
    assert failed(found) == ["time"]
    assert "6 min in the future" in found.summary


def test_a_system_that_may_be_late():
    assert judged(headers(), now=NOW + 71 * 3600, past_tolerance=72 * 3600).verified
    assert failed(judged(headers(), now=NOW + 73 * 3600, past_tolerance=10**9)) == ["time"]


# -- what comes after --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"content_type": "application/json"}, "content-type is not"),
        ({"content_type": None}, "No content-type"),
        ({"content_encoding": "br"}, "neither gzip nor absent"),
        ({"content_encoding": "gzip"}, "say gzip, and this body is not"),
    ],
)
def test_the_content(changes, says):
    found = judged(headers(**changes))
    assert says in found.step("content").says
    assert found.verified


def test_a_compressed_body():
    body = gzip.compress(BODY)
    assert judged(headers(v1(mac(content(body))), content_encoding="gzip"), body).step("content").state == "ok"


def test_what_a_body_ends_with():
    assert diagnosis.ending(b"{}") == "It ends without a line break."
    assert diagnosis.ending(b"{}\n") == "It ends with a line break."
    assert diagnosis.ending(b"{}\r\n") == "It ends with a CR LF."
    assert diagnosis.fingerprint(b"") == hashlib.sha256(b"").hexdigest()


# -- it never contradicts the gate -------------------------------------------------------------------------------------

WRITTEN = st.one_of(
    st.just(v1(RIGHT)),
    st.just(f"v1={TAIL}"),
    st.just(f"v1,{RIGHT.hex()}"),
    st.text(max_size=60),
    st.binary(min_size=32, max_size=32).map(v1),
)


@given(
    message_id=st.one_of(st.just(ID), st.text(max_size=20)),
    timestamp=st.one_of(st.just(str(NOW)), st.integers(0, 10**13).map(str), st.text(max_size=14)),
    signature=WRITTEN,
    body=st.one_of(st.just(BODY), st.binary(max_size=60)),
    age=st.integers(-1000, 1000),
    condition=st.sampled_from(["valid", "expired", "other_system"]),
)
def test_it_says_what_the_gate_says(message_id, timestamp, signature, body, age, condition):
    keys = [KnownKey("key_a", SECRET, condition)]
    verdict = signing.verify(
        message_id=message_id,
        timestamp=timestamp,
        signature=signature,
        body=body,
        keys=[signing.VerifyKey("key_a", SECRET)] if condition == "valid" else [],
        now=NOW + age,
    )
    given_headers = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    found = diagnosis.diagnose(Pasted(given_headers), body, system_code="ehr", keys=keys, now=NOW + age)
    assert found.verified == isinstance(verdict, signing.Accepted)
    # Whoever is refused is told a step that fails.
    assert found.verified or any(step.state == "failed" for step in found.steps)


def test_a_large_body_is_looked_into_quickly():
    body = json.dumps({"a": "x" * (1 << 20)}).encode()
    keys = [KEY, *(KnownKey(f"k{number}", OTHER, "expired") for number in range(10))]
    began = time.process_time()
    assert "got lost" in judged(headers(v1(mac(content(body + b"\n")))), body, keys=keys).step("signature").says
    assert time.process_time() - began < 5
