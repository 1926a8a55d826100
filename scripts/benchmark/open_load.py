"""Sends requests at a given pace from one process, whatever becomes of them: an open loop, as attackers do.

A closed loop slows down with the server and so spares it; here each request has its moment, and one that is late is
sent as soon as one of the connections is free. How many were sent is told, so that nobody believes in a pace that was
not reached.
"""

from __future__ import annotations

import base64
import json
import signal
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_TIMEOUT: Final = 10.0


class Answers:
    """Reads answers from one connection, which is opened anew whenever the server has closed it.

    Args:
        url: Whom to ask.
        source: The address of this machine to ask from; empty: any.
    """

    def __init__(self, url: str, source: str = "") -> None:
        parts = urlsplit(url)
        self._place = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        self._tls = _trusting() if parts.scheme == "https" else None
        self._source = (source, 0) if source else None
        self._connection: socket.socket | None = None

    def ask(self, request: bytes) -> int:
        """Send one request as it is; return the status of its answer, 0 where there was none."""
        for _attempt in range(2):
            kept = self._connection is not None
            try:
                status = self._ask(request)
            except OSError:
                status = 0
            if status or not kept:
                return status
            self.close()  # the server had closed it since; this says nothing of the request
        return 0

    def _ask(self, request: bytes) -> int:
        connection = self._connection = self._connection or self._connect()
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(65536)
            if not piece:
                self.close()
                return 0
            answer += piece
        head, _end, body = answer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields.get(b"content-length", b"0"))
        while len(body) < length and (piece := connection.recv(65536)):
            body += piece
        if head.startswith(b"HTTP/1.0") or fields.get(b"connection", b"").strip() == b"close":
            self.close()
        return int(head.split(b" ", 2)[1])

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._place, _TIMEOUT, self._source)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._tls.wrap_socket(connection, server_hostname=self._place[0]) if self._tls else connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def raw(url: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return a POST as it goes over the wire."""
    parts = urlsplit(url)
    fields = {"host": parts.netloc, "content-length": str(len(body)), **headers}
    lines = [f"POST {parts.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


class OpenLoad:
    """Requests of one process at a pace.

    Args:
        url: Where they go.
        requests: What is sent, again and again from the first.
        pace: How many per second.
        seconds: For how long.
        sources: Addresses of this machine to send from, in turn.
    """

    def __init__(
        self, url: str, requests: Sequence[bytes], *, pace: float, seconds: float, sources: Sequence[str] = ("",)
    ) -> None:
        self._url, self._requests, self._sources = url, requests, sources
        self._pace, self._count = pace, int(pace * seconds)
        self._next = 0
        self._began = 0.0
        self._lock = threading.Lock()
        self.answers: list[tuple[float, int]] = []
        """When each was answered, in seconds since the beginning, and with which status."""

    def run(self, connections: int) -> dict[str, object]:
        """Send everything; return what came of it."""
        self._began = time.monotonic()
        threads = [threading.Thread(target=self._send, args=(number,)) for number in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - self._began
        statuses = Counter(status for _at, status in self.answers)
        return {"took": took, "statuses": statuses, "pace": len(self.answers) / took if took else 0.0}

    def stop(self) -> None:
        """Send no more than is under way."""
        self._count = 0

    def _send(self, number: int) -> None:
        answers = Answers(self._url, self._sources[number % len(self._sources)])
        while (mine := self._claim()) is not None:
            time.sleep(max(0.0, self._began + mine / self._pace - time.monotonic()))
            status = answers.ask(self._requests[mine % len(self._requests)])
            with self._lock:
                self.answers.append((time.monotonic() - self._began, status))
        answers.close()

    def _claim(self) -> int | None:
        with self._lock:
            if self._next >= self._count:
                return None
            self._next += 1
            return self._next - 1


def main(path: Path) -> None:
    """Do what a file of JSON asks for, and write what came of it into the same file."""
    asked = json.loads(path.read_text(encoding="utf-8"))
    load = OpenLoad(
        asked["url"],
        [base64.b64decode(text) for text in asked["requests"]],
        pace=asked["pace"],
        seconds=asked["seconds"],
        sources=asked["sources"],
    )
    signal.signal(signal.SIGTERM, lambda *_: load.stop())
    print("begun", flush=True)
    path.write_text(json.dumps(load.run(asked["connections"])), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
