"""What the audit trail says of a change: which fields, from what to what, and never more than is harmless to keep.

Secrets, bytes and free text do not belong in a trail that is kept for years: of such fields it is told that they
changed, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

UNTOLD_TYPES: Final = frozenset({"binary", "html", "json", "properties", "properties_definition", "text"})
"""Kinds of fields whose values are free text, bytes or structures."""
VALUE_LENGTH: Final = 120
"""Characters of one value; of a longer one the beginning is told."""
DETAIL_LENGTH: Final = 2000
"""Characters of the whole."""
NOTHING: Final = "-"


@dataclass(frozen=True)
class Told:
    """A field as the trail sees it.

    Attributes:
        value: Its value as a text; of a field with several records one text each.
        hidden: Whether only the fact that it changed may be told.
    """

    value: str | frozenset[str]
    hidden: bool = False


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= VALUE_LENGTH else text[: VALUE_LENGTH - 1] + "…"


def _one(name: str, old: Told | None, new: Told) -> str:
    if new.hidden:
        return f"{name}: changed"
    if isinstance(new.value, frozenset):
        before = old.value if old and isinstance(old.value, frozenset) else frozenset()
        parts = [f"+{_short(one)}" for one in sorted(new.value - before)]
        parts += [f"-{_short(one)}" for one in sorted(before - new.value)]
        return f"{name}: {', '.join(parts)}"
    then = _short(str(old.value)) if old else ""
    now = _short(new.value) or NOTHING
    return f"{name}: {now}" if old is None else f"{name}: {then or NOTHING} → {now}"


def _cut(parts: list[str]) -> str:
    text = "; ".join(parts)
    return text if len(text) <= DETAIL_LENGTH else text[: DETAIL_LENGTH - 1] + "…"


def changed(before: Mapping[str, Told], after: Mapping[str, Told]) -> str:
    """Return what changed, in words; an empty text when nothing did.

    >>> changed({"rate": Told("6000")}, {"rate": Told("600")})
    'rate: 6000 → 600'
    """
    return _cut([_one(name, before[name], new) for name, new in sorted(after.items()) if before[name] != new])


def begun(values: Mapping[str, Told]) -> str:
    """Return with what values a record began, in words; what is empty is left out.

    >>> begun({"code": Told("emr"), "note": Told("x", hidden=True), "rate": Told("")})
    'code: emr; note: changed'
    """
    return _cut([_one(name, None, value) for name, value in sorted(values.items()) if value.value])
