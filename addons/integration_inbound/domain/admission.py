"""Admission: in which order a message is checked before it may become an event.

The order is the contract's, and it matters: nothing is parsed before the signature holds, nothing is inflated beyond a
bound, and no answer tells an unknown system from a badly signed message. :func:`admit` walks the checks and answers
at the first that fails; everything it must look up or store it asks of a :class:`Gate`, which the controller
implements.

=====  ======================================================  ============================
step   check                                                   problem
=====  ======================================================  ============================
1      raw length under the server's cap                       413 ``body-too-large``
2      headers, system, key, signature, time                   401 ``signature-rejected``
3      the system's rate                                       429 ``rate-limited``
4      content type and encoding                               415 ``unsupported-media-type``
5      decoded length under the system's limit                 413 ``body-too-large``
6      ``webhook-id`` seen before                              200, or 409 ``id-conflict``
7      strict JSON, CloudEvents, type, grant, schema           400, 403 or 422
8      ``source`` and ``id`` seen under another webhook-id     200, or 409 ``id-conflict``
9      backlog and database                                    503 ``not-ready``
=====  ======================================================  ============================
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

STRUCTURED_MEDIA_TYPE: Final = "application/cloudevents+json"
DEFAULT_RETRY_AFTER_S: Final = 30
UNUSABLE_SCHEMA: Final = "unusable_schema"
"""Code of the refusal of a message whose event type has a schema that cannot be applied."""

_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PLAIN_TYPE: Final = re.compile(r"(?:application|text|image|audio|video|multipart|message)/[a-z0-9.+-]{1,60}")
_UNREADABLE: Final = "application/octet-stream"
_CHARSETS: Final = frozenset({"us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "utf-16"})
_ENCODINGS: Final = frozenset({"", "identity", "gzip", "x-gzip", "deflate", "br", "zstd", "compress"})
_MEDIA_TYPE: Final = re.compile(rf"\s*({_NAME}/{_NAME})\s*((?:;.*)?)", re.DOTALL)
_PARAMETER: Final = re.compile(rf'\s*;\s*(?:({_NAME})=({_NAME}|"(?:[^"\\\x00-\x1f]|\\.)*"))?\s*')
_MAX_HEADER_CHARS: Final = 1024
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_MAX_GZIP_MEMBERS: Final = 64

PartyT = TypeVar("PartyT")
EventT = TypeVar("EventT")


class BodyProblem(Enum):
    """Why a body was not decoded."""

    TOO_LARGE = "too_large"
    UNDECODABLE = "undecodable"


@dataclass(frozen=True)
class MediaType:
    """A content type: ``type/subtype`` in lower case, and its parameters by lower-case name."""

    essence: str
    parameters: Mapping[str, str] = field(default_factory=dict)


class Headers(Protocol):
    """Request headers. Names are asked for in lower case."""

    def get(self, name: str, /) -> str | None:
        """Return the value of a header, or None when it was not sent."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return every (name, value); names in any case."""


@dataclass(frozen=True)
class Request:
    """What a partner sent, nothing of it parsed or verified.

    ``body`` is raw, as it was signed. ``target`` is path and query as they were sent. ``peer`` is the address at the
    other end of the TCP connection, whatever any header says.
    """

    system: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    method: str = "POST"
    target: str = ""
    peer: str | None = None


@dataclass(frozen=True)
class Verified(Generic[PartyT]):
    """Who sent a request, and the id of its message.

    ``request`` is the request to go on with: an event in binary mode goes on as the structured one it stands for.
    """

    party: PartyT
    message_id: str
    request: Request


