"""What the engine does in every installation, whatever consumers there are: order, positions, leases, and splitting."""

from unittest.mock import patch

import psycopg2
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import errorcodes

from ..engine import claims, handling, order
from ..engine.loops import Shared
from ..engine.plan import ALL_LANES
from ..engine.runner import Runner
from .recording import RECORDER, RecordingCase
from .test_engine import RUNNER_LOG
from .test_journal import ADMITTED, DATA

LEASE = 120.0
CRITICAL = 0


class Met(psycopg2.errors.DeadlockDetected):
    """What PostgreSQL says to one of two transactions that wait for each other."""

    pgcode = errorcodes.DEADLOCK_DETECTED


class Once:
    """Fails once; what it stands for happens from then on."""

    def __init__(self, real, error):
        self.real, self.errors = real, [error]

    def __call__(self, *args):
        if self.errors:
            raise self.errors.pop()
        return self.real(*args)


@tagged("post_install", "-at_install")
class TestUpkeep(RecordingCase):
    subscription_values = {"ordered": True}

    def setUp(self):
        super().setUp()
        order.sequence(self.env.cr)

    def admit(self, encounter, key):
        event = self.post(ADMITTED, {**DATA, "encounter": encounter})[1]
        self.env.cr.execute(
            "UPDATE integration_due SET order_key = %s, tier = %s WHERE event_id = %s",
            (key, claims.UNPOSITIONED, event.id),
        )
        return event

    def drain_with(self, consumers):
        """Carry out what is due where these consumers outside are installed."""
        with patch.object(Runner, "_consumers", lambda *_args: consumers):
            self.drain()

    def test_where_nothing_leaves_ordered_handlers_get_their_events_and_events_their_position(self):
        events = [self.admit(*pair) for pair in (("A", "k"), ("B", "k"), ("C", "l"))]
        self.drain_with({})
        handled = [name for batch in RECORDER.batches for name in batch]
        self.assertEqual(sorted(handled), ["A", "B", "C"])
        self.assertLess(handled.index("A"), handled.index("B"))
        self.env.cr.execute(
            "SELECT position FROM integration_event_position WHERE event_id = ANY (%s)", ([e.id for e in events],)
        )
        self.assertNotIn(None, [row[0] for row in self.env.cr.fetchall()])

    def test_where_nothing_leaves_a_key_that_lost_its_head_goes_on(self):
        first = self.admit("A", "k")
        self.admit("B", "k")
        order.sequence(self.env.cr)
        self.env.cr.execute("DELETE FROM integration_due WHERE event_id = %s", (first.id,))
        self.drain_with({})
        self.assertEqual(RECORDER.batches, [["B"]])

    def test_each_event_is_put_in_order_once_however_many_consumers_there_are(self):
        self.admit("A", "k")
        rounds = []
        sequence = order.sequence

        def counting(*args):
            rounds.append(sequence(*args))
            return rounds[-1]

        with patch.object(order, "sequence", counting):
            self.drain_with({"one": "integration.consumer", "another": "integration.consumer"})
        self.assertEqual([done.moved for done in rounds if done.moved], [2])
        self.assertEqual(RECORDER.batches, [["A"]])

    def in_two_turns(self):
        """Carry out two of one key, each in a turn of its own, with no other loop beside."""
        for encounter in "AB":
            self.admit(encounter, "k")
        order.sequence(self.env.cr)
        loop = handling.HandlerLoop(Shared(self.env.registry, "me", inline=True), lanes=ALL_LANES)
        with self.enter_registry_test_mode():
            for _turn in range(2):
                loop.turn()

    @mute_logger(RUNNER_LOG)
    def test_a_key_goes_on_whose_next_could_not_be_let_go_after_the_commit(self):
        lost = psycopg2.OperationalError("server closed the connection unexpectedly")
        with patch.object(order, "release", Once(order.release, lost)):
            self.in_two_turns()
        self.assertEqual(RECORDER.batches, [["A"], ["B"]])

    @mute_logger(RUNNER_LOG)
    def test_a_key_goes_on_where_others_could_not_be_told_of_the_commit(self):
        told = []
        lost = psycopg2.OperationalError("server closed the connection unexpectedly")
        with patch.object(self.registry, "signal_changes", Once(lambda: told.append(1), lost)):
            self.in_two_turns()
        self.assertEqual(RECORDER.batches, [["A"], ["B"]])
        self.assertEqual(len(told), 2, "what was not told is told later")


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@tagged("post_install", "-at_install")
class TestSlowBatches(RecordingCase):
    """A batch takes longer than its lease, another process looks for lost leases meanwhile, and nothing is lost."""

    def setUp(self):
        super().setUp()
        self.clock = Clock()
        self.parts = []

    def admit(self, *encounters):
        return [self.post(ADMITTED, {**DATA, "encounter": name})[1] for name in encounters]

    def run_batch(self, *, takes, before=lambda _part: None):
        """Carry out one batch, of which each try of a part takes so many seconds."""
        handle = handling.HandlerLoop._handle

        def slowly(loop, part, *beside):
            before(part)
            self.look_for_lost_leases(loop)
            self.parts.append([one.id for one in part])
            try:
                return handle(loop, part, *beside)
            finally:
                self.pass_time(loop, takes)

        loop = handling.HandlerLoop(Shared(self.env.registry, "me", inline=True), lanes=ALL_LANES)
        with (
            self.enter_registry_test_mode(),
            patch.object(handling.HandlerLoop, "_handle", slowly),
            patch.object(handling.HandlerLoop, "_clock", self.clock),
        ):
            loop._carry_out_batch()
        self.env.invalidate_all()

    def pass_time(self, loop, seconds):
        """Let so many seconds pass for the process and for every lease."""
        self.clock.now += seconds
        with loop._cursor() as cr:
            cr.execute(
                "UPDATE integration_due SET lease_until = lease_until - make_interval(secs => %(seconds)s);"
                "UPDATE integration_lease SET until = until - make_interval(secs => %(seconds)s)",
                {"seconds": seconds},
            )

    @staticmethod
    def look_for_lost_leases(loop):
        """Do what another process does at this very moment."""
        with loop._cursor() as cr:
            claims.reclaim(cr, worker="another")

    @mute_logger(RUNNER_LOG)
    def test_a_batch_that_is_split_for_longer_than_a_lease_loses_none(self):
        events = self.admit(*"ABCDEFGH")
        RECORDER.errors["A"] = ValueError()
        self.run_batch(takes=LEASE / 2)
        self.assertGreater(len(self.parts), 4)
        deliveries = [event.delivery_ids for event in events]
        self.assertEqual([delivery.crashes for delivery in deliveries], [0] * 8)
        self.assertEqual([delivery.state for delivery in deliveries], ["waiting", *["done"] * 7])

    @mute_logger(RUNNER_LOG)
    def test_parts_of_other_senders_wait_for_longer_than_a_lease_and_are_not_lost(self):
        systems = [self.system, self._make_system("lab"), self._make_system("ris"), self._make_system("pharmacy")]
        events = [self.post(ADMITTED, {**DATA, "encounter": one.code}, system=one)[1] for one in systems]
        self.run_batch(takes=LEASE * 0.9)
        self.assertEqual(len(self.parts), 4)
        self.assertEqual([(e.delivery_ids.crashes, e.delivery_ids.state) for e in events], [(0, "done")] * 4)

    @mute_logger(RUNNER_LOG)
    def test_what_was_lost_all_the_same_is_not_run_here(self):
        events = self.admit("A", "B", "C", "D")
        RECORDER.errors["B"] = ValueError()
        lost = events[2].delivery_ids

        def take_away(part):
            if len(part) == 4:
                self.env.cr.execute("UPDATE integration_due SET token = token + 1 WHERE id = %s", (lost.id,))

        self.run_batch(takes=LEASE / 2, before=take_away)
        self.assertFalse([part for part in self.parts[1:] if lost.id in part])
        self.assertEqual([event.delivery_ids.state for event in events], ["done", "waiting", "waiting", "done"])

    def test_a_lease_that_is_young_is_not_renewed(self):
        self.admit("A")
        with patch.object(claims, "renew", side_effect=AssertionError):
            self.run_batch(takes=1.0)
        self.assertEqual(RECORDER.batches, [["A"]])

    @mute_logger(RUNNER_LOG)
    def test_a_process_that_is_to_stop_finishes_its_part_and_gives_the_others_back(self):
        systems = [self.system, self._make_system("lab")]
        events = [self.post(ADMITTED, {**DATA, "encounter": one.code}, system=one)[1] for one in systems]
        loop = handling.HandlerLoop(Shared(self.env.registry, "me", inline=True), lanes=ALL_LANES)
        handle = handling.HandlerLoop._handle

        def stop_meanwhile(*args):
            loop.shared.stopping.set()
            return handle(*args)

        with self.enter_registry_test_mode(), patch.object(handling.HandlerLoop, "_handle", stop_meanwhile):
            loop._carry_out_batch()
        self.env.invalidate_all()
        deliveries = [event.delivery_ids for event in events]
        self.assertEqual([one.state for one in deliveries], ["done", "waiting"])
        self.assertEqual([one.lease_owner for one in deliveries], [False, False])

    @mute_logger(RUNNER_LOG)
    def test_a_batch_that_met_another_transaction_is_repeated_a_little_later_each_time(self):
        [event] = self.admit("A")
        tries, waits = [], []
        handle = handling.HandlerLoop._handle

        def meeting(loop, *args):
            tries.append(args)
            if len(tries) < 4:
                raise psycopg2.errors.DeadlockDetected
            return handle(loop, *args)

        loop = handling.HandlerLoop(Shared(self.env.registry, "me", inline=True), lanes=ALL_LANES)
        with (
            self.enter_registry_test_mode(),
            patch.object(handling.HandlerLoop, "_handle", meeting),
            patch.object(handling, "is_repeatable", lambda _error: True),
            patch.object(loop.shared.stopping, "wait", waits.append),
        ):
            loop._carry_out_batch()
        self.env.invalidate_all()
        self.assertEqual(event.delivery_ids.state, "done")
        self.assertEqual(len(waits), 3)
        for turn, wait in enumerate(waits):
            self.assertGreaterEqual(wait, handling.REPEAT_WAIT * 2**turn * 0.5)
            self.assertLessEqual(wait, handling.REPEAT_WAIT * 2**turn * 1.5)

    @mute_logger(RUNNER_LOG)
    def test_a_batch_that_is_repeated_after_longer_than_its_lease_loses_none(self):
        systems = [self.system, self._make_system("lab")]
        events = [self.post(ADMITTED, {**DATA, "encounter": one.code}, system=one)[1] for one in systems]
        handle, tries = handling.HandlerLoop._handle, []

        def meeting(loop, *args):
            tries.append(args)
            if len(tries) < 3:
                self.pass_time(loop, LEASE * 1.5)
                raise Met
            return handle(loop, *args)

        loop = handling.HandlerLoop(Shared(self.env.registry, "me", inline=True), lanes=ALL_LANES)
        with (
            self.enter_registry_test_mode(),
            patch.object(handling.HandlerLoop, "_handle", meeting),
            patch.object(handling.HandlerLoop, "_clock", self.clock),
            patch.object(loop.shared.stopping, "wait", lambda _seconds: self.look_for_lost_leases(loop)),
        ):
            loop._carry_out_batch()
        self.env.invalidate_all()
        self.assertEqual(len(tries), 4)
        self.assertEqual([(e.delivery_ids.crashes, e.delivery_ids.state) for e in events], [(0, "done")] * 2)

    @mute_logger(RUNNER_LOG)
    def test_what_was_lost_while_a_batch_met_another_transaction_is_not_repeated(self):
        [event] = self.admit("A")
        tries = []

        def meeting(loop, *args):
            tries.append(args)
            self.pass_time(loop, LEASE * 1.5)
            self.look_for_lost_leases(loop)
            raise Met

        loop = handling.HandlerLoop(Shared(self.env.registry, "me", inline=True), lanes=ALL_LANES)
        with (
            self.enter_registry_test_mode(),
            patch.object(handling.HandlerLoop, "_handle", meeting),
            patch.object(handling.HandlerLoop, "_clock", self.clock),
        ):
            loop._carry_out_batch()
        self.env.invalidate_all()
        self.assertEqual((len(tries), event.delivery_ids.state, RECORDER.batches), (1, "waiting", []))

    @mute_logger(RUNNER_LOG)
    def test_a_failure_after_longer_than_a_lease_loses_neither_it_nor_what_waits(self):
        systems = [self.system, self._make_system("lab")]
        events = [self.post(ADMITTED, {**DATA, "encounter": one.code}, system=one)[1] for one in systems]
        RECORDER.errors[self.system.code] = ValueError()
        fail = handling.HandlerLoop._fail

        def fail_meanwhile(loop, *args):
            self.look_for_lost_leases(loop)
            fail(loop, *args)

        with patch.object(handling.HandlerLoop, "_fail", fail_meanwhile):
            self.run_batch(takes=LEASE * 1.5)
        deliveries = [event.delivery_ids for event in events]
        self.assertEqual([one.state for one in deliveries], ["waiting", "done"])
        self.assertEqual([(one.crashes, one.attempts) for one in deliveries], [(0, 1)] * 2)

    def test_the_reserve_serves_the_critical_lane_while_chores_take_long(self):
        shared = Shared(self.env.registry, "me", inline=True)
        main = handling.HandlerLoop(shared, lanes=ALL_LANES)
        reserve = handling.HandlerLoop(shared, lanes=frozenset({CRITICAL}), behind=main)
        meanwhile = []

        def chore(_loop, *_args):
            if not meanwhile:
                [event] = self.admit("A")
                self.env.flush_all()
                self.env.cr.execute("UPDATE integration_due SET lane = %s WHERE event_id = %s", (CRITICAL, event.id))
                meanwhile.append((main.is_held_up(), reserve.turn()))
            return False

        with (
            self.enter_registry_test_mode(),
            patch.object(handling.HandlerLoop, "_chore", chore),
            patch.object(handling, "RESERVE_AFTER", 0.0),
        ):
            main._step()
            self.assertEqual((meanwhile, RECORDER.batches), ([(True, True)], [["A"]]))
            self.assertFalse(main.is_held_up())
