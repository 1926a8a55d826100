"""Signed requests of every profile, for tests, measurements and whoever builds a sender."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from .. import signing
from ..signing import Certificate, PrivateKey, Secret, TextSecret, VerifyKey
from . import body_hmac, client_certificate, content_digest, message_signatures, timestamped
from .settings import Profile, Settings
from .verifying import Surroundings

JSON_TYPE: Final = "application/cloudevents+json"
PROXY: Final = "127.0.0.1"
AROUND: Final = Surroundings("https://odoo.example.org", client_certificate.parse_proxies(PROXY))


@dataclass(frozen=True)
class Example:
    """A request, as a :class:`message.Message`, with everything that it is verified with."""

    settings: Settings
    keys: tuple[VerifyKey, ...]
    body: bytes = field(repr=False)
    headers: Mapping[str, str]
    method: str = "POST"
    target: str = "/integration/v1/inbound/ehr"
    peer: str | None = PROXY
    around: Surroundings = AROUND


@dataclass(frozen=True)
class Holder:
    """What a sender signs with; ``der`` is its client certificate."""

    key: Secret | TextSecret | PrivateKey = field(default_factory=Secret.generate, repr=False)
    key_id: str = "key_example"
    der: bytes = b"a client certificate"

    def verify_key(self, profile: Profile) -> VerifyKey:
        """Return the key as the receiver holds it."""
        if profile is Profile.MTLS:
            return VerifyKey(self.key_id, Certificate(hashlib.sha256(self.der).digest(), 0, 2**40))
        return VerifyKey(self.key_id, self.key.public_key() if isinstance(self.key, PrivateKey) else self.key)


def sign_example(
    settings: Settings,
    body: bytes,
    *,
    holder: Holder,
    now: int,
    message_id: str = "msg-1",
    target: str = Example.target,
    method: str = "POST",
) -> Example:
    """Return a request with this body that the profile accepts at ``now`` (unix seconds).

    Raises ValueError when the profile has no use for the holder's kind of key.
    """
    headers = {"content-type": JSON_TYPE}
    if settings.id_header:
        headers[settings.id_header] = message_id
    key = holder.verify_key(settings.profile)
    request = Example(settings, (key,), body, headers, method, target)
    return replace(request, headers={**headers, **_proof(request, holder, now, message_id)})


def _proof(request: Example, holder: Holder, now: int, message_id: str) -> dict[str, str]:
    settings, body, key = request.settings, request.body, holder.key
    name = settings.proof_header
    match settings.profile:
        case Profile.STANDARD:
            return {"webhook-timestamp": str(now), name: signing.sign([_signer(key)], message_id, now, body)}
        case Profile.RFC9421:
            return _rfc9421(request, holder, now)
        case Profile.MTLS:
            return {name: client_certificate.escaped_pem(holder.der)}
    if isinstance(key, PrivateKey):
        raise ValueError("this profile is keyed with a secret")
    if settings.profile is Profile.STRIPE:
        return {name: timestamped.sign(key.text(), now, body)}
    return {name: body_hmac.sign(key.text(), body)}


def _signer(key: Secret | TextSecret | PrivateKey) -> Secret | PrivateKey:
    if isinstance(key, TextSecret):
        raise ValueError("a text is no key of this profile")
    return key


def _rfc9421(request: Example, holder: Holder, now: int) -> dict[str, str]:
    digest = {"content-digest": content_digest.of(request.body)}
    whole = replace(request, headers={**request.headers, **digest})
    covered = ["@method", "@path", "content-digest", "content-type", request.settings.id_header]
    return digest | message_signatures.sign(
        whole, _signer(holder.key), key_id=holder.key_id, created=now, covered=covered
    )
