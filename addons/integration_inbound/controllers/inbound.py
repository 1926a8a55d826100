from odoo import SUPERUSER_ID, http
from odoo.addons.integration_core import tools
from odoo.addons.integration_core.domain import failpoints, problems
from odoo.http import request
from odoo.tools import config

from .. import arrivals
from ..domain import admission
from . import answers
from .dispatcher import IncompleteBody

MAX_RAW_BYTES = 16 << 20
"""The server-wide cap on what is read of a body, however large a system's own limit is."""


class InboundController(http.Controller):
    """Bytes in, verified event in the journal, nothing else."""

    @http.route(
        "/integration/v1/inbound/<string:system>",
        type="integration",
        auth="none",
        csrf=False,
        save_session=False,
        readonly=False,
    )
    def inbound(self, system):
        """Take in an event that a partner posts. The 202 leaves after the commit."""
        refused = answers.only("POST") or self._missing()
        if refused:
            return refused
        gate = self._gate()
        book = gate._believed()
        if book is None:
            return answers.not_ready()
        try:
            body = self._read_body()
        except IncompleteBody:
            return self._turn_away(gate, system, "incomplete_body", self._unverified())
        if body is None:
            return self._turn_away(gate, system, "body_too_large", answers.problem("body-too-large"))
        verdict = gate._receive(
            self._request(system, body),
            book=book,
            address=request.httprequest.remote_addr,
            traceparent=request.httprequest.headers.get("traceparent"),
            request_id=request.dispatcher.request_id,
        )
        if verdict.admission.refusal is None:
            arrivals.note(request.env.cr, system)
        return self._answer(verdict)

    @http.route(
        "/integration/v1/inbound/<string:system>/messages/<path:message_id>",
        type="integration",
        auth="none",
        csrf=False,
        save_session=False,
        readonly=False,
    )
    def status(self, system, message_id):
        """Tell the sender what became of one of its messages. The request is signed over an empty body."""
        refused = answers.only("GET", "HEAD") or self._missing()
        if refused:
            return refused
        gate = self._gate()
        if not gate._is_ready():
            return answers.not_ready()
        verdict, document = gate._inquire(
            self._request(system, b""),
            message_id,
            address=request.httprequest.remote_addr,
            request_id=request.dispatcher.request_id,
        )
        if verdict.admission.refusal:
            return self._answer(verdict)
        if document is None:
            return answers.problem("not-found", detail="No message with this id is known.", headers=verdict.headers)
        return answers.json_answer(document, headers=verdict.headers)

    # -- the request ---------------------------------------------------------------------------------------------------

    def _missing(self):
        """Return what to answer when there is no gate: no database, or no suite in it."""
        if request.env is None:
            return answers.not_ready()
        return None if "integration.gate" in request.env else answers.problem("not-found")

    def _gate(self):
        """Return the gate in a fresh READ COMMITTED transaction: of two copies the second waits for the first."""
        tools.stay_read_committed(request.env.cr)
        # su: nobody is logged in; the gate reads systems and keys and writes the journal in the sender's name
        return request.env(user=SUPERUSER_ID, su=True, context={"lang": "en_US"})["integration.gate"]

    def _read_body(self):
        tools.hold_no_transaction(request.env.cr)  # while a slow sender is sending
        limit = config.get("integration_max_body_bytes") or MAX_RAW_BYTES
        return request.dispatcher.read_body(int(limit))

    def _request(self, system, body):
        headers = request.httprequest.headers
        return admission.Request(
            system=system,
            message_id=headers.get("webhook-id"),
            timestamp=headers.get("webhook-timestamp"),
            signature=headers.get("webhook-signature"),
            content_type=headers.get("content-type"),
            content_encoding=headers.get("content-encoding"),
            body=body,
        )

    # -- the answer ----------------------------------------------------------------------------------------------------

    def _answer(self, verdict):
        ended = verdict.admission
        refusal = ended.refusal
        if refusal is None:
            request.env.cr.postcommit.add(lambda: failpoints.hit("inbound.after_commit"))
            document = {
                "status": ended.outcome,
                "id": request.httprequest.headers["webhook-id"],
                "event": ended.event_uuid,
            }
            return answers.json_answer(document, 202 if ended.outcome == "accepted" else 200, verdict.headers)
        if refusal.segment == "signature-rejected":
            return self._unverified()
        return answers.problem(
            refusal.segment,
            detail=refusal.detail,
            errors=refusal.errors,
            headers={**verdict.headers, **refusal.headers},
        )

    def _unverified(self):
        """Return the one answer of every failed verification."""
        return answers.answer(problems.SIGNATURE_REJECTED, 401, problems.SIGNATURE_REJECTED_HEADERS)

    def _turn_away(self, gate, system, cause, answer):
        gate._turn_away(
            cause,
            claimed=system,
            address=request.httprequest.remote_addr,
            request_id=request.dispatcher.request_id,
        )
        return answer
