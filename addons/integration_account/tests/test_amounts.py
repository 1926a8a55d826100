"""Money: prices, taxes, currencies and rounding. An invoice's untaxed total is the sum of its charges."""

import random
from decimal import Decimal

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestAmounts(BillingCase):
    def assert_adds_up(self, charges, invoice):
        self.assertEqual(
            sum(Decimal(str(charge.amount)) for charge in charges), Decimal(str(round(invoice.amount_untaxed, 2)))
        )

    def test_untaxed_total_is_the_sum_of_the_charges(self):
        """A property: whatever quantities, prices, taxes and rounding method, the cents agree."""
        self.env["decimal.precision"].search([("name", "in", ("Product Unit", "Product Price"))]).digits = 4
        chance = random.Random(20261120)
        services = {
            "NONE": self.env["account.tax"],
            "EXCL": self._tax(19),
            "INCL": self._tax(7.7, included=True),
            "BOTH": self._tax(5) | self._tax(11, included=True),
        }
        for code, taxes in services.items():
            self._service(code, code, taxes=taxes)
        for round_number, method in enumerate(("round_per_line", "round_globally") * 2):
            self.company.tax_calculation_rounding_method = method
            self.system.prices_include_tax = round_number >= 2
            lines = [
                self.line(
                    number,
                    service=chance.choice(sorted(services)),
                    quantity=str(Decimal(chance.randint(1, 50000)) / 1000),
                    price=str(Decimal(chance.randint(0, 2_000_000)) / 10000),
                )
                for number in range(15)
            ]
            charges, invoice = self.bill(f"A-{round_number}", *lines)
            self.assertEqual(len(invoice.invoice_line_ids), 15)
            self.assert_adds_up(charges, invoice)

    def test_the_amount_is_known_before_the_invoice(self):
        self._service("INC", "Tax included", taxes=self._tax(20, included=True))
        charge = self.ready("A-10", self.line(1, service="INC", quantity="3", price="99.99"))
        before = charge.amount
        self.approve(charge)
        self.assertEqual(charge.amount, before)

    def test_prices_that_include_tax(self):
        """What the sender asks for is what the customer pays, with taxes of either kind."""
        self.system.prices_include_tax = True
        self._service("X", "Tax on top", taxes=self._tax(20))
        self._service("I", "Tax inside", taxes=self._tax(20, included=True))
        for code in ("X", "I"):
            charges, invoice = self.bill(f"A-11-{code}", self.line(1, service=code, price="120.00"))
            self.assertEqual((charges.amount, invoice.amount_untaxed, invoice.amount_total), (100.0, 100.0, 120.0))

    def test_prices_without_tax(self):
        self._service("X", "Tax on top", taxes=self._tax(20))
        self._service("I", "Tax inside", taxes=self._tax(20, included=True))
        for code in ("X", "I"):
            charges, invoice = self.bill(f"A-12-{code}", self.line(1, service=code, price="100.00"))
            self.assertEqual((charges.amount, invoice.amount_untaxed, invoice.amount_total), (100.0, 100.0, 120.0))

    def test_fiscal_position_of_the_customer(self):
        """D15: taxes and accounts come from Odoo's rules for this customer, as on a manual invoice."""
        tax, exempt = self._tax(20), self._tax(0)
        self._service("X", "Taxed", taxes=tax)
        other = self.env["account.account"].create(
            {
                "name": "Exempt income",
                "code": "400999",
                "account_type": "income",
                "company_ids": [Command.set(self.company.ids)],
            }
        )
        position = self.env["account.fiscal.position"].create(
            {
                "name": "Exempt",
                "account_ids": [Command.create({"account_src_id": self.income.id, "account_dest_id": other.id})],
            }
        )
        exempt.write({"fiscal_position_ids": [Command.set(position.ids)], "original_tax_ids": [Command.set(tax.ids)]})
        self.payer.property_account_position_id = position
        charge, invoice = self.bill("A-13", self.line(1, service="X"), coverage=[{"payer": "NBH", "rank": 1}])
        line = charge.invoice_line_id
        self.assertEqual((line.account_id, line.tax_ids), (other, exempt))
        self.assertEqual((invoice.fiscal_position_id, invoice.amount_tax), (position, 0.0))

    def test_price_list_of_the_payer_by_quantity_and_date(self):
        pricelist = self.env["product.pricelist"].create({"name": "Northbridge", "currency_id": self.usd.id})
        base = {
            "pricelist_id": pricelist.id,
            "applied_on": "0_product_variant",
            "product_id": self.visit.id,
            "compute_price": "fixed",
        }
        self.env["product.pricelist.item"].create(
            [
                {**base, "fixed_price": 80.0, "date_end": "2026-06-30 23:59:59"},
                {**base, "fixed_price": 90.0, "date_start": "2026-07-01"},
                {**base, "fixed_price": 70.0, "date_start": "2026-07-01", "min_quantity": 10},
            ]
        )
        self.payer.property_product_pricelist = pricelist
        cover = {"coverage": [{"payer": "NBH", "rank": 1}]}
        self.finalize(
            "A-14",
            self.line(1, price=None, performed_at="2026-05-01T10:00:00Z"),
            self.line(2, price=None),
            self.line(3, price=None, quantity="10"),
            self.line(4, price="1.00"),
            **cover,
        )
        self.assertEqual(self.charges("A-14").mapped("amount"), [80.0, 90.0, 700.0, 1.0])
        self.assertEqual(self.charges("A-14").mapped("priced"), [False, False, False, True])

    def test_a_foreign_currency(self):
        self.env.ref("base.EUR").active = True
        self.env["res.currency.rate"].create(
            {
                "currency_id": self.env.ref("base.EUR").id,
                "name": "2020-01-01",
                "rate": 0.5,
                "company_id": self.company.id,
            }
        )
        charge, invoice = self.bill("A-15", self.line(1, price="100.00", currency="EUR"))
        self.assertEqual((charge.currency_id.name, invoice.currency_id.name), ("EUR", "EUR"))
        self.assertEqual((charge.amount, invoice.amount_untaxed, invoice.amount_untaxed_signed), (100.0, 100.0, 200.0))

    def test_a_currency_without_cents(self):
        self.env.ref("base.JPY").active = True
        charge, invoice = self.bill("A-16", self.line(1, quantity="3", price="33.35", currency="JPY"))
        self.assertEqual((charge.amount, invoice.amount_untaxed), (100.0, 100.0))

    def test_two_companies_bill_each_their_own(self):
        other = self.env["res.company"].create({"name": "Second house", "currency_id": self.usd.id})
        self.env["account.chart.template"].try_loading("generic_coa", other)
        here = self.company
        second = self._make_system("second", company=other)
        patients = self.env["res.partner"].create({"name": "Patients there"})
        other.integration_self_pay_partner_id = patients
        self._service("VISIT", "Visit there", system=second, company=other)
        self.reviewer.company_ids = here | other
        self.finalize("A-17", self.line(1), system=second, department=None)
        charge = self.charges("A-17")
        self.assertEqual((charge.company_id, charge.state), (other, "held"))
        self.env["integration.billing.rule"].create({"company_id": other.id, "basis": "service", "days": 0})
        self.drain()
        self.approve(charge.with_context(allowed_company_ids=(here | other).ids))
        self.assertEqual((charge.invoice_id.company_id, charge.invoice_id.partner_id), (other, patients))
        self.assertEqual(charge.invoice_id.journal_id.company_id, other)

    def test_a_facility_in_another_company(self):
        other = self.env["res.company"].create({"name": "Second house", "currency_id": self.usd.id})
        self.env["account.chart.template"].try_loading("generic_coa", other)
        other.integration_self_pay_partner_id = self.env["res.partner"].create({"name": "Patients there"})
        self._map("facility", "HOUSE-2", other)
        product = self._service("VISIT", "Visit there", company=other)
        self.env["integration.billing.rule"].create({"company_id": other.id, "basis": "service", "days": 0})
        self.finalize("A-18", self.line(1), facility="HOUSE-2", department=None)
        charge = self.charges("A-18")
        self.assertRecordValues(charge, [{"company_id": other.id, "product_id": product.id, "state": "ready"}])
        self.reviewer.company_ids = self.company | other
        self.approve(charge.with_context(allowed_company_ids=(self.company | other).ids))
        self.assertEqual(charge.invoice_id.company_id, other)

    def test_amount_as_sent_is_exact(self):
        self.finalize("A-19", self.line(1, quantity="0.375", price="0.0345"))
        self.env.flush_all()
        self.env.cr.execute("SELECT amount_sent::text FROM integration_charge WHERE encounter = 'A-19'")
        self.assertEqual(Decimal(self.env.cr.fetchone()[0]), Decimal("0.0129375"))
        self.assertEqual(fields.Date.to_string(self.charges("A-19").service_day), "2026-11-20")
