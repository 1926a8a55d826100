"""A load generator: some clients of one process that post as fast as they are answered."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

_TIMEOUT_S = 30.0
_END = b"\r\n\r\n"

Request = Callable[[int], bytes]
"""Gives the bytes of the request with a number."""


@dataclass(frozen=True)
class Load:
    """What a run of clients got.

    Attributes:
        statuses: How often each HTTP status was answered; 0 where there was no answer.
        seconds: How long it took.
        latencies_ms: Of every request, sorted.
    """

    statuses: Counter[int]
    seconds: float
    latencies_ms: list[float]

    @property
    def rate(self) -> float:
        """Answered requests per second."""
        return sum(count for status, count in self.statuses.items() if status) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency (ms) that ``share`` of the requests kept below."""
        return self.latencies_ms[min(len(self.latencies_ms) - 1, int(share * len(self.latencies_ms)))]


def run(port: int, request: Request, *, clients: int, seconds: float) -> Load:
    """Post from ``clients`` threads for ``seconds``; a connection is kept for as long as the server keeps it."""
    numbers = itertools.count()
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    lock = threading.Lock()
    began = time.monotonic()

    def client() -> None:
        mine: Counter[int] = Counter()
        took: list[float] = []
        connection = None
        while time.monotonic() - began < seconds:
            started = time.monotonic()
            try:
                connection = connection or socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
                connection.sendall(request(next(numbers)))
                status, keep = _answer(connection)
            except OSError:
                status, keep = 0, False
            took.append((time.monotonic() - started) * 1000)
            mine[status] += 1
            if not keep and connection:
                connection.close()
                connection = None
        with lock:
            statuses.update(mine)
            latencies.extend(took)

    threads = [threading.Thread(target=client) for _number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(statuses, time.monotonic() - began, sorted(latencies))


def _answer(connection: socket.socket) -> tuple[int, bool]:
    """Read one answer; return its status and whether the server keeps the connection."""
    received = b""
    while _END not in received:
        received += _more(connection)
    head, _end, body = received.partition(_END)
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines[1:])}
    length = int(headers.get("content-length", 0))
    while len(body) < length:
        body += _more(connection)
    keep = lines[0].startswith("HTTP/1.1") and headers.get("connection", "").lower() != "close"
    return int(lines[0].split(" ")[1]), keep


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise ConnectionError("the server went away")
    return received
