"""Sends requests at a given rate whatever becomes of them (open loop), over connections from several addresses.

A process of its own: ``python -m benchmark.flood file.json``. It says ``flood ready`` when it has connected, then
it sends until SIGTERM, and writes into the file what came of it.
"""

from __future__ import annotations

import json
import signal
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICK_SECONDS: Final = 0.005
_CONNECT_SECONDS: Final = 30
_READ_BYTES: Final = 1 << 16
_STATUS: Final = b"HTTP/1.1 "


@dataclass(frozen=True)
class Target:
    """Where requests go.

    Attributes:
        host: The name in the certificate; empty for plain HTTP.
        port: The port on 127.0.0.1.
        cafile: Whom to trust.
    """

    host: str
    port: int
    cafile: str

    def connect(self, source: str, context: ssl.SSLContext | None) -> socket.socket:
        """Open a connection from the address ``source``, which does not block any more."""
        connection = socket.create_connection(("127.0.0.1", self.port), _CONNECT_SECONDS, (source, 0))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            connection = context.wrap_socket(connection, server_hostname=self.host)
        connection.setblocking(False)
        return connection


class Flood:
    """Requests over many connections, each of which may carry several at once.

    Args:
        target: Where they go.
        requests: What is sent, in turns, as bytes.
        sources: The addresses they come from; each has one connection, used in turns.
    """

    def __init__(self, target: Target, requests: Sequence[bytes], sources: Sequence[str]) -> None:
        self._target = target
        self._requests = requests
        self._sources = sources
        self._context = ssl.create_default_context(cafile=target.cafile) if target.host else None
        self._connections = [target.connect(source, self._context) for source in sources]
        self.sent = 0
        self.unsent = 0
        self.statuses: Counter[str] = Counter()
        self._stopping = False

    def stop(self, *_: object) -> None:
        """End after the present tick."""
        self._stopping = True

    def run(self, per_second: int) -> float:
        """Send until :meth:`stop`; return the seconds it took."""
        began = time.monotonic()
        due = 0
        while not self._stopping:
            now = time.monotonic() - began
            while due < now * per_second:
                self._send(due)
                due += 1
            time.sleep(max(0.0, _TICK_SECONDS - (time.monotonic() - began - now)))
        return time.monotonic() - began

    def _send(self, number: int) -> None:
        turn = number % len(self._connections)
        try:
            self._read(turn)
            self._connections[turn].send(self._requests[number % len(self._requests)])
            self.sent += 1
        except (BlockingIOError, ssl.SSLWantWriteError):
            self.unsent += 1
        except OSError:
            self.unsent += 1
            self._connections[turn].close()
            self._connections[turn] = self._target.connect(self._sources[turn], self._context)

    def _read(self, turn: int) -> None:
        """Count the answers that have come; OSError where the connection has ended."""
        try:
            received = self._connections[turn].recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        if not received:
            raise ConnectionResetError
        for piece in received.split(_STATUS)[1:]:
            self.statuses[piece[:3].decode("ascii", "replace")] += 1


def main(path: Path) -> None:
    """Do what a file of JSON asks for, and write what came of it into the same file."""
    asked = json.loads(path.read_text(encoding="utf-8"))
    requests = [text.encode("latin-1") for text in asked["requests"]]
    flood = Flood(Target(**asked["target"]), requests, asked["sources"])
    signal.signal(signal.SIGTERM, flood.stop)
    print("flood ready", flush=True)
    took = flood.run(asked["per_second"])
    told = {"took": took, "sent": flood.sent, "unsent": flood.unsent, "statuses": flood.statuses}
    path.write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
