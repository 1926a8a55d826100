"""The order of ordered deliveries, and the position of every event.

Ids are not commit order: a long transaction takes its ids early and commits late. One sequencer at a time numbers what
one snapshot shows to be committed. An event that was committed before another one's transaction began is visible in
every snapshot that shows the other, and has the lower transaction id; so numbering by transaction id within a snapshot
never puts a later event first, and nothing has to wait for a long transaction elsewhere.

Of each ordering key of an ordered subscription, one open delivery is the *head* (claimable, being tried, or a dead
letter); the others stand behind it (``BLOCKED``) until it is done or skipped. Two rules make this safe with any number
of workers: the sequencer is sure of a delivery's place only while it holds a lock on one of the earlier ones' rows, and
whoever removes a head looks for the next one in a statement that begins after the removal. Where all the earlier ones
are being claimed or completed at that very moment, the newcomer stands behind them all the same, so that no other key
waits, and the sequencer looks at its key again until it is sure (:func:`settle`). :func:`mend` is the safety net.

What has just got its position is put in line in the same transaction, and found by it: a round costs what it moves,
however much waits to be moved.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from odoo.sql_db import BaseCursor

from ..tools import Statement
from .claims import BLOCKED, BY_KEY, FRESH, IN_ORDER, RETRY

BATCH = 2000
_LOCK = 0x696E7467  # 'intg': the advisory lock of the one sequencer of a database
Key: TypeAlias = tuple[int, str]
"""An ordering key: of which subscription, and its text."""
Arriving: TypeAlias = tuple[int, int, str, int]
"""A delivery that stands in no line yet: id, subscription, ordering key, position of its event."""


_LOOK = Statement(
    """
    SELECT EXISTS (SELECT 1 FROM integration_event_position WHERE position IS NULL AND xact_id >= %(since)s::xid8),
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
    # OFFSET 0: else the planner might read every delivery that waits, and compare it with every event.
    """
    SELECT d.id, d.subscription_id, d.order_key, n.position
      FROM unnest(%(ids)s::int[], %(positions)s::bigint[]) AS n (event_id, position)
     CROSS JOIN LATERAL (
        SELECT id, subscription_id, order_key FROM integration_due
         WHERE event_id = n.event_id AND tier = 3 OFFSET 0) d
     ORDER BY n.position, d.id
    """,
    settings=IN_ORDER,
)
_LEFT = Statement(
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
_HEADS = "(VALUES (0, 1), (4, 5)) AS t (low, high)"
"""The tiers of a head, as the ranges of the index on both sides of all that stand behind it: looked for among a list of
tiers it would be found, or found missing, only after all of those were read."""
_HEAD = """
    SELECT k.subscription_id, k.order_key
      FROM unnest(%(subscriptions)s::int[], %(keys)s::varchar[]) AS k (subscription_id, order_key)
     CROSS JOIN {heads}
     CROSS JOIN LATERAL (
        SELECT d.id FROM integration_due d
         WHERE d.subscription_id = k.subscription_id AND d.order_key = k.order_key
           AND d.tier >= t.low AND d.tier <= t.high LIMIT 1 {lock}) AS head
"""
_LOCK_EARLIER = Statement(_EARLIER.format(lock="FOR UPDATE SKIP LOCKED"), settings=IN_ORDER)
_FIND_EARLIER = Statement(_EARLIER.format(lock=""), settings=IN_ORDER)
_LOCK_HEAD = Statement(_HEAD.format(heads=_HEADS, lock="FOR UPDATE SKIP LOCKED"), settings=IN_ORDER)
_FIND_HEAD = Statement(_HEAD.format(heads=_HEADS, lock=""), settings=IN_ORDER)
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
    """What one round of the sequencer did.

    ``moved`` events and deliveries have their place now; ``since`` is for the next round once this one is committed.
    ``let_go`` deliveries are claimable from then on. :func:`settle` is to look at the ``unsure`` keys after the commit.
    """

    moved: int
    since: str
    let_go: int = 0
    unsure: frozenset[Key] = frozenset()


BEGINNING = "0"


def sequence(cr: BaseCursor, since: str = BEGINNING) -> Round:
    """Give committed events their positions and put their ordered deliveries in line.

    Does nothing while another process is at it. One READ COMMITTED transaction, which the caller commits.

    :param since: the id of a transaction (xid8) before which every event has its position. While somebody holds an old
        snapshot open, PostgreSQL cannot forget what was numbered since, and would read it each time.
    """
    _LOOK.execute(cr, {"since": since})
    pending, oldest = cr.fetchone()
    if not pending:
        return Round(0, oldest)  # whoever has not committed yet has no lower id than that
    if not _is_the_one(cr):
        return Round(0, since)
    numbered, since = _number(cr, since)
    if not numbered:
        return Round(0, since)
    _ARRIVING.execute(cr, numbered)
    arriving = cr.fetchall()
    let_go, unsure = _arrange(cr, arriving)
    return Round(len(numbered["ids"]) + len(arriving), since, let_go, unsure)


def _is_the_one(cr: BaseCursor) -> bool:
    """Tell whether this transaction alone puts deliveries in line, until it ends."""
    _TRY_LOCK.execute(cr, {"lock": _LOCK})
    return cr.fetchone()[0]


def _number(cr: BaseCursor, since: str) -> tuple[dict[str, list[int]], str]:
    """Return the events that got a position now, with it, and from when on the next round looks."""
    # The lock was taken by an earlier statement: this one sees what the last sequencer committed.
    _PENDING.execute(cr, {"batch": BATCH, "since": since})
    pending = cr.fetchall()
    if not pending:
        return {}, since
    ids, last = [row[0] for row in pending], pending[0][1]
    _NUMBER.execute(cr, {"last": last, "ids": ids})
    numbered = {"ids": ids, "positions": list(range(last + 1, last + 1 + len(ids)))}
    return numbered, pending[0][2] if len(pending) < BATCH else since


def _arrange(cr: BaseCursor, arriving: list[Arriving]) -> tuple[int, frozenset[Key]]:
    """Let the first of each key go and put the others behind it; return how many go, and the keys to look at again."""
    if not arriving:
        return 0, frozenset()
    keys = _keys({(subscription, key) for _id, subscription, key, _position in arriving})
    _LOCK_EARLIER.execute(cr, keys)
    locked = set(cr.fetchall())
    _FIND_EARLIER.execute(cr, keys)
    followed = set(cr.fetchall())
    ids, positions, goes = zip(*_in_line(arriving, locked | followed), strict=True)
    places = {"ids": list(ids), "positions": list(positions), "goes": list(goes)}
    _LINE_UP.execute(cr, {**places, "fresh": FRESH, "blocked": BLOCKED})
    return sum(goes), frozenset(followed - locked)


def _keys(keys: Collection[Key]) -> dict[str, list]:
    """Return ordering keys as the statements take them."""
    ordered = sorted(keys)
    return {"subscriptions": [key[0] for key in ordered], "keys": [key[1] for key in ordered]}


def _in_line(arriving: Iterable[Arriving], followed: Collection[Key]) -> Iterator[tuple[int, int, bool]]:
    """Yield (delivery id, position, whether it goes) of each; those of ``followed`` keys have others before them."""
    taken = set(followed)
    for delivery_id, subscription_id, order_key, position in arriving:
        key = (subscription_id, order_key)
        yield delivery_id, position, key not in taken
        taken.add(key)


class Settled(NamedTuple):
    """What a second look at ordering keys did: how many deliveries go on, and which keys are to be looked at again."""

    let_go: int
    unsure: frozenset[Key]


def settle(cr: BaseCursor, keys: Collection[Key]) -> Settled:
    """Look again at keys whose newcomers were put behind deliveries with which somebody was busy.

    Whoever removed the head meanwhile may have looked for the next one before the newcomer was committed. Of a head
    that nobody is busy with, whoever removes it from now on will see the newcomer.
    """
    if not keys:
        return Settled(0, frozenset())
    wanted = _keys(keys)
    _LOCK_HEAD.execute(cr, wanted)
    sure = set(cr.fetchall())
    _FIND_HEAD.execute(cr, wanted)
    unsure = frozenset(cr.fetchall()) - sure
    return Settled(release(cr, set(keys) - sure - unsure), unsure)


_NEXT = """
    SELECT n.id FROM (SELECT DISTINCT subscription_id, order_key FROM {keys}) k
     CROSS JOIN LATERAL (
        SELECT b.id FROM integration_due b
         WHERE b.subscription_id = k.subscription_id AND b.order_key = k.order_key AND b.tier = 2
         ORDER BY b.position LIMIT 1) n
      LEFT JOIN LATERAL (
        SELECT h.id FROM {heads} CROSS JOIN LATERAL (
            SELECT h.id FROM integration_due h
             WHERE h.subscription_id = k.subscription_id AND h.order_key = k.order_key
               AND h.tier >= t.low AND h.tier <= t.high LIMIT 1) h
         LIMIT 1) AS head ON TRUE
     WHERE head.id IS NULL
"""
_THESE = "unnest(%(subscriptions)s::int[], %(keys)s::varchar[]) AS f (subscription_id, order_key)"
_ALL = "integration_due WHERE order_key IS NOT NULL AND tier = 2"
_NEXT_OF = Statement(_NEXT.format(keys=_THESE, heads=_HEADS), settings=IN_ORDER)
_NEXT_OF_ANY = Statement(_NEXT.format(keys=_ALL, heads=_HEADS), settings=IN_ORDER)
_LET_GO = Statement(
    """
    UPDATE integration_due d
       SET tier = CASE WHEN d.attempts > 0 THEN %(retry)s::smallint ELSE %(fresh)s::smallint END,
           due_at = clock_timestamp() AT TIME ZONE 'UTC'
      FROM unnest(%(ids)s::int[]) AS n (id) WHERE d.id = n.id AND d.tier = 2
    """,
    settings=BY_KEY,
)


def release(cr: BaseCursor, freed: Collection[Key]) -> int:
    """Let the next delivery of each ordering key go, whose head has just been removed; return how many."""
    if not freed:
        return 0
    _NEXT_OF.execute(cr, _keys(freed))
    return _let_go(cr)


def mend(cr: BaseCursor, since: str = BEGINNING) -> int:
    """Let go the first of each ordering key that has lost its head without anybody's notice; return how many.

    A process may die between the end of a handler's transaction and the release that follows it, and deliveries can
    disappear with their event. What has a position and stands in no line, as an earlier version may have left it, is
    put in line.

    :param since: as :func:`sequence` takes it
    """
    _NEXT_OF_ANY.execute(cr, {})
    return _let_go(cr) + _arrange_left(cr, since)


def _arrange_left(cr: BaseCursor, since: str) -> int:
    """Put in line what has a position and stands in none, once all have theirs: then there is nothing else to read."""
    _LOOK.execute(cr, {"since": since})
    pending, _oldest = cr.fetchone()
    if pending or not _is_the_one(cr):
        return 0
    _LEFT.execute(cr, {"batch": BATCH})
    let_go, _unsure = _arrange(cr, cr.fetchall())  # the next time will see to them
    return let_go


def _let_go(cr: BaseCursor) -> int:
    # By id: two that let go the same deliveries at once lock them in the same order.
    ids = sorted(row[0] for row in cr.fetchall())
    if not ids:
        return 0
    _LET_GO.execute(cr, {"ids": ids, "fresh": FRESH, "retry": RETRY})
    return cr.rowcount
