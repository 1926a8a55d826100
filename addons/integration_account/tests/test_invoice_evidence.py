"""The evidence of an invoice: what it came from is named, nothing of a patient or a payload is, and it is told."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import BillingCase

REPORT = "integration_account.report_invoice_evidence"


@tagged("post_install", "-at_install")
class TestInvoiceEvidence(BillingCase):
    def printed(self, moves, user=None):
        """Return the report as text, as that user prints it."""
        self.env.flush_all()
        self.env.invalidate_all()
        report = self.env["ir.actions.report"].with_user(user or self.reviewer)
        html, _kind = report._render_qweb_html(REPORT, moves.ids)
        return html.decode()

    def values(self, move):
        report = self.env["report.integration_account.invoice_evidence"].with_user(self.reviewer)
        return report._get_report_values(move.ids)["evidence"][move.id]

    def test_messages_mappings_approval_and_totals_are_named(self):
        charges, invoice = self.bill("E-1", self.line(1), self.line(2, service="SCAN", price="80.00"))
        self.post_invoice(invoice)
        text = self.printed(invoice)
        event = charges.event_id
        for expected in (
            *(invoice.name, event.webhook_id, event.uuid, event.body_digest, "VISIT", "SCAN", "ED", "200.00"),
            *("120.00", "80.00", self.reviewer.name, "E-1", "Emergency"),
        ):
            self.assertIn(expected, text)
        told = self.values(invoice)
        self.assertEqual(set(told["mappings"].mapped("code")), {"VISIT", "SCAN", "ED"})
        self.assertEqual(sum(told["charges"].mapped("amount")), invoice.amount_untaxed)
        self.assertEqual(told["charges"].mapped("approved_by_id"), self.reviewer)

    def test_a_message_that_went_by_retention_is_named_by_its_receipt(self):
        charges, invoice = self.bill("E-1")
        self.bill("E-2")
        event = charges.event_id
        names = event.webhook_id, event.uuid
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM integration_event WHERE id = %s", event.ids)
        text = self.printed(invoice)
        for expected in (*names, "Removed by retention"):
            self.assertIn(expected, text)
        self.assertEqual(len(self.values(invoice)["receipts"]), 1)

    def test_lines_that_no_message_stands_behind_are_told(self):
        _charges, invoice = self.bill("E-1")
        self.assertNotIn("no message stands behind", self.printed(invoice))
        invoice.write({"invoice_line_ids": [(0, 0, {"name": "By hand", "quantity": 1, "price_unit": 9.5})]})
        self.assertEqual(self.values(invoice)["rest"], 9.5)
        self.assertIn("no message stands behind", self.printed(invoice))

    def test_a_mapping_that_held_on_other_days_is_left_out(self):
        identifier = self.env["integration.identifier"].search(
            [("code", "=", "ED"), ("system_id", "=", self.system.id)]
        )
        _charges, invoice = self.bill("E-1")
        self.assertIn(identifier, self.values(invoice)["mappings"])
        self.env.cr.execute("UPDATE integration_identifier SET valid_from = '2026-11-21' WHERE id = %s", identifier.ids)
        self.env.invalidate_all()
        self.assertNotIn(identifier, self.values(invoice)["mappings"])

    def test_revisions_and_voids_are_told(self):
        self.ready("E-1", self.line(1, revision=1), self.line(2))
        self.finalize("E-1", self.line(1, price="150.00", revision=2))
        charges = self.charges("E-1").filtered(lambda charge: charge.state == "ready")
        self.approve(charges)
        invoice = charges.invoice_id
        self.post_invoice(invoice)
        self.void("E-1", 2)
        told = self.values(invoice)
        self.assertEqual(told["earlier"].mapped("unit_price_sent"), ["120.00"])
        self.assertEqual(told["voids"].mapped("line"), ["2"])
        self.assertEqual(len(told["events"]), 3)
        self.assertIn("Earlier revision", self.printed(invoice))

    def test_nothing_of_a_patient_or_of_a_message_is_in_it(self):
        _charges, invoice = self.bill("E-1", self.line(1, display="A very private matter"))
        self.post_invoice(invoice)
        text = self.printed(invoice)
        for private in ("MRN-E-1", "A very private matter", "performed_at"):
            self.assertNotIn(private, text)

    def test_printing_is_in_the_audit_trail(self):
        _charges, invoice = self.bill("E-1")
        self.printed(invoice)
        trail = self.env["integration.audit"].search([("action", "=", "invoice_evidence.print")])
        self.assertEqual((trail.res_id, trail.user_id), (invoice.id, self.reviewer.id))

    def test_it_is_for_finance_and_for_invoices_from_messages(self):
        _charges, invoice = self.bill("E-1")
        clerk = new_test_user(self.env, "evidence.clerk", groups="account.group_account_invoice")
        with self.assertRaises(AccessError):
            self.printed(invoice, clerk)
        by_hand = self.env["account.move"].create({"move_type": "out_invoice", "partner_id": self.payer.id})
        with self.assertRaises(UserError):
            self.printed(by_hand)

    def test_another_companys_invoice_is_out_of_reach(self):
        _charges, invoice = self.bill("E-1")
        other = self.env["res.company"].create({"name": "Other hospital"})
        stranger = new_test_user(
            self.env,
            "evidence.stranger",
            groups="integration_core.group_finance_viewer,account.group_account_invoice",
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        with self.assertRaises(AccessError):
            self.printed(invoice, stranger)
