"""Read one HTTP/1.1 answer from a receiver that nobody vouches for.

Smaller than the standard library's client, and stricter about the one thing that can go wrong unseen: where an answer
ends (RFC 9112 §6). What leaves that in doubt is refused, or ends the connection, so that the rest of one answer is
never taken for the next one. Head, chunk frames and body are bounded; nothing is inflated beyond what is kept.

Bytes come from a function that returns what has arrived, ``b""`` once the other side has closed, and raises
TimeoutError when there is no time left. What was cut off raises ConnectionResetError, as a reset connection does.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

MAX_BODY_BYTES: Final = 16 * 1024
"""What is kept of a body, counted after decompression."""

MAX_HEAD_BYTES: Final = 64 * 1024
"""Length of a head together with the interim ones (1xx) before it."""

MAX_FIELDS: Final = 100
"""Header lines of one head."""

MAX_FRAMING_BYTES: Final = 64 * 1024
"""What a chunked body may spend on chunk sizes, extensions and trailers."""

_STATUS_LINE: Final = re.compile(r"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: .*)?\r?")
_START: Final = b"HTTP/1."
_FOLD: Final = re.compile(r"\r?\n[ \t]+")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
_LISTS: Final = frozenset({"content-length", "transfer-encoding", "connection", "content-encoding"})
_SINGLE: Final = frozenset({"content-type", "retry-after"})
_SPACE: Final = " \t\r"
_WINDOWS: Final = {"gzip": (47,), "x-gzip": (47,), "deflate": (47, -15)}
"""zlib's ``wbits`` for each coding; deflate comes with and without its wrapper."""
_BODILESS: Final = frozenset({204, 304})

Receive = Callable[[], bytes]


class BadAnswer(ValueError):
    """What came is not an HTTP/1.1 answer."""


class Head(NamedTuple):
    """The head of a final answer.

    ``fields`` has the few header fields that matter here, by lower-case name; ``rest`` is what arrived behind the head.
    ``length`` is the body's length in bytes, or None where chunks or the end of the connection tell it.
    """

    status: int
    fields: dict[str, str]
    length: int | None
    chunked: bool
    persistent: bool
    rest: bytes


def read_head(receive: Receive) -> Head:
    """Read up to the end of the head of the final answer, past interim ones (RFC 9110 §15.2); else BadAnswer."""
    data, left = b"", MAX_HEAD_BYTES
    while True:
        head, data = _take_head(data, receive, left)
        left -= len(head)
        version, status, fields = _parse(head.decode("latin-1"))
        if status >= 200:
            return _framed(version, status, fields, data)
        if status == 101:
            raise BadAnswer("it switches to a protocol that was not asked for")


def read_body(head: Head, receive: Receive) -> tuple[bytes, bool]:
    """Return the start of the body, decompressed, and whether the connection can carry another message.

    A body longer than what is kept is not read to its end; one in a coding that cannot be read gives ``b""``.
    """
    if head.chunked:
        raw, whole = _read_chunks(head.rest, receive)
    elif head.length is None:
        raw, whole = _read_to_end(head.rest, receive), False
    else:
        wanted = min(head.length, MAX_BODY_BYTES)
        raw = _fill(head.rest, wanted, receive)
        # More than was announced is nobody's answer: such a connection is not used again.
        whole = len(raw) == head.length
        raw = raw[:wanted]
    return _decode(raw, head.fields.get("content-encoding")), whole and head.persistent


def _take_head(data: bytes, receive: Receive, limit: int) -> tuple[bytes, bytes]:
    """Split at the first empty line; a line may end in a bare LF (RFC 9112 §2.2)."""
    seen = 0
    while True:
        if not (data.startswith(_START) or _START.startswith(data)):
            raise BadAnswer("it does not begin with a status line")
        end = data.find(b"\n\r\n", seen)
        bare = data.find(b"\n\n", seen, end if end >= 0 else len(data))
        if bare >= 0:
            end, after = bare, bare + 2
        else:
            after = end + 3
        if (end if end >= 0 else len(data)) > limit:
            raise BadAnswer("its head is too long")
        if end >= 0:
            return data[:end], data[after:]
        seen = max(0, len(data) - 2)
        data += _more(receive)


