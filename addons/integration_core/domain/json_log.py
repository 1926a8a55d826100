"""Logs as one JSON object per line (RFC 8259, ASCII), each with what the work was about.

A line has ``time`` (RFC 3339, UTC, milliseconds), ``level``, ``logger``, ``message``, ``database``, ``pid`` and
``thread``, the ids of :data:`.log_context.FIELDS` that are known, and of an error its class and the lines of code that
it came through. The text of an error is left out: it may quote what was stored or sent.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Final

from . import log_context

VARIABLE: Final = "INTEGRATION_LOG_FORMAT"
OPTION: Final = "integration_log_format"
JSON: Final = "json"
FORMATS: Final = ("text", JSON)

MAX_MESSAGE: Final = 6000
MAX_ERROR: Final = 6000
MAX_FACT: Final = 300
MAX_IDS: Final = 50
MAX_LINE: Final = 24_000
"""Bytes of a line at most; the other limits are of a text as it is written, with its escapes."""

_CUT: Final = "…"
_NO_PERF: Final = ("", "- - -", "- - - -")
_UNREADABLE: Final = "(a message that could not be put together)"


def chosen(*wishes: object) -> str:
    """Return the format that the first non-empty one of ``wishes`` names.

    Raises ValueError for one that is unknown.

    >>> chosen(None, "JSON"), chosen("", None)
    ('json', 'text')
    """
    wish = next((str(one).strip().lower() for one in wishes if one), FORMATS[0])
    if wish not in FORMATS:
        raise ValueError(f"{wish!r} is no format of logs; there are {' and '.join(FORMATS)}")
    return wish


class JsonFormatter(logging.Formatter):
    """Writes any record as exactly one line."""

    def __init__(self, outline: Callable[[BaseException], str] = lambda error: type(error).__name__) -> None:
        """Take what may be told of an error: its class in the last line, the places before it."""
        super().__init__()
        self._outline = outline

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, object] = {
            "time": _time(record.created),
            "level": _text(logging.getLevelName(record.levelno), MAX_FACT),
            "logger": _text(record.name, MAX_FACT),
            "message": _text(_message(record, self._name), MAX_MESSAGE),
        }
        line.update(_process(record))
        line.update({name: _fact(value) for name, value in log_context.known().items()})
        line.update(self._error(record))
        if record.stack_info:
            line["stack"] = _text(record.stack_info, MAX_ERROR)
        return json.dumps(line)

    def formatException(self, ei: object) -> str:  # noqa: N802 - the standard library's name
        """Return the outline of an error, for whoever else asks this formatter."""
        error = ei[1] if isinstance(ei, tuple) else None
        return self._outline(error) if isinstance(error, BaseException) else ""

    def _error(self, record: logging.LogRecord) -> dict[str, object]:
        outline = getattr(record, "outline", None) or self._outline_of(record.exc_info)
        if not outline:
            return {}
        *places, kind = str(outline).splitlines() or [""]
        told: dict[str, object] = {"error": _text(kind.strip(), MAX_FACT)}
        if places:
            told["places"] = _text("\n".join(place.strip() for place in places), MAX_ERROR, keep_end=True)
        return told

    def _outline_of(self, exc_info: object) -> str:
        return self.formatException(exc_info)

    def _name(self, value: object) -> object:
        """Return what may be told of a part of a message: of an error the last line of its outline."""
        return (self._outline(value).splitlines() or [""])[-1].strip() if isinstance(value, BaseException) else value


def _message(record: logging.LogRecord, name: Callable[[object], object]) -> str:
    told = getattr(record, "told", None)  # the message without the outline that the text format appends to it
    if isinstance(told, str):
        return told
    try:
        message, args = str(name(record.msg)), record.args
        if isinstance(args, Mapping):
            return message % {key: name(value) for key, value in args.items()}
        return message % tuple(name(one) for one in args) if args else message
    except Exception:  # noqa: BLE001 - a value that cannot be shown, or arguments that do not fit
        # What was to be filled in is left out: nobody knows what it is.
        return record.msg if isinstance(record.msg, str) else _UNREADABLE


def _process(record: logging.LogRecord) -> Iterable[tuple[str, object]]:
    database, perf = getattr(record, "dbname", None), getattr(record, "perf_info", "")
    if database and database != "?":
        yield "database", _text(str(database), MAX_FACT)
    yield "pid", record.process
    if record.threadName:
        yield "thread", _text(record.threadName, MAX_FACT)
    if isinstance(perf, str) and perf not in _NO_PERF:
        yield "perf", _text(perf, MAX_FACT)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fact(value: log_context.Fact) -> object:
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return _text(value, MAX_FACT)
    return [int(one) for one in (value or ())[:MAX_IDS]]


def _text(text: str, limit: int, *, keep_end: bool = False) -> str:
    """Return ``text`` so that it takes at most ``limit`` characters in JSON, and is text at all."""
    text = text.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair is no text
    if len(text) > limit:
        text = text[-limit:] if keep_end else text[:limit]
        text = _CUT + text if keep_end else text + _CUT
    while (size := len(json.dumps(text)) - 2) > limit:
        fits = max(0, len(text) * limit // size - len(json.dumps(_CUT)))
        text = _CUT + text[len(text) - fits :] if keep_end else text[:fits] + _CUT
    return text
