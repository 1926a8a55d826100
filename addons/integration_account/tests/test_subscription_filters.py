"""Subscriptions to the news of documents choose by journal, document type and facility."""

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .common import BillingCase

POSTED = "finance.invoice.posted.v1"
CREDITED = "finance.credit_note.posted.v1"
PAID = "finance.payment.posted.v1"
PARKED = "finance.charge.parked.v1"


@tagged("post_install", "-at_install")
class TestSubscriptionFilters(BillingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        journals = cls.env["account.journal"].create(
            [
                {"name": "Outpatients", "code": "OUTP", "type": "sale", "company_id": cls.company.id},
                {"name": "Day clinic", "code": "DAYC", "type": "sale", "company_id": cls.company.id},
            ]
        )
        cls.outpatients, cls.day_clinic = journals
        cls._map("facility", "NORTH", cls.company)
        cls._map("facility", "SOUTH", cls.company)

    def subscribe(self, name, *types, **values):
        kinds = self.env["integration.event.type"]
        return self.env["integration.subscription"].create(
            {
                "name": name,
                "company_id": self.company.id,
                "handler": "integration.handler.encounter_admitted",
                "event_type_ids": [Command.set([kinds._named(one).id for one in types or (POSTED, CREDITED, PAID)])],
                **values,
            }
        )

    def kinds(self, *codes):
        return self.env["integration.document.type"].search([("code", "in", codes)]).ids

    def posted(self, journal=None, move_type="out_invoice"):
        invoice = self.env["account.move"].create(
            {
                "move_type": move_type,
                "partner_id": self.payer.id,
                "journal_id": (journal or self.outpatients).id,
                "invoice_line_ids": [Command.create({"product_id": self.visit.id, "price_unit": 100.0})],
            }
        )
        invoice.action_post()
        self.commit()
        return invoice

    def told(self, type_name, record):
        """Return the names of the subscriptions that are told of a record."""
        return sorted(self.events(type_name, record).delivery_ids.mapped("subscription_id.name"))

    def test_by_journal(self):
        self.subscribe("every")
        self.subscribe("outpatients", journal_ids=self.outpatients.ids)
        self.subscribe("both", journal_ids=(self.outpatients | self.day_clinic).ids)
        self.assertEqual(self.told(POSTED, self.posted()), ["both", "every", "outpatients"])
        self.assertEqual(self.told(POSTED, self.posted(self.day_clinic)), ["both", "every"])

    def test_by_document_type(self):
        self.subscribe("invoices", document_type_ids=self.kinds("out_invoice"))
        self.subscribe("credit notes", document_type_ids=self.kinds("out_refund"))
        self.subscribe("both", document_type_ids=self.kinds("out_invoice", "out_refund"))
        self.assertEqual(self.told(POSTED, self.posted()), ["both", "invoices"])
        self.assertEqual(self.told(CREDITED, self.posted(move_type="out_refund")), ["both", "credit notes"])

    def test_by_facility(self):
        self.subscribe("every")
        self.subscribe("north", facility_codes="NORTH")
        self.subscribe("north and south", facility_codes="NORTH, SOUTH")
        _charges, invoice = self.bill("F-1", facility="NORTH")
        self.assertEqual(self.told(POSTED, self.post_invoice(invoice)), ["every", "north", "north and south"])
        _charges, invoice = self.bill("F-2", facility="SOUTH")
        self.assertEqual(self.told(POSTED, self.post_invoice(invoice)), ["every", "north and south"])
        # Nobody knows where these come from.
        _charges, invoice = self.bill("F-3")
        self.assertEqual(self.told(POSTED, self.post_invoice(invoice)), ["every"])
        self.assertEqual(self.told(POSTED, self.posted()), ["every"])

    def test_all_filters_must_agree(self):
        self.subscribe(
            "all three",
            facility_codes="NORTH",
            journal_ids=self.outpatients.ids,
            document_type_ids=self.kinds("out_invoice"),
        )
        _charges, invoice = self.bill("F-1", facility="NORTH")
        self.assertEqual(self.told(POSTED, self.post_invoice(invoice)), [])
        _charges, invoice = self.bill("F-2", facility="NORTH")
        invoice.journal_id = self.outpatients
        self.assertEqual(self.told(POSTED, self.post_invoice(invoice)), ["all three"])

    def test_payments_and_charges_have_facets_too(self):
        self.subscribe("payments", PAID, document_type_ids=self.kinds("payment_in"))
        self.subscribe("refunds", PAID, document_type_ids=self.kinds("payment_out"))
        self.subscribe("parked in the north", PARKED, facility_codes="NORTH")
        self.subscribe("parked in a journal", PARKED, journal_ids=self.outpatients.ids)
        payment = self.pay(self.posted())
        self.commit()
        self.assertEqual(self.told(PAID, payment), ["payments"])
        self.assertEqual(self.events(PAID, payment).facets["journal"], payment.journal_id.code)
        self.finalize("F-1", self.line(1, service="UNKNOWN"), facility="NORTH")
        self.assertEqual(self.told(PARKED, self.charges("F-1")), ["parked in the north"])

    def test_a_renamed_journal_is_still_the_one_asked_for(self):
        self.subscribe("outpatients", journal_ids=self.outpatients.ids)
        self.outpatients.code = "OUT2"
        self.commit()
        self.assertEqual(self.told(POSTED, self.posted()), ["outpatients"])

    def test_journals_belong_to_the_company_of_the_subscription(self):
        with self.assertRaises(ValidationError):
            self.subscribe("nowhere", company_id=False, journal_ids=self.outpatients.ids)
        other = self.env["res.company"].create({"name": "Other"})
        with self.assertRaises(UserError):
            self.subscribe("elsewhere", company_id=other.id, journal_ids=self.outpatients.ids)

    def test_administrators_of_integration_choose_journals(self):
        admin = new_test_user(self.env, "integrator", groups="integration_core.group_admin")
        subscription = self.subscribe("outpatients").with_user(admin)
        subscription.write({"journal_ids": [Command.set(self.outpatients.ids)]})
        self.assertEqual(subscription.journal_ids.mapped("display_name"), [self.outpatients.display_name])
        self.assertEqual(subscription.facet_filter, {"journal": ["OUTP"]})
