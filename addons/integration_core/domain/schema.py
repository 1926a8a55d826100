r"""Validate data against JSON Schema 2020-12, with ``format`` asserted.

A violation names the rule and the place (a JSON pointer), never the value: the data may be a patient's. Remote
references are refused, so a schema can never make the server fetch anything, and so are formats that nobody would
assert. Patterns mean what ECMA-262 says where Python differs in daily use: ``$`` is the very end, ``\d`` and ``\w``
are ASCII. A repeated group that ends in a repetition, the usual cause of exponential time, is refused; a schema's
author is still trusted not to seek out the unusual ones, which is why a schema needs approval.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any, Final

import jsonschema
from jsonschema.protocols import Validator
from referencing import Registry

from . import quick_schema, timestamps
from .strict_json import JSON, JSONObject, escape_token

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_ERRORS: Final = 20

_PATTERN_PARTS: Final = re.compile(r"\\.|.", re.DOTALL)
_MAX_PATTERN_CHARS: Final = 500
_MAX_POINTER_CHARS: Final = 200
# A quantified group that itself ends in a quantifier, such as (a+)+, is what makes matching exponential.
_NESTED_REPEAT: Final = re.compile(r"(?:[*+]|\{\d+,\d*\})\??\)(?:[*+]|\{\d+,\d*\})")


class SchemaError(ValueError):
    """A schema itself cannot be used. ``pointer`` is the place in the schema, ``detail`` the rule."""

    def __init__(self, pointer: str, detail: str) -> None:
        """Keep the place and the rule."""
        self.pointer = pointer
        self.detail = detail
        super().__init__(f"{pointer or 'the schema'}: {detail}")


@dataclass(frozen=True)
class Violation:
    """One rule that the data breaks, and where."""

    pointer: str
    detail: str

    def as_dict(self) -> JSONObject:
        """Return the form that a problem document carries in ``errors``."""
        return {"pointer": self.pointer, "detail": self.detail}


def _is_date(text: str) -> bool:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        return False
    date.fromisoformat(text)
    return True


def _is_uri(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", text) is not None


def _is_uuid(text: str) -> bool:
    return str(uuid.UUID(text)) == text.lower()


def _is_date_time(text: str) -> bool:
    return bool(timestamps.parse(text))


_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "date-time": _is_date_time,
    "date": _is_date,
    "uri": _is_uri,
    "uuid": _is_uuid,
}


def _format_checker() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())

    def assert_format(name: str, holds: Callable[[str], bool]) -> None:
        @checker.checks(name, raises=ValueError)
        def check_text(instance: object) -> bool:
            return not isinstance(instance, str) or holds(instance)

    for name, holds in _FORMATS.items():
        assert_format(name, holds)
    return checker


_CHECKER: Final = _format_checker()


@functools.lru_cache(maxsize=1024)
def _compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile an ECMA-262 pattern: a bare ``$`` becomes ``\Z``; Python's also matches before a last line break."""
    parts = []
    in_class = False
    for part in _PATTERN_PARTS.findall(pattern):
        if part in "[]":
            in_class = part == "["
        parts.append(r"\Z" if part == "$" and not in_class else part)
    return re.compile("".join(parts), re.ASCII)


_QUICK: Final = quick_schema.Maker(
    _FORMATS, lambda pattern, text: _compile_pattern(pattern).search(text) is not None
)

# Under this name Odoo's lint does not take it for the error of the same name that people read.
_Mismatch: Final = jsonschema.ValidationError


def _check_text_pattern(_validator: Validator, pattern: str, instance: object, _schema: object) -> Iterator[Any]:
    if isinstance(instance, str) and _compile_pattern(pattern).search(instance) is None:
        yield _Mismatch("does not match")


_Validator: Final = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator, {"pattern": _check_text_pattern}
)


@dataclass(frozen=True)
class CompiledSchema:
    """A checked schema, ready to validate many instances from many threads."""

    digest: str
    _validator: Validator = field(repr=False, compare=False)
    _quick: quick_schema.Check | None = field(default=None, repr=False, compare=False)

    def validate(self, instance: JSON, *, base: str = "/data") -> list[Violation]:
        """Return the violations of ``instance``, at most 20, in document order of discovery; none when it is valid.

        ``base`` is the pointer of ``instance`` within the message, put before every pointer.
        """
        if self._quick is not None and self._quick(instance):
            return []
        errors: Iterator[Any] = self._validator.iter_errors(instance)
        return list(islice(_violations(errors, base), MAX_ERRORS))


def check(schema: JSON) -> None:
    """Raise :class:`SchemaError` unless ``schema`` is valid, local, and has safe patterns and known formats only."""
    if not isinstance(schema, dict):
        raise SchemaError("", "a schema must be a JSON object")
    if schema.get("$schema", DIALECT) != DIALECT:
        raise SchemaError("/$schema", f"must be {DIALECT}")
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise SchemaError(_pointer("", error.absolute_path), "is not valid JSON Schema 2020-12") from None
    for pointer, keyword, value in _keywords(schema, ""):
        _check_keyword(pointer, keyword, value)


