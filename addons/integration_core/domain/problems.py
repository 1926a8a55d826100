"""Error answers as RFC 9457 problem details.

A problem's ``type`` is ``/integration/v1/problems/<segment>``; that address answers a page made of the texts below. No
problem carries a value of the message, a traceback or a secret, and ``signature-rejected`` is one constant body, so
that an unknown system, a suspended one and a wrong signature cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from . import strict_json
from .schema import Violation
from .strict_json import JSON, JSONObject

MEDIA_TYPE: Final = "application/problem+json"
BASE: Final = "/integration/v1/problems/"


@dataclass(frozen=True)
class ProblemType:
    """One kind of error: what the answer says, and what the page about it explains."""

    segment: str
    title: str
    status: int
    detail: str
    help: str
    sender_should_retry: bool

    @property
    def uri(self) -> str:
        """The problem's ``type``."""
        return BASE + self.segment


_TYPES: Final = (
    ProblemType(
        "body-too-large",
        "The body is too large",
        413,
        "The body is larger than this address accepts.",
        "The limit applies to the bytes sent and to the bytes after decompression. Split the message into smaller ones"
        " (each with an id of its own), or ask the operator of this server to raise the limit of your system.",
        False,
    ),
    ProblemType(
        "signature-rejected",
        "The signature was not accepted",
        401,
        "The message could not be verified.",
        "Check, in this order: the address names your system's code; 'webhook-id' has 1 to 256 visible ASCII characters"
        " and no dot; 'webhook-timestamp' is the current unix time in seconds, within 300 seconds of this server's"
        " clock; 'webhook-signature' is 'v1,' and the base64 HMAC-SHA256 of '{webhook-id}.{webhook-timestamp}.{body}'"
        " over the body exactly as sent (compressed, if it is compressed); the key is the base64-decoded part after"
        " 'whsec_'. The answer is the same for every cause on purpose; the operator of this server can see which one"
        " it was. Sign again with a fresh timestamp and retry.",
        True,
    ),
    ProblemType(
        "rate-limited",
        "Too many messages",
        429,
        "This system sends faster than was agreed.",
        "Wait as long as 'Retry-After' says, then send the same message again. The headers 'RateLimit' and"
        " 'RateLimit-Policy' tell what is left.",
        True,
    ),
    ProblemType(
        "unsupported-media-type",
        "The content type or encoding is not supported",
        415,
        "Send application/cloudevents+json, uncompressed or with gzip.",
        "Events are sent in CloudEvents structured mode: 'content-type: application/cloudevents+json', with all"
        " attributes in the signed body. Binary mode ('ce-*' headers) would leave the attributes unsigned. The only"
        " content encoding is gzip.",
        False,
    ),
    ProblemType(
        "id-conflict",
        "The id was used for another message",
        409,
        "A message with this id and another body was accepted before.",
        "A 'webhook-id' names one message for ever, and so does an event's 'source' with its 'id'. Re-sending must"
        " repeat the body byte for byte; a changed message needs new ids.",
        False,
    ),
    ProblemType(
        "malformed-body",
        "The body is not strict JSON",
        400,
        "The body is not strict JSON.",
        "The body must be JSON (RFC 8259) in UTF-8 without a byte order mark, with no member named twice, no NaN or"
        " Infinity, no U+0000 or lone surrogate, integers within ±2^53, at most 64 levels deep, and nothing after the"
        " value. 'detail' names the place.",
        False,
    ),
    ProblemType(
        "malformed-event",
        "The body is not a CloudEvent",
        400,
        "The body is not a CloudEvents 1.0 event of this system.",
        "Required are 'specversion' \"1.0\", 'id', 'source' and 'type'; 'source' must be '/systems/<your system's"
        " code>'. A 'time' must be RFC 3339 with an offset. 'detail' names the attribute.",
        False,
    ),
    ProblemType(
        "schema-violation",
        "The event does not satisfy its schema",
        422,
        "The event does not satisfy the schema of its type.",
        "'errors' lists up to 20 places as JSON pointers, each with the rule that is broken. Every event type's schema"
        " and an example are published at '/integration/v1/schemas/<type>'. An event type that is unknown or retired is"
        " answered this way too.",
        False,
    ),
    ProblemType(
        "event-type-not-granted",
        "The event type is not granted to this system",
        403,
        "This system may not send events of this type.",
        "Ask the operator of this server to grant the event type to your system. The message was kept: once the grant"
        " is made, the operator can accept it without your sending it again.",
        False,
    ),
    ProblemType(
        "not-ready",
        "Not ready",
        503,
        "The message cannot be stored at the moment.",
        "Nothing was stored. Send the same message again after 'Retry-After'.",
        True,
    ),
    ProblemType(
        "not-found",
        "There is nothing at this address",
        404,
        "There is nothing at this address.",
        "Messages are posted to '/integration/v1/inbound/<system>'.",
        False,
    ),
    ProblemType(
        "method-not-allowed",
        "The method is not allowed",
        405,
        "This address does not take this method.",
        "The 'Allow' header names the methods that this address takes.",
        False,
    ),
)

PROBLEMS: Final[Mapping[str, ProblemType]] = {problem.segment: problem for problem in _TYPES}


def build(
    segment: str,
    *,
    detail: str | None = None,
    instance: str | None = None,
    errors: Iterable[Violation] = (),
    **extensions: JSON,
) -> JSONObject:
    """Return a problem document; KeyError for a segment that has no page.

    ``detail`` replaces the general sentence with a more exact one, which must hold no value of the message;
    ``instance`` is the path that was asked for.
    """
    problem = PROBLEMS[segment]
    document: JSONObject = {
        "type": problem.uri,
        "title": problem.title,
        "status": problem.status,
        "detail": detail or problem.detail,
    }
    if instance is not None:
        document["instance"] = instance
    found = [violation.as_dict() for violation in errors]
    if found:
        document["errors"] = [*found]
    document.update(extensions)
    return document


def to_bytes(problem: JSONObject) -> bytes:
    """Return the body of a problem answer."""
    return strict_json.dumps(problem)


SIGNATURE_REJECTED: Final = to_bytes(build("signature-rejected", instance="/integration/v1/inbound"))
"""The one body of every 401: its ``instance`` is not the path asked for, since that would differ by system."""

SIGNATURE_REJECTED_HEADERS: Final[Mapping[str, str]] = {
    "Content-Type": MEDIA_TYPE,
    "WWW-Authenticate": 'Webhook realm="integration"',
}
