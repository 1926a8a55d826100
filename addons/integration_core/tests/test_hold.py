from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from .recording import RECORDER, RecordingCase
from .test_journal import ADMITTED, DATA


@tagged("post_install", "-at_install")
class TestHold(RecordingCase):
    """What a person holds back waits, spends no attempt, and leaves when it is released."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls._make_system("lab")
        cls.operator = new_test_user(cls.env, "holder", groups="integration_core.group_operator")

    def admit(self, name, system=None):
        return self.post(ADMITTED, {**DATA, "encounter": name}, system=system)[1].delivery_ids

    def hold(self, **values):
        """Hold through the screen, as an operator; return the hold."""
        wizard = self.env["integration.hold.wizard"].with_user(self.operator).create({"reason": "backup", **values})
        wizard.action_hold()
        return self.env["integration.hold"].with_user(self.operator).search([], limit=1)

    def release(self, hold, reason="it is over"):
        action = hold.action_release()
        wizard = (
            self.env["integration.reason.wizard"]
            .with_user(self.operator)
            .with_context(**action["context"])
            .create({"operation": action["context"]["default_operation"], "reason": reason})
        )
        self.assertIn(hold.display_name, wizard.summary)
        wizard.action_confirm()

    def handled(self):
        return [name for batch in RECORDER.batches for name in batch]

    def assert_held(self, delivery):
        self.assertEqual((delivery.state, delivery.attempts, delivery.hold_code), ("waiting", 0, "paused"))
        self.assertFalse(delivery.attempt_ids)
        self.assertFalse(self.env["integration.engine"]._has_due())

    def test_everything(self):
        hold = self.hold(scope="all")
        delivery = self.admit("A")
        self.drain()
        self.assert_held(delivery)
        self.assertEqual((hold.display_name, hold.count), ("Everything", 1))
        self.release(hold)
        self.assertTrue(self.env["integration.engine"]._has_due())
        self.drain()
        self.assertEqual((delivery.state, self.handled()), ("done", ["A"]))

    def test_one_system_while_anothers_goes_on(self):
        hold = self.hold(scope="system", system_id=self.system.id)
        held, free = self.admit("A"), self.admit("B", system=self.other)
        self.drain()
        self.assertEqual(self.handled(), ["B"])
        self.assert_held(held)
        self.assertEqual((free.state, hold.count), ("done", 1))
        self.release(hold)
        self.drain()
        self.assertEqual((held.state, self.handled()), ("done", ["B", "A"]))

    def test_one_lane(self):
        lane = {0: "critical", 1: "normal", 2: "bulk"}[self.admit("A").lane]
        self.drain()
        hold = self.hold(scope="lane", lane=lane)
        held, free = self.admit("B"), self.admit("C")
        self.env.cr.execute("UPDATE integration_due SET lane = (lane + 1) %% 3 WHERE id = %s", (free.id,))
        self.drain()
        self.assertEqual(self.handled(), ["A", "C"])
        self.assert_held(held)
        self.release(hold)
        self.drain()
        self.assertEqual(self.handled(), ["A", "C", "B"])

    def test_a_hold_of_a_system_shows_on_its_form(self):
        self.assertFalse(self.system.with_user(self.operator).hold_id)
        hold = self.hold(scope="system", system_id=self.system.id)
        self.env.invalidate_all()
        seen = self.system.with_user(self.operator)
        self.assertEqual(seen.hold_id, hold)
        self.assertIn("backup", seen.hold_summary)
        self.assertIn(self.operator.name, seen.hold_summary)
        self.assertEqual(seen.action_release_hold()["context"]["active_ids"], hold.ids)
        self.assertFalse(self.other.with_user(self.operator).hold_id)

    def test_who_and_why_stay_in_the_audit_trail(self):
        hold = self.hold(scope="lane", lane="bulk")
        self.release(hold, "the feed recovered")
        trail = self.env["integration.audit"].search([("res_model", "=", "integration.hold")], order="id")
        self.assertEqual(trail.mapped("action"), ["hold.begin", "hold.end"])
        self.assertEqual(trail.mapped("reason"), ["backup", "the feed recovered"])
        self.assertEqual(set(trail.mapped("user_id")), {self.operator.id})

    def test_only_operators_and_only_with_a_reason(self):
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        with self.assertRaises(AccessError):
            self.env["integration.hold.wizard"].with_user(viewer).create({"scope": "all", "reason": "no"})
        with self.assertRaises(AccessError):
            self.env["integration.hold"].with_user(viewer)._hold("all", "no")
        with self.assertRaises(UserError):
            self.hold(scope="all", reason="  ")
        with self.assertRaises(UserError):
            self.hold(scope="lane")
        with self.assertRaises(ValidationError):
            self.env["integration.hold"]._hold("all", "both", lane="bulk")

    def test_operators_pause_a_subscription_and_cannot_change_it(self):
        mine = self.subscription.with_user(self.operator)
        mine.action_pause()
        delivery = self.admit("A")
        self.drain()
        self.assert_held(delivery)
        mine.action_resume()
        self.drain()
        self.assertEqual(delivery.state, "done")
        with self.assertRaises(AccessError):
            mine.name = "changed"
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_steward")
        with self.assertRaises(AccessError):
            self.subscription.with_user(viewer).action_pause()
