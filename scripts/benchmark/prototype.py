"""The reference: the least code that delivers from PostgreSQL at speed, and nothing that makes it safe.

Two tables, claims of up to 100 with ``FOR UPDATE SKIP LOCKED``, 16 threads on ``http.client`` with connections that are
kept alive, at most 8 at once per endpoint, one UPDATE per batch of results. No attempts, no leases, no signatures, no
egress guard, no TLS, no retries.
"""

from __future__ import annotations

import http.client
import os
import select
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import psycopg2

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

THREADS: Final = 16
PER_ENDPOINT: Final = 8
BATCH: Final = 100
CHANNEL: Final = "bench_prototype"
_WAIT_SECONDS: Final = 0.5

SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS bench_event (
        id bigserial PRIMARY KEY, uuid text NOT NULL UNIQUE, subject text, body text NOT NULL,
        created_at timestamp NOT NULL DEFAULT now());
    CREATE TABLE IF NOT EXISTS bench_delivery (
        id bigserial PRIMARY KEY, event_id bigint NOT NULL REFERENCES bench_event, url text NOT NULL,
        state text NOT NULL DEFAULT 'waiting', done_at timestamp);
    CREATE INDEX IF NOT EXISTS bench_delivery_due ON bench_delivery (id) WHERE state = 'waiting';
"""
_CLAIM: Final = """
    WITH due AS (
        SELECT id FROM bench_delivery WHERE state = 'waiting' AND url <> ALL (%s)
         ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
    UPDATE bench_delivery d SET state = 'leased' FROM due, bench_event e
     WHERE d.id = due.id AND e.id = d.event_id RETURNING d.id, d.url, e.uuid, e.body
"""
_DONE: Final = "UPDATE bench_delivery SET state = 'done', done_at = now() WHERE id = ANY (%s)"

Claimed = tuple[int, str, str, str]


class Prototype:
    """One process, or one run of a cron, that delivers what is in its two tables.

    Args:
        connect: Opens a connection to the database.
        threads: How many send at once.
        per_endpoint: How many of them to one endpoint.
    """

    def __init__(
        self, connect: Callable[[], Connection], threads: int = THREADS, per_endpoint: int = PER_ENDPOINT
    ) -> None:
        self._connect = connect
        self._threads = threads
        self._per_endpoint = per_endpoint
        self._changed = threading.Condition()
        self._ready: deque[Claimed] = deque()
        self._sending: Counter[str] = Counter()
        self._done: list[int] = []
        self._ending = False
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self.stopping = threading.Event()

    def run(self, seconds: float, idle: float | None = None, ready: Callable[[], None] = lambda: None) -> None:
        """Deliver for up to ``seconds``; return earlier when nothing came for ``idle`` seconds or ``stopping`` is set.

        Args:
            seconds: How long at most.
            idle: How long it waits for more; None to wait as long as it may.
            ready: Called when it listens.
        """
        senders = [threading.Thread(target=self._send_all, daemon=True) for _ in range(self._threads)]
        for sender in senders:
            sender.start()
        with closing(self._connect()) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
                ready()
                self._loop(connection, cursor, time.monotonic() + seconds, idle)
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        for sender in senders:
            sender.join()
        os.close(self._woken)
        os.close(self._wake)

    def _loop(self, connection: Connection, cursor: Any, until: float, idle: float | None) -> None:
        quiet_since = time.monotonic()
        while time.monotonic() < until and not self.stopping.is_set():
            busy = self._store(cursor)
            busy |= self._claim(cursor)
            if busy or self._sending.total():
                quiet_since = time.monotonic()
            elif idle is not None and time.monotonic() - quiet_since > idle:
                break
            if not busy:
                self._wait(connection)
        while self._ready or self._sending.total():
            self._wait(connection)
            self._store(cursor)
        self._store(cursor)

    def _wait(self, connection: Connection) -> None:
        if connection.notifies:
            connection.notifies.clear()
            return
        readable, _, _ = select.select([connection, self._woken], [], [], _WAIT_SECONDS)
        if self._woken in readable:
            os.read(self._woken, 65536)
        if connection in readable:
            connection.poll()
            connection.notifies.clear()

    def _store(self, cursor: Any) -> bool:
        with self._changed:
            done, self._done = self._done, []
        if done:
            cursor.execute(_DONE, (done,))
        return bool(done)

    def _claim(self, cursor: Any) -> bool:
        with self._changed:
            held = len(self._ready)
            full = [url for url, count in self._sending.items() if count >= self._per_endpoint]
        if held >= self._threads:
            return False
        cursor.execute(_CLAIM, (full, BATCH))
        claimed = cursor.fetchall()
        with self._changed:
            self._ready.extend(sorted(claimed))
            self._changed.notify_all()
        return bool(claimed)

    def _next(self) -> Claimed | None:
        """Return what to send next, waiting for it; None at the end."""
        with self._changed:
            while True:
                for _ in range(len(self._ready)):
                    one = self._ready.popleft()
                    if self._sending[one[1]] < self._per_endpoint:
                        self._sending[one[1]] += 1
                        return one
                    self._ready.append(one)
                if self._ending:
                    return None
                self._changed.wait()

    def _send_all(self) -> None:
        connections: dict[str, http.client.HTTPConnection] = {}
        while one := self._next():
            delivery_id, url, uuid, body = one
            parts = urlsplit(url)
            if url not in connections:
                connections[url] = http.client.HTTPConnection(parts.netloc, timeout=15)
            try:
                headers = {"webhook-id": uuid, "content-type": "application/cloudevents+json"}
                connections[url].request("POST", parts.path, body.encode(), headers)
                connections[url].getresponse().read()
            except (OSError, http.client.HTTPException):
                connections.pop(url).close()
            self._finish(delivery_id, url)
        for connection in connections.values():
            connection.close()

    def _finish(self, delivery_id: int, url: str) -> None:
        with self._changed:
            self._done.append(delivery_id)
            self._sending[url] -= 1
            self._changed.notify()
        with suppress(OSError):  # the pipe is full: the loop is awake
            os.write(self._wake, b".")


def create(cursor: Any) -> None:
    """Make its two tables."""
    cursor.execute(SCHEMA)


def insert(cursor: Any, uuid: str, subject: str, body: str, url: str) -> None:
    """Store one message for delivery: the bare two-row INSERT."""
    cursor.execute(
        "INSERT INTO bench_event (uuid, subject, body) VALUES (%s, %s, %s) RETURNING id", (uuid, subject, body)
    )
    cursor.execute("INSERT INTO bench_delivery (event_id, url) VALUES (%s, %s)", (cursor.fetchone()[0], url))


def add(cursor: Any, messages: Iterable[tuple[str, str, str, str]]) -> None:
    """Store messages (id, subject, body, url) for delivery, and wake the prototype at the commit."""
    for message in messages:
        insert(cursor, *message)
    cursor.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def main() -> None:
    """Deliver until SIGTERM; libpq's variables say from where."""
    prototype = Prototype(lambda: psycopg2.connect(""))
    signal.signal(signal.SIGTERM, lambda _number, _frame: prototype.stopping.set())
    prototype.run(seconds=86400.0, ready=lambda: print("prototype ready", flush=True))


if __name__ == "__main__":
    main()
