from odoo.tests import tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestRetention(BillingCase):
    """A message stays as long as a charge of it is not invoiced or ended."""

    def purge(self, event):
        self.env.cr.execute(
            "UPDATE integration_event SET received_at = received_at - interval '1000 days' WHERE id = %s", (event.id,)
        )
        rules = self.env["integration.retention"].search([("what", "in", ("payload", "event"))])
        rules.sudo().write({"rest_until": False, "last_id": 0, "round_began_at": False})
        self.env.flush_all()
        for _turn in range(5):
            self.env["integration.retention"]._purge()
        self.env.invalidate_all()

    def test_a_charge_that_is_not_ended_keeps_its_message(self):
        event = self.finalize("E-1", self.line(1))
        [charge] = self.charges("E-1")
        self.assertEqual(event.effect_ids.status, "applied")
        for state in ("held", "ready", "approved"):
            charge.sudo().state = state
            self.purge(event)
            self.assertTrue(event.exists() and event._read_payload(), state)
        charge.sudo().state = "billed"
        self.purge(event)
        self.assertFalse(event.exists())
        self.assertTrue(charge.exists())
