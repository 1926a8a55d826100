"""What of a payload somebody is shown: no more than their role needs, with the place of everything else kept.

How confidential each value is says the JSON Schema of the event type, by the annotation ``x-classification`` (an
unknown keyword is an annotation: JSON Schema 2020-12 core §6.5). It holds for the value and, until another annotation
says otherwise, for all within. Where several schemas apply to a value (``$ref``, ``allOf``, ``anyOf``, ``oneOf`` …)
the most confidential of their annotations holds, whichever branch the value satisfies. What no schema names is as
confidential as the type, and so is the whole payload of a type whose schema has no annotation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from . import subschemas
from .clearance import CLASSIFICATION, Clearance
from .patterns import compile_pattern
from .strict_json import JSON, JSONObject

_TECHNICAL: Final = frozenset(
    {
        "causationid",
        "correlationid",
        "datacontenttype",
        "dataschema",
        "id",
        "sequence",
        "source",
        "specversion",
        "time",
        "traceparent",
        "type",
    }
)
"""Attributes of an event that must not name a patient; ``subject``, ``partitionkey`` and extensions may."""
_BRANCHES: Final = ("allOf", "anyOf", "oneOf")
_SINGLE: Final = ("if", "then", "else")


@dataclass(frozen=True)
class Shown:
    """What somebody is shown.

    Attributes:
        value: The payload, its masked values replaced.
        masked: How many values were.
    """

    value: JSON
    masked: int


def needs(*, finance: bool, clinical: bool) -> frozenset[Clearance]:
    """Return the classes that somebody's work needs.

    Args:
        finance: The person works with charges and invoices.
        clinical: The person speaks for those who document care.
    """
    found = {Clearance.PUBLIC, Clearance.INTERNAL}
    found |= {Clearance.FINANCE} if finance else set()
    found |= {Clearance.PATIENT} if clinical else set()
    return frozenset(found)


def mask_of(kind: Clearance) -> str:
    """Return what stands in the place of a value of a class."""
    return f"••• ({kind.value})"


def is_annotated(schema: JSON) -> bool:
    """Tell whether a schema says of anything how confidential it is."""
    return any(isinstance(member, dict) and CLASSIFICATION in member for _place, member in subschemas.walk(schema))


def classes_of(schema: JSON) -> set[Clearance]:
    """Return every class that a valid schema names."""
    members = (member for _place, member in subschemas.walk(schema) if isinstance(member, dict))
    return {Clearance(str(member[CLASSIFICATION])) for member in members if CLASSIFICATION in member}


def show(event: JSON, *, schema: JSONObject | None, kind: Clearance, needed: Collection[Clearance]) -> Shown:
    """Return a whole event as somebody sees it whose work needs the classes ``needed``.

    Args:
        event: The event as parsed JSON; what is no event is masked as one value of the type's class.
        schema: The valid JSON Schema of its ``data``, or None.
        kind: How confidential the type is.
        needed: The classes that are shown.
    """
    masker = _Masker(schema, kind, frozenset(needed))
    if not isinstance(event, dict):
        return Shown(masker.hide(event, kind), masker.masked)
    value: JSONObject = {}
    for name, member in event.items():
        if name == "data":
            value[name] = masker.data(member)
        elif name in _TECHNICAL and not isinstance(member, (dict, list)):
            value[name] = masker.hide(member, Clearance.INTERNAL)
        else:
            masker.put_unknown(value, name, member)
    return Shown(value, masker.masked)


@dataclass(frozen=True)
class _Member:
    """A value within another: the schemas that name it (none: nobody does), and how confidential that makes it."""

    schemas: tuple[JSONObject, ...]
    kind: Clearance
    is_known: bool


class _Masker:
    """Masks one payload and counts what it masked."""

    def __init__(self, schema: JSONObject | None, kind: Clearance, needed: frozenset[Clearance]) -> None:
        self.masked = 0
        self._schema = schema if schema is not None and is_annotated(schema) else None
        self._places: Mapping[str, JSON] = dict(subschemas.walk(schema)) if schema is not None else {}
        self._kind = kind
        self._needed = needed

    def data(self, value: JSON) -> JSON:
        """Return the ``data`` of the event."""
        if self._schema is None:
            return self.hide(value, self._kind)
        top = self._member([self._schema], self._kind)
        return self._walk(value, top)

    def hide(self, value: JSON, kind: Clearance) -> JSON:
        """Return a value as a whole, or what stands in its place."""
        if kind in self._needed:
            return value
        self.masked += 1
        return mask_of(kind)

    def put_unknown(self, into: JSONObject, name: str, value: JSON) -> None:
        """Add a member that no schema names: its very name may tell of a patient."""
        if self._kind in self._needed:
            into[name] = value
            return
        number = 1 + sum(key.startswith("•••") for key in into)
        into["•••" if number == 1 else f"••• {number}"] = self.hide(value, self._kind)

    def _walk(self, value: JSON, at: _Member) -> JSON:
        if not at.is_known:
            return self.hide(value, at.kind)
        if isinstance(value, dict):
            result: JSONObject = {}
            for name, member in value.items():
                found = self._member(_named(at.schemas, name), at.kind)
                if found.is_known:
                    result[name] = self._walk(member, found)
                else:
                    self.put_unknown(result, name, member)
            return result
        if isinstance(value, list):
            return [self._walk(item, self._member(_item(at.schemas, n), at.kind)) for n, item in enumerate(value)]
        return self.hide(value, at.kind)

    def _member(self, found: Iterable[JSON], inherited: Clearance) -> _Member:
        """Return what is known of a value from the schemas that name it."""
        schemas = [schema for one in found for schema in self._unfolded(one)]
        if not schemas:
            return _Member((), self._kind, is_known=False)
        told = [Clearance(str(schema[CLASSIFICATION])) for schema in schemas if CLASSIFICATION in schema]
        kind = max(told, key=lambda one: one.rank) if told else inherited
        return _Member(tuple(schemas), kind, is_known=True)

    def _unfolded(self, schema: JSON) -> Iterator[JSONObject]:
        """Yield a schema and all that apply to the same value; references never lead in a circle."""
        if not isinstance(schema, dict):
            return
        yield schema
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield from self._unfolded(self._places.get(unquote(reference[1:])))
        for keyword in _BRANCHES:
            branches = schema.get(keyword)
            for branch in branches if isinstance(branches, list) else ():
                yield from self._unfolded(branch)
        for keyword in _SINGLE:
            yield from self._unfolded(schema.get(keyword))
        dependent = schema.get("dependentSchemas")
        for member in dependent.values() if isinstance(dependent, dict) else ():
            yield from self._unfolded(member)


def _named(schemas: Iterable[JSONObject], name: str) -> Iterator[JSON]:
    """Yield the schemas of a member of an object, from each of the schemas that apply to the object."""
    for schema in schemas:
        properties, patterns = schema.get("properties"), schema.get("patternProperties")
        found = [properties[name]] if isinstance(properties, dict) and name in properties else []
        if isinstance(patterns, dict):
            found += [member for pattern, member in patterns.items() if compile_pattern(pattern).search(name)]
        # A member that is only counted among others is named by nobody unless they are said to be of one kind.
        others = schema.get("additionalProperties")
        if not found and isinstance(others, dict) and CLASSIFICATION in others:
            found = [others]
        yield from found


def _item(schemas: Iterable[JSONObject], index: int) -> Iterator[JSON]:
    """Yield the schemas of an item of an array, from each of the schemas that apply to the array."""
    for schema in schemas:
        first, rest = schema.get("prefixItems"), schema.get("items")
        if isinstance(first, list) and index < len(first):
            yield first[index]
        elif rest is not None:
            yield rest
