"""The order of ordered deliveries, and the position of every event.

Ids are not commit order: a long transaction takes its ids early and commits late. One sequencer at a time numbers what
one snapshot shows to be committed. An event that was committed before another one's transaction began is visible in
every snapshot that shows the other, and has the lower transaction id; so numbering by transaction id within a snapshot
never puts a later event first, and nothing has to wait for a long transaction elsewhere.

Of each ordering key of an ordered subscription, one open delivery is the *head* (claimable, being tried, or a dead
letter); the others stand behind it (``BLOCKED``) until it is done or skipped. Two rules make this safe with any number
of workers: the sequencer puts a delivery behind a head only while it holds a lock on that head's row, and whoever
removes a head looks for the next one in a statement that begins after the removal. A head that is being claimed or
completed at that very moment is skipped; its followers are arranged in the next round. :func:`mend` is the safety net.
"""

from collections.abc import Collection

from odoo.sql_db import BaseCursor

from ..tools import Statement
from .claims import BLOCKED, BY_INDEX, FRESH, HEADS, RETRY, UNPOSITIONED

BATCH = 2000
_LOCK = 0x696E7467  # 'intg': the advisory lock of the one sequencer of a database


_ANY = Statement(
    """
    SELECT (EXISTS (SELECT 1 FROM integration_event_position WHERE position IS NULL)
            OR EXISTS (SELECT 1 FROM integration_due d JOIN integration_event_position p USING (event_id)
                        WHERE d.order_key IS NOT NULL AND d.tier = %(unpositioned)s::smallint))
           AND pg_try_advisory_xact_lock(%(lock)s::bigint)
    """,
    settings=BY_INDEX,
)
_NUMBER = Statement(
    """
    WITH fresh AS (
        SELECT event_id, row_number() OVER (ORDER BY xact_id, event_id) AS turn
          FROM (SELECT event_id, xact_id FROM integration_event_position
                 WHERE position IS NULL ORDER BY xact_id, event_id LIMIT %(batch)s::int) AS pending)
    UPDATE integration_event_position p
       SET position = fresh.turn + (SELECT COALESCE(max(position), 0) FROM integration_event_position)
      FROM fresh WHERE p.event_id = fresh.event_id
    """,
    settings=BY_INDEX,
)


def sequence(cr: BaseCursor) -> int:
    """Give committed events their positions and arrange ordered deliveries; return how many of both there were.

    Does nothing while another process is at it. One READ COMMITTED transaction, which the caller commits.
    """
    _ANY.execute(cr, {"unpositioned": UNPOSITIONED, "lock": _LOCK})
    if not cr.fetchone()[0]:
        return 0
    return _number(cr) + _arrange(cr)


def _number(cr: BaseCursor) -> int:
    # The lock was taken by an earlier statement: this one sees what the last sequencer committed.
    _NUMBER.execute(cr, {"batch": BATCH})
    return cr.rowcount


def _arrange(cr: BaseCursor) -> int:
    """Let the first of each key go and put the others behind it."""
    cr.execute(
        """
        CREATE TEMP TABLE IF NOT EXISTS integration_arriving
            (id int, subscription_id int, order_key varchar, position bigint) ON COMMIT DELETE ROWS
        """
    )
    cr.execute(
        """
        INSERT INTO integration_arriving
        SELECT d.id, d.subscription_id, d.order_key, p.position
          FROM integration_due d JOIN integration_event_position p ON p.event_id = d.event_id
         WHERE d.order_key IS NOT NULL AND d.tier = %s AND p.position IS NOT NULL ORDER BY p.position LIMIT %s
        """,
        (UNPOSITIONED, BATCH),
    )
    arrived = cr.rowcount
    if not arrived:
        return 0
    heads = """
        SELECT d.id FROM integration_due d
          JOIN (SELECT DISTINCT subscription_id, order_key FROM integration_arriving) a
            ON a.subscription_id = d.subscription_id AND a.order_key = d.order_key
         WHERE d.tier IN %s
    """
    cr.execute(f"{heads} FOR UPDATE OF d SKIP LOCKED", (HEADS,))
    locked = {row[0] for row in cr.fetchall()}
    cr.execute(heads, (HEADS,))
    unlocked = [row[0] for row in cr.fetchall() if row[0] not in locked]
    cr.execute(
        """
        WITH busy AS (SELECT subscription_id, order_key FROM integration_due WHERE id = ANY (%(unlocked)s)),
        held AS (SELECT subscription_id, order_key FROM integration_due WHERE id = ANY (%(locked)s)),
        line AS (
            SELECT a.id, a.position,
                   CASE WHEN (a.subscription_id, a.order_key) IN (SELECT * FROM held) THEN 2
                        ELSE row_number() OVER (PARTITION BY a.subscription_id, a.order_key ORDER BY a.position)
                    END AS turn
              FROM integration_arriving a WHERE (a.subscription_id, a.order_key) NOT IN (SELECT * FROM busy))
        UPDATE integration_due d
           SET position = line.position, tier = CASE WHEN line.turn = 1 THEN %(fresh)s ELSE %(blocked)s END,
               due_at = CASE WHEN line.turn = 1 THEN GREATEST(d.due_at, clock_timestamp() AT TIME ZONE 'UTC')
                             ELSE d.due_at END
          FROM line WHERE d.id = line.id
        """,
        {"unlocked": unlocked, "locked": list(locked), "fresh": FRESH, "blocked": BLOCKED},
    )
    return arrived


_NEXT = """
    UPDATE integration_due d
       SET tier = CASE WHEN d.attempts > 0 THEN %(retry)s ELSE %(fresh)s END,
           due_at = clock_timestamp() AT TIME ZONE 'UTC'
     WHERE d.id IN (
        SELECT n.id FROM (SELECT DISTINCT subscription_id, order_key FROM {keys}) k (subscription_id, order_key)
         CROSS JOIN LATERAL (
            SELECT b.id FROM integration_due b
             WHERE b.subscription_id = k.subscription_id AND b.order_key = k.order_key AND b.tier = %(blocked)s
             ORDER BY b.position LIMIT 1) n
         WHERE NOT EXISTS (
            SELECT 1 FROM integration_due h
             WHERE h.subscription_id = k.subscription_id AND h.order_key = k.order_key AND h.tier IN %(heads)s))
       AND d.tier = %(blocked)s
"""
_TIERS = {"fresh": FRESH, "retry": RETRY, "blocked": BLOCKED, "heads": HEADS}


def release(cr: BaseCursor, freed: Collection[tuple[int, str]]) -> int:
    """Let the next delivery of each ordering key go, whose head has just been removed; return how many."""
    if not freed:
        return 0
    keys = sorted(freed)
    cr.execute(
        _NEXT.format(keys="unnest(%(subscriptions)s::int[], %(keys)s::varchar[]) AS f (subscription_id, order_key)"),
        {**_TIERS, "subscriptions": [key[0] for key in keys], "keys": [key[1] for key in keys]},
    )
    return cr.rowcount


def mend(cr: BaseCursor) -> int:
    """Let go the first of each ordering key that has lost its head without anybody's notice; return how many.

    A process may die between the end of a handler's transaction and the release that follows it, and deliveries can
    disappear with their event.
    """
    cr.execute(_NEXT.format(keys="integration_due WHERE order_key IS NOT NULL AND tier = 2"), _TIERS)
    return cr.rowcount
