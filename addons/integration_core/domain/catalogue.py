"""The first catalogue: every event type that ships with the suite, with its JSON Schema and an example.

The files lie in ``catalogue/`` beside this package: ``index.json``, ``schemas/<type>.json`` (JSON Schema 2020-12 of an
event's ``data``) and ``examples/<type>.json`` (a whole CloudEvent).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from . import strict_json
from .strict_json import JSONObject

FOLDER: Final = Path(__file__).resolve().parent.parent / "catalogue"


@dataclass(frozen=True)
class Entry:
    """One event type as the catalogue describes it.

    ``lines`` is the JSON pointer, within ``data``, of the list whose items are the units (None where the message is
    the unit). ``priced``: units carry money, and one without a price counts under 'price unknown'. ``desk``: until
    a handler exists, the event is stored and shown to a person.
    """

    type: str
    direction: Literal["inbound", "outbound", "internal"]
    domain: str
    title: str
    description: str
    lane: Literal["critical", "normal", "bulk"]
    owner: str
    patient_data: bool
    finance_data: bool
    unit: Literal["line", "message"]
    lines: str | None
    priced: bool
    desk: bool


@functools.lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """Return every entry of the index, in its order."""
    index: Any = strict_json.loads((FOLDER / "index.json").read_bytes())
    return tuple(Entry(**entry) for entry in index["types"])


@functools.lru_cache(maxsize=1)
def _by_type() -> dict[str, Entry]:
    return {entry.type: entry for entry in entries()}


def get(event_type: str) -> Entry | None:
    """Return the entry of a type, or None when the catalogue has no such type."""
    return _by_type().get(event_type)


def schema(event_type: str) -> JSONObject:
    """Return the JSON Schema of the type's ``data``; KeyError for a type outside the catalogue."""
    return _read("schemas", event_type)


def example(event_type: str) -> JSONObject:
    """Return a whole example event of the type; KeyError for a type outside the catalogue."""
    return _read("examples", event_type)


def _read(folder: str, event_type: str) -> JSONObject:
    if event_type not in _by_type():  # a name from outside never becomes a path
        raise KeyError(event_type)
    content = strict_json.loads((FOLDER / folder / f"{event_type}.json").read_bytes())
    if not isinstance(content, dict):
        raise TypeError(f"{folder}/{event_type}.json must hold an object")
    return content
