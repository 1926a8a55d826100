"""Control totals out of a file: a dry run that stores nothing, rows refused with their reason, a real ledger."""

import base64
import logging
from pathlib import Path

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import FINALIZED
from .test_reconciled_periods import DAY, ReconciliationCase

_logger = logging.getLogger(__name__)
LEDGER = Path(__file__).parents[4] / "shared/data/clinical/synthea-csv/claims_transactions.csv"
GOOD = f"{DAY},ED,{FINALIZED},1,120.00\n"


@tagged("post_install", "-at_install")
class TestControlTotals(ReconciliationCase):
    def wizard(self, content, user=None, **more):
        """Return the dialog of an operator who has chosen a file."""
        values = {
            "company_id": self.company.id,
            "system_id": self.system.id,
            "date_from": DAY,
            "date_to": DAY,
            "currency": "USD",
            "file": base64.b64encode(content if isinstance(content, bytes) else content.encode()),
            **more,
        }
        return self.env["integration.control.total.import"].with_user(user or self.operator).create(values)

    def keys(self, *rows):
        return "service_date,department,event_type,count,amount\n" + "".join(rows)

    def test_a_dry_run_says_what_is_in_it_and_stores_nothing(self):
        wizard = self.wizard(self.keys(GOOD, "2026-12-01,ED,x,1,1\n"))
        wizard.action_check()
        self.assertEqual((wizard.good_count, wizard.refused_count), (1, 1))
        self.assertIn("3: its day is outside the period", wizard.refused_text)
        self.assertIn("USD 120.00", wizard.told_text)
        self.assertIn("first statement", wizard.known_text)
        self.assertFalse(self.Total.search([("system_id", "=", self.system.id)]))

    def test_the_rows_that_can_be_used_are_imported_and_the_others_counted(self):
        self.finalize("E-1", self.line(1))
        action = self.wizard(self.keys(GOOD, "2026-12-01,ED,x,1,1\n")).action_import()
        total = self.Total.browse(action["res_id"])
        self.assertEqual((total.source, total.line_count, total.refused_count), ("imported", 1, 1))
        self.assertIn("outside the period", total.refused_text)
        self.drain()
        self.assertEqual(self.period().state, "agrees")
        trail = self.env["integration.audit"].search([("action", "=", "control_total.import")])
        self.assertEqual(trail.user_name, self.operator.name)

    def test_the_same_file_twice_is_stored_once(self):
        self.wizard(self.keys(GOOD)).action_import()
        wizard = self.wizard(self.keys(GOOD))
        wizard.action_check()
        self.assertIn("nothing would be stored", wizard.known_text)
        with self.assertRaisesRegex(UserError, "says the same already"):
            wizard.action_import()

    def test_another_file_takes_the_place(self):
        self.wizard(self.keys(GOOD)).action_import()
        wizard = self.wizard(self.keys(GOOD.replace("120", "130")))
        wizard.action_check()
        self.assertIn("place of version 1", wizard.known_text)
        wizard.action_import()
        totals = self.Total.search([("system_id", "=", self.system.id)]).sorted("version")
        self.assertEqual(totals.mapped("state"), ["superseded", "current"])

    def test_a_clock_that_is_ahead_rules_no_future(self):
        event = self.report(self.total(1, "120.00"), taken_at="2099-01-01T00:00:00Z")
        posted = self.period().total_id
        self.assertEqual(posted.taken_at, event.received_at)
        wizard = self.wizard(self.keys(GOOD.replace("120", "130")))
        wizard.action_check()
        self.assertIn("place of version 1", wizard.known_text)
        imported = self.Total.browse(wizard.action_import()["res_id"])
        self.assertEqual((imported.state, posted.state), ("current", "superseded"))

    def test_what_would_change_nothing_is_not_stored(self):
        self.wizard(self.keys(GOOD)).action_import()
        standing = self.Total.search([("system_id", "=", self.system.id)])
        standing.taken_at = fields.Datetime.add(fields.Datetime.now(), days=1)
        wizard = self.wizard(self.keys(GOOD.replace("120", "130")))
        wizard.action_check()
        self.assertIn("nothing would be stored", wizard.known_text)
        with self.assertRaisesRegex(UserError, "taken later than now"):
            wizard.action_import()

    def test_times_and_signs_are_those_of_the_system_and_of_the_row(self):
        self.system.timezone = "America/New_York"
        rows = ("2026-11-21T02:00:00Z,ED,{},1,$120.00\n", f"{DAY},ED,{{}},1,€ 5.00\n", f"{DAY}T02:00:00Z,ED,{{}},1,1\n")
        wizard = self.wizard(self.keys(*[row.format(FINALIZED) for row in rows]))
        wizard.action_check()
        self.assertEqual((wizard.good_count, wizard.refused_count), (1, 2))
        self.assertIn("or its amount names another one\n4: its day is outside the period", wizard.refused_text)

    def test_a_row_of_another_width_is_refused(self):
        wizard = self.wizard(self.keys(GOOD, f"{DAY},ED,{FINALIZED},1,1,234.00\n"))
        wizard.action_check()
        self.assertEqual((wizard.good_count, wizard.refused_count), (1, 1))
        self.assertIn("3: it has other fields than the header", wizard.refused_text)

    def test_a_file_that_is_none_is_told(self):
        for content, words in [
            (b"", "Choose a file"),
            (b"\n", "cannot be read"),
            (b"PK\x03\x04rubbish", "cannot be read"),
            (b"a;b\n1;2\n", "No column says the day"),
            (self.keys(), "no row"),
        ]:
            with self.assertRaisesRegex(UserError, words):
                self.wizard(content).action_import()
        with self.assertRaisesRegex(UserError, "more than 2,147,483,647 pieces"):
            self.wizard(self.keys(*[GOOD.replace(",1,", ",999999999,")] * 3)).action_import()
        with self.assertRaisesRegex(UserError, "before it begins"):
            self.wizard(self.keys(GOOD), date_from="2026-11-21").action_check()
        with self.assertRaisesRegex(UserError, "more than 366 days"):
            self.wizard(self.keys(GOOD), date_from="2025-11-19").action_check()

    def test_only_operators_import_and_only_for_their_companies(self):
        for user in (self.viewer, self.auditor, self.reviewer):
            with self.assertRaises(AccessError):
                self.wizard(self.keys(GOOD), user=user)
        other = self.env["res.company"].create({"name": "Other hospital"})
        system = self._make_system("other", company=other)
        with self.assertRaises(UserError):
            self.wizard(self.keys(GOOD), system_id=system.id).action_import()

    def test_the_ledger_of_a_population_names_exactly_the_claims_that_do_not_balance(self):
        if not LEDGER.is_file():
            _logger.info("the ledger of a population: not run: data absent")
            return
        content = LEDGER.read_bytes()
        wizard = self.wizard(content, measure="ledger", date_from="1900-01-01", date_to="2030-12-31")
        wizard.action_import()
        self.drain()
        period = self.period()
        self.assertEqual((period.break_count, period.matched_count), (190, 1077))
        self.assertEqual(period.net_text, "USD 11,101.22")
        self.assertEqual(set(period.line_ids.filtered("is_break").mapped("claim")), self.unbalanced(content))
        self.assertEqual((period.total_id.refused_count, period.total_id.left_out_count), (0, 1840))
        self.assertFalse(period.next_at, "both sides lie in one file")
        self.env["integration.reconciliation.tolerance"].create({"company_id": self.company.id, "count": 1})
        self.assertTrue(period.next_at, "another tolerance is another comparison")

    def unbalanced(self, content):
        """Return the claims whose charges and payments differ, added up in another way than the tool does: in cents."""
        balance = {}
        header, *rows = [row.split(",") for row in content.decode().splitlines()]
        claim, kind, amount, paid = (header.index(name) for name in ("CLAIMID", "TYPE", "AMOUNT", "PAYMENTS"))
        for row in rows:
            if row[kind] in ("CHARGE", "PAYMENT"):
                text = row[amount] if row[kind] == "CHARGE" else "-" + row[paid]
                balance[row[claim]] = balance.get(row[claim], 0) + round(float(text) * 100)
        return {name for name, cents in balance.items() if cents}