@dataclass(frozen=True)
class Refusal:
    """Why a message is not accepted: the problem's segment, and a stable code for operators.

    ``errors`` are the places of a schema violation, passed through to the answer. ``headers`` go with the answer.
    """

    segment: str
    code: str
    detail: str | None = None
    errors: tuple[Any, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """An event accepted before under the same identity: its uuid, and the digest of its decoded body."""

    event: str
    digest: str


@dataclass(frozen=True)
class Admission(Generic[PartyT, EventT]):
    """The end of the walk.

    ``status`` is 202, 200 or the refusal's. ``party`` is known from step 2 on, ``body`` (decoded) from step 5 on, and
    ``event`` when it was read.
    """

    outcome: Literal["accepted", "duplicate", "refused"]
    event_uuid: str | None = None
    refusal: Refusal | None = None
    party: PartyT | None = None
    body: bytes | None = field(default=None, repr=False)
    event: EventT | None = None

    @property
    def is_received(self) -> bool:
        """Whether the message counts in the equation: every verified one not answered 413, 429 or 503."""
        return self.party is not None and (self.refusal is None or self.refusal.segment not in _NOT_RECEIVED)

    @property
    def is_kept(self) -> bool:
        """Whether the message is kept apart for an operator: verified, and refused for what it says."""
        return self.refusal is not None and self.is_received


_NOT_RECEIVED: Final = frozenset({"signature-rejected", "body-too-large", "rate-limited", "not-ready"})


class Gate(Protocol[PartyT, EventT]):
    """What admission looks up and stores. ``PartyT`` is a verified system, ``EventT`` an event that holds."""

    def authenticate(self, request: Request) -> Verified[PartyT] | None:
        """Return the system whose key signed the request; None, and the cause recorded, for anything else."""

    def take_rate(self, party: PartyT) -> Refusal | None:
        """Count the request against the system's rate; refuse it (429, with headers) when that is used up."""

    def body_limit(self, party: PartyT) -> int:
        """Return how many bytes a decoded body of the system may have."""

    def digest(self, body: bytes) -> str:
        """Return the digest by which bodies are compared."""

    def seen_message(self, party: PartyT, message_id: str) -> Seen | None:
        """Return what was accepted of the system under this ``webhook-id``."""

    def judge(self, party: PartyT, body: bytes) -> EventT | Refusal:
        """Read the body as an event that the system may send, or say why it is not one."""

    def seen_event(self, party: PartyT, event: EventT) -> Seen | None:
        """Return what was accepted of the system with this event's ``source`` and ``id``."""

    def is_ready(self) -> bool:
        """Tell whether there is room for one more event."""

    def store(self, party: PartyT, event: EventT, body: bytes, message_id: str) -> str | None:
        """Store the event and return its uuid; None when an event was accepted under its identity before."""


def admit(request: Request, gate: Gate[PartyT, EventT]) -> Admission[PartyT, EventT]:
    """Check a request so that the contract's order decides. Its raw length is known to be within the cap."""
    verified = gate.authenticate(request)
    if verified is None:
        return Admission("refused", refusal=Refusal("signature-rejected", "signature_rejected"))
    limited = gate.take_rate(verified.party)
    if limited is not None:
        return Admission("refused", refusal=limited, party=verified.party)
    return readmit(verified, gate)


def readmit(verified: Verified[PartyT], gate: Gate[PartyT, EventT]) -> Admission[PartyT, EventT]:
    """Check a verified message from step 4 on.

    An operator does so again with a message that was refused: it is judged by what holds now. Its signature was
    verified when it arrived, and its sender's rate is not the operator's.
    """
    party = verified.party
    body = decode_body(verified.request, gate.body_limit(party))
    if isinstance(body, Refusal):
        return Admission("refused", refusal=body, party=party)
    return _admit_body(verified.message_id, body, party, gate)


def _admit_body(message_id: str, body: bytes, party: PartyT, gate: Gate[PartyT, EventT]) -> Admission[PartyT, EventT]:
    """Store what can be stored, without asking first whether it is new: the database knows when it stores.

    Only what was not stored is looked into, so that the first check that fails answers.
    """
    event = gate.judge(party, body)
    if isinstance(event, Refusal) or not gate.is_ready():
        return _not_stored(message_id, body, party, event, gate)
    stored = gate.store(party, event, body, message_id)
    if stored is None:
        return _not_stored(message_id, body, party, event, gate)
    return Admission("accepted", stored, party=party, body=body, event=event)


def _not_stored(
    message_id: str, body: bytes, party: PartyT, event: EventT | Refusal, gate: Gate[PartyT, EventT]
) -> Admission[PartyT, EventT]:
    digest = gate.digest(body)
    seen = gate.seen_message(party, message_id)
    if seen is not None:
        return _repeated(seen, digest, "webhook_id", party, body)
    if isinstance(event, Refusal):
        return Admission("refused", refusal=event, party=party, body=body)
    seen = gate.seen_event(party, event)
    if seen is not None:
        return _repeated(seen, digest, "source_id", party, body, event)
    return Admission("refused", refusal=not_ready("backlog"), party=party, body=body, event=event)


def _repeated(
    seen: Seen, digest: str, code: str, party: PartyT, body: bytes, event: EventT | None = None
) -> Admission[PartyT, EventT]:
    """A second message of one identity is a duplicate if it says the same, and a conflict if it does not."""
    if seen.digest == digest:
        return Admission("duplicate", seen.event, party=party, body=body, event=event)
    refusal = Refusal("id-conflict", f"id_conflict_{code}")
    return Admission("refused", refusal=refusal, party=party, body=body, event=event)


def not_ready(code: str, *, retry_after: int = DEFAULT_RETRY_AFTER_S) -> Refusal:
    """Return the refusal of a message that cannot be stored now; ``retry_after`` is in seconds."""
    return Refusal("not-ready", code, headers={"Retry-After": str(retry_after)})


def decode_body(request: Request, limit: int) -> bytes | Refusal:
    """Return the body as its sender wrote it, at most ``limit`` bytes, or why it cannot be (415, 413)."""
    if not is_structured_json(request.headers.get("content-type")):
        return Refusal("unsupported-media-type", "content_type", _content_type_detail(request))
    encoding = parse_content_encoding(request.headers.get("content-encoding"))
    if encoding is None:
        return Refusal("unsupported-media-type", "content_encoding", "the content encoding must be gzip or absent")
    body = gunzip(request.body, limit) if encoding == "gzip" else request.body
    if body is BodyProblem.UNDECODABLE:
        return Refusal("unsupported-media-type", "bad_gzip", "the body is not what its content encoding says")
    if isinstance(body, BodyProblem) or len(body) > limit:
        return Refusal("body-too-large", "system_limit", f"the decoded body must have at most {limit} bytes")
    return body


def _content_type_detail(request: Request) -> str:
    if request.headers.get("ce-specversion") is None:
        return f"the content type must be {STRUCTURED_MEDIA_TYPE}"
    return (
        "CloudEvents in binary mode are accepted only as uncompressed application/json under an HTTP message signature "
        f"that covers content-type and every ce-* header; otherwise send {STRUCTURED_MEDIA_TYPE}"
    )


def parse_media_type(text: str | None) -> MediaType | None:
    """Return a ``content-type`` header read as RFC 9110 §8.3.1 says, or None when it is not one."""
    if not text or len(text) > _MAX_HEADER_CHARS:
        return None
    match = _MEDIA_TYPE.fullmatch(text)
    if match is None:
        return None
    parameters: dict[str, str] = {}
    position, rest = 0, match[2]
    while position < len(rest):
        found = _PARAMETER.match(rest, position)
        if found is None or found.end() == position:
            return None
        position = found.end()
        if found[1]:
            parameters.setdefault(found[1].lower(), _unquote(found[2]))
    return MediaType(match[1].lower(), parameters)


def is_structured_json(content_type: str | None) -> bool:
    """Tell whether a header names CloudEvents structured JSON. Binary and batch modes are not accepted.

    A charset other than UTF-8 would contradict the JSON format, so it is not accepted either.
    """
    media_type = parse_media_type(content_type)
    if media_type is None or media_type.essence != STRUCTURED_MEDIA_TYPE:
        return False
    return media_type.parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8")


def kept_content_type(content_type: str | None) -> str | None:
    """Return what is kept of a ``content-type`` header beside a refused message: enough to judge it again alike.

    Other parameters than the charset are dropped, and what is no media type becomes one that is never accepted: they
    are free text of the sender's.
    """
    if content_type is None:
        return None
    media_type = parse_media_type(content_type)
    if media_type is None or _PLAIN_TYPE.fullmatch(media_type.essence) is None:
        return _UNREADABLE
    charset = media_type.parameters.get("charset", "utf-8").lower()
    if charset in ("utf-8", "utf8"):
        return media_type.essence
    return f"{media_type.essence}; charset={charset if charset in _CHARSETS else 'other'}"


def kept_content_encoding(content_encoding: str | None) -> str | None:
    """Return what is kept of a ``content-encoding`` header beside a refused message, as for its content type."""
    if content_encoding is None:
        return None
    word = content_encoding.strip().lower()
    return word if word in _ENCODINGS else "other"


def parse_content_encoding(text: str | None) -> Literal["identity", "gzip"] | None:
    """Return the one encoding that a ``content-encoding`` header names, or None when it is not supported.

    Several encodings on top of each other are not supported: each would multiply what a small body inflates to.
    """
    match (text or "identity").strip().lower():
        case "identity" | "":
            return "identity"
        case "gzip" | "x-gzip":
            return "gzip"
        case _:
            return None


def gunzip(raw: bytes, limit: int) -> bytes | BodyProblem:
    """Inflate gzip data (RFC 1952) to at most ``limit`` bytes.

    Inflating stops one byte past the limit, so a bomb costs no more memory than an honest message. Several members one
    after the other are read as RFC 1952 §2.2 asks, up to a number that no honest sender needs: each costs a copy of
    what follows it. Bytes that are no member are refused.
    """
    parts: list[bytes] = []
    size = 0
    rest = raw
    while rest or not parts:
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        try:
            part = inflater.decompress(rest, limit - size + 1)
        except zlib.error:
            return BodyProblem.UNDECODABLE
        size += len(part)
        if size > limit:
            return BodyProblem.TOO_LARGE
        if not inflater.eof:
            return BodyProblem.UNDECODABLE
        parts.append(part)
        rest = inflater.unused_data
        if len(parts) > _MAX_GZIP_MEMBERS:
            return BodyProblem.UNDECODABLE
    return b"".join(parts)


def _unquote(value: str) -> str:
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
    return value
