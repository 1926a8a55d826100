"""How the keys of a system are used outside Standard Webhooks."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence

from ..signing import Refused, Secret, TextSecret, VerifyKey, no_key_fits


def text_key(secret: Secret | TextSecret) -> bytes:
    """Return the bytes that ``stripe`` and ``github`` style senders key their HMAC with: the secret's text as shown.

    Such senders know the secret as a text in a form field and take its characters as the key, ``whsec_`` included.
    """
    return secret.text().encode()


def matching(
    keys: Sequence[VerifyKey], others: Sequence[VerifyKey], fits: Callable[[VerifyKey], bool]
) -> VerifyKey | Refused:
    """Return the first of ``keys`` that fits, else the refusal. All of both are tried, whichever one it is.

    ``others`` are keys that make nothing acceptable (:func:`signing.verify`).
    """
    fitting = [key for key in keys if fits(key)]
    fits_another = bool([key for key in others if fits(key)])
    return fitting[0] if fitting else no_key_fits(fits_another=fits_another, keyless=not keys)


def hex_hmac(key: VerifyKey, content: bytes) -> bytes:
    """Return the HMAC-SHA256 of ``content`` in hexadecimal digits, keyed with the secret's text."""
    assert isinstance(key.material, (Secret, TextSecret))
    return hmac.digest(text_key(key.material), content, "sha256").hex().encode("ascii")
