"""``rfc9421``: HTTP Message Signatures (RFC 9421) over method, address and ``Content-Digest`` (RFC 9530).

A signature counts here only if it covers ``@method``, the address (``@path``, ``@target-uri`` or ``@request-target``),
``content-digest`` and the id header where one is sent, and carries ``created`` and ``keyid``. The key is the one that
``keyid`` names; ``alg``, where it is given, must be that key's. Of several signatures one that verifies is enough.
Components with parameters (``;sf``, ``;bs``, ``;key``, ``;req``, ``;tr``) and ``@query-param`` are not supported: a
signature that covers one is skipped.

``@authority``, ``@scheme`` and ``@target-uri`` are taken from this Odoo's public address and not from the request,
whose ``Host`` anybody can choose.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from ..signing import (
    Accepted,
    Cause,
    PrivateKey,
    PublicKey,
    Refused,
    Secret,
    VerifyKey,
    ed25519_verifies,
    judge_time,
    no_key_fits,
)
from . import content_digest, identity
from .message import Headers, Message
from .settings import Settings
from .structured_fields import FieldError, InnerList, Item, parse_dictionary, serialize_inner_list

MAX_SIGNATURES: Final = 8
"""Signatures of one request that are looked at; more are refused unseen."""

HMAC: Final = "hmac-sha256"
ED25519: Final = "ed25519"

_ADDRESS: Final = frozenset({"@path", "@target-uri", "@request-target"})
_WITH_QUERY: Final = frozenset({"@query", "@target-uri", "@request-target"})
_FIELD_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
_FIELD_VALUE: Final = re.compile(r"[\t -~]*")
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_MAX_TIME: Final = 10**12


@dataclass(frozen=True)
class Signed:
    """One signature of a request: what it covers, its parameters, and the bytes that were signed."""

    covered: frozenset[str]
    key_id: str
    algorithm: str | None
    created: int
    expires: int | None
    base: bytes
    signature: bytes


def verify(
    message: Message,
    *,
    settings: Settings,
    keys: Sequence[VerifyKey],
    others: Sequence[VerifyKey],
    now: float,
    past_tolerance: int,
    base_url: str,
) -> Accepted | Refused:
    """Judge one message; ``base_url`` is this Odoo's public address, the other arguments those of ``signing.verify``.

    The clock is judged last, as everywhere; so is the digest of the body, which only an honest signature makes
    worthwhile.
    """
    signatures = _signatures(message, settings, base_url)
    if isinstance(signatures, Refused):
        return signatures
    found = [(signed, key) for signed in signatures for key in [_matching(signed, keys)] if key]
    fits_another = bool([signed for signed in signatures if _matching(signed, others)])
    if found:
        return _judge_content(message, settings, *found[0], now, past_tolerance)
    known = {key.key_id for key in (*keys, *others)}
    if keys and not any(signed.key_id in known for signed in signatures):
        return Refused(Cause.UNKNOWN_KEY)
    return no_key_fits(fits_another=fits_another, keyless=not keys)


def _judge_content(
    message: Message, settings: Settings, signed: Signed, key: VerifyKey, now: float, past_tolerance: int
) -> Accepted | Refused:
    if not content_digest.holds(message.headers.get("content-digest") or "", message.body):
        return Refused(Cause.BAD_DIGEST)
    message_id = identity.proven_id(message, settings.id_header, ce_id="ce-id" in signed.covered)
    if isinstance(message_id, Refused):
        return message_id
    if signed.expires is not None and signed.expires < now:
        return Refused(Cause.TOO_OLD)
    accepted = Accepted(key.key_id, message_id, signed.created, signed.covered)
    return judge_time(accepted, now, past_tolerance)


def _signatures(message: Message, settings: Settings, base_url: str) -> list[Signed] | Refused:
    """Return the signatures that would be enough; malformed ones and those that cover too little are left out."""
    headers = message.headers
    inputs, values = headers.get("signature-input"), headers.get("signature")
    if not inputs or not values or not headers.get("content-digest"):
        return Refused(Cause.MISSING_HEADER)
    try:
        members, raw = parse_dictionary(inputs), parse_dictionary(values)
    except FieldError:
        return Refused(Cause.BAD_SIGNATURE_HEADER)
    if not 1 <= len(members) <= MAX_SIGNATURES:
        return Refused(Cause.BAD_SIGNATURE_HEADER)
    required = _required_fields(headers, settings)
    found = [
        signed
        for label, member in members.items()
        if (signed := _signed(message, member, raw.get(label), base_url)) and _is_enough(signed, message, required)
    ]
    return found or Refused(Cause.NOT_COVERED)


def _required_fields(headers: Headers, settings: Settings) -> frozenset[str]:
    sent_id = settings.id_header if headers.get(settings.id_header) is not None else "content-digest"
    return frozenset({"content-digest", sent_id})


def _is_enough(signed: Signed, message: Message, required: frozenset[str]) -> bool:
    if "@method" not in signed.covered or not required <= signed.covered:
        return False
    return bool(signed.covered & (_WITH_QUERY - {"@query"} if "?" in message.target else _ADDRESS)) or (
        {"@path", "@query"} <= signed.covered
    )


def _signed(message: Message, member: Item | InnerList, value: Item | InnerList | None, base_url: str) -> Signed | None:
    """Read one signature; None when it is not one that can be judged."""
    if not isinstance(member, InnerList) or not isinstance(value, Item) or not isinstance(value.value, bytes):
        return None
    names = [item.value for item in member.items if isinstance(item.value, str) and not item.parameters]
    base = signature_base(message, names, serialize_inner_list(member), base_url)
    if len(names) != len(member.items) or base is None:
        return None
    given = member.parameters
    key_id, algorithm = given.get("keyid"), given.get("alg")
    created, expires = _time(given.get("created")), _time(given.get("expires"))
    if (
        not isinstance(key_id, str)
        or not isinstance(algorithm, str | None)
        or not isinstance(given.get("nonce", ""), str)
    ):
        return None
    if created is None or (expires is None and "expires" in given):
        return None
    return Signed(frozenset(names), key_id, algorithm, created, expires, base, value.value)


def _time(value: object) -> int | None:
    is_time = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_TIME
    return value if isinstance(value, int) and is_time else None


def signature_base(message: Message, names: Sequence[str], parameters: str, base_url: str) -> bytes | None:
    """Return the bytes that a signature over the components ``names`` covers (RFC 9421 §2.5).

    ``parameters`` is the value of ``@signature-params``. None when a component is unknown, missing, named twice or
    holds characters that could be taken for another line.
    """
    if len(set(names)) != len(names):
        return None
    lines = []
    for name in names:
        value = _component(message, name, base_url)
        if value is None or not _FIELD_VALUE.fullmatch(value):
            return None
        lines.append(f'"{name}": {value}\n')
    return f'{"".join(lines)}"@signature-params": {parameters}'.encode("ascii")


def _component(message: Message, name: str, base_url: str) -> str | None:
    if not name.startswith("@"):
        value = message.headers.get(name) if _FIELD_NAME.fullmatch(name) else None
        return None if value is None else value.strip(" \t")
    path, question, query = message.target.partition("?")
    public = _public(base_url)
    match name:
        case "@method":
            return message.method
        case "@request-target":
            return message.target
        case "@path":
            return path or "/"
        case "@query":
            return f"?{query}"
        case "@scheme":
            return public and public[0]
        case "@authority":
            return public and public[1]
        case "@target-uri":
            return public and f"{public[0]}://{public[1]}{path or '/'}{question}{query}"
    return None


@lru_cache(maxsize=8)
def _public(base_url: str) -> tuple[str, str] | None:
    """Return scheme and authority of this Odoo's public address, normalised (RFC 9421 §2.2.3), or None without one."""
    try:
        parts = urlsplit(base_url)
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.netloc:
        return None
    return parts.scheme, parts.netloc.lower().removesuffix(_DEFAULT_PORTS[parts.scheme])


