import os
from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_core.models import integration_setup_check
from odoo.tests import new_test_user, tagged

from .common import MonitorCase

CHECK, OVERVIEW = "integration_core.setup_check", "integration_monitor.overview"


@tagged("post_install", "-at_install")
class TestHome(MonitorCase):
    """What the app opens with, and the Overview's banner while the set-up is red."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = new_test_user(cls.env, "home_boss", groups="integration_core.group_admin")
        cls.operator = new_test_user(cls.env, "home_operator", groups="integration_core.group_operator")
        cls.steward = new_test_user(cls.env, "home_steward", groups="integration_core.group_steward")

    def setUp(self):
        super().setUp()
        # The engine of the test database has never run.
        self.env["integration.heartbeat"]._beat("cron:1", "asleep", kind="cron", lanes=(0, 1, 2))

    def home(self, user):
        return self.env["integration.overview"].with_user(user).get_home()["tag"]

    def banner(self, user):
        overview = self.env["integration.overview"].with_user(user)
        self.assertIsNone(overview.get_data(again=True)["setup"])
        return [one for one in overview.get_data()["setup"] if "set-up check" in one["text"]]

    def test_administrators_land_on_the_check_until_it_is_green_and_something_came(self):
        self.assertEqual(self.home(self.boss), CHECK)
        self.assertEqual(self.home(self.operator), OVERVIEW)
        self.finalize("E-1", self.line(1))
        self.assertEqual(self.home(self.boss), OVERVIEW)
        with patch.dict(os.environ):
            del os.environ["INTEGRATION_MASTER_KEY"]
            self.assertEqual(self.home(self.boss), CHECK)
            self.assertEqual(self.home(self.steward), OVERVIEW)

    def test_a_red_check_is_a_banner_on_the_overview(self):
        self.assertFalse(self.banner(self.boss))
        long_ago = fields.Datetime.subtract(fields.Datetime.now(), hours=1)
        self.env["integration.heartbeat"].sudo().search([]).last_beat = long_ago
        self.env.cr.execute("UPDATE ir_cron SET create_date = %s", (long_ago,))
        self.env.invalidate_all()
        with patch.dict(os.environ), patch.object(integration_setup_check, "_STARTED", long_ago):
            del os.environ["INTEGRATION_MASTER_KEY"]
            [banner] = self.banner(self.boss)
            self.assertTrue(self.banner(self.operator))
            self.assertFalse(self.banner(self.steward))
        self.assertEqual((banner["level"], banner["action"]["tag"]), ("danger", CHECK))
        self.assertIn("Master key", banner["text"])
        self.assertIn("Engine", banner["text"])

    def test_the_app_opens_with_it(self):
        root = self.env.ref("integration_core.menu_root")
        self.assertEqual(root.action, self.env.ref("integration_monitor.action_home"))
