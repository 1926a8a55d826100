from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import CODES, MappingCase


@tagged("post_install", "-at_install")
class TestAccess(MappingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.viewer = new_test_user(cls.env, "viewer", groups="integration_core.group_finance_viewer")
        cls.operator = new_test_user(cls.env, "operator", groups="integration_core.group_operator")
        cls.nobody = new_test_user(cls.env, "nobody", groups="base.group_user")
        cls.task = cls.Task._request(cls.system, "service", {(CODES, "A"): None}, cls.env.company)

    def test_finance_reads(self):
        identifier = self.map()
        for record in (identifier, self.blood, self.task):
            record.with_user(self.viewer).check_access("read")
            for operation in ("write", "create", "unlink"):
                self.assertFalse(record.with_user(self.viewer).has_access(operation), record._name)

    def test_others_see_nothing(self):
        identifier = self.map()
        for user in (self.operator, self.nobody):
            for record in (identifier, self.blood, self.task):
                self.assertFalse(record.with_user(user).has_access("read"), (user.login, record._name))

    def test_only_stewards_decide(self):
        identifier = self.propose()
        identifier.action_submit()
        with self.assertRaises(AccessError):
            identifier.with_user(self.viewer).action_approve()
        with self.assertRaises(AccessError):
            self.task.with_user(self.viewer).action_create_services()

    def test_ending_takes_the_right_to_edit(self):
        identifier = self.map()
        with self.assertRaises(AccessError):
            self.env["integration.identifier.end"].with_user(self.viewer).create(
                {"identifier_ids": identifier.ids, "how": "revoke", "reason": "no"}
            )

    def test_tasks_are_not_edited_by_hand(self):
        for operation in ("write", "create", "unlink"):
            self.assertFalse(self.task.with_user(self.author).has_access(operation))

    def test_within_the_company(self):
        company = self.env["res.company"].create({"name": "Second house"})
        stranger = new_test_user(
            self.env,
            "stranger",
            groups="integration_core.group_steward",
            company_id=company.id,
            company_ids=[company.id],
        )
        identifier = self.map()
        for record in (identifier, self.blood, self.task):
            self.assertFalse(record.with_user(stranger).has_access("read"), record._name)
            self.assertFalse(record.with_user(stranger).search([("id", "=", record.id)]))

    def test_a_steward_finds_cost_centers(self):
        account = self._make_cost_center("4100")
        self.assertTrue(account.with_user(self.author).has_access("read"))
        self.assertFalse(account.with_user(self.author).has_access("write"))
