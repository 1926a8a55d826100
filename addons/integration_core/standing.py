"""Connections that a process keeps open, so that PostgreSQL plans a statement once and not for every request.

Odoo's pool resets a connection whenever it lends it, and PostgreSQL forgets its plans then; to plan a long statement
takes longer than to carry it out. A standing connection belongs to no request and no transaction of Odoo's: a statement
that runs on it is a transaction of its own, committed when it returns. It takes no place in Odoo's pool.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg2
from odoo.sql_db import connection_info_for

from .tools import Statement, keep_plans

_logger = logging.getLogger(__name__)

MOST: Final = 4
"""Connections of one process, to all its databases together. A prefork worker, with one thread, never needs but one."""
IDLE_SECONDS: Final = 300.0
"""A connection that was not used for so long is closed: less than what firewalls usually forget one after."""
PAUSE_SECONDS: Final = 10.0
"""For how long no connection is opened after PostgreSQL refused one."""

_SETTINGS: Final = """
    SET default_transaction_isolation = 'read committed';
    SET jit = off;
    SET plan_cache_mode = force_generic_plan;
    -- A plan is kept while its tables grow from nothing; by index it is right for any size.
    SET enable_seqscan = off;
"""


@dataclass(eq=False)
class _Standing:
    dbname: str
    connection: Any
    cursor: Any
    used_at: float


class Connections:
    """The standing connections of one process; safe to use from its threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._idle: list[_Standing] = []
        self._count = 0
        self._paused_until = 0.0

    def run(self, dbname: str, statement: Statement, values: Mapping[str, object]) -> tuple[Any, ...] | None:
        """Carry out a statement as a transaction of its own; return its row.

        Return None when there is no connection to spare, or when it was lost. Nobody knows then whether the statement
        was carried out: it must be one that the caller may repeat.
        """
        standing = self._take(dbname)
        if standing is None:
            return None
        began = time.perf_counter()
        try:
            statement.execute(standing.cursor, values)
            row: tuple[Any, ...] | None = standing.cursor.fetchone()
        except psycopg2.Error as error:
            # What is wrong with the statement itself, the caller will hear when it repeats it.
            _logger.info("a standing connection to %s is given up: %s", dbname, error)
            self._close(standing)
            return None
        except BaseException:
            self._close(standing)
            raise
        self._give_back(standing)
        _count(time.perf_counter() - began)
        return row

    def close(self) -> None:
        """Close every connection that nobody uses at the moment."""
        with self._lock:
            idle, self._idle = self._idle, []
        for standing in idle:
            self._close(standing)

    # -- one connection ------------------------------------------------------------------------------------------------

    def _take(self, dbname: str) -> _Standing | None:
        now = time.monotonic()
        with self._lock:
            if self._pid != os.getpid():  # a fork: the connections are the parent's
                self._pid, self._idle, self._count = os.getpid(), [], 0
            surplus = self._surplus(dbname, now)
            standing = next((one for one in reversed(self._idle) if one.dbname == dbname), None)
            if standing is not None:
                self._idle.remove(standing)
            may_open = standing is None and self._count < self._most and now >= self._paused_until
            if may_open:
                self._count += 1
        for one in surplus:
            self._hang_up(one)
        return self._open(dbname) if may_open else standing

    def _surplus(self, dbname: str, now: float) -> list[_Standing]:
        """Take out those that were idle too long, and one of another database where there is room for no more."""
        found = [one for one in self._idle if now - one.used_at > IDLE_SECONDS]
        kept = [one for one in self._idle if one not in found]
        if self._count - len(found) >= self._most and kept and all(one.dbname != dbname for one in kept):
            found.append(kept.pop(0))
        self._idle = kept
        self._count -= len(found)
        return found

    def _open(self, dbname: str) -> _Standing | None:
        try:
            _name, info = connection_info_for(dbname)
            connection = psycopg2.connect(**info)
        except psycopg2.Error as error:
            _logger.info("no standing connection to %s: %s", dbname, error)
            self._forget_one(pause=True)
            return None
        standing = _Standing(dbname, connection, connection.cursor(), time.monotonic())
        try:
            connection.autocommit = True
            standing.cursor.execute(_SETTINGS)
        except psycopg2.Error as error:
            _logger.info("no standing connection to %s: %s", dbname, error)
            self._close(standing)
            return None
        keep_plans(standing.cursor)
        return standing

    def _give_back(self, standing: _Standing) -> None:
        standing.used_at = time.monotonic()
        with self._lock:
            self._idle.append(standing)

    def _close(self, standing: _Standing) -> None:
        self._hang_up(standing)
        self._forget_one()

    def _forget_one(self, *, pause: bool = False) -> None:
        with self._lock:
            self._count -= 1
            if pause:
                self._paused_until = time.monotonic() + PAUSE_SECONDS

    @staticmethod
    def _hang_up(standing: _Standing) -> None:
        with contextlib.suppress(psycopg2.Error):
            standing.connection.close()


def _count(seconds: float) -> None:
    """Count one statement to the request of this thread, as Odoo counts those of its own cursors."""
    thread: Any = threading.current_thread()
    if hasattr(thread, "query_count"):
        thread.query_count += 1
        thread.query_time += seconds


connections: Final = Connections()
