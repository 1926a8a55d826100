"""Whoever enters a charge or decides about its money does not approve it."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

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

    def test_approving_charges_is_not_delegated(self):
        delegate = new_test_user(self.env, "delegate", groups="integration_core.group_finance_viewer")
        self.refuse(delegate, self.one_ready(), AccessError)

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
