"""Where an engine process waits: a LISTEN connection and a pipe that its own threads write to."""

import os
import select
from contextlib import suppress

from odoo.sql_db import db_connect
from odoo.tools import SQL

CHANNEL = "integration_engine"


class Inbox:
    """Wakes the engine when another transaction added work or one of its own threads finished."""

    def __init__(self, dbname: str) -> None:
        self._cr = db_connect(dbname).cursor()
        self._cr.execute(SQL("LISTEN %s", SQL.identifier(CHANNEL)))
        self._cr.commit()  # pylint: disable=invalid-commit
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def poke(self) -> None:
        """Wake the engine from one of its threads."""
        with suppress(OSError):  # the pipe is full or closed: the engine is awake, or gone
            os.write(self._writer, b".")

    def wait(self, timeout: float) -> bool:
        """Sleep up to ``timeout`` seconds; return True when woken.

        :raises psycopg2.OperationalError: when the database connection is lost
        """
        connection = self._cr._cnx
        ready, _, _ = select.select([connection, self._reader], [], [], timeout)
        if self._reader in ready:
            os.read(self._reader, 4096)
        if connection in ready:
            connection.poll()
            connection.notifies.clear()
        return bool(ready)

    def close(self) -> None:
        """Give the connection back; it no longer listens."""
        try:
            self._cr.execute(SQL("UNLISTEN %s", SQL.identifier(CHANNEL)))
            self._cr.commit()  # pylint: disable=invalid-commit
        finally:
            self._cr.close()
            os.close(self._reader)
            os.close(self._writer)
