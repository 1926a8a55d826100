from datetime import timedelta

from odoo import fields
from odoo.addons.integration_core.tests.common import IntegrationCase
from odoo.tests import tagged


@tagged("post_install", "-at_install")
class TestRefusalSummary(IntegrationCase):
    """The audit trail tells of refusals at the gate in summary, each once."""

    def setUp(self):
        super().setUp()
        self.refusals = self.env["integration.refusal"]
        self.env.cr.execute("UPDATE integration_refusal SET told = count")
        self.hour = fields.Datetime.now().replace(minute=0, second=0) - timedelta(hours=3)

    def refuse(self, claimed, cause, count, *, minutes=0, company=None):
        moment = self.hour + timedelta(minutes=minutes)
        self.env.cr.execute(
            """
            INSERT INTO integration_refusal AS r (minute, cause, claimed, company_id, address, count, first_at, last_at)
            VALUES (%s, %s, %s, %s, '10.0.0.1', %s, %s, %s)
            ON CONFLICT (minute, cause, claimed, address) DO UPDATE SET count = r.count + EXCLUDED.count
            """,
            (moment, cause, claimed, company and company.id, count, moment, moment),
        )

    def told(self):
        before = self.env["integration.audit"].search([])
        self.refusals._tell_hours()
        rows = self.env["integration.audit"].search([]) - before
        return sorted((row.company_id.id or 0, row.res_name, row.detail) for row in rows)

    def test_one_row_per_hour_system_and_cause(self):
        company = self.system.company_id
        self.refuse("ehr", "signature", 3, company=company)
        self.refuse("ehr", "signature", 4, minutes=5, company=company)
        self.refuse("ehr", "timestamp", 1, company=company)
        self.refuse("<script>", "unknown_system", 2)
        self.refuse("whatever", "unknown_system", 5, minutes=1)
        hour = f"{self.hour:%Y-%m-%d %H}:00 UTC"
        self.assertEqual(
            self.told(),
            [
                (0, "Systems that are not registered", f"{hour}, unknown_system: 7"),
                (company.id, "ehr", f"{hour}, signature: 7"),
                (company.id, "ehr", f"{hour}, timestamp: 1"),
            ],
        )
        self.assertEqual(self.told(), [], "each once")
        self.refuse("ehr", "signature", 2, company=company)
        self.assertEqual(self.told(), [(company.id, "ehr", f"{hour}, signature: 2")], "what was stored late")

    def test_an_hour_that_is_not_over_is_not_told(self):
        self.hour = fields.Datetime.now().replace(second=0)
        self.refuse("ehr", "signature", 3, company=self.system.company_id)
        self.assertEqual(self.told(), [])

    def test_the_engine_tells(self):
        self.refuse("ehr", "signature", 3, company=self.system.company_id)
        self.drain()
        row = self.env["integration.audit"].search([("action", "=", "gate.refusals")], limit=1)
        self.assertEqual((row.res_model, row.res_id), ("integration.system", self.system.id))
