"""Replays: what they would do, what they do, and that nothing makes them do it twice."""

from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_core.engine import claims
from odoo.addons.integration_core.models import integration_replay
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import SQL

from .common import POSTED, OutboundCase
from .receiver import Answer

CANCELLED = "finance.invoice.cancelled.v1"
BEFORE = "2000-01-01 00:00:00"


@tagged("post_install", "-at_install")
class TestReplay(OutboundCase):
    def setUp(self):
        super().setUp()
        self.operator = new_test_user(self.env, "op", groups="integration_core.group_operator")
        self.boss = new_test_user(self.env, "boss", groups="integration_core.group_admin")
        self.subscription = self.endpoint.subscription_ids

    def sent(self):
        return [request.headers["webhook-id"] for request in self.receiver.requests]

    def replay(self, **values):
        """Return a previewed draft of an operator's."""
        values = {"scope": "filter", "with_done": True, "reason": "they restored a backup", **values}
        replay = self.env["integration.replay"].with_user(self.operator).create(values)
        replay.action_preview()
        return replay

    def start(self, replay):
        """Let the operator start it, and an administrator approve it: posted invoices belong to the critical lane."""
        replay.action_start()
        if replay.approval_state == "requested":
            replay.with_user(self.boss).action_approve()

    def missed(self, since=BEFORE, **values):
        return self.replay(
            scope="missed", date_from=since, subscription_ids=self.subscription.ids, with_done=False, **values
        )

    def delivered(self, count):
        events = [self.emit() for _turn in range(count)]
        self.drain()
        self.receiver.requests.clear()
        return events

    def forget_content(self, event):
        self.env.cr.execute("DELETE FROM integration_payload WHERE event_id = %s", (event.id,))

    def figures(self, replay):
        names = ("total", "waiting_count", "gone_count", "inside_count", "refused_count")
        return tuple(replay[name] for name in names)

    def chore(self):
        """One turn of the chore, as an engine process would take it."""
        engine = self.env.ref("integration_core.user_engine")
        return self.env["integration.replay"].with_user(engine)._go_on(200)

    # -- preview -----------------------------------------------------------------------------------------------------

    def test_the_preview_counts_what_is_delivered_and_what_is_left_out(self):
        kept, gone = self.delivered(2)
        self.forget_content(gone)
        self.endpoint.action_pause()
        waiting = self.emit()
        replay = self.replay()
        self.assertEqual(self.figures(replay), (1, 0, 1, 0, 0))
        everything = self.replay(scope="missed", date_from=BEFORE, subscription_ids=self.subscription.ids)
        self.assertEqual(self.figures(everything), (1, 1, 1, 0, 0))
        self.assertEqual(everything.line_ids.event_type_id.name, POSTED)
        self.assertEqual((replay.first_at, replay.last_at), (kept.received_at, kept.received_at))
        shown = self.env["integration.event"].search(replay.action_show_gone()["domain"])
        self.assertEqual(shown, gone)
        self.assertEqual(waiting.delivery_ids.mapped("state"), ["waiting"])
        self.assertEqual(self.sent(), [])

    def test_a_preview_changes_nothing_and_is_gone_when_the_request_changes(self):
        self.delivered(1)
        replay = self.replay()
        self.assertEqual((replay.state, replay.total), ("draft", 1))
        self.drain()
        self.assertEqual(self.sent(), [])
        replay.date_to = BEFORE
        self.assertFalse(replay.preview_at or replay.line_ids)
        replay.action_preview()
        self.assertEqual(replay.total, 0)
        with self.assertRaises(UserError):
            self.start(replay)

    def test_a_preview_that_takes_longer_than_a_request_may_says_what_to_do(self):
        replay = self.replay(scope="filter")
        columns = SQL("1 AS event_type_id, 'deliver' AS verdict, now() AS received_at, 1 AS event_id")
        slow = SQL("SELECT %s FROM pg_sleep(9)", columns)
        with (
            patch.object(type(replay), "_verdicts", lambda *_args, **_words: slow),
            patch.object(integration_replay, "LONGEST_LOOK", 0.01),
            self.assertRaisesRegex(UserError, "Choose days"),
        ):
            replay.action_preview()
        replay.action_preview()
        self.env.cr.execute("SHOW statement_timeout")
        self.assertEqual(self.env.cr.fetchone(), ("0",))

    def test_nobody_removes_an_event_while_deliveries_of_it_are_made(self):
        [event] = self.delivered(1)
        self.start(self.replay())
        self.chore()
        # A locked row names who locks it.
        self.env.cr.execute("SELECT xmax <> '0' FROM integration_event WHERE id = %s", (event.id,))
        self.assertEqual(self.env.cr.fetchone(), (True,))

    def test_what_a_handler_did_is_refused(self):
        [event] = self.delivered(1)
        self.env.cr.execute(
            """
            INSERT INTO integration_delivery (event_id, subscription_id, company_id, consumer, lane, state, due_at,
                                              created_at, attempts, crashes)
            SELECT %s, s.id, %s, 'handler', 1, 'done', now(), now(), 1, 0 FROM integration_subscription s
             WHERE s.consumer = 'handler' ORDER BY s.id LIMIT 1
            """,
            (event.id, self.company.id),
        )
        self.assertEqual(self.env.cr.rowcount, 1)
        self.env.invalidate_all()
        replay = self.replay()
        self.assertEqual(self.figures(replay), (1, 0, 0, 1, 0))
        self.start(replay)
        self.assertEqual(replay.delivery_ids.subscription_id, self.subscription)

    def test_the_form_of_a_filter(self):
        self.delivered(1)
        form = Form(self.env["integration.replay"].with_user(self.operator))
        form.with_done = True
        form.reason = "asked for by the receiver"
        replay = form.save()
        replay.action_preview()
        self.assertEqual(replay.total, 1)
        with self.assertRaises(ValidationError):
            replay.write({"with_done": False, "with_dead": False, "with_skipped": False})
        with self.assertRaises(ValidationError):
            replay.write({"date_from": "2026-01-02 00:00:00", "date_to": "2026-01-01 00:00:00"})

    # -- running -----------------------------------------------------------------------------------------------------

    def test_a_replay_is_delivered_with_the_same_ids_and_told_in_the_audit_trail(self):
        events = self.delivered(3)
        replay = self.replay()
        self.start(replay)
        self.drain()
        self.assertEqual(sorted(self.sent()), sorted(event.uuid for event in events))
        self.assertEqual((replay.state, replay.total, replay.made, replay.done_count), ("done", 3, 3, 3))
        self.assertEqual((replay.dead_count, replay.progress), (0, 100))
        trail = self.env["integration.audit"].search([("action", "=", "delivery.replay"), ("res_id", "=", replay.id)])
        self.assertEqual((trail.user_id, trail.reason), (self.boss.id, "they restored a backup"))
        self.assertIn("events: 3", trail.detail)
        self.assertIn(f"asked by: {self.operator.id}", trail.detail)
        self.assertEqual(replay.user_id, self.operator)

    def test_replayed_deliveries_are_outside_the_order_and_in_the_bulk_lane(self):
        self.subscription.ordered = True
        self.delivered(1)
        replay = self.replay()
        self.start(replay)
        due = self.env["integration.due"].search([("delivery_id", "in", replay.delivery_ids.ids)])
        self.assertEqual((due.lane, due.order_key, due.tier), (2, False, str(claims.FRESH)))

    def test_fresh_work_passes_a_replay(self):
        self.delivered(2)
        self.start(self.replay())
        fresh = self.emit()
        self.assertEqual([one.event_id for one in self.claim(limit=1)], [fresh.id])

    def test_windows_resume_where_they_were_and_never_double(self):
        events = self.delivered(7)
        with patch.object(integration_replay, "WINDOW", 2):
            replay = self.replay()
            self.start(replay)
            self.assertEqual(replay.made, 2)
            # A process dies in the middle of a window: its transaction is gone, and the cursor with it.
            for _death in range(2):
                with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
                    self.assertTrue(self.chore())
                    raise ZeroDivisionError
                self.env.invalidate_all()
                self.assertEqual(len(replay.delivery_ids), 2)
            # A cursor that was lost would look at the same window again: the index refuses the second of each.
            self.env.cr.execute("UPDATE integration_replay SET last_event_id = 0 WHERE id = %s", (replay.id,))
            self.env.invalidate_all()
            self.drain()
        self.assertEqual(sorted(self.sent()), sorted(event.uuid for event in events))
        self.assertEqual((replay.state, replay.made, len(replay.delivery_ids)), ("done", 7, 7))

    def test_more_are_made_only_as_they_leave(self):
        self.delivered(6)
        self.endpoint.action_pause()
        with patch.object(integration_replay, "WINDOW", 2), patch.object(integration_replay, "OPEN_LIMIT", 3):
            replay = self.replay()
            self.start(replay)
            for _turn in range(5):
                self.chore()
            self.env.invalidate_all()
            self.assertEqual((replay.state, replay.made, replay.open_count), ("running", 4, 4))
            self.endpoint.action_resume()
            self.drain()
        self.assertEqual((replay.state, replay.made, replay.done_count), ("done", 6, 6))

    def test_dead_letters_of_a_replay_are_counted(self):
        self.delivered(1)
        self.receiver.answers = [Answer(422)]
        replay = self.replay()
        self.start(replay)
        self.drain()
        self.assertEqual((replay.state, replay.done_count, replay.dead_count), ("done", 0, 1))

    def test_events_that_happen_while_it_runs_are_not_part_of_it(self):
        self.delivered(2)
        with patch.object(integration_replay, "WINDOW", 1):
            replay = self.replay()
            self.start(replay)
            later = self.emit()
            self.drain()
        self.assertEqual(self.sent().count(later.uuid), 1)
        self.assertEqual(replay.made, 2)

    def test_a_cancelled_replay_skips_what_has_not_left(self):
        self.delivered(4)
        self.endpoint.action_pause()
        with patch.object(integration_replay, "WINDOW", 2):
            replay = self.replay()
            self.start(replay)
            replay.action_cancel()
            self.drain()
        self.assertEqual(replay.delivery_ids.mapped("state"), ["skipped"] * 2)
        self.assertTrue(replay.settled)
        self.assertFalse(self.env["integration.due"].search([("delivery_id", "in", replay.delivery_ids.ids)]))
        self.endpoint.action_resume()
        self.drain()
        self.assertEqual(self.sent(), [])

    def test_a_replay_says_that_a_hold_keeps_it_back(self):
        self.delivered(1)
        hold = self.env["integration.hold"]._hold("lane", "repairs", lane="bulk")
        replay = self.replay()
        self.start(replay)
        self.drain()
        self.assertEqual((replay.held_by, replay.state, self.sent()), ("Lane: Bulk", "running", []))
        hold._release("repaired")
        self.env.invalidate_all()
        self.drain()
        self.assertEqual((replay.held_by, replay.state, len(self.sent())), (False, "done", 1))

    def test_a_second_start_is_refused(self):
        self.delivered(1)
        replay = self.replay()
        self.start(replay)
        with self.assertRaises(UserError):
            self.start(replay)
        with self.assertRaises(UserError):
            replay.write({"reason": "another"})
        self.assertEqual(len(replay.delivery_ids), 1)

    # -- filters -----------------------------------------------------------------------------------------------------

    def test_a_filter_by_state_type_time_and_subscription(self):
        other = self._make_endpoint("archive", self.receiver.url, types=(POSTED, CANCELLED))
        self.approve(other)
        [first, second] = self.delivered(2)
        cancelled = self.emit(CANCELLED)
        self.drain()
        self.env.cr.execute(
            "UPDATE integration_event SET received_at = received_at - interval '2 days' WHERE id = %s", (first.id,)
        )
        self.env.cr.execute(
            "UPDATE integration_delivery SET state = 'skipped' WHERE event_id = %s AND subscription_id = %s",
            (second.id, self.subscription.id),
        )
        self.env.invalidate_all()
        yesterday = fields.Datetime.subtract(fields.Datetime.now(), days=1)
        found = {
            "all": self.replay().total,
            "one subscription": self.replay(subscription_ids=self.subscription.ids).total,
            "skipped": self.replay(with_done=False, with_dead=False).total,
            "type": self.replay(event_type_ids=cancelled.event_type_id.ids).total,
            "old": self.replay(date_to=yesterday).total,
            "new": self.replay(date_from=yesterday).total,
            "origin": self.replay(origin_system_id=self.system.id).total,
        }
        self.assertEqual(
            found,
            {"all": 5, "one subscription": 2, "skipped": 1, "type": 1, "old": 2, "new": 3, "origin": 0},
        )

    # -- what was missed ---------------------------------------------------------------------------------------------

    def test_what_came_before_the_subscription_is_delivered(self):
        self.subscription.active = False
        events = [self.emit(), self.emit()]
        self.subscription.active = True
        received = self.emit()
        self.drain()
        self.receiver.requests.clear()
        replay = self.missed()
        self.assertEqual(self.figures(replay), (2, 0, 0, 0, 0))
        self.start(replay)
        self.drain()
        self.assertEqual(sorted(self.sent()), sorted(event.uuid for event in events))
        self.assertNotIn(received.uuid, self.sent())

    def test_what_never_had_a_delivery_is_named_as_at_a_first_try(self):
        self.subscription.active = False
        self.emit()
        self.subscription.active = True

        def subscriber_ids(events, _system):
            return {event_id: {"payer": "INS-1"} for event_id in events.ids}

        self.start(self.missed())
        with patch.object(self.registry["integration.event"], "_subscriber_ids", subscriber_ids):
            self.drain()
        self.assertIn(b'"INS-1"', self.receiver.requests[0].body)

    def test_skipped_and_dead_ones_were_missed_and_confirmed_ones_only_when_asked(self):
        self.receiver.answers = [Answer(422), Answer(200)]
        dead = self.emit()
        self.drain()
        confirmed = self.emit()
        self.drain()
        self.assertEqual((dead.delivery_ids.state, confirmed.delivery_ids.state), ("dead", "done"))
        self.assertEqual(self.missed().total, 1)
        self.assertEqual(self.replay(scope="missed", date_from=BEFORE, subscription_ids=self.subscription.ids).total, 2)

    def test_since_a_moment(self):
        self.subscription.active = False
        event = self.emit()
        self.subscription.active = True
        later = fields.Datetime.add(event.received_at, seconds=5)
        self.assertEqual(self.missed(since=later).total, 0)

    def test_nothing_that_is_not_granted_is_replayed(self):
        """The conditions are those of the fan-out: company, live since, own causes, chosen origins, types."""
        own = self.post("clinical.encounter.admitted.v1", {"encounter": "E-1"}, system=self.partner)[1]
        self.subscription.active = False
        caused = self.emit(cause=own)
        free = self.emit()
        self.emit(CANCELLED)
        self.subscription.active = True
        self.assertEqual((caused.origin_system_id, free.origin_system_id.id), (self.partner, False))
        self.assertEqual(self.missed().total, 1)
        self.subscription.include_own = True
        self.assertEqual(self.missed().total, 2)
        self.subscription.origin_system_ids = self.system
        self.assertEqual(self.missed().total, 0)
        self.subscription.origin_system_ids = False
        self.partner._approving().live_from = "2999-01-01 00:00:00"
        self.assertEqual(self.missed().total, 0)

    def test_another_companys_events_are_never_replayed(self):
        self.subscription.active = False
        event = self.emit()
        self.subscription.active = True
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.env.cr.execute("UPDATE integration_event SET company_id = %s WHERE id = %s", (other.id, event.id))
        self.env.invalidate_all()
        self.assertEqual(self.missed().total, 0)
        with self.assertRaises(AccessError):
            self.missed(company_id=other.id)

    def test_chosen_deliveries_that_are_no_longer_granted_are_left_out(self):
        [event] = self.delivered(1)
        self.subscription.event_type_ids = self.env["integration.event.type"]._named(CANCELLED)
        action = event.delivery_ids.with_user(self.operator).action_prepare_replay()
        replay = self.env["integration.replay"].browse(action["res_id"])
        self.assertEqual(self.figures(replay), (0, 0, 0, 0, 1))
        with self.assertRaises(UserError):
            event.delivery_ids.with_user(self.operator)._replay("again")

    def test_the_button_of_the_endpoint_opens_a_replay_of_its_subscriptions(self):
        action = self.endpoint.with_user(self.operator).action_replay_missed()
        form = Form(self.env["integration.replay"].with_user(self.operator).with_context(**action["context"]))
        form.date_from = BEFORE
        replay = form.save()
        self.assertEqual((replay.scope, replay.subscription_ids), ("missed", self.subscription))

    # -- who may -----------------------------------------------------------------------------------------------------

    def test_only_operators_ask_and_nobody_sets_its_progress(self):
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        with self.assertRaises(AccessError):
            self.env["integration.replay"].with_user(viewer).create({"reason": "curious"})
        replay = self.replay()
        for values in ({"state": "running"}, {"until_event_id": 99}, {"user_id": viewer.id}):
            with self.assertRaises(AccessError):
                replay.write(values)
        replay.reason = False
        with self.assertRaises(UserError):
            self.start(replay)

    def test_an_open_delivery_is_not_replayed_beside_itself(self):
        self.endpoint.action_pause()
        event = self.emit()
        with self.assertRaises(UserError):
            event.delivery_ids.with_user(self.operator)._replay("impatient")

    # -- the critical lane needs a second person ---------------------------------------------------------------------

    def not_critical(self):
        self.env["integration.event.type"]._named(POSTED).lane = "normal"

    def test_critical_messages_wait_for_a_second_person(self):
        events = self.delivered(2)
        replay = self.replay()
        self.call(self.operator, replay, "action_start")
        self.drain()
        self.assertEqual((replay.state, replay.approval_state, self.sent()), ("draft", "requested", []))
        with self.assertRaises(AccessError):
            self.call(self.operator, replay, "action_approve")
        for way in ("action_start", "action_request_approval"):
            with self.assertRaises(UserError):
                self.call(self.operator, replay, way)
        request = self.env["integration.approval"].search([("res_model", "=", replay._name)])
        self.assertIn({"label": "To deliver", "old": "", "new": "2"}, request.changes)
        self.call(self.boss, request, "action_approve")
        self.drain()
        self.assertEqual((replay.state, sorted(self.sent())), ("done", sorted(event.uuid for event in events)))

    def test_whoever_asks_is_not_its_only_approver(self):
        self.delivered(1)
        self._only_approvers(self.boss, new_test_user(self.env, "other_boss"))
        replay = self.replay().with_user(self.boss)
        replay.action_start()
        self.assertEqual(replay.approval_state, "requested")
        with self.assertRaises(UserError):
            self.call(self.boss, replay, "action_approve")

    def test_nor_through_a_delegate(self):
        self.delivered(1)
        other = new_test_user(self.env, "other_boss")
        self._only_approvers(self.boss, other)
        delegate = new_test_user(self.env, "delegate", groups="integration_core.group_finance_viewer")
        span = {"date_until": fields.Datetime.add(fields.Datetime.now(), days=3), "reason": "leave"}
        delegations = self.env["integration.delegation"]
        delegations.with_user(self.boss).create({"delegate_id": delegate.id, **span})
        replay = self.replay().with_user(self.boss)
        replay.action_start()
        request = self.env["integration.approval"].search([("res_model", "=", replay._name)])
        with self.assertRaises(UserError):
            self.call(delegate, request, "action_approve")
        delegations.with_user(other).create({"delegate_id": delegate.id, **span})
        self.call(delegate, request, "action_approve")
        self.assertEqual((replay.state, request.on_behalf_of_id), ("running", other))

    def test_whoever_changes_it_after_it_was_asked_for_asks_anew(self):
        self.delivered(1)
        replay = self.replay()
        replay.action_start()
        replay.with_user(self.boss).write({"with_skipped": False})
        self.assertEqual((replay.approval_state, replay.author_id), ("draft", self.boss))
        self._only_approvers(self.boss, new_test_user(self.env, "other_boss"))
        replay.action_start()
        with self.assertRaises(UserError):
            self.call(self.boss, replay, "action_approve")

    def test_the_only_administrator_starts_it_and_it_is_marked(self):
        self.delivered(1)
        self._only_approvers(self.boss)
        replay = self.replay().with_user(self.boss)
        replay.action_start()
        self.assertEqual((replay.state, replay.self_approved), ("running", True))

    def test_what_is_not_critical_starts_at_once(self):
        self.delivered(1)
        self.not_critical()
        replay = self.replay()
        replay.action_start()
        self.assertEqual((replay.state, replay.approval_state), ("running", "draft"))

    def test_the_critical_lane_needs_it_whatever_goes_in_it(self):
        self.delivered(1)
        self.not_critical()
        replay = self.replay(lane="critical")
        replay.action_start()
        self.assertEqual((replay.state, replay.approval_state), ("draft", "requested"))

    def test_asking_without_a_look_does_not_start_it(self):
        self.delivered(1)
        replay = self.replay()
        replay.with_skipped = False  # the preview is gone
        self.assertFalse(replay.line_ids)
        self.call(self.operator, replay, "action_request_approval")
        self.assertEqual((replay.state, replay.approval_state), ("draft", "requested"))

    def test_a_rejected_one_does_not_start(self):
        self.delivered(1)
        replay = self.replay()
        replay.action_start()
        self.call(self.boss, replay, "action_reject", "not during the night")
        self.drain()
        self.assertEqual((replay.state, replay.approval_state, self.sent()), ("draft", "rejected", []))

    def test_a_cancelled_one_waits_no_longer(self):
        self.delivered(1)
        replay = self.replay()
        replay.action_start()
        replay.action_cancel()
        self.assertFalse(self.env["integration.approval"].search([("state", "=", "waiting")]))
        with self.assertRaises(UserError):
            self.call(self.boss, replay, "action_approve")

    def test_the_dialog_says_that_it_waits(self):
        [event] = self.delivered(1)
        context = {"active_model": "integration.delivery", "active_ids": event.delivery_ids.ids}
        wizard = self.env["integration.reason.wizard"].with_user(self.operator).with_context(**context)
        wizard = wizard.create({"operation": "replay", "reason": "asked for"})
        self.assertIn("second person", wizard.action_confirm()["params"]["message"])
