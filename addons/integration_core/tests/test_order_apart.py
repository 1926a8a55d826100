"""Order between connections: what is locked or not committed by somebody else at that moment.

On real connections, whose rows are committed; they lie in a schema of the test's own.
"""

from contextlib import contextmanager
from unittest.mock import patch

from odoo import sql_db
from odoo.tests import TransactionCase, tagged

from .. import tools
from ..engine import claims, order

SCHEMA = "integration_order_of_a_test"
TABLES = ("integration_due", "integration_event_position", "integration_lease")
SUBSCRIPTION = 7


@tagged("post_install", "-at_install")
class TestOrderApart(TransactionCase):
    def setUp(self):
        super().setUp()
        copies = "".join(
            f"CREATE TABLE {SCHEMA}.{table} (LIKE public.{table} INCLUDING ALL);" for table in TABLES
        )
        self.run_apart(f"CREATE SCHEMA {SCHEMA}; {copies}")
        self.addCleanup(self.run_apart, f"DROP SCHEMA {SCHEMA} CASCADE")
        self.last = 0

    def run_apart(self, statement, values=None):
        with self.apart() as cr:
            cr.execute(statement, values)

    @contextmanager
    def apart(self):
        """Give a connection of its own, whose transaction is committed in the end."""
        with sql_db.db_connect(self.env.cr.dbname).cursor() as cr:
            tools.begin_read_committed(cr)
            cr.execute(f"SET LOCAL search_path = {SCHEMA}, public")
            yield cr

    def arrive(self, *keys):
        """Commit an event for each of these keys; return the deliveries' ids."""
        first = self.last + 1
        self.last += len(keys)
        ids = list(range(first, self.last + 1))
        with self.apart() as cr:
            for delivery_id, key in zip(ids, keys, strict=True):
                cr.execute("INSERT INTO integration_event_position (event_id) VALUES (%s)", (delivery_id,))
                cr.execute(
                    "INSERT INTO integration_due"
                    " (id, event_id, subscription_id, company_id, lane, tier, due_at, order_key)"
                    " VALUES (%s, %s, %s, 1, 1, %s, '2020-01-01', %s)",
                    (delivery_id, delivery_id, SUBSCRIPTION, claims.UNPOSITIONED, key),
                )
        return ids

    def sequence(self):
        with self.apart() as cr:
            return order.sequence(cr)

    def tiers(self):
        with self.apart() as cr:
            cr.execute("SELECT id, tier FROM integration_due ORDER BY id")
            return dict(cr.fetchall())

    @staticmethod
    def rows_read(cr):
        """Return how many rows of the work list this transaction has read."""
        cr.execute(
            "SELECT seq_tup_read + COALESCE(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
            " WHERE relname = 'integration_due' AND schemaname = %s",
            (SCHEMA,),
        )
        return cr.fetchone()[0]

    @staticmethod
    def lock(cr, delivery_id):
        cr.execute("SELECT id FROM integration_due WHERE id = %s FOR UPDATE", (delivery_id,))

    @staticmethod
    def complete(cr, delivery_id, key):
        """Remove a head and let the next of its key go, as a completion does in one transaction."""
        cr.execute("DELETE FROM integration_due WHERE id = %s", (delivery_id,))
        return order.release(cr, {(SUBSCRIPTION, key)})

    def test_other_keys_do_not_wait_for_one_with_which_somebody_is_busy(self):
        (head,) = self.arrive("k")
        self.sequence()
        behind, other = self.arrive("k", "k", "k", "l")[1:3], self.last
        with patch.object(order, "BATCH", 2), self.apart() as busy:
            self.lock(busy, head)
            for _round in range(3):
                self.sequence()
            self.assertEqual(self.tiers()[other], claims.FRESH)
        self.assertEqual({self.tiers()[one] for one in behind}, {claims.BLOCKED})

    def test_a_newcomer_behind_a_head_that_is_just_being_removed_goes_on(self):
        """The one who removes it looks for the next before the newcomer is committed, and finds none."""
        (head,) = self.arrive("k")
        self.sequence()
        (newcomer,) = self.arrive("k")
        with self.apart() as remover, self.apart() as sequencer:
            self.lock(remover, head)
            done = order.sequence(sequencer)
            self.assertEqual(self.complete(remover, head, "k"), 0)
            remover.commit()
            sequencer.commit()
        self.assertEqual(self.tiers(), {newcomer: claims.BLOCKED})
        self.assertEqual(done.unsure, {(SUBSCRIPTION, "k")})
        with self.apart() as cr:
            self.assertEqual(order.settle(cr, done.unsure), (1, frozenset()))
        self.assertEqual(self.tiers(), {newcomer: claims.FRESH})

    def test_as_long_as_somebody_is_busy_with_the_head_its_key_stays_in_doubt(self):
        (head,) = self.arrive("k")
        self.sequence()
        (newcomer,) = self.arrive("k")
        with self.apart() as busy:
            self.lock(busy, head)
            unsure = self.sequence().unsure
            for _look in range(2):
                with self.apart() as cr:
                    self.assertEqual(order.settle(cr, unsure), (0, unsure))
        with self.apart() as cr:
            self.assertEqual(order.settle(cr, unsure), (0, frozenset()))
        self.assertEqual(self.tiers(), {head: claims.FRESH, newcomer: claims.BLOCKED})

    def test_whoever_removes_a_head_that_was_free_sees_the_newcomer(self):
        (head,) = self.arrive("k")
        self.sequence()
        (newcomer,) = self.arrive("k")
        self.assertEqual(self.sequence().unsure, frozenset())
        with self.apart() as remover:
            self.assertEqual(self.complete(remover, head, "k"), 1)
        self.assertEqual(self.tiers(), {newcomer: claims.FRESH})

    def test_two_releases_at_once_let_one_go(self):
        head, *behind = self.arrive("k", "k", "k")
        self.sequence()
        with self.apart() as remover:
            self.complete(remover, head, "k")
        with self.apart() as one:
            self.assertEqual(order.release(one, {(SUBSCRIPTION, "k")}), 0)
        self.assertEqual(sorted(self.tiers().values()), [claims.FRESH, claims.BLOCKED])
        self.assertEqual(self.tiers()[behind[0]], claims.FRESH)

    def test_a_second_sequencer_does_nothing_meanwhile(self):
        self.arrive("k")
        with self.apart() as one:
            self.assertEqual(order.sequence(one).moved, 2)
            self.assertEqual(self.sequence().moved, 0)
        self.assertEqual(self.sequence().moved, 0)

    def test_two_claims_at_once_take_different_deliveries(self):
        self.arrive(*"abcdef")
        self.sequence()
        places = [claims.Place(SUBSCRIPTION, 1, 1, claims.FRESH, 3)]
        with self.apart() as one, self.apart() as other:
            mine = claims.claim(one, places=places, owner="me", limit=3)
            yours = claims.claim(other, places=places, owner="you", limit=3)
        self.assertEqual((len(mine), len(yours)), (3, 3))
        self.assertFalse({one.id for one in mine} & {one.id for one in yours})

    def test_the_cost_of_a_round_does_not_depend_on_how_much_waits(self):
        self.arrive(*(f"k{number}" for number in range(600)))
        with patch.object(order, "BATCH", 50), self.apart() as cr:
            cr.execute("ANALYZE integration_due")
            before = self.rows_read(cr)
            self.assertEqual(order.sequence(cr).moved, 100)
            self.assertLess(self.rows_read(cr) - before, 300)

    def test_letting_the_next_go_does_not_read_all_that_stand_behind(self):
        head, *_behind = self.arrive(*["k"] * 600)
        self.sequence()
        with self.apart() as cr:
            before = self.rows_read(cr)
            self.assertEqual(self.complete(cr, head, "k"), 1)
            self.assertLess(self.rows_read(cr) - before, 50)

    def test_what_somebody_works_at_is_not_taken_back_and_neither_is_what_waits_beside_it(self):
        self.arrive("a", "b")
        self.sequence()
        places = [claims.Place(SUBSCRIPTION, 1, 1, claims.FRESH, 3)]
        with self.apart() as cr:
            part, beside = claims.claim(cr, places=places, owner="me", limit=2)
        self.run_apart("UPDATE integration_due SET lease_until = '2000-01-01'")
        self.run_apart("UPDATE integration_lease SET until = '2000-01-01'")
        with self.apart() as handler:
            self.assertEqual(claims.lock(handler, [part], beside=[beside]), [part])
            with self.apart() as another:
                self.assertEqual(claims.reclaim(another, worker="another").lost, [])
        with self.apart() as cr:
            self.assertEqual(claims.renew(cr, [part, beside]), {part.id, beside.id})
            cr.execute("SELECT ids FROM integration_lease")
            self.assertEqual(cr.fetchall(), [([part.id, beside.id],)])
