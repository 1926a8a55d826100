"""CloudEvents 1.0.2 in structured mode (JSON event format): read what systems send, build what Odoo sends.

Reading follows the standard's type system: attributes are strings, booleans or 32-bit integers, names are lower-case
letters and digits, a JSON ``null`` means absent. Building is stricter: the event type must follow the suite's grammar
``<domain>.<entity>.<past participle>.v<major>``.
"""

from __future__ import annotations

import functools
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Final

from . import strict_json, timestamps
from .strict_json import JSON, JSONObject

SPEC_VERSION: Final = "1.0"
MEDIA_TYPE: Final = "application/cloudevents+json"
DATA_MEDIA_TYPE: Final = "application/json"
MAX_ID_CHARS: Final = 255
MAX_URI_CHARS: Final = 1024
MAX_EXTENSIONS: Final = 32

_NAME: Final = re.compile(r"[a-z0-9]{1,64}")
_TYPE: Final = re.compile(r"([a-z0-9_]+)\.([a-z0-9_]+)\.([a-z0-9_]+)\.v([1-9][0-9]{0,3})")
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_JSON_MEDIA_TYPE: Final = re.compile(r"application/json(?:\s*;.*)?", re.IGNORECASE)
# CloudEvents 1.0.2, 'Type System': control characters, noncharacters and surrogates are not text.
_NOT_TEXT: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_INT32: Final = range(-(2**31), 2**31)
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=timezone.utc)

_MAX_CHARS: Final[Mapping[str, int]] = {
    "id": MAX_ID_CHARS,
    "source": MAX_URI_CHARS,
    "type": MAX_ID_CHARS,
    "subject": MAX_ID_CHARS,
    "datacontenttype": MAX_ID_CHARS,
    "dataschema": MAX_URI_CHARS,
    "partitionkey": MAX_ID_CHARS,
    "correlationid": MAX_ID_CHARS,
    "causationid": MAX_ID_CHARS,
    "traceparent": MAX_ID_CHARS,
    "sequence": 64,
}
_OPTIONAL: Final = tuple(name for name in _MAX_CHARS if name not in ("id", "source", "type"))
ATTRIBUTES: Final = frozenset([*_MAX_CHARS, "specversion", "time", "data", "data_base64"])

Scalar = str | int | bool
"""What an extension attribute may hold."""


class EnvelopeError(ValueError):
    """An event breaks CloudEvents. ``pointer`` is where, ``detail`` which rule; no value is repeated."""

    def __init__(self, pointer: str, detail: str) -> None:
        """Keep the place and the rule."""
        self.pointer = pointer
        self.detail = detail
        super().__init__(f"{pointer or 'the event'}: {detail}")


@dataclass(frozen=True)
class EventTypeName:
    """The parts of an event type's name."""

    domain: str
    entity: str
    verb: str
    major: int

    @classmethod
    def parse(cls, text: str) -> EventTypeName:
        """Read ``<domain>.<entity>.<past participle>.v<major>``; raise ValueError for anything else."""
        match = _TYPE.fullmatch(text) if len(text) <= MAX_ID_CHARS else None
        if match is None:
            raise ValueError("an event type is <domain>.<entity>.<past participle>.v<major>, lower case")
        return cls(match[1], match[2], match[3], int(match[4]))

    def __str__(self) -> str:
        """Return the name as it goes over the wire."""
        return f"{self.domain}.{self.entity}.{self.verb}.v{self.major}"


@dataclass(frozen=True)
class Envelope:
    """One event: its CloudEvents attributes and its data. ``time`` is aware and in UTC."""

    id: str
    source: str
    type: str
    data: JSON = field(repr=False)
    time: datetime | None = None
    subject: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    partitionkey: str | None = None
    correlationid: str | None = None
    causationid: str | None = None
    traceparent: str | None = None
    sequence: str | None = None
    extensions: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def ordering_key(self) -> str | None:
        """What an ordered subscription keeps in order: the partition key, else the subject."""
        return self.partitionkey or self.subject

    def to_dict(self) -> JSONObject:
        """Return the event as a JSON object; absent attributes are left out."""
        event: JSONObject = {"specversion": SPEC_VERSION}
        for name in _MAX_CHARS:
            value = getattr(self, name)
            if value is not None:
                event[name] = value
        if self.time is not None:
            event["time"] = timestamps.format_utc(self.time)
        event.update(self.extensions)
        if self.data is not None:
            event["data"] = self.data
        return event

    def to_bytes(self) -> bytes:
        """Return the one canonical body of the event, so that every retry sends the same bytes."""
        return strict_json.dumps(self.to_dict())


