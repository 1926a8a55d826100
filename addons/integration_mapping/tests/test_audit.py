from odoo.tests import tagged

from .common import CODES, MappingCase


@tagged("post_install", "-at_install")
class TestAudit(MappingCase):
    """The audit trail tells who mapped what to what."""

    def trail(self, action, record):
        return self.env["integration.audit"].search([("action", "=", action), ("res_id", "=", record.id)])

    def test_mappings_are_told(self):
        self.assertIn("kind: service", self.trail("entity.create", self.blood).detail)
        self.blood.name = "Full blood count"
        self.assertEqual(self.trail("entity.change", self.blood).detail, "name: Blood count → Full blood count")
        code = self.Identifier.with_user(self.author).create(
            {
                "entity_id": self.blood.id,
                "system_id": self.trial.id,
                "code_system": CODES,
                "code": "85025",
                "display": "Blood count of Jane Doe",
            }
        )
        row = self.trail("identifier.create", code)
        self.assertEqual(row.user_id, self.author.id)
        self.assertIn("code: 85025", row.detail)
        self.assertIn("display: changed", row.detail)
        self.assertNotIn("Jane", row.detail)
        code.unlink()
        self.assertTrue(self.trail("identifier.delete", code))
