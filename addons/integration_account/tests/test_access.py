"""Who may see and do what, and a finance user's way from message to invoice."""

import json

from odoo import http
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestAccess(BillingCase):
    def test_a_viewer_sees_charges_and_invoices_and_changes_nothing(self):
        viewer = self._user("viewer", "integration_core.group_finance_viewer")
        charge, invoice = self.bill("X-1")
        self.assertEqual(charge.with_user(viewer).amount, 120.0)
        self.assertEqual(invoice.with_user(viewer).amount_untaxed, 120.0)
        self.assertEqual(invoice.with_user(viewer).action_integration_charges()["domain"], [("id", "in", charge.ids)])
        for record in (charge, charge.encounter_id, charge.group_id, charge.group_id.run_id):
            with self.assertRaises(AccessError):
                record.with_user(viewer).write({"write_date": False})
            with self.assertRaises(AccessError):
                record.with_user(viewer).unlink()

    def test_an_operator_sees_no_money(self):
        operator = self._user("operator", "integration_core.group_operator")
        charge = self.ready("X-2")
        with self.assertRaises(AccessError):
            charge.with_user(operator).read(["amount"])

    def test_nobody_sees_another_company(self):
        other = self.env["res.company"].create({"name": "Second house"})
        outsider = self._user("outsider", "integration_core.group_finance_reviewer")
        charge, _invoice = self.bill("X-3")
        outsider.write({"company_id": other.id, "company_ids": [Command.set(other.ids)]})
        for record in (charge, charge.encounter_id, charge.group_id, charge.group_id.run_id):
            self.assertFalse(record.with_user(outsider).search([("id", "=", record.id)]))
        with self.assertRaises(AccessError):
            charge.with_user(outsider).action_approve()

    def test_an_accountant_without_the_app_works_undisturbed(self):
        accountant = self._user("accountant", "account.group_account_manager")
        charge, invoice = self.bill("X-4")
        invoice.with_user(accountant).action_post()
        self.commit()
        self.assertTrue(self.events("finance.invoice.posted.v1", invoice))
        self.assertEqual(invoice.with_user(accountant).integration_charge_count, 1)
        invoice.with_user(accountant).button_draft()
        invoice.with_user(accountant).unlink()
        self.assertEqual(charge.state, "ready")

    def test_a_charge_leads_to_what_followed(self):
        charge, invoice = self.bill("X-5")
        self.post_invoice(invoice)
        viewer = self._user("viewer", "integration_core.group_finance_viewer")
        self.env.invalidate_all()
        seen = charge.with_user(viewer).followup_event_ids
        self.assertIn("finance.invoice.posted.v1", seen.mapped("type_name"))
        self.assertTrue(all(seen.mapped("delivery_state")))


@tagged("post_install", "-at_install")
class TestTour(BillingCase, HttpCase):
    def test_from_message_to_invoice(self):
        """A finance user reviews a charge, approves it, and finds the invoice and its message."""
        self.reviewer.write({"password": "reviewer-of-charges"})
        self.ready("TOUR-1", self.line(1, price="321.00"))
        self.start_tour("/odoo/integration-charges-review", "integration_account_review", login="reviewer")
        self.drain()
        self.assertEqual(self.charges("TOUR-1").state, "billed")
        self.start_tour("/odoo/integration-charges", "integration_account_follow", login="reviewer")


@tagged("post_install", "-at_install")
class TestPivotDownload(BillingCase, HttpCase):
    def download(self, model, cookies=None):
        """Download a pivot as the web client does; return the rows of the trail that tell of it."""
        self.opener.cookies.update(cookies or {})
        table = {
            "model": model,
            "title": "Charges",
            "measure_count": 1,
            "col_group_headers": [[{"title": "Total", "width": 1, "height": 1}]],
            "measure_headers": [{"title": "Amount", "is_bold": True}],
            "rows": [{"title": name, "indent": 0, "values": [{"value": 321.5}]} for name in ("Total", "E-SECRET-1")],
        }
        answer = self.url_open(
            "/web/pivot/export_xlsx",
            data={"csrf_token": http.Request.csrf_token(self)},
            files={"data": ("blob", json.dumps(table).encode(), "application/json")},
        )
        answer.raise_for_status()
        self.assertEqual(answer.content[:2], b"PK")
        return self.env["integration.audit"].search([("action", "=", "list.export")])

    def test_a_pivot_that_leaves_odoo_is_told(self):
        other = self.env["res.company"].create({"name": "Second house"})
        self.reviewer.write({"password": "reviewer-of-charges", "company_ids": [Command.link(other.id)]})
        self.authenticate("reviewer", "reviewer-of-charges")
        self.assertFalse(self.download("account.move"), "other pivots are not the suite's")
        row = self.download("integration.charge")
        self.assertEqual(
            (row.user_id, row.company_id, row.res_model, row.detail),
            (self.reviewer.id, self.reviewer.company_id, "integration.charge", "pivot of 2 rows"),
        )
        rows = self.download("integration.charge", {"cids": f"{other.id}-{self.company.id}-999999"}) - row
        self.assertEqual(rows.company_id, other | self.company)
        self.assertEqual(self.download("integration.no.such.model"), rows + row)
