"""Bearer tokens of those who read metrics: long random texts, of which a salted hash is kept.

A token has 256 random bits, so that its hash needs no slow function: nobody can try them all. The salt keeps equal
texts from having equal hashes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from typing import Final

PREFIX: Final = "oim_"
_SALT_BYTES: Final = 16
_HEADER: Final = re.compile(r"bearer +(oim_[A-Za-z0-9_-]{43})", re.IGNORECASE | re.ASCII)


def make() -> str:
    """Return a new token."""
    return PREFIX + secrets.token_urlsafe(32)


def salt() -> str:
    """Return a new salt, as hexadecimal digits."""
    return secrets.token_hex(_SALT_BYTES)


def digest(token: str, salted: str) -> str:
    """Return what is kept of a token: HMAC-SHA256 keyed by its salt, as hexadecimal digits."""
    return hmac.new(bytes.fromhex(salted), token.encode(), hashlib.sha256).hexdigest()


def presented(header: str | None) -> str | None:
    """Return the token of an ``Authorization`` header (RFC 6750 §2.1), or None where it holds none of this form."""
    found = _HEADER.fullmatch((header or "").strip(" \t"))
    return found[1] if found else None


def fits(token: str, kept: Iterable[tuple[str, str]]) -> bool:
    """Tell whether a token is one of those kept, as (salt, digest); how long it takes does not tell which."""
    fit = False
    for salted, known in kept:
        fit |= hmac.compare_digest(digest(token, salted), known)
    return fit
