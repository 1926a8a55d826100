"""What is answered to a message, by the controllers and to a person who tries one from within Odoo."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from odoo.addons.integration_core.domain import problems, strict_json

from .domain.admission import Admission


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def answer(ended: Admission[Any, Any], *, message_id: str, headers: Mapping[str, str], instance: str) -> Answer:
    """Return what is due to a message whose admission ended so.

    :param headers: what tells the sender its allowance
    :param instance: the address that was asked for, as a URI reference
    """
    refusal = ended.refusal
    if refusal is None:
        document = {"status": ended.outcome, "id": message_id, "event": ended.event_uuid}
        status = 202 if ended.outcome == "accepted" else 200
        return Answer(status, {"Content-Type": "application/json", **headers}, strict_json.dumps(document))
    if refusal.segment == "signature-rejected":
        # The one answer of every failed verification.
        return Answer(401, dict(problems.SIGNATURE_REJECTED_HEADERS), problems.SIGNATURE_REJECTED)
    document = problems.build(refusal.segment, detail=refusal.detail, errors=refusal.errors, instance=instance)
    return Answer(
        document["status"],
        {"Content-Type": problems.MEDIA_TYPE, **headers, **refusal.headers},
        problems.to_bytes(document),
    )
