"""Verifying messages: what it costs, and whether the time it takes tells why a message is refused."""

from __future__ import annotations

import gc
import hashlib
import random
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from odoo.addons.integration_core.domain import profiles, signing
from odoo.addons.integration_core.domain.profiles import Profile, examples
from odoo.addons.integration_inbound import door
from odoo.addons.integration_inbound.domain import admission

BODY: Final = b'{"x":"' + b"a" * 1016 + b'"}'
"""A kilobyte, as most messages have."""
_BATCHES: Final = 20

Once = Callable[[], object]


# -- what it costs -----------------------------------------------------------------------------------------------------


def _standard(signer: signing.Secret | signing.PrivateKey, *, forged: int = 0) -> Once:
    """Return a call that verifies a message of Standard Webhooks, or refuses one with ``forged`` entries."""
    material = signer if isinstance(signer, signing.Secret) else signer.public_key()
    now = int(time.time())
    stranger = type(signer).generate()
    header = signing.sign([stranger] * forged if forged else [signer], "m", now, BODY)
    keys = [signing.VerifyKey("k", material)]
    wanted = signing.Refused if forged else signing.Accepted

    def once() -> object:
        return signing.verify(message_id="m", timestamp=str(now), signature=header, body=BODY, keys=keys, now=now)

    if not isinstance(once(), wanted):
        raise AssertionError("this is not what is to be measured")
    return once


def _profile(profile: Profile, holder: examples.Holder | None = None, *, forged: bool = False) -> Once:
    """Return a call that verifies a message of a profile, or refuses one that somebody else has signed."""
    holder, now = holder or examples.Holder(), int(time.time())
    sent = examples.sign_example(profiles.Settings(profile), BODY, holder=holder, now=now)
    other = examples.Holder(type(holder.key).generate(), der=b"another certificate")
    keys = [other.verify_key(profile)] if forged else sent.keys
    wanted = signing.Refused if forged else signing.Accepted

    def once() -> object:
        return profiles.verify(sent, settings=sent.settings, keys=keys, now=now, around=sent.around)

    if not isinstance(once(), wanted):
        raise AssertionError("this is not what is to be measured")
    return once


def _ed25519_holder() -> examples.Holder:
    return examples.Holder(signing.PrivateKey.generate())


def _bare_sha256() -> Once:
    certificate = examples.Holder().der
    return lambda: hashlib.sha256(certificate).digest()


def _bare_hmac() -> Once:
    secret = signing.Secret.generate().raw
    return lambda: signing.hmac.digest(secret, BODY, "sha256")


def _bare_ed25519() -> Once:
    private = signing.PrivateKey.generate()
    verifier, signature = private.public_key().verifier, private.signer.sign(BODY)
    return lambda: verifier.verify(signature, BODY)


PROFILES: Final[dict[str, tuple[Callable[[], Once], Callable[[], Once]]]] = {
    "Standard Webhooks v1": (lambda: _standard(signing.Secret.generate()), _bare_hmac),
    "Standard Webhooks v1a": (lambda: _standard(signing.PrivateKey.generate()), _bare_ed25519),
    "Stripe style": (lambda: _profile(Profile.STRIPE), _bare_hmac),
    "GitHub style": (lambda: _profile(Profile.GITHUB), _bare_hmac),
    "RFC 9421, HMAC": (lambda: _profile(Profile.RFC9421), _bare_hmac),
    "RFC 9421, Ed25519": (lambda: _profile(Profile.RFC9421, _ed25519_holder()), _bare_ed25519),
    "client certificate": (lambda: _profile(Profile.MTLS), _bare_sha256),
    "a forged message, RFC 9421": (lambda: _profile(Profile.RFC9421, forged=True), _bare_hmac),
    "a forged message, v1": (lambda: _standard(signing.Secret.generate(), forged=1), _bare_hmac),
    "a forged message, 16 of v1a": (lambda: _standard(signing.PrivateKey.generate(), forged=16), _bare_ed25519),
}
"""What is measured, and the bare operation it stands beside. A profile of signing is a line here."""


