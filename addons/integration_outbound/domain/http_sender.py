"""One HTTP POST to one endpoint, under one deadline that covers everything.

The deadline runs through name look-up, connection, TLS, request, answer's head and answer's body: a receiver that sends
a byte a minute cannot hold a thread. The connection goes to an address that the egress guard has vetted, while TLS and
the ``Host`` header keep the name. Redirects are never followed and proxy settings never read: both would lead to places
that nobody vetted. At most 16 KiB of an answer are kept, counted after decompression.

:meth:`Sender.send` never raises for what a receiver or a network does; it says what happened in a :class:`Result`.
A sender may be shared by threads; idle connections are kept for the next message to the same place. Sockets never
block: a message costs one look at the idle connection, one send, one wait and one receive, and no more, because each of
them hands Python's one lock to another thread.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

from . import egress, http_answer
from .egress import EgressError, Target
from .http_answer import BadAnswer

DEFAULT_DEADLINE_S: Final = 15.0
MAX_ANSWER_BYTES: Final = http_answer.MAX_BODY_BYTES
MAX_IDLE_PER_PLACE: Final = 16
"""Idle connections kept to one scheme, host and port: all that one process may use at once."""
MAX_IDLE_S: Final = 30.0
SWEEP_EVERY_S: Final = 1.0
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
        "sender_exhausted",
    }
)
"""Every code that a result's ``error`` may have."""

_KEPT_HEADERS: Final = ("content-type", "retry-after")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t -~]*")
_OWN_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_TLS_NAME_CODES: Final = frozenset({62, 63, 64})  # OpenSSL: host name, mail address, IP address mismatch
_RECEIVE_BYTES: Final = 16 * 1024
_OWN_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL})
"""What this machine has run out of: files, memory, ports. It says nothing about the receiver."""
_NOT_NOW: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_STEPS: Final = {
    "dns": "looking up the host",
    "connect": "connecting",
    "tls": "agreeing on encryption",
    "request": "sending the message",
    "answer": "waiting for the answer",
    "body": "reading the answer",
}

Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host; raises socket.gaierror when there are none. May block."""


@dataclass(frozen=True)
class Result:
    """What became of one try.

    Either ``status`` (the HTTP status) or ``error`` (a transport error code) is set. ``detail`` is a sentence without
    URL, header or body. ``excerpt`` is the start of the answer's body; ``elapsed`` and ``timings`` are seconds.
    ``step`` is where a try without an answer ended: a key of ``timings``, or ``""``.
    """

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    excerpt: bytes = b""
    error: str | None = None
    detail: str = ""
    elapsed: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)
    step: str = ""


class _Failure(Exception):
    """A try that ended without an answer."""

    def __init__(self, error: str, detail: str) -> None:
        self.error = error
        self.detail = detail
        super().__init__(detail)


class _Clock:
    """The moment at which a try ends, the step it is in, and how long each step took (seconds)."""

    __slots__ = ("_end", "_since", "started", "step", "timings")

    def __init__(self, seconds: float) -> None:
        self.started = self._since = time.monotonic()
        self._end = self.started + seconds
        self.step = ""
        self.timings: dict[str, float] = {}

    def enter(self, step: str) -> None:
        """End the present step and begin another (``""``: none)."""
        now = time.monotonic()
        if self.step:
            self.timings[self.step] = self.timings.get(self.step, 0.0) + now - self._since
        self.step, self._since = step, now

    def remaining(self) -> float:
        """Return the seconds left; raise TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def elapsed(self) -> float:
        return time.monotonic() - self.started


