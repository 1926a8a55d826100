"""Say quickly that data satisfies a JSON Schema; only the complete validator may say that it does not.

Most messages are valid, and a general validator takes longer to find nothing than the rest of accepting a message. A
check made here is a plain function, put together once per schema from the keywords below. It answers True only where
JSON Schema 2020-12 does; wherever it is not sure (a keyword it does not know, an unusual value) it answers False, and
the complete validator decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Any, Final, TypeAlias

from .clearance import CLASSIFICATION
from .strict_json import JSON, JSONObject

Check: TypeAlias = Callable[[Any], bool]
"""Tells whether a value surely satisfies what the check was made from."""

Formats: TypeAlias = Mapping[str, Callable[[str], bool]]
Search: TypeAlias = Callable[[str, str], bool]

_ANNOTATIONS: Final = frozenset({"$schema", "$comment", "title", "description", "default", "examples", CLASSIFICATION})
_TOGETHER: Final = frozenset({"properties", "additionalProperties"})

_TYPES: Final[Mapping[str, Check]] = {
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "null": lambda value: value is None,
    "array": lambda value: type(value) is list,
    "object": lambda value: type(value) is dict,
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
}


class _UnsureError(Exception):
    """A schema uses what this module does not know."""


class Maker:
    """Makes checks.

    ``formats`` are the asserted formats; they may raise ValueError for what is none. ``search`` tells whether a text
    matches a pattern (pattern first).
    """

    def __init__(self, formats: Formats, search: Search) -> None:
        """Keep what formats and patterns mean."""
        self._formats = formats
        self._search = search

    def make(self, schema: JSON) -> Check | None:
        """Return the check of a schema that is known to be valid; None when it uses what is not known here."""
        try:
            return self._schema(schema)
        except _UnsureError:
            return None

    def _schema(self, schema: JSON) -> Check:
        if schema is True:
            return lambda _value: True
        if not isinstance(schema, dict):
            raise _UnsureError
        checks = [
            self._keyword(name, rule)
            for name, rule in schema.items()
            if name not in _ANNOTATIONS and name not in _TOGETHER
        ]
        if _TOGETHER & schema.keys():
            checks.append(self._members(schema))
        return checks[0] if len(checks) == 1 else _every(checks)

    def _keyword(self, name: str, rule: Any) -> Check:
        simple = _KEYWORDS.get(name)
        if simple is not None:
            return simple(rule)
        match name:
            case "items":
                item = self._schema(rule)
                return lambda value: type(value) is not list or all(map(item, value))
            case "anyOf":
                options = [self._schema(option) for option in rule]
                return lambda value: any(option(value) for option in options)
            case "allOf":
                parts = [self._schema(part) for part in rule]
                return lambda value: all(part(value) for part in parts)
            case "pattern":
                return lambda value: type(value) is not str or self._search(rule, value)
            case "format" if rule in self._formats:
                return lambda value: type(value) is not str or _holds(self._formats[rule], value)
            case _:
                raise _UnsureError

    def _members(self, schema: JSONObject) -> Check:
        """Return the check of ``properties`` and of what they leave to ``additionalProperties``."""
        properties = schema.get("properties", {})
        if not isinstance(properties, dict):
            raise _UnsureError
        known = {name: self._schema(rule) for name, rule in properties.items()}
        more = schema.get("additionalProperties", True)
        other: Check = (lambda _value: False) if more is False else self._schema(more)

        def check(value: Any) -> bool:
            if type(value) is not dict:
                return True
            for name, member in value.items():  # noqa: SIM110 - a loop: all() would need a generator, which takes longer
                if not known.get(name, other)(member):
                    return False
            return True

        return check


def _every(checks: Sequence[Check]) -> Check:
    def every(value: Any) -> bool:
        for check in checks:  # noqa: SIM110 - as above
            if not check(value):
                return False
        return True

    return every


def _holds(holds: Callable[[str], bool], text: str) -> bool:
    try:
        return holds(text)
    except ValueError:
        return False


def _type(rule: Any) -> Check:
    names = rule if isinstance(rule, list) else [rule]
    if not all(name in _TYPES for name in names):
        raise _UnsureError
    if len(names) == 1:
        return _TYPES[names[0]]
    checks = [_TYPES[name] for name in names]
    return lambda value: any(check(value) for check in checks)


def _required(rule: Any) -> Check:
    names = frozenset(rule)
    return lambda value: type(value) is not dict or value.keys() >= names


def _enum(rule: Any) -> Check:
    texts = frozenset(choice for choice in rule if isinstance(choice, str))
    return lambda value: type(value) is str and value in texts


def _unique_items(rule: Any) -> Check:
    if not rule:
        return lambda _value: True
    return lambda value: (
        type(value) is not list or (all(type(item) is str for item in value) and len(set(value)) == len(value))
    )


def _sized(kind: type[Sized], holds: Callable[[int, Any], bool]) -> Callable[[Any], Check]:
    return lambda rule: lambda value: type(value) is not kind or holds(len(value), rule)


def _number(holds: Callable[[Any, Any], bool]) -> Callable[[Any], Check]:
    return lambda rule: lambda value: type(value) not in (int, float) or holds(value, rule)


def _at_least(value: Any, rule: Any) -> bool:
    return bool(value >= rule)


def _at_most(value: Any, rule: Any) -> bool:
    return bool(value <= rule)


_KEYWORDS: Final[Mapping[str, Callable[[Any], Check]]] = {
    "type": _type,
    "required": _required,
    "enum": _enum,
    "const": lambda rule: _enum([rule]),
    "uniqueItems": _unique_items,
    "minLength": _sized(str, _at_least),
    "maxLength": _sized(str, _at_most),
    "minItems": _sized(list, _at_least),
    "maxItems": _sized(list, _at_most),
    "minProperties": _sized(dict, _at_least),
    "maxProperties": _sized(dict, _at_most),
    "minimum": _number(_at_least),
    "maximum": _number(_at_most),
}
