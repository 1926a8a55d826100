from odoo import SUPERUSER_ID, http
from odoo.addons.integration_core import tools
from odoo.addons.integration_core.domain import failpoints
from odoo.http import request

from .. import arrivals
from . import answers, short_way
from .dispatcher import IncompleteBody


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
        broken = None
        try:
            tools.hold_no_transaction(request.env.cr)  # while a slow sender is sending
            body = request.dispatcher.read_body()
        except IncompleteBody:
            broken = "incomplete_body"
        book = gate._book()
        if book is None:
            return answers.not_ready()
        if broken:
            return self._turn_away(gate, book, system, broken, answers.unverified())
        if body is None:
            return self._turn_away(gate, book, system, "body_too_large", answers.problem("body-too-large"))
        arrived = request.dispatcher.arrived(system, body)
        verdict = gate._receive(
            arrived, request.dispatcher.sent(arrived), book=book, address=request.httprequest.remote_addr
        )
        if verdict.admission.refusal is None:
            arrivals.note(request.env.cr, system)
        if verdict.admission.outcome == "accepted" and tools.is_real(request.env.cr):
            short_way.make_way(gate.env)
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
            request.dispatcher.arrived(system, b""),
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

    # -- the answer ----------------------------------------------------------------------------------------------------

    def _answer(self, verdict):
        ended = verdict.admission
        if ended.refusal is None:
            request.env.cr.postcommit.add(lambda: failpoints.hit("inbound.after_commit"))
        return answers.verdict(ended, message_id=verdict.message_id, headers=verdict.headers)

    def _turn_away(self, gate, book, system, cause, answer):
        gate._turn_away(
            cause,
            claimed=system,
            known=system in book.parties,
            address=request.httprequest.remote_addr,
            request_id=request.dispatcher.request_id,
        )
        return answer