class _Wire:
    """A connected socket that never blocks. One thread at a time owns it."""

    def __init__(self, sock: socket.socket, address: str) -> None:
        self.address = address
        self.idle_since = 0.0
        self.heard = False
        """Whether a byte of the present answer has come."""
        self._sock = sock
        self._is_plain = not isinstance(sock, ssl.SSLSocket)
        self._early: bytes | None = None
        sock.setblocking(False)
        self._incoming = select.poll()  # select.select() cannot watch descriptors above 1023
        self._incoming.register(sock, select.POLLIN)

    def transmit(self, data: bytes, clock: _Clock) -> bool:
        """Send ``data``; return whether all of it went out.

        A receiver may answer (413, say) or close before it has read everything: its answer is what counts, and when
        there is none, :meth:`receive` says so.
        """
        self.heard, self._early = False, None
        try:
            sent = self._push(data)
            return sent == len(data) or self._transmit_slowly(memoryview(data)[sent:], clock)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            return False

    def receive(self, clock: _Clock) -> bytes:
        """Return what has come, waiting for it; ``b""`` when the other side has closed."""
        if self._early is not None:
            data, self._early = self._early, None
            return data
        if self._is_plain:  # unlike under TLS nothing can lie in a buffer, and an answer is hardly there at once
            self._wait(self._incoming, clock)
        while (found := self._pull()) is None:
            self._wait(self._incoming, clock)
        return found

    def is_fresh(self) -> bool:
        """Tell whether an idle connection can be used again: recent, and the other side has said nothing since."""
        return time.monotonic() - self.idle_since <= MAX_IDLE_S and not self._incoming.poll(0)

    def close(self) -> None:
        with suppress(OSError):
            self._sock.close()

    def _transmit_slowly(self, view: memoryview, clock: _Clock) -> bool:
        both = select.poll()
        both.register(self._sock, select.POLLIN | select.POLLOUT)
        while view:
            if self._wait(both, clock) & select.POLLIN:
                self._early = self._pull()
                if self._early is not None:
                    return False
            view = view[self._push(view) :]
        return True

    def _push(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data)
        except _NOT_NOW:
            return 0

    def _pull(self) -> bytes | None:
        try:
            data = self._sock.recv(_RECEIVE_BYTES)
        except _NOT_NOW:
            return None
        self.heard = self.heard or data != b""
        return data

    @staticmethod
    def _wait(poller: select.poll, clock: _Clock) -> int:
        ready = poller.poll(clock.remaining() * 1000)
        if not ready:
            raise TimeoutError
        return ready[0][1]