def _matching(signed: Signed, keys: Sequence[VerifyKey]) -> VerifyKey | None:
    """Return the key that a signature names, if it verifies with it. All are tried: it costs the same."""
    fitting = [key for key in keys if _verifies(key, signed)]
    return next((key for key in fitting if key.key_id == signed.key_id), None)


def _verifies(key: VerifyKey, signed: Signed) -> bool:
    if isinstance(key.material, Secret):
        algorithm = HMAC
        fits = hmac.compare_digest(hmac.digest(key.material.raw, signed.base, "sha256"), signed.signature)
    elif isinstance(key.material, PublicKey):
        algorithm = ED25519
        fits = ed25519_verifies(key.material, signed.signature, signed.base)
    else:
        return False
    return fits and signed.algorithm in (None, algorithm)


def sign(
    message: Message,
    key: Secret | PrivateKey,
    *,
    key_id: str,
    created: int,
    covered: Sequence[str],
    base_url: str = "",
    label: str = "sig1",
) -> dict[str, str]:
    """Return the headers ``signature-input`` and ``signature`` for a request that already has its other headers.

    Raises ValueError when a component of ``covered`` is not there.
    """
    algorithm = HMAC if isinstance(key, Secret) else ED25519
    items = tuple(Item(name) for name in covered)
    parameters = serialize_inner_list(InnerList(items, {"created": created, "keyid": key_id, "alg": algorithm}))
    base = signature_base(message, covered, parameters, base_url)
    if base is None:
        raise ValueError("a component that is to be covered is not there")
    signature = hmac.digest(key.raw, base, "sha256") if isinstance(key, Secret) else key.signer.sign(base)
    encoded = base64.b64encode(signature).decode("ascii")
    return {"signature-input": f"{label}={parameters}", "signature": f"{label}=:{encoded}:"}
