"""Raw connections to a server, for requests that no library would send."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

LONGEST = 30.0


class Wire:
    """One connection on which a test writes bytes and reads whatever comes: ``answer`` is that so far."""

    def __init__(self, url: str) -> None:
        self.answer = b""
        parts = urlsplit(url)
        self.path = parts.path
        self._socket = socket.create_connection((parts.hostname, parts.port), LONGEST)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def end(self) -> None:
        """Send nothing more, and go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def drip(self, pieces: Iterable[bytes], gap: float, at_most: float = LONGEST) -> float:
        """Send one piece after the other until the server has closed the connection; return the seconds that took."""
        began = time.monotonic()
        self._socket.settimeout(gap)
        for piece in pieces:
            if time.monotonic() - began > at_most or self._is_closed(piece):
                break
        return time.monotonic() - began

    def _is_closed(self, piece: bytes) -> bool:
        try:
            self._socket.sendall(piece)
            self.answer += (data := self._socket.recv(65536))
        except TimeoutError:
            return False
        except OSError:
            return True
        return not data

    def read(self) -> bytes:
        """Return everything that comes until the server closes the connection."""
        with contextlib.suppress(ConnectionError):
            while data := self._socket.recv(65536):
                self.answer += data
        return self.answer

    def close(self) -> None:
        self._socket.close()


def head(path: str, *fields: str, method: str = "POST") -> bytes:
    """Return the head of a request with these header lines."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: test", *fields, "", ""]).encode("latin-1")


def status(answer: bytes) -> int:
    """Return the status of an answer; 0 where the connection was closed without one."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


def exchange(url: str, make: Callable[[str], bytes], *, last: bool = False) -> bytes:
    """Send what ``make`` returns for the path of ``url``, and return everything that comes.

    ``last``: say that nothing more will be sent.
    """
    wire = Wire(url)
    try:
        with contextlib.suppress(ConnectionError):
            wire.send(make(wire.path))
            if last:
                wire.end()
        return wire.read()
    finally:
        wire.close()
