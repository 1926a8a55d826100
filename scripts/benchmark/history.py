"""A past of many events, made by set-based SQL: as if they had all been delivered long ago.

The columns are looked up first. One that may not be empty and that this module does not know is refused by name, so
that a change of the tables is noticed here and not in the figures. Payloads are left out: retention removes them first,
and nothing that is measured reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmark.site import MeasureError

_CHUNK: Final = 250_000

Sql = Callable[..., list[tuple[object, ...]]]

_EVENT: Final = {
    "uuid": "'history-' || n",
    "company_id": "s.company_id",
    "event_type_id": "t.event_type_id",
    "source": "'/odoo/history/1'",
    "source_event_id": "'history-' || n",
    "webhook_id": "'history-' || n",
    "subject": "'history/' || n % 50000",
    "occurred_at": "g.moment",
    "received_at": "g.moment",
    "partition_key": "'history/' || n % 50000",
    "correlation_id": "'history-' || n",
    "depth": "0",
    "mode": "'live'",
    "res_model": "'integration.bench.record'",
    "res_id": "n % 50000 + 1",
    "body_digest": "repeat('0', 64)",
    "body_size": "900",
    "txn_key": "'history-' || n",
}
_DELIVERY: Final = {
    "event_id": "e.id",
    "subscription_id": "s.id",
    "company_id": "e.company_id",
    "consumer": "s.consumer",
    "lane": "1",
    "state": "'done'",
    "created_at": "e.received_at",
    "due_at": "e.received_at",
    "done_at": "e.received_at + interval '1 second'",
    "attempts": "1",
    "crashes": "0",
    "token": "1",
}
_ATTEMPT: Final = {
    "delivery_id": "d.id",
    "number": "1",
    "started_at": "d.created_at",
    "duration_ms": "12",
    "outcome": "'delivered'",
    "status_code": "204",
    "worker": "'history'",
}
_POSITION: Final = {"event_id": "e.id", "position": "e.id"}


def make(sql: Sql, count: int, note: Callable[[str], None], *, first: int = 1, apart: int = 1) -> None:
    """Have ``count`` events with their deliveries and attempts in a database in which endpoints are prepared.

    Args:
        sql: Runs one statement and commits.
        count: How many events there are to be.
        note: Told how far it is.
        first: The number of the first one that is not there yet.
        apart: Seconds between two of them.

    Raises:
        MeasureError: A table has a column that must be filled and that is not known here.
    """
    for begin in range(first, count + 1, _CHUNK):
        last = min(begin + _CHUNK - 1, count)
        note(f"history: {last:,} events")
        _chunk(sql, begin, last, apart)
    for table in ("event", "event_position", "delivery", "attempt", "due"):
        if _columns(sql, f"integration_{table}"):
            sql(f"VACUUM ANALYZE integration_{table}")


def _chunk(sql: Sql, first: int, last: int, apart: int) -> None:
    before = sql("SELECT COALESCE(max(id), 0) FROM integration_event")[0][0]
    delivered = sql("SELECT COALESCE(max(id), 0) FROM integration_delivery")[0][0]
    moments = f"""
        (SELECT n, (now() AT TIME ZONE 'UTC') - interval '1 day' - n * interval '{apart} seconds' AS moment
           FROM generate_series({first}, {last}) AS n) AS g
        CROSS JOIN LATERAL (SELECT * FROM (
            SELECT s.id, s.company_id, row_number() OVER (ORDER BY s.id) - 1 AS turn, count(*) OVER () AS many
              FROM integration_subscription s WHERE s.consumer = 'endpoint' AND s.active) AS numbered
            WHERE turn = g.n % many) AS s
        JOIN integration_subscription_event_type_rel t ON t.subscription_id = s.id
    """
    _insert(sql, "integration_event", _EVENT, moments)
    events = f"""
        (SELECT * FROM integration_event WHERE id > {before}) AS e
        JOIN integration_subscription_event_type_rel t ON t.event_type_id = e.event_type_id
        JOIN integration_subscription s ON s.id = t.subscription_id AND s.consumer = 'endpoint' AND s.active
    """
    _insert(sql, "integration_delivery", _DELIVERY, events)
    _insert(sql, "integration_attempt", _ATTEMPT, f"(SELECT * FROM integration_delivery WHERE id > {delivered}) AS d")
    if _columns(sql, "integration_event_position"):
        _insert(
            sql,
            "integration_event_position",
            _POSITION,
            f"(SELECT * FROM integration_event WHERE id > {before}) AS e",
        )


def _columns(sql: Sql, table: str) -> dict[str, bool]:
    """Return the columns of a table, and whether each must be filled by whoever inserts."""
    rows = sql(
        """
        SELECT column_name, is_nullable = 'NO' AND column_default IS NULL AND is_generated = 'NEVER'
          FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s
        """,
        table,
    )
    return {str(name): bool(needed) for name, needed in rows}


def _insert(sql: Sql, table: str, known: dict[str, str], source: str) -> None:
    columns = _columns(sql, table)
    unknown = [name for name, needed in columns.items() if needed and name not in known]
    if unknown:
        raise MeasureError(f"{table} has columns that benchmark/history.py does not know: {', '.join(unknown)}")
    names = [name for name in known if name in columns]
    values = ", ".join(known[name] for name in names)
    sql(f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {source}")
