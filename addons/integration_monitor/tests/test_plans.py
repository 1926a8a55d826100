"""Pages and reports beside a history: none of their statements reads a table that grows from end to end."""

from odoo import fields
from odoo.tests import new_test_user, tagged

from ..domain import month_end
from .common import PlanCase
from .test_health import HealthCase


@tagged("post_install", "-at_install")
class TestPlans(HealthCase, PlanCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = new_test_user(cls.env, "plans.boss", groups="integration_core.group_admin")
        cls.first = month_end.first_of(None, fields.Date.today())

    def setUp(self):
        super().setUp()
        at = f"{self.first}T09:30:00Z"
        self.event = self.finalize("E-1", self.line(1), self.line(2, service="NEW"), performed_at=at)
        self.purge(self.finalize("E-2", self.line(1), performed_at=at))
        self.tries(good=10, bad=1)
        self.make_history()
        self.env.flush_all()
        self.env.invalidate_all()

    def test_a_month(self):
        month = f"{self.first:%Y-%m}"
        with self.noting() as noted:
            self.assertTrue(self.env["integration.month.end"].with_user(self.reviewer).get_data(month)["received"])
            self.env["integration.month.end"].with_user(self.reviewer).action_export(month)
        self.check_plans({"month end": [one for one in noted if "integration_" in one]})

    def test_drafts_are_found_beside_what_was_posted(self):
        with self.noting() as noted:
            self.env["integration.overview"].with_user(self.boss)._pipeline({"finance": True})
        statements = [one for one in noted if "posted_at IS NULL" in one]
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        [(_what, _statement, plan)] = self._plans({"drafts": statements})
        self.assertIn("unposted_idx", plan)

    def test_the_money_that_waits(self):
        action = self.env["integration.overview"]._open_waiting()
        receipts = self.env[action["res_model"]].with_user(self.boss)
        with self.noting() as noted:
            receipts.search(action["domain"], limit=80).mapped("is_open")
            receipts.search_count(action["domain"])
        self.check_plans({"money that waits": [one for one in noted if "integration_" in one]})

    def test_a_trace(self):
        with self.noting() as noted:
            found = self.env["integration.trace"].with_user(self.boss).get_flow(f"integration.event-{self.event.id}")
        self.assertTrue(found["steps"])
        self.check_plans({"trace": [one for one in noted if "integration_" in one]})

    def test_health(self):
        computed = {name: str(field.compute) for name, field in self.system._fields.items()}
        names = [name for name, compute in computed.items() if "health" in compute]
        self.assertTrue(names)
        with self.noting() as noted:
            for record in (self.system, self.warehouse):
                record.with_user(self.boss).read(names)
        self.check_plans({"health": [one for one in noted if "integration_" in one]})
