"""Sign and verify messages as Standard Webhooks 1.0.0 does, strictly.

The signed bytes are ``{webhook-id}.{webhook-timestamp}.{raw body}``. Two signature versions exist: ``v1``
(HMAC-SHA256, symmetric) and ``v1a`` (Ed25519, RFC 8032). This module is stricter than the reference libraries:

* only canonical base64 is read, so one signature has exactly one spelling;
* a malformed entry is skipped and the next one tried;
* secrets hold 24 to 64 bytes;
* a key works for its own version alone: a public key can never be used as an HMAC secret, because the two are
  different types;
* a public key for which anybody can make signatures is none.

:func:`verify` never raises, whatever bytes it is given, and every refusal of requests of one shape costs the same
work: whoever measures how long an answer takes does not learn which systems and keys there are.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache
from itertools import repeat
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TOLERANCE_S: Final = 300
"""Seconds by which a timestamp may differ from the server's clock, either way."""

MAX_PAST_TOLERANCE_S: Final = 72 * 3600
"""The most that an approved setting may allow a timestamp to be in the past, in seconds."""

MAX_ENTRIES: Final = 16
"""Signatures that one header may carry."""

_MIN_SECRET_BYTES: Final = 24
_MAX_SECRET_BYTES: Final = 64
_MIN_TEXT_BYTES: Final = 16
_MAX_TEXT_BYTES: Final = 256
_ED25519_KEY_BYTES: Final = 32
_FINGERPRINT_BYTES: Final = 32
_SIGNATURE_BYTES: Final = {"v1": 32, "v1a": 64}
_MAX_HEADER_CHARS: Final = 1 << 16  # as much as a header line may have anyway: entries of other versions can be long

_ED25519_P: Final = 2**255 - 19
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _ED25519_P - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)
"""The y coordinates of the eight points whose order divides 8 (RFC 8032 §5.1; a test computes them)."""

_MESSAGE_ID: Final = re.compile(r"[!-\-/-~]{1,256}")  # visible ASCII except '.'
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_CERTIFICATE: Final = re.compile(r"x509_([0-9a-f]{64})_([0-9]{1,12})_([0-9]{1,12})")


class KeyFormatError(ValueError):
    """A key text is not usable. The message names the rule, never the key."""


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of canonical, padded, standard base64, or None.

    Standard decoders accept several spellings of the same bytes (loose trailing bits, line breaks); a signature
    with several spellings would defeat comparison of recorded signatures, so those are refused.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode("ascii") == text else None


def _parse_key(text: str, prefix: str, what: str) -> bytes:
    if not text.startswith(prefix):
        raise KeyFormatError(f"{what} must begin with '{prefix}'")
    raw = decode_base64(text[len(prefix) :])
    if raw is None:
        raise KeyFormatError(f"{what} must be canonical base64 after '{prefix}'")
    return raw


def _require_length(raw: bytes, low: int, high: int, what: str) -> None:
    if not low <= len(raw) <= high:
        wanted = str(low) if low == high else f"{low} to {high}"
        raise KeyFormatError(f"{what} must hold {wanted} bytes, not {len(raw)}")