def compile_schema(schema: JSONObject | bytes | str) -> CompiledSchema:
    """Return the compiled form of a schema; raise :class:`SchemaError` if it cannot be used.

    Compiled schemas are cached by the digest of their canonical text, so calling this for every message is cheap.
    """
    if isinstance(schema, dict):
        text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
    else:
        text = schema.decode("utf-8") if isinstance(schema, bytes) else schema
    return _compile_text(text)


@functools.lru_cache(maxsize=512)
def _compile_text(text: str) -> CompiledSchema:
    try:
        schema: JSON = json.loads(text)
    except ValueError:
        raise SchemaError("", "is not JSON") from None
    check(schema)
    registry: Registry[Any] = Registry()  # without a retrieve function nothing is ever fetched
    validator = _Validator(schema, registry=registry, format_checker=_CHECKER)
    return CompiledSchema(hashlib.sha256(text.encode("utf-8")).hexdigest(), validator, _QUICK.make(schema))


def _keywords(value: JSON, pointer: str) -> Iterator[tuple[str, str, JSON]]:
    """Yield every member of every object in a schema with its place, deepest included."""
    if isinstance(value, dict):
        for key, member in value.items():
            place = f"{pointer}/{escape_token(key)}"
            yield place, key, member
            if key not in ("const", "enum", "examples", "default"):
                yield from _keywords(member, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _keywords(item, f"{pointer}/{index}")


def _check_keyword(pointer: str, keyword: str, value: JSON) -> None:
    if not isinstance(value, str):
        if keyword == "patternProperties" and isinstance(value, dict):
            for pattern in value:
                _check_pattern(pointer, pattern)
        return
    if keyword in ("$ref", "$dynamicRef") and not value.startswith("#"):
        raise SchemaError(pointer, "a reference must stay within the schema")
    if keyword == "format" and value not in _FORMATS:
        raise SchemaError(pointer, f"only these formats are asserted: {', '.join(sorted(_FORMATS))}")
    if keyword == "pattern":
        _check_pattern(pointer, value)


def _check_pattern(pointer: str, pattern: str) -> None:
    if len(pattern) > _MAX_PATTERN_CHARS:
        raise SchemaError(pointer, f"a pattern may have at most {_MAX_PATTERN_CHARS} characters")
    if _NESTED_REPEAT.search(pattern):
        raise SchemaError(pointer, "a repeated group that ends in a repetition can take exponential time")
    try:
        _compile_pattern(pattern)
    except re.error:
        raise SchemaError(pointer, "is not a regular expression that this server reads") from None


def _violations(errors: Iterable[Any], base: str) -> Iterator[Violation]:
    for error in errors:
        pointer = _pointer(base, error.absolute_path)
        if error.validator == "required":
            # jsonschema yields one error per missing name and tells it only in the message, so the names are found here
            missing = [name for name in error.validator_value if name not in error.instance]
            name = next((name for name in missing if repr(name) in error.message), missing[0])
            yield Violation(f"{pointer}/{escape_token(name)}"[:_MAX_POINTER_CHARS], "is required")
        else:
            yield Violation(pointer, _detail(error.validator, error.validator_value))


def _pointer(base: str, path: Iterable[str | int]) -> str:
    pointer = base + "".join(f"/{escape_token(str(token))}" for token in path)
    return pointer[:_MAX_POINTER_CHARS]


def _detail(keyword: str, rule: Any) -> str:
    """Say which rule of the schema is broken. The schema is public, the instance is not: only the former is quoted."""
    simple = _SIMPLE_DETAILS.get(keyword)
    if simple is not None:
        return simple.format(rule=rule)
    match keyword:
        case "type":
            names = rule if isinstance(rule, list) else [rule]
            return f"must be of type {' or '.join(names)}"
        case "enum":
            return f"must be one of: {', '.join(map(str, rule))}"
        case "anyOf" | "oneOf":
            count = "one" if keyword == "oneOf" else "at least one"
            return f"must meet {count} of the alternatives{_alternatives(rule)}"
        case "dependentRequired":
            return "lacks a field that another field of it requires"
        case _:
            return f"breaks the rule '{keyword}' of the schema"


def _alternatives(rule: Any) -> str:
    """Spell out alternatives that differ only in which fields they require."""
    if all(isinstance(option, dict) and set(option) == {"required"} for option in rule):
        return ": " + " or ".join(" and ".join(option["required"]) for option in rule)
    return ""


_SIMPLE_DETAILS: Final[Mapping[str, str]] = {
    "format": "must be a valid {rule}",
    "pattern": "must match the pattern {rule}",
    "const": "must be the constant that the schema names",
    "minLength": "must have at least {rule} characters",
    "maxLength": "must have at most {rule} characters",
    "minItems": "must have at least {rule} items",
    "maxItems": "must have at most {rule} items",
    "uniqueItems": "must not repeat an item",
    "minimum": "must be at least {rule}",
    "maximum": "must be at most {rule}",
    "exclusiveMinimum": "must be more than {rule}",
    "exclusiveMaximum": "must be less than {rule}",
    "minProperties": "must have at least {rule} fields",
    "maxProperties": "must have at most {rule} fields",
    "additionalProperties": "has a field that the schema does not allow",
    "unevaluatedProperties": "has a field that the schema does not allow",
    "not": "has a form that the schema forbids",
}
