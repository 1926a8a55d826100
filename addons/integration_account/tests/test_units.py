"""Units: what a system counts in becomes the product's unit, exactly or not at all, and the money stays the same."""

import random
from decimal import Decimal
from fractions import Fraction

from odoo.tests import tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestUnits(BillingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.units = cls.env.ref("uom.product_uom_unit")
        cls.dozen = cls.env.ref("uom.product_uom_dozen")
        cls.box = cls.env["uom.uom"].create({"name": "Box"})
        cls._map("unit", "EA", cls.units)

    def content(self, product, factor, **values):
        unit = self._entity("unit", self.box)
        return self._rule("integration.unit.factor", unit_id=unit.id, product_id=product.id, factor=factor, **values)

    def sent(self, encounter, **line):
        self.finalize(encounter, self.line(1, **line))
        return self.charges(encounter)

    def assert_parked(self, charge, reason, *words):
        self.assertEqual((charge.state, charge.park_reason), ("parked", reason))
        for word in words:
            self.assertIn(word, charge.park_detail)

    # -- what a code means --------------------------------------------------------------------------------------------

    def test_a_line_without_a_unit_is_in_the_products_own(self):
        charge = self.sent("U-1", quantity="3")
        self.assertRecordValues(charge, [{"quantity": 3.0, "uom_id": self.units.id, "unit_ratio": False}])

    def test_a_mapped_code_with_its_factor(self):
        self._map("unit", "BX12", self.units, factor="12")
        charge = self.sent("U-2", quantity="2", price="120.00", unit="BX12")
        self.assertRecordValues(
            charge,
            [{"quantity": 24.0, "price_unit": 10.0, "amount": 240.0, "unit_ratio": "12", "uom_id": self.units.id}],
        )
        self.assertEqual((charge.quantity_sent, charge.unit_price_sent), ("2", "120.00"))

    def test_odoos_own_units_convert(self):
        self._map("unit", "DZ", self.dozen)
        self.assertEqual(self.sent("U-3", quantity="2", unit="DZ").quantity, 24.0)
        self.visit.uom_id = self.dozen
        charge = self.sent("U-4", quantity="6", price="1.00", unit="EA")
        self.assertRecordValues(charge, [{"quantity": 0.5, "amount": 6.0, "unit_ratio": "1/12"}])

    def test_an_unknown_unit_opens_one_task_and_goes_on_when_it_is_mapped(self):
        self.finalize("U-5", self.line(1, quantity="2", unit="PK"), self.line(2, unit="PK"))
        charges = self.charges("U-5")
        self.assertEqual(charges.mapped("park_reason"), ["unit_unknown"] * 2)
        task = self.env["integration.mapping.task"].search([("kind", "=", "unit"), ("code", "=", "PK")])
        self.assertEqual((len(task), task.waiting_lines, task.state), (1, 2, "open"))
        self.assertIn("360.00", task.waiting_money)
        self._map("unit", "PK", self.units, factor="6")
        self.drain()
        self.assertEqual(charges.mapped("state"), ["held", "held"])
        self.assertEqual(charges.mapped("quantity"), [12.0, 6.0])
        self.assertEqual(task.state, "done")

    def test_a_unit_is_mapped_at_the_day_of_service(self):
        self._map("unit", "PK", self.units, factor="6", valid_to="2026-06-30")
        self._map("unit", "PK", self.units, factor="10", valid_from="2026-07-01")
        self.finalize(
            "U-6",
            self.line(1, unit="PK", performed_at="2026-06-30T12:00:00Z"),
            self.line(2, unit="PK", performed_at="2026-07-01T12:00:00Z"),
        )
        self.assertEqual(self.charges("U-6").mapped("quantity"), [6.0, 10.0])

    def test_units_of_one_system_mean_nothing_in_another(self):
        other = self._make_system("lab")
        self._map("service", "VISIT", self.visit, system=other)
        self.finalize("U-7", self.line(1, unit="EA"), system=other, department=None)
        self.assert_parked(self.charges("U-7"), "unit_unknown", "EA")

    # -- what a unit of a product holds -------------------------------------------------------------------------------

    def test_a_box_of_each_product_holds_its_own(self):
        self._map("unit", "BX", self.box)
        charge = self.sent("U-10", quantity="2", price="50.00", unit="BX")
        self.assert_parked(charge, "unit_unrelated", "Box", "Units", "BX")
        self.assertEqual((charge.quantity, charge.amount), (0.0, 100.0))
        first = self.content(self.visit, "50")
        self.drain()
        self.assertRecordValues(
            charge,
            [{"state": "held", "quantity": 100.0, "price_unit": 1.0, "amount": 100.0, "unit_factor_id": first.id}],
        )
        second = self.content(self.scan, "100")
        scan = self.sent("U-11", service="SCAN", quantity="2", price="50.00", unit="BX")
        self.assertRecordValues(scan, [{"quantity": 200.0, "unit_factor_id": second.id, "amount": 100.0}])

    def test_what_a_box_holds_changes_from_a_day_on(self):
        self._map("unit", "BX", self.box)
        self.content(self.visit, "50", valid_to="2026-06-30")
        self.content(self.visit, "40", valid_from="2026-07-01")
        self.finalize(
            "U-12",
            self.line(1, unit="BX", performed_at="2026-06-30T12:00:00Z"),
            self.line(2, unit="BX", performed_at="2026-07-01T12:00:00Z"),
        )
        self.assertEqual(self.charges("U-12").mapped("quantity"), [50.0, 40.0])

    def test_a_corrected_unit_is_found_by_charges_not_approved_yet(self):
        code = self._map("unit", "PK", self.units, factor="6")
        charge = self.ready("U-13", self.line(1, unit="PK"))
        self.assertEqual((charge.state, charge.quantity), ("ready", 6.0))
        code.with_user(self._user("steward", "integration_core.group_steward"))._revoke("it holds ten")
        self.drain()
        self.assert_parked(charge, "unit_unknown")
        self._map("unit", "PK", self.units, factor="10")
        self.drain()
        self.assertEqual((charge.state, charge.quantity), ("ready", 10.0))

    # -- nothing is rounded away --------------------------------------------------------------------------------------

    def test_a_quantity_that_would_be_rounded_parks(self):
        self.visit.uom_id = self.dozen
        charge = self.sent("U-20", quantity="1", unit="EA")
        self.assert_parked(charge, "quantity_precision", "no exact number", "Dozens")
        self.assertEqual(charge.amount, 120.0)
        gram = self.env.ref("uom.product_uom_gram")
        self._map("unit", "g", gram)
        self.scan.uom_id = self.env.ref("uom.product_uom_kgm")
        charge = self.sent("U-21", service="SCAN", quantity="375", price="0.10", unit="g")
        self.assert_parked(charge, "quantity_precision", "0.375", "set Product Unit to 3 decimals")
        self.env["decimal.precision"].search([("name", "=", "Product Unit")]).digits = 3
        self.drain()
        self.assertRecordValues(charge, [{"state": "held", "quantity": 0.375, "amount": 37.5, "price_unit": 100.0}])

    def test_a_box_at_a_price_that_no_piece_has_comes_to_the_same_invoice(self):
        self._map("unit", "BX12", self.units, factor="12")
        charges, invoice = self.bill("U-22", self.line(1, quantity="1", price="100.00", unit="BX12"))
        line = charges.invoice_line_id
        self.assertEqual((line.quantity, line.product_uom_id, line.price_subtotal), (12.0, self.units, 100.0))
        self.assertEqual((charges.amount, invoice.amount_untaxed), (100.0, 100.0))

    def test_what_is_invoiced_is_what_was_sent_to_the_cent(self):
        """A property: whatever factor, quantity and price, the invoice comes to the sum of quantity × price as sent."""
        chance = random.Random(20261127)
        lines, expected = [], Decimal(0)
        for number in range(40):
            code, factor = f"P{number}", chance.choice(["3", "7", "12", "50", "144", "0.5", "2.5", "1000"])
            self._map("unit", code, self.units, factor=factor)
            quantity, price = Decimal(chance.randint(1, 40) * 2), Decimal(chance.randint(0, 500_000)) / 100
            lines.append(self.line(number, quantity=str(quantity), price=f"{price:.2f}", unit=code))
            expected += quantity * price
        charges, invoice = self.bill("U-23", *lines)
        self.assertEqual(set(charges.mapped("state")), {"billed"})
        self.assertEqual(Decimal(str(round(invoice.amount_untaxed, 2))), expected)
        for charge in charges:
            sent = Fraction(charge.quantity_sent) * Fraction(charge.unit_ratio)
            self.assertEqual(Fraction(charge.invoice_line_id.quantity), sent)

    def test_money_that_a_number_in_odoo_cannot_hold_parks(self):
        self._map("unit", "P7", self.units, factor="7")
        charge = self.sent("U-25", quantity="3", price="99999999999999.99", unit="P7")
        self.assert_parked(charge, "amount_inexact", "3 P7", "99999999999999.99")

    def test_a_price_list_is_asked_for_the_products_unit(self):
        self._map("unit", "BX12", self.units, factor="12")
        pricelist = self.env["product.pricelist"].create({"name": "Patients", "currency_id": self.usd.id})
        base = {
            "pricelist_id": pricelist.id,
            "applied_on": "0_product_variant",
            "product_id": self.visit.id,
            "compute_price": "fixed",
        }
        self.env["product.pricelist.item"].create(
            [{**base, "fixed_price": 9.0}, {**base, "fixed_price": 8.0, "min_quantity": 24}]
        )
        self.patients.property_product_pricelist = pricelist
        self.finalize(
            "U-24", self.line(1, price=None, unit="BX12"), self.line(2, price=None, quantity="2", unit="BX12")
        )
        self.assertEqual(self.charges("U-24").mapped("amount"), [108.0, 192.0])

    # -- voids and corrections ----------------------------------------------------------------------------------------

    def test_voids_reverse_what_was_converted(self):
        self._map("unit", "BX12", self.units, factor="12")
        charge = self.ready("U-30", self.line(1, quantity="3", price="100.00", unit="BX12"))
        self.void("U-30", {"line": "1", "quantity": "1", "reason": "one less"})
        self.assertEqual((charge.quantity, charge.amount), (24.0, 200.0))
        self.approve(charge)
        self.assertEqual(charge.invoice_line_id.quantity, 24.0)
        self.void("U-30", {"line": "1", "quantity": "0.5", "reason": "half a box"})
        self.assertEqual((charge.invoice_line_id.quantity, charge.amount), (18.0, 150.0))
        self.post_invoice(charge.invoice_id)
        self.void("U-30", {"line": "1", "quantity": "0.25", "reason": "three pieces"})
        self.assertEqual((charge.credit_line_id.quantity, charge.credited_quantity), (3.0, 3.0))
        self.assertEqual(charge.credit_line_id.price_subtotal, 25.0)
        self.void("U-30", {"line": "1", "reason": "all of it"})
        self.assertEqual((charge.state, charge.credited_quantity), ("reversed", 18.0))
        note = charge.credit_line_id.move_id
        self.assertEqual(sum(note.invoice_line_ids.mapped("price_subtotal")), charge.invoice_line_id.price_subtotal)

    def test_a_void_is_judged_by_the_ratio_that_was_invoiced(self):
        code = self._map("unit", "PK", self.units, factor="6")
        charge, invoice = self.bill("U-31", self.line(1, quantity="2", price="60.00", unit="PK"))
        self.post_invoice(invoice)
        code.with_user(self._user("steward", "integration_core.group_steward"))._revoke("it holds ten")
        self.env.flush_all()
        self._map("unit", "PK", self.units, factor="10")
        self.drain()
        self.void("U-31", {"line": "1", "quantity": "1", "reason": "one less"})
        self.assertEqual((charge.state, charge.credit_line_id.quantity), ("billed", 6.0))

    def test_a_correction_reverses_the_same_quantity(self):
        self._map("unit", "BX12", self.units, factor="12")
        charge, invoice = self.bill("U-32", self.line(1, quantity="2", unit="BX12"))
        self.post_invoice(invoice)
        self.finalize("U-32", self.line(1, quantity="3", unit="BX12", revision=2))
        new = self.charges("U-32") - charge
        self.assertEqual((charge.state, charge.credited_quantity, new.quantity), ("reversed", 24.0, 36.0))

    def test_a_void_finer_than_our_unit_parks(self):
        self._map("unit", "BX", self.units, factor="0.01")
        charge = self.ready("U-33", self.line(1, quantity="100", unit="BX"))
        self.void("U-33", {"line": "1", "quantity": "0.5", "reason": "half of one"})
        self.assertEqual((charge.quantity, charge.void_ids.park_reason), (1.0, "quantity_precision"))

    # -- the equation -------------------------------------------------------------------------------------------------

    def test_the_amount_as_sent_never_depends_on_units(self):
        self._map("unit", "BX12", self.units, factor="12")
        self.finalize("U-40", self.line(1, quantity="2", unit="BX12"), self.line(2, unit="XX"), self.line(3))
        self.assertEqual(self.charges("U-40").mapped("amount_sent"), [240.0, 120.0, 120.0])

    def test_units_cost_the_same_number_of_queries_for_many_lines(self):
        self._map("unit", "BX", self.box)
        self.content(self.visit, "50")
        counts = []
        for size in (5, 40):
            self.finalize(f"U-41-{size}", *[self.line(n, unit=("BX", "EA")[n % 2]) for n in range(size)])
            charges = self.charges(f"U-41-{size}")
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.env["integration.charge.resolver"]._resolve(charges)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 2)
