"""Small helpers that the addons share: of the database, and of words on screens."""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from weakref import WeakKeyDictionary

from odoo import fields
from odoo.api import Environment
from odoo.modules import module
from odoo.sql_db import BaseCursor, Cursor
from odoo.tools import SQL
from odoo.tools.translate import get_translation
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, STATUS_READY

_TRANSACTION: Final = "integration_core.transaction"
_PLACE = re.compile(r"\$\{([a-z_]+)\}")
_VALUE = re.compile(r"%\(([a-z_]+)\)s|%%")
_planned: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()
"""Cursors that keep plans: {name of a prepared statement: the text that runs it}."""


class EventIds(tuple[int, ...]):
    """Ids of events in a context, told by code: a context that comes over RPC can never hold one."""

    __slots__ = ()


def is_real(cr: BaseCursor) -> bool:
    """Tell a real cursor from the pseudo-cursor of the test framework."""
    return isinstance(cr, Cursor)


def is_in_test(cr: BaseCursor) -> bool:
    """Tell whether ``cr`` works for a test: what it has done no other connection sees, so none may go on for it."""
    return not is_real(cr) or bool(module.current_test)


def _is_of_a_test(cr: Any) -> bool:
    return isinstance(cr, BaseCursor) and not is_real(cr)


def begin_read_committed(cr: BaseCursor) -> None:
    """Start a fresh READ COMMITTED transaction on ``cr``.

    Odoo's cursors are REPEATABLE READ, where claiming rows and inserting keys that another transaction has just
    committed raise serialization failures. The engine's claims and the inbound path must instead wait and then see
    the other's row. Whatever the transaction had not committed is rolled back: call it first.
    """
    if not is_real(cr):
        return  # a test cursor shares one long transaction, whose isolation can no longer change
    cr.rollback()
    # Compiling a statement takes longer than any statement of these transactions may.
    cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL jit = off")


def hold_no_transaction(cr: BaseCursor) -> None:
    """Roll back what a transaction of ``cr`` may have begun."""
    if is_real(cr) and cr.connection.status != STATUS_READY:
        cr.rollback()


def stay_read_committed(cr: BaseCursor) -> None:
    """Make all transactions of ``cr`` READ COMMITTED from now on, with no statement of their own for it.

    For a cursor that does nothing else. What its transaction had not committed is rolled back: call it first.
    """
    if is_real(cr):
        hold_no_transaction(cr)
        cr.connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)  # the next cursor sets its own


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


def keep_plans(cr: Any) -> None:
    """Have PostgreSQL plan each :class:`Statement` once that runs on ``cr``, for as long as its connection lasts.

    For a cursor that nobody resets meanwhile: of its connection's own, or of Odoo's pool and kept. The plans fit any
    values: those of one moment would be kept for the next.
    """
    if not _is_of_a_test(cr):
        cr.execute("SET plan_cache_mode = force_generic_plan")
        _planned[cr] = {}