class _Pool:
    """Idle connections by place. Whoever takes one owns it until it is given back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str, int], list[_Wire]] = {}
        self._swept_at = 0.0

    def take(self, target: Target) -> _Wire | None:
        while True:
            with self._lock:
                wires = self._idle.get(target.place)
                wire = wires.pop() if wires else None
            if wire is None:
                return None
            # The allow-list may have changed since the connection was made.
            if wire.is_fresh() and egress.permitted(wire.address, allow_listed=target.allow_listed):
                return wire
            wire.close()

    def give(self, target: Target, wire: _Wire) -> None:
        now = wire.idle_since = time.monotonic()
        surplus = []
        with self._lock:
            wires = self._idle.setdefault(target.place, [])
            wires.append(wire)
            if len(wires) > MAX_IDLE_PER_PLACE:
                surplus.append(wires.pop(0))
            if now - self._swept_at >= SWEEP_EVERY_S:
                self._swept_at = now
                surplus += self._take_old(now - MAX_IDLE_S)
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
        clock = _Clock(deadline)
        try:
            target = egress.parse_url(url, allowed=allowed)
            return self._exchange(target, _request(target, headers, body), clock)
        except (_Failure, EgressError, OSError, ValueError) as error:
            step = clock.step
            failure = _failure(error, step)
        clock.enter("")
        return Result(
            None,
            error=failure.error,
            detail=failure.detail,
            elapsed=clock.elapsed(),
            timings=clock.timings,
            step=step,
        )

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.close()

    def _exchange(self, target: Target, request: bytes, clock: _Clock) -> Result:
        wire = self._pool.take(target)
        if wire is not None:
            try:
                return self._ask(target, wire, request, clock)
            except (ConnectionError, ssl.SSLError):
                # The receiver may close an idle connection as the message goes out. Sending it again below is
                # allowed: the webhook-id marks a duplicate. What has begun to answer is not asked twice.
                if wire.heard:
                    raise
        return self._ask(target, self._connect(target, clock), request, clock)

    def _ask(self, target: Target, wire: _Wire, request: bytes, clock: _Clock) -> Result:
        reusable = False
        receive = partial(wire.receive, clock)
        try:
            clock.enter("request")
            went_out = wire.transmit(request, clock)
            clock.enter("answer")
            head = http_answer.read_head(receive)
            clock.enter("body")
            excerpt, ended = http_answer.read_body(head, receive)
            clock.enter("")
            reusable = went_out and ended
        finally:
            if reusable:
                self._pool.give(target, wire)
            else:
                wire.close()
        return Result(
            head.status,
            {name: head.fields[name] for name in _KEPT_HEADERS if name in head.fields},
            excerpt,
            detail=f"The receiver answered {head.status}.",
            elapsed=clock.elapsed(),
            timings=clock.timings,
        )

    def _connect(self, target: Target, clock: _Clock) -> _Wire:
        clock.enter("dns")
        addresses = [target.host] if target.is_address else _look_up(self._resolver, target, clock)
        vetted = egress.vet(addresses, target)
        clock.enter("connect")
        sock, address = _open(vetted, target.port, clock)
        if target.scheme == "https":
            clock.enter("tls")
            sock = _encrypt(sock, self._ssl_context or _default_context(), target.host, clock)
        return _Wire(sock, address)


@lru_cache(maxsize=1)
def _default_sender() -> Sender:
    return Sender()


if hasattr(os, "register_at_fork"):  # a child must never write into its parent's connections
    os.register_at_fork(after_in_child=_default_sender.cache_clear)


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


def _look_up(resolver: Resolver, target: Target, clock: _Clock) -> Sequence[str]:
    """Resolve in a thread of its own, since the system's resolver knows no deadline.

    A look-up that hangs keeps its thread until the system gives up; the semaphore bounds how many can hang.
    """
    lookups = _lookups
    if not lookups.acquire(timeout=clock.remaining()):
        raise _Failure("sender_exhausted", "Too many names are being looked up already, and none of that ends.")
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

    try:
        threading.Thread(target=work, name="integration-lookup", daemon=True).start()
    except RuntimeError:
        lookups.release()
        raise _Failure("sender_exhausted", "This server cannot start another thread.") from None
    if not done.wait(clock.remaining()):
        raise TimeoutError
    if isinstance(outcome[0], OSError) and outcome[0].errno in _OWN_LIMITS:
        raise outcome[0]
    if isinstance(outcome[0], (OSError, UnicodeError)):
        raise _Failure("dns_failure", "The host's name cannot be resolved.")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _open(addresses: Sequence[str], port: int, clock: _Clock) -> tuple[socket.socket, str]:
    """Connect to the first address that answers; each gets an equal share of the time that is left."""
    last: OSError = TimeoutError()
    for index, address in enumerate(addresses):
        share = clock.remaining() / (len(addresses) - index)
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            sock.settimeout(share)
            sock.connect((address, port))
            _check_peer(sock, address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, _Failure) as error:
            sock.close()
            if isinstance(error, _Failure):
                raise
            last = error
            continue
        return sock, address
    raise last


def _check_peer(sock: socket.socket, address: str) -> None:
    """Refuse a connection whose other end is not the vetted address, whatever lies between."""
    if ipaddress.ip_address(sock.getpeername()[0]) != ipaddress.ip_address(address):
        raise _Failure("egress_refused", "The connection leads to another address than the one that was vetted.")


def _encrypt(sock: socket.socket, context: ssl.SSLContext, host: str, clock: _Clock) -> socket.socket:
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


@lru_cache(maxsize=1024)
def _opening(target: Target) -> str:
    return f"POST {target.path} HTTP/1.1\r\nhost: {target.authority}\r\naccept-encoding: identity\r\n"


@lru_cache(maxsize=256)
def _field_name(name: str) -> str:
    """Return a header's name in lower case; what frames the message is the sender's own to say."""
    lower = name.lower()
    if not _HEADER_NAME.fullmatch(lower) or lower in _OWN_HEADERS:
        raise _Failure("bad_url", "A header of the message has a name that cannot be sent.")
    return lower


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [_opening(target)]
    for name, value in headers.items():
        # The first two questions are quicker; a tab is all that they refuse without need.
        if not (value.isascii() and value.isprintable()) and not _HEADER_VALUE.fullmatch(value):
            raise _Failure("bad_url", "A header of the message holds characters that cannot be sent.")
        lines.append(f"{_field_name(name)}: {value}\r\n")
    lines.append(f"content-length: {len(body)}\r\n\r\n")
    return "".join(lines).encode("ascii") + body


def _failure(error: Exception, step: str) -> _Failure:
    match error:
        case _Failure():
            return error
        case EgressError():
            return _Failure(error.code, error.detail)
        case TimeoutError():
            return _Failure("timeout", f"No answer in time ({_STEPS.get(step, 'before anything was sent')}).")
        case ConnectionRefusedError():
            return _Failure("connection_refused", "Nothing listens at the receiver's address.")
        case ConnectionError() | ssl.SSLError():
            return _Failure("connection_reset", "The receiver closed the connection before its answer was complete.")
        case OSError() if error.errno in _OWN_LIMITS:
            return _Failure("sender_exhausted", "This server has no files, memory or ports to spare.")
        case OSError():
            return _Failure("network", "The receiver's address cannot be reached.")
        case BadAnswer():
            return _Failure("bad_response", f"The receiver's answer is not HTTP: {error}.")
        case _:
            return _Failure("bad_response", "The receiver's answer is not HTTP.")
