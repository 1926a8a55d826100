"""CloudEvents in the HTTP binding's binary mode: attributes in ``ce-*`` headers, data as the body.

Read as the structured event that it stands for (CloudEvents 1.0.2, HTTP binding §3.1), so that everything behind the
signature knows one form only. Accepted only where the signature covers every attribute: see :func:`to_structured`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final, Literal
from urllib.parse import unquote

from . import strict_json

STRUCTURED: Final = "application/cloudevents+json"

_ATTRIBUTE: Final = re.compile(r"[a-z0-9]{1,64}")
_MEDIA_TYPE: Final = re.compile(r'\s*application/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_MAX_ATTRIBUTES: Final = 64


def is_binary(headers: Iterable[tuple[str, str]]) -> bool:
    """Tell whether a request's headers are those of a binary event: it says which version of CloudEvents it follows."""
    names = {name.lower(): value for name, value in headers}
    return "ce-specversion" in names and not names.get("content-type", "").lower().startswith("application/cloudevents")


def to_structured(
    headers: Iterable[tuple[str, str]], body: bytes, covered: Collection[str]
) -> bytes | Literal["not_covered", "unreadable"]:
    """Return the structured event that a binary one stands for.

    ``covered`` are the names (lower case) of the headers that the signature covers. ``not_covered`` when an attribute
    or the content type is not among them; ``unreadable`` when an attribute's name or text is not allowed, when the data
    are not JSON, or when they are compressed. Data that are not strict JSON are returned as they are, for the reader of
    events to say what is wrong with them.
    """
    sent = {name.lower(): value for name, value in headers}
    attributes = {name[3:]: value for name, value in sent.items() if name.startswith("ce-")}
    if not {"content-type", *(f"ce-{name}" for name in attributes)} <= set(covered):
        return "not_covered"
    if (
        not _MEDIA_TYPE.fullmatch(sent.get("content-type", ""))
        or sent.get("content-encoding", "identity") != "identity"
    ):
        return "unreadable"
    event = _decoded(attributes)
    if event is None or {"data", "datacontenttype"} & set(event):
        return "unreadable"
    try:
        strict_json.loads(body)
    except strict_json.StrictJsonError:
        return body
    head = strict_json.dumps({**event, "datacontenttype": "application/json"})
    return head[:-1] + b',"data":' + body + b"}"  # the data stay as they were sent, byte for byte


def _decoded(attributes: dict[str, str]) -> dict[str, strict_json.JSON] | None:
    """Return the attributes with their percent-encoding undone, or None when one is not allowed."""
    if len(attributes) > _MAX_ATTRIBUTES:
        return None
    decoded: dict[str, strict_json.JSON] = {}
    for name, value in attributes.items():
        text = _text(value)
        if text is None or not _ATTRIBUTE.fullmatch(name):
            return None
        decoded[name] = text
    return decoded


def _text(value: str) -> str | None:
    """Undo quoting and percent-encoding of one header (HTTP binding §3.1.3.2); None when it is not one of these."""
    if not value.isascii():
        return None
    if value.startswith('"'):
        quoted = _QUOTED.fullmatch(value)
        if quoted is None:
            return None
        value = re.sub(r"\\(.)", r"\1", quoted[1])
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        return None