class Statement:
    """A statement that runs again and again: put together once and, on a cursor that keeps plans, planned once.

    Planning takes longer than running for most of what the engine says. Elsewhere plans would not survive: Odoo's pool
    resets a connection each time that it is borrowed.

    :param str text: SQL with ``%(name)s`` where a value goes, with a cast where its type does not follow
    :param str settings: statements to go before it, such as what the planner may use
    """

    def __init__(self, text: str, *, settings: str = "") -> None:
        self._text, self._settings = text, settings
        self._name = f"integration_{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @classmethod
    def of(cls, cr: BaseCursor, statement: SQL) -> "Statement":
        """Return the statement with its constants, and :meth:`place` where a value goes."""
        text = cr.mogrify(statement).decode().replace("%", "%%")
        return cls(_PLACE.sub(r"%(\1)s", text))

    @staticmethod
    def place(name: str) -> SQL:
        """SQL of the value called ``name``, for :meth:`of`."""
        return SQL("${" + name + "}")  # pylint: disable=sql-injection

    def execute(self, cr: Any, values: Mapping[str, object]) -> None:
        """Run the statement with these values.

        :param cr: one of Odoo's cursors, or one of a connection of its own
        """
        plans = _planned.get(cr)
        text = self._text if plans is None else (plans.get(self._name) or self._prepare(cr, plans))
        # A test's cursor shares one long transaction, for whose other statements these settings are not meant.
        settings = "" if _is_of_a_test(cr) else self._settings
        cr.execute(settings + text, values)  # pylint: disable=sql-injection; both are constants of the suite's code

    def plan(self, cr: BaseCursor) -> str:
        """Return how PostgreSQL would carry it out for any values, for tests and whoever looks into a slow one."""
        with cr.savepoint(flush=False) as savepoint:
            cr.execute(f"{self._settings} SET LOCAL plan_cache_mode = force_generic_plan")
            plans: dict[str, str] = {}
            text = self._prepare(cr, plans)
            values = dict.fromkeys(re.findall(r"%\((\w+)\)s", text))
            cr.execute(f"EXPLAIN {text}", values)  # pylint: disable=sql-injection; as in execute
            found = "\n".join(row[0] for row in cr.fetchall())
            cr.execute(f"DEALLOCATE {self._name}")
            savepoint.rollback()
        return found

    def _prepare(self, cr: Any, plans: dict[str, str]) -> str:  # pylint: disable=sql-injection
        places: list[str] = []

        def parameter(match: re.Match[str]) -> str:
            name = match[1]
            if name is None:
                return "%"
            if name not in places:
                places.append(name)
            return f"${places.index(name) + 1}"

        body = _VALUE.sub(parameter, self._text)
        cr.execute(f"PREPARE {self._name} AS {body}")  # pylint: disable=sql-injection
        # The type of a list of NULLs does not follow from the list.
        cr.execute("SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = %s", (self._name,))
        (types,) = cr.fetchone()
        values = ", ".join(f"%({name})s::{kind}" for name, kind in zip(places, types, strict=True))
        plans[self._name] = f"EXECUTE {self._name} ({values})" if values else f"EXECUTE {self._name}"
        return plans[self._name]


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


def in_words(env: Environment, text: str, *, module: str = "integration_core") -> str:
    """Return a text that a ``domain`` package of ``module`` marks for translation, in the user's language."""
    return get_translation(module, env.lang or "en_US", text, ())


def age_in_words(env: Environment, moment: datetime | None) -> str:
    """Return how long ago ``moment`` (naive UTC) was, in words; an empty string for none."""
    if not moment:
        return ""
    seconds = max(0, int((fields.Datetime.now() - moment).total_seconds()))
    if seconds < 60:
        return env._("%s s", seconds)
    if seconds < 3600:
        return env._("%s min", seconds // 60)
    if seconds < 2 * 86400:
        return env._("%s h", seconds // 3600)
    return env._("%s days", seconds // 86400)


def money_in_words(env: Environment, amounts: Mapping[str | None, Decimal]) -> list[str]:
    """Return {currency code: amount} as texts in the user's language, one per code; what has no code is left out."""
    known = env["res.currency"].with_context(active_test=False).search([])
    currencies = {currency.name: currency for currency in known}
    return [
        currencies[code].format(float(amount)) if code in currencies else f"{amount:f} {code}"
        for code, amount in sorted((code, amount) for code, amount in amounts.items() if code)
    ]


def money_in_digits(env: Environment, code: str | None, amount: Decimal | float, *, grouped: bool = True) -> str:
    """Return an amount with the decimals of its currency, the same in every language.

    :param code: of the currency; of one that Odoo does not know every digit is told, and two decimals at least
    :param grouped: whether thousands are set apart by commas
    """
    currency = env["res.currency"].with_context(active_test=False).search([("name", "=", code)], limit=1)
    exact = Decimal(str(amount))
    exponent = exact.normalize().as_tuple().exponent
    places = currency.decimal_places if currency else max(2, -exponent if isinstance(exponent, int) else 0)
    return f"{exact:,.{places}f}" if grouped else f"{exact:.{places}f}"