def costs(_env: Any, *, count: int) -> dict[str, list[tuple[float, float]]]:
    """Return pairs of microseconds of the processor per message, with the profile and bare, of each one's batches."""
    found = {}
    for name, (make, make_bare) in PROFILES.items():
        ours, bare = make(), make_bare()
        found[name] = [(_microseconds(ours, count), _microseconds(bare, count)) for _ in range(_BATCHES)]
    return found


def _microseconds(once: Once, count: int) -> float:
    began = time.process_time()  # not the clock's: what others do on this machine is no cost of ours
    for _ in range(count):
        once()
    return (time.process_time() - began) * 1e6 / count


# -- whether the time tells --------------------------------------------------------------------------------------------

CAUSES: Final = {"badly signed": "g-bad", "expired key": "g-spent", "suspended": "g-gone", "keyless": "g-none"}
"""The systems that are made, by why their messages are refused."""
UNKNOWN: Final = ("unknown", "g-what")
"""The cause for which no system is made."""


def prepare(env: Any) -> dict[str, str]:
    """Make the systems; return the secrets that sign rightly, by code: of an expired key and of a suspended system."""
    found = {}
    for cause, code in CAUSES.items():
        system = env["integration.system"].create(
            {"name": code, "code": code, "company_id": env.company.id, "timezone": "UTC", "state": "active"}
        )
        if cause != "keyless":
            found[code] = _key(env, system, "v1")
        if cause == "badly signed":
            _key(env, system, "v1a")  # somebody has one, so everybody's entries of v1a cost something
            found.pop(code)
        if cause == "expired key":
            now = datetime.now(timezone.utc).replace(tzinfo=None)
            system.credential_ids._approving().write({"valid_from": now - timedelta(days=9), "valid_to": now})
        if cause == "suspended":
            system.action_suspend()
    return found


def _key(env: Any, system: Any, version: str) -> str:
    key, text = env["integration.credential"]._generate(
        {"system_id": system.id}, company=system.company_id, use="inbound", version=version
    )
    key._approving().write({"state": "active"})
    return str(text)


def times(env: Any, *, count: int, secrets: dict[str, str]) -> dict[str, list[float]]:
    """Return how many nanoseconds the gate took to find out who sent each of ``count`` messages per cause."""
    book = env["integration.configuration"]._current()
    sent = [(cause, _request(code, headers)) for cause, code, headers in requests(env, count=count, secrets=secrets)]
    found: dict[str, list[float]] = {cause: [] for cause, _code in [*CAUSES.items(), UNKNOWN]}
    gc.disable()
    try:
        for cause, request in sent:
            gate = door.CursorDoor(env, _sent(request), book)
            began = time.perf_counter_ns()
            verified = gate.authenticate(request)
            found[cause].append(time.perf_counter_ns() - began)
            if verified is not None:
                raise AssertionError(f"{cause}: accepted")
    finally:
        gc.enable()
    return found


def body(_env: Any) -> bytes:
    """Return the body of the messages that :func:`requests` signs."""
    return BODY


def requests(_env: Any, *, count: int, secrets: dict[str, str], seed: int = 0) -> list[tuple[str, str, dict[str, str]]]:
    """Return cause, code and headers of ``count`` messages per cause, to be posted at once; their body is ``BODY``."""
    order = [pair for pair in [*CAUSES.items(), UNKNOWN] for _ in range(count)]
    random.Random(seed).shuffle(order)  # noqa: S311 - an order, no secret
    return [(cause, code, _headers(secrets.get(code), uuid.uuid4().hex)) for cause, code in order]


def _headers(secret: str | None, message_id: str) -> dict[str, str]:
    now = int(time.time())
    signer = signing.Secret.parse(secret) if secret else signing.Secret.generate()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signing.sign([signer, _STRANGER], message_id, now, BODY),
    }


_STRANGER: Final = signing.PrivateKey.generate()


def _request(code: str, sent: dict[str, str]) -> admission.Request:
    return admission.Request(code, {**sent, "content-type": "application/cloudevents+json"}, BODY)


def _sent(request: admission.Request) -> Any:
    return door.sent_by(request, None, "r" * 32)
