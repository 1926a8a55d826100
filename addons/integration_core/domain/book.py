"""What the gate knows by heart: systems, their keys, their grants and the event types, as one configuration had them.

A book is read once and used for many requests, so nothing in it is a record of the database. Its ``stamp`` says which
configuration it was; whoever answers by it has to see that this is still the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timezone, tzinfo
from typing import Final, Literal, TypeAlias

from . import schema, sender, signing
from .acceptance import TypeFacts
from .keyring import Keyring

_NEVER: Final = datetime.max

Recipients: TypeAlias = tuple[sender.Recipient, ...] | None


@dataclass(frozen=True)
class Key:
    """A key of a system and the time (naive UTC) that it is good for; ``valid_to`` None: until revoked."""

    verify: signing.VerifyKey
    valid_from: datetime
    valid_to: datetime | None = None

    def holds_at(self, moment: datetime) -> bool:
        """Tell whether a message of ``moment`` may be signed with it."""
        return self.valid_from <= moment < (self.valid_to or _NEVER)


@dataclass(frozen=True)
class EventType:
    """An approved inbound event type. ``schema_text`` None: nothing of it can be accepted."""

    id: int
    name: str
    retired: bool
    sunset: date | None
    unit: Literal["line", "message"]
    priced: bool
    schema_text: str | None = field(repr=False)

    def facts(self, today: date, *, granted: bool) -> TypeFacts:
        """Return what is known of it on ``today`` for a system that was granted it, or not."""
        return TypeFacts(
            known=True,
            retired=self.retired or bool(self.sunset and today >= self.sunset),
            granted=granted,
            schema=schema.compile_schema(self.schema_text) if self.schema_text else None,
        )


@dataclass(frozen=True)
class Party:
    """A system as the gate knows it. ``granted`` are ids of event types; times are naive UTC."""

    id: int
    company_id: int
    code: str
    active: bool
    mode: sender.Mode
    live_from: datetime | None
    zone: tzinfo
    max_body_bytes: int
    rate_per_minute: int
    timestamp_tolerance: int
    granted: frozenset[int] = frozenset()
    keys: tuple[Key, ...] = field(default=(), repr=False)

    def keys_at(self, moment: datetime) -> tuple[tuple[signing.VerifyKey, ...], tuple[signing.VerifyKey, ...]]:
        """Return the keys that its messages may be signed with at ``moment``, and the others.

        A system that is not active has others alone.
        """
        judged = [(key.verify, key.holds_at(moment) & self.active) for key in self.keys]
        usable = tuple(key for key, good in judged if good)
        return usable, tuple(key for key, good in judged if not good)

    def count(self, kind: type[signing.Secret] | type[signing.PublicKey]) -> int:
        """Return how many keys of a kind it has."""
        return sum(isinstance(key.verify.material, kind) for key in self.keys)

    def mode_at(self, moment: datetime) -> sender.Mode:
        """Return ``live`` or ``test`` for what arrives at ``moment``."""
        return sender.mode_at(self.mode, self.live_from, moment)


NOBODY: Final = Party(
    id=0,
    company_id=0,
    code="",
    active=False,
    mode="test",
    live_from=None,
    zone=timezone.utc,
    max_body_bytes=0,
    rate_per_minute=0,
    timestamp_tolerance=signing.TOLERANCE_S,
)
"""A system that is not there."""


def alike(parties: Iterable[Party]) -> list[Party]:
    """Return the parties with as many keys of each kind as the one that has most, filled up with decoys.

    To refuse a message is then the same work for every one of them, whatever keys it really has.
    """
    found = list(parties)
    secret, public_key = (Key(decoy, datetime.min, datetime.min) for decoy in signing.decoys())
    # At least one secret: where nobody has a key, it is not the lack of one that answers sooner.
    secrets = max([1, *(party.count(signing.Secret) for party in found)])
    public_keys = max([0, *(party.count(signing.PublicKey) for party in found)])

    def filled(party: Party) -> Party:
        more_secrets = [secret] * (secrets - party.count(signing.Secret))
        more_public_keys = [public_key] * (public_keys - party.count(signing.PublicKey))
        return replace(party, keys=(*party.keys, *more_secrets, *more_public_keys))

    return [filled(party) for party in found]


@dataclass(frozen=True)
class Book:
    """One configuration. ``parties`` are known by their codes, ``types`` by their names; ``ring`` opened their keys."""

    stamp: str
    ring: Keyring
    vault: sender.Vault
    parties: Mapping[str, Party]
    types: Mapping[str, EventType]
    nobody: Party
    """Stands for every system that is not there: it has no key, and it takes as long to see that."""
    _senders: dict[tuple[int, str, sender.Mode], sender.Sender] = field(default_factory=dict, repr=False)

    def type_facts(self, party: Party, name: str, today: date) -> TypeFacts:
        """Return what is known on ``today`` of the event type ``name`` for a system that sends it."""
        event_type = self.types.get(name)
        if event_type is None:
            return TypeFacts(known=False)
        return event_type.facts(today, granted=event_type.id in party.granted)

    def sender_of(
        self, party: Party, type_name: str, moment: datetime, recipients: Callable[[sender.Sender], Recipients]
    ) -> sender.Sender:
        """Return a party as the journal needs to know it, for a message of a known type that arrives at ``moment``.

        ``recipients`` finds out who gets such messages; it is asked once per configuration.
        """
        found = self.known_sender(party, type_name, moment)
        if found is None:
            found = self._sender(party, type_name, moment)
            found = replace(found, recipients=recipients(found))
            self._senders[party.id, type_name, found.mode] = found
        return found

    def known_sender(self, party: Party, type_name: str, moment: datetime) -> sender.Sender | None:
        """Return what :meth:`sender_of` found out before, or None."""
        return self._senders.get((party.id, type_name, party.mode_at(moment)))

    def _sender(self, party: Party, type_name: str, moment: datetime) -> sender.Sender:
        return sender.Sender(
            system_id=party.id,
            company_id=party.company_id,
            code=party.code,
            zone=party.zone,
            mode=party.mode_at(moment),
            event_type_id=self.types[type_name].id,
            vault=self.vault,
            stamp=self.stamp,
        )
