"""An Odoo that is none: it keeps every request it is given, byte for byte, and answers 202."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HELD = "/integration/v1/inbound/held"
"""Requests to this address are answered only when :meth:`Echo.release` says so."""


@dataclass(frozen=True)
class Seen:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        """Return the values of a header as WSGI finds it: whatever its case, with dashes or with underscores."""
        wanted = name.lower().replace("_", "-")
        return [value for key, value in self.headers if key.lower().replace("_", "-") == wanted]


class Echo:
    """Serves on a free port of 127.0.0.1 as long as the block lasts."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.held = threading.Semaphore(0)
        self._released = threading.Event()
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                echo.seen.append(Seen(self.command, self.path, list(self.headers.items()), body))
                if self.path == HELD:
                    echo.held.release()
                    echo._released.wait(60)
                told = json.dumps({"status": "accepted"}).encode()
                self.send_response(202)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(told)))
                self.send_header("x-request-id", "of-odoo")
                self.end_headers()
                self.wfile.write(told)

            do_GET = do_POST = do_PUT = do_OPTIONS = answer  # noqa: N815 - the names http.server wants

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """Say nothing of clients that have gone."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.place = "{}:{}".format(*self._server.server_address)

    def release(self) -> None:
        """Answer what is held, and hold nothing any more."""
        self._released.set()

    def hold(self) -> None:
        """Hold what comes to the address for it."""
        self._released.clear()

    def __enter__(self) -> "Echo":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
