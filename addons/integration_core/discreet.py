"""Logs without values: what went wrong and where, never what it was about.

The text of an error may quote what was stored or sent, and a statement holds it: the name of who pays, for one. So the
engine logs an error's class and the lines of code it came through (:func:`failed`), and of a query that PostgreSQL
refused Odoo's own log keeps the statement with its values left out (:class:`QueryFilter`). Of what a person's request
was refused for, Odoo's log keeps the class (:class:`ErrorFilter`): the person reads the text.
"""

import logging
import re
import traceback
from collections.abc import Iterator
from typing import Final

import psycopg2

_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_BAD_QUERY: Final = "bad query"
_MAX_STATEMENT: Final = 4000
_MAX_CAUSES: Final = 5
_SAYING_ERRORS: Final = ("odoo.http", "odoo.addons.bus.websocket")
"""Loggers that are handed errors to write down as they are."""


def failed(logger: logging.Logger, message: str, *args: object, error: BaseException) -> None:
    """Log an error with what led to it, by class and place."""
    told, lines = message % args, outline(error)
    # The format of JSON has a field for each.
    logger.error("%s\n%s", told, lines, extra={"told": told, "outline": lines})


def outline(error: BaseException) -> str:
    """Return the classes of an error and of its causes, each with the lines of code it came through."""
    parts = []
    for one in _chain(error):
        parts += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in _frames(one)]
        parts.append(name_of(one))
    return "\n".join(parts)


def name_of(error: BaseException) -> str:
    """Return what may be told of an error: its class and, of PostgreSQL's, code, table and constraint."""
    if not isinstance(error, psycopg2.Error) or error.diag is None:
        return type(error).__name__
    facts = [error.pgcode, error.diag.table_name, error.diag.column_name, error.diag.constraint_name]
    return " ".join([type(error).__name__, *filter(None, facts)])


def without_values(statement: object) -> str:
    """Return an SQL statement with every text in it left out."""
    text = statement.decode("utf-8", "replace") if isinstance(statement, bytes) else str(statement)
    return _LITERAL.sub("'…'", text)[:_MAX_STATEMENT]


class QueryFilter(logging.Filter):
    """Rewrites what Odoo's database layer logs of a statement that failed."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, one about a bad query without its values."""
        if str(record.msg).startswith(_BAD_QUERY) and isinstance(record.args, tuple) and len(record.args) == 2:
            statement, error = record.args
            told = name_of(error) if isinstance(error, BaseException) else type(error).__name__
            record.args = (without_values(statement), told)
        return True


class ErrorFilter(logging.Filter):
    """Rewrites what is logged of an error as its text: the class alone stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, one whose message is an error with the error's name instead."""
        said: object = record.msg  # Odoo hands over errors where a text is meant
        if isinstance(said, BaseException):
            record.msg, record.args = "%s", (name_of(said),)
        return True


def install() -> None:
    """Keep values out of Odoo's logs of queries and of requests, once per process."""
    for name, kind in (("odoo.sql_db", QueryFilter), *((name, ErrorFilter) for name in _SAYING_ERRORS)):
        logger = logging.getLogger(name)
        if not any(isinstance(one, kind) for one in logger.filters):
            logger.addFilter(kind())


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield what led to an error, the first cause first."""
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and len(found) < _MAX_CAUSES:
        found.append(at)
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return reversed(found)


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return traceback.extract_tb(error.__traceback__)
