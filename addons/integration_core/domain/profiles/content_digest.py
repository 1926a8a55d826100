"""``Content-Digest`` (RFC 9530): the digest of a message's content, as it travels."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

from . import structured_fields

ALGORITHMS: Final = {"sha-256": "sha256", "sha-512": "sha512"}
"""Those that RFC 9530 calls active; others do not count, for or against."""


def holds(field: str, content: bytes) -> bool:
    """Tell whether a ``content-digest`` field is right: at least one active digest, and every one of them matches."""
    try:
        members = structured_fields.parse_dictionary(field)
    except structured_fields.FieldError:
        return False
    known = {name: members[name] for name in ALGORITHMS if name in members}
    return bool(known) and all(_matches(name, member, content) for name, member in known.items())


def of(content: bytes, algorithm: str = "sha-256") -> str:
    """Return the field's value for some content; ``algorithm`` is one of :data:`ALGORITHMS`."""
    digest = hashlib.new(ALGORITHMS[algorithm], content).digest()
    return f"{algorithm}=:{base64.b64encode(digest).decode('ascii')}:"


def _matches(name: str, member: structured_fields.Member, content: bytes) -> bool:
    if not isinstance(member, structured_fields.Item) or not isinstance(member.value, bytes):
        return False
    return hmac.compare_digest(hashlib.new(ALGORITHMS[name], content).digest(), member.value)
