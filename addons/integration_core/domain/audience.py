"""Who gets which events and what seals them, as one configuration has it: looked up once, and then known by heart.

Nothing in it is a record of the database. Its ``stamp`` says which configuration it was read from; whoever acts by it
has to see, in the statement that acts, that this is still the configuration.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, NamedTuple, TypeAlias

from .keyring import DataKey, Keyring
from .sender import Recipient

DataKeyRow: TypeAlias = tuple[int, DataKey]
"""A data key with the id by which sealed rows name it."""

MAX_KNOWN: Final = 10_000
"""Kinds of events whose recipients are kept: far more than journals, document types and facilities make."""


class Kind(NamedTuple):
    """What decides who gets an event, besides its moment. ``facets`` are canonical JSON, empty for none."""

    event_type_id: int
    company_id: int
    mode: str
    origin_system_id: int | None
    facets: str


class Recipients(NamedTuple):
    """Who gets an event, in the two forms that the functions of ``engine/emitting.py`` take.

    ``columns`` are the subscriptions' ids, consumers, ranks of lanes, and whether they are ordered; ``rows`` is the
    same as JSON text, a list of objects.
    """

    columns: tuple[list[int], list[str], list[int], list[bool]]
    rows: str

    @classmethod
    def of(cls, found: Iterable[Recipient]) -> Recipients:
        """Return them in both forms."""
        rows = list(found)
        return cls(
            (
                [row.subscription_id for row in rows],
                [row.consumer for row in rows],
                [row.lane for row in rows],
                [bool(row.ordered) for row in rows],
            ),
            json.dumps([row._asdict() for row in rows]),
        )


NOBODY: Final = Recipients.of(())


@dataclass(frozen=True)
class KnownType:
    """An event type that is not retired; ``sunset`` is the first day on which it is refused."""

    id: int
    sunset: date | None


@dataclass(frozen=True)
class Answer:
    """Who gets events of a kind that are journalled from ``since`` on and before ``until``; None: for good.

    Both are aware. An ``until`` that is not after ``since`` means the one event that was asked for.
    """

    recipients: Recipients
    since: datetime
    until: datetime | None

    def holds_at(self, moment: datetime) -> bool:
        """Tell whether it is the answer for an event that is journalled at ``moment`` (aware)."""
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True)
class Audience:
    """The event types and recipients of one configuration; ``types`` are known by their names."""

    stamp: str
    types: Mapping[str, KnownType]
    _answers: dict[Kind, Answer] = field(default_factory=dict, repr=False)
    _keys: dict[Keyring, DataKeyRow] = field(default_factory=dict, repr=False)

    def type_id(self, name: str, today: date) -> int | None:
        """Return the id of the event type ``name``; None when it is unknown or retired on ``today``."""
        found = self.types.get(name)
        return found.id if found and not (found.sunset and found.sunset <= today) else None

    def recipients(self, kind: Kind, moment: datetime) -> Recipients | None:
        """Return who gets an event of ``kind`` that is journalled at ``moment`` (aware); None: look it up."""
        found = self._answers.get(kind)
        return found.recipients if found and found.holds_at(moment) else None

    def remember(self, kind: Kind, answer: Answer) -> None:
        """Keep what was looked up, for as long as it holds."""
        if not answer.holds_at(answer.since):
            return
        if len(self._answers) >= MAX_KNOWN:
            self._answers.clear()
        self._answers[kind] = answer

    def data_key(self, ring: Keyring, read: Callable[[], DataKeyRow]) -> DataKeyRow:
        """Return (id, key) to seal with, which ``read`` finds out at the first use of this master key."""
        found = self._keys.get(ring)
        if found is None:
            found = self._keys[ring] = read()
        return found
