"""Reading a request that an engineer pastes: as ``curl -v`` shows it, as an engine lists it, as raw HTTP.

Everything is tolerated that a person would understand, for it is read to be explained and never to be believed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

BodyForm: TypeAlias = Literal["text", "hex", "base64"]

MAX_BODY_BYTES: Final = 2 << 20
"""Bytes of a body that are looked into."""

_MAX_HEADER_CHARS: Final = 64 << 10
_REQUEST_LINE: Final = re.compile(r"(?:GET|POST|PUT|PATCH|HEAD|DELETE)\s+(\S+)(?:\s+HTTP/[\d.]+)?\s*$", re.IGNORECASE)
_ADDRESS_LINE: Final = re.compile(r"(?:URL|Host URL|Address)\s*:\s*(https?://\S+)\s*$", re.IGNORECASE)
_OPTION: Final = re.compile(r"(?:^|\s)(?:-H|--header)[\s=]*(?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)')")
_PAIR: Final = re.compile(r"[\"']?([A-Za-z][A-Za-z0-9_-]*)[\"']?\s*(?::|=>|=|\t)\s*(.*)$")
_QUOTED: Final = re.compile(r"[\"']([A-Za-z][A-Za-z0-9_-]*)[\"']\s*:\s*[\"']([^\"']*)[\"']")
_NOISE: Final = re.compile(r"^(?:[*<{}]\s|[{}]$)")
_CONTENT: Final = re.compile(r"^\[CONTENT\][ \t]*\r?\n?", re.MULTILINE)


@dataclass(frozen=True)
class Pasted:
    """A request as it was pasted. Names of headers are in lower case; the last of several equal ones counts."""

    headers: Mapping[str, str] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()
    path: str | None = None
    body: str | None = field(default=None, repr=False)
    """What followed the headers, when it was pasted together with them."""


class BodyFormError(ValueError):
    """A body is not what its form says; the message says so to the person who pasted it."""


def read_request(text: str) -> Pasted:
    """Return what is found of a request in ``text``, whatever else is in it."""
    head, body = _split(text[: _MAX_HEADER_CHARS + MAX_BODY_BYTES].replace("\r\n", "\n"))
    found: dict[str, str] = {}
    repeated: list[str] = []
    path = None
    for name, value in _pairs(head):
        if name is None:
            path = value
            continue
        if name in found and found[name] != value:
            repeated.append(name)
        found[name] = value
    return Pasted(found, tuple(dict.fromkeys(repeated)), path, body)


def _split(text: str) -> tuple[str, str | None]:
    """Split off the body: after a blank line that follows headers, or where an engine says that its content begins."""
    content = _CONTENT.search(text)
    if content:
        return text[: content.start()], text[content.end() :]
    lines = text.split("\n")
    begun = False
    for number, line in enumerate(lines):
        bare = line.lstrip("> ").strip()
        begun = begun or bool(_REQUEST_LINE.match(bare) or _PAIR.match(bare))
        rest = "\n".join(lines[number + 1 :])
        # Beyond a blank line stands a body, or only more of what a tool has to say.
        if begun and not bare and rest.lstrip()[:1] in ("{", "["):
            return "\n".join(lines[:number]), rest
    return text, None


def _pairs(head: str) -> list[tuple[str | None, str]]:
    """Return (name, value) of each header; the name is None for the address's path."""
    found: list[tuple[str | None, str]] = []
    for raw_line in head[:_MAX_HEADER_CHARS].split("\n"):
        options = [first or second for first, second in _OPTION.findall(raw_line)]
        for option in options:
            found += _pair(option)
        if not options:
            found += _line(raw_line)
    return found


def _line(raw_line: str) -> list[tuple[str | None, str]]:
    line = raw_line.strip()
    if _NOISE.match(line):
        return []
    if line.startswith("{"):  # all of them in one line, as JSON or as Python prints them
        return [(name.lower(), value) for name, value in _QUOTED.findall(line)]
    line = line.removeprefix("> ").removeprefix(">").strip()
    asked = _REQUEST_LINE.match(line) or _ADDRESS_LINE.match(line)
    if asked:
        return [(None, urlsplit(asked[1]).path)]
    return _pair(line)


def _pair(line: str) -> list[tuple[str | None, str]]:
    match = _PAIR.match(line)
    if match is None:
        return []
    value = match[2].strip().rstrip("\\").strip().rstrip(",").strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    if value.startswith("[") and value.endswith("]"):  # a list of one, as languages print their headers
        value = value[1:-1].strip().strip("\"'")
    return [(match[1].lower(), value)]


def read_body(text: str, form: BodyForm) -> bytes:
    """Return the bytes of a pasted body.

    :raises BodyFormError: when ``text`` is not of that form, or is too long
    """
    if form == "hex":
        raw = _from_hex(text)
    elif form == "base64":
        raw = _from_base64(text)
    else:
        raw = text.encode("utf-8", errors="surrogatepass")
    if len(raw) > MAX_BODY_BYTES:
        raise BodyFormError(f"Only bodies of up to {MAX_BODY_BYTES >> 20} MiB are looked into.")
    return raw


def _from_hex(text: str) -> bytes:
    digits = re.sub(r"0x|\\x|[\s:,]", "", text)
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise BodyFormError("This is not hexadecimal: two digits for each byte, such as 7b 22 69 64 22.") from None


def _from_base64(text: str) -> bytes:
    compact = "".join(text.split())
    try:
        return base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        raise BodyFormError("This is not base64.") from None
