from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools.safe_eval import safe_eval
from odoo.tools.translate import code_translations

from ..domain.errors import CATALOGUE, GIVEN_UP, TRIED_AGAIN, explain
from .explained import CORE_BUTTONS, IN_ORDER, ExplainedCase
from .recording import RecordingHandler


class HandledCase(ExplainedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.register_model(RecordingHandler)
        cls.env["integration.subscription"].search([]).active = False
        cls.owner = new_test_user(cls.env, "answers", groups="integration_core.group_operator", name="Ann Swers")
        cls.operator = new_test_user(cls.env, "op", groups="integration_core.group_operator", name="Op Erator")
        cls.boss = new_test_user(cls.env, "boss", groups="integration_core.group_admin")
        cls.subscription = cls.env["integration.subscription"].create(
            {
                "name": "Handled",
                "company_id": False,
                "handler": RecordingHandler._name,
                "event_type_ids": cls.env["integration.event.type"]._named("clinical.service.finalized.v1").ids,
                "owner_id": cls.owner.id,
            }
        )


@tagged("post_install", "-at_install")
class TestExplained(HandledCase):
    """The form of a delivery says what the table of error codes says, for each code."""

    def one(self, state, code, **more):
        return self.deliver(self.service("E-1", {}), self.subscription, state, code, **more)

    # -- the table on the screen --------------------------------------------------------------------------------------

    def test_the_form_says_it_in_the_promised_order(self):
        arch, _values = self.form_of(self.one("dead", "handler_failed"), self.operator)
        shown = [node.get("name") for node in arch.xpath("//div[@name='explained']//field")]
        self.assertEqual([name for name in shown if name in IN_ORDER], list(IN_ORDER))
        labels = [node.text for node in arch.xpath("//div[@name='explained']/div/div[1]")]
        self.assertEqual(labels, ["What happened", "What is affected", "Whose turn", "What to do"])

    def test_each_code(self):
        for row in CATALOGUE.values():
            if row.button in CORE_BUTTONS:
                with self.subTest(row.code):
                    self.assert_says(self.one(self.state_of(row), self.code_of(row)), self.boss, row)

    def test_what_is_still_tried_is_nobodys_turn(self):
        for row in CATALOGUE.values():
            if not row.held:
                with self.subTest(row.code):
                    delivery = self.one("waiting", self.code_of(row))
                    self.assert_says(delivery, self.operator, row.while_waiting())
                    self.assertEqual(delivery.next_action, TRIED_AGAIN)

    def test_what_was_skipped_is_nobodys_turn_and_affects_nothing(self):
        delivery = self.one("skipped", "handler_failed")
        self.assert_says(delivery, self.operator, explain("handler_failed").given_up())
        self.assertEqual((delivery.next_action, delivery.affected), (GIVEN_UP, False))

    def test_what_went_well_needs_no_words(self):
        for state, code in (("done", None), ("waiting", None)):
            delivery = self.one(state, code)
            self.assertFalse(delivery.reason_code)
            self.assertFalse(delivery.what_happened or delivery.next_action or delivery.affected)

    def test_a_pause_goes_before_what_the_last_attempt_met_and_is_resumed_here(self):
        delivery = self.one("waiting", "handler_failed")
        self.subscription.action_pause()
        self.assert_says(delivery, self.boss, explain("paused"))
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        with self.assertRaises(AccessError):
            delivery.with_user(viewer).action_resume()
        delivery.with_user(self.operator).action_resume()
        self.assertEqual((self.subscription.state, delivery.reason_code), ("active", "handler_failed"))
        trail = self.env["integration.audit"].search([("action", "=", "subscription.resume")])
        self.assertEqual(trail.user_id, self.operator.id)

    def test_the_attempts_say_it_in_words(self):
        delivery = self.one("dead", "handler_failed")
        self.env.cr.execute(
            "INSERT INTO integration_attempt (delivery_id, number, started_at, outcome, error_code)"
            " VALUES (%s, 1, now(), 'error', 'handler_failed'), (%s, 2, now(), 'applied', NULL)",
            (delivery.id, delivery.id),
        )
        self.assertEqual(delivery.attempt_ids.mapped("reason_title"), [explain("handler_failed").title, False])

    def test_it_is_said_in_the_users_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        delivery = self.one("dead", "handler_failed")
        row = explain("handler_failed")
        french = {row.title: "Odoo n'a pas pu le traiter", row.turn.label: "Administrateur"}
        with patch.object(type(code_translations), "get_python_translations", lambda *_args: french):
            theirs = delivery.with_user(self.operator).with_context(lang="fr_FR")
            self.assertEqual(theirs.reason_title, french[row.title])
            self.assertEqual(theirs.whose_turn, french[row.turn.label])

    # -- what is affected ---------------------------------------------------------------------------------------------

    def test_what_is_affected_is_counted_by_reason_and_subscription(self):
        oldest = self.one("dead", "handler_failed", hours=50)
        for state, code in (("dead", "handler_failed"), ("waiting", "handler_failed"), ("dead", "process_died")):
            self.one(state, code, hours=1)
        self.one("done", None, hours=90)
        self.assertIn("2 dead letters, 1 waiting delivery of “Handled”", oldest.affected)
        self.assertIn("(2 days)", oldest.affected)
        action = oldest.action_open_affected()
        self.assertEqual(self.env["integration.delivery"].search_count(action["domain"]), 3)

    def test_a_pause_affects_all_that_waits(self):
        delivery = self.one("waiting", None)
        self.one("waiting", "handler_failed")
        self.one("dead", "handler_failed")
        self.subscription.action_pause()
        self.assertIn("2 waiting deliveries of “Handled”", delivery.affected)

    def test_another_companys_deliveries_are_not_counted(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        delivery = self.one("dead", "handler_failed")
        theirs = self.one("dead", "handler_failed")
        self.env.cr.execute("UPDATE integration_delivery SET company_id = %s WHERE id = %s", (other.id, theirs.id))
        self.env.invalidate_all()
        self.assertIn("1 dead letter of “Handled”, since ", delivery.affected)

    # -- money --------------------------------------------------------------------------------------------------------

    def test_money_at_risk_is_for_those_who_may_see_money(self):
        priced = {"quantity": "2", "unit_price": "10.25", "currency": "USD"}
        euros = {"quantity": "1", "unit_price": "7", "currency": "EUR"}
        strange = {"quantity": "3", "unit_price": "1.5", "currency": None}
        event = self.service("E-1", priced, euros, strange, {"unit_price": None})
        delivery = self.deliver(event, self.subscription, "dead", "handler_failed")
        self.deliver(self.service("E-2", priced), self.subscription, "waiting", "handler_failed")
        self.deliver(self.service("E-3", priced), self.subscription, "dead", "process_died")
        arch, _values = self.form_of(delivery, self.operator)
        self.assertFalse(arch.xpath("//field[@name='affected_amount']"))
        with self.assertRaises(AccessError):
            delivery.with_user(self.operator).read(["affected_amount"])
        arch, _values = self.form_of(delivery, self.boss)
        self.assertTrue(arch.xpath("//div[@name='explained']//field[@name='affected_amount']"))
        amount = delivery.with_user(self.boss).affected_amount
        parts = [part.replace("\N{NO-BREAK SPACE}", "") for part in amount.split(" · ")]
        self.assertEqual(len(parts), 4, amount)
        self.assertIn("7.00", parts[0])  # each currency by itself
        self.assertIn("41.00", parts[1])  # over both messages that share the reason
        self.assertEqual(parts[2:], ["4.5 without a currency", "1 line without a price"])

    def test_test_messages_put_no_money_at_risk(self):
        event = self.service("E-1", {})
        self.env.cr.execute("UPDATE integration_receipt SET mode = 'test' WHERE event_id = %s", (event.id,))
        delivery = self.deliver(event, self.subscription, "dead", "handler_failed")
        self.assertFalse(delivery.with_user(self.boss).affected_amount)

    # -- age and owner ------------------------------------------------------------------------------------------------

    def test_the_age_of_a_dead_letter_is_since_it_died(self):
        delivery = self.one("dead", "handler_failed", hours=75)
        self.assertEqual((delivery.age, delivery.age_days), ("3 days", 3))
        search = self.env["integration.delivery"].search
        for hours, expected in ((24, True), (7 * 24, False)):
            found = search([("state", "=", "dead"), ("dead_since", "<", f"now -{hours}H")])
            self.assertEqual(delivery in found, expected)

    def test_who_answers_for_what_waits(self):
        self.subscription.action_pause()
        self.assertEqual(self.one("waiting", None).whose_turn, "Integration operator (Ann Swers)")
        self.assertEqual(self.one("dead", "handler_failed").whose_turn, "Integration administrator")

    def test_the_systems_own_user_answers_to_nobody(self):
        self.subscription.owner_id = self.env.ref("base.user_root")
        self.subscription.action_pause()
        self.assertEqual(self.one("waiting", None).whose_turn, "Integration operator")
        self.assertFalse(self.env["integration.subscription"].default_get(["owner_id"]).get("owner_id"))

    def test_a_next_attempt_is_promised_only_where_there_is_one(self):
        arch, _values = self.form_of(self.one("waiting", "no_master_key"), self.operator)
        [promise] = arch.xpath("//div[@name='explained']//field[@name='due_at']/..")
        for code, hidden in (("no_master_key", True), ("handler_failed", False)):
            delivery = self.one("waiting", code)
            known = {"state": delivery.state, "is_held": delivery.is_held}
            self.assertEqual(safe_eval(promise.get("invisible"), known), hidden)

    def test_a_dead_letter_is_taken_over_and_the_trail_says_so(self):
        delivery = self.one("dead", "handler_failed", owner=self.owner)
        delivery.with_user(self.operator).action_assign_to_me()
        self.assertEqual(delivery.owner_id, self.operator)
        trail = self.env["integration.audit"].search([("action", "=", "delivery.assign")])
        self.assertEqual((trail.user_id, trail.detail), (self.operator.id, "owner: Op Erator"))

    def test_dead_letters_are_given_to_an_operator_with_a_reason(self):
        deliveries = self.one("dead", "handler_failed") | self.one("dead", "process_died")
        wizard = (
            self.env["integration.assign.wizard"]
            .with_user(self.operator)
            .with_context(active_ids=deliveries.ids)
            .create({"user_id": self.boss.id, "reason": "Needs the log"})
        )
        self.assertEqual(wizard.summary, "2 dead letters get a new owner.")
        wizard.action_confirm()
        self.assertEqual(deliveries.owner_id, self.boss)
        trail = self.env["integration.audit"].search([("action", "=", "delivery.assign")])
        self.assertEqual(trail.mapped("reason"), ["Needs the log"] * 2)

    def test_who_could_not_act_gets_nothing(self):
        delivery = self.one("dead", "handler_failed").with_user(self.operator)
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        other = self.env["res.company"].create({"name": "Other hospital"})
        foreign = new_test_user(
            self.env, "foreign", groups="integration_core.group_operator", company_id=other.id, company_ids=other.ids
        )
        for user in (viewer, foreign):
            with self.assertRaises(UserError):
                delivery._assign(user, "yours")
        with self.assertRaises(UserError):
            self.one("waiting", "handler_failed").with_user(self.operator)._assign(self.boss, "not dead")
        with self.assertRaises(AccessError):
            delivery.with_user(viewer)._assign(self.boss, "no right")
        self.assertFalse(delivery.owner_id)

    # -- what holds it ------------------------------------------------------------------------------------------------

    def test_the_earlier_ones_of_the_same_ordering_key_are_shown(self):
        events = [self.service("E-1", {}) for _turn in range(3)]
        for event, key in zip(events, ("same", "other", "same"), strict=True):
            self.env.cr.execute("UPDATE integration_event SET partition_key = %s WHERE id = %s", (key, event.id))
        first, _other, last = [self.deliver(event, self.subscription, "waiting", None) for event in events]
        action = last.action_open_earlier()
        self.assertEqual(self.env["integration.delivery"].search(action["domain"]), first)

    # -- the engine ---------------------------------------------------------------------------------------------------

    def test_a_heartbeat_says_in_a_word_how_the_process_is(self):
        now = fields.Datetime.now()
        told = {
            ("awake", 2): "running",
            ("awake", 29): "running",
            ("awake", 31): "silent",
            ("asleep", 4000): "resting",
        }
        for (state, seconds), word in told.items():
            beat = self.env["integration.heartbeat"].create(
                {
                    "name": f"{state}{seconds}",
                    "kind": "cron",
                    "lanes": "critical,normal,bulk",
                    "state": state,
                    "started_at": now,
                    "last_beat": now - timedelta(seconds=seconds),
                }
            )
            self.assertEqual(beat._freshness(now), word)
        self.assertEqual(beat.with_user(self.operator).freshness, "resting")
        self.assertEqual(beat.age, "1 h")


@tagged("post_install", "-at_install")
class TestDeadLetterTour(HandledCase, HttpCase):
    def test_an_operator_reads_why_and_retries_with_a_reason(self):
        login = "tour_operator"
        new_test_user(self.env, login, name=login, password=login, groups="integration_core.group_operator")
        delivery = self.deliver(self.service("E-1", {}), self.subscription, "dead", "handler_failed", hours=50)
        self.start_tour("/odoo/integration-dead-letters", "integration_core_dead_letter", login=login)
        self.env.invalidate_all()
        self.assertEqual((delivery.state, delivery.owner_id.login), ("waiting", login))
        trail = self.env["integration.audit"].search([("action", "in", ("delivery.retry", "delivery.assign"))])
        self.assertEqual(set(trail.mapped("user_name")), {login})
        self.assertIn("The mapping is mended", trail.mapped("reason"))
