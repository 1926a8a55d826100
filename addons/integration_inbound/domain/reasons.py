"""What a request was answered, and why, in words for the engineer of the other side.

The gate tells its sender as little as it may; these words are for people who may see the system in Odoo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from . import refusals


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
_STATUS: Final = {"body_too_large": 413, "rate_limited": 429, "backlog": 503, "unusable_schema": 503, "not_kept": 400}
"""Of requests that were turned away for something else than their signature."""

REASONS: Final[Mapping[str, Reason]] = {
    # turned away: nothing of it was believed
    **{code: Reason(_STATUS.get(code, 401), cause.meaning, cause.remedy) for code, cause in refusals.CAUSES.items()},
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