def _parse(head: str) -> tuple[str, int, dict[str, str]]:
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", head)  # RFC 9112 §5.2
    lines = head.split("\n")
    match = _STATUS_LINE.fullmatch(lines[0])
    if match is None:
        raise BadAnswer("its status line cannot be read")
    if len(lines) > MAX_FIELDS + 1:
        raise BadAnswer("it has too many header fields")
    fields: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadAnswer("it has a header line without a name")
        name = name.strip(_SPACE).lower()
        if name in _LISTS:
            value = value.strip(_SPACE).lower()
            fields[name] = f"{fields[name]},{value}" if name in fields else value
        elif name in _SINGLE:
            fields.setdefault(name, value.strip(_SPACE))
    return match[1], int(match[2]), fields


def _framed(version: str, status: int, fields: dict[str, str], rest: bytes) -> Head:
    """Decide where the body ends: RFC 9112 §6.3, in that section's order."""
    persistent = version != "0" and "close" not in fields.get("connection", "")
    coding, lengths = fields.get("transfer-encoding"), fields.get("content-length")
    if status in _BODILESS:
        return Head(status, fields, 0, False, persistent, rest)
    if coding is not None and coding != "identity":
        if coding != "chunked":  # such as 'gzip, chunked': a body that is left out, in frames that can be followed
            fields["content-encoding"] = coding
        # A length beside chunks is how answers are smuggled: the chunks count, and nothing follows them.
        chunked = coding.rpartition(",")[2].strip(_SPACE) == "chunked"
        return Head(status, fields, None, chunked, persistent and lengths is None, rest)
    length = None if lengths is None else _length(lengths)
    return Head(status, fields, length, False, persistent, rest)


def _length(text: str) -> int:
    different = {part.strip(_SPACE) for part in text.split(",")} if "," in text else {text}
    value = different.pop()
    if different or _LENGTH.fullmatch(value) is None:
        raise BadAnswer("its length cannot be read")
    return int(value)


def _more(receive: Receive) -> bytes:
    data = receive()
    if not data:
        raise ConnectionResetError
    return data


def _fill(data: bytes, size: int, receive: Receive) -> bytes:
    """Receive until there are at least ``size`` bytes."""
    while len(data) < size:
        data += _more(receive)
    return data


def _read_to_end(data: bytes, receive: Receive) -> bytes:
    while len(data) < MAX_BODY_BYTES:
        more = receive()
        if not more:
            break
        data += more
    return data[:MAX_BODY_BYTES]


def _read_chunks(data: bytes, receive: Receive) -> tuple[bytes, bool]:
    """Read a chunked body (RFC 9112 §7.1); return its start, and whether it ended where the bytes did."""
    body, left = b"", MAX_FRAMING_BYTES
    while True:
        line, data = _take_line(data, receive, left)
        left -= len(line) + 2
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise BadAnswer("the size of a chunk cannot be read")
        size = int(match[1], 16)
        if size == 0:
            break
        wanted = min(size, MAX_BODY_BYTES - len(body))
        data = _fill(data, wanted, receive)
        body += data[:wanted]
        if len(body) == MAX_BODY_BYTES:
            return body, False
        data = _fill(data, size + 2, receive)
        if data[size : size + 2] != b"\r\n":
            raise BadAnswer("a chunk is longer than it says")
        data = data[size + 2 :]
    while line:  # trailers, up to an empty line
        line, data = _take_line(data, receive, left)
        left -= len(line) + 2
    return body, not data


def _take_line(data: bytes, receive: Receive, limit: int) -> tuple[bytes, bytes]:
    while (end := data.find(b"\r\n")) < 0 and len(data) <= limit:
        data += _more(receive)
    if end < 0 or end > limit:
        raise BadAnswer("its chunks carry too much beside the body")
    return data[:end], data[end + 2 :]


def _decode(raw: bytes, coding: str | None) -> bytes:
    if coding is None or coding == "identity":
        return raw
    for bits in _WINDOWS.get(coding, ()):
        with suppress(zlib.error):
            return zlib.decompressobj(bits).decompress(raw, MAX_BODY_BYTES)
    return b""
