"""What is turned away at the door is counted, in a bounded number of rows, and nothing of it is kept."""

from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.tests import tagged

from ..domain import refusals
from ..models import integration_refusal
from .common import PartnerCase


@tagged("post_install", "-at_install")
class TestRefusal(PartnerCase):
    def setUp(self):
        super().setUp()
        integration_refusal._ledgers.clear()
        # One minute for all: the count of a burst does not depend on the moment the test runs at.
        moment = datetime(2026, 11, 20, 10, 30, 15)
        self.startPatcher(patch.object(integration_refusal.fields.Datetime, "now", lambda: moment))

    def test_a_burst_is_one_row(self):
        ids = [self.deliver(b"{}", url=self._url("nobody")).headers["x-request-id"] for _time in range(5)]
        row = self.env["integration.refusal"].search([("claimed", "=", "nobody")])
        self.assertEqual((row.count, row.cause, row.minute), (5, "unknown_system", datetime(2026, 11, 20, 10, 30)))
        self.assertEqual(row.address, "127.0.0.1")
        self.assertEqual(set(row.request_ids.split()), set(ids))

    def test_what_was_claimed_is_cleaned_and_cut(self):
        self.deliver(b"{}", url=self._url("%3Cscript%3E%00" + "x" * 500))
        row = self.env["integration.refusal"].search([])
        self.assertEqual(row.claimed, ("?script??" + "x" * 500)[:64])

    def test_rows_are_bounded_however_many_names_are_claimed(self):
        self.startPatcher(patch.object(refusals, "MAX_NEW_PER_MINUTE", 3))
        for number in range(8):
            self.deliver(b"{}", url=self._url(f"name{number}"))
        rows = self.env["integration.refusal"].search([])
        self.assertEqual(len(rows), 4)
        self.assertEqual(sum(rows.mapped("count")), 8)
        self.assertEqual(rows.filtered(lambda row: row.claimed == refusals.OTHERS).count, 5)

    def test_a_known_system_gives_its_company(self):
        self.deliver(b"{}", webhook_signature="v1,AAAA")
        self.assertEqual(self.env["integration.refusal"].search([]).company_id, self.system.company_id)

    def test_while_another_transaction_stores_nobody_waits_and_nothing_is_lost(self):
        with patch.object(type(self.env["integration.refusal"]), "_lock_counts", lambda self: False):
            self.deliver(b"{}", url=self._url("nobody"))
        self.assertFalse(self.env["integration.refusal"].search([]))
        self.deliver(b"{}", url=self._url("nobody"))
        self.assertEqual(self.env["integration.refusal"].search([]).count, 2)

    def test_old_rows_are_forgotten(self):
        refusal = self.env["integration.refusal"]
        refusal._note("no_match", claimed="ehr", address="::1", request_id="a" * 32)
        row = refusal.search([])
        self.assertEqual(refusal._gc_refusals()[0], 0)
        self.env.cr.execute(
            "UPDATE integration_refusal SET minute = %s",
            (row.minute - timedelta(days=integration_refusal.KEEP_DAYS + 1),),
        )
        self.env.invalidate_all()
        self.assertEqual(refusal._gc_refusals()[0], 1)
        self.assertFalse(refusal.search([]))
