"""Read a client certificate that an administrator registers: the one place where a certificate is parsed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timezone

from cryptography import x509

from ..signing import Certificate, KeyFormatError
from .client_certificate import read_pem


@dataclass(frozen=True)
class Registration:
    """A certificate as a person reads it: its subject in RFC 4514 form, and its validity as naive UTC."""

    material: Certificate
    subject: str
    valid_from: datetime
    valid_to: datetime


def read(raw: bytes) -> Registration:
    """Return what is kept of one X.509 certificate, given as PEM or DER.

    Raises :class:`KeyFormatError` for anything else; a private key, pasted by mistake, above all.
    """
    if b"PRIVATE KEY" in raw:
        raise KeyFormatError("This holds a private key, which never leaves its owner: register the certificate alone")
    der = _der(raw)
    try:
        certificate = x509.load_der_x509_certificate(der)
        subject = certificate.subject.rfc4514_string()
        valid_from, valid_to = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, x509.InvalidVersion) as error:
        raise KeyFormatError("This is no X.509 certificate") from error
    material = Certificate(hashlib.sha256(der).digest(), _seconds(valid_from), _seconds(valid_to))
    return Registration(material, subject, _naive(valid_from), _naive(valid_to))


def _der(raw: bytes) -> bytes:
    if not raw.lstrip().startswith(b"-----"):
        return raw
    text = raw.decode("ascii", "replace").strip().replace("\r\n", "\n")
    der = read_pem(text)
    if der is None:
        raise KeyFormatError("This is not exactly one certificate in PEM form: leave out the chain and all other lines")
    return der


def _seconds(moment: datetime) -> int:
    return max(0, int(moment.timestamp()))


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc).replace(tzinfo=None)
