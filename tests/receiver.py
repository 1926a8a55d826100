"""A receiver that keeps the raw requests, so that other people's libraries can look at them."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """One request as it came; header names in lower case."""

    headers: dict[str, str]
    body: bytes
    path: str = "/"

    @property
    def event(self) -> dict:
        return json.loads(self.body)


class CapturingReceiver(ThreadingHTTPServer):
    """Listens on a free port (or the one named) of this machine, answers 204, and remembers every request.

    Attributes:
        answer: Gives the status of the answer to a request; it may take its time, or (None) hang up without one.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer: Callable[[Request], int | None] = lambda _request: 204
        self._kept: list[Request] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        return self.server_address[1]

    def keep(self, request: Request) -> None:
        with self._lock:
            self._kept.append(request)

    def requests(self) -> list[Request]:
        with self._lock:
            return list(self._kept)

    def events(self) -> list[dict]:
        return [request.event for request in self.requests()]

    def __enter__(self) -> "CapturingReceiver":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: CapturingReceiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        request = Request({name.lower(): value for name, value in self.headers.items()}, body, self.path)
        self.server.keep(request)
        status = self.server.answer(request)
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass
