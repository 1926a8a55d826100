"""How the addresses under ``/integration/`` answer: small, uncached, without cookies."""

from urllib.parse import quote

from odoo.addons.integration_core.domain import problems, strict_json, tracing
from odoo.http import Response, request

from .. import answering

RETRY_AFTER_SECONDS = 30
"""Seconds a sender is asked to wait when nothing can be stored: about what a restart takes."""

_MAX_INSTANCE_CHARS = 1024


def instance():
    """Return the address asked for as a URI reference: percent-encoded, so that it is safe wherever it is shown."""
    return quote(request.httprequest.path, errors="replace")[:_MAX_INSTANCE_CHARS]


def answer(body, status, headers=None):
    """Return a response of ``body`` (bytes) that nobody keeps."""
    return Response(body, status=status, headers={"Cache-Control": "no-store", **(headers or {})})


def json_answer(value, status=200, headers=None):
    """Return ``value`` as JSON."""
    return answer(strict_json.dumps(value), status, {"Content-Type": "application/json", **(headers or {})})


def problem(segment, *, headers=None, **members):
    """Return the problem ``segment`` (RFC 9457); ``members`` as for :func:`problems.build`."""
    document = problems.build(segment, **{"instance": instance(), **members})
    return answer(
        problems.to_bytes(document), document["status"], {"Content-Type": problems.MEDIA_TYPE, **(headers or {})}
    )


def not_ready():
    """Return the answer of a server that can store nothing at the moment."""
    return problem("not-ready", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def unverified():
    """Return the one answer of every failed verification."""
    return answer(problems.SIGNATURE_REJECTED, 401, problems.SIGNATURE_REJECTED_HEADERS)


def only(*methods):
    """Return what is due to a request of another method than ``methods``, or None for one of them.

    The verbs are judged here and not by the route: where the route judges, Odoo answers 405 with a page of its own.
    """
    method = request.httprequest.method
    if method in methods:
        return None
    allow = {"Allow": ", ".join([*methods, "OPTIONS"])}
    if method == "OPTIONS":
        return answer(b"", 204, allow)
    return problem("method-not-allowed", headers=allow)


def verdict(ended, *, message_id, headers):
    """Return the answer to a message whose admission ended so.

    :param ended: the :class:`admission.Admission`
    :param str message_id: the id that the message was found to have
    :param headers: that tell the sender its allowance
    """
    tracing.answered(ended.refusal.code if ended.refusal else ended.outcome)
    due = answering.answer(ended, message_id=message_id, headers=headers, instance=instance())
    return answer(due.body, due.status, due.headers)
