"""Other people's test vectors; ``vectors/README.md`` says whose, and under which licence."""

import base64
import json
from pathlib import Path

import pytest

from integration_core.domain import signing, strict_json
from integration_core.domain.signing import KeyFormatError, PublicKey, Secret, VerifyKey
from integration_core.domain.strict_json import Fault, StrictJsonError

VECTORS = Path(__file__).parent / "vectors"


def read(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def fits(material, version, signature, message):
    """Tell whether a signature, sent as a header, is one of ``message`` by that key."""
    entries = signing._entries(f"{version},{base64.b64encode(signature).decode()}")
    return signing._fits(VerifyKey("k", material), entries, message)


# RFC 4231 §4: key, data, HMAC-SHA-256
RFC_4231 = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


class TestHmac:
    @pytest.mark.parametrize(("key", "message", "tag"), RFC_4231)
    def test_rfc_4231(self, key, message, tag):
        assert signing._hmac(key, message).hex().startswith(tag)
        if not 24 <= len(key) <= 64:
            with pytest.raises(KeyFormatError):
                Secret(key)
        else:
            assert fits(Secret(key), "v1", bytes.fromhex(tag), message)

    KEY, MESSAGE, TAG = Secret(RFC_4231[3][0]), RFC_4231[3][1], bytes.fromhex(RFC_4231[3][2])

    def modified(self):
        """Yield tags as Wycheproof's class ModifiedTag makes them of a good one, every bit and not some."""
        number = int.from_bytes(self.TAG, "big")
        for bit in range(256):
            yield (number ^ 1 << bit).to_bytes(32, "big")
        yield from (bytes(32), b"\xff" * 32, bytes(byte ^ 0xFF for byte in self.TAG))
        yield from (bytes(byte ^ 0x80 for byte in self.TAG), bytes(byte ^ 1 for byte in self.TAG))
        # Of another length: truncated tags are nothing that Standard Webhooks knows.
        yield from (self.TAG[:length] for length in range(32))
        yield from (self.TAG + b"\0", self.TAG + self.TAG)

    def test_every_modified_or_truncated_tag_is_refused(self):
        assert fits(self.KEY, "v1", self.TAG, self.MESSAGE)
        tags = list(self.modified())
        assert len(tags) == 256 + 5 + 32 + 2
        assert not any(fits(self.KEY, "v1", tag, self.MESSAGE) for tag in tags)


WYCHEPROOF = [
    (group["publicKey"]["pk"], test)
    for group in read("wycheproof_ed25519.json")["testGroups"]
    for test in group["tests"]
]


class TestEd25519:
    def judged(self, public, test):
        try:
            key = PublicKey(bytes.fromhex(public))
        except KeyFormatError:
            return "no key"
        signature, message = bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])
        return "valid" if fits(key, "v1a", signature, message) else "invalid"

    def test_all_are_there(self):
        assert len(WYCHEPROOF) == read("wycheproof_ed25519.json")["numberOfTests"] == 210

    @pytest.mark.parametrize(("public", "test"), WYCHEPROOF, ids=[str(test["tcId"]) for _public, test in WYCHEPROOF])
    def test_wycheproof(self, public, test):
        match test["result"], test["flags"]:
            case "acceptable", ["SmallOrderPublicKey"]:
                assert self.judged(public, test) == "no key"
            case "acceptable", _:  # of mixed order: only the owner of such a key can sign, whichever equation is used
                assert self.judged(public, test) == "valid"
            case result, _:
                assert self.judged(public, test) == result


STRICTER = {
    "y_object_duplicated_key": Fault.DUPLICATE_KEY,
    "y_object_duplicated_key_and_value": Fault.DUPLICATE_KEY,
    "y_object_escaped_null_in_key": Fault.TEXT,
    "y_string_null_escape": Fault.TEXT,
}
"""What RFC 8259 allows and we refuse."""

READ = {
    "i_number_double_huge_neg_exp": [0.0],
    "i_number_real_underflow": [0.0],
}
"""What RFC 8259 leaves to the reader and we read; we refuse everything else that it leaves."""


def body_of(case):
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    return (case["text"] * case.get("times", 1) + case.get("tail", "")).encode()


SUITE = [(case["name"], body_of(case)) for case in read("json_test_suite.json")]


class TestJson:
    def test_all_are_there(self):
        assert {name[:2] for name, _body in SUITE} == {"y_", "n_", "i_"}
        assert len(SUITE) == 318
        assert {*STRICTER, *READ} <= {name for name, _body in SUITE}

    @pytest.mark.parametrize(("name", "body"), SUITE, ids=[name for name, _body in SUITE])
    def test_json_test_suite(self, name, body):
        if name in READ:
            assert strict_json.loads(body) == READ[name]
        elif name.startswith("y_") and name not in STRICTER:
            assert strict_json.loads(body) == json.loads(body)
        else:
            with pytest.raises(StrictJsonError) as caught:
                strict_json.loads(body)
            assert caught.value.fault is STRICTER.get(name, caught.value.fault)
