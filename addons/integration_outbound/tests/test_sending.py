"""What the loop that sends does with what it has claimed when the database drops, or when it stands still itself."""

from unittest.mock import patch

import psycopg2
from odoo.addons.integration_core.engine import claims, sending
from odoo.addons.integration_core.engine.loops import Shared
from odoo.addons.integration_core.engine.plan import ALL_LANES
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import OutboundCase

LEASE = 120.0
LOST = psycopg2.OperationalError("server closed the connection unexpectedly")
LOG = "odoo.addons.integration_core.engine.sending"


class SendingCase(OutboundCase):
    """One engine process, of which the test does the turns."""

    def setUp(self):
        super().setUp()
        self.consumer = self.registry["integration.consumer.endpoint"]
        self.prepare = self.consumer._prepare
        self.loop = sending.SendLoop(
            Shared(self.env.registry, "me", inline=True),
            consumer="endpoint",
            model="integration.consumer.endpoint",
            lanes=ALL_LANES,
            concurrency=4,
        )

    def turn(self, times=1):
        with self.enter_registry_test_mode():
            for _turn in range(times):
                self.loop.turn()
        self.env.invalidate_all()

    def lose_the_database(self, name, where=None):
        """Do a turn in which the database is lost in this method, of the consumer unless told otherwise."""
        with patch.object(where or self.consumer, name, side_effect=LOST):
            try:
                self.turn()
            except psycopg2.OperationalError:  # assertRaises would undo the claim, which is committed
                self.env.invalidate_all()
                return
        self.fail("the turn did not fail")

    def turn_without_claims(self):
        """Do a turn in which nothing may be claimed, so that what was given back stays that."""
        self.endpoint.action_pause()
        self.turn()
        self.endpoint.action_resume()

    def reclaim(self):
        """Let every lease end, and another process find those that nobody ended."""
        self.expire()
        claims.reclaim(self.env.cr, worker="another")
        self.make_due()


@tagged("post_install", "-at_install")
class TestOwed(SendingCase):
    """What a turn had claimed that fails comes back, and counts against nobody."""

    def leases(self, deliveries):
        return [(one.lease_owner, one.crashes, one.attempts) for one in deliveries]

    def alone(self):
        """Return eight deliveries, as many as go together, whose process died once."""
        second = self._make_endpoint("second", self.receiver.url)
        self.approve(second)
        deliveries = self.env["integration.delivery"].union(*[self.emit().delivery_ids for _event in range(4)])
        self.assertEqual(len(deliveries), sending.TOGETHER)
        self.env.cr.execute("UPDATE integration_due SET tier = %s, crashes = 1", (claims.ALONE,))
        self.env.invalidate_all()
        return deliveries

    def test_what_goes_alone_goes_on_after_the_connection_was_lost(self):
        deliveries = self.alone()
        self.lose_the_database("_prepare")
        self.turn()
        self.assertEqual(set(deliveries.mapped("state")), {"done"})
        self.assertEqual(len(self.receiver.requests), 8)

    def test_what_goes_alone_goes_on_though_its_lease_ended_before_it_was_given_back(self):
        deliveries = self.alone()
        self.lose_the_database("_prepare")
        self.reclaim()
        self.turn(times=8)
        self.assertEqual(set(deliveries.mapped("state")), {"done"})
        self.assertEqual(len(self.receiver.requests), 8)

    def test_what_could_not_be_prepared_is_given_back_in_the_next_turn(self):
        delivery = self.emit().delivery_ids
        self.lose_the_database("_prepare")
        self.assertEqual(self.leases(delivery), [("me", 0, 0)])
        self.turn_without_claims()
        self.assertEqual(self.leases(delivery), [(False, 0, 0)])
        self.turn()
        self.assertEqual((delivery.state, delivery.crashes), ("done", 0))

    def test_what_could_not_be_given_back_is_given_back_in_the_next_turn(self):
        delivery = self.emit().delivery_ids
        with patch.object(self.consumer, "_prepare", lambda _model, claimed: [(one, None) for one in claimed]):
            self.lose_the_database("_given_back")
        self.turn_without_claims()
        self.assertEqual(self.leases(delivery), [(False, 0, 0)])

    def test_what_was_claimed_first_is_given_back_when_the_second_look_fails(self):
        delivery = self.emit().delivery_ids
        self.lose_the_database("_fetch_alone", sending.SendLoop)
        self.turn_without_claims()
        self.assertEqual(self.leases(delivery), [(False, 0, 0)])

    def test_what_is_owed_when_the_process_stops_is_given_back(self):
        delivery = self.emit().delivery_ids
        self.lose_the_database("_prepare")
        with self.enter_registry_test_mode():
            self.loop.land()
        self.env.invalidate_all()
        self.assertEqual(self.leases(delivery), [(False, 0, 0)])

    def test_what_fails_one_turn_after_the_other_is_left_to_its_lease(self):
        """It may be what brings the database down: the third time names it."""
        delivery = self.emit().delivery_ids
        self.lose_the_database("_prepare")
        self.lose_the_database("_prepare")
        self.turn_without_claims()
        self.assertEqual(self.leases(delivery), [("me", 0, 0)])
        self.reclaim()
        self.assertEqual(self.leases(delivery), [(False, 1, 0)])
        self.turn()
        self.assertEqual(delivery.state, "done")

    @mute_logger(LOG)
    def test_what_cannot_be_given_back_at_all_keeps_nothing_else_waiting(self):
        delivery = self.emit().delivery_ids
        self.lose_the_database("_prepare")
        with patch.object(self.consumer, "_given_back", side_effect=ValueError):
            self.turn_without_claims()
        self.assertEqual(self.leases(delivery), [("me", 0, 0)])
        other = self.emit().delivery_ids
        self.turn()
        self.assertEqual(other.state, "done")

    def test_a_rate_counts_nothing_that_was_not_sent(self):
        self.endpoint.rate_per_minute = 1
        delivery = self.emit().delivery_ids
        self.lose_the_database("_prepare")
        self.turn()
        self.assertEqual(delivery.state, "done")


