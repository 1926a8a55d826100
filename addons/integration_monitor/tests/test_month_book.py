"""The workbook of a month: all figures, nothing of a patient, in the audit trail, and by mail to whom it concerns."""

import base64
import io
import os
from unittest.mock import patch

import openpyxl
from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import new_test_user, tagged

from .test_month_end import MonthCase


@tagged("post_install", "-at_install")
class TestMonthBook(MonthCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.viewer.email = "viewer@example.com"
        cls.cron = cls.env.ref("integration_monitor.cron_month")

    def downloaded(self, user=None):
        """Return the workbook as that user downloads it from the page."""
        self.env.flush_all()
        action = self.End.with_user(user or self.viewer).action_export(self.month)
        model, record_id = action["url"].split("/")[3:5]
        export = self.env[model].with_user(user or self.viewer).browse(int(record_id))
        self.assertIn(export.file_name, action["url"])
        return openpyxl.load_workbook(io.BytesIO(base64.b64decode(export.file)))

    def rows(self, book, page):
        return list(book[page].iter_rows(min_row=2, values_only=True))

    def texts(self, book):
        return {str(value) for page in book for row in page.iter_rows(values_only=True) for value in row}

    def test_every_figure_is_in_it(self):
        self.everywhere()
        self.signed_long_ago()
        self.served("E-8", self.line(1, price="60.00"), department="LAB")
        book, page = self.downloaded(), self.page()
        rows = self.rows(book, "Figures")
        total = page["received"]["units"]
        self.assertEqual(sum(row[2] for row in rows if row[0] == "Received"), total)
        self.assertEqual(sum(row[2] for row in rows if row[0] != "Received"), total)
        self.assertEqual(sum(row[3] for row in self.rows(book, "By cost center")), total)
        unbilled = page["unbilled"]["total"]["units"]
        self.assertEqual(sum(row[2] for row in self.rows(book, "Unbilled")), unbilled)
        self.assertEqual(sum(row[2] for row in self.rows(book, "Unbilled by age")), unbilled)
        self.assertEqual(sum(row[3] for row in self.rows(book, "Unbilled by center and age")), unbilled)
        self.assertIn(("LAB", 60.0), [(row[3], row[9]) for row in self.rows(book, "Late")])
        self.assertTrue(self.rows(book, "Changed since signed"))

    def test_nothing_of_a_patient_is_in_it(self):
        self.served("E-5", self.line(1, service="SECRET-SERVICE", display="A private matter"))
        self.sign("Mr Miller asked for it")
        texts = self.texts(self.downloaded())
        for private in ("MRN-E-5", "A private matter", "SECRET-SERVICE", "Mr Miller asked for it"):
            self.assertFalse([text for text in texts if private in text], private)

    def test_what_senders_choose_is_never_a_formula(self):
        self.served("E-5", self.line(1, service="NEW", cost_center="=1+1"))
        cells = [cell for row in self.downloaded()["By cost center"].iter_rows() for cell in row]
        self.assertEqual([cell.data_type for cell in cells if cell.value == "=1+1"], ["s"])

    def test_an_export_is_in_the_audit_trail(self):
        self.downloaded()
        [trail] = self.env["integration.audit"].search([("action", "=", "month.export")])
        self.assertEqual((trail.user_id, trail.company_id), (self.viewer.id, self.company))
        self.assertIn(f"month: {self.month}, page", trail.detail)

    def test_it_is_for_finance_and_for_whoever_asked(self):
        operator = new_test_user(self.env, "book.operator", groups="integration_core.group_operator")
        with self.assertRaises(AccessError):
            self.downloaded(operator)
        self.downloaded()
        others = self.env["integration.month.export"].with_user(self.reviewer).search([])
        self.assertFalse(others)

    # -- by mail ------------------------------------------------------------------------------------------------------

    def mails(self):
        """Let the week be over; return what was mailed."""
        before = self.env["mail.mail"].search([])
        self.env["integration.month.book"].with_user(self.cron.user_id)._cron_send()
        return self.env["mail.mail"].search([]) - before

    def chosen(self, *users):
        self.company.write(
            {"integration_month_mail": True, "integration_month_user_ids": [Command.set([one.id for one in users])]}
        )

    def test_nobody_is_mailed_before_an_administrator_wants_it(self):
        self.company.integration_month_user_ids = self.viewer
        self.assertFalse(self.mails())

    def test_those_who_are_chosen_get_the_workbook(self):
        self.served("E-5", self.line(1, service="NEW", price="80.00"))
        self.chosen(self.viewer)
        mail = self.mails()
        self.assertEqual(mail.recipient_ids, self.viewer.partner_id)
        self.assertIn(self.company.name, mail.subject)
        [attached] = mail.attachment_ids
        book = openpyxl.load_workbook(io.BytesIO(attached.raw))
        self.assertIn(("Waiting for a mapping", "USD", 1, 80.0, 0), self.rows(book, "Figures"))
        [trail] = self.env["integration.audit"].search([("action", "=", "month.export")])
        self.assertEqual((trail.user_id, "mail" in trail.detail), (self.viewer.id, True))

    def test_what_waits_to_be_mailed_is_read_by_nobody_else(self):
        """Whoever reads a document reads its mails, and everybody reads companies."""
        self.chosen(self.viewer)
        mail = self.mails()
        employee = new_test_user(self.env, "book.employee", groups="base.group_user")
        seen = mail.attachment_ids.with_user(employee)
        self.assertFalse(seen.has_access("read"))
        self.assertFalse(seen.search([("id", "in", seen.ids)]))
        self.assertFalse(mail.mail_message_id.with_user(employee).has_access("read"))

    def test_a_copy_of_the_database_mails_nothing(self):
        self.chosen(self.viewer)
        with patch.dict(os.environ):
            del os.environ["INTEGRATION_MASTER_KEY"]
            self.assertFalse(self.mails())
        self.assertTrue(self.mails())

    def test_who_lost_the_role_or_the_company_gets_nothing(self):
        finance = "integration_core.group_finance_viewer"
        gone = new_test_user(self.env, "book.gone", groups=finance, email="g@example.com")
        self.chosen(self.viewer, gone)
        gone.group_ids = [Command.unlink(self.env.ref(finance).id)]
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.viewer.write({"company_ids": [Command.set(other.ids)], "company_id": other.id})
        self.assertFalse(self.mails())

    def test_only_people_of_finance_can_be_chosen(self):
        operator = new_test_user(self.env, "book.operator", groups="integration_core.group_operator")
        with self.assertRaisesRegex(ValidationError, "no finance role"):
            self.chosen(operator)
        self.assertTrue(self.cron.active)

    def test_each_company_mails_its_own_figures(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.served("E-1", self.line(1, price="99.00"), system=self._make_system("other", company=other))
        self.viewer.company_ids = [Command.link(other.id)]
        self.chosen(self.viewer)
        other.write({"integration_month_mail": True, "integration_month_user_ids": [Command.set(self.viewer.ids)]})
        mails = self.mails().sorted(lambda mail: mail.subject.startswith("Other"))
        self.assertEqual(len(mails), 2)
        counts = [
            sum(row[2] for row in self.rows(openpyxl.load_workbook(io.BytesIO(mail.attachment_ids.raw)), "Figures"))
            for mail in mails
        ]
        self.assertEqual(counts, [0, 2], "one line where it stands, and in the total, of the other one alone")
