"""How the keys of a system are used outside Standard Webhooks."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import Final

from ..signing import Certificate, PublicKey, Secret, VerifyKey
from .settings import Profile

KINDS: Final[dict[Profile, tuple[type, ...]]] = {
    Profile.STANDARD: (Secret, PublicKey),
    Profile.STRIPE: (Secret,),
    Profile.GITHUB: (Secret,),
    Profile.RFC9421: (Secret, PublicKey),
    Profile.MTLS: (Certificate,),
}
"""Which kinds of keys a profile can use; a key of another kind is no key there."""


def text_key(secret: Secret) -> bytes:
    """Return the bytes that ``stripe`` and ``github`` style senders key their HMAC with: the secret's text as shown.

    Such senders know the secret as a text in a form field and take its characters as the key, ``whsec_`` included.
    """
    return secret.text().encode("ascii")


def matching(keys: Sequence[VerifyKey], fits: Callable[[VerifyKey], bool]) -> VerifyKey | None:
    """Return the first key that fits. All are tried: the time taken tells nothing of which one it was."""
    found = None
    for key in keys:
        if fits(key) and found is None:
            found = key
    return found


def hex_hmac(key: VerifyKey, content: bytes) -> bytes:
    """Return the HMAC-SHA256 of ``content`` in hexadecimal digits, keyed with the secret's text."""
    assert isinstance(key.material, Secret)
    return hmac.digest(text_key(key.material), content, "sha256").hex().encode("ascii")
