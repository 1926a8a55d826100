"""What cannot be worked out is parked with its reason and its money at risk, and resumes by itself."""

from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.service.model import call_kw
from odoo.tests import Form, new_test_user, tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestParking(BillingCase):
    def parked(self, encounter, reason, *lines, **data):
        event = self.finalize(encounter, *(lines or [self.line(1)]), **data)
        charge = self.charges(encounter)
        self.assertEqual((charge.state, charge.park_reason), ("parked", reason))
        self.assertTrue(charge.park_detail)
        self.assertTrue(charge.parked_since)
        self.assertEqual(self.effects(event), [(charge.unit, "parked", reason)])
        return charge

    def resumed(self, charge):
        self.drain()
        self.assertEqual((charge.state, charge.park_reason, charge.parked_since), ("held", False, False))
        self.assertEqual(self.effects(charge.event_id), [(charge.unit, "applied", None)])

    def test_unknown_code_parks_with_its_money_and_resumes(self):
        charge = self.parked("K-1", "service_unmapped", self.line(1, service="NEW", quantity="2"))
        self.assertEqual((charge.amount, charge.currency_id), (240.0, self.usd))
        task = self.env["integration.mapping.task"].search([("code", "=", "NEW")])
        self.assertEqual((task.kind, task.state, task.waiting_lines), ("service", "open", 1))
        self.assertIn("240.00", task.waiting_money)
        self._map("service", "NEW", self.scan)
        self.resumed(charge)
        self.assertEqual((charge.product_id, charge.amount), (self.scan, 240.0))

    def test_a_task_counts_its_own_code_system_alone(self):
        self.finalize("K-21", self.line(1, service="NEW"), self.line(2, service="NEW", code_system="other"))
        tasks = self.env["integration.mapping.task"].search([("code", "=", "NEW")], order="code_system")
        self.assertEqual(tasks.mapped("code_system"), [self.system.code, "other"])
        self.assertEqual(tasks.mapped("waiting_lines"), [1, 1])

    def test_the_form_that_maps_a_code_says_what_waits_for_it(self):
        self.parked("K-21", "service_unmapped", self.line(1, service="NEW", quantity="2"))
        task = self.env["integration.mapping.task"].search([("code", "=", "NEW")])
        with Form(self.env["integration.map.codes"].with_context(default_task_ids=task.ids)) as form:
            self.assertIn("1 line", form.waiting)
            self.assertIn("240", form.waiting)
            form.product_id = self.env["product.product"].create({"name": "New", "type": "service"})

    def test_parking_and_resuming_are_told_once(self):
        charge = self.parked("K-2", "service_unmapped", self.line(1, service="NEW"))
        charge.action_try_again()
        events = self.events("finance.charge.parked.v1", charge)
        self.assertEqual(len(events), 1)
        self.commit()
        data = self.data_of(events)
        self.assertEqual((data["encounter"], data["line"], data["reason"]), ("K-2", "1", "service_unmapped"))

    def test_mapped_at_the_day_of_service(self):
        old = self._service("CODE-A", "Old meaning")
        new = self._service("CODE-B", "New meaning")
        self._map("service", "CODE", old, valid_to="2026-06-30")
        self._map("service", "CODE", new, valid_from="2026-07-01")
        self.finalize("K-3", self.line(1, service="CODE", performed_at="2026-06-30T12:00:00Z"))
        self.finalize("K-3", self.line(2, service="CODE", performed_at="2026-07-01T12:00:00Z"))
        self.assertEqual(self.charges("K-3").mapped("product_id"), old | new)

    def test_the_day_is_local_to_the_system(self):
        self.system.timezone = "America/New_York"
        self._map("service", "TZ", self.visit, valid_to="2026-06-30")
        self.finalize("K-4", self.line(1, service="TZ", performed_at="2026-07-01T02:00:00Z"))
        self.assertRecordValues(
            self.charges("K-4"), [{"service_day": fields.Date.to_date("2026-06-30"), "product_id": self.visit.id}]
        )

    def test_unmapped_department_parks_and_resumes(self):
        charge = self.parked("K-5", "department_unmapped", department="ICU")
        self._map("department", "ICU", self._analytic("Intensive care"))
        self.resumed(charge)
        self.assertEqual(charge.analytic_account_id.name, "Intensive care")

    def test_a_line_department_wins_over_the_message(self):
        self._map("department", "ICU", self._analytic("Intensive care"))
        self.finalize("K-6", self.line(1, department="ICU"), self.line(2))
        self.assertEqual(self.charges("K-6").mapped("analytic_account_id.name"), ["Intensive care", "Emergency"])

    def test_a_cost_center_of_the_line_decides(self):
        charge = self.parked("K-7", "cost_center_unmapped", self.line(1, cost_center="4711"))
        self._map("cost_center", "4711", self._analytic("Projects"))
        self.resumed(charge)
        self.assertEqual(charge.analytic_account_id.name, "Projects")

    def test_unknown_currency_parks_until_it_is_active(self):
        yen = self.env.ref("base.JPY")
        yen.active = False
        charge = self.parked("K-8", "currency_unknown", self.line(1, price="1500", currency="JPY"))
        self.assertEqual((charge.amount, charge.currency_id), (1500.0, yen))
        yen.active = True
        self.resumed(charge)
        none = self.parked("K-9", "currency_unknown", self.line(1, currency="XXQ"))
        self.assertEqual((none.amount, none.currency_id.id), (120.0, False))

    def test_a_quantity_too_fine_says_the_remedy(self):
        charge = self.parked("K-10", "quantity_precision", self.line(1, quantity="0.375", price="120.00"))
        self.assertIn("set Product Unit to 3 decimals", charge.park_detail)
        self.assertEqual(charge.amount, 45.0)
        self.env["decimal.precision"].search([("name", "=", "Product Unit")]).digits = 3
        self.resumed(charge)
        self.assertEqual((charge.quantity, charge.amount), (0.375, 45.0))

    def test_a_price_too_fine_says_the_remedy(self):
        charge = self.parked("K-11", "price_precision", self.line(1, quantity="1000", price="0.0345"))
        self.assertIn("set Product Price to 4 decimals", charge.park_detail)
        self.assertEqual(charge.amount, 34.5)
        self.env["decimal.precision"].search([("name", "=", "Product Price")]).digits = 4
        self.resumed(charge)
        self.assertEqual((charge.price_unit, charge.amount), (0.0345, 34.5))

    def test_those_who_may_only_look_do_not_try_again(self):
        charge = self.parked("K-31", "service_unmapped", self.line(1, service="NEW"))
        self._map("service", "NEW", self.scan)
        charge.park_reason = "unit_unknown"  # what the mapping itself would not have looked at again
        viewer = new_test_user(self.env, "looks", groups="integration_core.group_finance_viewer")
        with self.assertRaises(AccessError):
            call_kw(charge.with_user(viewer).browse(), "action_try_again", [charge.ids], {})
        self.assertEqual(charge.state, "parked")
        for number, role in enumerate(("finance_reviewer", "steward", "operator")):
            with self.subTest(role=role):
                groups = f"integration_core.group_{role},integration_core.group_finance_viewer"
                user = new_test_user(self.env, f"tries{number}", groups=groups)
                call_kw(charge.with_user(user).browse(), "action_try_again", [charge.ids], {})
                self.assertEqual(charge.state, "held")
                charge.write({"state": "parked", "park_reason": "unit_unknown"})

    def test_a_quantity_of_four_decimals(self):
        charge = self.parked("K-12", "quantity_precision", self.line(1, quantity="0.0345", price="100.00"))
        self.assertIn("set Product Unit to 4 decimals", charge.park_detail)
        self.assertEqual(charge.quantity_sent, "0.0345")

    def test_an_unknown_unit_parks_and_is_never_one(self):
        """D12: quantity is never guessed for a unit nobody knows."""
        charge = self.parked("K-13", "unit_unknown", self.line(1, unit="box-of-12"))
        self.assertEqual((charge.quantity, charge.amount), (0.0, 120.0), "no quantity is shown that nobody knows")
        self.visit.uom_id = self.env["uom.uom"].create({"name": "box-of-12"})
        charge.action_try_again()
        self.assertEqual(charge.park_reason, "unit_unknown", "nothing is matched by its name alone")
        self._map("unit", "box-of-12", self.visit.uom_id)
        self.resumed(charge)

    def test_no_price_anywhere_parks_until_a_price_list_has_one(self):
        charge = self.parked("K-14", "no_price", self.line(1, price=None))
        self.assertFalse(charge.priced)
        pricelist = self.env["product.pricelist"].create({"name": "Patients"})
        self.patients.property_product_pricelist = pricelist
        self.env["product.pricelist.item"].create(
            {
                "pricelist_id": pricelist.id,
                "applied_on": "0_product_variant",
                "product_id": self.visit.id,
                "compute_price": "fixed",
                "fixed_price": 77.0,
            }
        )
        self.resumed(charge)
        self.assertEqual((charge.amount, charge.price_source), (77.0, "price_list"))

    def test_a_facility_decides_the_company(self):
        other = self.env["res.company"].create({"name": "Second house", "currency_id": self.usd.id})
        charge = self.parked("K-15", "facility_unmapped", facility="HOUSE-2")
        self.assertEqual(charge.company_id, self.company)
        self._map("facility", "HOUSE-2", other)
        self.drain()
        self.assertEqual(charge.company_id, other)
        self.assertEqual(charge.park_reason, "service_unmapped", "codes are matched within the company alone")

    def test_everything_missing_is_said_at_once(self):
        charge = self.parked(
            "K-16", "service_unmapped", self.line(1, service="NEW", quantity="0.375"), department="ICU"
        )
        self.assertEqual(len(charge.park_detail.splitlines()), 3)

    def test_one_charge_that_breaks_parks_alone(self):
        first = self.parked("K-17", "service_unmapped", self.line(1, service="NEW"))
        second = self.parked("K-18", "service_unmapped", self.line(1, service="NEW"))
        resolver = type(self.env["integration.charge.resolver"])
        resolve = resolver._resolve

        def failing(model, charges):
            if first in charges:
                raise RuntimeError("bug")
            return resolve(model, charges)

        self._map("service", "NEW", self.scan)
        with patch.object(resolver, "_resolve", failing):
            self.drain()
        self.assertEqual((first.park_reason, second.state), ("error", "held"))
        first.action_try_again()
        self.assertEqual(first.state, "held")

    def test_what_nobody_announced_is_found_within_an_hour(self):
        charge = self.parked("K-19", "service_unmapped", self.line(1, service="NEW"))
        self._map("service", "NEW", self.scan)
        charge.recheck = False
        self.drain()
        self.assertEqual(charge.state, "parked")
        charge.evaluated_at = fields.Datetime.subtract(fields.Datetime.now(), hours=2)
        self.drain()
        self.assertEqual(charge.state, "held")

    def test_a_reviewer_rejects_for_good(self):
        charge = self.parked("K-20", "service_unmapped", self.line(1, service="NEW"))
        self.env["integration.charge.reject"].with_user(self.reviewer).create(
            {"charge_ids": [fields.Command.set(charge.ids)], "reason": "Not a service"}
        ).action_reject()
        self.assertEqual((charge.state, charge.ended_reason), ("rejected", "Not a service"))
        self.assertEqual(self.effects(charge.event_id), [("1", "rejected", "service_unmapped")])
        self.commit()
        event = self.events("finance.charge.rejected.v1", charge)
        self.assertEqual(self.data_of(event)["line"], "1")
        self.assertEqual(event.correlation_id, charge.event_id.correlation_id)
        self._map("service", "NEW", self.scan)
        self.drain()
        self.assertEqual(charge.state, "rejected")
        with self.assertRaises(AccessError):
            charge.with_user(self._user("viewer", "integration_core.group_finance_viewer"))._reject("no")
