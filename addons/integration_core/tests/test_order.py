from unittest.mock import patch

from odoo.tests import tagged

from ..engine import claims, order
from .recording import RECORDER, RecordingCase
from .test_journal import ADMITTED, DATA


@tagged("post_install", "-at_install")
class TestOrder(RecordingCase):
    """Ordered subscriptions: per ordering key one after the other, and a dead letter holds its key alone."""

    subscription_values = {"ordered": True}

    def setUp(self):
        super().setUp()
        # Whatever the database brought along has its position already.
        order.sequence(self.env.cr)

    def admit(self, *pairs):
        """Accept admissions given as (encounter, ordering key); return their deliveries."""
        return [self._accepted(*pair).delivery_ids for pair in pairs]

    def _accepted(self, encounter, key):
        event = self.post(ADMITTED, {**DATA, "encounter": encounter})[1]
        if key:
            self.env.cr.execute(
                "UPDATE integration_due SET order_key = %s, tier = %s WHERE event_id = %s",
                (key, claims.UNPOSITIONED, event.id),
            )
        return event

    def tiers(self, deliveries):
        self.env.cr.execute("SELECT id, tier FROM integration_due")
        found = dict(self.env.cr.fetchall())
        return [found.get(delivery.id) for delivery in deliveries]

    def complete(self, claimed, state="done", **values):
        results = [claims.Result(one, state, "applied", self.env.cr.now(), **values) for one in claimed]
        stored = claims.complete(self.env.cr, results, worker="me")
        order.release(self.env.cr, stored.freed)
        return stored

    def test_nothing_ordered_is_claimable_before_it_has_a_position(self):
        deliveries = self.admit(("A", "k"))
        self.assertEqual(self.claim(), [])
        self.assertEqual(self.tiers(deliveries), [claims.UNPOSITIONED])
        order.sequence(self.env.cr)
        self.assertEqual([one.id for one in self.claim()], deliveries[0].ids)

    def test_every_event_gets_one_position_in_rising_order(self):
        deliveries = self.admit(("A", "k"), ("B", "l"), ("C", None))
        order.sequence(self.env.cr)
        order.sequence(self.env.cr)
        self.env.cr.execute(
            "SELECT position FROM integration_event_position WHERE event_id = ANY (%s) ORDER BY event_id",
            ([delivery.event_id.id for delivery in deliveries],),
        )
        positions = [row[0] for row in self.env.cr.fetchall()]
        self.assertEqual(positions, list(range(positions[0], positions[0] + 3)))

    def test_one_of_a_key_at_a_time_and_other_keys_do_not_wait(self):
        first, second, other = self.admit(("A", "k"), ("B", "k"), ("C", "l"))
        order.sequence(self.env.cr)
        claimed = self.claim()
        self.assertEqual([one.id for one in claimed], [first.id, other.id])
        self.assertEqual(second.hold_code, "blocked_by_earlier")
        self.complete(claimed)
        self.assertEqual([one.id for one in self.claim()], [second.id])

    def test_a_retry_holds_its_key(self):
        first, second = self.admit(("A", "k"), ("B", "k"))
        order.sequence(self.env.cr)
        self.complete(self.claim(), "waiting", delay=60.0)
        self.assertEqual(self.claim(), [])
        self.assertEqual(self.tiers([first, second]), [claims.RETRY, claims.BLOCKED])

    def test_a_dead_letter_holds_its_key_until_it_is_skipped(self):
        first, second = self.admit(("A", "k"), ("B", "k"))
        order.sequence(self.env.cr)
        self.complete(self.claim(), "dead", error_code="handler_failed")
        self.assertEqual(self.tiers([first, second]), [claims.DEAD, claims.BLOCKED])
        [third] = self.admit(("C", "k"))
        order.sequence(self.env.cr)
        self.assertEqual(self.claim(), [])
        self.env.invalidate_all()
        first._skip("entered by hand")
        self.assertEqual([one.id for one in self.claim()], [second.id])
        self.assertEqual(self.tiers([third]), [claims.BLOCKED])

    def test_what_came_behind_a_dead_letter_while_it_was_skipped_goes_on_after_the_commit(self):
        """The snapshot of a person's request may have begun before it came."""
        first, second = self.admit(("A", "k"), ("B", "k"))
        order.sequence(self.env.cr)
        self.complete(self.claim(), "dead", error_code="handler_failed")
        self.env.invalidate_all()
        with patch.object(order, "release", return_value=0):
            first._skip("entered by hand")
        self.assertEqual(self.claim(), [])
        with self.enter_registry_test_mode():
            self.env.cr.postcommit.run()
        self.assertEqual([one.id for one in self.claim()], [second.id])

    def test_a_dead_letter_that_is_retried_goes_first(self):
        first, second = self.admit(("A", "k"), ("B", "k"))
        order.sequence(self.env.cr)
        self.complete(self.claim(), "dead")
        self.env.invalidate_all()
        first._retry("mended")
        self.assertEqual([one.id for one in self.claim()], [first.id])
        self.assertEqual(self.tiers([second]), [claims.BLOCKED])

    def test_a_crash_holds_the_key_and_goes_alone(self):
        first, second = self.admit(("A", "k"), ("B", "k"))
        order.sequence(self.env.cr)
        self.claim()
        self.expire()
        claims.reclaim(self.env.cr, worker="me")
        self.assertEqual(self.tiers([first, second]), [claims.ALONE, claims.BLOCKED])
        self.assertEqual([one.id for one in self.claim(tiers=(claims.ALONE,))], [first.id])

    def test_a_key_whose_head_disappeared_is_mended(self):
        first, second = self.admit(("A", "k"), ("B", "k"))
        order.sequence(self.env.cr)
        self.env.cr.execute("DELETE FROM integration_due WHERE id = %s", (first.id,))
        self.assertEqual(self.claim(), [])
        self.assertEqual(order.mend(self.env.cr), 1)
        self.assertEqual([one.id for one in self.claim()], [second.id])

    def test_a_newcomer_does_not_overtake_those_whose_head_has_just_gone(self):
        """A handler's transaction ends before the next of its key is let go; what arrives in between comes last."""
        first, second = self.admit(("A", "k"), ("B", "k"))
        order.sequence(self.env.cr)
        (head,) = self.claim()
        self.assertEqual(head.id, first.id)
        claims.complete(self.env.cr, [claims.Result(head, "done", "applied", self.env.cr.now())], worker="me")
        (third,) = self.admit(("C", "k"))
        order.sequence(self.env.cr)
        self.assertEqual(self.tiers([second, third]), [claims.BLOCKED, claims.BLOCKED])
        self.assertEqual(order.mend(self.env.cr), 1)
        self.assertEqual([one.id for one in self.claim()], [second.id])

    def test_what_is_let_go_at_once_is_locked_in_the_order_of_ids(self):
        """Two that let go the same deliveries never wait for each other."""
        self.admit(*[("first", key) for key in "hgfedcba"])
        behind = self.admit(*[("second", key) for key in "hgfedcba"])
        order.sequence(self.env.cr)
        with patch.object(order._LET_GO, "execute", wraps=order._LET_GO.execute) as let_go:
            self.complete(self.claim())
        [call] = let_go.call_args_list
        self.assertEqual(call.args[1]["ids"], sorted(delivery.id for delivery in behind))

    def test_mending_never_lets_two_of_a_key_go(self):
        self.admit(("A", "k"), ("B", "k"), ("C", "k"))
        order.sequence(self.env.cr)
        self.assertEqual(order.mend(self.env.cr), 0)
        self.assertEqual(len(self.claim()), 1)
        self.assertEqual(order.mend(self.env.cr), 0)

    def test_the_engine_carries_them_out_in_order(self):
        self.admit(("A", "k"), ("B", "l"), ("C", "k"), ("D", "k"), ("E", "l"))
        self.drain()
        handled = [name for batch in RECORDER.batches for name in batch]
        self.assertEqual(sorted(handled), ["A", "B", "C", "D", "E"])
        self.assertEqual([name for name in handled if name in "ACD"], ["A", "C", "D"])
        self.assertEqual([name for name in handled if name in "BE"], ["B", "E"])

    def test_a_round_that_is_told_where_to_begin_misses_nothing_that_came_since(self):
        self.admit(("A", None))
        done = order.sequence(self.env.cr)
        self.assertEqual((done.moved, order.sequence(self.env.cr, done.since).moved), (1, 0))
        self.env.cr.execute("SELECT pg_current_xact_id()::text")
        self.assertLessEqual(int(done.since), int(self.env.cr.fetchone()[0]))
        self.admit(("B", None))
        self.assertEqual(order.sequence(self.env.cr, done.since).moved, 1)

    def test_an_unordered_subscription_waits_for_no_position(self):
        self.subscription.ordered = False
        event = self.post(ADMITTED, {**DATA, "encounter": "A"})[1]
        self.assertEqual([one.id for one in self.claim()], event.delivery_ids.ids)

