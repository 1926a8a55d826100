"""One HTTP POST to one endpoint, under one deadline that covers everything.

The deadline runs through name look-up, connection, TLS, request, answer's head and answer's body: a receiver that sends
a byte a minute cannot hold a thread. The connection goes to an address that the egress guard has vetted, while TLS and
the ``Host`` header keep the name. Redirects are never followed and proxy settings never read: both would lead to places
that nobody vetted. At most 16 KiB of an answer are kept, counted after decompression.

:meth:`Sender.send` never raises for what a receiver or a network does; it says what happened in a :class:`Result`.
A sender may be shared by threads; idle connections are kept for the next message to the same place.
"""

from __future__ import annotations

import http.client
import io
import re
import select
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from . import egress
from .egress import EgressError, Target

DEFAULT_DEADLINE_S: Final = 15.0
MAX_ANSWER_BYTES: Final = 16 * 1024
MAX_IDLE_PER_PLACE: Final = 4
MAX_IDLE_S: Final = 30.0
MAX_LOOKUPS: Final = 64

ERRORS: Final = frozenset(
    {
        "timeout",
        "dns_failure",
        "connection_refused",
        "connection_reset",
        "network",
        "tls_handshake",
        "tls_trust",
        "tls_name",
        "bad_response",
        "egress_refused",
        "bad_url",
    }
)
"""Every code that a result's ``error`` may have."""

_KEPT_HEADERS: Final = ("content-type", "retry-after")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t -~]*")
_TLS_NAME_CODES: Final = frozenset({62, 63, 64})  # OpenSSL: host name, mail address, IP address mismatch
_CHUNK_BYTES: Final = 64 * 1024

Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host; raises socket.gaierror when there are none. May block."""


@dataclass(frozen=True)
class Result:
    """What became of one try.

    Either ``status`` (the HTTP status) or ``error`` (a transport error code) is set. ``detail`` is a sentence without
    URL, header or body. ``excerpt`` is the start of the answer's body; ``elapsed`` and ``timings`` are seconds.
    """

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    excerpt: bytes = b""
    error: str | None = None
    detail: str = ""
    elapsed: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)


class _Failure(Exception):
    """A try that ended without an answer."""

    def __init__(self, error: str, detail: str) -> None:
        self.error = error
        self.detail = detail
        super().__init__(detail)


class _Deadline:
    """The moment at which a try ends, and how long each of its steps took."""

    def __init__(self, seconds: float) -> None:
        self.started = time.monotonic()
        self._end = self.started + seconds
        self.timings: dict[str, float] = {}

    def remaining(self) -> float:
        """Return the seconds left; raise TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def elapsed(self) -> float:
        return time.monotonic() - self.started

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begin = time.monotonic()
        try:
            yield
        except TimeoutError:
            raise _Failure("timeout", f"No answer in time ({_STEPS[name]}).") from None
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + time.monotonic() - begin


_STEPS: Final = {
    "dns": "looking up the host",
    "connect": "connecting",
    "tls": "agreeing on encryption",
    "request": "sending the message",
    "answer": "waiting for the answer",
    "body": "reading the answer",
}


class _Reader(io.RawIOBase):
    """Reads a socket under a deadline: each read may take only what is left of it."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self._sock.settimeout(self._deadline.remaining())
        return self._sock.recv_into(buffer)


class _Wire:
    """A connected socket, lent to http.client for one answer at a time."""

    def __init__(self, sock: socket.socket, address: str) -> None:
        self._sock = sock
        self.address = address
        self.idle_since = 0.0

    def transmit(self, data: bytes, deadline: _Deadline) -> None:
        view = memoryview(data)
        while view:
            self._sock.settimeout(deadline.remaining())
            view = view[self._sock.send(view[:_CHUNK_BYTES]) :]

    def answer(self, deadline: _Deadline) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_Lent(self._sock, deadline), method="POST")  # type: ignore[arg-type]

    def is_fresh(self) -> bool:
        """Tell whether an idle connection can be used again: recent, and the other side has said nothing since."""
        if time.monotonic() - self.idle_since > MAX_IDLE_S or self._sock.fileno() < 0:
            return False
        poller = select.poll()  # select.select() cannot watch descriptors above 1023
        poller.register(self._sock, select.POLLIN)
        return not poller.poll(0)

    def close(self) -> None:
        with suppress(OSError):
            self._sock.close()


class _Lent:
    """The one method of a socket that http.client.HTTPResponse asks for."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._deadline), _CHUNK_BYTES)


