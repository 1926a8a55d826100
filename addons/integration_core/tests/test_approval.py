from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import IntegrationCase


@tagged("post_install", "-at_install")
class TestApproval(IntegrationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.ref("integration_core.group_admin").user_ids = [fields.Command.clear()]
        cls.env["res.users"].search(
            [("all_group_ids", "in", cls.env.ref("integration_core.group_admin").ids)]
        ).filtered(lambda u: u.id != 1).write(
            {"group_ids": [fields.Command.unlink(cls.env.ref("integration_core.group_admin").id)]}
        )
        cls.ann = new_test_user(cls.env, "ann", groups="integration_core.group_admin")

    def new_system(self, user):
        return (
            self.env["integration.system"]
            .with_user(user)
            .create({"name": "New", "code": "new", "timezone": "UTC", "clearance": "patient"})
        )

    def test_the_only_administrator_approves_and_it_is_marked(self):
        system = self.new_system(self.ann)
        system.action_request_approval()
        system.action_approve()
        self.assertTrue(system.self_approved)
        self.assertEqual((system.mode, system.state), ("live", "active"))

    def test_the_author_cannot_approve_once_somebody_else_can(self):
        bob = new_test_user(self.env, "bob", groups="integration_core.group_admin")
        system = self.new_system(self.ann)
        system.action_request_approval()
        with self.assertRaises(UserError):
            system.action_approve()
        self.assertEqual(system.mode, "test")
        system.with_user(bob).action_approve()
        self.assertEqual((system.mode, system.self_approved, system.decided_by_id), ("live", False, bob))

    def test_whoever_edits_after_another_asked_is_an_author_too(self):
        bob = new_test_user(self.env, "bob", groups="integration_core.group_admin")
        system = self.new_system(self.ann)
        system.with_user(bob).write({"event_type_ids": [fields.Command.clear()]})
        system.action_request_approval()
        with self.assertRaises(UserError):
            system.with_user(bob).action_approve()

    def test_a_change_after_approval_takes_the_approval_back(self):
        system = self.new_system(self.ann)
        system.action_request_approval()
        system.action_approve()
        system.event_type_ids = self.env["integration.event.type"].search([("direction", "=", "inbound")], limit=1)
        self.assertEqual((system.approval_state, system.mode), ("draft", "test"))

    def test_states_are_not_written_by_hand(self):
        system = self.new_system(self.ann)
        for values in ({"mode": "live"}, {"approval_state": "approved"}, {"self_approved": False}, {"state": "active"}):
            with self.assertRaises(AccessError):
                system.write(values)
            with self.assertRaises(AccessError):
                system.with_context(integration_approving=True).write(values)
        with self.assertRaises(AccessError):
            self.env["integration.system"].with_user(self.ann).create(
                {"name": "X", "code": "x", "mode": "live", "timezone": "UTC"}
            )

    def test_others_may_not_decide(self):
        system = self.new_system(self.ann)
        system.action_request_approval()
        steward = new_test_user(self.env, "steward", groups="integration_core.group_steward")
        with self.assertRaises(AccessError):
            system.with_user(steward).action_approve()
        with self.assertRaises(AccessError):
            system.with_user(steward).action_reject("no")

    def test_rejection_keeps_who_and_why(self):
        bob = new_test_user(self.env, "bob", groups="integration_core.group_admin")
        system = self.new_system(self.ann)
        system.action_request_approval()
        system.with_user(bob).action_reject("wrong company")
        self.assertEqual((system.approval_state, system.decision_reason), ("rejected", "wrong company"))
        row = self.env["integration.audit"].search([("action", "=", "approval.reject"), ("res_id", "=", system.id)])
        self.assertEqual((row.user_id, row.reason), (bob.id, "wrong company"))
