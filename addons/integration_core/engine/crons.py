"""Odoo's cron threads outlive an outage of PostgreSQL.

A threaded Odoo ends a cron thread that cannot connect again after its connection was lost, and makes no other: once
PostgreSQL was away for a moment, no cron runs until somebody restarts Odoo, the engine among them. (In prefork the
master process makes new cron workers by itself.) The keeper starts such a thread again, by Odoo's own method, when the
database is back.
"""

import logging
import threading
from contextlib import closing, suppress

import psycopg2
from odoo.service import server as odoo_server
from odoo.sql_db import db_connect

_logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0
FIRST_LOOK = 0.05
"""Odoo begins its cron threads when it has loaded its databases: soon, but after the keeper."""
_PREFIX = "odoo.service.cron.cron"


class CronKeeper(threading.Thread):
    """Watches the cron threads of one threaded Odoo."""

    def __init__(self, server: odoo_server.ThreadedServer, stopping: threading.Event) -> None:
        """Take the server, and the event that is set when Odoo stops."""
        super().__init__(name="integration-cron-keeper", daemon=True)
        self._server, self._stopping = server, stopping
        self._seen: set[str] = set()
        self._unheard = False

    def run(self) -> None:
        """Look once a second until Odoo stops."""
        while not self._stopping.wait(LOOK_EVERY if self._seen else FIRST_LOOK):
            self.look()

    def look(self) -> None:
        """Start again every cron thread that was there and has ended, if the database answers.

        What was to wake them meanwhile nobody has heard: one look later, when they listen, they are woken.
        """
        alive = self._alive()
        gone = self._seen - alive
        self._seen |= alive
        if not (gone or self._unheard):
            return
        with suppress(psycopg2.Error), closing(db_connect("postgres").cursor()) as cr:
            for name in sorted(gone):
                self._start_again(name)
            if self._unheard:
                cr.execute("SELECT pg_notify('cron_trigger', name) FROM unnest(%s) AS name", (sorted(_databases),))
                cr.commit()  # pylint: disable=invalid-commit
            self._unheard = bool(gone)

    def _start_again(self, name: str) -> None:
        number = int(name.removeprefix(_PREFIX))
        thread = threading.Thread(target=self._server.cron_thread, args=(number,), name=name, daemon=True)
        thread.type = "cron"  # type: ignore[attr-defined]  # by which Odoo knows its threads
        thread.start()
        _logger.warning("Odoo's thread %s had ended when the database was away; it runs again", name)

    @staticmethod
    def _alive() -> set[str]:
        return {thread.name for thread in threading.enumerate() if thread.name.startswith(_PREFIX)}


_keeping = threading.Lock()
_databases: set[str] = set()


def keep(dbname: str, stopping: threading.Event) -> None:
    """Have the cron threads of this process watched, which serve ``dbname``, where it is a threaded Odoo."""
    _databases.add(dbname)
    server = odoo_server.server
    if isinstance(server, odoo_server.ThreadedServer) and _keeping.acquire(blocking=False):
        CronKeeper(server, stopping).start()
