"""Where an engine process waits: a connection that LISTENs for other transactions' news."""

import select

from odoo.sql_db import db_connect
from odoo.tools import SQL

CHANNEL = "integration_engine"


class Inbox:
    """Hears when another transaction added work, or changed what may be claimed."""

    def __init__(self, dbname: str) -> None:
        """Begin to listen.

        :raises psycopg2.OperationalError: when the database is not there
        """
        self._cr = db_connect(dbname).cursor()
        self._cr.execute(SQL("LISTEN %s", SQL.identifier(CHANNEL)))
        self._cr.commit()  # pylint: disable=invalid-commit

    def wait(self, timeout: float) -> set[str] | None:
        """Sleep up to ``timeout`` seconds; return what was said meanwhile, None for nothing.

        :raises psycopg2.OperationalError: when the connection is lost
        """
        connection = self._cr._cnx
        # Not select(): it knows no file beyond the 1,024th.
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        if not poll.poll(timeout * 1000):
            return None
        connection.poll()
        news = {notification.payload for notification in connection.notifies}
        connection.notifies.clear()
        return news

    def close(self) -> None:
        """Give the connection back; it no longer listens."""
        try:
            self._cr.execute(SQL("UNLISTEN %s", SQL.identifier(CHANNEL)))
            self._cr.commit()  # pylint: disable=invalid-commit
        finally:
            self._cr.close()
