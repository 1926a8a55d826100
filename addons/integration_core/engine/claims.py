"""Claiming and completing deliveries: the few SQL statements on which the engine stands.

They work on ``integration_due``, which holds open deliveries only; what became of a delivery is written to
``integration_delivery`` and ``integration_attempt`` when a try ends. Every statement here runs in a READ COMMITTED
transaction. A lease has an owner, an end and a fencing token that rises with each claim; a result whose token is no
longer the delivery's changes nothing.

A claim asks for *places*: one subscription, one lane, one tier. Each is a range of the claim index, so that neither the
backlog of a paused subscription nor history is ever read. PostgreSQL cannot forget index entries of finished work while
a long report keeps an old snapshot open; a place therefore has a moment, ``since``, before which the caller knows
nothing to be claimable. The caller forgets these moments every few seconds, for what was committed late.

What a person holds of one system is in the same ranges as everybody else's work. While there is such a hold, a process
remembers of each place up to where it has seen nothing but held work (:class:`_Passed`), and begins behind that. It
forgets it when the holds change, and every few seconds.

A claim takes turns: of each channel the first, then of each the second, and of no channel more than it has free. So a
channel with a long backlog hides nobody else's work.

A lease that nobody ends is found by the note that its claim leaves in ``integration_lease``: when the note's time is
over, the deliveries that it names are looked at, and no others. An index of the leases themselves would cost every
claim and every completion an entry in each index of the table.
"""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from odoo.sql_db import BaseCursor

from ..tools import Statement

POISON_CRASHES = 3
"""Three dead processes on one delivery make it poison."""
NOTES = 200
"""How many claims whose leases should have ended one search looks at."""
LOST = 500
"""How many deliveries one search takes back."""
LATE = timedelta(seconds=10)
"""How far below the last note that it saw a search still looks, for what was committed late."""

PASSED_FOR = 5.0
"""Seconds after which what is held is looked through again, for what came among it: committed late, or given back."""
PASSED_SHARE = 0.05
"""The greatest share of the time that looking through it may take, however much is held."""
PASSED_MARGIN = timedelta(seconds=2)
"""How far below the first that is not held the next look still begins."""

FRESH, RETRY, BLOCKED, UNPOSITIONED, DEAD, ALONE = range(6)
"""Tiers: never tried · tried before · behind another of its ordering key · not in the order of commits yet · a dead
letter that holds its ordering key · its process died, so it goes alone."""
TIER_NAMES = {
    FRESH: "Fresh",
    RETRY: "Retry",
    BLOCKED: "Behind an earlier one",
    UNPOSITIONED: "Not in order yet",
    DEAD: "Dead letter, holds its ordering key",
    ALONE: "Alone, after its process died",
}


