from unittest.mock import patch

import psycopg2
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..domain.keyring import KeyringError, Problem
from ..engine import claims, handling
from ..engine.loops import Shared
from ..engine.plan import ALL_LANES
from .recording import RECORDER, RecordingCase
from .test_journal import ADMITTED, DATA

RUNNER_LOG = "odoo.addons.integration_core.engine.handling"
UPKEEP_LOG = "odoo.addons.integration_core.engine.upkeep"


@tagged("post_install", "-at_install")
class TestEngine(RecordingCase):
    def admit(self, *encounters):
        return [self.post(ADMITTED, {**DATA, "encounter": name})[1] for name in encounters]

    def state_of(self, events):
        return [event.delivery_ids.state for event in events]

    def test_events_are_handled_in_one_batch_in_the_order_of_arrival(self):
        events = self.admit("A", "B", "C")
        self.drain()
        self.assertEqual(RECORDER.batches, [["A", "B", "C"]])
        self.assertEqual(self.state_of(events), ["done"] * 3)
        self.assertEqual(events[0].effect_ids.mapped("status"), ["applied"])
        self.assertEqual(events[0].delivery_ids.attempt_ids.mapped("outcome"), ["applied"])

    def test_nothing_is_handled_twice(self):
        self.admit("A")
        self.drain()
        self.drain()
        self.assertEqual(RECORDER.batches, [["A"]])

    def test_a_connection_that_breaks_is_nobodys_failure(self):
        """The loop waits for the database; nothing is said of the delivery, whose lease ends."""
        [event] = self.admit("A")
        for error in (
            psycopg2.OperationalError("connection refused"),
            psycopg2.InterfaceError("connection already closed"),
            # In the middle of a statement.
            psycopg2.DatabaseError("server closed the connection unexpectedly"),
        ):
            RECORDER.errors["A"] = error
            with self.subTest(type(error).__name__), self.assertRaises(type(error)):
                self.drain()
            self.assertFalse(event.delivery_ids.attempt_ids)
            self.env.cr.execute("UPDATE integration_due SET lease_owner = NULL, lease_until = NULL")

    @mute_logger(RUNNER_LOG)
    def test_a_poison_event_stands_alone_and_costs_the_others_nothing(self):
        RECORDER.errors["C"] = ValueError("secret payload text")
        events = self.admit("A", "B", "C", "D")
        self.drain()
        self.assertEqual(self.state_of(events), ["done", "done", "waiting", "done"])
        poison = events[2].delivery_ids
        self.assertEqual((poison.attempts, poison.error_code, poison.error_detail), (1, "handler_failed", "ValueError"))
        self.assertEqual([e.delivery_ids.attempts for e in events], [1, 1, 1, 1])
        self.assertEqual([e.effect_ids.mapped("status") for e in events], [["applied"], ["applied"], [], ["applied"]])

    @mute_logger(RUNNER_LOG)
    def test_the_schedule_ends_in_a_dead_letter_that_a_person_retries(self):
        RECORDER.errors["A"] = ValueError()
        [event] = self.admit("A")
        for _try in range(4):
            self.make_due()
            self.drain()
        delivery = event.delivery_ids
        self.assertEqual((delivery.state, delivery.attempts), ("dead", 4))
        self.assertEqual(delivery.owner_id, self.subscription.owner_id)
        told = self.env["integration.event"].search([("type_name", "=", "integration.delivery.dead_lettered.v1")])
        self.assertEqual(told.causation_id, event.uuid)
        operator = new_test_user(self.env, "op", groups="integration_core.group_operator")
        with self.assertRaises(UserError):
            delivery.with_user(operator)._retry("")
        RECORDER.errors.clear()
        delivery.with_user(operator)._retry("the mapping was mended")
        self.drain()
        self.assertEqual(delivery.state, "done")
        trail = self.env["integration.audit"].search([("action", "=", "delivery.retry")])
        self.assertEqual((trail.user_id, trail.reason), (operator.id, "the mapping was mended"))

    @mute_logger(RUNNER_LOG)
    def test_skip_needs_the_right_and_a_reason(self):
        RECORDER.errors["A"] = ValueError()
        [event] = self.admit("A")
        for _try in range(4):
            self.make_due()
            self.drain()
        delivery = event.delivery_ids
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        with self.assertRaises(AccessError):
            delivery.with_user(viewer)._skip("no")
        operator = new_test_user(self.env, "op", groups="integration_core.group_operator")
        delivery.with_user(operator)._skip("entered by hand")
        self.assertEqual((delivery.state, delivery.skip_reason), ("skipped", "entered by hand"))
        with self.assertRaises(UserError):
            delivery.with_user(operator)._retry("changed my mind")

    def test_a_paused_subscription_keeps_its_deliveries_waiting(self):
        self.subscription.action_pause()
        events = self.admit("A")
        self.drain()
        self.assertEqual((self.state_of(events), events[0].delivery_ids.attempts), (["waiting"], 0))
        self.subscription.action_resume()
        self.drain()
        self.assertEqual(self.state_of(events), ["done"])

    def test_without_the_master_key_work_waits_and_spends_no_attempt(self):
        [event] = self.admit("A")
        with patch.object(self.registry["integration.keyring"], "_get", side_effect=KeyringError(Problem.MISSING)):
            self.drain()
        self.assertEqual((event.delivery_ids.state, event.delivery_ids.attempts), ("waiting", 0))
        self.assertFalse(event.delivery_ids.attempt_ids)
        self.make_due()
        self.drain()
        self.assertEqual(event.delivery_ids.state, "done")

    def test_an_inside_effect_is_never_replayed(self):
        [event] = self.admit("A")
        self.drain()
        operator = new_test_user(self.env, "op", groups="integration_core.group_operator")
        with self.assertRaises(UserError):
            event.delivery_ids.with_user(operator)._replay("again please")

    # -- leases
    # -------------------------------------------------------------------------------------------------------------

    def test_a_lost_lease_comes_back_and_goes_alone(self):
        events = self.admit("A", "B", "C")
        self.claim()
        self.expire()
        with mute_logger(UPKEEP_LOG):
            self.drain()
        self.assertEqual(RECORDER.batches, [["A"], ["B"], ["C"]])
        self.assertEqual(events[0].delivery_ids.crashes, 1)
        self.assertEqual(events[0].delivery_ids.attempt_ids.mapped("outcome"), ["crashed", "applied"])

    def test_three_dead_processes_make_poison(self):
        [event] = self.admit("A")
        for tier in (claims.FRESH, claims.ALONE, claims.ALONE):
            self.assertEqual(len(self.claim(tiers=(tier,))), 1)
            self.expire()
            claims.reclaim(self.env.cr, worker="me")
            self.make_due()
        self.env.invalidate_all()
        self.assertEqual((event.delivery_ids.state, event.delivery_ids.error_code), ("dead", "process_died"))
        self.assertEqual(RECORDER.batches, [])

    def test_a_result_with_an_old_token_changes_nothing(self):
        [event] = self.admit("A")
        [late] = self.claim()
        self.expire()
        claims.reclaim(self.env.cr, worker="me")
        self.make_due()
        [fresh] = self.claim(tiers=(claims.ALONE,))
        self.assertGreater(fresh.token, late.token)
        result = claims.Result(late, "done", "applied", event.received_at)
        self.assertFalse(claims.complete(self.env.cr, [result], worker="me").ids)
        self.env.invalidate_all()
        self.assertEqual((event.delivery_ids.state, event.delivery_ids.lease_owner), ("waiting", "me"))

    def test_a_result_of_another_process_changes_nothing(self):
        [event] = self.admit("A")
        [mine] = self.claim(owner="me")
        result = claims.Result(mine, "done", "applied", event.received_at)
        self.assertFalse(claims.complete(self.env.cr, [result], worker="another").ids)
        self.assertEqual(event.delivery_ids.state, "waiting")

    @mute_logger(RUNNER_LOG)
    def test_endless_fresh_work_starves_nobody(self):
        """Neither a retry, nor what goes alone because its process died, nor the lanes behind."""
        suspect, retry, bulk = (event.delivery_ids for event in self.admit("suspect", "retry", "bulk"))
        self.env.cr.execute("UPDATE integration_due SET tier = %s WHERE id = %s", (claims.ALONE, suspect.id))
        self.env.cr.execute("UPDATE integration_due SET tier = %s WHERE id = %s", (claims.RETRY, retry.id))
        self.env.cr.execute("UPDATE integration_due SET lane = 2 WHERE id = %s", (bulk.id,))
        fresh = self.admit(*map(str, range(40)))
        loop = handling.HandlerLoop(Shared(self.env.registry, "me", inline=True), lanes=ALL_LANES)
        self.env.flush_all()
        with self.enter_registry_test_mode(), patch.object(handling, "BATCH", 1):
            for _turn in range(24):
                loop.turn()
        self.env.invalidate_all()
        self.assertIn("waiting", self.state_of(fresh))
        self.assertEqual((suspect | retry | bulk).mapped("state"), ["done"] * 3)

    def test_critical_lanes_and_fresh_work_go_first(self):
        first, second, third = (event.delivery_ids for event in self.admit("A", "B", "C"))
        self.env.cr.execute("UPDATE integration_due SET lane = 2 WHERE id = %s", (first.id,))
        self.env.cr.execute("UPDATE integration_due SET tier = %s WHERE id = %s", (claims.RETRY, second.id))
        order = [self.claim(limit=1)[0].id for _turn in range(3)]
        self.assertEqual(order, [third.id, second.id, first.id])
