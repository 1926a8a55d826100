"""``mtls``: the client certificate of the TLS connection, as the reverse proxy that ended the connection passes it on.

The handshake proves that the sender holds the certificate's private key; the proxy says which certificate it was. So
the header is believed from the proxy's own address alone. The certificate itself must be registered: it is compared by
the SHA-256 of its DER bytes, whoever issued it. Nothing of it is parsed here but its base64; its validity was read when
it was registered.

Two spellings are read: RFC 9440 (``:<base64 of DER>:``) and the percent-encoded PEM of nginx's
``$ssl_client_escaped_cert``. A fingerprint made by the proxy is not: nginx's ``$ssl_client_fingerprint`` is SHA-1.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import quote, unquote

from ..signing import Accepted, Cause, Certificate, Refused, VerifyKey, decode_base64
from . import identity
from .keys import matching
from .message import Message
from .settings import Settings

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAX_HEADER_CHARS: Final = 16_384
_PEM: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----\r?\n((?:[A-Za-z0-9+/=]{1,76}\r?\n)+)-----END CERTIFICATE-----(?:\r?\n)?"
)


def verify(
    message: Message,
    *,
    settings: Settings,
    keys: Sequence[VerifyKey],
    others: Sequence[VerifyKey],
    now: float,
    proxies: Sequence[Network],
) -> Accepted | Refused:
    """Judge one message; the time of an accepted one is ``now``, in unix seconds, for it has none of its own."""
    header = message.headers.get(settings.proof_header)
    if not header:
        return Refused(Cause.MISSING_HEADER)
    if not is_from(message.peer, proxies):
        return Refused(Cause.UNTRUSTED_PROXY)
    der = read_header(header)
    if der is None:
        return Refused(Cause.BAD_SIGNATURE_HEADER)
    fingerprint = hashlib.sha256(der).digest()
    key = matching(keys, others, lambda key: _is(key, fingerprint))
    if isinstance(key, Refused):
        return key
    message_id = identity.proven_id(message, settings.id_header)
    if isinstance(message_id, Refused):
        return message_id
    assert isinstance(key.material, Certificate)
    if not key.material.not_before <= now <= key.material.not_after:
        return Refused(Cause.CERTIFICATE_NOT_VALID)
    return Accepted(key.key_id, message_id, int(now))


def is_from(peer: str | None, proxies: Sequence[Network]) -> bool:
    """Tell whether the address ``peer`` lies in one of these networks."""
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in proxies)


@lru_cache(maxsize=8)
def parse_proxies(text: str) -> tuple[Network, ...]:
    """Return the networks of a comma-separated list of addresses and networks (``10.0.0.5, 192.168.4.0/28``).

    Raises ValueError for anything else, a network with host bits included.
    """
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def read_header(text: str) -> bytes | None:
    """Return the DER bytes of the one certificate that a proxy's header holds, or None when it holds no such thing."""
    if len(text) > _MAX_HEADER_CHARS or not text.isascii():
        return None
    if text.startswith(":"):
        return (decode_base64(text[1:-1]) or None) if text.endswith(":") and len(text) > 1 else None
    return read_pem(unquote(text))


def read_pem(text: str) -> bytes | None:
    """Return the DER bytes of exactly one PEM certificate (RFC 7468), or None."""
    found = _PEM.fullmatch(text)
    return (decode_base64("".join(found[1].split())) or None) if found else None


def escaped_pem(der: bytes) -> str:
    """Return a certificate as nginx's ``$ssl_client_escaped_cert`` spells it."""
    lines = base64.encodebytes(der).decode("ascii").replace("\n", "")
    body = "\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
    return quote(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n", safe="")


def _is(key: VerifyKey, fingerprint: bytes) -> bool:
    return isinstance(key.material, Certificate) and hmac.compare_digest(key.material.fingerprint, fingerprint)
