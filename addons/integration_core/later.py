"""What requests leave in memory, stored a moment later by a thread of this process: never while a sender waits.

Whoever has something to store later keeps it as :class:`Notes`, and says so with :meth:`Writer.store`. About once
a second all notes are stored, each kind in a transaction of its own, on a connection outside Odoo's pool that is closed
when there is nothing to do. While PostgreSQL is away they stay in memory; each kind of notes has a bound of its own.

Nothing is lost when a process ends in order: when Odoo is stopped or reloaded, and when a prefork worker is replaced
for its age, its memory or its requests. What a process noted in its last second is lost when it is killed (``kill -9``,
a signal sent to a worker itself, a power failure), so only what may be lost is stored this way.
"""

import atexit
import contextlib
import logging
import os
import threading
import time
from typing import Any, Final, Protocol, TypeVar

import psycopg2
from odoo.service.server import CommonServer
from odoo.sql_db import BaseCursor, connection_info_for

from . import discreet, tools

_logger = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 1.0
"""For how long notes are collected before they are stored."""
IDLE_SECONDS: Final = 15.0
"""A connection that had nothing to store for so long is closed."""
PAUSE_SECONDS: Final = 5.0
"""For how long nothing is tried after PostgreSQL could not store."""
_LAST_SECONDS: Final = 10.0
"""How long the end of a process tries to store its last notes."""
_CONNECT_SECONDS: Final = 5
_HURRY_SECONDS: Final = 0.05
_SETTINGS: Final = "SET lock_timeout = '5s'; SET statement_timeout = '10s'; SET jit = off"

BatchT = TypeVar("BatchT")


class Notes(Protocol[BatchT]):
    """What one process has noted of one kind for one database. All but :meth:`store` may be called by any thread."""

    def take(self) -> BatchT:
        """Return what was noted and not stored yet, something false when there is nothing; it is forgotten here."""

    def put_back(self, batch: BatchT) -> None:
        """Remember again what was taken and could not be stored."""

    def store(self, cr: Any, batch: BatchT) -> None:
        """Store what was taken, on a cursor of psycopg2 or one of Odoo's in tests; the caller commits."""


NotesT = TypeVar("NotesT", bound=Notes[Any])


class Writer:
    """Stores the notes of one process."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        """Start with nothing: a process that was forked does not store what its parent has noted."""
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._stir = threading.Event()
        self._hurry = threading.Event()
        self._notes: dict[tuple[str, type], Any] = {}
        self._due: set[tuple[str, type]] = set()
        self._connections: dict[str, Any] = {}
        self._paused_until = 0.0
        self._thread: threading.Thread | None = None

    def notes(self, dbname: str, kind: type[NotesT]) -> NotesT:
        """Return the notes of this kind that this process keeps for the database."""
        found: NotesT | None = self._notes.get((dbname, kind))
        if found is None:
            with self._lock:
                found = self._notes.setdefault((dbname, kind), kind())
        return found

    def store_soon(self, dbname: str, kind: type[Notes[Any]]) -> None:
        """Have the notes of this kind stored within about a second."""
        place = (dbname, kind)
        if place in self._due:
            return
        with self._lock:
            self._due.add(place)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="integration_core.later", daemon=True)
                self._thread.start()
        self._stir.set()

    def store(self, cr: BaseCursor, kind: type[Notes[Any]]) -> None:
        """Have them stored soon; for a test, in whose transaction ``cr`` is, at once: no other connection sees it."""
        if not tools.is_in_test(cr):
            self.store_soon(cr.dbname, kind)
            return
        notes = self.notes(cr.dbname, kind)
        if batch := notes.take():
            notes.store(cr, batch)

    def flush(self) -> None:
        """Store what is due now; what cannot be stored stays due."""
        if not self._writing.acquire(timeout=_LAST_SECONDS):
            return
        try:
            for place in self._take_due():
                self._store_now(*place)
        finally:
            self._writing.release()

    def finish(self) -> None:
        """Store everything now, and from now on as soon as it is noted: the process is about to end."""
        self._hurry.set()
        until = time.monotonic() + _LAST_SECONDS
        while True:
            self.flush()
            if not self._due or time.monotonic() > until:
                return
            time.sleep(_HURRY_SECONDS)

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            if not self._stir.wait(IDLE_SECONDS):
                self._hang_up()
                self._stir.wait()
            if self._hurry.wait(max(INTERVAL_SECONDS, self._paused_until - time.monotonic())):
                time.sleep(_HURRY_SECONDS)  # the last requests of a server that is stopping
            self._stir.clear()
            self.flush()
            if self._due:
                self._stir.set()

    def _take_due(self) -> set[tuple[str, type]]:
        with self._lock:
            due, self._due = self._due, set()
        return due

    def _store_now(self, dbname: str, kind: type) -> None:
        notes = self._notes[dbname, kind]
        batch = notes.take()
        if not batch:
            return
        try:
            connection = self._connection(dbname)
            with connection, connection.cursor() as cr:
                notes.store(cr, batch)
        except psycopg2.Error as error:
            _logger.warning("what was noted for %s is stored later: %s", dbname, type(error).__name__)
            notes.put_back(batch)
            self._give_up(dbname)
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            with self._lock:
                self._due.add((dbname, kind))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
            # Whatever it is, it would happen again; the thread goes on for the others.
            message = "%s of %s could not be stored and is forgotten"
            discreet.failed(_logger, message, kind.__name__, dbname, error=error)
            self._give_up(dbname)

    def _connection(self, dbname: str) -> Any:
        if dbname not in self._connections:
            _name, info = connection_info_for(dbname)
            connection = psycopg2.connect(**{"connect_timeout": _CONNECT_SECONDS, **info})
            self._connections[dbname] = connection
            with connection, connection.cursor() as cr:
                cr.execute(_SETTINGS)
        return self._connections[dbname]

    def _give_up(self, dbname: str) -> None:
        connection = self._connections.pop(dbname, None)
        if connection is not None:
            with contextlib.suppress(psycopg2.Error):
                connection.close()

    def _hang_up(self) -> None:
        with self._writing:
            for dbname in list(self._connections):
                self._give_up(dbname)


writer: Final = Writer()
os.register_at_fork(after_in_child=writer._begin)
CommonServer.on_stop(writer.finish)  # before a server replaces itself by a new one, which ends no process
atexit.register(writer.finish)