class _Pool:
    """Idle connections by place. Whoever takes one owns it until it is given back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str, int], list[_Wire]] = {}

    def take(self, target: Target) -> _Wire | None:
        while True:
            with self._lock:
                wires = self._idle.get(_place(target))
                wire = wires.pop() if wires else None
            if wire is None:
                return None
            # The allow-list may have changed since the connection was made.
            if wire.is_fresh() and egress.permitted(wire.address, allow_listed=target.allow_listed):
                return wire
            wire.close()

    def give(self, target: Target, wire: _Wire) -> None:
        wire.idle_since = time.monotonic()
        with self._lock:
            wires = self._idle.setdefault(_place(target), [])
            wires.append(wire)
            surplus = wires[:-MAX_IDLE_PER_PLACE]
            del wires[:-MAX_IDLE_PER_PLACE]
            surplus += self._take_old(wire.idle_since - MAX_IDLE_S)
        for old in surplus:
            old.close()

    def _take_old(self, before: float) -> list[_Wire]:
        """Take out what has been idle since ``before``, so that places nobody writes to any more hold no sockets."""
        old = []
        for place, wires in list(self._idle.items()):
            old += [wire for wire in wires if wire.idle_since < before]
            wires[:] = [wire for wire in wires if wire.idle_since >= before]
            if not wires:
                del self._idle[place]
        return old

    def close(self) -> None:
        with self._lock:
            wires = [wire for idle in self._idle.values() for wire in idle]
            self._idle.clear()
        for wire in wires:
            wire.close()


def _place(target: Target) -> tuple[str, str, int]:
    return target.scheme, target.host, target.port


def _resolve(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Sender:
    """Sends messages; shares connections, a TLS context and a resolver between threads."""

    def __init__(self, *, resolver: Resolver = _resolve, ssl_context: ssl.SSLContext | None = None) -> None:
        """Take a resolver and a TLS context of one's own, or the system's."""
        self._resolver = resolver
        self._ssl_context = ssl_context
        self._pool = _Pool()

    def send(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        deadline: float = DEFAULT_DEADLINE_S,
        allowed: Collection[str] = (),
    ) -> Result:
        """POST ``body`` once. ``deadline`` is in seconds; ``allowed`` are the allow-list's ``host:port`` entries."""
        clock = _Deadline(deadline)
        try:
            target = egress.parse_url(url, allowed=allowed)
            return self._exchange(target, _request(target, headers, body), clock)
        except EgressError as error:
            failure = _Failure(error.code, error.detail)
        except _Failure as error:
            failure = error
        except TimeoutError:
            failure = _Failure("timeout", "No answer in time.")
        except (OSError, http.client.HTTPException, ValueError) as error:
            failure = _network_failure(error)
        return Result(None, error=failure.error, detail=failure.detail, elapsed=clock.elapsed(), timings=clock.timings)

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.close()

    def _exchange(self, target: Target, request: bytes, clock: _Deadline) -> Result:
        wire = self._pool.take(target)
        if wire is not None:
            with suppress(ConnectionError, ssl.SSLError):
                # The receiver may close an idle connection as the message goes out. Sending it again below is
                # allowed: the webhook-id marks a duplicate.
                return self._ask(target, wire, request, clock)
        return self._ask(target, self._connect(target, clock), request, clock)

    def _ask(self, target: Target, wire: _Wire, request: bytes, clock: _Deadline) -> Result:
        reusable = False
        try:
            _write(wire, request, clock)
            answer = wire.answer(clock)
            with clock.step("answer"):
                answer.begin()
            with clock.step("body"):
                excerpt = _read_excerpt(answer)
            reusable = answer.isclosed() and not answer.will_close
            return _result(answer, excerpt, clock)
        finally:
            if reusable:
                self._pool.give(target, wire)
            else:
                wire.close()

    def _connect(self, target: Target, clock: _Deadline) -> _Wire:
        with clock.step("dns"):
            addresses = [target.host] if target.is_address else _look_up(self._resolver, target, clock)
        vetted = egress.vet(addresses, target)
        with clock.step("connect"):
            sock, address = _open(vetted, target.port, clock)
        if target.scheme == "https":
            context = self._ssl_context or _default_context()
            with clock.step("tls"):
                sock = _encrypt(sock, context, target.host, clock)
        return _Wire(sock, address)


@lru_cache(maxsize=1)
def _default_sender() -> Sender:
    return Sender()