@dataclass(frozen=True)
class Secret:
    """A symmetric secret for ``v1`` (``whsec_…``): 24 to 64 random bytes."""

    PREFIX = "whsec_"

    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a secret that is too short to be safe or longer than an HMAC block."""
        _require_length(self.raw, _MIN_SECRET_BYTES, _MAX_SECRET_BYTES, "A secret")

    @classmethod
    def parse(cls, text: str) -> Secret:
        """Read ``whsec_<base64>``; raise :class:`KeyFormatError` for anything else."""
        return cls(_parse_key(text, cls.PREFIX, "A secret"))

    @classmethod
    def generate(cls, size: int = 32) -> Secret:
        """Return a new random secret of ``size`` bytes."""
        return cls(secrets.token_bytes(size))

    def text(self) -> str:
        """Return the form that is shown once and handed to the partner."""
        return self.PREFIX + base64.b64encode(self.raw).decode("ascii")


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 public key for ``v1a`` (``whpk_…``): 32 bytes."""

    PREFIX = "whpk_"

    raw: bytes

    def __post_init__(self) -> None:
        """Refuse bytes of another length than Ed25519's, a second spelling of a point, and points of small order.

        Under a key of small order anybody can make a signature that holds, for some or for all messages.
        """
        _require_length(self.raw, _ED25519_KEY_BYTES, _ED25519_KEY_BYTES, "A public key")
        y = int.from_bytes(self.raw, "little") & ((1 << 255) - 1)
        if y >= _ED25519_P or y in _SMALL_ORDER_Y:
            raise KeyFormatError("A public key must be a point that only its owner can sign for")

    @cached_property
    def verifier(self) -> Ed25519PublicKey:
        """The key in the form that verifies, made once."""
        return Ed25519PublicKey.from_public_bytes(self.raw)

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Read ``whpk_<base64>``; raise :class:`KeyFormatError` for anything else."""
        return cls(_parse_key(text, cls.PREFIX, "A public key"))

    def text(self) -> str:
        """Return the form that is published."""
        return self.PREFIX + base64.b64encode(self.raw).decode("ascii")

    def jwk(self, kid: str) -> dict[str, str]:
        """Return the key as a JSON Web Key (RFC 8037 §2), named ``kid``."""
        x = base64.urlsafe_b64encode(self.raw).rstrip(b"=").decode("ascii")
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x}


@dataclass(frozen=True)
class PrivateKey:
    """An Ed25519 private key for ``v1a`` (``whsk_…``): the 32 byte seed of RFC 8032."""

    PREFIX = "whsk_"

    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse bytes of another length than an Ed25519 seed."""
        _require_length(self.raw, _ED25519_KEY_BYTES, _ED25519_KEY_BYTES, "A private key")

    @classmethod
    def parse(cls, text: str) -> PrivateKey:
        """Read ``whsk_<base64>`` (seed, or seed and public key); else :class:`KeyFormatError`."""
        raw = _parse_key(text, cls.PREFIX, "A private key")
        if len(raw) == 2 * _ED25519_KEY_BYTES:  # the form the Standard Webhooks tools write
            key = cls(raw[:_ED25519_KEY_BYTES])
            if key.public_key().raw != raw[_ED25519_KEY_BYTES:]:
                raise KeyFormatError("A private key must agree with the public key beside it")
            return key
        return cls(raw)

    @classmethod
    def generate(cls) -> PrivateKey:
        """Return a new random key."""
        return cls(secrets.token_bytes(_ED25519_KEY_BYTES))

    def text(self) -> str:
        """Return the storable form; it belongs under encryption."""
        return self.PREFIX + base64.b64encode(self.raw).decode("ascii")

    @cached_property
    def signer(self) -> Ed25519PrivateKey:
        """The key in the form that signs; making it costs as much as a signature, so it is made once."""
        return Ed25519PrivateKey.from_private_bytes(self.raw)

    def public_key(self) -> PublicKey:
        """Return the key that receivers verify with."""
        public = self.signer.public_key()
        return PublicKey(public.public_bytes(Encoding.Raw, PublicFormat.Raw))


@dataclass(frozen=True)
class Certificate:
    """A client certificate that is believed: the SHA-256 of its DER bytes, and its validity in unix seconds."""

    PREFIX = "x509_"

    fingerprint: bytes
    not_before: int
    not_after: int

    def __post_init__(self) -> None:
        """Refuse bytes of another length than SHA-256's."""
        _require_length(self.fingerprint, _FINGERPRINT_BYTES, _FINGERPRINT_BYTES, "A fingerprint")

    @classmethod
    def parse(cls, text: str) -> Certificate:
        """Read what :meth:`text` writes; raise :class:`KeyFormatError` for anything else."""
        found = _CERTIFICATE.fullmatch(text)
        if found is None:
            raise KeyFormatError("A certificate is kept as its fingerprint and its validity")
        return cls(bytes.fromhex(found[1]), int(found[2]), int(found[3]))

    def text(self) -> str:
        """Return the storable form."""
        return f"{self.PREFIX}{self.fingerprint.hex()}_{self.not_before}_{self.not_after}"


@dataclass(frozen=True)
class TextSecret:
    """A secret that is a text, of ``stripe`` and ``github`` style senders: its UTF-8 bytes are the HMAC key.

    Whatever its characters are, they are taken as they stand, ``whsec_`` included. Its length is bounded below by what
    NIST SP 800-131A allows an HMAC key (112 bits and more; 16 bytes are 128), above by what is a text for a person.
    """

    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a text that is too short to be safe, or longer than any sender's."""
        _require_length(self.raw, _MIN_TEXT_BYTES, _MAX_TEXT_BYTES, "A secret that is taken as text")

    @classmethod
    def parse(cls, text: str) -> TextSecret:
        """Read a text; raise :class:`KeyFormatError` where it cannot be what a sender's form shows."""
        if text != text.strip() or not text.isprintable():
            raise KeyFormatError("A secret that is taken as text has visible characters alone, no space at its ends")
        return cls(text.encode())

    def text(self) -> str:
        """Return the text itself; it belongs under encryption."""
        return self.raw.decode()


