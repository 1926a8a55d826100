"""Asking the bucket of a system's allowance in the database, without a cursor of Odoo's."""

import threading
from typing import Any, Final

from odoo.addons.integration_core import standing
from odoo.addons.integration_core.tools import Statement

from .domain.rate import Answer, Question

_spare: Final = standing.Connections(most=1)
_spare_lock: Final = threading.Lock()

# What :meth:`rate.Bucket.answer` says; sixty is its window.
_ASKING: Final = Statement(
    """
    INSERT INTO integration_rate AS r (system_id, per_window, tokens, granted, filled_at)
    VALUES (%(system_id)s::int, %(per_window)s::int,
            %(per_window)s::int - LEAST(%(want)s::int, %(per_window)s::int),
            LEAST(%(want)s::int, %(per_window)s::int), clock_timestamp() AT TIME ZONE 'UTC')
    ON CONFLICT (system_id) DO UPDATE SET (per_window, filled_at, tokens, granted) = (
        SELECT EXCLUDED.per_window, GREATEST(r.filled_at, EXCLUDED.filled_at),
               held.available - given.granted, given.granted
          FROM (SELECT LEAST(
                    EXCLUDED.per_window,
                    r.tokens * EXCLUDED.per_window / r.per_window
                    + GREATEST(0, EXTRACT(EPOCH FROM EXCLUDED.filled_at - r.filled_at))::float8
                      * EXCLUDED.per_window / 60
                    + %(back)s::int) AS available) AS held,
               LATERAL (SELECT LEAST(%(want)s::int, floor(held.available)) AS granted) AS given)
    RETURNING granted, tokens
    """
)


def ask(dbname: str, system_id: int, question: Question) -> Answer | None:
    """Carry a question to the bucket of a system, in a transaction of its own; None when no connection is to be had."""
    values = _values(system_id, question)
    row = standing.connections.run(dbname, _ASKING, values)
    if row is None:  # all are busy, or it was lost
        with _spare_lock:
            row = _spare.run(dbname, _ASKING, values)
    return Answer(*row) if row else None


def ask_on(cr: Any, system_id: int, question: Question) -> Answer:
    """Do the same in the transaction of ``cr``, for tests: no other connection sees what they do."""
    _ASKING.execute(cr, _values(system_id, question))
    return Answer(*cr.fetchone())


def _values(system_id: int, question: Question) -> dict[str, object]:
    return {
        "system_id": system_id,
        "per_window": question.per_window,
        "want": question.want,
        "back": question.back,
    }