@tagged("post_install", "-at_install")
class TestStandstill(SendingCase):
    """A process that stood still begins no try for which its lease may be too short."""

    def setUp(self):
        super().setUp()
        self.now = 1000.0
        self.startPatcher(patch.object(sending.SendLoop, "_clock", lambda _loop: self.now))

    def stand_still(self, seconds, meanwhile=lambda _model: None):
        """Do a turn in which so much time passes between the claim and the try."""

        def prepare(model, claimed):
            jobs = self.prepare(model, claimed)
            self.now += seconds
            meanwhile(model)
            return jobs

        with patch.object(self.consumer, "_prepare", prepare):
            self.turn()

    def test_what_waited_for_too_long_is_not_tried_and_spends_nothing(self):
        delivery = self.emit().delivery_ids
        self.stand_still(LEASE / 2)
        self.assertEqual((delivery.state, delivery.attempts, delivery.lease_owner), ("waiting", 0, False))
        self.assertFalse(delivery.attempt_ids)
        self.assertEqual(self.receiver.requests, [])
        self.turn()
        self.assertEqual((delivery.state, delivery.attempts, delivery.crashes), ("done", 1, 0))
        self.assertEqual(len(self.receiver.requests), 1)

    def test_what_another_process_has_meanwhile_stays_its_own(self):
        delivery = self.emit().delivery_ids

        def reclaim(model):
            self.expire()
            claims.reclaim(model.env.cr, worker="another")
            self.assertEqual([one.id for one in self.claim(owner="another", tiers=(claims.ALONE,))], delivery.ids)

        self.stand_still(LEASE, reclaim)
        self.assertEqual((delivery.lease_owner, self.receiver.requests), ("another", []))

    def test_what_waits_in_the_queue_for_as_long_as_it_may_is_tried(self):
        delivery = self.emit().delivery_ids
        self.stand_still(sending.PREFETCH_SECONDS * 2)
        self.assertEqual(delivery.state, "done")

    def test_the_longest_try_of_an_endpoint_fits_in_what_is_left_of_its_lease(self):
        longest = 60
        self.endpoint.timeout = longest
        with self.assertRaises(psycopg2.errors.CheckViolation), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            self.endpoint.timeout = longest + 1
            self.env.flush_all()
        self.assertGreater(claims.lease_seconds() * (1 - sending.BEGIN_WITHIN), longest + 10)
