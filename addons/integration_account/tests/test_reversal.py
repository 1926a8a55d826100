"""Voids and corrections: withdrawn before billing, off the draft, a draft credit note after posting."""

from odoo import fields
from odoo.tests import tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestReversal(BillingCase):
    def test_void_before_invoicing_withdraws(self):
        charge = self.ready("V-1")
        event = self.void("V-1", 1)
        self.assertEqual((charge.state, charge.ended_reason), ("withdrawn", "error"))
        self.assertEqual(self.effects(event), [("1", "applied", None)])

    def test_void_of_an_approved_charge_makes_no_invoice(self):
        charge = self.ready("V-2")
        charge.with_user(self.reviewer).action_approve()
        self.void("V-2", 1)
        self.assertEqual((charge.state, charge.invoice_id.id), ("withdrawn", False))

    def test_void_takes_the_line_off_the_draft(self):
        charges, invoice = self.bill("V-3", self.line(1), self.line(2))
        self.void("V-3", 1)
        self.assertEqual(charges.mapped("state"), ["withdrawn", "billed"])
        self.assertEqual((invoice.state, invoice.amount_untaxed), ("draft", 120.0))

    def test_an_empty_draft_is_cancelled(self):
        charges, invoice = self.bill("V-4")
        self.void("V-4", 1)
        self.env.flush_all()
        self.assertEqual((charges.state, invoice.state), ("withdrawn", "cancel"))
        self.finalize("V-4", self.line(2))
        self.approve(self.charges("V-4", 2))
        self.assertNotEqual(self.charges("V-4", 2).invoice_id, invoice)

    def test_void_after_posting_makes_a_draft_credit_note(self):
        """D11: after billing there is a credit, and finance posts it."""
        charges, invoice = self.bill("V-5", self.line(1), self.line(2))
        self.post_invoice(invoice)
        event = self.void("V-5", 1)
        charge = charges[0]
        note = charge.credit_line_id.move_id
        self.assertRecordValues(
            note,
            [
                {
                    "move_type": "out_refund",
                    "state": "draft",
                    "reversed_entry_id": invoice.id,
                    "partner_id": self.patients.id,
                    "invoice_origin": "V-5",
                    "amount_untaxed": 120.0,
                }
            ],
        )
        self.assertEqual((charge.state, charge.credited_quantity), ("reversed", 1.0))
        self.assertEqual(charge.credit_line_id.analytic_distribution, {str(self.emergency.id): 100})
        self.assertEqual(charge.credit_line_id.account_id, self.income)
        self.assertEqual(self.effects(event), [("1", "applied", None)])
        self.assertFalse(self.env["account.payment"].search([("partner_id", "=", self.patients.id)]))

    def test_further_voids_join_the_open_credit_note(self):
        charges, invoice = self.bill("V-6", self.line(1), self.line(2))
        self.post_invoice(invoice)
        self.void("V-6", 1)
        self.void("V-6", 2)
        self.assertEqual(len(charges.credit_line_id.move_id), 1)
        note = charges.credit_line_id.move_id
        self.assertEqual(note.amount_untaxed, invoice.amount_untaxed)
        self.post_invoice(note)
        self.assertEqual(invoice.payment_state, "reversed")

    def test_a_part_is_voided_on_a_waiting_charge(self):
        charge = self.ready("V-7", self.line(1, quantity="5"))
        self.void("V-7", {"line": "1", "quantity": "2"})
        self.assertEqual((charge.state, charge.quantity, charge.amount), ("ready", 3.0, 360.0))

    def test_a_part_is_voided_on_an_approved_charge(self):
        charge = self.ready("V-8", self.line(1, quantity="5"))
        charge.with_user(self.reviewer).action_approve()
        self.env["integration.charge.void"].search([])
        event = self.post(
            "clinical.service.voided.v1",
            {
                "encounter": "V-8",
                "lines": [{"line": "1", "quantity": "2", "reason": "error"}],
            },
        )[1]
        handler = self.env["integration.handler.service_voided"].with_user(self.engine)
        handler._handle(handler._load_batch(event))
        self.assertEqual((charge.state, charge.amount), ("approved", 360.0))

    def test_a_part_is_voided_on_a_draft(self):
        charge, invoice = self.bill("V-9", self.line(1, quantity="5"))
        self.void("V-9", {"line": "1", "quantity": "2"})
        self.assertEqual((charge.state, charge.amount, invoice.amount_untaxed), ("billed", 360.0, 360.0))

    def test_a_part_is_credited_after_posting_then_the_rest(self):
        charge, invoice = self.bill("V-10", self.line(1, quantity="5"))
        self.post_invoice(invoice)
        self.void("V-10", {"line": "1", "quantity": "2"})
        note = charge.credit_line_id.move_id
        self.assertEqual((charge.state, charge.credited_quantity, note.amount_untaxed), ("billed", 2.0, 240.0))
        self.void("V-10", 1)
        self.assertEqual((charge.state, charge.credited_quantity, note.amount_untaxed), ("reversed", 5.0, 600.0))

    def test_more_than_was_charged_parks(self):
        charge = self.ready("V-11", self.line(1, quantity="2"))
        event = self.void("V-11", {"line": "1", "quantity": "3"})
        self.assertEqual(self.effects(event), [("1", "parked", "more_than_charged")])
        self.assertEqual(charge.quantity, 2.0)

    def test_a_part_voided_twice_alike_parks_for_a_person(self):
        charge = self.ready("V-12", self.line(1, quantity="5"))
        self.void("V-12", {"line": "1", "quantity": "2"})
        event = self.void("V-12", {"line": "1", "quantity": "2"})
        self.assertEqual(self.effects(event), [("1", "parked", "repeated")])
        void = self.env["integration.charge.void"].search([("event_id", "=", event.id)])
        void.with_user(self.reviewer).action_apply()
        self.assertEqual((charge.quantity, void.state), (1.0, "applied"))

    def test_a_second_void_has_no_effect(self):
        charge, invoice = self.bill("V-13")
        self.post_invoice(invoice)
        self.void("V-13", 1)
        event = self.void("V-13", 1)
        self.assertEqual(self.effects(event), [("1", "duplicate", "already_ended")])
        self.assertEqual(charge.credit_line_id.move_id.amount_untaxed, 120.0)

    def test_correction_after_posting_credits_and_bills_anew(self):
        charge, invoice = self.bill("V-14")
        self.post_invoice(invoice)
        self.finalize("V-14", self.line(1, price="150.00", revision=1))
        old, new = self.charges("V-14")
        self.assertEqual((old, old.state), (charge, "reversed"))
        self.assertEqual(old.credit_line_id.move_id.amount_untaxed, 120.0)
        self.assertEqual((new.state, new.supersedes_id, new.amount), ("ready", old, 150.0))
        self.approve(new)
        self.assertNotEqual(new.invoice_id, invoice)

    def test_correction_on_a_draft_changes_the_draft(self):
        _charge, invoice = self.bill("V-15", self.line(1), self.line(2))
        self.finalize("V-15", self.line(1, price="150.00", revision=1))
        self.assertEqual(invoice.amount_untaxed, 120.0)
        new = self.charges("V-15").filtered(lambda c: c.current and c.line == "1")
        self.approve(new)
        self.assertEqual((new.invoice_id, invoice.amount_untaxed), (invoice, 270.0))

    def test_the_credit_note_is_in_an_open_period(self):
        charge, invoice = self.bill("V-16")
        self.post_invoice(invoice)
        locked = fields.Date.add(fields.Date.today(), days=3)
        self.company.sale_lock_date = locked
        self.void("V-16", 1)
        self.assertGreater(charge.credit_line_id.move_id.date, locked)

    def test_a_removed_credit_note_is_not_a_lost_void(self):
        charge, invoice = self.bill("V-17")
        self.post_invoice(invoice)
        event = self.void("V-17", 1)
        charge.credit_line_id.move_id.with_user(self.reviewer).unlink()
        void = self.env["integration.charge.void"].search([("event_id", "=", event.id)])
        self.assertEqual((charge.state, charge.credited_quantity), ("billed", 0.0))
        self.assertEqual((void.state, void.park_reason), ("parked", "credit_removed"))
        self.assertEqual(self.effects(event), [("1", "parked", "credit_removed")])
        void.with_user(self.reviewer).action_apply()
        self.assertEqual((charge.state, charge.credit_line_id.move_id.amount_untaxed), ("reversed", 120.0))

    def test_void_of_a_parked_charge(self):
        event = self.finalize("V-18", self.line(1, service="UNKNOWN"))
        self.void("V-18", 1)
        self.assertEqual(self.charges("V-18").state, "withdrawn")
        self.assertEqual(self.effects(event), [("1", "applied", None)])
