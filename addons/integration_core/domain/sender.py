"""Who sends a message, as far as storing it needs to know: small, immutable, and safe to keep between requests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from .hashing import KeyedHasher
from .keyring import DataKey

Mode: TypeAlias = Literal["test", "live"]


def mode_at(mode: Mode, live_from: datetime | None, moment: datetime) -> Mode:
    """Return the mode of what arrives at ``moment`` from a system in ``mode``; times are naive UTC."""
    return "live" if mode == "live" and live_from and moment >= live_from else "test"


class Recipient(NamedTuple):
    """A subscription that gets a message; ``lane`` is the rank of its event type's lane."""

    subscription_id: int
    consumer: str
    lane: int
    ordered: bool | None


@dataclass(frozen=True)
class Vault:
    """What seals new payloads and hashes identifiers; good for as long as the data keys stay the same.

    ``data_key_id`` is the id by which sealed rows name the key.
    """

    data_key_id: int
    data_key: DataKey = field(repr=False)
    hasher: KeyedHasher = field(repr=False)

    def seal(self, plaintext: bytes, *, aad: str) -> bytes:
        """Encrypt ``plaintext`` for the place that ``aad`` names; needed again to open it."""
        return self.data_key.encrypt(plaintext, aad=aad).data

    def keyed_hash(self, text: str, *, scope: str) -> str:
        """Return the keyed hash (hex) of an identifier that must not be readable in the database."""
        return self.hasher.hash(text, scope=scope)


@dataclass(frozen=True)
class Sender:
    """A system, in the mode that holds for the message at hand, and the type of that message.

    ``stamp`` is that of the configuration all this was read from; None when it was read in the same transaction. The
    message is stored only while that is still the configuration.
    """

    system_id: int
    company_id: int
    code: str
    zone: tzinfo
    mode: Mode
    event_type_id: int
    vault: Vault
    stamp: str | None = None
    recipients: tuple[Recipient, ...] | None = None
    """Who gets the message; None where that is to be looked up when it is stored."""

    @cached_property
    def recipients_text(self) -> str:
        """Who gets the message, as JSON: a list of objects."""
        return json.dumps([recipient._asdict() for recipient in self.recipients or ()])
