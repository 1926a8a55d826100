from odoo.addons.integration_core.tests.test_setup_check import AMBER, GREEN, RED, SetupCase
from odoo.tests import tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestSetupCheck(SetupCase, BillingCase):
    """What a company needs before a charge can become an invoice; late work shows in the engine's check."""

    def step(self, key="invoice", user=None):
        model = self.env["integration.setup.guide"].with_user(user or self.admin)
        return next(step for step in model.get_data(self.system.id)["steps"] if step["key"] == key)

    def test_chart_of_accounts(self):
        self.assert_level("chart_of_accounts", GREEN)
        company = self.env["res.company"].create({"name": "New hospital"})
        self._make_system("new", company=company)
        self.admin.company_ids |= company
        self.assert_level("chart_of_accounts", RED, "Fiscal Localization", company=company)
        self.assert_level("sales_journal", RED, "no sales journal", company=company)
        self.env["account.chart.template"].try_loading("generic_coa", company)
        self.assert_level("chart_of_accounts", GREEN, company=company)
        self.assert_level("sales_journal", GREEN, company=company)

    def test_sales_journal(self):
        journal = self.env["account.journal"].search(
            [("type", "=", "sale"), ("company_id", "=", self.company.id)], limit=1
        )
        self.company.integration_sale_journal_id = journal
        self.assert_level("sales_journal", GREEN)
        journal.default_account_id = False
        self.assert_level("sales_journal", AMBER, "income account")
        self.env.cr.execute("UPDATE account_journal SET active = false WHERE id = %s", (journal.id,))
        self.env.invalidate_all()
        self.assert_level("sales_journal", RED, "archived")

    def test_self_pay_customer(self):
        self.assert_level("self_pay_customer", GREEN)
        self.company.integration_self_pay_partner_id = False
        missing = self.assert_level("self_pay_customer", AMBER)
        self.assertEqual(missing["fix"]["action"]["res_model"], "res.config.settings")
        self.finalize("E-1", self.line(1))
        waiting = self.assert_level("self_pay_customer", RED, "parked")
        self.assertTrue(waiting["since"])
        self.company.integration_self_pay_partner_id = self.patients
        self.drain()
        self.assert_level("self_pay_customer", GREEN)
        self.patients.active = False
        self.assert_level("self_pay_customer", AMBER, "archived")

    def test_currencies(self):
        self.assert_level("currencies", GREEN)
        self.env["res.currency"].with_context(active_test=False).search([("name", "=", "EUR")]).active = False
        self.finalize("E-1", self.line(1, currency="EUR"))
        unknown = self.assert_level("currencies", RED, "EUR")
        self.assertTrue(unknown["since"])

    def test_late_work_shows(self):
        self.env["integration.heartbeat"]._beat("cron:1", "asleep", kind="cron", lanes=(0, 1, 2))
        self.assert_level("engine", GREEN)
        self.finalize("E-1", self.line(1), drain=False)
        self.env.cr.execute("UPDATE integration_due SET due_at = now() AT TIME ZONE 'UTC' - interval '1 hour'")
        late = self.assert_level("engine", AMBER, "behind")
        self.assertEqual(late["since"], "60 min" if late["since"].endswith("min") else "1 h")

    def test_the_guide_follows_a_charge_to_its_draft(self):
        self.assertIn("Waiting for the first charge", self.step()["text"])
        self.finalize("E-1", self.line(1, service="NEW"))
        self.assertIn("Parked: 1", self.step()["text"])
        self.finalize("E-2", self.line(1))
        self.assertIn("On hold: 1", self.step()["text"])
        charges = self.ready("E-3")
        step = self.step()
        self.assertIn("Ready for review: 1", step["text"])
        self.assertEqual(step["turn"], "Finance reviewer")
        self.assertEqual(self.step(user=self._watching_reviewer()).get("turn"), "")
        self.approve(charges)
        self.assertTrue(charges.invoice_id)
        self.assertTrue(self.step()["done"])

    def _watching_reviewer(self):
        return self._user("watcher", "integration_core.group_finance_reviewer,integration_core.group_operator")

    def test_test_charges_are_no_first_invoice(self):
        self.system._approving().write({"mode": "test"})
        self.finalize("E-1", self.line(1))
        self.assertIn("while the system is live", self.step()["text"])
        self.assertFalse(self.step("live")["done"])
