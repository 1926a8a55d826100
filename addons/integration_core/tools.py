"""Small database helpers that the engine and the gate share."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from odoo.sql_db import BaseCursor, Cursor
from odoo.tools import SQL

_TRANSACTION: Final = "integration_core.transaction"


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


@contextlib.contextmanager
def engine_cursor(registry) -> Iterator[BaseCursor]:
    """Yield a cursor in a READ COMMITTED transaction of its own; commit on a clean exit, roll back otherwise."""
    with registry.cursor() as cr:
        begin_read_committed(cr)
        yield cr


def transaction_data(cr: BaseCursor) -> dict[str, Any]:
    """Return what this transaction remembers until it ends, by name.

    Unlike ``cr.cache`` it outlives the rollback of a savepoint. ``serial`` tells apart what tests take for transactions
    within the one they run in.
    """
    return cr.postcommit.data.setdefault(_TRANSACTION, {"serial": 0})


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
