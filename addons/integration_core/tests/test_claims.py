"""What one claim takes, and what a search for lost leases reads, with made-up subscriptions and many deliveries."""

import time
from datetime import datetime
from unittest.mock import patch

from odoo.tests import TransactionCase, tagged

from ..engine import claims
from .common import expire

SUBSCRIPTION = 900_000
HELD, OTHER = 900_001, 900_002
READ = """
SELECT COALESCE(sum(seq_tup_read + COALESCE(idx_tup_fetch, 0)), 0)
  FROM pg_stat_xact_user_tables WHERE relname = 'integration_due'
"""


@tagged("post_install", "-at_install")
class TestClaims(TransactionCase):
    def setUp(self):
        super().setUp()
        self.env.cr.execute("SELECT COALESCE(max(id), 0) + 1000000 FROM integration_due")
        self.last = self.env.cr.fetchone()[0]
        claims._passed.clear()
        self.addCleanup(claims._passed.clear)

    def add(self, channel, count, *, due="2020-01-01", lane=1, tier=claims.FRESH, system=None):
        """Put deliveries of a subscription that is its own channel on the list; return their ids."""
        self.env.cr.execute(
            """
            INSERT INTO integration_due (id, event_id, subscription_id, company_id, system_id, lane, tier, due_at)
            SELECT n, n, %s, 1, %s, %s, %s, %s::timestamp + make_interval(secs => n - %s)
              FROM generate_series(%s + 1, %s + %s) AS n RETURNING id
            """,
            (SUBSCRIPTION + channel, system, lane, tier, due, self.last, self.last, self.last, count),
        )
        self.last += count
        return [row[0] for row in self.env.cr.fetchall()]

    def claim(self, limit, free, **options):
        """Claim from channels given as {channel: free}; return the ids by channel."""
        places = [
            claims.Place(SUBSCRIPTION + channel, channel, lane, tier, room)
            for channel, room in free.items()
            for lane in range(3)
            for tier in (claims.FRESH, claims.RETRY)
        ]
        claimed = claims.claim(self.env.cr, places=places, owner="me", limit=limit, **options)
        return {
            channel: [one.id for one in claimed if one.subscription_id == SUBSCRIPTION + channel] for channel in free
        }

    def test_the_older_work_of_one_channel_hides_nobody_elses(self):
        self.add(1, 300)
        others = [self.add(channel, 3, due="2021-01-01") for channel in (2, 3)]
        claimed = self.claim(12, {1: 200, 2: 200, 3: 200})
        self.assertEqual([claimed[2], claimed[3]], others)
        self.assertEqual(len(claimed[1]), 6)

    def test_no_channel_gets_more_than_it_has_free(self):
        mine = self.add(1, 20)
        self.add(2, 20)
        claimed = self.claim(30, {1: 3, 2: 5})
        self.assertEqual((claimed[1], len(claimed[2])), (mine[:3], 5))

    def test_several_subscriptions_of_a_channel_share_what_it_has_free(self):
        for subscription in (1, 2):
            self.add(subscription, 10)
        places = [claims.Place(SUBSCRIPTION + one, 7, 1, claims.FRESH, 4) for one in (1, 2)]
        self.assertEqual(len(claims.claim(self.env.cr, places=places, owner="me", limit=100)), 4)

    def test_critical_and_fresh_work_goes_first_whoever_has_it(self):
        bulk, retry = self.add(1, 1, lane=2), self.add(1, 1, tier=claims.RETRY)
        fresh, critical = self.add(2, 2), self.add(3, 1, lane=0)
        turns = [self.claim(1, {1: 9, 2: 9, 3: 9}) for _turn in range(5)]
        self.assertEqual(
            [one for turn in turns for ids in turn.values() for one in ids], [*critical, *fresh, *retry, *bulk]
        )

    # -- work of systems that a person holds back

    def place(self, tier=claims.FRESH):
        return claims.Place(SUBSCRIPTION + 1, 1, 1, tier, 3000)

    def ready(self, *held, places=None):
        return bool(claims.ready(self.env.cr, places or [self.place()], held))

    def take(self, *held, limit=3000):
        """Claim while these systems are held; return the ids."""
        claimed = claims.claim(self.env.cr, places=[self.place()], owner="me", limit=limit, held_systems=held)
        return sorted(one.id for one in claimed)

    def read_by(self, function):
        """Return how many rows of the work list were read."""
        before = self.rows_read()
        function()
        return self.rows_read() - before

    def test_what_is_held_is_looked_through_once(self):
        for tier in (claims.FRESH, claims.RETRY):
            self.add(1, 2000, tier=tier, system=HELD)
            self.add(1, 1, due="2021-01-01", tier=tier, system=OTHER)
        places = [self.place(), self.place(claims.RETRY)]
        self.assertGreater(self.read_by(lambda: self.ready(HELD, places=places)), 4000)
        self.assertLess(self.read_by(lambda: self.assertTrue(self.ready(HELD, places=places))), 100)
        self.assertLess(self.read_by(lambda: self.assertEqual(len(self.take(HELD)), 1)), 100)
        self.assertFalse(self.ready(HELD))
        self.assertLess(self.read_by(lambda: self.assertFalse(self.ready(HELD))), 100)
        self.assertLess(self.read_by(lambda: self.assertEqual(self.take(HELD), [])), 100)

    def test_a_claim_alone_looks_through_it_once_too(self):
        self.add(1, 2000, system=HELD)
        self.assertEqual(self.take(HELD), [])
        self.assertLess(self.read_by(lambda: self.assertEqual(self.take(HELD), [])), 100)

    def test_what_comes_while_something_is_held_is_claimed_at_once(self):
        self.add(1, 20, system=HELD)
        self.assertEqual(self.take(HELD), [])
        for system in (OTHER, None):
            self.env.cr.execute("SELECT clock_timestamp() AT TIME ZONE 'UTC' - interval '1 second 100 ms'")
            came = self.add(1, 1, due=self.env.cr.fetchone()[0], system=system)
            self.assertTrue(self.ready(HELD))
            self.assertEqual(self.take(HELD), came)

    def test_when_a_hold_ends_everything_goes(self):
        held, others = self.add(1, 2000, system=HELD), self.add(1, 10, due="2021-01-01", system=OTHER)
        self.assertEqual(self.take(HELD, limit=4), others[:4])
        self.assertEqual(self.take(HELD), others[4:])
        self.assertFalse(self.ready(HELD))
        self.assertTrue(self.ready())
        self.assertEqual(self.take(), held)

    def test_when_other_systems_are_held_everything_is_looked_at_again(self):
        first, second = self.add(1, 5, system=HELD), self.add(1, 5, system=OTHER)
        self.assertEqual(self.take(HELD, OTHER), [])
        self.assertEqual(self.take(OTHER), first)
        self.assertEqual(self.take(HELD), second)
        third = self.add(1, 5, system=OTHER)
        self.assertEqual(self.take(OTHER), [])
        self.assertEqual(self.take(), third)

    def test_what_comes_among_what_is_held_is_found_some_seconds_later(self):
        self.add(1, 20, system=HELD)
        self.assertEqual(self.take(HELD), [])
        late = self.add(1, 1, system=OTHER)
        self.assertEqual(self.take(HELD), [])
        moment = time.monotonic() + claims.PASSED_FOR + 1
        with patch.object(claims.time, "monotonic", lambda: moment):
            self.assertEqual(self.take(HELD), late)

    def test_however_much_is_held_looking_through_it_takes_a_small_share_of_the_time(self):
        held, place = frozenset({HELD}), {(1, 1, 1): datetime.min}
        passed = claims._passed_of("x", held)
        passed.learn(place, 3.0)
        moment = time.monotonic()
        for later, is_believed in ((50.0, True), (61.0, False)):
            with patch.object(claims.time, "monotonic", lambda later=later: moment + later):
                self.assertIs(claims._passed_of("x", held) is passed, is_believed)
                passed.learn(place, 3.0)  # it begins where the last one ended: the clock goes on

    # -- leases that nobody ended

    def leased(self):
        self.env.cr.execute(
            "SELECT id FROM integration_due WHERE lease_until IS NOT NULL AND subscription_id >= %s ORDER BY id",
            (SUBSCRIPTION,),
        )
        return [row[0] for row in self.env.cr.fetchall()]

    def reclaim(self, **options):
        found = claims.reclaim(self.env.cr, worker="me", **options)
        return sorted(delivery_id for delivery_id, _state in found.lost)

    def rows_read(self):
        self.env.cr.execute(READ)
        return self.env.cr.fetchone()[0]

    def test_a_search_reads_none_of_what_waits(self):
        self.add(1, 3000)
        self.claim(10, {1: 10})
        before = self.rows_read()
        self.assertEqual(self.reclaim(), [])
        self.assertEqual(self.rows_read(), before)

    def test_a_search_reads_of_what_waits_only_what_was_claimed_a_lease_ago(self):
        self.add(1, 3000)
        self.claim(10, {1: 10})
        expire(self.env.cr)
        before = self.rows_read()
        self.reclaim()
        self.assertLess(self.rows_read() - before, 100)

    def test_what_was_renewed_is_looked_at_again(self):
        ids = self.add(1, 4)
        places = [claims.Place(SUBSCRIPTION + 1, 1, 1, claims.FRESH, 4)]
        claimed = claims.claim(self.env.cr, places=places, owner="me", limit=4)
        expire(self.env.cr)
        self.assertEqual(claims.renew(self.env.cr, claimed[:2]), {ids[0], ids[1]})
        self.reclaim()
        self.assertEqual(self.leased(), ids[:2])
        self.reclaim()
        self.assertEqual(self.leased(), ids[:2])
        expire(self.env.cr)
        self.reclaim()
        self.assertEqual(self.leased(), [])

    def test_what_is_done_or_given_back_leaves_nothing_to_look_at(self):
        self.add(1, 4)
        places = [claims.Place(SUBSCRIPTION + 1, 1, 1, claims.FRESH, 4)]
        claimed = claims.claim(self.env.cr, places=places, owner="me", limit=4)
        claims.give_back(self.env.cr, claimed[:2])
        claims.complete(
            self.env.cr, [claims.Result(one, "done", "applied", self.env.cr.now()) for one in claimed[2:]], worker="me"
        )
        expire(self.env.cr)
        self.reclaim()
        self.env.cr.execute("SELECT count(*) FROM integration_lease")
        self.assertEqual(self.env.cr.fetchone(), (0,))

    def test_a_renewed_lease_that_was_lost_is_not_ours(self):
        self.add(1, 2)
        places = [claims.Place(SUBSCRIPTION + 1, 1, 1, claims.FRESH, 4)]
        one, other = claims.claim(self.env.cr, places=places, owner="me", limit=4)
        self.env.cr.execute("UPDATE integration_due SET token = token + 1 WHERE id = %s", (other.id,))
        self.assertEqual(claims.renew(self.env.cr, [one, other]), {one.id})
        self.assertEqual(claims.lock(self.env.cr, [one, other]), [one])
        self.assertEqual(claims.lock(self.env.cr, [other], beside=[one]), [])
