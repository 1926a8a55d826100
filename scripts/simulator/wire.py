"""Standard Webhooks 1.0.0 signatures, made and checked with the standard library alone.

Source of the standard: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
TOLERANCE_S = 300


class SignatureError(ValueError):
    """A received message is not signed with the key we hold; the text says why, and holds no secret."""


def secret_bytes(text: str) -> bytes:
    """Give the raw key of a ``whsec_…`` text.

    :raises ValueError: the text is not such a key.
    """
    if not text.startswith(SECRET_PREFIX):
        msg = "a signing secret begins with whsec_"
        raise ValueError(msg)
    return base64.b64decode(text[len(SECRET_PREFIX) :], validate=True)


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Make the ``webhook-signature`` header (version ``v1``) for a body sent at ``timestamp`` (unix seconds)."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Make the three headers of a signed message."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, body),
    }


def verify(secret: str, received: Mapping[str, str], body: bytes, *, now: float) -> str:
    """Check a received message and give its ``webhook-id``.

    :param received: headers; looked up in lower case.
    :param now: unix seconds, against which the timestamp may differ by 300 s.
    :raises SignatureError: a header is missing, the time is too far off, or no signature matches.
    """
    message_id = received.get("webhook-id")
    stamp = received.get("webhook-timestamp")
    signatures = received.get("webhook-signature")
    if not message_id or not stamp or not signatures:
        msg = "a webhook header is missing"
        raise SignatureError(msg)
    if not stamp.isascii() or not stamp.isdigit() or abs(now - int(stamp)) > TOLERANCE_S:
        msg = "the timestamp is too far from our clock"
        raise SignatureError(msg)
    expected = sign(secret, message_id, int(stamp), body)
    if not any(hmac.compare_digest(expected, entry) for entry in signatures.split(" ")):
        msg = "no signature matches"
        raise SignatureError(msg)
    return message_id
