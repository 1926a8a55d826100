"""What senders are told while more work waits than may wait, and when that is over."""

from unittest.mock import patch

from odoo.tests import tagged

from ..models import integration_gate
from .common import PartnerCase


@tagged("post_install", "-at_install")
class TestBackPressure(PartnerCase):
    def setUp(self):
        super().setUp()
        self.first = self.event()
        self.assertEqual(self.deliver(self.first, message_id="first").status_code, 202)
        self.allow(self.waiting)
        self.look_again()

    @property
    def waiting(self):
        self.env.cr.execute("SELECT count(*) FROM integration_due")
        return self.env.cr.fetchone()[0]

    def allow(self, deliveries):
        self.env["ir.config_parameter"].set_param("integration_inbound.backlog_limit", str(deliveries))

    def look_again(self):
        """As after the seconds for which a process believes its last count."""
        integration_gate._backlogs.clear()

    def refuse(self, event=None, **how):
        before = (self.waiting, len(self.events()), len(self.receipts()))
        response = self.deliver(event or self.event(), **how)
        self.assert_problem(response, 503, "not-ready")
        self.assertEqual(response.headers["Retry-After"], "30")
        self.assertIn("RateLimit", response.headers)
        self.assertEqual((self.waiting, len(self.events()), len(self.receipts())), before)
        self.assertFalse(self.refused())

    def test_at_the_limit_nothing_more_is_taken(self):
        self.assertGreater(self.waiting, 0)
        self.refuse()
        row = self.env["integration.refusal"].search([("cause", "=", "backlog")])
        self.assertEqual((row.claimed, row.count), ("ehr", 1))

    def test_below_the_limit_all_of_a_message_is_taken(self):
        self.allow(self.waiting + 1)
        self.assertEqual(self.deliver(self.event()).status_code, 202)
        self.look_again()
        self.refuse()

    def test_the_same_message_is_taken_when_there_is_room_again(self):
        event = self.event()
        self.refuse(event, message_id="second")
        self.env.cr.execute("DELETE FROM integration_due WHERE id = (SELECT min(id) FROM integration_due)")
        self.refuse(event, message_id="second")  # the last count still holds
        self.look_again()
        self.assertEqual(self.deliver(event, message_id="second").status_code, 202)

    def test_a_count_is_believed_for_some_seconds(self):
        self.refuse()
        self.allow(1_000_000)
        moment = integration_gate.time.monotonic()
        with patch.object(integration_gate.time, "monotonic", lambda: moment + integration_gate.BACKLOG_SECONDS - 1):
            self.refuse()
        with patch.object(integration_gate.time, "monotonic", lambda: moment + integration_gate.BACKLOG_SECONDS + 1):
            self.assertEqual(self.deliver(self.event()).status_code, 202)

    def test_what_is_here_already_and_what_is_wrong_is_told_as_ever(self):
        again = self.deliver(self.first, message_id="first")
        self.assertEqual((again.status_code, again.json()["status"]), (200, "duplicate"))
        self.assert_problem(self.deliver(self.event(), message_id="first"), 409, "id-conflict")
        self.assert_problem(self.deliver(b"{"), 400, "malformed-body")
        self.assert_problem(self.deliver(self.event(), timestamp=1), 401, "signature-rejected")

    def test_without_a_limit_that_is_a_number_the_default_holds(self):
        self.env["ir.config_parameter"].set_param("integration_inbound.backlog_limit", "many")
        self.assertEqual(self.deliver(self.event()).status_code, 202)
