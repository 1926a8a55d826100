"""Verify a message by the profile of its system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import signing
from ..signing import Accepted, Refused, VerifyKey
from . import body_hmac, client_certificate, message_signatures, timestamped
from .message import Message
from .settings import Profile, Settings


@dataclass(frozen=True)
class Surroundings:
    """What of the server a proof may depend on.

    ``base_url`` is the public address of this Odoo (``https://odoo.example.org``); ``proxies`` are the networks of
    those whose word for a client certificate is believed.
    """

    base_url: str = ""
    proxies: tuple[client_certificate.Network, ...] = ()


NOWHERE = Surroundings()


def verify(
    message: Message,
    *,
    settings: Settings,
    keys: Sequence[VerifyKey],
    now: float,
    past_tolerance: int = signing.TOLERANCE_S,
    around: Surroundings = NOWHERE,
    others: Sequence[VerifyKey] = (),
) -> Accepted | Refused:
    """Judge one message before any parsing; ``keys`` and ``others`` are those that :meth:`Settings.fitting` leaves.

    ``now`` is the server's clock in unix seconds. ``past_tolerance`` is how many seconds old a signature may be, for
    the profiles that sign a time. ``others`` are keys that make nothing acceptable (:func:`signing.verify`).
    """
    match settings.profile:
        case Profile.STANDARD:
            headers = message.headers
            return signing.verify(
                message_id=headers.get("webhook-id"),
                timestamp=headers.get("webhook-timestamp"),
                signature=headers.get("webhook-signature"),
                body=message.body,
                keys=keys,
                others=others,
                now=now,
                past_tolerance=past_tolerance,
            )
        case Profile.STRIPE:
            return timestamped.verify(
                message, settings=settings, keys=keys, others=others, now=now, past_tolerance=past_tolerance
            )
        case Profile.GITHUB:
            return body_hmac.verify(message, settings=settings, keys=keys, others=others, now=now)
        case Profile.RFC9421:
            return message_signatures.verify(
                message,
                settings=settings,
                keys=keys,
                others=others,
                now=now,
                past_tolerance=past_tolerance,
                base_url=around.base_url,
            )
        case Profile.MTLS:
            return client_certificate.verify(
                message, settings=settings, keys=keys, others=others, now=now, proxies=around.proxies
            )
