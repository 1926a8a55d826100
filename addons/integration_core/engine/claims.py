"""Claiming and completing deliveries: the few SQL statements on which the engine stands.

Every statement here runs in a READ COMMITTED transaction. A lease has an owner, an end and a fencing token that rises
with each claim; a result whose token is no longer the delivery's changes nothing.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from odoo.sql_db import BaseCursor
from odoo.tools import SQL

from ..tools import utc_now

# Three dead processes on one delivery make it poison.
POISON_CRASHES = 3


def lease_seconds() -> int:
    """How long a claim lasts. Must exceed the longest try; the environment shortens it for tests of crashes."""
    return int(os.environ.get("INTEGRATION_LEASE_SECONDS", "120"))


@dataclass(frozen=True)
class Claimed:
    """A delivery that this process holds until its lease ends."""

    id: int
    token: int
    event_id: int
    subscription_id: int
    company_id: int
    lane: int
    attempts: int
    crashes: int
    handler: str | None


@dataclass(frozen=True)
class Result:
    """What came of one try.

    ``state`` is ``done``, ``waiting`` (again in ``delay`` seconds) or ``dead``. A result that was not ``spent``
    leaves no attempt behind: the delivery was held back, not tried.
    """

    claimed: Claimed
    state: str
    outcome: str
    started_at: datetime
    duration_ms: int = 0
    delay: float = 0.0
    error_code: str | None = None
    error_detail: str | None = None
    status_code: int | None = None
    excerpt: str | None = None
    spent: bool = True
    extra: object = None


def claim(
    cr: BaseCursor, *, consumer: str, owner: str, limit: int, condition: SQL, without: Sequence[int] = ()
) -> list[Claimed]:
    """Take up to ``limit`` due deliveries for ``owner``, critical lanes first, fresh work ahead of retries.

    :param condition: SQL over ``d`` (delivery) and ``s`` (subscription) that holds back paused work
    :param without: subscriptions that have enough in flight
    """
    cr.execute(
        SQL(
            """
            WITH due AS (
                SELECT d.id
                  FROM integration_delivery d JOIN integration_subscription s ON s.id = d.subscription_id
                 WHERE d.state = 'waiting' AND d.consumer = %(consumer)s AND d.due_at <= %(now)s AND (%(condition)s)
                   AND d.subscription_id <> ALL (%(without)s)
                 ORDER BY d.lane, (d.attempts > 0), d.due_at, d.id
                 LIMIT %(limit)s FOR UPDATE OF d SKIP LOCKED)
            UPDATE integration_delivery d
               SET state = 'leased', token = d.token + 1, lease_owner = %(owner)s,
                   lease_until = %(now)s + make_interval(secs => %(lease)s),
                   first_claim_at = COALESCE(d.first_claim_at, %(now)s)
              FROM due, integration_subscription s
             WHERE d.id = due.id AND s.id = d.subscription_id
            RETURNING d.id, d.token, d.event_id, d.subscription_id, d.company_id, d.lane, d.attempts, d.crashes,
                      s.handler
            """,
            consumer=consumer,
            owner=owner,
            limit=limit,
            now=utc_now(),
            lease=lease_seconds(),
            condition=condition,
            without=list(without),
        )
    )
    return sorted((Claimed(*row) for row in cr.fetchall()), key=lambda c: (c.lane, c.event_id, c.id))


def reclaim(cr: BaseCursor, *, worker: str) -> list[tuple[int, str]]:
    """Take back deliveries whose lease ended: their process died. Return (delivery id, new state).

    Each goes alone from now on; after three dead processes it is a dead letter.
    """
    cr.execute(
        SQL(
            """
            WITH lost AS (
                SELECT id FROM integration_delivery WHERE state = 'leased' AND lease_until < %(now)s
                 ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED),
            back AS (
                UPDATE integration_delivery d
                   SET state = CASE WHEN d.crashes + 1 >= %(poison)s THEN 'dead' ELSE 'waiting' END,
                       crashes = d.crashes + 1, token = d.token + 1, lease_owner = NULL, lease_until = NULL,
                       due_at = %(now)s,
                       error_code = 'process_died',
                       dead_since = CASE WHEN d.crashes + 1 >= %(poison)s THEN %(now)s END,
                       owner_id = CASE WHEN d.crashes + 1 >= %(poison)s THEN s.owner_id END
                  FROM lost, integration_subscription s WHERE d.id = lost.id AND s.id = d.subscription_id
                RETURNING d.id, d.state, d.attempts + d.crashes AS number),
            tried AS (
                INSERT INTO integration_attempt (delivery_id, number, started_at, outcome, error_code, worker)
                SELECT id, number, %(now)s, 'crashed', 'process_died', %(worker)s FROM back)
            SELECT id, state FROM back
            """,
            now=utc_now(),
            poison=POISON_CRASHES,
            worker=worker,
        )
    )
    return cr.fetchall()


_COMPLETE = """
    WITH r (id, token, state, delay, error_code, error_detail, spent, outcome, started_at, duration_ms, status_code,
            excerpt) AS (VALUES %s),
    u AS (
        UPDATE integration_delivery d
           SET state = r.state, lease_owner = NULL, lease_until = NULL, attempts = d.attempts + r.spent::int,
               due_at = CASE WHEN r.state = 'waiting' THEN n.now + make_interval(secs => r.delay) ELSE d.due_at END,
               error_code = r.error_code, error_detail = r.error_detail,
               done_at = CASE WHEN r.state = 'done' THEN n.now END,
               dead_since = CASE WHEN r.state = 'dead' THEN n.now END,
               owner_id = CASE WHEN r.state = 'dead' THEN s.owner_id END
          FROM r, integration_subscription s,
               (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
         WHERE d.id = r.id AND d.token = r.token AND d.state = 'leased' AND s.id = d.subscription_id
        RETURNING d.id, d.attempts + d.crashes AS number, r.spent, r.outcome, r.started_at, r.duration_ms,
                  r.error_code, r.status_code, r.excerpt),
    tried AS (
        INSERT INTO integration_attempt
            (delivery_id, number, started_at, duration_ms, outcome, error_code, status_code, excerpt, worker)
        SELECT id, number, started_at, duration_ms, outcome, error_code, status_code, excerpt, {worker}
          FROM u WHERE spent)
    SELECT id FROM u
"""
_ROW = "(%s::int, %s::int, %s, %s::float8, %s, %s, %s::bool, %s, %s::timestamp, %s::int, %s::int, %s)"


def complete(cr: BaseCursor, results: Iterable[Result], *, worker: str) -> set[int]:
    """Store results and their attempts in one statement; return the ids of the deliveries that were still ours."""
    rows = [
        (
            r.claimed.id,
            r.claimed.token,
            r.state,
            r.delay,
            r.error_code,
            r.error_detail,
            r.spent,
            r.outcome,
            r.started_at,
            r.duration_ms,
            r.status_code,
            r.excerpt.replace("\0", "") if r.excerpt else None,
        )
        for r in results
    ]
    if not rows:
        return set()
    query = _COMPLETE.replace("{worker}", cr.mogrify("%s", (worker,)).decode().replace("%", "%%"))
    return {row[0] for row in cr.execute_values(query, rows, template=_ROW, page_size=len(rows), fetch=True)}


def next_due(cr: BaseCursor) -> float | None:
    """Seconds until the next waiting delivery is due (0 when one is due now), or None when nothing waits."""
    cr.execute(
        SQL(
            """
            SELECT EXTRACT(epoch FROM min(due_at) - %s)::float8 FROM (
                SELECT min(due_at) AS due_at FROM integration_delivery WHERE state = 'waiting') AS soonest
            """,
            utc_now(),
        )
    )
    seconds = cr.fetchone()[0]
    return None if seconds is None else max(0.0, seconds)
