"""What a check of the set-up answers: red, amber or green, with what it means and how to mend it.

Rules in the ``domain`` packages take facts and return a :class:`Verdict`; texts are plain English with places for
values, which ``_`` marks for translation and the screen and the command line fill in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

# pylint: disable=prefer-env-translation; there is no env here, what is marked is looked up where it is shown


def _(text: str) -> str:
    """Mark a text for the translators and return it as it is."""
    return text


class Level(str, Enum):
    """How it is, in the words that the web client knows colours for."""

    OK = "success"
    WARNING = "warning"
    DANGER = "danger"

    @property
    def word(self) -> str:
        """Return the colour's name, for those who see no colours."""
        return _COLOURS[self]


_COLOURS: Final[Mapping[Level, str]] = {Level.OK: "green", Level.WARNING: "amber", Level.DANGER: "red"}
_RANK: Final = (Level.OK, Level.WARNING, Level.DANGER)


@dataclass(frozen=True)
class Verdict:
    """The answer of one check.

    Attributes:
        level: How it is.
        text: What is the case, with places such as ``%(name)s`` for ``values``.
        meaning: What happens, or does not, as long as it stays so.
        steps: What to do, in this order.
        values: What goes into the places of all three.
        since: When it began (naive UTC), if known.
    """

    level: Level
    text: str
    meaning: str = ""
    steps: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    since: datetime | None = None


def good(text: str, **values: object) -> Verdict:
    """Say that all is well."""
    return Verdict(Level.OK, text, values=values)


def doubtful(
    text: str, *, meaning: str, steps: Iterable[str] = (), since: datetime | None = None, **values: object
) -> Verdict:
    """Say that it works, and what is not as it should be."""
    return Verdict(Level.WARNING, text, meaning, tuple(steps), values, since)


def bad(
    text: str, *, meaning: str, steps: Iterable[str] = (), since: datetime | None = None, **values: object
) -> Verdict:
    """Say that something will not work until it is mended."""
    return Verdict(Level.DANGER, text, meaning, tuple(steps), values, since)


def graded(
    grave: bool,
    text: str,
    *,
    meaning: str,
    steps: Iterable[str] = (),
    since: datetime | None = None,
    **values: object,
) -> Verdict:
    """Say that it is wrong: red where it is ``grave``, such as with live systems, else amber."""
    return (bad if grave else doubtful)(text, meaning=meaning, steps=steps, since=since, **values)


def worst(levels: Iterable[Level]) -> Level:
    """Return the worst of these; :attr:`Level.OK` for none."""
    return max(levels, key=_RANK.index, default=Level.OK)
