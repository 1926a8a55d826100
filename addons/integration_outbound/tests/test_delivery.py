"""Who is told what, when, and what is held back."""

from datetime import datetime, timezone
from unittest.mock import patch

from odoo.addons.integration_core.domain.keyring import KeyringError, Problem
from odoo.exceptions import UserError, ValidationError
from odoo.tests import new_test_user, tagged

from ..models.integration_endpoint import TESTED
from .common import POSTED, OutboundCase
from .receiver import Answer

ADMITTED = "clinical.encounter.admitted.v1"
DATA = {"encounter": "E-1", "patient": {"id": "P-1"}, "admitted_at": "2026-11-20T09:00:00Z", "department": "ED"}


@tagged("post_install", "-at_install")
class TestDelivery(OutboundCase):
    def sent(self):
        return [request.headers["webhook-id"] for request in self.receiver.requests]

    # -- rule 1: with its cause --------------------------------------------------------------------------------------

    def test_what_was_rolled_back_is_never_sent(self):
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            self.emit()
            raise ZeroDivisionError
        self.rolled_back()
        kept = self.emit()
        self.drain()
        self.assertEqual(self.sent(), [kept.uuid])

    # -- who may be told ---------------------------------------------------------------------------------------------

    def test_nothing_of_another_company_is_delivered(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.env.user.company_ids |= other
        foreign = self._make_system("test-foreign", company=other)
        self.cause = self.env["integration.endpoint"].create(
            {"name": "elsewhere", "url": "https://x.example/", "system_id": foreign.id, "company_id": other.id}
        )
        event = self.emit()
        self.assertEqual(event.company_id, other)
        self.assertFalse(event.delivery_ids)

    def test_a_delivery_that_came_to_cross_companies_is_never_sent(self):
        event = self.emit()
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.env.cr.execute(
            "UPDATE integration_endpoint SET company_id = %s WHERE id = %s", (other.id, self.endpoint.id)
        )
        self.env.invalidate_all()
        self.drain()
        delivery = event.delivery_ids
        self.assertEqual((delivery.state, delivery.error_code, self.sent()), ("dead", "company_not_granted", []))
        self.assertFalse(delivery.attempt_ids)

    def test_a_subscription_that_lost_its_company_sends_nothing(self):
        event = self.emit()
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.env.cr.execute(
            "UPDATE integration_subscription SET company_id = %s WHERE endpoint_id = %s", (other.id, self.endpoint.id)
        )
        self.env.invalidate_all()
        self.drain()
        delivery = event.delivery_ids
        self.assertEqual((delivery.state, delivery.error_code, self.sent()), ("dead", "company_not_granted", []))

    def test_a_subscription_cannot_reach_into_another_company(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.env.user.company_ids |= other
        with self.assertRaises(UserError):
            self._subscribe(self.endpoint, POSTED, company_id=other.id)

    def test_an_endpoint_is_never_sent_what_a_clinical_system_sent(self):
        with self.assertRaises(ValidationError):
            self._subscribe(self.endpoint, ADMITTED)

    def test_test_events_never_leave(self):
        rehearsal = self._make_system("test-rehearsal", live=False)
        _accepted, cause = self.post(ADMITTED, DATA, system=rehearsal)
        event = self.emit(cause=cause)
        self.assertEqual(event.mode, "test")
        self.drain()
        self.assertEqual(self.sent(), [])

    def test_a_system_that_went_back_to_test_is_told_nothing_real(self):
        before = self.emit()
        self.partner._approving().write({"mode": "test"})
        self.assertFalse(self.emit().delivery_ids)
        self.drain()
        self.assertEqual((before.delivery_ids.state, self.sent()), ("waiting", []))

    def test_nothing_from_before_the_system_went_live_is_delivered(self):
        self.partner._approving().write({"live_from": "2999-01-01 00:00:00"})
        self.assertFalse(self.emit().delivery_ids)

    def answers(self):
        """Return what is known by heart of who gets what."""
        return list(self.env["integration.event"]._audience()._answers.values())

    def test_who_gets_what_is_known_until_a_system_goes_live(self):
        self.emit()
        self.assertEqual([answer.until for answer in self.answers()], [None])
        self.partner._approving().write({"live_from": "2999-01-01 00:00:00"})
        self.emit()
        self.assertEqual([answer.until for answer in self.answers()], [datetime(2999, 1, 1, tzinfo=timezone.utc)])

    def test_who_gets_a_test_event_is_known_for_that_event_alone(self):
        other = self._make_endpoint("other", "https://other.example/", subscribe=False)
        self.approve(other)
        for endpoint in (self.endpoint, other):
            endpoint.action_send_test()
            self.commit()
        self.assertEqual(self.answers(), [])
        tested = self.events_of(TESTED).sorted("id")
        self.assertEqual(tested.mapped("delivery_ids.subscription_id.endpoint_id"), self.endpoint | other)

    def test_what_decides_who_gets_an_event_changes_the_stamp(self):
        stamp = self.env["integration.configuration"]._stamp
        other = self._make_system("test-other")
        subscription = self.endpoint.subscription_ids
        for change in (
            lambda: self.endpoint._approving().write({"system_id": other.id}),
            lambda: subscription.write({"origin_system_ids": other.ids}),
            lambda: subscription.write({"origin_system_ids": [(5,)]}),
            lambda: subscription.write({"include_own": True}),
            lambda: self.partner._approving().write({"live_from": "2001-01-01 00:00:00"}),
        ):
            before = stamp()
            change()
            self.assertNotEqual(stamp(), before)

    def test_a_system_is_not_told_what_it_caused_unless_it_asks(self):
        _accepted, cause = self.post(ADMITTED, DATA, system=self.partner)
        self.emit(cause=cause)
        self.drain()
        self.assertEqual(self.sent(), [])
        self.endpoint.subscription_ids.include_own = True
        told = self.emit(cause=cause)
        self.drain()
        self.assertEqual(self.sent(), [told.uuid])

    def test_a_subscription_can_name_whose_consequences_it_wants(self):
        self.endpoint.subscription_ids.origin_system_ids = self.system
        self.emit()
        _accepted, cause = self.post(ADMITTED, DATA)
        told = self.emit(cause=cause)
        self.drain()
        self.assertEqual(self.sent(), [told.uuid])

    def test_only_subscribed_types_are_delivered(self):
        event = self.emit("finance.invoice.cancelled.v1")
        self.drain()
        self.assertFalse(event.delivery_ids)

    # -- held work ---------------------------------------------------------------------------------------------------

    def test_pause_holds_without_attempts_and_resume_delivers(self):
        self.endpoint.action_pause()
        events = [self.emit(), self.emit()]
        self.drain()
        deliveries = events[0].delivery_ids | events[1].delivery_ids
        self.assertEqual(deliveries.mapped("state"), ["waiting"] * 2)
        self.assertEqual(sum(deliveries.mapped("attempts")), 0)
        self.assertFalse(self.env["integration.engine"]._has_due())
        self.endpoint.action_resume()
        self.drain()
        self.assertEqual(self.sent(), [event.uuid for event in events])

    def test_a_pause_between_the_claim_and_the_try_spends_nothing(self):
        event = self.emit()
        consumer = self.registry["integration.consumer.endpoint"]
        prepare = consumer._prepare

        def paused_before(model, claimed):
            self.endpoint._approving().state = "paused"
            self.env.flush_all()
            return prepare(model, claimed)

        with patch.object(consumer, "_prepare", paused_before):
            self.drain()
        delivery = event.delivery_ids
        self.assertEqual((delivery.state, delivery.attempts, self.sent()), ("waiting", 0, []))
        self.assertFalse(delivery.attempt_ids)

    def test_a_rate_lets_so_many_through_and_says_so_of_the_rest(self):
        self.endpoint.rate_per_minute = 60
        events = [self.emit() for _ in range(6)]
        self.drain()
        sent = len(self.receiver.requests)
        self.assertTrue(1 <= sent <= 2, sent)
        waiting = [event.delivery_ids for event in events if event.delivery_ids.state == "waiting"]
        self.assertEqual((len(waiting), {one.attempts for one in waiting}), (6 - sent, {0}))
        self.assertFalse(waiting[0].hold_code, "it has waited for no time yet")
        self.env.cr.execute("UPDATE integration_due SET due_at = due_at - interval '1 minute'")
        self.env.invalidate_all()
        self.assertEqual({one.hold_code for one in waiting}, {"rate_limited"})
        self.endpoint.rate_per_minute = 0
        self.drain()
        self.assertEqual(len(self.receiver.requests), 6)

    def test_order_rate_and_how_many_at_once_are_set_on_the_forms(self):
        for model, view, names in (
            ("integration.endpoint", "integration_outbound.view_endpoint_form", {"concurrency", "rate_per_minute"}),
            ("integration.subscription", "integration_core.view_subscription_form", {"ordered"}),
        ):
            shown = self.env[model].get_view(self.env.ref(view).id, "form")["models"][model]
            self.assertLessEqual(names, set(shown))

    def test_after_a_fortnight_the_owner_is_asked_once(self):
        self.endpoint.action_pause()
        event = self.emit()
        self.env["integration.endpoint"]._ask_about_held_work()
        self.assertFalse(self.endpoint.activity_ids)
        self.env.cr.execute(
            "UPDATE integration_delivery SET created_at = created_at - interval '15 days' WHERE id = %s",
            (event.delivery_ids.id,),
        )
        self.env.invalidate_all()
        for _day in range(2):
            self.env["integration.endpoint"]._ask_about_held_work()
        self.assertEqual(self.endpoint.activity_ids.user_id, self.endpoint.owner_id)
        self.assertEqual((len(self.endpoint.activity_ids), event.delivery_ids.state), (1, "waiting"))

    def test_an_alert_reaches_somebody_even_when_the_owner_has_left(self):
        owner = new_test_user(self.env, "left", groups="base.group_user")
        self.endpoint.owner_id = owner
        self.receiver.answers = [Answer(410)]
        self.send()
        self.assertEqual(self.endpoint.state, "disabled")
        self.assertTrue(self.endpoint.activity_ids.user_id.has_group("integration_core.group_admin"))

    def test_a_draft_endpoint_receives_nothing_until_approved(self):
        draft = self._make_endpoint("draft", self.receiver.url)
        self.endpoint.action_pause()
        event = self.emit()
        self.drain()
        self.assertEqual(self.sent(), [])
        self.approve(draft)
        self.drain()
        self.assertEqual(self.sent(), [event.uuid])

    def test_without_a_key_deliveries_wait_for_one(self):
        self.endpoint.credential_ids.action_revoke()
        delivery = self.send()
        self.assertEqual((delivery.state, delivery.attempts), ("waiting", 0))
        self.assertEqual((delivery.error_code, self.sent()), ("no_active_key", []))
        key, _text = self.env["integration.credential"]._generate(
            {"endpoint_id": self.endpoint.id}, company=self.company, use="outbound"
        )
        self.drain()
        self.assertEqual(self.sent(), [])
        key.action_request_approval()
        key._approval_grant(self_approved=False)
        self.drain()
        self.assertEqual(self.sent(), [delivery.event_id.uuid])

    def test_without_the_master_key_nothing_leaves_and_no_attempt_is_spent(self):
        event = self.emit()
        with patch.object(self.registry["integration.keyring"], "_get", side_effect=KeyringError(Problem.MISSING)):
            self.drain()
        delivery = event.delivery_ids
        self.assertEqual((delivery.state, delivery.attempts, self.sent()), ("waiting", 0, []))

    def test_a_held_system_is_told_nothing_until_it_is_released(self):
        event = self.emit()
        hold = self.env["integration.hold"]._hold("system", "their upgrade", system=self.partner)
        self.assertEqual(hold.count, 1)
        self.drain()
        self.assertEqual((event.delivery_ids.state, event.delivery_ids.attempts, self.sent()), ("waiting", 0, []))
        hold._release("they are back")
        self.drain()
        self.assertEqual(self.sent(), [event.uuid])

    # -- the egress guard --------------------------------------------------------------------------------------------

    def test_loopback_is_refused_without_the_exact_entry(self):
        self.env["integration.egress.allow"].search([]).unlink()
        self.allow("127.0.0.1", self.receiver.port + 1 if self.receiver.port < 65535 else 1)
        delivery = self.send()
        self.assertEqual((delivery.state, delivery.error_code, self.sent()), ("dead", "egress_refused", []))
        self.assertEqual(delivery.attempt_ids.outcome, "configuration")

    def test_metadata_addresses_are_refused_even_when_somebody_allowed_them(self):
        self.env.cr.execute(
            "INSERT INTO integration_egress_allow (host, port, reason) VALUES ('169.254.169.254', 80, 'forced')"
        )
        self.env.cr.execute(
            "UPDATE integration_endpoint SET url = 'http://169.254.169.254/latest' WHERE id = %s", (self.endpoint.id,)
        )
        self.env.invalidate_all()
        delivery = self.send()
        self.assertEqual((delivery.state, delivery.error_code), ("dead", "egress_refused"))

    def test_a_public_name_that_resolves_to_this_machine_is_refused(self):
        self.env.cr.execute(
            "UPDATE integration_endpoint SET url = 'https://localhost.example/' WHERE id = %s", (self.endpoint.id,)
        )
        self.env.invalidate_all()
        found = [(2, 1, 6, "", ("127.0.0.1", 443))]
        with patch("socket.getaddrinfo", return_value=found):
            delivery = self.send()
        self.assertEqual((delivery.state, delivery.error_code), ("dead", "egress_refused"))

    # -- replay ------------------------------------------------------------------------------------------------------

    def test_a_replay_is_a_new_delivery_with_the_same_id(self):
        delivery = self.send()
        operator = new_test_user(self.env, "op", groups="integration_core.group_operator")
        replay = self.replayed(delivery.with_user(operator), "they restored a backup")
        self.drain()
        self.assertEqual(self.sent(), [delivery.event_id.uuid] * 2)
        self.assertEqual((replay.delivery_ids.state, delivery.attempts), ("done", 1))
        trail = self.env["integration.audit"].search([("action", "=", "delivery.replay")])
        self.assertEqual((replay.user_id, trail.reason), (operator, "they restored a backup"))

    def test_a_dead_letter_is_retried_by_a_person(self):
        self.receiver.answers = [Answer(422), Answer(200)]
        delivery = self.send()
        self.assertEqual(delivery.state, "dead")
        delivery._retry("they mended their mapping")
        self.drain()
        self.assertEqual(delivery.state, "done")
