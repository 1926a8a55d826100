"""What a request was answered, and why, in words for the engineer of the other side.

The gate tells its sender as little as it may; these words are for people who may see the system in Odoo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Reason:
    """The status of the answer, what happened, and what the sender's engineer does about it."""

    status: int
    says: str
    mend: str = ""

    @property
    def words(self) -> str:
        """Both in one text."""
        return f"{self.says} {self.mend}".strip()


_JSON: Final = "Write the body with a JSON library, and send it as it was written."
_AGAIN: Final = "Send the same message again, signed anew, after what Retry-After says."

REASONS: Final[Mapping[str, Reason]] = {
    # turned away: nothing of it was believed
    "missing_header": Reason(
        401,
        "A signature header is missing.",
        "Send webhook-id, webhook-timestamp and webhook-signature; a proxy may have dropped them.",
    ),
    "bad_message_id": Reason(
        401,
        "The webhook-id is not allowed.",
        "Use 1 to 256 visible ASCII characters without a dot, such as a UUID, and sign the same text.",
    ),
    "bad_timestamp": Reason(
        401,
        "The webhook-timestamp is not a number of seconds.",
        "Send the unix time in whole seconds: no milliseconds, no fraction, no date.",
    ),
    "bad_signature_header": Reason(
        401, "The webhook-signature cannot be read.", "Send v1, a comma, and the base64 of the HMAC-SHA256."
    ),
    "unknown_system": Reason(401, "No system has this code.", "Correct the address that the sender posts to."),
    "suspended_system": Reason(
        401, "The system is not active.", "Activate the system in Odoo; the sender need not change anything."
    ),
    "no_key": Reason(
        401,
        "The system has no valid key.",
        "Create a key, or have the waiting one approved, and give it to the sender.",
    ),
    "no_match": Reason(
        401,
        "The signature fits none of the system's valid keys.",
        "Paste the request under “Check a signature”: it says what the signature would fit.",
    ),
    "too_old": Reason(
        401,
        "The signature is right but its time is too old: the sender re-used it on a retry, or its clock is wrong.",
        "Sign every try anew, with the time of that try and the same webhook-id.",
    ),
    "in_future": Reason(
        401,
        "The signature is right but its time is more than 300 s in the future.",
        "Set the sender's clock by NTP; the timestamp is in UTC.",
    ),
    "incomplete_body": Reason(
        401, "The body ended early: the connection broke, or content-length is wrong.", "Send the message again."
    ),
    "body_too_large": Reason(413, "The body is too large.", "Split the message, or have the system's limit raised."),
    "rate_limited": Reason(429, "The system sends faster than it may.", _AGAIN),
    "backlog": Reason(503, "Odoo could not store it just now.", _AGAIN),
    # refused, after the signature held
    "content_type": Reason(
        415, "The content-type is not that of an event.", "Send content-type: application/cloudevents+json."
    ),
    "content_encoding": Reason(415, "The content-encoding is not supported.", "Send gzip, or the body as it is."),
    "bad_gzip": Reason(
        415, "The headers say gzip, and the body is not.", "Compress the body, or leave the header out."
    ),
    "encoding": Reason(400, "The body is not valid UTF-8.", _JSON),
    "bom": Reason(400, "The body begins with a byte order mark.", "Write UTF-8 without one."),
    "syntax": Reason(400, "The body is not well-formed JSON.", _JSON),
    "depth": Reason(400, "The body is nested too deeply.", "At most 64 levels are read."),
    "duplicate_key": Reason(400, "An object of the body names the same member twice.", _JSON),
    "constant": Reason(400, "The body holds NaN or Infinity.", "These are not JSON: leave the member out."),
    "number_range": Reason(
        400, "A number of the body is too large to be kept exactly.", "Send amounts and ids as strings."
    ),
    "text": Reason(400, "A text of the body holds U+0000 or half a character.", "Clean the text before it is sent."),
    "malformed_event": Reason(
        400, "The body is not an event of this system.", "The refused message names the attribute."
    ),
    "unknown_type": Reason(
        422, "No event type of this name is approved here.", "Correct the type; the names are on the Connect page."
    ),
    "retired_type": Reason(422, "The event type is retired.", "Send its successor."),
    "not_granted": Reason(
        403,
        "The system may not send events of this type.",
        "Have the type added to “May send”; then the kept message can be replayed.",
    ),
    "schema_violation": Reason(
        422, "The data breaks the schema of its event type.", "The refused message lists the places and the rules."
    ),
    "id_conflict_webhook_id": Reason(
        409,
        "This webhook-id named another body before.",
        "A changed message needs a new webhook-id; only a re-send repeats it, with the same body.",
    ),
    "id_conflict_source_id": Reason(
        409, "The event's id named another body before.", "A changed event needs a new id."
    ),
}

ACCEPTED: Final = Reason(202, "Accepted.")
DUPLICATE: Final = Reason(200, "It was here already: nothing happened twice.")


def of(kind: str, code: str | None) -> Reason:
    """Return the reason of a request.

    :param kind: ``accepted``, ``duplicate``, ``rejected`` or ``turned_away``
    :param code: the refusal's code or cause; one that is not known here is shown as it is
    """
    if kind == "accepted":
        return ACCEPTED
    if kind == "duplicate":
        return DUPLICATE
    known = REASONS.get(code or "")
    return known or Reason(
        401 if kind == "turned_away" else 400, (code or "refused").replace("_", " ").capitalize() + "."
    )