def parse(value: JSON, *, expected_source: str | None = None) -> Envelope:
    """Return the event that a parsed JSON value holds; raise :class:`EnvelopeError` where it breaks the rules.

    With ``expected_source``, no other ``source`` is accepted. A malformed ``traceparent`` is dropped rather than
    refused: W3C Trace Context §3.2 has the receiver start a new trace then.
    """
    if not isinstance(value, dict):
        raise EnvelopeError("", "an event must be a JSON object")
    attributes: JSONObject = {key: item for key, item in value.items() if item is not None}
    _check_version(attributes)
    source = _required(attributes, "source")
    if expected_source is not None and source != expected_source:
        raise EnvelopeError("/source", "must be the source of the system that signed the message")
    optional = {name: _optional(attributes, name) for name in _OPTIONAL}
    _check_data(attributes, optional["datacontenttype"])
    if not is_traceparent(optional["traceparent"] or ""):
        optional["traceparent"] = None
    return Envelope(
        id=_required(attributes, "id"),
        source=source,
        type=_required(attributes, "type"),
        data=attributes.get("data"),
        subject=optional["subject"],
        datacontenttype=optional["datacontenttype"],
        dataschema=optional["dataschema"],
        partitionkey=optional["partitionkey"],
        correlationid=optional["correlationid"],
        causationid=optional["causationid"],
        traceparent=optional["traceparent"],
        sequence=optional["sequence"],
        time=_time(attributes.get("time")),
        extensions=_extensions(attributes),
    )


def build(
    *,
    id: str,  # noqa: A002 (the attribute's own name)
    source: str,
    type: str,  # noqa: A002 (the attribute's own name)
    data: JSON,
    time: datetime,
    **optional: str | None,
) -> Envelope:
    """Return a valid event to send; raise :class:`EnvelopeError` for anything a receiver could refuse.

    ``optional`` are the other attributes of :class:`Envelope` by name, and extensions. ``time`` must be aware.
    """
    try:
        EventTypeName.parse(type)
    except ValueError as error:
        raise EnvelopeError("/type", str(error)) from None
    event: JSONObject = {"specversion": SPEC_VERSION, "id": id, "source": source, "type": type}
    event["time"] = timestamps.format_utc(time)
    event["datacontenttype"] = DATA_MEDIA_TYPE
    event.update(optional)
    event["data"] = data
    return parse(event)


class Issuer:
    """Writes the events of one source, type and moment: what they share is checked once, as :func:`build` would.

    Its bodies are byte for byte those of :func:`build`, for a fraction of the work; for events that Odoo itself makes.
    """

    def __init__(self, *, source: str, type: str, time: datetime, dataschema: str) -> None:  # noqa: A002
        """Check what is shared; raise :class:`EnvelopeError` as :func:`build`. ``time`` must be aware."""
        self.time_text = timestamps.format_utc(time)
        self._shared: JSONObject = {**_checked(source, type, dataschema), "time": self.time_text}

    def body(self, *, id: str, data: JSON, subject: str, **optional: str | None) -> bytes:  # noqa: A002
        """Return the canonical body of one event, ordered by its subject.

        ``optional`` are ``correlationid``, ``causationid`` and ``traceparent``, left out where None. Raises
        :class:`EnvelopeError` for what a receiver could refuse.
        """
        event: JSONObject = dict(self._shared)
        event["id"] = _text("id", id, MAX_ID_CHARS)
        event["subject"] = event["partitionkey"] = _text("subject", subject, MAX_ID_CHARS)
        for name, value in optional.items():
            if value is not None:
                event[name] = _text(name, value, _MAX_CHARS[name])
        if not is_traceparent(optional.get("traceparent") or ""):
            event.pop("traceparent", None)
        if data is not None:
            event["data"] = data
        return strict_json.dumps(event)


@functools.lru_cache(maxsize=1024)
def _checked(source: str, type: str, dataschema: str) -> JSONObject:  # noqa: A002
    """Return what events share whatever their id and moment, not to be changed; raise as :func:`build`."""
    event = build(id="-", source=source, type=type, time=_ANY_TIME, data=None, dataschema=dataschema).to_dict()
    return {name: value for name, value in event.items() if name not in ("id", "time")}


