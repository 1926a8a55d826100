from odoo.tests import tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestRetention(BillingCase):
    """A message stays as long as a charge of it is not invoiced or ended."""

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
