"""Nobody approves the endpoint or the key that they prepared, through whatever door."""

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import Form, new_test_user, tagged

from .common import OutboundCase

ADMIN = "integration_core.group_admin"


@tagged("post_install", "-at_install")
class TestFourEyes(OutboundCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ann, cls.bob = (new_test_user(cls.env, login, groups=ADMIN) for login in ("ann", "bob"))
        cls._only_approvers(cls.ann, cls.bob)
        cls.dan = new_test_user(cls.env, "dan", groups="integration_core.group_operator")

    def prepared(self):
        """Return an endpoint and a key that Ann made and asked to have approved."""
        values = {"name": "erp", "url": "https://erp.example/in?token=abc", "system_id": self.partner.id}
        endpoint = self.env["integration.endpoint"].with_user(self.ann).create(values)
        endpoint.action_request_approval()
        key, _text = self.env["integration.credential"].with_user(self.ann)._generate(
            {"endpoint_id": endpoint.id}, company=endpoint.company_id, use="outbound"
        )
        key.action_request_approval()
        return endpoint, key

    def request(self, record):
        domain = [("res_model", "=", record._name), ("res_id", "=", record.id)]
        return self.env["integration.approval"].search(domain, limit=1)

    def refuse(self, user, record):
        for door in (record, self.request(record)):
            with self.assertRaises(UserError):
                self.call(user, door, "action_approve")
        self.assertEqual((record.state, record.approval_state), ("draft", "requested"))

    def test_create_and_approve(self):
        for record in self.prepared():
            self.refuse(self.ann, record)
            self.call(self.bob, self.request(record), "action_approve")
            self.assertEqual((record.state, record.approval_state), ("active", "approved"))

    def test_a_governance_approver_looks_before_deciding(self):
        judge = new_test_user(self.env, "judge", groups="integration_core.group_governance_approver")
        replays = self.env["integration.replay"].with_user(self.ann)
        values = {"scope": "missed", "date_from": "2026-01-01 00:00:00", "reason": "outage"}
        replay = replays.create({**values, "subscription_ids": self.endpoint.subscription_ids.ids})
        endpoint, key = self.prepared()
        for record in (endpoint, key, replay, self.partner, self.request(endpoint)):
            self.assertTrue(Form(record.with_user(judge)))

    def test_nor_through_a_delegate(self):
        until = fields.Datetime.add(fields.Datetime.now(), days=3)
        delegations = self.env["integration.delegation"]
        values = {"delegate_id": self.dan.id, "date_until": until, "reason": "leave"}
        delegations.with_user(self.ann).create(values)
        records = self.prepared()
        for record in records:
            self.refuse(self.dan, record)
        delegations.with_user(self.bob).create(values)
        for record in records:
            self.call(self.dan, self.request(record), "action_approve")
            self.assertEqual((self.request(record).on_behalf_of_id, record.state), (self.bob, "active"))

    def test_nor_by_whoever_edits_after_it_was_asked_for(self):
        endpoint, key = self.prepared()
        endpoint.with_user(self.bob).url = "https://elsewhere.example/"
        key.with_user(self.bob).valid_to = fields.Datetime.add(fields.Datetime.now(), days=9)
        for record in (endpoint, key):
            self.assertEqual(record.approval_state, "draft")
            record.with_user(self.ann).action_request_approval()
            self.refuse(self.bob, record)
            self.refuse(self.ann, record)

    def test_what_is_secret_in_an_address_is_not_shown(self):
        endpoint, _key = self.prepared()
        request = self.request(endpoint)
        self.assertIn("https://erp.example/in?token=…", str(request.changes))
        self.assertNotIn("abc", str(request.changes))
        self.assertIn({"label": "Approved Mode", "old": "", "new": "Live"}, request.changes)
