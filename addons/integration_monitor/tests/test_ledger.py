from decimal import Decimal
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from ..hooks import post_init_hook
from .common import MonitorCase


@tagged("post_install", "-at_install")
class TestLedger(MonitorCase):
    """received = applied + waiting + parked + rejected + duplicate, and the check can fail."""

    def test_a_line_that_becomes_a_charge_is_applied(self):
        self.finalize("E-1", self.line(1), self.line(2, quantity="2"))
        self.assertEqual(self.figures(), {"received": (2, Decimal(360), 0), "applied": (2, Decimal(360), 0)})

    def test_before_the_handler_ran_a_line_waits(self):
        self.finalize("E-1", self.line(1), drain=False)
        self.assertEqual(self.figures(), {"received": (1, Decimal(120), 0), "waiting": (1, Decimal(120), 0)})

    def test_a_dead_letter_waits_and_a_skipped_one_is_rejected(self):
        event = self.finalize("E-1", self.line(1), drain=False)
        self.env.cr.execute("UPDATE integration_delivery SET state = 'dead' WHERE event_id = %s", (event.id,))
        self.assertEqual(self.figures()["waiting"], (1, Decimal(120), 0))
        self.env.cr.execute("UPDATE integration_delivery SET state = 'skipped' WHERE event_id = %s", (event.id,))
        self.assertEqual(self.figures()["rejected"], (1, Decimal(120), 0))

    def test_an_unmapped_code_is_parked_with_its_money(self):
        self.finalize("E-1", self.line(1), self.line(2, service="NEW", price="80.00"))
        self.assertEqual(
            self.figures(),
            {
                "received": (2, Decimal(200), 0),
                "applied": (1, Decimal(120), 0),
                "parked": (1, Decimal(80), 0),
            },
        )

    def test_units_rules_and_price_sources_lose_nothing(self):
        """Lines that are converted, parked for their unit, their price or their cost center, corrected and voided."""
        self._map("unit", "BX12", self.env.ref("uom.product_uom_unit"), factor="12")
        department = self._entity("department", self.emergency, "Emergency")
        center = self._entity("cost_center", self._analytic("Imaging"))
        self._rule("integration.cost.center.rule", department_id=department.id, cost_center_id=center.id)
        self._rule("integration.price.rule", source="agree", product_id=self.scan.id)
        lines = (
            self.line(1, quantity="2", price="100.00", unit="BX12"),
            self.line(2, quantity="3", price="10.00", unit="XX"),
            self.line(3, service="SCAN", price="900.00"),
            self.line(4, quantity="0.07", price="1.00", unit="BX12"),
        )
        self.finalize("E-1", *lines)
        self.void("E-1", {"line": "1", "quantity": "0.5", "reason": "half a box"})
        self.finalize("E-1", *lines)
        self.finalize("E-1", self.line(3, service="SCAN", price="950.00", revision=2))
        figures = self.figures()
        sent = Decimal(200) + 30 + 900 + Decimal("0.07")
        self.assertEqual(figures["received"], (10, 2 * sent + 950, 0))
        self.assertEqual(figures["applied"][1] + figures["parked"][1] + figures["duplicate"][1], 2 * sent + 950)
        self.assertNotIn("lost", figures)
        self._map("unit", "XX", self.env.ref("uom.product_uom_unit"))
        self.drain()
        after = self.figures()
        self.assertEqual(after["applied"][1] - figures["applied"][1], 30)
        self.assertNotIn("lost", after)

    def test_what_nobody_subscribed_to_is_parked(self):
        self.post(
            "clinical.patient.merged.v1", {"patient": {"id": "1"}, "merged_into": "2", "at": "2026-11-20T09:30:00Z"}
        )
        self.assertEqual(self.figures(), {"received": (1, Decimal(0), 0), "parked": (1, Decimal(0), 0)})

    def test_copies_and_refusals_are_counted_on_both_sides(self):
        event = self.finalize("E-1", self.line(1))
        self.receive_again(event)
        self.receive_again(self.env["integration.event"], outcome="rejected", reason="schema-violation")
        self.assertEqual(
            self.figures(),
            {
                "received": (3, Decimal(360), 0),
                "applied": (1, Decimal(120), 0),
                "duplicate": (1, Decimal(120), 0),
                "rejected": (1, Decimal(120), 0),
            },
        )

    def test_the_same_line_in_another_message_is_a_duplicate(self):
        self.finalize("E-1", self.line(1))
        self.finalize("E-1", self.line(1))
        self.assertEqual(self.figures()["duplicate"], (1, Decimal(120), 0))
        self.assertNotIn("lost", self.figures())

    def test_a_line_without_a_price_is_counted_apart_never_as_zero(self):
        self.finalize("E-1", self.line(1, price=None), self.line(2, price="0.00"))
        figures = self.figures()
        self.assertEqual(figures["received"], (2, Decimal(0), 1))
        self.assertEqual(figures["applied"], (1, Decimal(0), 0))
        self.assertEqual(figures["parked"], (1, Decimal(0), 1), "without a price list it parks, of unknown price")
        self.assertNotIn("lost", figures)

    def test_a_voided_charge_stays_applied(self):
        self.finalize("E-1", self.line(1))
        self.void("E-1", 1)
        self.assertEqual(self.charges("E-1").state, "withdrawn")
        self.assertEqual(self.figures(), {"received": (2, Decimal(120), 0), "applied": (2, Decimal(120), 0)})

    def test_a_void_of_an_unseen_line_waits(self):
        self.void("E-9", 1)
        self.assertEqual(self.figures(), {"received": (1, Decimal(0), 0), "waiting": (1, Decimal(0), 0)})

    def test_a_correction_is_two_charges_each_of_its_own_message(self):
        self.finalize("E-1", self.line(1, revision=1))
        self.finalize("E-1", self.line(1, price="150.00", revision=2))
        self.assertEqual(self.figures(), {"received": (2, Decimal(270), 0), "applied": (2, Decimal(270), 0)})

    def test_a_line_number_twice_in_one_message_is_two_units(self):
        self.finalize("E-1", self.line(1), self.line(1, price="50.00"))
        figures = self.figures()
        self.assertEqual(figures["received"], (2, Decimal(170), 0))
        self.assertNotIn("lost", figures)

    def test_sixteen_decimals_do_not_drift(self):
        self.finalize("E-1", *[self.line(n, quantity="0.1", price="0.03") for n in range(1, 31)])
        self.assertEqual(self.figures()["received"], (30, Decimal("0.09"), 0))
        self.assertNotIn("lost", self.figures())

    def test_what_retention_removes_stays_what_it_was(self):
        applied = self.finalize("E-1", self.line(1))
        self.void("E-1", 1)
        copy = self.finalize("E-1", self.line(1))
        lost = self.finalize("E-3", self.line(1), self.line(2, price="30.00"))
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM integration_charge WHERE encounter = 'E-3' AND line = '2'")
        self.env.cr.execute("UPDATE integration_charge SET state = 'withdrawn' WHERE encounter = 'E-3'")
        parked = self.finalize("E-4", self.line(1, service="NEW", price="80.00"))
        skipped = self.finalize("E-2", self.line(1, price="7.00"), drain=False)
        self.env.cr.execute("UPDATE integration_delivery SET state = 'skipped' WHERE event_id = %s", (skipped.id,))
        self.env.invalidate_all()
        before = self.figures()
        self.assertEqual(
            {name: before[name][0] for name in before},
            {"received": 7, "applied": 3, "duplicate": 1, "rejected": 1, "parked": 1, "lost": 1},
        )
        gone = applied | copy | skipped | lost
        self.purge(*gone, parked)
        self.assertEqual((gone.exists(), parked.exists()), (gone.browse(), parked), "what is parked does not go")
        self.assertEqual(self.figures(), before)
        receipts = self.env["integration.receipt"].search([])
        self.assertEqual(receipts.filtered(lambda one: one.encounter == "E-4").settled, False)
        self.assertEqual(
            sorted(receipts.filtered("settled").mapped("settled")),
            ["applied", "applied", "duplicate", "rejected", "unaccounted"],
        )

    def test_a_charge_is_followed_when_its_message_is_gone(self):
        event = self.finalize("E-1", self.line(1))
        charge = self.charges("E-1")
        charge.write({"state": "withdrawn"})
        self.env.flush_all()
        self.purge(event)
        receipt = self.env["integration.receipt"].search([("encounter", "=", "E-1")])
        self.assertEqual((receipt.event_id.id, receipt.charge_id, receipt.bucket), (False, charge, "applied"))
        self.assertEqual(self.figures(), {"received": (1, Decimal(120), 0), "applied": (1, Decimal(120), 0)})
        self.env.cr.execute("UPDATE integration_charge SET amount_sent = 100 WHERE id = %s", (charge.id,))
        self.assertEqual(self.figures()["lost"], (0, Decimal(20), 0), "its money is still read from the charge")
        self.env.cr.execute("DELETE FROM integration_charge WHERE id = %s", (charge.id,))
        self.assertEqual(self.figures()["lost"], (1, Decimal(120), 0))

    def test_what_another_process_works_on_is_not_noted(self):
        event = self.finalize("E-1", self.line(1))
        self.charges("E-1").write({"state": "withdrawn"})
        with patch.object(self.registry["integration.retention"], "_lock_events", lambda retention, ids: []):
            self.purge(event)
        self.assertTrue(event.exists())
        self.assertFalse(self.env["integration.receipt"].search([("event_id", "=", event.id)]).settled)

    def test_what_was_removed_before_the_addon_was_there_counts_as_applied(self):
        event = self.finalize("E-1", self.line(1), self.line(2, price="30.00"))
        kept = self.finalize("E-2", self.line(1, price="7.00"))
        charges = self.charges("E-1")
        charges.write({"state": "withdrawn"})
        self.purge(event)
        self.env.cr.execute("UPDATE integration_receipt SET settled = NULL, settled_charge_id = NULL")
        self.env.invalidate_all()
        self.assertEqual(self.figures()["lost"], (2, Decimal(150), 0), "nobody noted what became of it")
        post_init_hook(self.env)
        self.assertEqual(self.figures(), {"received": (3, Decimal(157), 0), "applied": (3, Decimal(157), 0)})
        receipts = self.env["integration.receipt"].search([("encounter", "=", "E-1")])
        self.assertEqual(receipts.charge_id, charges)
        self.assertFalse(self.env["integration.receipt"].search([("event_id", "=", kept.id)]).settled)

    # -- the check can fail ----

    def test_a_message_that_vanishes_is_unaccounted(self):
        event = self.finalize("E-1", self.line(1))
        self.finalize("E-2", self.line(1, price="7.00"))
        self.env.cr.execute("DELETE FROM integration_event WHERE id = %s", (event.id,))
        self.env.invalidate_all()
        self.assertEqual(self.figures()["lost"], (1, Decimal(120), 0))
        self.assertEqual(self.figures()["applied"], (1, Decimal(7), 0))
        receipt = self.env["integration.receipt"].search([("bucket", "=", "unaccounted")])
        self.assertEqual(receipt.encounter, "E-1")
        rows = self.env["integration.ledger.line"].search([]).filtered("unaccounted")
        self.assertEqual((rows.unaccounted, rows.unaccounted_amount), (1, 120.0))

    def test_a_charge_that_vanishes_is_unaccounted(self):
        self.finalize("E-1", self.line(1), self.line(2, price="30.00"))
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM integration_charge WHERE encounter = 'E-1' AND line = '2'")
        self.env.invalidate_all()
        figures = self.figures()
        self.assertEqual(figures["lost"], (1, Decimal(30), 0))
        self.assertEqual(figures["applied"], (1, Decimal(120), 0))
        receipt = self.env["integration.receipt"].search([("bucket", "=", "unaccounted")])
        self.assertEqual((receipt.encounter, receipt.unit, receipt.bucket), ("E-1", "2", "unaccounted"))

    def test_a_charge_of_another_amount_is_unaccounted(self):
        self.finalize("E-1", self.line(1))
        self.env.flush_all()
        self.env.cr.execute("UPDATE integration_charge SET amount_sent = 100 WHERE encounter = 'E-1'")
        self.assertEqual(self.figures()["lost"], (0, Decimal(20), 0))

    def test_an_effect_that_vanishes_is_unaccounted(self):
        event = self.finalize("E-1", self.line(1))
        self.env.cr.execute("DELETE FROM integration_effect WHERE event_id = %s", (event.id,))
        self.assertEqual(self.figures()["lost"], (1, Decimal(120), 0))

    def test_an_encounter_that_vanishes_is_unaccounted(self):
        event = self.admit("E-1")
        self.assertNotIn("lost", self.figures())
        effect = self.env["integration.effect"].search([("event_id", "=", event.id)])
        self.env.cr.execute("UPDATE integration_effect SET res_id = 2147483647 WHERE id = %s", (effect.id,))
        self.assertEqual(self.figures()["lost"], (1, Decimal(0), 0))

    def test_a_receipt_that_vanishes_shows_as_counted_twice(self):
        event = self.finalize("E-1", self.line(1))
        self.env.cr.execute("DELETE FROM integration_receipt WHERE event_id = %s", (event.id,))
        self.assertEqual(self.figures()["lost"], (-1, Decimal(-120), 0))

    # -- how it is told apart ----

    def test_currencies_are_never_added(self):
        self.env.ref("base.EUR").active = True
        self.finalize("E-1", self.line(1), self.line(2, currency="EUR"))
        rows = {row.key.currency: row for row in self.equation()}
        self.assertEqual(set(rows), {"USD", "EUR"})
        self.assertTrue(all(row.balanced for row in rows.values()))

    def test_test_traffic_is_left_out(self):
        trial = self._make_system("trial", live=False)
        self.finalize("E-1", self.line(1), system=trial)
        self.assertEqual(self.figures(), {})

    def test_another_company_is_left_out(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        system = self._make_system("other", company=other)
        self.finalize("E-1", self.line(1), system=system)
        self.assertEqual(self.figures(), {})
        self.assertEqual(self.figures(self.equation(companies=other))["received"][0], 1)

    def test_by_cost_center_with_unassigned(self):
        self.finalize("E-1", self.line(1), self.line(2, cost_center="CC-7"))
        self.finalize("E-2", self.line(1), department=None)
        rows = self.equation(by=("system_id", "cost_center"))
        self.assertEqual({row.key.cost_center for row in rows}, {"ED", "CC-7", "unassigned"})
        self.assertTrue(all(row.balanced for row in rows))

    def test_by_day_of_receipt_and_by_day_of_service(self):
        self.finalize("E-1", self.line(1), performed_at="2026-11-02T09:30:00Z")
        today = fields.Date.today()
        self.assertEqual([row.key.day for row in self.equation(by=("system_id", "day"))], [today])
        by_service = self.equation(by=("system_id", "day"), basis="service")
        self.assertEqual([row.key.day for row in by_service], [fields.Date.to_date("2026-11-02")])
        self.assertTrue(by_service[0].balanced)

    def test_a_span_of_days_leaves_the_others_out(self):
        self.finalize("E-1", self.line(1))
        yesterday = fields.Date.add(fields.Date.today(), days=-1)
        self.assertFalse(self.env["integration.ledger"]._equation(self.company, yesterday, yesterday))
