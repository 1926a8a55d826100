"""What the public reference verifier does with a message, what this suite does, and the cases that compare them.

Both columns of ``docs/verification.md`` are made by running the two on the same bytes: :func:`table` is what stands
there.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from unittest.mock import patch

import standardwebhooks
from standardwebhooks import webhooks

from integration_core.domain import signing

NOW = 1_760_000_000
ID = "msg_1"
BODY = b'{"test": 1}'
SECRET = signing.Secret(bytes(range(32)))
PRIVATE = signing.PrivateKey(bytes(range(32, 64)))


class StoodStill(datetime):
    """The clock of the reference verifier, which takes no other."""

    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW, tz)


@dataclass(frozen=True)
class Case:
    """One message and the text of the key that both are given."""

    what: str
    body: bytes = BODY
    message_id: str = ID
    timestamp: str = str(NOW)
    entries: Sequence[str] | None = None
    key: str = field(default=SECRET.text(), repr=False)

    def header(self) -> str:
        """Return the signature header: what was given, or right signatures by either one's understanding."""
        if self.entries is not None:
            return " ".join(self.entries)
        return " ".join(dict.fromkeys([self.signed_as_sent(), self.signed_as_whole_seconds()]))

    def signed_as_sent(self) -> str:
        """Sign the timestamp as it is in the header."""
        signed = f"{self.message_id}.{self.timestamp}.".encode() + self.body
        return entry(signing._hmac(self.raw_key(), signed))

    def signed_as_whole_seconds(self) -> str:
        """Sign the timestamp as the reference verifier reads it."""
        return entry(signing._hmac(self.raw_key(), f"{self.message_id}.{NOW}.".encode() + self.body))

    def raw_key(self) -> bytes:
        """Return the HMAC key that the reference verifier makes of the text."""
        try:
            return standardwebhooks.Webhook(self.key)._whsecret
        except webhooks.EmptyWebhookSecretError:
            return b""


def entry(raw: bytes, version: str = "v1") -> str:
    return f"{version},{base64.b64encode(raw).decode()}"


def in_arabic_digits(number: int) -> str:
    return "".join(chr(0x660 + int(digit)) for digit in str(number))


GOOD = Case("").signed_as_sent()
BITS = GOOD[:-2] + chr(ord(GOOD[-2]) + 1) + "="
"""Another spelling: 32 bytes fill 43 characters and leave two bits of the last one unused."""


def key_text(prefix: str, raw: bytes) -> str:
    return prefix + base64.b64encode(raw).decode()


CASES = [
    Case("an honest message"),
    Case("time: 400 s old", timestamp=str(NOW - 400)),
    Case("time: a float", timestamp=f"{NOW}.0"),
    Case("time: with an underscore", timestamp=f"{str(NOW)[:4]}_{str(NOW)[4:]}"),
    Case("time: with an exponent", timestamp=f"{NOW / 1e9:.9f}e9"),
    Case("time: digits that are not ASCII", timestamp=in_arabic_digits(NOW)),
    Case("time: a sign before it", timestamp=f"+{NOW}"),
    Case("time: spaces around it", timestamp=f" {NOW} "),
    Case("time: `nan`", timestamp="nan"),
    Case("time: 400 s ahead", timestamp=str(NOW + 400)),
    Case("base64: the unused bits of the last character set", entries=[BITS]),
    Case("base64: characters in it that are none", entries=[GOOD[:20] + "!*" + GOOD[20:]]),
    Case("base64: more after the padding", entries=[GOOD + "!"]),
    Case("base64: no padding", entries=[GOOD.rstrip("=")]),
    Case("base64: it cannot be decoded", entries=["v1,A"]),
    Case("id: with a dot", message_id="msg.1"),
    Case(
        "id: part of a signed body moved into it",
        message_id=f"{ID}.{NOW}",
        entries=[signing.sign([SECRET], ID, NOW, f"{NOW}.".encode() + BODY)],
    ),
    Case("id: with a space", message_id="msg 1"),
    Case("id: with a character that is not ASCII", message_id="msg_é"),
    Case("id: 257 characters", message_id="m" * 257),
    Case("key: a secret of 1 byte", key=key_text("whsec_", b"x")),
    Case("key: a secret of 23 bytes", key=key_text("whsec_", b"x" * 23)),
    Case("key: a secret without `whsec_`", key=key_text("", SECRET.raw)),
    Case("key: characters in a secret that are no base64", key=SECRET.text()[:20] + "!*" + SECRET.text()[20:]),
    Case("key: a public key (`whpk_`) as HMAC secret", key=PRIVATE.public_key().text()),
    Case("key: a private key (`whsk_`) as HMAC secret", key=PRIVATE.text()),
    Case("key: none (`whsec_`)", key="whsec_"),
    Case("signature: without a comma", entries=["v1"]),
    Case("signature: with two commas", entries=[GOOD + ",v1"]),
    Case("signature: of another version alone", entries=[GOOD.replace("v1,", "v2,")]),
    Case("signature: one without a comma before a good one", entries=["v1", GOOD]),
    Case("signature: one with bad base64 before a good one", entries=["v1,A", GOOD]),
    Case("signature: one that is not ASCII before a good one", entries=["v1,é", GOOD]),
    Case("signature: two spaces before a good one", entries=["v2,AAAA", "", GOOD]),
    Case("signature: a good one as the sixteenth", entries=["v2,AAAA"] * 15 + [GOOD]),
    Case("signature: a good one as the seventeenth", entries=["v2,AAAA"] * 16 + [GOOD]),
    Case(
        "signature: `v1a`, with the public key",
        entries=[signing.sign([PRIVATE], ID, NOW, BODY)],
        key=PRIVATE.public_key().text(),
    ),
    Case("body: not UTF-8", body=b"\xff"),
    Case("body: not JSON", body=b"{"),
    Case("body: one byte changed", body=BODY + b" ", entries=[GOOD]),
]


def reference(case: Case) -> str:
    """Return what ``standardwebhooks`` does with a message."""
    headers = {
        "webhook-id": case.message_id,
        "webhook-timestamp": case.timestamp,
        "webhook-signature": case.header(),
    }
    try:
        with patch.object(webhooks, "datetime", StoodStill):
            standardwebhooks.Webhook(case.key).verify(case.body, headers)
    except standardwebhooks.WebhookVerificationError:
        return "refuses"
    except Exception as error:  # noqa: BLE001 - what escapes is what is measured
        return f"raises `{type(error).__name__}`"
    return "**accepts**" if ours(case) != "accepts" else "accepts"


def ours(case: Case) -> str:
    """Return what this suite does with it."""
    kind = signing.PublicKey if case.header().startswith("v1a,") else signing.Secret
    try:
        key = signing.VerifyKey("k", kind.parse(case.key))
    except signing.KeyFormatError:
        return "no such key"
    verdict = signing.verify(
        message_id=case.message_id,
        timestamp=case.timestamp,
        signature=case.header(),
        body=case.body,
        keys=[key],
        now=NOW,
    )
    return "accepts" if isinstance(verdict, signing.Accepted) else f"refuses, `{verdict.cause.value}`"


def table() -> str:
    """Return the comparison as it stands in the documentation."""
    rows = [f"| {case.what} | {reference(case)} | {ours(case)} |" for case in CASES]
    return "\n".join(["| the message | `standardwebhooks` 1.1.0 | here |", "|---|---|---|", *rows]) + "\n"
