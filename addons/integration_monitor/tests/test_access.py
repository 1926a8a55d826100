from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import MonitorCase

ROLES = ("finance_viewer", "finance_reviewer", "operator", "steward", "admin", "governance_approver")
HIDDEN = {
    "finance_viewer": {
        "integration_core.menu_events",
        "integration_core.menu_deliveries",
        "integration_core.menu_dead_letters",
        "integration_core.menu_mappings",
        "integration_core.menu_configuration",
        "integration_inbound.menu_refused_messages",
    },
    "finance_reviewer": {
        "integration_core.menu_events",
        "integration_core.menu_deliveries",
        "integration_core.menu_systems",
    },
    "operator": {
        "integration_monitor.menu_reconciliation",
        "integration_core.menu_mappings",
        "integration_core.menu_audit",
    },
    "steward": {
        "integration_monitor.menu_reconciliation",
        "integration_core.menu_events",
        "integration_core.menu_deliveries",
        "integration_core.menu_systems",
        "integration_core.menu_audit",
    },
    "admin": set(),
    "governance_approver": {
        "integration_core.menu_events",
        "integration_core.menu_deliveries",
        "integration_core.menu_mappings",
        "integration_core.menu_configuration",
        "integration_monitor.menu_reconciliation",
    },
}
SHOWN = {
    "finance_viewer": {"integration_monitor.menu_overview", "integration_monitor.menu_reconciliation"},
    "finance_reviewer": {"integration_monitor.menu_overview", "integration_monitor.menu_reconciliation"},
    "operator": {
        "integration_monitor.menu_overview",
        "integration_core.menu_events",
        "integration_core.menu_deliveries",
        "integration_core.menu_dead_letters",
        "integration_inbound.menu_refused_messages",
        "integration_core.menu_systems",
    },
    "steward": {
        "integration_monitor.menu_overview",
        "integration_core.menu_mappings",
        "integration_core.menu_approvals",
    },
    "admin": {
        "integration_monitor.menu_overview",
        "integration_monitor.menu_reconciliation",
        "integration_core.menu_events",
        "integration_core.menu_dead_letters",
        "integration_core.menu_mappings",
        "integration_core.menu_systems",
        "integration_core.menu_audit",
        "integration_core.menu_approvals_waiting",
    },
    "governance_approver": {
        "integration_monitor.menu_overview",
        "integration_core.menu_approvals_waiting",
        "integration_core.menu_approvals_decided",
        "integration_core.menu_approvals_self",
        "integration_core.menu_delegations",
    },
}


@tagged("post_install", "-at_install")
class TestAccess(MonitorCase):
    """Each role sees what it needs and no more."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            role: new_test_user(cls.env, f"role_{role}", groups=f"integration_core.group_{role}") for role in ROLES
        }

    def test_each_role_sees_its_menus(self):
        for role, user in self.users.items():
            visible = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
            for xmlid in SHOWN[role]:
                self.assertIn(self.env.ref(xmlid).id, visible, f"{role} needs {xmlid}")
            for xmlid in HIDDEN[role]:
                self.assertNotIn(self.env.ref(xmlid).id, visible, f"{role} has no business in {xmlid}")

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
