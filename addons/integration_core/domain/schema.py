"""Validate data against JSON Schema 2020-12, with ``format`` asserted.

A violation names the rule and the place (a JSON pointer in names of the schema's own), never the value: the data may
be a patient's. Remote
references are refused, so a schema can never make the server fetch anything, and so are references in a circle,
formats that nobody would assert, and patterns (see :mod:`.patterns`) that may take exponential time.
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

from . import patterns, quick_schema, strict_json, subschemas, timestamps
from .clearance import CLASSIFICATION, Clearance
from .patterns import compile_pattern
from .strict_json import JSON, JSONObject, escape_token

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_ERRORS: Final = 20
UNNAMED: Final = "*"
"""Stands in a place for a name that no schema has."""

_MAX_POINTER_CHARS: Final = 200


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


_QUICK: Final = quick_schema.Maker(_FORMATS, lambda pattern, text: compile_pattern(pattern).search(text) is not None)

# Under this name Odoo's lint does not take it for the error of the same name that people read.
_Mismatch: Final = jsonschema.ValidationError


def _check_text_pattern(_validator: Validator, pattern: str, instance: object, _schema: object) -> Iterator[Any]:
    if isinstance(instance, str) and compile_pattern(pattern).search(instance) is None:
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
    _names: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def validate(self, instance: JSON, *, base: str = "/data") -> list[Violation]:
        """Return the violations of ``instance``, at most 20, in document order of discovery; none when it is valid.

        ``base`` is the pointer of ``instance`` within the message, put before every pointer.

        Raises:
            SchemaError: The schema cannot be applied, whatever the validator stumbled over.
        """
        try:
            if self._quick is not None and self._quick(instance):
                return []
            errors: Iterator[Any] = self._validator.iter_errors(instance)
            return list(islice(_violations(errors, base, self._names), MAX_ERRORS))
        except Exception as error:  # noqa: BLE001 - what a validator raises is not told, and may quote the data
            raise SchemaError("", f"could not be applied ({type(error).__name__})") from None


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
    except Exception as error:  # noqa: BLE001 - such as OverflowError for the number in a pattern
        raise SchemaError("", f"is not valid JSON Schema 2020-12 ({type(error).__name__})") from None
    for pointer, member in subschemas.walk(schema):
        if isinstance(member, dict):
            _check_keywords(pointer, member)
            _check_classification(pointer, member)
    try:
        subschemas.check_references(schema)
    except subschemas.ReferenceFault as fault:
        raise SchemaError(fault.pointer, fault.detail) from None


def compile_schema(schema: JSONObject | bytes | str) -> CompiledSchema:
    """Return the compiled form of a schema; raise :class:`SchemaError` if it cannot be used.

    Compiled schemas are cached by the digest of their canonical text, so calling this for every message is cheap.
    """
    if isinstance(schema, dict):
        text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
    else:
        text = schema.decode("utf-8", "replace") if isinstance(schema, bytes) else schema
    return _compile_text(text)


@functools.lru_cache(maxsize=512)
def _compile_text(text: str) -> CompiledSchema:
    try:
        schema = strict_json.loads(text.encode("utf-8"))
    except strict_json.StrictJsonError as error:
        raise SchemaError("", f"is not JSON: {error.detail}") from None
    except UnicodeEncodeError:
        raise SchemaError("", "is not JSON: it holds half a character") from None
    check(schema)
    if not isinstance(schema, dict):  # as was checked
        raise SchemaError("", "a schema must be a JSON object")
    registry: Registry[Any] = Registry()  # without a retrieve function nothing is ever fetched
    validator = _Validator(schema, registry=registry, format_checker=_CHECKER)
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return CompiledSchema(digest, validator, _QUICK.make(schema), subschemas.names(schema))


def _check_keywords(pointer: str, schema: JSONObject) -> None:
    """Check what the rules of JSON Schema leave open, in one schema of many."""
    for keyword in ("$schema", "$id") if pointer else ():
        if keyword in schema:  # another dialect, or another place for references to start from
            raise SchemaError(f"{pointer}/{keyword}", "may stand at the top only")
    for keyword in ("$ref", "$dynamicRef"):
        if not str(schema.get(keyword, "#")).startswith("#"):
            raise SchemaError(f"{pointer}/{keyword}", "a reference must stay within the schema")
    if "$dynamicRef" in schema:
        raise SchemaError(f"{pointer}/$dynamicRef", "only $ref is followed")
    if schema.get("format", "date") not in _FORMATS:
        raise SchemaError(f"{pointer}/format", f"only these formats are asserted: {', '.join(sorted(_FORMATS))}")
    named = schema.get("patternProperties")
    for place, pattern in [
        *(("pattern", text) for text in [schema.get("pattern")] if isinstance(text, str)),
        *(("patternProperties", text) for text in (named if isinstance(named, dict) else ())),
    ]:
        try:
            patterns.check(pattern)
        except patterns.PatternError as error:
            raise SchemaError(f"{pointer}/{place}", str(error)) from None


def _check_classification(pointer: str, schema: JSONObject) -> None:
    classes = [kind.value for kind in Clearance]
    if schema.get(CLASSIFICATION, classes[0]) not in classes:
        raise SchemaError(f"{pointer}/{CLASSIFICATION}", f"must be one of: {', '.join(classes)}")


def _violations(errors: Iterable[Any], base: str, names: frozenset[str]) -> Iterator[Violation]:
    for error in errors:
        # A name that is not the schema's own is the sender's text, and may be a patient's.
        path = [token if isinstance(token, int) or token in names else UNNAMED for token in error.absolute_path]
        pointer = _pointer(base, path)
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


def _detail(keyword: str | None, rule: Any) -> str:
    """Say which rule of the schema is broken. The schema is public, the instance is not: only the former is quoted."""
    simple = _SIMPLE_DETAILS.get(keyword or "")
    if simple is not None:
        return simple.format(rule=rule)
    match keyword:
        case None:
            return "is not allowed"
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
