"""The life of a key: from being made to being gone, told from what people decided and from the clock.

Stored are decisions alone: a key is a *draft* until it is approved, *in force* from then on, *revoked* when somebody
ends it at once. Everything else follows from its times, so that nothing has to run at the moment when a key ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Literal

Decision = Literal["draft", "active", "revoked"]

DEFAULT_OVERLAP: Final = timedelta(days=7)
"""For how long the old key goes on after its successor works, where nobody says otherwise."""

MAX_OVERLAP: Final = timedelta(days=90)
"""A longer overlap is no rotation."""

WARN_DAYS: Final = (30, 7, 1)
"""How many days before its end the owner of a key is told, each once."""

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN: Final = re.compile(r"([0-9]{1,6})([mhdw])")


class Stage(str, Enum):
    """Where a key is in its life."""

    DRAFT = "draft"
    APPROVED = "approved"
    ACTIVE = "active"
    RETIRING = "retiring"
    EXPIRED = "expired"
    REVOKED = "revoked"

    @property
    def works(self) -> bool:
        """Whether messages are verified or signed with it."""
        return self in (Stage.ACTIVE, Stage.RETIRING)


@dataclass(frozen=True)
class Life:
    """What is known of one key. Times are naive UTC; ``valid_to`` None: until revoked.

    ``succeeded``: another key that is in force was made to take its place.
    """

    decision: Decision
    valid_from: datetime
    valid_to: datetime | None = None
    succeeded: bool = False

    def stage(self, now: datetime) -> Stage:
        """Return where the key is in its life at ``now``."""
        if self.decision == "revoked":
            return Stage.REVOKED
        if self.valid_to is not None and self.valid_to <= now:
            return Stage.EXPIRED
        if self.decision == "draft":
            return Stage.DRAFT
        if now < self.valid_from:
            return Stage.APPROVED
        return Stage.RETIRING if self.valid_to is not None and self.succeeded else Stage.ACTIVE

    def warning(self, now: datetime, told: int | None = None) -> int | None:
        """Return the days of :data:`WARN_DAYS` of which the owner must be told now, or None.

        :param told: the last that the owner was told of. A key that retires is told of on its last day alone: its
            successor works already.
        """
        found = self.stage(now)
        if not found.works or self.valid_to is None:
            return None
        days = WARN_DAYS[-1:] if found is Stage.RETIRING else WARN_DAYS
        left = self.valid_to - now
        due = [number for number in days if left <= timedelta(days=number)]
        nearest = min(due, default=None)
        return nearest if nearest is not None and (told is None or nearest < told) else None


def end_of_overlap(
    now: datetime, successor_from: datetime, overlap: timedelta, valid_to: datetime | None = None
) -> datetime:
    """Return when a key ends whose successor is approved at ``now`` and works from ``successor_from`` on.

    A rotation never makes a key live longer than it was allowed to: an earlier ``valid_to`` stays.
    """
    end = max(now, successor_from) + overlap
    return end if valid_to is None else min(end, valid_to)


def parse_span(text: str) -> timedelta:
    """Read a span of time such as ``90m``, ``12h``, ``7d`` or ``2w``; ``0`` is none at all.

    :raises ValueError: for anything else, and for more than :data:`MAX_OVERLAP`
    """
    if text == "0":
        return timedelta()
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is no span of time: write 90m, 12h, 7d or 2w")
    span = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if span > MAX_OVERLAP:
        raise ValueError(f"'{text}' is longer than {MAX_OVERLAP.days} days")
    return span
