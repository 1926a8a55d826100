"""Digests of bodies, and keyed hashes that stand for identifiers which must not be stored in clear."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

_MIN_KEY_BYTES: Final = 32


def body_digest(data: bytes) -> str:
    """Return the SHA-256 of a body (after content-decoding) as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class KeyedHasher:
    """HMAC-SHA256 under a key derived for one purpose, so that hashes cannot be reversed by guessing numbers.

    The key must come from a data key (:meth:`keyring.DataKey.derive`), which stays the same when the master key is
    rotated; otherwise equal identifiers would stop having equal hashes.
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a key too short to withstand guessing."""
        if len(self.key) < _MIN_KEY_BYTES:
            raise ValueError(f"a hashing key must have at least {_MIN_KEY_BYTES} bytes")

    def hash(self, text: str, *, scope: str) -> str:
        """Return 64 hexadecimal digits that stand for ``text`` within ``scope`` (a system's code, say).

        The scope's length goes first, so no pair of scope and text can be mistaken for another pair.
        """
        scope_bytes = scope.encode("utf-8")
        message = len(scope_bytes).to_bytes(4, "big") + scope_bytes + text.encode("utf-8")
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()
