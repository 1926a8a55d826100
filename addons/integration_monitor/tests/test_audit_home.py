from odoo.tests import new_test_user, tagged

from .common import MonitorCase


@tagged("post_install", "-at_install")
class TestAuditHome(MonitorCase):
    """Who audits and does nothing else lands on the audit trail, and finds it in the menu."""

    def home(self, name, *groups):
        roles = ",".join(f"integration_core.group_{group}" for group in groups)
        user = new_test_user(self.env, name, groups=roles)
        menus = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
        return self.env["integration.overview"].with_user(user).get_home()["xml_id"], menus

    def test_auditors_land_on_the_trail(self):
        trail = "integration_core.action_audit"
        menu = self.env.ref("integration_core.menu_audit_trail").id
        for number, groups in enumerate((("auditor",), ("privacy_officer",), ("auditor", "privacy_officer"))):
            home, menus = self.home(f"only{number}", *groups)
            self.assertEqual(home, trail)
            self.assertIn(menu, menus)
        self.assertNotEqual(self.home("both", "auditor", "operator")[0], trail)
        home, menus = self.home("other", "operator")
        self.assertNotEqual(home, trail)
        self.assertNotIn(menu, menus)
