"""What is turned away at the door is counted, in a bounded number of rows, and nothing of it is kept."""

import re
from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.addons.integration_core import later
from odoo.tests import tagged

from ..domain import refusals
from ..models import integration_refusal
from .common import PartnerCase


@tagged("post_install", "-at_install")
class TestRefusal(PartnerCase):
    def setUp(self):
        super().setUp()
        later.writer._notes.clear()
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
        self.startPatcher(patch.object(refusals, "ROWS_PER_MINUTE", 3))
        for number in range(8):
            self.deliver(b"{}", url=self._url(f"name{number}"))
        self.deliver(b"{}", webhook_signature="v1,AAAA")
        rows = self.env["integration.refusal"].search([])
        self.assertEqual(len(rows), 5)
        self.assertEqual(sum(rows.mapped("count")), 9)
        others = rows.filtered(lambda row: row.claimed == refusals.OTHERS)
        self.assertEqual((others.count, others.address), (5, refusals.OTHERS))
        self.assertEqual(rows.filtered(lambda row: row.claimed == "ehr").count, 1)

    def test_a_known_system_gives_its_company(self):
        self.deliver(b"{}", webhook_signature="v1,AAAA")
        self.assertEqual(self.env["integration.refusal"].search([]).company_id, self.system.company_id)

    def test_a_refused_request_writes_nothing_itself(self):
        with self.assertLogs("odoo.sql_db", "DEBUG") as logs, patch.object(later.Writer, "store") as stored:
            self.deliver(b"{}", webhook_signature="v1,AAAA")
        stored.assert_called_once()
        written = [line for line in logs.output if "INSERT" in line or "UPDATE" in line or "pg_advisory" in line]
        # What the test itself told on the bus before is stored by whoever commits next.
        self.assertEqual([line for line in written if "bus_bus" not in line], [])

    def test_every_cause_costs_the_same_statements(self):
        self.system.copy({"code": "draft", "name": "Draft"})

        noted = later.writer.notes(self.env.cr.dbname, integration_refusal._Ledger)

        def statements(cause, **how):
            with self.assertLogs("odoo.sql_db", "DEBUG") as logs, patch.object(later.Writer, "store"):
                self.assertEqual(self.deliver(b"{}", **how).status_code, 401)
            self.assertEqual([row.cause for row in noted.take()], [cause])
            return [re.sub(r"\[.*?\]", "", line) for line in logs.output]

        self.deliver(b"{}", url=self._url("nobody"))
        badly = statements("no_match", webhook_signature="v1,AAAA")
        self.assertTrue(badly)
        self.assertEqual(statements("unknown_system", url=self._url("nobody")), badly)
        self.assertEqual(statements("suspended_system", url=self._url("draft")), badly)
        self.assertEqual(statements("too_old", timestamp=1), badly)
        self.assertEqual(statements("missing_header", webhook_id=None), badly)

    def test_it_is_found_by_the_request_id_of_the_answer(self):
        for _time in range(3):
            wanted = self.deliver(b"{}", url=self._url("nobody")).headers["x-request-id"]
            self.deliver(b"{}", webhook_signature="v1,AAAA")
        search = self.env.ref("integration_inbound.view_refusal_search").arch
        self.assertIn('name="request_ids"', search)
        row = self.env["integration.refusal"].search([("request_ids", "ilike", wanted)])
        self.assertEqual((row.claimed, row.count), ("nobody", 3))

    def test_it_says_what_it_means_and_how_to_mend_it(self):
        self.deliver(b"{}", timestamp=1)
        row = self.env["integration.refusal"].search([])
        self.assertEqual(row.cause, "too_old")
        self.assertIn("is right", row.meaning)
        self.assertIn("sign each try anew", row.remedy)

    def test_first_and_last_are_of_the_requests(self):
        refusal = self.env["integration.refusal"]
        moments = [datetime(2026, 11, 20, 10, 30, second) for second in (20, 10, 40)]
        for moment in moments:
            with patch.object(integration_refusal.fields.Datetime, "now", lambda moment=moment: moment):
                refusal._note("no_match", claimed="ehr", address="::1", request_id="a" * 32)
        refusal.invalidate_model()
        row = refusal.search([])
        self.assertEqual((row.first_at, row.last_at), (moments[1], moments[2]))

    def test_old_rows_are_forgotten(self):
        refusal = self.env["integration.refusal"]
        refusal._note("no_match", claimed="ehr", address="::1", request_id="a" * 32)
        refusal.invalidate_model()
        row = refusal.search([])
        self.assertEqual(refusal._gc_refusals()[0], 0)
        self.env.cr.execute(
            "UPDATE integration_refusal SET minute = %s",
            (row.minute - timedelta(days=integration_refusal.KEEP_DAYS + 1),),
        )
        self.env.invalidate_all()
        self.assertEqual(refusal._gc_refusals()[0], 1)
        self.assertFalse(refusal.search([]))
