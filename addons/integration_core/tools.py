"""Small database helpers that the engine and the gate share."""

import contextlib
import re
from collections.abc import Iterator, Mapping

from odoo.sql_db import BaseCursor, Cursor
from odoo.tools import SQL
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

_PLACE = re.compile(r"\$\{([a-z_]+)\}")


def is_real(cr: BaseCursor) -> bool:
    """Tell a real cursor from the pseudo-cursor of the test framework."""
    return isinstance(cr, Cursor)


def begin_read_committed(cr: BaseCursor) -> None:
    """Start a fresh READ COMMITTED transaction on ``cr``.

    Odoo's cursors are REPEATABLE READ, where claiming rows and inserting keys that another transaction has just
    committed raise serialization failures. The engine's claims and the inbound path must instead wait and then see
    the other's row. Whatever the transaction had not committed is rolled back: call it first.
    """
    if not is_real(cr):
        return  # a test cursor shares one long transaction, whose isolation can no longer change
    cr.rollback()
    cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")


def stay_read_committed(cr: BaseCursor) -> None:
    """Make all transactions of ``cr`` READ COMMITTED from now on, with no statement of their own for it.

    For a cursor that does nothing else. What its transaction had not committed is rolled back: call it first.
    """
    if is_real(cr):
        cr.rollback()
        cr.connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)  # the next cursor sets its own


@contextlib.contextmanager
def engine_cursor(registry) -> Iterator[BaseCursor]:
    """Yield a cursor in a READ COMMITTED transaction of its own; commit on a clean exit, roll back otherwise."""
    with registry.cursor() as cr:
        begin_read_committed(cr)
        yield cr


class Template:
    """A statement whose constant parts are put together once; composing a long one takes longer than running it.

    :param SQL statement: with :meth:`place` where a value goes
    """

    def __init__(self, cr: BaseCursor, statement: SQL) -> None:
        text = cr.mogrify(statement).decode().replace("%", "%%")
        self._text = _PLACE.sub(r"%(\1)s", text)

    @staticmethod
    def place(name: str) -> SQL:
        """SQL of the value called ``name``, for the statement of a template."""
        return SQL("${" + name + "}")  # pylint: disable=sql-injection

    def execute(self, cr: BaseCursor, values: Mapping[str, object]) -> None:
        """Run the statement with these values."""
        cr.execute(self._text, values)


def utc_now() -> SQL:
    """SQL for the wall clock as Odoo stores times: UTC without a zone."""
    return SQL("(clock_timestamp() AT TIME ZONE 'UTC')")


def set_xact_id_column(cr: BaseCursor, table: str) -> None:
    """Give ``table`` a column with the 64-bit id of the inserting transaction.

    The ORM has no such type. The sequencer needs it to put events in the order of their commits.
    """
    cr.execute(
        SQL(
            "ALTER TABLE %s ADD COLUMN IF NOT EXISTS xact_id xid8 NOT NULL DEFAULT pg_current_xact_id()",
            SQL.identifier(table),
        )
    )
