"""From a ready charge to a draft invoice: billing rules, approval, one draft per encounter, customer and currency."""

from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestBilling(BillingCase):
    # -- billing rules ------------------------------------------------------------------------------------------------

    def test_inpatients_wait_for_discharge_and_hold_days(self):
        self.env["integration.billing.rule"].create(
            {"company_id": self.company.id, "encounter_class": "inpatient", "basis": "discharge", "days": 2}
        )
        self.admit("B-1", **{"class": "inpatient"})
        self.finalize("B-1", self.line(1))
        charge = self.charges("B-1")
        self.assertEqual((charge.state, charge.ready_on), ("held", False))
        today = fields.Datetime.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        self.discharge("B-1", at=today)
        self.assertEqual((charge.state, charge.ready_on), ("held", fields.Date.add(fields.Date.today(), days=2)))
        charge.ready_on = fields.Date.today()
        self.drain()
        self.assertEqual(charge.state, "ready")

    def test_discharge_makes_charges_ready(self):
        self.admit("B-2", **{"class": "inpatient"})
        self.finalize("B-2", self.line(1))
        self.discharge("B-2")
        self.assertEqual(self.charges("B-2").state, "ready")

    def test_discharge_before_everything_else(self):
        self.discharge("B-3")
        self.finalize("B-3", self.line(1))
        self.assertEqual(self.charges("B-3").state, "ready")

    def test_an_older_discharge_does_not_undo_a_corrected_one(self):
        self.discharge("B-6", at="2026-11-21T08:00:00Z", time="2026-11-21T09:00:00Z")
        self.discharge("B-6", at="2026-11-20T08:00:00Z", time="2026-11-20T09:00:00Z")
        encounter = self.env["integration.encounter"].search([("name", "=", "B-6")])
        self.assertEqual(fields.Datetime.to_string(encounter.discharged_at), "2026-11-21 08:00:00")
        self.discharge("B-6", at="2026-11-22T08:00:00Z", time="2026-11-22T09:00:00Z")
        self.assertEqual(fields.Datetime.to_string(encounter.discharged_at), "2026-11-22 08:00:00")

    def test_outpatients_need_no_discharge(self):
        self.assertEqual(self.ready("B-4").state, "ready")

    def test_a_changed_rule_is_taken_up(self):
        self.finalize("B-5", self.line(1))
        self.assertEqual(self.charges("B-5").state, "held")
        self.env["integration.billing.rule"].create({"company_id": self.company.id, "basis": "service", "days": 0})
        self.drain()
        self.assertEqual(self.charges("B-5").state, "ready")

    def test_without_any_rule_charges_stay_on_hold(self):
        self.env["integration.billing.rule"].search([]).active = False
        self.finalize("B-6", self.line(1))
        self.assertEqual((self.charges("B-6").state, self.charges("B-6").ready_on), ("held", False))

    # -- approval -----------------------------------------------------------------------------------------------------

    def test_completion_is_never_by_itself_an_invoice(self):
        charge = self.ready("B-10")
        self.drain()
        self.assertFalse(charge.invoice_id)
        _charges, invoice = self.bill("B-11")
        self.drain()
        self.assertEqual(invoice.state, "draft")

    def test_approved_charges_become_one_draft(self):
        charges, invoice = self.bill("B-12", self.line(1), self.line(2, service="SCAN", price="300.00"))
        self.assertRecordValues(
            invoice,
            [
                {
                    "move_type": "out_invoice",
                    "state": "draft",
                    "partner_id": self.patients.id,
                    "invoice_origin": "B-12",
                    "currency_id": self.usd.id,
                    "amount_untaxed": 420.0,
                    "company_id": self.company.id,
                }
            ],
        )
        self.assertEqual(charges.mapped("state"), ["billed", "billed"])
        for charge in charges:
            line = charge.invoice_line_id
            self.assertEqual((line.product_id, line.price_unit), (charge.product_id, charge.price_unit))
            self.assertEqual(line.account_id, self.income)
            self.assertEqual(line.analytic_distribution, {str(self.emergency.id): 100})
        self.assertEqual(invoice.integration_charge_count, 2)

    def test_the_journal_for_charges(self):
        journal = self.env["account.journal"].create(
            {"name": "Charges", "code": "CHG", "type": "sale", "company_id": self.company.id}
        )
        self.company.integration_sale_journal_id = journal
        _charges, invoice = self.bill("B-13")
        self.assertEqual(invoice.journal_id, journal)

    def test_one_draft_per_customer_and_currency(self):
        self.env.ref("base.EUR").active = True
        self.admit("B-14", **{"class": "outpatient"})
        self.finalize("B-14", self.line(1), self.line(2, currency="EUR"))
        self.finalize("B-14", self.line(3), coverage=[{"payer": "NBH", "rank": 1}])
        charges = self.charges("B-14")
        self.approve(charges)
        self.assertEqual(len(charges.invoice_id), 3)
        keys = {(move.partner_id, move.currency_id.name) for move in charges.invoice_id}
        self.assertEqual(keys, {(self.patients, "USD"), (self.patients, "EUR"), (self.payer, "USD")})

    def test_late_charges_go_to_the_open_draft_then_to_a_supplement(self):
        _charges, invoice = self.bill("B-15")
        self.finalize("B-15", self.line(2))
        late = self.charges("B-15", 2)
        self.approve(late)
        self.assertEqual(late.invoice_id, invoice)
        self.assertEqual(invoice.amount_untaxed, 240.0)
        self.post_invoice(invoice)
        self.finalize("B-15", self.line(3))
        later = self.charges("B-15", 3)
        self.approve(later)
        self.assertNotEqual(later.invoice_id, invoice)
        self.assertEqual((later.invoice_id.state, later.invoice_id.invoice_origin), ("draft", "B-15"))

    def test_there_is_one_open_draft_by_index(self):
        _charges, invoice = self.bill("B-16")
        document = self.env["integration.charge.document"].search([("move_id", "=", invoice.id)])
        other = invoice.copy()
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            document.copy({"move_id": other.id})
            self.env.flush_all()

    def test_approval_by_encounter(self):
        charge = self.ready("B-17")
        charge.encounter_id.with_user(self.reviewer).action_approve_charges()
        self.drain()
        self.assertEqual(charge.state, "billed")

    def test_only_a_reviewer_approves(self):
        viewer = self._user("viewer", "integration_core.group_finance_viewer")
        charge = self.ready("B-18")
        with self.assertRaises(AccessError):
            charge.with_user(viewer).action_approve()
        with self.assertRaises(AccessError):
            charge.with_user(self.reviewer).write({"amount": 1.0})

    def test_only_ready_charges_are_approved(self):
        self.finalize("B-19", self.line(1))
        with self.assertRaises(UserError):
            self.charges("B-19").with_user(self.reviewer).action_approve()

    def test_approved_charges_can_go_back_to_review(self):
        charge = self.ready("B-20")
        charge.with_user(self.reviewer).action_approve()
        charge.with_user(self.reviewer).action_back_to_review()
        self.drain()
        self.assertEqual((charge.state, charge.invoice_id.id), ("ready", False))

    # -- the background -----------------------------------------------------------------------------------------------

    def test_many_encounters_in_the_background_with_progress(self):
        charges = self.env["integration.charge"]
        for number in range(12):
            self.admit(f"R-{number}", drain=False, **{"class": "outpatient"})
            self.finalize(f"R-{number}", self.line(1), drain=False)
        self.drain()
        charges = charges.search([("encounter", "like", "R-")])
        action = charges.with_user(self.reviewer).action_approve()
        run = self.env["integration.billing.run"].browse(action["res_id"])
        self.assertEqual((run.total, run.done, run.state), (12, 0, "running"))
        left = self.env["integration.billing.group"].with_user(self.engine)._chore_bill(5)
        run.invalidate_recordset()
        self.assertEqual((left, run.done, run.state), (5, 5, "running"))
        self.drain()
        run.invalidate_recordset()
        self.assertEqual((run.done, run.failed, run.progress, run.state), (12, 0, 100.0, "done"))
        self.assertEqual(len(charges.invoice_id), 12)

    def test_each_company_has_a_run_of_its_own(self):
        """Who works in one company alone sees all of its run, and nothing of the other's."""
        here = self.ready("R-1")
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        self.reviewer.company_ids |= elsewhere
        there = self.ready("R-2").sudo()
        self.env.cr.execute("UPDATE integration_charge SET company_id = %s WHERE id = %s", (elsewhere.id, there.id))
        self.env.invalidate_all()
        both = (here | there).with_context(allowed_company_ids=(self.company | elsewhere).ids)
        action = both.with_user(self.reviewer).action_approve()
        runs = self.env["integration.billing.run"].search(action["domain"])
        self.assertEqual(set(runs.company_id), {self.company, elsewhere})
        self.assertEqual(set(runs.mapped("total")), {1})
        of_one = runs.with_user(self._user("viewer", "integration_core.group_finance_viewer"))
        self.assertEqual(of_one.search([("id", "in", runs.ids)]).company_id, self.company)

    def test_one_bad_encounter_stops_no_other(self):
        bad, good = self.ready("B-21", self.line(1, service="SCAN")), self.ready("B-22")
        target = type(self.env["integration.charge"])
        values = target._invoice_line_values

        def failing(charge):
            if charge.encounter == "B-21":
                raise UserError(self.env._("The account is archived."))
            return values(charge)

        with patch.object(target, "_invoice_line_values", failing):
            run = self.approve(bad | good)
        self.assertEqual((run.done, run.failed, run.state), (1, 1, "failed"))
        self.assertEqual((bad.state, good.state), ("approved", "billed"))
        self.assertEqual(run.group_ids.filtered(lambda g: g.state == "failed").reason, "The account is archived.")
        run.with_user(self.reviewer).action_retry_failed()
        self.drain()
        run.invalidate_recordset()
        self.assertEqual((run.state, bad.state), ("done", "billed"))

    # -- what people do to drafts -------------------------------------------------------------------------------------

    def test_a_deleted_draft_returns_its_charges(self):
        charges, invoice = self.bill("B-23", self.line(1), self.line(2))
        invoice.with_user(self.reviewer).unlink()
        self.assertEqual(charges.mapped("state"), ["ready", "ready"])
        self.approve(charges)
        self.assertEqual(charges.mapped("state"), ["billed", "billed"])

    def test_a_deleted_line_returns_its_charge(self):
        charges, invoice = self.bill("B-24", self.line(1), self.line(2))
        invoice.with_user(self.reviewer).invoice_line_ids[0].unlink()
        self.assertEqual(sorted(charges.mapped("state")), ["billed", "ready"])

    def test_a_cancelled_invoice_returns_its_charges_and_takes_them_back(self):
        charges, invoice = self.bill("B-25")
        invoice.with_user(self.reviewer).button_cancel()
        self.env.flush_all()
        self.assertEqual(charges.state, "ready")
        invoice.with_user(self.reviewer).button_draft()
        self.env.flush_all()
        self.assertEqual(charges.state, "billed")

    def test_the_engine_never_posts(self):
        _charges, invoice = self.bill("B-26")
        with self.assertRaises(AccessError):
            invoice.with_user(self.engine).action_post()
        with self.assertRaises(AccessError):
            invoice.with_user(self.engine).sudo().action_post()

    def test_a_locked_date_is_announced_on_the_draft(self):
        _charges, invoice = self.bill("B-27")
        self.assertFalse(invoice.integration_lock_warning)
        invoice.invoice_date = fields.Date.subtract(fields.Date.today(), days=60)
        self.company.sale_lock_date = fields.Date.subtract(fields.Date.today(), days=30)
        invoice.invalidate_recordset(["integration_lock_warning"])
        self.assertIn("accounted on", invoice.with_user(self.reviewer).integration_lock_warning)
        shown = invoice.with_user(self.reviewer).integration_lock_warning
        self.post_invoice(invoice)
        self.assertIn(fields.Date.to_string(invoice.date)[:4], shown)
        self.assertGreater(invoice.date, self.company.sale_lock_date)
        self.assertFalse(invoice.integration_lock_warning)
