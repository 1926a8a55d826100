"""The id of a message, for senders that send no ``webhook-id`` of their own.

Identity is (system, message id), so an id must be no easier to forge than the message:

1. The id header, where the proof covers it. Where it does not (``stripe``, ``github``), anybody could put another
   message's id beside a captured body; there the id is joined with the body's digest, ``<id>:<32 hex digits>``.
2. Else the CloudEvents attribute ``ce-id``, where the proof covers it.
3. Else the SHA-256 of the body as it was sent: ``sha256-<64 hex digits>``. The same body is the same message.
"""

from __future__ import annotations

import hashlib
from typing import Final

from ..signing import Cause, Refused, is_message_id
from .message import Message

_MAX_UNPROVEN_ID: Final = 200
_DIGEST_CHARS: Final = 32


def proven_id(message: Message, header: str, *, ce_id: bool = True) -> str | Refused:
    """Return the id of a message whose id header is covered by the proof (or absent).

    ``ce_id`` tells whether ``ce-id`` is covered as well.
    """
    text = message.headers.get(header) if header else None
    if text is not None:
        return text if is_message_id(text) else Refused(Cause.BAD_MESSAGE_ID)
    event_id = message.headers.get("ce-id") if ce_id else None
    if event_id and is_message_id(event_id):
        return event_id
    return _body_id(message)


def unproven_id(message: Message, header: str) -> str | Refused:
    """Return the id of a message whose id header anybody on the way could have changed."""
    text = message.headers.get(header) if header else None
    if text is None:
        return _body_id(message)
    if len(text) > _MAX_UNPROVEN_ID or not is_message_id(text):
        return Refused(Cause.BAD_MESSAGE_ID)
    return f"{text}:{_digest(message)[:_DIGEST_CHARS]}"


def _body_id(message: Message) -> str:
    return f"sha256-{_digest(message)}"


def _digest(message: Message) -> str:
    return hashlib.sha256(message.body).hexdigest()
