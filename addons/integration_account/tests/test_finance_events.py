"""Posting, cancelling, crediting and paying emit the contract's events, whoever does it and by whichever door."""

from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_core.domain import catalogue, schema
from odoo.fields import Command
from odoo.tests import tagged

from .common import BillingCase

POSTED = "finance.invoice.posted.v1"
CANCELLED = "finance.invoice.cancelled.v1"
CREDITED = "finance.credit_note.posted.v1"
CHANGED = "finance.invoice.payment_changed.v1"
PAID = "finance.payment.posted.v1"


@tagged("post_install", "-at_install")
class TestFinanceEvents(BillingCase):
    def manual_invoice(self, amount=100.0):
        return self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.payer.id,
                "invoice_line_ids": [Command.create({"product_id": self.visit.id, "price_unit": amount})],
            }
        )

    def posted(self, amount=100.0):
        invoice = self.manual_invoice(amount)
        invoice.action_post()
        self.commit()
        return invoice

    def test_posting_tells_everything_the_contract_lists(self):
        charges, invoice = self.bill("F-1", self.line(1), self.line(2, price="30.00"))
        self.post_invoice(invoice)
        event = self.events(POSTED, invoice)
        data = self.data_of(event)
        self.assertEqual(len(event), 1)
        self.assertEqual(event.subject, f"invoice/{invoice.id}")
        self.assertEqual(event.correlation_id, charges[0].event_id.correlation_id)
        self.assertEqual(event.causation_id, charges[0].event_id.uuid)
        self.assertEqual(
            {key: value for key, value in data.items() if key not in ("changed_at", "ids", "version")},
            {
                "company": str(self.company.id),
                "id": str(invoice.id),
                "number": invoice.name,
                "date": fields.Date.to_string(invoice.date),
                "move_type": "out_invoice",
                "payer": str(self.patients.id),
                "currency": "USD",
                "amount_untaxed": "150.00",
                "amount_tax": "0.00",
                "amount_total": "150.00",
                "amount_residual": "150.00",
                "payment_state": "not_paid",
                "encounter": "F-1",
                "reverses": None,
                "lines": [{"charge": "1", "amount": "120.00"}, {"charge": "2", "amount": "30.00"}],
            },
        )
        self.assertNotIn(self.patients.name, str(data))

    def test_data_satisfies_the_published_schemas(self):
        charges, invoice = self.bill("F-2")
        self.post_invoice(invoice)
        self.void("F-2", 1)
        self.post_invoice(charges.credit_line_id.move_id)
        other = self.posted()
        self.pay(other, 40.0)
        self.commit()
        other.line_ids.remove_move_reconcile()
        self.commit()
        other.button_cancel()
        self.commit()
        seen = set()
        for event in self.env["integration.event"].search([("event_type_id.name", "like", "finance.")]):
            compiled = schema.compile_schema(catalogue.schema(event.type_name))
            self.assertEqual(compiled.validate(self.data_of(event)), [], event.type_name)
            seen.add(event.type_name)
        self.assertEqual(seen, {POSTED, CANCELLED, CREDITED, CHANGED, PAID})

    def test_an_invoice_by_hand_is_told_too(self):
        invoice = self.posted()
        data = self.data_of(self.events(POSTED, invoice))
        self.assertEqual((data["encounter"], data["lines"]), (None, [{"charge": None, "amount": "100.00"}]))

    def test_vendor_bills_and_entries_are_not(self):
        bill = self.env["account.move"].create(
            {
                "move_type": "in_invoice",
                "partner_id": self.payer.id,
                "invoice_date": fields.Date.today(),
                "invoice_line_ids": [Command.create({"product_id": self.visit.id, "price_unit": 5})],
            }
        )
        bill.action_post()
        self.commit()
        self.assertFalse(
            self.env["integration.event"].search([("res_model", "=", "account.move"), ("res_id", "=", bill.id)])
        )

    def test_nothing_is_told_of_what_was_rolled_back(self):
        invoice = self.manual_invoice()
        self.commit()
        try:
            with self.env.cr.savepoint():
                invoice.action_post()
                self.env.flush_all()
                raise ZeroDivisionError
        except ZeroDivisionError:
            self.env.invalidate_all()
        self.commit()
        self.assertFalse(self.events(POSTED, invoice))
        invoice.action_post()
        self.commit()
        self.assertEqual(len(self.events(POSTED, invoice)), 1)

    def test_posted_and_back_to_draft_in_one_transaction_is_nothing(self):
        invoice = self.manual_invoice()
        self.commit()
        invoice.action_post()
        self.env.flush_all()
        invoice.button_draft()
        self.commit()
        self.assertFalse(self.events(POSTED, invoice))
        self.assertFalse(self.events(CHANGED, invoice))

    def test_cancelling_is_told(self):
        invoice = self.posted()
        invoice.button_cancel()
        self.commit()
        self.assertEqual(len(self.events(CANCELLED, invoice)), 1)
        self.assertFalse(self.events(CHANGED, invoice))

    def test_a_payment_tells_payment_and_invoice_once(self):
        charges, invoice = self.bill("F-3")
        self.post_invoice(invoice)
        payment = self.pay(invoice, 50.0)
        self.commit()
        changed = self.events(CHANGED, invoice)
        self.assertEqual(len(changed), 1)
        data = self.data_of(changed)
        self.assertEqual((data["payment_state"], data["amount_residual"]), ("partial", "70.00"))
        paid = self.events(PAID, payment)
        self.assertEqual(len(paid), 1)
        data = self.data_of(paid)
        self.assertEqual((data["direction"], data["amount"], data["currency"]), ("in", "50.00", "USD"))
        self.assertEqual(data["allocations"], [{"invoice": str(invoice.id), "amount": "50.00"}])
        self.assertEqual(paid.correlation_id, charges.event_id.correlation_id)
        self.pay(invoice)
        self.commit()
        changed = self.events(CHANGED, invoice)
        self.assertEqual(len(changed), 2)
        data = self.data_of(changed[-1])
        self.assertEqual(data["payment_state"], invoice.payment_state)
        self.assertIn(data["payment_state"], ("paid", "in_payment"))
        self.assertEqual((data["amount_residual"], data["version"]), ("0.00", 3))

    def test_unreconciling_is_told(self):
        invoice = self.posted()
        self.pay(invoice)
        self.commit()
        invoice.line_ids.remove_move_reconcile()
        self.commit()
        data = self.data_of(self.events(CHANGED, invoice)[-1])
        self.assertEqual((data["payment_state"], data["amount_residual"]), ("not_paid", "100.00"))

    def test_undone_within_a_transaction_is_nothing(self):
        invoice = self.posted()
        self.pay(invoice)
        self.env.flush_all()
        invoice.line_ids.remove_move_reconcile()
        self.commit()
        self.assertFalse(self.events(CHANGED, invoice))

    def test_a_credit_note_tells_itself_and_the_reversed_invoice(self):
        charges, invoice = self.bill("F-4")
        self.post_invoice(invoice)
        void = self.void("F-4", 1)
        note = charges.credit_line_id.move_id
        self.post_invoice(note)
        event = self.events(CREDITED, note)
        data = self.data_of(event)
        self.assertEqual((data["reverses"], data["move_type"]), (str(invoice.id), "out_refund"))
        self.assertEqual((data["encounter"], data["lines"]), ("F-4", [{"charge": "1", "amount": "120.00"}]))
        self.assertEqual(event.causation_id, void.uuid)
        self.assertFalse(self.events(POSTED, note))
        self.assertEqual(self.data_of(self.events(CHANGED, invoice))["payment_state"], "reversed")

    def test_blocking_is_told(self):
        invoice = self.posted()
        invoice.action_toggle_block_payment()
        self.commit()
        self.assertEqual(self.data_of(self.events(CHANGED, invoice))["payment_state"], "blocked")

    def test_in_payment_is_told_where_accounting_has_it(self):
        """Enterprise accounting: a matched payment first makes the invoice ``in_payment``."""
        invoice = self.posted()
        target = type(self.env["account.move"])
        with patch.object(target, "_get_invoice_in_payment_state", lambda move: "in_payment"):
            self.pay(invoice)
            self.commit()
        self.assertEqual(self.data_of(self.events(CHANGED, invoice))["payment_state"], "in_payment")

    def test_a_payment_without_entry(self):
        """Enterprise accounting: a payment may have no journal entry until it is matched."""
        invoice = self.posted()
        target = type(self.env["account.payment"])
        with patch.object(target, "_generate_journal_entry", lambda payment, **more: None):
            payment = self.env["account.payment"].create(
                {
                    "payment_type": "inbound",
                    "partner_type": "customer",
                    "partner_id": self.payer.id,
                    "amount": 60.0,
                    "invoice_ids": [Command.set(invoice.ids)],
                }
            )
            payment.outstanding_account_id = False
            payment.action_post()
            self.commit()
        self.assertFalse(payment.move_id)
        data = self.data_of(self.events(PAID, payment))
        self.assertEqual(data["allocations"], [{"invoice": str(invoice.id), "amount": "60.00"}])

    def test_payment_cancelled_and_rejected(self):
        first, second = self.posted(), self.posted()
        payment = self.pay(first)
        self.commit()
        payment.action_cancel()
        self.commit()
        self.assertEqual(len(self.events("finance.payment.cancelled.v1", payment)), 1)
        self.assertEqual(self.data_of(self.events(CHANGED, first)[-1])["payment_state"], "not_paid")
        refused = self.pay(second)
        self.commit()
        refused.action_reject()
        self.commit()
        self.assertEqual(len(self.events("finance.payment.rejected.v1", refused)), 1)

    def test_vendor_payments_are_not_told(self):
        payment = self.env["account.payment"].create(
            {"payment_type": "outbound", "partner_type": "supplier", "partner_id": self.payer.id, "amount": 5.0}
        )
        payment.action_post()
        self.commit()
        self.assertFalse(self.events(PAID, payment))