def lease_seconds() -> int:
    """How long a claim lasts. Must exceed the longest try; the environment shortens it for tests of crashes."""
    return int(os.environ.get("INTEGRATION_LEASE_SECONDS", "120"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a claim looks: one range of the claim index.

    ``channel`` groups subscriptions that share capacity (an endpoint); ``free`` is how many deliveries the channel can
    take now, and so the most that one claim takes of it; ``since`` is a moment (naive UTC) before which there is
    nothing to claim, as far as the caller knows. A claim reads at most twice ``free`` of each place.
    """

    subscription_id: int
    channel: int
    lane: int
    tier: int
    free: int
    since: datetime | None = None


class Claimed(NamedTuple):
    """A delivery that this process holds until its lease ends."""

    id: int
    token: int
    event_id: int
    subscription_id: int
    company_id: int
    lane: int
    tier: int
    attempts: int
    crashes: int
    due_at: datetime | None = None


class Result(NamedTuple):
    """What came of one try.

    ``state`` is ``done``, ``waiting`` (again in ``delay`` seconds), ``dead`` or ``skipped``. A result that was not
    ``spent`` leaves no attempt behind: the delivery was held back, not tried.
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


@dataclass(frozen=True, slots=True)
class Stored:
    """What a completion changed: the deliveries that were still ours, and the ordering keys whose head is gone."""

    ids: frozenset[int]
    freed: frozenset[tuple[int, str]]


IN_ORDER = """
    -- Statistics of a table that was empty a moment ago would choose to read all of it; the indexes are always right.
    SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexscan = on;
    SET LOCAL enable_indexonlyscan = on; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
    -- What the planner may not use it takes for endlessly expensive, and the rest for worth compiling: half a second.
    SET LOCAL jit = off;
"""
BY_KEY = """
    -- Rows are looked up one by one by what names them. A bitmap scan is the one kind that cannot read a whole index
    -- instead, which for a table thought to be empty costs the same: a million times, for a thousand rows of each side.
    SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = on; SET LOCAL enable_indexscan = off;
    SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
    SET LOCAL jit = off;
"""
"""What the planner may use. Plans are kept (:class:`tools.Statement`), and made when the table may have been empty."""
_FORGETTABLE = """
    -- A lease that a crash of PostgreSQL forgets is no loss: the delivery is simply free again.
    SET LOCAL synchronous_commit = off;
"""
_FIND = Statement(
    """
    WITH place AS (
        SELECT * FROM unnest(%(subscriptions)s::int[], %(channels)s::int[], %(lanes)s::smallint[],
                             %(tiers)s::smallint[], %(free)s::int[], %(since)s::timestamp[])
                   AS p (subscription_id, channel, lane, tier, free, since)),
    found AS MATERIALIZED (
        SELECT c.id, p.channel, p.lane, p.tier, p.free, c.due_at, c.urgency,
               row_number() OVER (PARTITION BY p.channel ORDER BY p.lane, c.urgency, c.due_at, c.id) AS turn
          FROM place p CROSS JOIN LATERAL (
            SELECT d.id, d.due_at, CASE WHEN %(retries_first)s::bool THEN -d.tier ELSE d.tier END AS urgency
              FROM integration_due d
             WHERE d.subscription_id = p.subscription_id AND d.lane = p.lane AND d.tier = p.tier
               AND d.tier IN (0, 1, 5) AND d.lease_until IS NULL
               AND d.due_at >= p.since AND d.due_at <= (SELECT clock_timestamp() AT TIME ZONE 'UTC')
               AND (d.system_id IS NULL OR d.system_id <> ALL (%(held)s::int[]))
             ORDER BY d.due_at LIMIT p.free * 2) c)
    -- The first of each channel go before the second of any. Those beyond what a channel has free come last, for where
    -- somebody else is taking the others at this moment.
    SELECT mine.id, f.channel
      FROM (SELECT * FROM found WHERE turn <= CASE WHEN free > 1 THEN free * 2 ELSE 1 END
             ORDER BY turn > free, lane, urgency, turn, due_at, id) f
     CROSS JOIN LATERAL (
        SELECT d.id FROM integration_due d WHERE d.id = f.id AND d.lease_until IS NULL AND d.tier = f.tier
           FOR UPDATE SKIP LOCKED) mine
     LIMIT %(limit)s::int
    """,
    settings=IN_ORDER + _FORGETTABLE,
)
_LEASE = Statement(
    """
    WITH taken AS (
        UPDATE integration_due d
           SET token = d.token + 1, lease_owner = %(owner)s::varchar,
               lease_until = (clock_timestamp() AT TIME ZONE 'UTC') + make_interval(secs => %(lease)s::int)
          FROM unnest(%(ids)s::int[]) AS mine (id) WHERE d.id = mine.id
        RETURNING d.id, d.token, d.event_id, d.subscription_id, d.company_id, d.lane, d.tier, d.attempts, d.crashes,
                  d.due_at, d.lease_until),
    noted AS (
        INSERT INTO integration_lease (until, ids, tokens)
        SELECT min(lease_until), array_agg(id), array_agg(token) FROM taken HAVING count(*) > 0)
    SELECT id, token, event_id, subscription_id, company_id, lane, tier, attempts, crashes, due_at FROM taken
    """,
    settings=BY_KEY,
)


def claim(
    cr: BaseCursor,
    *,
    places: Sequence[Place],
    owner: str,
    limit: int,
    held_systems: Sequence[int] = (),
    retries_first: bool = False,
) -> list[Claimed]:
    """Take up to ``limit`` due deliveries for ``owner``, critical lanes first, fresh work ahead of retries.

    Within both, channels take turns; none gets more than its places say it has free.

    :param held_systems: systems whose messages a person holds back
    :param retries_first: turn the order of tiers around, so that endless fresh work cannot starve retries
    """
    free = {place.channel: place.free for place in sorted(places, key=lambda place: place.free)}
    limit = min(limit, sum(free.values()))
    if limit > 0 and held_systems:
        places = _beyond_held(cr, places, held_systems)
    if limit <= 0 or not places:
        return []
    _FIND.execute(
        cr,
        {
            "subscriptions": [place.subscription_id for place in places],
            "channels": [place.channel for place in places],
            "lanes": [place.lane for place in places],
            "tiers": [place.tier for place in places],
            "free": [place.free for place in places],
            "since": [place.since or datetime.min for place in places],
            "held": list(held_systems),
            "retries_first": retries_first,
            "limit": limit,
        },
    )
    ids = list(_within(free, cr.fetchall()))
    if not ids:
        return []
    _LEASE.execute(cr, {"ids": ids, "owner": owner, "lease": lease_seconds()})
    return sorted((Claimed(*row) for row in cr.fetchall()), key=lambda c: (c.lane, c.tier, c.event_id, c.id))


def _within(free: dict[int, int], found: Iterable[tuple[int, int]]) -> Iterator[int]:
    """Yield the ids of (id, channel) as long as their channel has something free."""
    taken: Counter[int] = Counter()
    for delivery_id, channel in found:
        if taken[channel] < free[channel]:
            taken[channel] += 1
            yield delivery_id


_FIRST = """
    SELECT {what}
      FROM unnest(%(subscriptions)s::int[], %(lanes)s::smallint[], %(tiers)s::smallint[], %(since)s::timestamp[])
           WITH ORDINALITY AS p (subscription_id, lane, tier, since, turn)
      {kind} JOIN LATERAL (
        SELECT d.due_at FROM integration_due d
         WHERE d.subscription_id = p.subscription_id AND d.lane = p.lane AND d.tier = p.tier
           AND d.tier IN (0, 1, 5) AND d.lease_until IS NULL
           AND d.due_at >= p.since AND d.due_at <= (SELECT clock_timestamp() AT TIME ZONE 'UTC')
           AND (d.system_id IS NULL OR d.system_id <> ALL (%(held)s::int[]))
         ORDER BY d.due_at LIMIT 1) AS first ON TRUE
     ORDER BY p.turn
"""
_READY = Statement(_FIRST.format(what="p.turn", kind="INNER"), settings=IN_ORDER)
_FIRST_OF_EACH = Statement(
    _FIRST.format(what="first.due_at, (SELECT clock_timestamp() AT TIME ZONE 'UTC')", kind="LEFT"), settings=IN_ORDER
)


def ready(cr: BaseCursor, places: Sequence[Place], held_systems: Sequence[int] = ()) -> list[Place]:
    """Return those of ``places`` in which something could be claimed now, in their order."""
    if not places:
        return []
    if held_systems:
        return _beyond_held(cr, places, held_systems)
    # Whole places: the moments that a caller knows are forgotten after claims alone, and this may be all that it asks.
    _READY.execute(cr, _looking_from(places, [datetime.min] * len(places), ()))
    return [places[turn - 1] for (turn,) in cr.fetchall()]


def _looking_from(places: Sequence[Place], since: list[datetime], held_systems: Sequence[int]) -> dict[str, object]:
    return {
        "subscriptions": [place.subscription_id for place in places],
        "lanes": [place.lane for place in places],
        "tiers": [place.tier for place in places],
        "since": since,
        "held": list(held_systems),
    }


@dataclass
class _Passed:
    """Up to where this process has seen nothing but work of these systems, by subscription, lane and tier.

    What comes from then on is due later. What may yet come before it, committed late or given back, is found when all
    of this is forgotten; a change of the holds makes another one at once.
    """

    systems: frozenset[int]
    until: float
    since: dict[tuple[int, int, int], datetime] = field(default_factory=dict)

    def learn(self, since: dict[tuple[int, int, int], datetime], took: float) -> None:
        """Remember what a look has found; where it had to begin anew it is believed for longer, the longer it took."""
        if not since.keys() <= self.since.keys():
            self.until = max(self.until, time.monotonic() + took / PASSED_SHARE)
        self.since.update(since)


_passed: dict[str, _Passed] = {}
"""What this process has passed, by database."""


def _passed_of(dbname: str, systems: frozenset[int]) -> _Passed:
    known = _passed.get(dbname)
    if known is None or known.systems != systems or time.monotonic() >= known.until:
        known = _passed[dbname] = _Passed(systems, time.monotonic() + PASSED_FOR)
    return known


def _beyond_held(cr: BaseCursor, places: Sequence[Place], held_systems: Sequence[int]) -> list[Place]:
    """Return those of ``places`` in which something that is not held could be claimed now, each from there on."""
    passed = _passed_of(cr.dbname, frozenset(held_systems))
    keys = [(place.subscription_id, place.lane, place.tier) for place in places]
    began = time.monotonic()
    _FIRST_OF_EACH.execute(
        cr, _looking_from(places, [passed.since.get(key, datetime.min) for key in keys], held_systems)
    )
    found = cr.fetchall()
    beginnings = {key: (first or now) - PASSED_MARGIN for key, (first, now) in zip(keys, found, strict=True)}
    passed.learn(beginnings, time.monotonic() - began)
    return [
        replace(place, since=max(first, place.since or first))
        for place, (first, _now) in zip(places, found, strict=True)
        if first is not None
    ]


_RENEW = Statement(
    """
    UPDATE integration_due d
       SET lease_until = (clock_timestamp() AT TIME ZONE 'UTC') + make_interval(secs => %(lease)s::int)
      FROM unnest(%(ids)s::int[], %(tokens)s::int[]) AS c (id, token)
     WHERE d.id = c.id AND d.token = c.token AND d.lease_until IS NOT NULL
    RETURNING d.id
    """,
    settings=BY_KEY,
)


def renew(cr: BaseCursor, claimed: Sequence[Claimed]) -> frozenset[int]:
    """Begin the leases of deliveries anew that wait for their turn in this process; return the ids of those still ours.

    Their token stays, and so does the note of their claim: when its time is over, a note is made of what was renewed.
    """
    _RENEW.execute(cr, {**_ids(claimed), "lease": lease_seconds()})
    return frozenset(row[0] for row in cr.fetchall())


_GIVE_BACK = Statement(
    """
    UPDATE integration_due d SET lease_owner = NULL, lease_until = NULL
      FROM unnest(%(ids)s::int[], %(tokens)s::int[]) AS c (id, token)
     WHERE d.id = c.id AND d.token = c.token AND d.lease_until IS NOT NULL
    """,
    settings=BY_KEY,
)


def give_back(cr: BaseCursor, claimed: Sequence[Claimed]) -> None:
    """Return deliveries that this process will not try after all; they keep their place and spend nothing."""
    if claimed:
        _GIVE_BACK.execute(cr, _ids(claimed))


_LOCK = Statement(
    # Without settings: they would be the handler's, too. Row by row, whatever the statistics say.
    """
    SELECT mine.id FROM unnest(%(ids)s::int[], %(tokens)s::int[]) AS c (id, token)
     CROSS JOIN LATERAL (
        SELECT d.id FROM integration_due d WHERE d.id = c.id AND d.token = c.token AND d.lease_until IS NOT NULL
           FOR UPDATE) mine
    """
)


def lock(cr: BaseCursor, claimed: Sequence[Claimed], *, beside: Sequence[Claimed] = ()) -> list[Claimed]:
    """Lock the deliveries that are still ours; return them in the order given.

    Nobody takes back the lease of a row that is locked, however long the transaction lasts.

    :param beside: what waits until this transaction is over; it is locked, too, and not returned
    """
    _LOCK.execute(cr, _ids([*claimed, *beside]))
    ours = {row[0] for row in cr.fetchall()}
    return [one for one in claimed if one.id in ours]


def _ids(claimed: Sequence[Claimed]) -> dict[str, list[int]]:
    return {"ids": [one.id for one in claimed], "tokens": [one.token for one in claimed]}


_ENDED = Statement(
    """
    SELECT until, id, ids, tokens FROM integration_lease
     WHERE until >= %(since)s::timestamp AND until < (SELECT clock_timestamp() AT TIME ZONE 'UTC')
     ORDER BY until LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED
    """,
    settings=IN_ORDER + _FORGETTABLE,
)
_FORGET = Statement(
    """
    DELETE FROM integration_lease l USING unnest(%(untils)s::timestamp[], %(ids)s::bigint[]) AS n (until, id)
     WHERE l.until = n.until AND l.id = n.id
    """,
    settings=BY_KEY,
)
_LEASED = Statement(
    """
    SELECT d.id, d.token FROM unnest(%(ids)s::int[], %(tokens)s::int[]) AS c (id, token)
     CROSS JOIN LATERAL (
        SELECT id, token FROM integration_due WHERE id = c.id AND token = c.token AND lease_until IS NOT NULL
         OFFSET 0) d
    """,
    settings=BY_KEY,
)
_NOTE = Statement(
    """
    INSERT INTO integration_lease (until, ids, tokens)
    SELECT min(greatest(d.lease_until, (clock_timestamp() AT TIME ZONE 'UTC') + make_interval(secs => 1))),
           array_agg(d.id), array_agg(d.token)
      FROM unnest(%(ids)s::int[], %(tokens)s::int[]) AS c (id, token)
     CROSS JOIN LATERAL (
        SELECT id, token, lease_until FROM integration_due
         WHERE id = c.id AND token = c.token AND lease_until IS NOT NULL OFFSET 0) d
    HAVING count(*) > 0
    """,
    settings=BY_KEY,
)
_RECLAIM = Statement(
    """
    WITH n AS (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now),
    lost AS MATERIALIZED (
        SELECT d.id, d.crashes + 1 >= %(poison)s::int AS poison
          FROM unnest(%(ids)s::int[], %(tokens)s::int[]) AS c (id, token)
         CROSS JOIN LATERAL (
            SELECT id, crashes FROM integration_due
             WHERE id = c.id AND token = c.token AND lease_until < (SELECT now FROM n)
               FOR UPDATE SKIP LOCKED) d
         LIMIT %(limit)s::int),
    back AS (
        UPDATE integration_due d
           SET crashes = d.crashes + 1, token = d.token + 1, lease_owner = NULL, lease_until = NULL, due_at = n.now,
               tier = CASE WHEN lost.poison THEN %(dead)s::smallint ELSE %(alone)s::smallint END
          FROM lost, n WHERE d.id = lost.id AND (NOT lost.poison OR d.order_key IS NOT NULL)),
    gone AS (
        DELETE FROM integration_due d USING lost WHERE d.id = lost.id AND lost.poison AND d.order_key IS NULL),
    told AS (
        UPDATE integration_delivery d
           SET crashes = d.crashes + 1, error_code = 'process_died', error_detail = NULL, due_at = n.now,
               state = CASE WHEN lost.poison THEN 'dead' ELSE 'waiting' END,
               dead_since = CASE WHEN lost.poison THEN n.now END,
               owner_id = CASE WHEN lost.poison
                               THEN (SELECT owner_id FROM integration_subscription WHERE id = d.subscription_id) END
          FROM lost, n WHERE d.id = lost.id
        RETURNING d.id, d.state, d.attempts + d.crashes AS number, n.now),
    tried AS (
        INSERT INTO integration_attempt (delivery_id, number, started_at, outcome, error_code, worker)
        SELECT id, number, now, 'crashed', 'process_died', %(worker)s::varchar FROM told)
    SELECT id, state FROM told
    """,
    settings=BY_KEY,
)


class Reclaimed(NamedTuple):
    """What a search for leases that ended found.

    ``lost`` are (delivery id, new state). ``more`` tells whether the next search need not wait; ``since`` is for it,
    once this one is committed.
    """

    lost: list[tuple[int, str]]
    more: bool = False
    since: datetime | None = None


def reclaim(cr: BaseCursor, *, worker: str, since: datetime | None = None) -> Reclaimed:
    """Take back deliveries whose lease ended: their process died.

    Each goes alone from now on; after three dead processes it is a dead letter. A row that is locked is left for the
    next time: somebody is at work on it.

    :param since: what the last search returned; while somebody holds an old snapshot open, PostgreSQL cannot forget
        the notes from before, and would read them each time. It is to be left out now and then, for what was
        committed late.
    """
    _ENDED.execute(cr, {"since": since or datetime.min, "limit": NOTES})
    notes = cr.fetchall()
    if not notes:
        return Reclaimed([], since=since)
    _FORGET.execute(cr, {"untils": [note[0] for note in notes], "ids": [note[1] for note in notes]})
    named = {"ids": [one for note in notes for one in note[2]], "tokens": [one for note in notes for one in note[3]]}
    lost = _take_back(cr, named, worker)
    return Reclaimed(lost, len(notes) == NOTES or len(lost) == LOST, notes[-1][0] - LATE)


def _take_back(cr: BaseCursor, named: dict[str, list[int]], worker: str) -> list[tuple[int, str]]:
    """Take back those whose lease is over, and make a note of the others that still have one."""
    _LEASED.execute(cr, named)
    leased = cr.fetchall()  # all but a few are done, and no longer there
    if not leased:
        return []
    left = {"ids": [row[0] for row in leased], "tokens": [row[1] for row in leased]}
    rules = {"poison": POISON_CRASHES, "dead": DEAD, "alone": ALONE, "limit": LOST}
    _RECLAIM.execute(cr, {**left, **rules, "worker": worker})
    lost = cr.fetchall()
    _NOTE.execute(cr, left)
    return lost


_COMPLETE = Statement(
    """
    WITH r AS (
        SELECT * FROM unnest(%(id)s::int[], %(token)s::int[], %(state)s::varchar[], %(delay)s::float8[],
                             %(error_code)s::varchar[], %(error_detail)s::varchar[], %(spent)s::bool[],
                             %(outcome)s::varchar[], %(started_at)s::timestamp[], %(duration_ms)s::int[],
                             %(status_code)s::int[], %(excerpt)s::text[])
                   AS r (id, token, state, delay, error_code, error_detail, spent, outcome, started_at, duration_ms,
                         status_code, excerpt)),
    n AS (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now),
    gone AS (
        DELETE FROM integration_due d USING r
         WHERE d.id = r.id AND d.token = r.token AND d.lease_owner = %(worker)s::varchar
           AND (r.state IN ('done', 'skipped') OR (r.state = 'dead' AND d.order_key IS NULL))
        RETURNING d.subscription_id, CASE WHEN d.tier <> 2 THEN d.order_key END AS freed, r.*),
    kept AS (
        UPDATE integration_due d
           SET lease_owner = NULL, lease_until = NULL, attempts = d.attempts + r.spent::int,
               tier = CASE WHEN r.state = 'dead' THEN 4 WHEN r.spent OR d.attempts > 0 THEN 1
                           ELSE d.tier END,
               due_at = CASE WHEN r.delay > 0 OR r.spent THEN n.now + make_interval(secs => r.delay) ELSE d.due_at END
          FROM r, n
         WHERE d.id = r.id AND d.token = r.token AND d.lease_owner = %(worker)s::varchar
           AND (r.state = 'waiting' OR (r.state = 'dead' AND d.order_key IS NOT NULL))
        RETURNING d.subscription_id, NULL::varchar AS freed, r.*),
    ours AS (SELECT * FROM gone UNION ALL SELECT * FROM kept),
    told AS (
        UPDATE integration_delivery d
           SET state = r.state, attempts = d.attempts + r.spent::int,
               due_at = CASE WHEN r.state = 'waiting' THEN n.now + make_interval(secs => r.delay) ELSE d.due_at END,
               error_code = r.error_code, error_detail = r.error_detail,
               done_at = CASE WHEN r.state IN ('done', 'skipped') THEN n.now END,
               dead_since = CASE WHEN r.state = 'dead' THEN n.now END,
               owner_id = CASE WHEN r.state = 'dead'
                               THEN (SELECT owner_id FROM integration_subscription WHERE id = r.subscription_id)
                               ELSE d.owner_id END
          FROM ours r, n
         WHERE d.id = r.id
        RETURNING d.id, d.company_id, d.subscription_id, d.lane, d.created_at, d.attempts + d.crashes AS number,
                  r.spent, r.state, r.outcome, r.started_at, r.duration_ms, r.error_code, r.status_code, r.excerpt,
                  n.now),
    tried AS (
        INSERT INTO integration_attempt
            (delivery_id, number, started_at, duration_ms, outcome, error_code, status_code, excerpt, worker)
        SELECT id, number, started_at, duration_ms, outcome, error_code, status_code, excerpt, %(worker)s::varchar
          FROM told WHERE spent),
    counted AS (
        INSERT INTO integration_delivery_count
            (minute, company_id, subscription_id, lane, state, outcome, slot, tries, latency_ms)
        SELECT date_trunc('minute', now), company_id, subscription_id, lane, state, outcome,
               width_bucket(extract(epoch FROM now - created_at)::float8 * 1000, %(slots)s::float8[]),
               count(*), sum(extract(epoch FROM now - created_at) * 1000)::bigint
          FROM told WHERE spent GROUP BY 1, 2, 3, 4, 5, 6, 7)
    SELECT id, subscription_id, freed FROM ours
    """,
    settings=BY_KEY,
)
_TAKEN = (
    *("state", "delay", "error_code", "error_detail", "spent", "outcome", "started_at", "duration_ms"),
    "status_code",
)
LATENCY_SLOTS_MS = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000, 86_400_000),
)
"""Upper bounds (ms) of the latency slots that completions are counted in; slot 0 is below the first."""


def complete(cr: BaseCursor, results: Iterable[Result], *, worker: str) -> Stored:
    """Store results and their attempts in one statement that checks each token; return what was still ours.

    The caller hands the ``freed`` ordering keys to :func:`order.release` in a statement of its own, whose snapshot is
    newer.
    """
    results = list(results)
    if not results:
        return Stored(frozenset(), frozenset())
    _COMPLETE.execute(
        cr,
        {
            "worker": worker,
            "slots": list(LATENCY_SLOTS_MS),
            "id": [r.claimed.id for r in results],
            "token": [r.claimed.token for r in results],
            "excerpt": [r.excerpt.replace("\0", "") if r.excerpt else None for r in results],
            **{name: [getattr(r, name) for r in results] for name in _TAKEN},
        },
    )
    found = cr.fetchall()
    return Stored(
        frozenset(row[0] for row in found),
        frozenset((row[1], row[2]) for row in found if row[2] is not None),
    )
