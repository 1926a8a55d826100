"""What one transaction has emitted, and which of it must still be completed from the records' present state.

It lives in memory beside the rows in the database, and survives the rollback of a savepoint, which takes rows away or
brings them back. So nothing is ever forgotten here before the transaction ends, and whoever completes must take an
event without a row for what it is: rolled back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from . import chain

_NEVER: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(slots=True)
class Emission:
    """One event from its emission on.

    Its ``id`` is 0 until it is in the journal; ``version`` and ``moment`` (aware) are the journal's, too. ``completed``
    tells that it may have had a body before.
    """

    uuid: str
    type_name: str
    res_model: str
    res_id: int
    company_id: int
    source: str
    subject: str
    origin_system_id: int | None
    correlation_id: str
    causation_id: str | None
    traceparent: str
    mode: str
    depth: int
    id: int = 0
    version: int = 0
    event_type_id: int = 0
    moment: datetime = _NEVER
    completed: bool = False

    def enter(self, event_id: int, event_type_id: int, version: int, moment: datetime) -> None:
        """Note that the event is in the journal now."""
        self.id, self.event_type_id, self.version, self.moment = event_id, event_type_id, version, moment

    @property
    def held(self) -> bool:
        """Whether nobody gets it, because the chain that led to it is too long."""
        return chain.is_too_long(self.depth)


class Emissions:
    """The emissions of one transaction."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_record: dict[tuple[str, int], list[Emission]] = {}
        self._dirty: dict[int, Emission] = {}
        self._types: set[str] = set()

    def knows(self, type_name: str) -> bool:
        """Tell whether an event of this type was added."""
        return type_name in self._types

    def add(self, emission: Emission) -> None:
        """Remember a new event, which has no body yet."""
        self._by_record.setdefault((emission.res_model, emission.res_id), []).append(emission)
        self._dirty[emission.id] = emission
        self._types.add(emission.type_name)

    def touch(self, res_model: str, ids: Iterable[int]) -> bool:
        """Note that these records changed; tell whether any of them has emitted, so that there is work to do."""
        touched = False
        for res_id in ids:
            for emission in self._by_record.get((res_model, res_id), ()):
                self._dirty[emission.id] = emission
                touched = True
        return touched

    def take(self) -> list[Emission]:
        """Return what is to be completed, in the order of emission, and take it for done."""
        taken = sorted(self._dirty.values(), key=lambda emission: emission.id)
        self._dirty = {}
        return taken
