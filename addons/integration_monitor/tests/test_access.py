from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import MonitorCase

ROLES = ("finance_viewer", "finance_reviewer", "operator", "steward", "admin", "governance_approver")


@tagged("post_install", "-at_install")
class TestAccess(MonitorCase):
    """Each role sees what it needs and no more."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            role: new_test_user(cls.env, f"role_{role}", groups=f"integration_core.group_{role}") for role in ROLES
        }

    def test_reconciliation_is_for_finance(self):
        self.finalize("E-1", self.line(1))
        for role in ("finance_viewer", "finance_reviewer", "admin"):
            self.assertTrue(self.env["integration.ledger.line"].with_user(self.users[role]).search([]))
        for role in ("operator", "steward"):
            with self.assertRaises(AccessError):
                self.env["integration.ledger.line"].with_user(self.users[role]).search([])

    def test_the_trace_of_a_message_is_open_to_finance(self):
        event = self.finalize("E-1", self.line(1))
        seen = event.with_user(self.users["finance_viewer"])
        self.assertEqual(seen.delivery_state, "done")
        self.assertEqual(seen.effect_ids.status, "applied")

    def test_nobody_reads_receipts_of_another_company(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        system = self._make_system("other", company=other)
        self.finalize("E-1", self.line(1), system=system)
        for role in ("finance_viewer", "operator", "admin"):
            receipts = self.env["integration.receipt"].with_user(self.users[role])
            self.assertFalse(receipts.search([("system_id", "=", system.id)]))
