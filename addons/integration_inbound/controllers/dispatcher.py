import logging
import uuid

import psycopg2
from odoo import http
from odoo.tools import config
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from .. import door
from ..domain import admission
from . import answers

_logger = logging.getLogger(__name__)

MAX_RAW_BYTES = 16 << 20
"""The server-wide cap on what is read of a body, however large a system's own limit is."""

_SEGMENTS = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}


class IncompleteBody(Exception):
    """The sender went away, or its chunks are broken, before the body was complete."""


class IntegrationDispatcher(http.Dispatcher):
    """Serves the routes of type ``integration``.

    The body reaches the controller byte for byte as it was sent (Odoo's own dispatchers parse forms and JSON before
    anybody could verify a signature), every error leaves as problem details, and every answer has an ``x-request-id``.
    """

    routing_type = "integration"

    def __init__(self, request):
        super().__init__(request)
        earlier = getattr(request, "dispatcher", None)  # of the same request, on the short way
        known = isinstance(earlier, IntegrationDispatcher)
        self.request_id = earlier.request_id if known else uuid.uuid4().hex
        self._event_uuid = earlier._event_uuid if known else str(uuid.uuid4())
        self._read = earlier._read if known else None

    @classmethod
    def is_compatible_with(cls, request):
        """Take any content type: it is judged after the signature, by the gate."""
        return request.httprequest.path.startswith("/integration")

    def dispatch(self, endpoint, args):
        self.request.params = args
        if self.request.env is None:
            return endpoint(**args)
        return self.request.registry["ir.http"]._dispatch(endpoint)

    def post_dispatch(self, response):
        result = super().post_dispatch(response)
        self.mark(response)
        return result

    def handle_error(self, exc):
        """Answer in problem details whatever went wrong.

        What is not the sender's doing is 503: nothing was committed, so the sender keeps its message and tries again.
        Odoo has logged the traceback; the request id leads there.
        """
        segment = _SEGMENTS.get(exc.code) if isinstance(exc, HTTPException) else None
        if segment:
            return self.mark(answers.problem(segment))
        _logger.warning("integration request %s ended in %s, answered 503", self.request_id, type(exc).__name__)
        return self.mark(answers.not_ready())

    def mark(self, response):
        """Return ``response`` with the headers that every answer has."""
        response.headers.update({"X-Request-Id": self.request_id, "X-Content-Type-Options": "nosniff"})
        return response

    # -- a message -----------------------------------------------------------------------------------------------------

    def read_body(self):
        """Return the body as it was sent, or None when it is longer than the server-wide cap; no more is read.

        :raises IncompleteBody: when it ended before its announced end
        """
        if self._read is None:
            self._read = [self._read_body(int(config.get("integration_max_body_bytes") or MAX_RAW_BYTES))]
        [found] = self._read
        if isinstance(found, IncompleteBody):
            raise found
        return found

    def _read_body(self, limit):
        httprequest = self.request.httprequest
        httprequest.max_content_length = limit + 1  # the stream of a chunked body ends silently at this limit
        try:
            body = httprequest.get_data()
        except RequestEntityTooLarge:
            return None
        except (BadRequest, OSError):
            return IncompleteBody()
        return body if len(body) <= limit else None

    def arrived(self, system, body):
        """Return the request as :class:`admission.Request`, of the system that its address names."""
        headers = self.request.httprequest.headers
        return admission.Request(
            system=system,
            message_id=headers.get("webhook-id"),
            timestamp=headers.get("webhook-timestamp"),
            signature=headers.get("webhook-signature"),
            content_type=headers.get("content-type"),
            content_encoding=headers.get("content-encoding"),
            body=body,
        )

    def sent(self, arrived):
        """Return what :meth:`arrived` returned as :class:`door.Sent`, with the ids that the request keeps."""
        traceparent = self.request.httprequest.headers.get("traceparent")
        return door.sent_by(arrived, traceparent, self.request_id, event_uuid=self._event_uuid)


class UnmatchedDispatcher(http.HttpDispatcher):
    """Answers errors of requests whose route Odoo does not know yet; else it does what Odoo's does.

    The first request on a connection of the pool that PostgreSQL has ended fails before its route is looked up. Odoo
    goes on without a database where it cannot connect, but to such a connection it answers 500 with a page of its own.
    """

    routing_type = "http"

    def handle_error(self, exc):
        """Go on without a database where the address is the suite's, as Odoo does when it finds none."""
        if not (isinstance(exc, psycopg2.Error) and IntegrationDispatcher.is_compatible_with(self.request)):
            return super().handle_error(exc)
        self.request.db = None
        return self.request._serve_nodb()
