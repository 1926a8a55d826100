"""One charge per (system, encounter, line) for ever, whatever arrives how often in which order."""

from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2.errors import SerializationFailure

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestLines(BillingCase):
    def test_a_finalized_line_becomes_one_charge(self):
        event = self.finalize("E-1", self.line(1))
        charge = self.charges("E-1")
        self.assertRecordValues(
            charge,
            [
                {
                    "line": "1",
                    "product_id": self.visit.id,
                    "analytic_account_id": self.emergency.id,
                    "partner_id": self.patients.id,
                    "quantity": 1.0,
                    "price_unit": 120.0,
                    "amount": 120.0,
                    "currency_id": self.usd.id,
                    "state": "held",
                    "mode": "live",
                    "company_id": self.company.id,
                }
            ],
        )
        self.assertEqual(self.effects(event), [("1", "applied", None)])

    def test_a_line_needs_no_admission_first(self):
        self.finalize("E-2", self.line(1))
        self.admit("E-2", **{"class": "outpatient"})
        self.assertEqual(self.charges("E-2").state, "ready")
        self.assertEqual(self.charges("E-2").encounter_id.encounter_class, "outpatient")

    def test_fifty_copies_of_a_message_make_one_charge(self):
        for _copy in range(50):
            self.finalize("E-3", self.line(1), drain=False)  # other ids each time: 50 messages, one line
        self.drain()
        self.assertEqual(len(self.charges("E-3")), 1)
        effects = self.env["integration.effect"].search(
            [("event_id.subject", "=", False), ("res_id", "=", self.charges("E-3").id)]
        )
        self.assertEqual(sorted(effects.mapped("status")), ["applied"] + ["duplicate"] * 49)

    def test_the_same_number_in_another_spelling_is_the_same_content(self):
        self.finalize("E-4", self.line(1, quantity="1", price="120.00"))
        event = self.finalize("E-4", self.line(1, quantity="1.0", price="120"))
        self.assertEqual(self.effects(event), [("1", "duplicate", "same_content")])

    def test_two_orders_of_one_service_are_two_charges(self):
        """D8: a line is known by its number, never by its product."""
        self.finalize("E-5", self.line(1), self.line(2))
        self.assertEqual(len(self.charges("E-5")), 2)
        self.void("E-5", 2)
        self.assertEqual(self.charges("E-5").mapped("state"), ["held", "withdrawn"])

    def test_encounters_do_not_mix(self):
        """D13: two visits of one patient with equal line numbers are two charges on two invoices."""
        first, second = self.ready("E-6"), self.ready("E-7")
        self.approve(first | second)
        self.assertEqual(len((first | second).invoice_id), 2)
        self.assertEqual((first | second).invoice_id.mapped("invoice_origin"), ["E-6", "E-7"])

    def test_higher_revision_reverses_and_makes_new(self):
        self.finalize("E-8", self.line(1))
        event = self.finalize("E-8", self.line(1, price="150.00", revision=1))
        old, new = self.charges("E-8")
        self.assertEqual((old.state, old.current), ("withdrawn", False))
        self.assertEqual((new.state, new.current, new.amount, new.supersedes_id), ("held", True, 150.0, old))
        self.assertEqual(self.effects(event), [("1", "applied", None)])

    def test_other_content_without_a_higher_revision_parks_and_overwrites_nothing(self):
        self.finalize("E-9", self.line(1))
        event = self.finalize("E-9", self.line(1, price="150.00"))
        first, conflict = self.charges("E-9")
        self.assertEqual((first.state, first.amount), ("held", 120.0))
        self.assertEqual((conflict.state, conflict.park_reason, conflict.amount), ("parked", "conflict", 150.0))
        self.assertIn("unit price as sent", conflict.park_detail)
        self.assertEqual(self.effects(event), [("1", "parked", "conflict")])
        again = self.finalize("E-9", self.line(1, price="150.00"))
        self.assertEqual(len(self.charges("E-9")), 2)
        self.assertEqual(self.effects(again), [("1", "duplicate", "same_content")])

    def test_a_person_decides_a_conflict(self):
        self.finalize("E-10", self.line(1))
        self.finalize("E-10", self.line(1, price="150.00"))
        first, conflict = self.charges("E-10")
        conflict.with_user(self.reviewer).action_accept_conflict()
        self.assertEqual((first.state, conflict.state, conflict.amount), ("withdrawn", "held", 150.0))

    def test_a_higher_revision_settles_a_conflict(self):
        self.finalize("E-27", self.line(1))
        event = self.finalize("E-27", self.line(1, price="150.00"))
        self.finalize("E-27", self.line(1, price="150.00", revision=1))
        self.assertEqual(self.charges("E-27").mapped("state"), ["withdrawn", "withdrawn", "held"])
        self.assertEqual(self.effects(event), [("1", "applied", None)])

    def test_a_line_number_used_twice_in_one_message(self):
        event = self.finalize("E-11", self.line(1), self.line(1), self.line(1, price="7.00"))
        first, conflict = self.charges("E-11")
        self.assertEqual((first.amount, conflict.park_reason), (120.0, "conflict"))
        self.assertEqual(
            self.effects(event),
            [("1", "applied", None), ("1#2", "duplicate", "same_content"), ("1#3", "parked", "conflict")],
        )

    def test_revisions_in_one_batch(self):
        self.finalize("E-12", self.line(1), drain=False)
        self.finalize("E-12", self.line(1, price="130.00", revision=1), drain=False)
        self.finalize("E-12", self.line(1, price="140.00", revision=2))
        self.assertEqual(self.charges("E-12").mapped("state"), ["withdrawn", "withdrawn", "held"])
        self.assertEqual(self.charges("E-12")[-1].amount, 140.0)

    def test_same_content_under_a_higher_revision_is_remembered(self):
        """Revision 3 repeats revision 1: a late revision 2 must not win over it."""
        self.finalize("E-13", self.line(1, revision=1))
        self.finalize("E-13", self.line(1, revision=3))
        self.finalize("E-13", self.line(1, price="99.00", revision=2))
        current = self.charges("E-13").filtered("current")
        self.assertEqual((current.amount, current.revision), (120.0, 3))

    def test_an_earlier_revision_sent_again_changes_nothing(self):
        self.finalize("E-14", self.line(1))
        self.finalize("E-14", self.line(1, price="150.00", revision=1))
        event = self.finalize("E-14", self.line(1))
        self.assertEqual(self.effects(event), [("1", "duplicate", "same_content")])

    def test_void_before_its_line_withdraws_it_on_arrival(self):
        event = self.void("E-15", 1)
        self.assertEqual(self.effects(event), [("1", "waiting", "line_unseen")])
        self.finalize("E-15", self.line(1))
        self.assertEqual(self.charges("E-15").state, "withdrawn")
        self.assertEqual(self.effects(event), [("1", "applied", None)])

    def test_void_handled_at_the_same_moment_as_its_line_is_carried_out(self):
        event = self.void("E-15b", 1)
        # Of two transactions at once the line's does not see the void, nor the void's the line.
        voids = self.registry["integration.charge.void"]
        with patch.object(voids, "_meet", lambda _self, charges: charges.browse()):
            self.finalize("E-15b", self.line(1))
        self.drain()
        self.assertEqual(self.charges("E-15b").state, "withdrawn")
        self.assertEqual(self.effects(event), [("1", "applied", None)])

    def test_void_of_an_unseen_line_parks_after_a_day(self):
        event = self.void("E-16", 1)
        self.env["integration.charge.void"].search([("encounter", "=", "E-16")]).deadline = fields.Datetime.subtract(
            fields.Datetime.now(), minutes=1
        )
        self.drain()
        self.assertEqual(self.effects(event), [("1", "parked", "line_unseen")])
        self.finalize("E-16", self.line(1))
        self.assertEqual(self.charges("E-16").state, "withdrawn")
        self.assertEqual(self.effects(event), [("1", "applied", None)])

    def test_part_of_a_line_voided_before_it_came(self):
        self.void("E-17", {"line": "1", "quantity": "1"})
        self.finalize("E-17", self.line(1, quantity="3"))
        self.assertEqual((self.charges("E-17").quantity, self.charges("E-17").amount), (2.0, 240.0))

    def test_zero_is_a_price(self):
        self.finalize("E-18", self.line(1, price="0.00"))
        self.assertRecordValues(self.charges("E-18"), [{"state": "held", "amount": 0.0, "priced": True}])

    def test_test_charges_show_what_they_would_do_and_are_never_billed(self):
        trial = self._make_system("trial", live=False)
        self._map("service", "VISIT", self.visit, system=trial)
        self._map("department", "ED", self.emergency, system=trial)
        self.finalize("E-19", self.line(1), system=trial)
        charge = self.charges("E-19")
        self.assertEqual((charge.mode, charge.state, charge.amount), ("test", "held", 120.0))
        charge.state = "ready"
        with self.assertRaises(UserError):
            charge.with_user(self.reviewer).action_approve()
        self.finalize("E-20", self.line(1, service="UNKNOWN"), system=trial)
        self.assertFalse(self.events("finance.charge.parked.v1", self.charges("E-20")))

    def test_a_test_line_does_not_take_the_name_of_a_live_one(self):
        self.system.live_from = fields.Datetime.add(fields.Datetime.now(), days=1)
        self.finalize("E-21", self.line(1))
        self.system.live_from = "2000-01-01"
        self.finalize("E-21", self.line(1, price="130.00"))
        self.assertEqual(self.charges("E-21").mapped("mode"), ["test", "live"])
        self.assertEqual(self.charges("E-21").mapped("state"), ["held", "held"])

    def test_missing_optional_data_never_blocks(self):
        """D10: no department, no class, no payer fields but a default."""
        self.system.self_pay_default = True
        event = self.finalize("E-22", self.line(1), department=None, nobody=True)
        self.assertEqual(self.charges("E-22").state, "held")
        self.assertFalse(self.charges("E-22").analytic_account_id)
        self.assertEqual(self.effects(event), [("1", "applied", None)])

    def test_a_failing_batch_leaves_nothing_behind(self):
        """D9: charge, encounter and effect are one transaction; the delivery waits for its next try."""
        target = type(self.env["integration.charge"])
        with patch.object(target, "_evaluate", side_effect=RuntimeError("bug")):
            event = self.finalize("E-23", self.line(1))
        self.assertFalse(self.charges("E-23"))
        self.assertEqual(event.delivery_ids.state, "waiting")
        self.make_due()
        self.drain()
        self.assertEqual(self.charges("E-23").state, "held")

    def test_two_workers_with_one_line(self):
        """The other's charge was committed after this transaction began to look: the batch is to be repeated."""
        self.finalize("E-26", self.line(1))
        event = self.finalize("E-26", self.line(1), drain=False)
        handler = self.env["integration.handler.service_finalized"].with_user(self.engine)
        intake = type(self.env["integration.charge.intake"])
        with (
            patch.object(intake, "_known", lambda model, wave: {}),
            mute_logger("odoo.sql_db"),
            self.assertRaises(SerializationFailure),
        ):
            handler._handle(handler._load_batch(event))

    def test_a_thousand_lines_in_one_batch(self):
        """The ORM works in bulk: the number of queries does not grow with the number of lines of a message."""
        self.finalize("E-24", *[self.line(n) for n in range(1, 11)])
        event = self.finalize("E-25", *[self.line(n) for n in range(1, 1001)], drain=False)
        handler = self.env["integration.handler.service_finalized"].with_user(self.engine)
        batch = handler._load_batch(event)
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        handler._handle(batch)
        self.env.flush_all()
        self.assertLess(self.env.cr.sql_log_count - before, 150)
        self.assertEqual(len(self.charges("E-25")), 1000)
