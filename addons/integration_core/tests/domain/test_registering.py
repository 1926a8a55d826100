"""Reading a client certificate that an administrator registers."""

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from integration_core.domain.profiles import client_certificate, registering
from integration_core.domain.signing import KeyFormatError

KEY = Ed25519PrivateKey.generate()
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ehr.example.org")])
FROM, TO = datetime.datetime(2026, 1, 1), datetime.datetime(2027, 1, 1)
CERTIFICATE = (
    x509.CertificateBuilder()
    .subject_name(NAME)
    .issuer_name(NAME)
    .public_key(KEY.public_key())
    .serial_number(1)
    .not_valid_before(FROM)
    .not_valid_after(TO)
    .sign(KEY, None)
)
PEM = CERTIFICATE.public_bytes(Encoding.PEM)
DER = CERTIFICATE.public_bytes(Encoding.DER)


@pytest.mark.parametrize("raw", [PEM, DER, PEM.replace(b"\n", b"\r\n"), b"\n" + PEM + b"\n\n"])
def test_what_is_kept(raw):
    found = registering.read(raw)
    assert found.material.fingerprint == hashlib.sha256(DER).digest()
    assert (found.subject, found.valid_from, found.valid_to) == ("CN=ehr.example.org", FROM, TO)
    assert found.material.not_after == int(TO.replace(tzinfo=datetime.timezone.utc).timestamp())


def test_what_the_proxy_passes_on_is_the_same_certificate():
    assert client_certificate.read_header(client_certificate.escaped_pem(DER)) == DER


@pytest.mark.parametrize(
    "raw", [b"", b"x", PEM + PEM, PEM[:-30], b"text\n" + PEM, DER + b"x", DER[:-1], b"\x30\x03\x02\x01\x01"]
)
def test_what_is_refused(raw):
    with pytest.raises(KeyFormatError):
        registering.read(raw)


def test_a_private_key_is_told_from_a_certificate():
    private = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for raw in (private, PEM + private):
        with pytest.raises(KeyFormatError, match="private key"):
            registering.read(raw)


@given(st.one_of(st.binary(max_size=200), st.integers(0, len(DER) - 1).map(lambda n: DER[:n] + b"\xff" + DER[n + 1 :])))
def test_nothing_but_a_key_format_error_escapes(raw):
    try:
        registering.read(raw)
    except KeyFormatError:
        return