Material: TypeAlias = Secret | TextSecret | PublicKey | Certificate


@dataclass(frozen=True)
class VerifyKey:
    """One key of a system under the name by which records know it."""

    key_id: str
    material: Material


class Cause(str, Enum):
    """Why a message was not accepted. For operators alone: a partner sees one answer for all."""

    MISSING_HEADER = "missing_header"
    BAD_MESSAGE_ID = "bad_message_id"
    BAD_TIMESTAMP = "bad_timestamp"
    BAD_SIGNATURE_HEADER = "bad_signature_header"
    NO_KEY = "no_key"
    NO_MATCH = "no_match"
    KEY_NOT_VALID = "key_not_valid"
    TOO_OLD = "too_old"
    IN_FUTURE = "in_future"
    # Of profiles other than Standard Webhooks
    NOTHING_SIGNED = "nothing_signed"
    NOT_COVERED = "not_covered"
    UNKNOWN_KEY = "unknown_key"
    BAD_DIGEST = "bad_digest"
    UNTRUSTED_PROXY = "untrusted_proxy"
    CERTIFICATE_NOT_VALID = "certificate_not_valid"


@dataclass(frozen=True)
class Accepted:
    """A message whose signature and time hold.

    ``covered`` are the names (lower case) of further headers that the signature covers.
    """

    key_id: str
    message_id: str
    timestamp: int
    covered: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Refused:
    """A message that must be answered 401."""

    cause: Cause


# Made once: to look a cause up takes longer where there is more to look up.
_REFUSED: Final = {
    (False, False): Refused(Cause.NO_MATCH),
    (False, True): Refused(Cause.NO_KEY),
    (True, False): Refused(Cause.KEY_NOT_VALID),
    (True, True): Refused(Cause.KEY_NOT_VALID),
}
"""What it is when no usable key fits; by whether another one does, and whether there is no usable one."""


def is_message_id(text: str) -> bool:
    """Tell whether ``text`` may be a ``webhook-id``: 1 to 256 visible ASCII characters, no dot."""
    return _MESSAGE_ID.fullmatch(text) is not None


def is_timestamp(text: str) -> bool:
    """Tell whether ``text`` may be a time of signing: unix seconds in 1 to 12 ASCII digits."""
    return _TIMESTAMP.fullmatch(text) is not None


