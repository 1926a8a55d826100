import logging
import time
import uuid

import psycopg2
from odoo import http
from odoo.addons.integration_core.domain import log_context
from odoo.tools import config
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from .. import door
from ..domain import admission
from . import answers
from .patience import LINGER_SECONDS, PIECE_BYTES, Reading, patience

_logger = logging.getLogger(__name__)

_MAX_LINE_BYTES = 1024  # of a chunk's head; senders need a few
MAX_RAW_BYTES = 16 << 20
"""The server-wide cap on what is read of a body, however large a system's own limit is."""

_SEGMENTS = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}


class IncompleteBody(Exception):
    """The sender went away, was too slow, or its chunks are broken, before the body was complete."""


class _StrictStream:
    """What chunks are read from: a chunk is whole and its head has an end, neither of which Odoo's server looks at."""

    def __init__(self, stream):
        self._stream = stream

    def read(self, size):  # pylint: disable=method-required-super
        data = self._stream.read(size)
        if len(data) < size:
            raise OSError("a chunk ended early")
        return data

    def readline(self):
        line = self._stream.readline(_MAX_LINE_BYTES)
        if len(line) == _MAX_LINE_BYTES:
            raise OSError("the head of a chunk is too long")
        return line


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
        log_context.note(request_id=self.request_id)

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
        self._part_soon(response)
        return response

    # -- a message -----------------------------------------------------------------------------------------------------

    def read_body(self):
        """Return the body as it was sent, or None when it is longer than the server-wide cap; no more is read.

        :raises IncompleteBody: when it ended before its announced end, or its sender was too slow
        """
        if self._read is None:
            self._read = [self._read_body(int(config.get("integration_max_body_bytes") or MAX_RAW_BYTES))]
        [found] = self._read
        if isinstance(found, IncompleteBody):
            raise found
        return found

    def _read_body(self, limit):
        httprequest = self.request.httprequest
        environ = self._environ()
        if "HTTP_TRANSFER_ENCODING" in environ and "CONTENT_LENGTH" in environ:
            return IncompleteBody()  # RFC 9112 §6.3: two ends; whoever believes the other one sees another message
        chunked = environ["wsgi.input"]
        if hasattr(chunked, "_rfile"):
            chunked._rfile = _StrictStream(chunked._rfile)
        httprequest.max_content_length = limit + 1  # the stream of a chunked body ends silently at this limit
        try:
            return self._read_pieces(limit)
        except RequestEntityTooLarge:
            return None
        except (BadRequest, OSError, ValueError):
            return IncompleteBody()

    def _read_pieces(self, limit):
        body = bytearray()
        stream = self.request.httprequest._HTTPRequest__wrapped.stream
        announced = self.request.httprequest.content_length
        most = 1 + (limit if announced is None else min(limit, announced))
        with Reading(self._connection()) as reading:
            while piece := stream.read(min(PIECE_BYTES, most - len(body))):
                body += piece
                if len(body) > limit:
                    return None
                reading.go_on()
        return bytes(body)

    def _environ(self):
        # Odoo hides what the server says of the connection.
        return self.request.httprequest._HTTPRequest__environ

    def _connection(self):
        """Return the socket of Odoo's own servers; None behind any other, which has timeouts of its own."""
        environ = self._environ()
        return environ.get("werkzeug.socket") or environ.get("socket")

    def _part_soon(self, response):
        """Have what was not read of a body not hold the server after the answer.

        The server reads on for as long as something comes, so that a sender that is still sending sees its answer.
        """
        connection = self._connection()
        environ = self._environ()
        announced = environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ
        read = self._read is not None and isinstance(self._read[0], bytes)
        if connection is None or read or not announced:
            return
        patience.wait_for(connection, time.monotonic() + LINGER_SECONDS)
        response.call_on_close(lambda: patience.done(connection))

    def arrived(self, system, body):
        """Return the request as :class:`admission.Request`, of the system that its address names."""
        sent = self.request.httprequest
        return admission.Request(
            system=system,
            headers=sent.headers,
            body=body,
            method=sent.method,
            target=sent.environ.get("REQUEST_URI") or sent.environ.get("RAW_URI", ""),
            peer=_peer(sent.environ),
        )

    def sent(self, arrived):
        """Return what :meth:`arrived` returned as :class:`door.Sent`, with the ids that the request keeps."""
        traceparent = self.request.httprequest.headers.get("traceparent")
        return door.sent_by(arrived, traceparent, self.request_id, event_uuid=self._event_uuid)


def _peer(environ):
    """Return the address at the other end of the TCP connection.

    Behind a proxy, in proxy mode, Odoo puts the forwarded address in its place and keeps the true one aside.
    """
    before = environ.get("werkzeug.proxy_fix.orig")
    return before["REMOTE_ADDR"] if before else environ.get("REMOTE_ADDR")


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