def send(
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    deadline: float = DEFAULT_DEADLINE_S,
    allowed: Collection[str] = (),
) -> Result:
    """POST once with the process's shared sender; see :meth:`Sender.send`."""
    return _default_sender().send(url, headers=headers, body=body, deadline=deadline, allowed=allowed)


@lru_cache(maxsize=1)
def _default_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


_lookups = threading.BoundedSemaphore(MAX_LOOKUPS)


def _look_up(resolver: Resolver, target: Target, clock: _Deadline) -> Sequence[str]:
    """Resolve in a thread of its own, since the system's resolver knows no deadline.

    A look-up that hangs keeps its thread until the system gives up; the semaphore bounds how many can hang.
    """
    lookups = _lookups
    if not lookups.acquire(timeout=clock.remaining()):
        raise TimeoutError
    outcome: list[Sequence[str] | Exception] = []
    done = threading.Event()

    def work() -> None:
        try:
            outcome.append(resolver(target.host, target.port))
        except Exception as error:  # noqa: BLE001 (it is raised again in the waiting thread)
            outcome.append(error)
        finally:
            lookups.release()
            done.set()

    threading.Thread(target=work, name="integration-lookup", daemon=True).start()
    if not done.wait(clock.remaining()):
        raise TimeoutError
    if isinstance(outcome[0], (OSError, UnicodeError)):
        raise _Failure("dns_failure", "The host's name cannot be resolved.")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _open(addresses: Sequence[str], port: int, clock: _Deadline) -> tuple[socket.socket, str]:
    """Connect to the first address that answers; each gets an equal share of the time that is left."""
    last: OSError = TimeoutError()
    for index, address in enumerate(addresses):
        share = clock.remaining() / (len(addresses) - index)
        try:
            sock = socket.create_connection((address, port), timeout=share)
        except OSError as error:
            last = error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock, address
    raise last


def _encrypt(sock: socket.socket, context: ssl.SSLContext, host: str, clock: _Deadline) -> socket.socket:
    try:
        sock.settimeout(clock.remaining())
        return context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        sock.close()
        if error.verify_code in _TLS_NAME_CODES:
            raise _Failure("tls_name", "The receiver's certificate is for another name.") from None
        raise _Failure("tls_trust", "The receiver's certificate is not trusted.") from None
    except TimeoutError:
        sock.close()
        raise
    except (OSError, ValueError):
        sock.close()
        raise _Failure("tls_handshake", "The receiver and this server could not agree on encryption.") from None


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = {
        "host": target.authority,
        "accept-encoding": "identity",
        **{name.lower(): value for name, value in headers.items()},
        "content-length": str(len(body)),
    }
    for name, value in lines.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise _Failure("bad_url", "A header of the message holds characters that cannot be sent.")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


def _write(wire: _Wire, request: bytes, clock: _Deadline) -> None:
    with clock.step("request"), suppress(BrokenPipeError, ConnectionResetError):
        # A receiver may answer (413, say) and close before it has read everything: its answer is what counts, and
        # when there is none, reading says so.
        wire.transmit(request, clock)


def _read_excerpt(answer: http.client.HTTPResponse) -> bytes:
    """Return the first 16 KiB of the body as its sender wrote it; what cannot be decoded is left out."""
    encoding = (answer.headers.get("content-encoding") or "identity").strip().lower()
    raw = answer.read(MAX_ANSWER_BYTES)
    if answer.length and len(raw) < MAX_ANSWER_BYTES:  # http.client raises this only for chunked bodies
        raise http.client.IncompleteRead(raw, answer.length)
    if encoding == "identity":
        return raw
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return b""
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    with suppress(zlib.error):
        return inflater.decompress(raw, MAX_ANSWER_BYTES)
    return b""


def _result(answer: http.client.HTTPResponse, excerpt: bytes, clock: _Deadline) -> Result:
    kept = {name: answer.headers[name] for name in _KEPT_HEADERS if answer.headers[name] is not None}
    return Result(
        answer.status,
        headers=kept,
        excerpt=excerpt,
        detail=f"The receiver answered {answer.status}.",
        elapsed=clock.elapsed(),
        timings=clock.timings,
    )


def _network_failure(error: Exception) -> _Failure:
    match error:
        case ConnectionRefusedError():
            return _Failure("connection_refused", "Nothing listens at the receiver's address.")
        case ConnectionError() | http.client.IncompleteRead() | ssl.SSLError():
            return _Failure("connection_reset", "The receiver closed the connection before its answer was complete.")
        case OSError():
            return _Failure("network", "The receiver's address cannot be reached.")
        case _:
            return _Failure("bad_response", "The receiver's answer is not HTTP.")
