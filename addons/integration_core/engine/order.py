"""The order of ordered deliveries, and the position of every event.

Ids are not commit order: a long transaction takes its ids early and commits late. One sequencer at a time numbers what
one snapshot shows to be committed. An event that was committed before another one's transaction began is visible in
every snapshot that shows the other, and has the lower transaction id; so numbering by transaction id within a snapshot
never puts a later event first, and nothing has to wait for a long transaction elsewhere.

Of each ordering key of an ordered subscription, one open delivery is the *head* (claimable, being tried, or a dead
letter); the others stand behind it (``BLOCKED``) until it is done or skipped. Two rules make this safe with any number
of workers: the sequencer puts a delivery behind earlier ones only while it holds a lock on one of their rows, and
whoever removes a head looks for the next one in a statement that begins after the removal. Where all of them are being
claimed or completed at that very moment, the newcomer is arranged in the next round. :func:`mend` is the safety net.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from odoo.sql_db import BaseCursor

from ..tools import Statement
from .claims import BLOCKED, BY_KEY, FRESH, IN_ORDER, RETRY

BATCH = 2000
_LOCK = 0x696E7467  # 'intg': the advisory lock of the one sequencer of a database


_LOOK = Statement(
    """
    SELECT EXISTS (SELECT 1 FROM integration_event_position WHERE position IS NULL AND xact_id >= %(since)s::xid8),
           EXISTS (SELECT 1 FROM integration_due WHERE tier = 3),
           pg_snapshot_xmin(pg_current_snapshot())::text
    """,
    settings=IN_ORDER,
)
_TRY_LOCK = Statement("SELECT pg_try_advisory_xact_lock(%(lock)s::bigint)")
_PENDING = Statement(
    """
    SELECT event_id, (SELECT COALESCE(max(position), 0) FROM integration_event_position),
           pg_snapshot_xmin(pg_current_snapshot())::text
      FROM integration_event_position WHERE position IS NULL AND xact_id >= %(since)s::xid8
     ORDER BY xact_id, event_id LIMIT %(batch)s::int
    """,
    settings=IN_ORDER,
)
_NUMBER = Statement(
    """
    UPDATE integration_event_position p SET position = %(last)s::bigint + n.turn
      FROM unnest(%(ids)s::int[]) WITH ORDINALITY AS n (event_id, turn) WHERE p.event_id = n.event_id
    """,
    settings=BY_KEY,
)
_ARRIVING = Statement(
    """
    SELECT d.id, d.subscription_id, d.order_key, p.position
      FROM (SELECT id, event_id, subscription_id, order_key FROM integration_due WHERE tier = 3 ORDER BY event_id) d
     CROSS JOIN LATERAL (SELECT position FROM integration_event_position WHERE event_id = d.event_id LIMIT 1) p
     WHERE p.position IS NOT NULL ORDER BY p.position LIMIT %(batch)s::int
    """,
    settings=IN_ORDER,
)
_EARLIER = """
    SELECT k.subscription_id, k.order_key
      FROM unnest(%(subscriptions)s::int[], %(keys)s::varchar[]) AS k (subscription_id, order_key)
     CROSS JOIN LATERAL (
        SELECT d.id FROM integration_due d
         WHERE d.subscription_id = k.subscription_id AND d.order_key = k.order_key AND d.tier <> 3
         ORDER BY d.tier, d.position LIMIT 1 {lock}) AS earlier
