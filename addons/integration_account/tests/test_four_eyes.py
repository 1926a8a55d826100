"""Whoever enters a charge or decides about its money does not approve it."""

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import BillingCase

REVIEWER = "integration_core.group_finance_reviewer"


@tagged("post_install", "-at_install")
class TestFourEyes(BillingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._only_approvers(cls.reviewer, group=REVIEWER)
        cls.other = cls._user("other_reviewer", f"{REVIEWER},account.group_account_invoice")

    def let_reviewers_edit(self):
        """Give reviewers the right to enter and edit charges, as an addon might."""
        self.env["ir.model.access"].create(
            {
                "name": "charges by hand",
                "model_id": self.env["ir.model"]._get_id("integration.charge"),
                "group_id": self.env.ref(REVIEWER).id,
                **{f"perm_{operation}": True for operation in ("read", "write", "create")},
            }
        )

    def one_ready(self, encounter="E-1"):
        [charge] = self.ready(encounter)
        self.assertEqual(charge.state, "ready")
        return charge

    def refuse(self, user, charge, error=UserError):
        with self.assertRaises(error):
            self.call(user, charge, "action_approve")
        self.assertEqual(charge.state, "ready")

    def accept_conflict(self, encounter="E-1"):
        self.one_ready(encounter)
        self.finalize(encounter, self.line(1, price="150.00"))
        conflict = self.charges(encounter).filtered(lambda charge: charge.park_reason == "conflict")
        self.call(self.reviewer, conflict, "action_accept_conflict")
        self.assertEqual((conflict.state, conflict.author_id), ("ready", self.reviewer))
        return conflict

    def test_what_a_machine_sent_has_no_author(self):
        charge = self.one_ready()
        self.assertFalse(charge.author_id)
        self.call(self.reviewer, charge, "action_approve")
        self.assertEqual((charge.state, charge.self_approved), ("approved", False))

    def test_deciding_which_price_counts_and_approving_it(self):
        charge = self.accept_conflict()
        self.refuse(self.reviewer, charge)
        with self.assertRaises(UserError):
            self.call(self.reviewer, charge.encounter_id, "action_approve_charges")
        self.call(self.other, charge, "action_approve")
        self.assertEqual((charge.state, charge.approved_by_id), ("approved", self.other))

    def test_editing_money_and_approving_it(self):
        self.let_reviewers_edit()
        charge = self.one_ready()
        self.call(self.reviewer, charge, "write", {"price_unit": 1.0, "author_id": self.other.id})
        self.assertEqual(charge.author_id, self.reviewer)
        self.refuse(self.reviewer, charge)
        self.call(self.other, charge, "action_approve")
        self.assertEqual(charge.state, "approved")

    def test_entering_by_hand_and_approving_it(self):
        self.let_reviewers_edit()
        values = self.one_ready().copy_data()[0]
        values.update(line="9", content_digest="by hand", state="ready", author_id=self.other.id)
        charge = self.env["integration.charge"].with_user(self.reviewer).create(values)
        self.assertEqual(charge.author_id, self.reviewer)
        self.refuse(self.reviewer, charge)
        self.call(self.other, charge, "action_approve")
        self.assertEqual(charge.state, "approved")

    def test_whoever_edits_after_another_entered_it_is_the_author(self):
        self.let_reviewers_edit()
        charge = self.accept_conflict()
        self.call(self.other, charge, "write", {"price_unit": 2.0})
        self.refuse(self.other, charge)

    # -- while a reviewer is away

    def delegate(self, away=None, to=None, **values):
        """Have a reviewer who is away name somebody; return the delegate."""
        to = to or self._user("delegate", "integration_core.group_finance_viewer")
        now = fields.Datetime.now()
        self.env["integration.delegation"].with_user(away or self.reviewer).create(
            {
                "delegate_id": to.id,
                "role": REVIEWER,
                "date_from": now,
                "date_until": fields.Datetime.add(now, days=3),
                "reason": "leave",
                **values,
            }
        )
        return to

    def test_a_delegate_approves_and_the_run_and_the_trail_say_for_whom(self):
        charge, viewer = self.one_ready(), self._user("viewer", "integration_core.group_finance_viewer")
        self.refuse(viewer, charge, AccessError)
        delegate = self.delegate()
        self.refuse(viewer, charge, AccessError)
        action = self.call(delegate, charge, "action_approve")
        run = self.env["integration.billing.run"].browse(action["res_id"])
        self.assertEqual((charge.state, charge.approved_by_id), ("approved", delegate))
        self.assertEqual((run.user_id, run.on_behalf_of_id), (delegate, self.reviewer))
        row = self.env["integration.audit"].search([("action", "=", "charge.approve")])
        self.assertEqual((row.user_id, row.res_id), (delegate.id, charge.id))
        self.assertIn(f"on behalf of {self.reviewer.name}", row.detail)
        self.drain()
        self.assertTrue(charge.invoice_id)

    def test_everything_that_a_reviewer_may_approve_is_charges_too(self):
        delegate = self.delegate(role="all")
        charge = self.one_ready()
        self.call(delegate, charge, "action_approve")
        self.assertEqual(charge.state, "approved")

    def test_a_delegate_approves_nothing_that_either_of_the_two_has_decided_about(self):
        charge = self.accept_conflict()  # by the reviewer
        delegate = self.delegate(away=self.reviewer)
        self.refuse(delegate, charge)
        self.delegate(away=self.other, to=delegate)
        self.call(delegate, charge, "action_approve")
        self.assertEqual(charge.state, "approved")
        mine = self.one_ready("E-2")
        mine.sudo().author_id = delegate
        self.refuse(delegate, mine)

    def test_a_delegation_opens_neither_rejecting_nor_a_foreign_company(self):
        delegate = self.delegate()
        charge = self.one_ready()
        for method in ("action_reject", "action_back_to_review"):
            with self.assertRaises(AccessError):
                self.call(delegate, charge, method)
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        self.reviewer.write({"company_id": elsewhere.id, "company_ids": [Command.set(elsewhere.ids)]})
        self.refuse(delegate, charge, AccessError)

    def test_it_ends_with_its_time(self):
        now = fields.Datetime.now()
        late = {"date_from": fields.Datetime.subtract(now, days=2), "date_until": fields.Datetime.subtract(now, days=1)}
        self.refuse(self.delegate(**late), self.one_ready(), AccessError)

    def test_only_somebody_who_sees_charges(self):
        steward = self._user("a_steward", "integration_core.group_steward")
        with self.assertRaises(ValidationError):
            self.delegate(to=steward)

    def test_the_button_is_there_for_who_may_approve(self):
        viewer = self._user("viewer", "integration_core.group_finance_viewer")
        before = {user: self.has_button(user) for user in (viewer, self.reviewer)}
        self.assertEqual(before, {viewer: False, self.reviewer: True})
        self.delegate(to=viewer)
        self.assertTrue(self.has_button(viewer))

    def has_button(self, user):
        views = (self.env["integration.charge"].with_user(user).get_view(view_type=kind) for kind in ("list", "form"))
        [shown] = {"action_approve" in view["arch"] for view in views}
        return shown

    def test_the_only_reviewer_approves_and_it_is_marked(self):
        self._only_approvers(self.reviewer, group=REVIEWER)
        charge = self.accept_conflict()
        self.call(self.reviewer, charge, "action_approve")
        self.assertEqual((charge.state, charge.self_approved), ("approved", True))
        self.assertTrue(self.env["integration.audit"].search([("action", "=", "charge.self_approve")]))

    def test_but_not_right_after_the_other_one_was_taken_away(self):
        charge = self.accept_conflict()
        self.other.active = False
        self.refuse(self.reviewer, charge)