def is_type_name(text: str | None) -> bool:
    """Tell whether ``text`` could be the name of an event type."""
    return text is not None and len(text) <= MAX_ID_CHARS and _TYPE.fullmatch(text) is not None


def inbound_source(system_code: str) -> str:
    """Return the ``source`` of events that a system sends."""
    return f"/systems/{system_code}"


def outbound_source(database_uuid: str, company_id: int) -> str:
    """Return the ``source`` of events that Odoo sends for one company."""
    return f"/odoo/{database_uuid}/{company_id}"


def dataschema_url(base_url: str, event_type: str) -> str:
    """Return the absolute address at which the JSON Schema of an event type is published."""
    return f"{base_url.rstrip('/')}/integration/v1/schemas/{event_type}"


def is_traceparent(text: str) -> bool:
    """Tell whether ``text`` is a valid ``traceparent`` (W3C Trace Context §3.2)."""
    match = _TRACEPARENT.fullmatch(text)
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
        return False
    return match[2].strip("0") != "" and match[3].strip("0") != ""


def new_traceparent() -> str:
    """Return the ``traceparent`` of a new, sampled trace."""
    return _traceparent(_random_hex(16), "01")


def child_traceparent(parent: str | None) -> str:
    """Return a new span in the trace of ``parent``, or a new trace when that names none."""
    match = _TRACEPARENT.fullmatch(parent or "")
    if match is None or not is_traceparent(parent or ""):
        return new_traceparent()
    return _traceparent(match[2], match[4] if match[1] == "00" else "01")


def _traceparent(trace_id: str, flags: str) -> str:
    return f"00-{trace_id}-{_random_hex(8)}-{flags}"


def _random_hex(size: int) -> str:
    while True:  # all zeros is the one value that the standard forbids
        text = secrets.token_hex(size)
        if text.strip("0"):
            return text


def _check_version(attributes: JSONObject) -> None:
    if attributes.get("specversion") != SPEC_VERSION:
        raise EnvelopeError("/specversion", f"must be '{SPEC_VERSION}'")


def _check_data(attributes: JSONObject, content_type: str | None) -> None:
    if "data_base64" in attributes:
        raise EnvelopeError("/data_base64", "binary data is not accepted; send JSON in 'data'")
    if content_type is not None and _JSON_MEDIA_TYPE.fullmatch(content_type) is None:
        raise EnvelopeError("/datacontenttype", f"must be '{DATA_MEDIA_TYPE}' when present")


def _required(attributes: JSONObject, name: str) -> str:
    value = _optional(attributes, name)
    if value is None:
        raise EnvelopeError(f"/{name}", "is required")
    return value


def _optional(attributes: JSONObject, name: str) -> str | None:
    value = attributes.get(name)
    if name == "sequence" and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # senders number with integers as often as with digits in a string
    return None if value is None else _text(name, value, _MAX_CHARS[name])


def _text(name: str, value: JSON, max_chars: int) -> str:
    pointer = f"/{strict_json.escape_token(name)}"
    if not isinstance(value, str):
        raise EnvelopeError(pointer, "must be a string")
    if not 1 <= len(value) <= max_chars:
        raise EnvelopeError(pointer, f"must have 1 to {max_chars} characters")
    if _NOT_TEXT.search(value):
        raise EnvelopeError(pointer, "must not hold control characters")
    return value


def _time(value: JSON) -> datetime | None:
    if value is None:
        return None
    text = _text("time", value, MAX_ID_CHARS)
    try:
        return timestamps.parse(text)
    except timestamps.TimestampError as error:
        raise EnvelopeError("/time", str(error)) from None


def _extensions(attributes: JSONObject) -> dict[str, Scalar]:
    names = [name for name in attributes if name not in ATTRIBUTES]
    if len(names) > MAX_EXTENSIONS:
        raise EnvelopeError("", f"an event may have at most {MAX_EXTENSIONS} extension attributes")
    return {name: _extension(name, attributes[name]) for name in names}


def _extension(name: str, value: JSON) -> Scalar:
    if _NAME.fullmatch(name) is None:
        raise EnvelopeError("", "attribute names are lower-case letters and digits")
    pointer = f"/{name}"
    if isinstance(value, (bool, int)):
        if value not in _INT32:
            raise EnvelopeError(pointer, "an integer attribute must fit 32 bits")
        return value
    if isinstance(value, str):
        return _text(name, value, MAX_URI_CHARS) if value else value
    raise EnvelopeError(pointer, "an extension attribute is a string, an integer or a boolean")
