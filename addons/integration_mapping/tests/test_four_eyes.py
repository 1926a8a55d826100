"""Nobody approves the mapping that they prepared; urgent supply may begin before it is approved."""

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged

from .common import CODES, MappingCase


@tagged("post_install", "-at_install")
class TestFourEyes(MappingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._forget_approvers()
        cls.gloves = cls.env["product.product"].create({"name": "Gloves", "type": "consu"})
        cls.supply = cls.Entity._for_target("product", cls.env.company, cls.gloves)

    def request(self, record):
        domain = [("res_model", "=", record._name), ("res_id", "=", record.id)]
        return self.env["integration.approval"].search(domain, limit=1)

    def asked(self, entity=None, **values):
        identifier = self.propose(entity, **values)
        identifier.action_submit()
        return identifier

    def refuse(self, user, identifier, error=UserError):
        for door in (identifier, self.request(identifier)):
            with self.assertRaises(error):
                self.call(user, door, "action_approve")
        self.assertEqual(identifier.state, "proposed")

    # -- edit or approve, not both ------------------------------------------------------------------------------------

    def test_edit_and_approve(self):
        identifier = self.asked()
        self.refuse(self.author, identifier)
        self.call(self.approver, self.request(identifier), "action_approve")
        self.assertEqual(identifier.state, "approved")

    def test_nor_by_whoever_edits_after_it_was_asked_for(self):
        identifier = self.asked()
        identifier.with_user(self.approver).entity_id = self.xray
        self.assertEqual(identifier.approval_state, "draft")
        identifier.action_submit()
        self.refuse(self.approver, identifier)
        self.refuse(self.author, identifier)

    def test_nor_through_a_delegate(self):
        delegate = new_test_user(self.env, "delegate", groups="integration_core.group_finance_viewer")
        until = fields.Datetime.add(fields.Datetime.now(), days=3)
        values = {"delegate_id": delegate.id, "date_until": until, "reason": "leave"}
        delegations = self.env["integration.delegation"]
        delegations.with_user(self.author).create(values)
        identifier = self.asked()
        self.refuse(delegate, identifier)
        delegations.with_user(self.approver).create(values)
        self.call(delegate, self.request(identifier), "action_approve")
        self.assertEqual((identifier.state, self.request(identifier).on_behalf_of_id), ("approved", self.approver))

    def test_a_governance_approver_approves_and_edits_nothing(self):
        judge = new_test_user(self.env, "judge", groups="integration_core.group_governance_approver")
        identifier = self.asked()
        self.assertTrue(Form(identifier.with_user(judge)))
        with self.assertRaises(AccessError):
            self.call(judge, identifier, "write", {"code": "other"})
        self.call(judge, identifier, "action_approve")
        self.assertEqual(identifier.state, "approved")

    def test_a_change_is_shown_against_what_it_succeeds(self):
        old = self.map()
        identifier = self.propose(self.xray, replaces_id=old.id, valid_from="2026-07-01")
        identifier.action_submit()
        changes = {change["label"]: (change["old"], change["new"]) for change in self.request(identifier).changes}
        self.assertEqual(changes["Means"], (self.blood.display_name, self.xray.display_name))
        self.assertNotIn("Code", changes)

    def test_what_has_ended_is_not_asked_for_again(self):
        identifier = self.map()
        identifier._revoke("wrong")
        identifier._approving().write({"approval_state": "draft"})
        with self.assertRaises(UserError):
            identifier.action_request_approval()

    # -- act first, approve after -------------------------------------------------------------------------------------

    def use_now(self, **values):
        identifier = self.propose(self.supply, code="G-7", kind="product", **values)
        self.call(self.author, identifier, "action_use_now", "Gloves for theatre 2")
        return identifier

    def means(self):
        return self.meaning("G-7", kind="product")

    def test_supply_for_care_is_used_at_once(self):
        identifier = self.use_now()
        self.assertEqual(self.means(), self.supply)
        self.assertEqual((identifier.state, identifier.approval_state), ("approved", "requested"))
        self.assertTrue(identifier.urgent)
        with self.assertRaises(UserError):
            self.call(self.author, identifier, "action_approve")
        self.call(self.approver, self.request(identifier), "action_approve")
        self.assertEqual((identifier.approval_state, identifier.urgent, self.means()), ("approved", False, self.supply))

    def test_what_is_not_confirmed_answers_no_longer_and_stays_so(self):
        identifier = self.use_now()
        self.call(self.approver, identifier, "action_reject", "that is another glove")
        self.assertEqual((identifier.state, self.means()), ("revoked", self.Entity))
        self.assertFalse(identifier.can_use_now)
        for method, *args in (("action_request_approval",), ("action_use_now", "again")):
            with self.assertRaises(UserError):
                self.call(self.author, identifier, method, *args)

    def test_money_waits(self):
        identifier = self.propose(code="CBC")
        self.assertFalse(identifier.can_use_now)
        with self.assertRaises(UserError):
            self.call(self.author, identifier, "action_use_now", "I want to bill")
        self.assertFalse(self.meaning())

    def test_a_code_that_has_a_meaning_keeps_it_until_the_change_is_approved(self):
        old = self.map(self.supply, code="G-7", kind="product")
        longer = self.env["product.product"].create({"name": "Longer gloves", "type": "consu"})
        other = self.Entity._for_target("product", self.env.company, longer)
        identifier = self.propose(other, code="G-7", replaces_id=old.id, valid_from="2026-01-01")
        with self.assertRaises(UserError):
            self.call(self.author, identifier, "action_use_now", "quick")
        self.assertEqual(self.means(), self.supply)

    def test_whoever_may_not_propose_uses_nothing(self):
        identifier = self.propose(self.supply, code="G-7", kind="product")
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        with self.assertRaises(AccessError):
            self.call(viewer, identifier, "action_use_now", "quick")

    def test_test_mode_needs_nobody(self):
        identifier = self.propose(self.supply, code="G-7", kind="product", system=self.trial)
        self.call(self.author, identifier, "action_use_now", "quick")
        self.assertEqual((identifier.approval_state, identifier.urgent), ("approved", False))
        key = (CODES, "G-7", fields.Date.today())
        self.assertTrue(self.Identifier._resolve(self.trial, "product", {key}, self.env.company))
