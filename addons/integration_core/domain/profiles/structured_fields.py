"""Structured fields of HTTP (RFC 8941): dictionaries, read strictly and written in their one canonical form.

As much as signatures and digests need. Stricter than the RFC where two readers could differ: a name that comes twice is
refused instead of the last one winning, and a byte sequence has one spelling, canonical padded base64.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar

from ..signing import decode_base64

MAX_CHARS: Final = 8192
"""A longer field is not read."""

MAX_MEMBERS: Final = 64
"""Members of a dictionary, items of a list and parameters of an item that are read."""

_KEY: Final = re.compile(r"[a-z*][a-z0-9_.*-]*")
_NUMBER: Final = re.compile(r"-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15})(?![0-9.])")
_STRING: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_TOKEN: Final = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_BYTES: Final = re.compile(r":([A-Za-z0-9+/=]*):")
_ESCAPED: Final = re.compile(r'\\(["\\])')


class FieldError(ValueError):
    """A field does not have the syntax of RFC 8941. The message names the place, never the value."""


@dataclass(frozen=True)
class Token:
    """A bare word, which is not the same as the string of its characters."""

    text: str


BareItem: TypeAlias = int | Decimal | str | bytes | bool | Token
Parameters: TypeAlias = Mapping[str, BareItem]


@dataclass(frozen=True)
class Item:
    """One value and its parameters, in their order."""

    value: BareItem
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True)
class InnerList:
    """A list of items, and the list's own parameters, in their order."""

    items: tuple[Item, ...]
    parameters: Parameters = field(default_factory=dict)


Member: TypeAlias = Item | InnerList
ValueT = TypeVar("ValueT")


def parse_dictionary(text: str) -> dict[str, Member]:
    """Return the members of a dictionary by name, in their order; raise :class:`FieldError` for anything else."""
    if len(text) > MAX_CHARS or not text.isascii():
        raise FieldError("too long, or not ASCII")
    return _Reader(text.strip(" ")).dictionary()


class _Reader:
    """Reads one field from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def dictionary(self) -> dict[str, Member]:
        """Read the whole field as a dictionary (RFC 8941 §4.2.2)."""
        members: dict[str, Member] = {}
        while self._at < len(self._text):
            self._named(members, self._member)
            self._skip(" \t")
            if self._at == len(self._text):
                return members
            self._expect(",")
            self._skip(" \t")
            if self._at == len(self._text):
                raise self._error("a trailing comma")
        return members

    def _named(self, found: dict[str, ValueT], read: Callable[[], ValueT]) -> None:
        key = self._match(_KEY, "a key")[0]
        if key in found or len(found) == MAX_MEMBERS:
            raise self._error("a name twice, or too many")
        found[key] = read()

    def _member(self) -> Member:
        if not self._take("="):
            return Item(True, self._parameters())
        return self._inner_list() if self._next() == "(" else self._item()

    def _inner_list(self) -> InnerList:
        self._expect("(")
        items: list[Item] = []
        while True:
            self._skip(" ")
            if self._take(")"):
                return InnerList(tuple(items), self._parameters())
            if len(items) == MAX_MEMBERS:
                raise self._error("too many items")
            items.append(self._item())
            if self._next() not in (" ", ")"):
                raise self._error("no space between items")

    def _item(self) -> Item:
        return Item(self._bare_item(), self._parameters())

    def _parameters(self) -> dict[str, BareItem]:
        found: dict[str, BareItem] = {}
        while self._take(";"):
            self._skip(" ")
            self._named(found, self._parameter_value)
        return found

    def _parameter_value(self) -> BareItem:
        return self._bare_item() if self._take("=") else True

    def _bare_item(self) -> BareItem:
        first = self._next()
        if first == '"':
            return _ESCAPED.sub(r"\1", self._match(_STRING, "a string")[1])
        if first == ":":
            return self._bytes()
        if first == "?":
            return self._boolean()
        if first == "-" or first.isdigit():
            text = self._match(_NUMBER, "a number")[0]
            return Decimal(text) if "." in text else int(text)
        return Token(self._match(_TOKEN, "a token")[0])

    def _bytes(self) -> bytes:
        encoded = self._match(_BYTES, "a byte sequence")[1]
        raw = decode_base64(encoded)
        if raw is None:
            raise self._error("base64 that is not canonical")
        return raw

    def _boolean(self) -> bool:
        self._expect("?")
        digit = self._next()
        if digit not in ("0", "1"):
            raise self._error("a boolean")
        self._at += 1
        return digit == "1"

    def _match(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._error(what)
        self._at = found.end()
        return found

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, character: str) -> bool:
        if self._next() != character:
            return False
        self._at += 1
        return True

    def _expect(self, character: str) -> None:
        if not self._take(character):
            raise self._error(f"'{character}'")

    def _skip(self, characters: str) -> None:
        while self._at < len(self._text) and self._text[self._at] in characters:
            self._at += 1

    def _error(self, what: str) -> FieldError:
        return FieldError(f"{what} at character {self._at}")


def serialize_inner_list(inner: InnerList) -> str:
    """Return the canonical text of an inner list with its parameters (RFC 8941 §4.1.1.1)."""
    return f"({' '.join(map(serialize_item, inner.items))}){_parameters(inner.parameters.items())}"


def serialize_item(item: Item) -> str:
    """Return the canonical text of an item with its parameters (RFC 8941 §4.1.3)."""
    return _bare_item(item.value) + _parameters(item.parameters.items())


def _parameters(parameters: Iterable[tuple[str, BareItem]]) -> str:
    return "".join(f";{key}" if value is True else f";{key}={_bare_item(value)}" for key, value in parameters)


def _bare_item(value: BareItem) -> str:
    match value:
        case bool():
            return "?1" if value else "?0"
        case int():
            return str(value)
        case Decimal():
            whole, _point, fraction = f"{value:f}".partition(".")
            return f"{whole}.{fraction.rstrip('0') or '0'}"
        case bytes():
            return f":{base64.b64encode(value).decode('ascii')}:"
        case Token():
            return value.text
        case str():
            return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