def sign_v1(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one ``v1,<base64>`` entry over the bytes that Standard Webhooks 1.0.0 names."""
    return "v1," + base64.b64encode(_hmac(secret, _prefix(message_id, str(timestamp)) + body)).decode("ascii")


def sign_v1a(private_key: PrivateKey | bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one ``v1a,<base64>`` entry made with an Ed25519 key, or its seed of 32 bytes."""
    key = private_key if isinstance(private_key, PrivateKey) else PrivateKey(private_key)
    signature = key.signer.sign(_prefix(message_id, str(timestamp)) + body)
    return "v1a," + base64.b64encode(signature).decode("ascii")


def sign(keys: Sequence[Secret | PrivateKey], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the whole ``webhook-signature`` header: one entry per key, in the order given.

    Raises ValueError when the id may not be a ``webhook-id``, or when there is no key or more than 16.
    """
    if not is_message_id(message_id):
        raise ValueError("a webhook-id is 1 to 256 visible ASCII characters without a dot")
    if not 1 <= len(keys) <= MAX_ENTRIES:
        raise ValueError(f"between 1 and {MAX_ENTRIES} keys can sign a message")
    return " ".join(
        sign_v1(key.raw, message_id, timestamp, body)
        if isinstance(key, Secret)
        else sign_v1a(key, message_id, timestamp, body)
        for key in keys
    )


def verify(
    *,
    message_id: str | None,
    timestamp: str | None,
    signature: str | None,
    body: bytes,
    keys: Sequence[VerifyKey],
    now: float,
    past_tolerance: int = TOLERANCE_S,
    others: Sequence[VerifyKey] = (),
) -> Accepted | Refused:
    """Judge one message by its three headers and its raw body, before any parsing.

    ``now`` is the server's clock in unix seconds. ``past_tolerance`` is how many seconds old the timestamp may be;
    it never exceeds 72 hours, and the future side is always 300 s. The clock is judged last, so that a refusal
    for its time tells the operator that the key was right.

    ``others`` are keys that make nothing acceptable: expired ones, those of a suspended system, decoys. A refusal has
    tried all ``keys`` and all ``others``; where both together are as many as anybody else's, it takes as long.
    """
    if not message_id or not timestamp or not signature:
        return Refused(Cause.MISSING_HEADER)
    if not is_message_id(message_id):
        return Refused(Cause.BAD_MESSAGE_ID)
    if not is_timestamp(timestamp):
        return Refused(Cause.BAD_TIMESTAMP)
    entries = _entries(signature)
    if entries is None:
        return Refused(Cause.BAD_SIGNATURE_HEADER)
    signed = _prefix(message_id, timestamp) + body
    refused, fits_another = None, False
    for key, usable in (*zip(keys, repeat(True)), *zip(others, repeat(False))):
        if not _fits(key, entries, signed):
            continue
        if usable and refused is None:
            verdict = judge_time(Accepted(key.key_id, message_id, int(timestamp)), now, past_tolerance)
            if isinstance(verdict, Accepted):
                return verdict
            refused = verdict
        # A refusal goes on to the last key, also when one fits.
        fits_another = fits_another or not usable
    return refused or no_key_fits(fits_another=fits_another, keyless=not keys)


def no_key_fits(*, fits_another: bool, keyless: bool) -> Refused:
    """Return the refusal of a message that no usable key has signed.

    ``fits_another``: a key that is not usable has; ``keyless``: there is no usable key.
    """
    return _REFUSED[fits_another, keyless]


def judge_time(accepted: Accepted, now: float, past_tolerance: int) -> Accepted | Refused:
    """Return ``accepted`` if its time is near enough to ``now``, as :func:`verify` says; else the refusal."""
    oldest = max(0, min(past_tolerance, MAX_PAST_TOLERANCE_S))
    if accepted.timestamp > now + TOLERANCE_S:
        return Refused(Cause.IN_FUTURE)
    if accepted.timestamp < now - oldest:
        return Refused(Cause.TOO_OLD)
    return accepted


@lru_cache(maxsize=1)
def decoys() -> Mapping[type[Material], VerifyKey]:
    """Return a key of each kind that nobody has, made once per process.

    They are tried where a system has fewer keys than another one, so that the two cannot be told apart.
    """
    return {
        Secret: VerifyKey("decoy", Secret.generate()),
        TextSecret: VerifyKey("decoy", TextSecret(secrets.token_hex(_MIN_TEXT_BYTES).encode())),
        PublicKey: VerifyKey("decoy", PrivateKey.generate().public_key()),
        Certificate: VerifyKey("decoy", Certificate(secrets.token_bytes(_FINGERPRINT_BYTES), 0, 1)),
    }


def _entries(header: str) -> list[tuple[str, bytes]] | None:
    """Split a signature header; None when it has no or too many entries, malformed entries left out."""
    if len(header) > _MAX_HEADER_CHARS:
        return None
    texts = [text for text in header.split(" ") if text]
    if not 1 <= len(texts) <= MAX_ENTRIES:
        return None
    entries = []
    for text in texts:
        version, _comma, encoded = text.partition(",")
        size = _SIGNATURE_BYTES.get(version)
        raw = decode_base64(encoded) if size and len(encoded) == -(-size // 3) * 4 else None
        if raw is not None and len(raw) == size:
            entries.append((version, raw))
    return entries


def _fits(key: VerifyKey, entries: list[tuple[str, bytes]], signed: bytes) -> bool:
    material = key.material
    if isinstance(material, Secret):
        expected = _hmac(material.raw, signed)
        # No generator: to leave one before its end costs what could be measured.
        return any([hmac.compare_digest(expected, raw) for version, raw in entries if version == "v1"])  # noqa: C419
    if not isinstance(material, PublicKey):
        return False  # a certificate signs nothing, a text nothing here
    return any(ed25519_verifies(material, raw, signed) for version, raw in entries if version == "v1a")


def ed25519_verifies(public_key: PublicKey, signature: bytes, signed: bytes) -> bool:
    """Tell whether an Ed25519 signature (RFC 8032) holds; False for bytes that are none, or no key."""
    try:
        public_key.verifier.verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _prefix(message_id: str, timestamp: str) -> bytes:
    return f"{message_id}.{timestamp}.".encode("ascii")


def _hmac(secret: bytes, signed: bytes) -> bytes:
    # In one call: for the usual kilobyte half the time of an object that is fed.
    return hmac.digest(secret, signed, "sha256")
