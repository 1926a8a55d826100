from odoo.addons.integration_core.tests.test_setup_check import AMBER, GREEN, SetupCase
from odoo.tests import tagged


@tagged("post_install", "-at_install")
class TestSetupCheck(SetupCase):
    """Cost centers to map departments to, and the guide's step about codes."""

    def test_cost_centers(self):
        company = self.env["res.company"].create({"name": "New hospital"})
        self.env["account.analytic.account"].search([("company_id", "=", False)]).active = False
        self._make_system("new", company=company)
        self.admin.company_ids |= company
        self.assert_level("analytic_plan", AMBER, "cost center", company=company)
        plan = self.env["account.analytic.plan"].create({"name": "Cost centers"})
        self.env["account.analytic.account"].create({"name": "ER", "plan_id": plan.id, "company_id": company.id})
        self.assert_level("analytic_plan", GREEN, company=company)

    def test_codes_wait_in_the_guide(self):
        def step(user=self.admin):
            steps = self.env["integration.setup.guide"].with_user(user).get_data(self.system.id)["steps"]
            return next(step for step in steps if step["key"] == "codes")

        self.assertFalse(step()["done"])
        task = self.env["integration.mapping.task"]._request(
            self.system, "service", {("local", "ECHO"): None}, self.company
        )
        self.assertIn("1", step()["text"])
        self.assertEqual(self.env["integration.mapping.task"].search(step()["button"]["action"]["domain"]), task)
        self.assertEqual(step(self.operator)["turn"], "Mapping steward")
        self.assertFalse(step(self.operator)["button"])
