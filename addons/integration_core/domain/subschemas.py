"""Where the schemas within a JSON Schema are, and what becomes of them when its references are followed.

A reference leads to a schema of the same document by a JSON pointer (JSON Schema 2020-12 core §8.2.3.1, RFC 6901 §6).
None leads back to where it came from, so following them always comes to an end; how large and how deep a schema is with
all of them followed is bounded, because a few references, each used twice by the one before, make a giant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from .strict_json import JSON, JSONObject, escape_token

MAX_DEPTH: Final = 40
"""How deep schemas may be within each other, references followed; a validator goes as deep."""
MAX_SCHEMAS: Final = 10_000
"""How many schemas there may be, references followed."""

_ONE: Final = frozenset(
    {
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_LIST: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED: Final = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})


class ReferenceFault(ValueError):
    """A reference, or what it leads to, cannot be used. ``pointer`` is its place, the text says why."""

    def __init__(self, pointer: str, detail: str) -> None:
        """Keep the place and the rule."""
        self.pointer = pointer
        self.detail = detail
        super().__init__(f"{pointer}: {detail}")


def walk(schema: JSON, pointer: str = "") -> Iterator[tuple[str, JSON]]:
    """Yield every schema within a valid schema with its place, itself first; words of the data are none."""
    yield pointer, schema
    if isinstance(schema, dict):
        for place, member in _children(schema, pointer):
            yield from walk(member, place)


def names(schema: JSON) -> frozenset[str]:
    """Return every name that a valid schema gives to a member of an object."""
    found: set[str] = set()
    for _place, member in walk(schema):
        if isinstance(member, dict):
            for keyword in ("properties", "dependentRequired", "dependentSchemas"):
                named = member.get(keyword)
                found.update(named if isinstance(named, dict) else ())
            required = member.get("required")
            found.update(str(name) for name in (required if isinstance(required, list) else ()))
    return frozenset(found)


def _children(schema: JSONObject, pointer: str) -> Iterator[tuple[str, JSON]]:
    for keyword, value in schema.items():
        place = f"{pointer}/{escape_token(keyword)}"
        if keyword in _ONE:
            yield place, value
        elif keyword in _LIST and isinstance(value, list):
            yield from ((f"{place}/{index}", item) for index, item in enumerate(value))
        elif keyword in _NAMED and isinstance(value, dict):
            yield from ((f"{place}/{escape_token(name)}", member) for name, member in value.items())


def check_references(schema: JSONObject) -> None:
    """Follow every reference of a valid schema; raise :class:`ReferenceFault` unless that comes to an end, and soon."""
    _Follower(dict(walk(schema))).measure("")


class _Follower:
    """Measures schemas, each once; ``places`` are all there are."""

    def __init__(self, places: Mapping[str, JSON]) -> None:
        self._places = places
        self._measured: dict[str, tuple[int, int] | None] = {}

    def measure(self, pointer: str, depth: int = 0) -> tuple[int, int]:
        """Return how many schemas there are at a place, and how deep they are, references followed."""
        found = self._measured.get(pointer, (0, 0))
        if found is None:
            raise ReferenceFault(pointer, "references must not lead back to where they came from")
        if found == (0, 0):
            self._measured[pointer] = None
            found = self._measured[pointer] = self._measure(pointer, depth)
        if depth + found[1] > MAX_DEPTH:
            raise ReferenceFault(pointer, f"schemas may be at most {MAX_DEPTH} deep, references followed")
        return found

    def _measure(self, pointer: str, depth: int) -> tuple[int, int]:
        if depth > MAX_DEPTH:
            raise ReferenceFault(pointer, f"schemas may be at most {MAX_DEPTH} deep, references followed")
        size, deepest = 1, 0
        for place in self._next(pointer):
            inner_size, inner_depth = self.measure(place, depth + 1)
            size += inner_size
            deepest = max(deepest, inner_depth)
        if size > MAX_SCHEMAS:
            raise ReferenceFault(pointer, f"there may be at most {MAX_SCHEMAS} schemas, references followed")
        return size, deepest + 1

    def _next(self, pointer: str) -> Iterator[str]:
        schema = self._places[pointer]
        if isinstance(schema, dict):
            yield from (place for place, _member in _children(schema, pointer))
            reference = schema.get("$ref")
            if isinstance(reference, str):
                yield self._target(f"{pointer}/$ref", reference)

    def _target(self, pointer: str, reference: str) -> str:
        """Return the place that a reference leads to; its tokens are written as :func:`escape_token` writes them."""
        if not reference.startswith("#"):
            raise ReferenceFault(pointer, "a reference must stay within the schema")
        target = unquote(reference[1:])
        if target not in self._places:
            raise ReferenceFault(pointer, "a reference must lead to a schema within the schema, as #/$defs/name does")
        return target
