from odoo.tests import tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestAudit(BillingCase):
    """The audit trail tells of a company's settings and of rules of billing."""

    def newest(self, action):
        return self.env["integration.audit"].search([("action", "=", action)], limit=1)

    def test_a_companys_settings_are_told(self):
        partner = self.env["res.partner"].create({"name": "Cash desk"})
        self.env.company.integration_self_pay_partner_id = partner
        row = self.newest("settings.change")
        self.assertEqual((row.res_model, row.res_id), ("res.company", self.env.company.id))
        self.assertEqual(row.company_id, self.env.company)
        self.assertIn(f"→ Cash desk ({partner.id})", row.detail)
        self.env.company.name = "Renamed"
        self.assertEqual(self.newest("settings.change"), row, "Odoo's own settings are not the suite's")

    def test_rules_of_billing_are_told(self):
        rule = self.env["integration.billing.rule"].create({"encounter_class": "daycase", "days": 3})
        self.assertIn("days: 3", self.newest("billing_rule.create").detail)
        rule.days = 4
        self.assertEqual(self.newest("billing_rule.change").detail, "days: 3 → 4")
