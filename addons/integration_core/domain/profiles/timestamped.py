"""``stripe``: one header ``t=<unix seconds>,v1=<hex>[,v1=<hex>…]`` over ``{t}.{body}``, HMAC-SHA256.

As Stripe signs its webhooks, and those who copied it. Entries of other versions are skipped, as are malformed ones;
several ``v1`` come during a change of keys. Stricter than common libraries: exactly one ``t``, ASCII digits alone,
lower-case hexadecimal digits alone.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from typing import Final

from ..signing import MAX_ENTRIES, Accepted, Cause, Refused, VerifyKey, is_timestamp, judge_time
from . import identity
from .keys import hex_hmac, matching
from .message import Message
from .settings import Settings

_MAX_HEADER_CHARS: Final = 2048
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def verify(
    message: Message,
    *,
    settings: Settings,
    keys: Sequence[VerifyKey],
    others: Sequence[VerifyKey],
    now: float,
    past_tolerance: int,
) -> Accepted | Refused:
    """Judge one message. Arguments are those of :func:`signing.verify`."""
    header = message.headers.get(settings.proof_header)
    if not header:
        return Refused(Cause.MISSING_HEADER)
    entries = _entries(header)
    if entries is None:
        return Refused(Cause.BAD_SIGNATURE_HEADER)
    timestamp, digests = entries
    if not is_timestamp(timestamp):
        return Refused(Cause.BAD_TIMESTAMP)
    content = timestamp.encode("ascii") + b"." + message.body
    key = matching(keys, others, lambda key: _fits(hex_hmac(key, content), digests))
    if isinstance(key, Refused):
        return key
    message_id = identity.unproven_id(message, settings.id_header)
    if isinstance(message_id, Refused):
        return message_id
    return judge_time(Accepted(key.key_id, message_id, int(timestamp)), now, past_tolerance)


def sign(secret_text: str, timestamp: int, body: bytes) -> str:
    """Return the header's value for a body; ``secret_text`` is the secret as it was shown."""
    content = f"{timestamp}.".encode("ascii") + body
    return f"t={timestamp},v1={hmac.digest(secret_text.encode(), content, 'sha256').hex()}"


def _entries(header: str) -> tuple[str, list[bytes]] | None:
    """Return the time's text and the well-formed ``v1`` entries; None when the header is no such list."""
    parts = header.split(",") if len(header) <= _MAX_HEADER_CHARS else []
    if not 1 <= len(parts) <= MAX_ENTRIES + 1:
        return None
    times, digests = [], []
    for part in parts:
        name, _equals, value = part.strip(" ").partition("=")
        if name == "t":
            times.append(value)
        elif name == "v1" and _DIGEST.fullmatch(value):
            digests.append(value.encode("ascii"))
    return (times[0], digests) if len(times) == 1 else None


def _fits(expected: bytes, digests: list[bytes]) -> bool:
    return any(hmac.compare_digest(expected, digest) for digest in digests)
