"""What one transaction has emitted, and which of it must still be completed from the records' present state.

It lives in memory beside the rows in the database, and survives the rollback of a savepoint, which takes rows away or
brings them back. So nothing is ever forgotten here before the transaction ends, and whoever completes must take an
event without a row for what it is: rolled back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Emission:
    """One event from its emission on; ``moment`` is aware, ``completed`` tells that it may have had a body before."""

    id: int
    uuid: str
    type_name: str
    res_model: str
    res_id: int
    source: str
    subject: str
    correlation_id: str
    causation_id: str | None
    traceparent: str
    version: int
    moment: datetime
    completed: bool = False


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