"""
_LOCK_EARLIER = Statement(_EARLIER.format(lock="FOR UPDATE SKIP LOCKED"), settings=IN_ORDER)
_FIND_EARLIER = Statement(_EARLIER.format(lock=""), settings=IN_ORDER)
_LINE_UP = Statement(
    """
    UPDATE integration_due d
       SET position = a.position, tier = CASE WHEN a.goes THEN %(fresh)s::smallint ELSE %(blocked)s::smallint END,
           due_at = CASE WHEN a.goes THEN GREATEST(d.due_at, clock_timestamp() AT TIME ZONE 'UTC') ELSE d.due_at END
      FROM unnest(%(ids)s::int[], %(positions)s::bigint[], %(goes)s::bool[]) AS a (id, position, goes)
     WHERE d.id = a.id
    """,
    settings=BY_KEY,
)


class Round(NamedTuple):
    """What one round of the sequencer did: how much it moved, and ``since`` for the next round once it is committed."""

    moved: int
    since: str


BEGINNING = "0"


def sequence(cr: BaseCursor, since: str = BEGINNING) -> Round:
    """Give committed events their positions and arrange ordered deliveries.

    Does nothing while another process is at it. One READ COMMITTED transaction, which the caller commits.

    :param since: the id of a transaction (xid8) before which every event has its position. While somebody holds an old
        snapshot open, PostgreSQL cannot forget what was numbered since, and would read it each time.
    """
    _LOOK.execute(cr, {"since": since})
    pending, arriving, oldest = cr.fetchone()
    if not pending:
        since = oldest  # whoever has not committed yet has no lower id than that
    if not (pending or arriving):
        return Round(0, since)
    _TRY_LOCK.execute(cr, {"lock": _LOCK})
    if not cr.fetchone()[0]:
        return Round(0, since)
    numbered, since = _number(cr, since)
    return Round(numbered + _arrange(cr), since)


def _number(cr: BaseCursor, since: str) -> tuple[int, str]:
    # The lock was taken by an earlier statement: this one sees what the last sequencer committed.
    _PENDING.execute(cr, {"batch": BATCH, "since": since})
    pending = cr.fetchall()
    if pending:
        _NUMBER.execute(cr, {"last": pending[0][1], "ids": [row[0] for row in pending]})
        if len(pending) < BATCH:
            since = pending[0][2]
    return len(pending), since


def _arrange(cr: BaseCursor) -> int:
    """Let the first of each key go and put the others behind it."""
    _ARRIVING.execute(cr, {"batch": BATCH})
    arriving = cr.fetchall()
    if not arriving:
        return 0
    keys = sorted({(subscription, key) for _id, subscription, key, _position in arriving})
    wanted = {"subscriptions": [one[0] for one in keys], "keys": [one[1] for one in keys]}
    _LOCK_EARLIER.execute(cr, wanted)
    locked = set(cr.fetchall())
    _FIND_EARLIER.execute(cr, wanted)
    followed = set(cr.fetchall())
    line = list(_in_line(arriving, locked, followed))
    if line:
        ids, positions, goes = zip(*line, strict=True)
        places = {"ids": list(ids), "positions": list(positions), "goes": list(goes)}
        _LINE_UP.execute(cr, {**places, "fresh": FRESH, "blocked": BLOCKED})
    return len(arriving)


def _in_line(
    arriving: Iterable[tuple[int, int, str, int]], locked: set[tuple[int, str]], followed: set[tuple[int, str]]
) -> Iterator[tuple[int, int, bool]]:
    """Yield (delivery id, position, whether it goes) of what has its place in line now.

    Behind deliveries with which somebody is busy, so that they may be gone the next moment, nothing is put.
    """
    taken = set(locked)
    for delivery_id, subscription_id, order_key, position in arriving:
        key = (subscription_id, order_key)
        if key in followed and key not in locked:
            continue
        yield delivery_id, position, key not in taken
        taken.add(key)


_NEXT = """
    SELECT n.id FROM (SELECT DISTINCT subscription_id, order_key FROM {keys}) k
     CROSS JOIN LATERAL (
        SELECT b.id FROM integration_due b
         WHERE b.subscription_id = k.subscription_id AND b.order_key = k.order_key AND b.tier = 2
         ORDER BY b.position LIMIT 1) n
      LEFT JOIN LATERAL (
        SELECT h.id FROM integration_due h
         WHERE h.subscription_id = k.subscription_id AND h.order_key = k.order_key AND h.tier IN (0, 1, 4, 5)
         LIMIT 1) AS head ON TRUE
     WHERE head.id IS NULL
"""
_NEXT_OF = Statement(
    _NEXT.format(keys="unnest(%(subscriptions)s::int[], %(keys)s::varchar[]) AS f (subscription_id, order_key)"),
    settings=IN_ORDER,
)
_NEXT_OF_ANY = Statement(
    _NEXT.format(keys="integration_due WHERE order_key IS NOT NULL AND tier = 2"), settings=IN_ORDER
)
_LET_GO = Statement(
    """
    UPDATE integration_due d
       SET tier = CASE WHEN d.attempts > 0 THEN %(retry)s::smallint ELSE %(fresh)s::smallint END,
           due_at = clock_timestamp() AT TIME ZONE 'UTC'
      FROM unnest(%(ids)s::int[]) AS n (id) WHERE d.id = n.id AND d.tier = 2
    """,
    settings=BY_KEY,
)


def release(cr: BaseCursor, freed: Collection[tuple[int, str]]) -> int:
    """Let the next delivery of each ordering key go, whose head has just been removed; return how many."""
    if not freed:
        return 0
    keys = sorted(freed)
    _NEXT_OF.execute(cr, {"subscriptions": [key[0] for key in keys], "keys": [key[1] for key in keys]})
    return _let_go(cr)


def mend(cr: BaseCursor) -> int:
    """Let go the first of each ordering key that has lost its head without anybody's notice; return how many.

    A process may die between the end of a handler's transaction and the release that follows it, and deliveries can
    disappear with their event.
    """
    _NEXT_OF_ANY.execute(cr, {})
    return _let_go(cr)


def _let_go(cr: BaseCursor) -> int:
    ids = [row[0] for row in cr.fetchall()]
    if not ids:
        return 0
    _LET_GO.execute(cr, {"ids": ids, "fresh": FRESH, "retry": RETRY})
    return cr.rowcount
