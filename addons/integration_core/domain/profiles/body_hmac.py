"""``github``: a header ``sha256=<hex>`` with the HMAC-SHA256 of the body, and nothing else.

As GitHub signs its webhooks, and those who copied it. The weakest profile: neither a time nor an id is signed, so that
whoever captures one message can send it again at any time. What keeps that from doing anything is that the body itself
names the message: CloudEvents ``source`` and ``id`` lie in it, and stay remembered for as long as message identities
are kept. A request without a body would have the same signature for ever, so it proves nothing.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from typing import Final

from ..signing import Accepted, Cause, Refused, VerifyKey
from . import identity
from .keys import hex_hmac, matching
from .message import Message
from .settings import Settings

_HEADER: Final = re.compile(r"sha256=([0-9a-f]{64})")


def verify(
    message: Message, *, settings: Settings, keys: Sequence[VerifyKey], others: Sequence[VerifyKey], now: float
) -> Accepted | Refused:
    """Judge one message; the time of an accepted one is ``now``, in unix seconds, for it has none of its own."""
    header = message.headers.get(settings.proof_header)
    if not header:
        return Refused(Cause.MISSING_HEADER)
    found = _HEADER.fullmatch(header)
    if found is None:
        return Refused(Cause.BAD_SIGNATURE_HEADER)
    if not message.body:
        return Refused(Cause.NOTHING_SIGNED)
    given = found[1].encode("ascii")
    key = matching(keys, others, lambda key: hmac.compare_digest(hex_hmac(key, message.body), given))
    if isinstance(key, Refused):
        return key
    message_id = identity.unproven_id(message, settings.id_header)
    return message_id if isinstance(message_id, Refused) else Accepted(key.key_id, message_id, int(now))


def sign(secret_text: str, body: bytes) -> str:
    """Return the header's value for a body; ``secret_text`` is the secret as it was shown."""
    return "sha256=" + hmac.digest(secret_text.encode(), body, "sha256").hex()
