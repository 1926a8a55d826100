"""A receiver: verifies what Odoo sends and prints each event on one line."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from . import wire

MAX_BODY = 4 * 1024 * 1024
TOLD = ("payment_state", "encounter", "reason")


class Receiver(ThreadingHTTPServer):
    """An HTTP server that keeps which ids it has seen, and hands each verified event on."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], secret: str, seen: Callable[[dict[str, object], bool], None]) -> None:
        """Listen on ``address``; ``seen(event, again)`` is called once for each verified request."""
        super().__init__(address, _Handler)
        self.secret = secret
        self._seen = seen
        self._ids: set[str] = set()
        self._lock = threading.Lock()

    def take(self, message_id: str, event: dict[str, object]) -> None:
        """Hand one verified event on; a second one with the same id is marked as sent again."""
        with self._lock:
            again = message_id in self._ids
            self._ids.add(message_id)
            self._seen(event, again)


class _Handler(BaseHTTPRequestHandler):
    """Answers 204 to what verifies, 401 to what does not, 400 to what is not an event."""

    server: Receiver
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self._answer(HTTPStatus.LENGTH_REQUIRED)
            return
        body = self.rfile.read(int(length))
        received = {name.lower(): value for name, value in self.headers.items()}
        try:
            message_id = wire.verify(self.server.secret, received, body, now=time.time())
            event = json.loads(body)
        except wire.SignatureError as error:
            print(f"{_clock()}  refused: {error}", flush=True)
            self._answer(HTTPStatus.UNAUTHORIZED)
            return
        except ValueError:
            self._answer(HTTPStatus.BAD_REQUEST)
            return
        self.server.take(message_id, event)
        self._answer(HTTPStatus.NO_CONTENT)

    def _answer(self, status: HTTPStatus) -> None:
        self.send_response(status)
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: each event is printed once, by us."""


def describe(event: dict[str, object], *, again: bool) -> str:
    """Tell an event in one line: when, what, which document, how much, for which encounter."""
    data = event.get("data")
    facts = data if isinstance(data, dict) else {}
    words = [_clock(), str(event.get("type")), str(facts.get("number") or event.get("subject") or "")]
    if facts.get("amount_total") is not None:
        words.append(f"{facts['amount_total']} {facts.get('currency', '')}".strip())
    words += [f"{key.replace('_', ' ')} {facts[key]}" for key in TOLD if facts.get(key)]
    words.append("verified" + (", seen before" if again else ""))
    return "  ".join(words)


def listen(address: tuple[str, int], secret: str, record: Path | None = None) -> None:
    """Print what arrives until the user stops it; ``record`` gets each verified event as one JSON line."""

    def seen(event: dict[str, object], again: bool) -> None:
        print(describe(event, again=again), flush=True)
        if record is not None:
            with record.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(event) + "\n")

    with Receiver(address, secret, seen) as server:
        print(f"Listening on http://{address[0]}:{server.server_address[1]}/ (stop with Ctrl-C)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def _clock() -> str:
    return time.strftime("%H:%M:%S")
