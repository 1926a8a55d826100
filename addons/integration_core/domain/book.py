"""What the gate knows by heart: systems, their keys, their grants and the event types, as one configuration had them.

A book is read once and used for many requests, so nothing in it is a record of the database. Its ``stamp`` says which
configuration it was; whoever answers by it has to see that this is still the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timezone, tzinfo
from typing import Final, Literal, TypeAlias

from . import profiles, schema, sender, signing
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
    signature: profiles.Settings = profiles.STANDARD

    def keys_at(self, moment: datetime) -> tuple[tuple[signing.VerifyKey, ...], tuple[signing.VerifyKey, ...]]:
        """Return the keys that its messages may be signed with at ``moment``, and the others.

        A system that is not active has others alone.
        """
        judged = [(key.verify, key.holds_at(moment) & self.active) for key in self.keys]
        usable = tuple(key for key, good in judged if good)
        return usable, tuple(key for key, good in judged if not good)

    @property
    def exists(self) -> bool:
        """Whether it is a system, and not :data:`NOBODY`."""
        return self.id != NOBODY.id

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


_RARE: Final = (signing.PublicKey, signing.TextSecret)


def alike(parties: Iterable[Party]) -> list[Party]:
    """Return the parties with as many keys of each kind as the one that has most, filled up with decoys.

    To refuse a message is then the same work for every one of the same profile, whatever keys it really has. Keys that
    its profile cannot use are left out.
    """
    found = [replace(party, keys=_fitting(party)) for party in parties]
    decoys = {kind: Key(decoy, datetime.min, datetime.min) for kind, decoy in signing.decoys().items()}
    # At least one of what each profile is made for: where nobody has a key, it is not the lack of one that answers
    # sooner.
    most = {kind: max([kind not in _RARE, *(_count(party, kind) for party in found)]) for kind in decoys}
    return [
        replace(
            party,
            keys=(
                *party.keys,
                *(
                    decoys[kind]
                    for kind in party.signature.kinds
                    for _missing in range(most[kind] - _count(party, kind))
                ),
            ),
        )
        for party in found
    ]


def _fitting(party: Party) -> tuple[Key, ...]:
    return tuple(key for key in party.keys if isinstance(key.verify.material, party.signature.kinds))


def _count(party: Party, kind: type[signing.Material]) -> int:
    return sum(isinstance(key.verify.material, kind) for key in party.keys)


@dataclass(frozen=True)
class Book:
    """One configuration. ``parties`` are known by their codes, ``types`` by their names; ``ring`` opened their keys."""

    stamp: str
    ring: Keyring
    vault: sender.Vault
    parties: Mapping[str, Party]
    types: Mapping[str, EventType]
    nobodies: tuple[Party, ...]
    """Stand for every system that is not there, one for each profile in use: it takes as long to refuse them."""
    _senders: dict[tuple[int, str, sender.Mode], sender.Sender] = field(default_factory=dict, repr=False)

    def party_of(self, code: str) -> Party:
        """Return the system called ``code``, or who stands for it where there is none: always the same for one name."""
        stand_in = self._nobody_called(code)  # looked up for known systems too: it costs a hash
        return self.parties.get(code, stand_in)

    def _nobody_called(self, code: str) -> Party:
        if len(self.nobodies) < 2:
            return self.nobodies[0]
        # Keyed: nobody outside can work out which profile an unknown name will seem to have.
        number = int(self.vault.keyed_hash(code.encode("utf-8", "replace").decode(), scope="stand-in")[:8], 16)
        return self.nobodies[number % len(self.nobodies)]

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
