"""Read JSON (RFC 8259) with no room for two readers to disagree, and write it canonically.

Refused beyond the grammar: a byte order mark, text that is not UTF-8, duplicate keys, ``NaN`` and ``Infinity``, U+0000
and lone surrogates (escaped too) in strings and keys, numbers that are not finite as IEEE 754 doubles, integers
outside ±2⁵³ (the range that every reader keeps exactly, RFC 7493 §2.2), nesting deeper than a bound, bytes after
the value.

The text is parsed once, by the C parser of the standard library; depth is judged before that, in linear time, so no
input can exhaust the stack. What the parser's hooks find wrong is left in place as a marker and then located, so
an error names a JSON pointer (RFC 6901) or a byte offset, and never a value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None
"""Any JSON value as Python holds it."""

JSONObject: TypeAlias = dict[str, JSON]
"""A JSON object as Python holds it."""

MAX_DEPTH: Final = 64
MAX_INTEGER: Final = 2**53

_MAX_POINTER_CHARS: Final = 200
_LONG_NUMBER: Final = 6  # digits of what may be more than the index of an item
_MAX_INTEGER_DIGITS: Final = 17  # sign and the 16 digits of 2**53; longer texts need no conversion
# Made once: the standard library's own shortcut makes an encoder per call.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
_BOM: Final = b"\xef\xbb\xbf"
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_SUSPECT_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_BAD_TEXT: Final = re.compile("[\x00\ud800-\udfff]")
_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")


class Fault(str, Enum):
    """What is wrong with a text that is not strict JSON."""

    ENCODING = "encoding"
    BOM = "bom"
    SYNTAX = "syntax"
    DEPTH = "depth"
    DUPLICATE_KEY = "duplicate_key"
    CONSTANT = "constant"
    NUMBER_RANGE = "number_range"
    TEXT = "text"


_DETAILS: Final = {
    Fault.ENCODING: "the body is not valid UTF-8",
    Fault.BOM: "the body begins with a byte order mark",
    Fault.SYNTAX: "the body is not well-formed JSON",
    Fault.DEPTH: "the value is nested too deeply",
    Fault.DUPLICATE_KEY: "an object names the same member twice",
    Fault.CONSTANT: "NaN and Infinity are not JSON",
    Fault.NUMBER_RANGE: "a number is outside the range that every reader keeps",
    Fault.TEXT: "a text holds U+0000 or a lone surrogate",
}


class StrictJsonError(ValueError):
    """The bytes are not strict JSON.

    ``fault`` names the rule; ``pointer`` (a JSON pointer) or ``offset`` (bytes from the start) name the place when it
    is known. Nothing in it repeats a value of the text.
    """

    def __init__(self, fault: Fault, *, pointer: str | None = None, offset: int | None = None) -> None:
        """Keep the rule and the place."""
        self.fault = fault
        self.pointer = pointer
        self.offset = offset
        super().__init__(self.detail)

    def told(self, names: Collection[str]) -> StrictJsonError:
        """Return it with no other names in its place than these: a name in the text may be a patient's."""
        if self.pointer is None:
            return self

        def is_told(token: str) -> bool:
            return token in names or (token.isdecimal() and len(token) < _LONG_NUMBER)

        tokens = [token if is_told(token) else "*" for token in self.pointer.split("/")[1:]]
        return StrictJsonError(self.fault, pointer="".join(f"/{token}" for token in tokens))

    @property
    def detail(self) -> str:
        """A sentence for the sender: rule and place."""
        if self.pointer is not None:
            return f"{_DETAILS[self.fault]}, at {self.pointer or 'the root'}"
        if self.offset is not None:
            return f"{_DETAILS[self.fault]}, at byte {self.offset}"
        return _DETAILS[self.fault]


@dataclass(frozen=True)
class _Marker:
    """Stands in the parsed value where a hook met something forbidden."""

    fault: Fault


def loads(data: bytes, *, max_depth: int = MAX_DEPTH) -> JSON:
    """Return the value of strict JSON text; raise :class:`StrictJsonError` otherwise.

    ``max_depth`` is how many arrays and objects may be open at once; a scalar has depth 0.
    """
    if data.startswith(_BOM):
        raise StrictJsonError(Fault.BOM, offset=0)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictJsonError(Fault.ENCODING, offset=error.start) from None
    _check_depth(data, max_depth)
    markers: list[_Marker] = []
    value: JSON = _parse(text, markers)
    if markers or _SUSPECT_ESCAPE.search(data):
        fault = _find_fault(value, "")
        if fault is not None:
            raise fault
    return value


def dumps(value: JSON) -> bytes:
    """Return one canonical spelling: sorted keys, no spaces, UTF-8. NaN and Infinity raise ValueError."""
    return _ENCODER.encode(value).encode("utf-8")


def escape_token(token: str) -> str:
    """Return ``token`` as one segment of a JSON pointer (RFC 6901 §3)."""
    return token.replace("~", "~0").replace("/", "~1")


def _check_depth(data: bytes, max_depth: int) -> None:
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return
    brackets = _STRING.sub(b"", data).translate(None, _NOT_BRACKETS)
    depth = 0
    for byte in brackets:
        if byte in b"[{":
            depth += 1
            if depth > max_depth:
                raise StrictJsonError(Fault.DEPTH)
        else:
            depth -= 1


def _parse(text: str, markers: list[_Marker]) -> Any:
    def marker(fault: Fault) -> _Marker:
        found = _Marker(fault)
        markers.append(found)
        return found

    def parse_int(digits: str) -> Any:
        if len(digits) <= _MAX_INTEGER_DIGITS and abs(int(digits)) <= MAX_INTEGER:
            return int(digits)
        return marker(Fault.NUMBER_RANGE)

    def parse_float(digits: str) -> Any:
        number = float(digits)
        return number if math.isfinite(number) else marker(Fault.NUMBER_RANGE)

    def parse_object(pairs: list[tuple[str, Any]]) -> Any:
        members = dict(pairs)
        return members if len(members) == len(pairs) else marker(Fault.DUPLICATE_KEY)

    try:
        return json.loads(
            text,
            parse_int=parse_int,
            parse_float=parse_float,
            parse_constant=lambda _name: marker(Fault.CONSTANT),
            object_pairs_hook=parse_object,
        )
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode("utf-8"))
        raise StrictJsonError(Fault.SYNTAX, offset=offset) from None


def _find_fault(value: Any, pointer: str) -> StrictJsonError | None:
    """Return the first marker or forbidden text in document order; recursion is bounded by the depth check."""
    if isinstance(value, _Marker):
        return StrictJsonError(value.fault, pointer=pointer[:_MAX_POINTER_CHARS])
    if isinstance(value, str):
        bad = _BAD_TEXT.search(value)
        return StrictJsonError(Fault.TEXT, pointer=pointer[:_MAX_POINTER_CHARS]) if bad else None
    if isinstance(value, dict):
        for key, member in value.items():
            if _BAD_TEXT.search(key):  # the key itself cannot be part of a readable pointer
                return StrictJsonError(Fault.TEXT, pointer=pointer[:_MAX_POINTER_CHARS])
            found = _find_fault(member, f"{pointer}/{escape_token(key)}")
            if found is not None:
                return found
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found = _find_fault(item, f"{pointer}/{index}")
            if found is not None:
                return found
    return None
