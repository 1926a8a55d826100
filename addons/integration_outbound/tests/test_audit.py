from odoo.tests import tagged

from .common import OutboundCase


@tagged("post_install", "-at_install")
class TestAudit(OutboundCase):
    """The audit trail tells of endpoints, without what is secret in their addresses."""

    def trail(self, action, record):
        return self.env["integration.audit"].search([("action", "=", action), ("res_id", "=", record.id)])

    def test_an_endpoints_changes_are_told(self):
        endpoint = self._make_endpoint("told", "https://told.example/in?token=s3cret", key=False)
        row = self.trail("endpoint.create", endpoint)
        self.assertIn("url: https://told.example/in;", f"{row.detail};")
        endpoint.write({"url": "https://other.example/in?token=n3w", "timeout": 20})
        row |= self.trail("endpoint.change", endpoint)
        detail = row[:1].detail + row[1:].detail
        self.assertIn("timeout: 15 → 20", detail)
        self.assertIn("url: https://told.example/in → https://other.example/in", detail)
        for secret in ("s3cret", "n3w"):
            self.assertNotIn(secret, str(row.read()))

    def test_what_the_suite_notes_itself_is_not_told(self):
        endpoint = self._make_endpoint("noted", "https://noted.example/", key=False)
        endpoint._approving().write({"configuration_streak": 2})
        self.assertFalse(self.trail("endpoint.change", endpoint))
        subscription = self.env["integration.subscription"].search([("endpoint_id", "=", endpoint.id)])
        self.assertTrue(self.trail("subscription.create", subscription))
