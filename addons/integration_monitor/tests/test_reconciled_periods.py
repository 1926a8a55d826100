"""Control totals against what Odoo has: breaks with what explains them, decisions, tolerances, sign-off."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger
from psycopg2.errors import RestrictViolation, SerializationFailure

from ..models import integration_reconciliation as reconciliation
from ..models import integration_reconciliation_facts as facts
from ..models import integration_reconciliation_line as rows
from .common import FINALIZED, MonitorCase, PlanCase

REPORTED = "control.totals.reported.v1"
DAY = "2026-11-20"


class ReconciliationCase(MonitorCase):
    """A system that reports what it sent on one day, and the people of finance."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Period = cls.env["integration.reconciliation"]
        cls.Total = cls.env["integration.control.total"]
        cls.viewer = new_test_user(cls.env, "recon.viewer", groups="integration_core.group_finance_viewer")
        cls.auditor = new_test_user(cls.env, "recon.auditor", groups="integration_core.group_auditor")
        cls.operator = new_test_user(cls.env, "recon.operator", groups="integration_core.group_operator")

    def total(self, count, amount, **more):
        """Return one item of a statement: the emergency department's services of the day."""
        item = {"service_date": DAY, "department": "ED", "event_type": FINALIZED, "count": count, **more}
        return {**item, "amount": amount, "currency": "USD"} if amount is not None else item

    def report(self, *totals, first=DAY, last=DAY, drain=True, system=None, event_id=None, **more):
        """Let the system report; return the event."""
        data = {"period": {"from": first, "to": last}, "totals": list(totals), **more}
        _accepted, event = self.post(REPORTED, data, system=system, event_id=event_id)
        if drain:
            self.drain()
        return event

    def period(self, system=None):
        self.env.invalidate_all()
        return self.Period.search([("system_id", "=", (system or self.system).id)])

    def compare(self):
        """Compare anew, and return the one period."""
        period = self.period()
        period._compare()
        return period

    def effect(self, event):
        return self.env["integration.effect"].search([("event_id", "=", event.id)])

    def as_reviewer(self, record):
        return record.with_user(self.reviewer)


@tagged("post_install", "-at_install")
class TestReconciledPeriods(ReconciliationCase):
    def test_what_agrees_is_no_work(self):
        self.finalize("E-1", self.line(1), self.line(2, price="80.00"))
        event = self.report(self.total(2, "200.00"))
        period = self.period()
        self.assertEqual((period.state, period.break_count, period.matched_count), ("agrees", 0, 1))
        self.assertFalse(period.line_ids.state)
        effect = self.effect(event)
        self.assertEqual((effect.status, effect.res_model), ("applied", "integration.control.total"))

    def test_a_parked_line_explains_what_is_missing(self):
        self.finalize("E-1", self.line(1), self.line(2, service="NEW", price="80.00"))
        self.report(self.total(2, "200.00"))
        period = self.period()
        [row] = period.line_ids
        self.assertRecordValues(
            row,
            [
                {
                    "outcome": "break",
                    "told_count": 2,
                    "found_count": 1,
                    "difference": -80.0,
                    "parked_count": 1,
                    "parked_amount": 80.0,
                    "state": "open",
                    "cost_center": "ED",
                }
            ],
        )
        self.assertEqual((period.state, period.open_text), ("breaks", "USD -80.00"))
        self.assertEqual(row.candidate_ids.mapped("kind"), ["parked"])
        receipts = self.env["integration.receipt"].search(row.candidate_ids.action_open()["domain"])
        self.assertEqual((receipts.encounter, receipts.unit, receipts.bucket), ("E-1", "2", "parked"))
        everything = self.env["integration.receipt"].search(row.action_records()["domain"])
        self.assertEqual(sorted(everything.mapped("unit")), ["1", "2"])

    def test_what_nothing_here_explains_says_whom_to_ask(self):
        self.finalize("E-1", self.line(1))
        self.report(self.total(2, "200.00"))
        [row] = self.period().line_ids
        self.assertFalse(row.candidate_ids)
        self.assertEqual(row.candidate_text, "Nothing here explains it: ask the sender")
        title = self.env["integration.event.type"].search([("name", "=", FINALIZED)]).title
        self.assertEqual(row.with_user(self.viewer).display_name, f"{DAY} · ED · {title}")

    def test_what_is_mended_ends_its_break_by_itself(self):
        self.finalize("E-1", self.line(1, service="NEW"))
        self.report(self.total(1, "120.00"))
        self.assertEqual(self.period().state, "breaks")
        self._service("NEW", "New")
        self.drain()
        period = self.compare()
        self.assertEqual((period.state, period.line_ids.state, period.open_count), ("agrees", "resolved", 0))
        self.assertFalse(period.line_ids.candidate_ids)

    def test_late_lines_are_known_as_late(self):
        self.finalize("E-1", self.line(1))
        self.report(self.total(0, "0"), taken_at="2026-11-20T00:00:00Z")
        [row] = self.period().line_ids
        self.assertEqual((row.outcome, row.candidate_ids[:1].kind), ("break", "late"))

    def test_a_copy_is_found(self):
        self.finalize("E-1", self.line(1), self.line(2))
        self.finalize("E-2", self.line(1, price="50.00"))
        self.report(self.total(2, "170.00"), taken_at=self.soon())
        [row] = self.period().line_ids
        self.assertEqual((row.difference, row.candidate_ids[:1].kind), (120.0, "copy"))

    def soon(self):
        return (fields.Datetime.now() + timedelta(days=1)).isoformat() + "Z"

    def test_the_opposite_difference_on_another_cost_center(self):
        self.finalize("E-1", self.line(1))
        self.finalize("E-2", self.line(1), department="RAD")
        self._map("department", "RAD", self.emergency)
        self.drain()
        self.report(self.total(2, "240.00"), self.total(0, "0", department="RAD"), taken_at=self.soon())
        rows = self.period().line_ids
        self.assertEqual(len(rows.filtered("is_break")), 2)
        one = rows.filtered(lambda row: row.cost_center == "ED")
        other = one.candidate_ids.filtered(lambda candidate: candidate.kind == "elsewhere").other_line_id
        self.assertEqual(other.cost_center, "RAD")

    def test_what_a_statement_does_not_speak_of_is_not_compared(self):
        self.finalize("E-1", self.line(1))
        self.report({**self.total(0, None), "event_type": "clinical.service.voided.v1"})
        period = self.period()
        self.assertEqual((period.state, len(period.line_ids)), ("agrees", 1))

    def test_lines_without_a_price_count_and_their_money_is_not_guessed(self):
        self.finalize("E-1", self.line(1), self.line(2, price=None))
        self.report(self.total(2, "120.00"))
        [row] = self.period().line_ids
        self.assertEqual(row.found_amount, 120.0)
        # The unpriced line is parked or applied as its price rules say; either way both are accounted for.
        self.assertEqual(row.found_count + row.parked_count, 2)

    def test_claims_are_compared_with_charges(self):
        self.finalize("E-1", self.line(1, claim="C-1"), self.line(2, claim="C-2", price="80.00"))
        claims = [{"claim": "C-1", "amount": "120.00", "currency": "USD"}]
        self.report(*claims, {"claim": "C-2", "amount": "90.00", "currency": "USD"})
        rows = self.period().line_ids
        self.assertEqual({row.claim: row.outcome for row in rows}, {"C-1": "matched", "C-2": "break"})
        self.assertEqual(rows.filtered("is_break").difference, -10.0)
        action = rows.filtered("is_break").action_records()
        self.assertEqual(self.env[action["res_model"]].search(action["domain"]), self.charges("E-1", 2))

    def claim(self, name, amount, **more):
        return {"claim": name, "amount": amount, "currency": "USD", **more}

    def test_a_claim_that_a_facility_puts_into_another_company_is_found(self):
        other = self.env["res.company"].create({"name": "Other hospital", "currency_id": self.usd.id})
        other.integration_self_pay_partner_id = self.patients
        self._map("facility", "F2", other)
        self._service("VISIT", "Visit there", company=other)
        self.finalize("E-1", self.line(1, claim="C-1"), facility="F2", department=None)
        self.assertEqual((self.charges("E-1").company_id, self.charges("E-1").park_reason), (other, False))
        self.report(self.claim("C-1", "120.00"))
        period = self.period()
        self.assertEqual((period.company_id, period.state), (self.company, "agrees"))
        self.report(self.claim("C-1", "100.00"))
        [row] = self.period().line_ids
        self.assertEqual((row.difference, row.candidate_ids.mapped("kind")), (20.0, []))
        # Whoever does not work there learns how much it is, and no more.
        action = row.with_user(self.viewer).action_records()
        self.assertFalse(self.env["integration.charge"].with_user(self.viewer).search(action["domain"]))
        self.assertEqual(self.env["integration.charge"].search(action["domain"]), self.charges("E-1"))

    def stay(self):
        """Let a claim have 100.00 on each of three days, of which the first is in November."""
        for number, day in enumerate(("2026-11-30", "2026-12-01", "2026-12-02"), 1):
            line = self.line(number, price="100.00", claim="C-9")
            self.finalize("E-9", line, performed_at=f"{day}T09:30:00Z")

    def of_month(self, month):
        self.env.invalidate_all()
        return self.Period.search([("system_id", "=", self.system.id), ("date_from", "=", f"2026-{month}-01")])

    def test_a_claim_is_of_the_statement_that_tells_it_whichever_its_days(self):
        self.stay()
        self.finalize("E-8", self.line(1, claim="C-8"), performed_at="2026-12-01T09:30:00Z")
        self.report(self.claim("C-9", "300.00"), first="2026-11-01", last="2026-11-30")
        self.report(self.claim("C-8", "120.00"), first="2026-12-01", last="2026-12-31")
        november, december = self.of_month(11), self.of_month(12)
        self.assertEqual(november.line_ids.mapped("outcome"), ["matched"])
        self.assertEqual(self.records(november.line_ids), self.charges("E-9"))
        self.assertEqual(december.line_ids.mapped("claim"), ["C-8"])
        # When the statement that tells it is corrected, what is of December is there alone.
        self.report(self.claim("C-7", "1.00"), first="2026-11-01", last="2026-11-30")
        december._compare()
        row = december.line_ids.filtered(lambda line: line.claim == "C-9")
        self.assertEqual((row.outcome, row.found_amount), ("only_found", 200.0))
        self.assertEqual(self.records(row).mapped("line"), ["3", "2"])

    def records(self, row):
        action = row.action_records()
        return self.env[action["res_model"]].search(action["domain"])

    def test_a_claim_that_is_told_by_day_is_compared_by_day(self):
        self.stay()
        days = [self.claim("C-9", "100.00", service_date=day) for day in ("2026-12-01", "2026-12-02")]
        self.report(days[0], first="2026-12-01", last="2026-12-31")
        first, second = self.of_month(12).line_ids.sorted("day")
        self.assertEqual((str(first.day), first.outcome), ("2026-12-01", "matched"))
        self.assertEqual((str(second.day), second.outcome), ("2026-12-02", "only_found"))
        self.assertEqual((self.records(first).line, self.records(second).line), ("2", "3"))
        self.report(*days, first="2026-12-01", last="2026-12-31")
        self.assertEqual(self.of_month(12).state, "agrees")
        # What is of November no statement tells.
        self.report(self.claim("C-7", "0.00"), first="2026-11-01", last="2026-11-30")
        row = self.of_month(11).line_ids.filtered("is_break")
        self.assertEqual((row.claim, str(row.day), row.found_amount), ("C-9", "2026-11-30", 100.0))

    def test_days_of_claims_are_those_of_the_system_wherever_its_facility_is(self):
        self._map("facility", "F1", self.company)
        self.company.partner_id.tz = "America/New_York"
        for number, moment in enumerate(("2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z"), 1):
            line = self.line(1, claim=f"C-{number}")
            self.finalize(f"E-{number}", line, facility="F1", performed_at=moment)
        self.assertEqual(
            [str(one.service_day) for one in self.charges("E-1") | self.charges("E-2")], ["2026-11-19", DAY]
        )
        self.report(self.claim("C-7", "0.00"))
        row = self.period().line_ids.filtered("is_break")
        self.assertEqual((row.claim, self.records(row)), ("C-1", self.charges("E-1")))

    def test_a_charge_of_which_a_part_was_voided_counts_with_what_is_left(self):
        self.finalize("E-1", self.line(1, quantity="2", price="60.00", claim="C-1"))
        self.void("E-1", {"line": "1", "quantity": "1"})
        self.report(self.claim("C-1", "60.00"))
        self.assertEqual((self.period().state, self.period().line_ids.found_amount), ("agrees", 60.0))
        self.report(self.claim("C-1", "120.00"))
        [row] = self.period().line_ids
        self.assertEqual((row.difference, row.candidate_ids[:1].kind), (-60.0, "withdrawn"))
        action = row.candidate_ids[:1].action_open()
        self.assertEqual(self.env["integration.charge"].search(action["domain"]), self.charges("E-1"))
        self.void("E-1", 1)
        self.report(self.claim("C-1", "0.00"))
        self.assertEqual((self.period().state, self.period().line_ids.found_amount), ("agrees", 0.0))

    def test_a_line_counts_once_however_often_it_is_corrected(self):
        self.finalize("E-1", self.line(1, price="100.00"))
        self.finalize("E-1", self.line(1, price="120.00", revision=2))
        before = self.figures()
        self.report(self.total(1, "120.00"))
        self.assertEqual((self.period().state, self.period().line_ids.found_count), ("agrees", 1))
        self.assertEqual(before["applied"], (2, 220, 0), "the equation counts what was sent")
        self.report(self.total(2, "220.00"))
        [row] = self.period().line_ids
        self.assertEqual((row.difference, row.candidate_ids[:1].kind), (-100.0, "replaced"))
        self.report(self.total(1, "120.00"), version=1)
        self.void("E-1", 1)
        self.assertEqual(self.compare().state, "agrees", "a void is a type of its own")

    def test_types_with_and_without_departments_in_one_statement(self):
        self.admit("E-1")
        self.finalize("E-1", self.line(1))
        admitted = {"service_date": DAY, "event_type": "clinical.encounter.admitted.v1", "count": 1}
        self.report(self.total(1, "120.00"), {**admitted, "service_date": "2026-11-19"}, first="2026-11-19")
        period = self.period()
        self.assertEqual((period.state, period.matched_count), ("agrees", 2))
        self.assertEqual(sorted(row.cost_center or "" for row in period.line_ids), ["", "ED"])

    def test_what_neither_side_counts_is_not_equal(self):
        self.finalize("E-1", self.line(1))
        self.finalize("E-2", self.line(1, service="NEW"), department="RAD")
        self.report(self.total(1, "120.00"))
        period = self.period()
        row = period.line_ids.filtered(lambda line: line.cost_center == "RAD")
        self.assertEqual((row.outcome, row.parked_count, row.is_break), ("uncounted", 1, False))
        self.assertEqual((period.state, period.matched_count, period.break_count), ("agrees", 1, 0))

    def test_another_systems_messages_play_no_part(self):
        lab = self._make_system("lab")
        self.finalize("E-1", self.line(1, claim="C-1"), system=lab)
        self.finalize("E-1", self.line(1, claim="C-1"))
        self.report(self.total(1, "120.00"))
        self.report({"claim": "C-1", "amount": "120.00", "currency": "USD"})
        periods = self.period()
        self.assertEqual(periods.mapped("state"), ["agrees", "agrees"])
        # The laboratory's codes are not mapped: whatever of it were read would stand beside, as parked.
        self.assertEqual(periods.line_ids.mapped("parked_count"), [0, 0])

    def test_another_companys_messages_play_no_part(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        system = self._make_system("other", company=other)
        self.finalize("E-1", self.line(1), system=system)
        self.finalize("E-1", self.line(1))
        self.report(self.total(1, "120.00"))
        self.report(self.total(5, "600.00"), system=system)
        self.assertEqual(self.period().state, "agrees")
        theirs = self.period(system)
        self.assertEqual((theirs.company_id, theirs.state), (other, "breaks"))
        for model in (theirs, theirs.line_ids, theirs.total_id, theirs.total_id.line_ids):
            self.assertFalse(model.with_user(self.viewer).search([("id", "in", model.ids)]))

    # -- statements ---------------------------------------------------------------------------------------------------

    def test_the_same_statement_again_is_a_duplicate(self):
        self.report(self.total(1, "120.00"), version=1)
        again = self.report(self.total(1, "120.0"), version=1)
        self.assertEqual(self.effect(again).status, "duplicate")
        self.assertEqual(len(self.Total.search([("system_id", "=", self.system.id)])), 1)

    def test_a_newer_statement_takes_the_place_and_the_old_one_stays(self):
        self.finalize("E-1", self.line(1))
        self.report(self.total(2, "200.00"), version=1)
        self.assertEqual(self.period().state, "breaks")
        self.report(self.total(1, "120.00"), version=2)
        period = self.period()
        self.assertEqual((period.state, period.total_id.sent_version), ("agrees", 2))
        self.assertEqual(sorted(period.total_ids.mapped("state")), ["current", "superseded"])

    def test_what_neither_side_has_any_more_is_not_counted(self):
        self.finalize("E-1", self.line(1))
        old = self.total(1, "1.00", department="OLD"), self.total(1, "1.00", department="OLDER")
        self.report(*old, self.total(1, "120.00"), version=1)
        decided = self.period().line_ids.filtered(lambda line: line.cost_center == "OLD")
        self.as_reviewer(decided).action_accept("A code of last year")
        self.report(self.total(1, "120.00"), version=2)
        period = self.period()
        self.assertEqual((period.state, period.matched_count, period.break_count), ("agrees", 1, 0))
        outcomes = {row.cost_center: row.outcome for row in period.line_ids}
        self.assertEqual(outcomes, {"ED": "matched", "OLD": "gone"})
        self.assertEqual((decided.state, decided.reason, decided.told_count), ("accepted", "A code of last year", 0))
        digest = period._digest()
        decided.unlink()
        self.assertEqual(period._digest(), digest, "what is signed is what was compared")

    def test_after_a_sign_off_rows_stay_and_their_going_is_told(self):
        self.finalize("E-1", self.line(1))
        self.report(self.total(1, "120.00"), self.total(0, "0", department="OLD"), version=1)
        self.as_reviewer(self.period()).action_sign("")
        self.report(self.total(1, "120.00"), version=2)
        period = self.period()
        self.assertEqual((period.state, period.change_ids.line_id.outcome), ("changed", "gone"))

    def test_a_new_statement_takes_back_how_the_period_stood(self):
        self.finalize("E-1", self.line(1))
        self.report(self.total(1, "120.00"), version=1)
        self.as_reviewer(self.period()).action_sign("")
        self.report(self.total(1, "150.00"), version=2, drain=False)
        with patch.object(type(self.Period), "_chore_compare", lambda *_args: 0):
            self.drain()
        self.assertEqual((self.period().state, self.period().total_id.sent_version), ("new", 2))
        self.drain()
        self.assertEqual(self.period().state, "changed")

    def test_an_older_statement_and_a_contradicting_one_change_nothing_and_are_told(self):
        self.report(self.total(2, "200.00"), version=2)
        late = self.report(self.total(1, "120.00"), version=1)
        odd = self.report(self.total(3, "300.00"), version=2)
        self.assertEqual(self.effect(late).reason, "older_than_the_one_in_force")
        self.assertEqual(self.effect(odd).reason, "same_version_other_figures")
        states = self.Total.search([("system_id", "=", self.system.id)]).sorted("id").mapped("state")
        self.assertEqual(states, ["current", "stale", "conflict"])
        self.assertEqual(self.period().line_ids.told_count, 2)

    def test_what_makes_no_sense_is_refused_with_its_reason(self):
        claim = {"claim": "C", "amount": "1", "currency": "USD"}
        for reason, event in (
            ("period_reversed", self.report(self.total(1, "1"), first="2026-11-21", last=DAY)),
            ("period_too_long", self.report(self.total(1, "1"), first="2025-11-19", last=DAY)),
            ("day_outside_period", self.report(self.total(1, "1"), first="2026-11-21", last="2026-11-22")),
            ("amount_without_currency", self.report({**self.total(1, None), "amount": "1"})),
            ("claims_and_keys", self.report(self.total(1, "1"), claim)),
            ("count_too_high", self.report(*[self.total(10**9, None)] * 3)),
        ):
            effect = self.effect(event)
            self.assertEqual((effect.status, effect.reason), ("rejected", reason))
        self.assertFalse(self.Total.search([("system_id", "=", self.system.id)]))

    def test_a_test_statement_is_compared_with_nothing(self):
        system = self._make_system("trial", live=False)
        self.report(self.total(1, "120.00"), system=system)
        self.assertEqual(self.Total.search([("system_id", "=", system.id)]).state, "test")
        self.assertFalse(self.period(system))

    # -- tolerances ---------------------------------------------------------------------------------------------------

    def test_a_tolerance_holds_at_its_edge_and_not_beyond(self):
        self.finalize("E-1", self.line(1))
        self.report(self.total(1, "120.05"))
        self.assertEqual(self.period().state, "breaks")
        rule = self.env["integration.reconciliation.tolerance"].with_user(self.reviewer)
        rule = rule.create({"company_id": self.company.id, "use_amount": True, "amount": 0.05})
        period = self.compare()
        self.assertEqual((period.state, period.within_count), ("agrees", 1))
        rule.amount = 0.04
        self.assertEqual(self.compare().state, "breaks")
        # The system's own goes before the company's.
        rule.copy({"system_id": self.system.id, "amount": 1})
        self.assertEqual(self.compare().within_count, 1)

    def test_whatever_becomes_of_a_tolerance_is_compared(self):
        self.finalize("E-1", self.line(1))
        self.report(self.total(1, "120.05"))
        other = self.env["res.company"].create({"name": "Other hospital"})
        theirs = self._make_system("other", company=other)
        self.report(self.total(1, "1.00"), system=theirs)
        rule = self.env["integration.reconciliation.tolerance"].create(
            {"company_id": self.company.id, "use_amount": True, "amount": 0.05}
        )
        self.drain()
        self.assertEqual(self.period().state, "agrees")
        rule.company_id = other
        self.drain()
        self.assertEqual(self.period().state, "breaks")
        rule.company_id = self.company
        self.assertLessEqual(max((self.period() | self.period(theirs)).mapped("next_at")), fields.Datetime.now())
        self.drain()
        self.assertEqual(self.period().state, "agrees")
        rule.unlink()
        self.drain()
        self.assertEqual(self.period().state, "breaks")

    # -- people -------------------------------------------------------------------------------------------------------

    def broken(self):
        """Return a period with one break of 80.00."""
        self.finalize("E-1", self.line(1))
        self.report(self.total(2, "200.00"))
        return self.period()

    def test_a_break_has_an_owner_a_reason_and_a_trail(self):
        row = self.as_reviewer(self.broken().line_ids)
        row.action_take()
        self.assertEqual(row.owner_id, self.reviewer)
        row.action_explain("The scanner was down")
        self.assertEqual(
            (row.state, row.reason, row.decided_by_id), ("explained", "The scanner was down", self.reviewer)
        )
        self.assertEqual(self.period().open_count, 1)
        row.action_accept("Too small to follow")
        self.assertEqual((self.period().open_count, self.period().state), (0, "agrees"))
        trail = self.env["integration.audit"].search([("res_model", "=", row._name), ("res_id", "=", row.id)])
        actions = set(trail.mapped("action"))
        self.assertEqual(actions, {"reconciliation.take", "reconciliation.explained", "reconciliation.accepted"})

    def test_a_decision_needs_a_reason_and_a_break(self):
        row = self.as_reviewer(self.broken().line_ids)
        with self.assertRaisesRegex(UserError, "Say why"):
            row.action_accept(" ")
        action = row.action_accept()
        wizards = self.env[action["res_model"]].with_user(self.reviewer).with_context(**action["context"])
        wizard = wizards.create({"reason": "Too small"})
        self.assertIn("Breaks: 1, together", wizard.summary)
        wizard.action_confirm()
        self.assertEqual(row.state, "accepted")
        self.finalize("E-1", self.line(2, price="80.00"))
        self.compare()
        with self.assertRaisesRegex(UserError, "nothing to decide"):
            row.action_explain("x")

    def test_what_was_said_of_one_difference_is_not_taken_for_another(self):
        period = self.broken()
        self.as_reviewer(period.line_ids).action_accept("Too small to follow")
        self.compare()
        self.assertEqual(period.line_ids.state, "accepted")
        self.finalize("E-2", self.line(1))
        self.compare()
        self.assertEqual(period.line_ids.state, "open")
        self.assertEqual(period.line_ids.reason, "Too small to follow")
        self.assertIn("others than when it was said: Too small to follow", period.line_ids.reason_text)
        self.as_reviewer(period.line_ids).action_explain("A ward more")
        self.assertEqual(period.line_ids.reason_text, "A ward more")

    def test_what_a_comparison_says_is_said_when_it_is_read(self):
        period = self.broken()
        self.finalize("E-2", self.line(1, price="80.00"))
        self.compare()
        row = period.line_ids
        self.assertEqual((row.state, row.reason, row.turned), ("resolved", False, "agrees"))
        self.assertEqual(row.reason_text, "Both sides agree now.")
        self.finalize("E-3", self.line(1, price="1.00"))
        self.compare()
        self.assertEqual((row.state, row.reason, row.turned), ("open", False, "again"))
        self.assertEqual(row.reason_text, "Open again, for the sides differ anew.")

    def test_resolved_holds_until_the_next_statement_that_still_differs(self):
        period = self.broken()
        self.as_reviewer(period.line_ids).action_resolve("Corrected in the ward")
        self.compare()
        self.assertEqual(period.line_ids.state, "resolved")
        self.report(self.total(2, "200.00"), version=7)
        self.assertEqual(self.period().line_ids.state, "open")

    def test_only_finance_reviewers_decide(self):
        period = self.broken()
        for user in (self.viewer, self.auditor):
            row = period.line_ids.with_user(user)
            self.assertEqual(row.difference, -80.0)
            for press in (
                row.action_take,
                lambda row=row: row.action_accept("x"),
                period.with_user(user).action_compare,
            ):
                with self.assertRaises(AccessError):
                    press()
            with self.assertRaises(AccessError):
                period.with_user(user).action_sign("x")
        for model in (period, period.line_ids, period.total_id.line_ids):
            with self.assertRaises(AccessError):
                model.with_user(self.operator).read(["display_name"])
        self.assertEqual(period.total_id.with_user(self.operator).line_count, 1)
        with self.assertRaises(AccessError):
            self.as_reviewer(period.line_ids).write({"state": "accepted"})

    # -- sign-off -----------------------------------------------------------------------------------------------------

    def test_breaks_to_do_ask_for_a_reason(self):
        period = self.as_reviewer(self.broken())
        with self.assertRaisesRegex(UserError, r"Breaks still to do in .*: 1 \(USD -80.00\)"):
            period.action_sign("")
        period.action_sign("The ward answers on Monday")
        [signoff] = period.signoff_ids
        self.assertEqual((signoff.user_id, signoff.open_count), (self.reviewer, 1))
        self.assertEqual((signoff.reason, signoff.open_text), ("The ward answers on Monday", "USD -80.00"))
        self.assertEqual((period.state, period.signed_by_id), ("signed", self.reviewer))
        self.assertTrue(self.env["integration.audit"].search([("action", "=", "reconciliation.sign")]))

    def test_without_breaks_no_reason_is_needed(self):
        self.finalize("E-1", self.line(1))
        self.report(self.total(1, "120.00"))
        period = self.as_reviewer(self.period())
        period.action_sign("")
        self.assertEqual(period.state, "signed")

    def test_what_changes_after_a_sign_off_is_listed_and_followed_by_another(self):
        period = self.broken()
        self.as_reviewer(period).action_sign("Known")
        self.compare()
        self.assertEqual((period.state, len(period.change_ids)), ("signed", 0))
        first = period.signoff_ids
        self.finalize("E-2", self.line(1))
        self.compare()
        [change] = period.change_ids
        self.assertEqual((period.state, change.signoff_id, change.what), ("changed", first, "figures"))
        self.assertIn("found 1 / 120.00", change.before)
        self.assertIn("found 2 / 240.00", change.after)
        self.env["res.lang"]._activate_lang("es_ES")
        self.assertIn("hallado 2 / 240.00", change.with_context(lang="es_ES").after)
        self.as_reviewer(period.line_ids).action_accept("As it is")
        decided = period.change_ids.sorted("id")[-1]
        self.assertEqual((decided.what, decided.after), ("decision", "Accepted"))
        self.as_reviewer(period).action_sign("")
        self.assertEqual((period.state, len(period.signoff_ids)), ("signed", 2))
        self.assertNotEqual(*period.signoff_ids.mapped("digest"))

    def test_a_sign_off_is_never_edited(self):
        period = self.broken()
        self.as_reviewer(period).action_sign("Known")
        self.env.flush_all()
        for statement in (
            "UPDATE integration_reconciliation_signoff SET reason = 'x'",
            "DELETE FROM integration_reconciliation_signoff",
        ):
            refused = self.assertRaisesRegex(RestrictViolation, "append-only")
            with mute_logger("odoo.sql_db"), refused, self.env.cr.savepoint():
                self.env.cr.execute(statement)
        with self.assertRaises(AccessError):
            self.as_reviewer(period.signoff_ids).write({"reason": "x"})

    def test_what_is_signed_is_compared_a_moment_before(self):
        period = self.broken()
        self.finalize("E-2", self.line(1, price="80.00"))
        self.assertIs(self.as_reviewer(period).action_sign(), True)
        self.assertEqual((period.state, period.signoff_ids.open_count), ("signed", 0), "it agrees by now")
        self.finalize("E-3", self.line(1))
        action = self.as_reviewer(period).action_sign()
        self.assertEqual((action["res_model"], period.open_count), ("integration.reason.wizard", 1))
        self.assertEqual(period.state, "changed")

    def test_rows_tell_money_with_the_decimals_of_its_currency(self):
        row = self.broken().line_ids
        row.currency = "KWD"
        values = {"told_count": 1, "told_amount": 1234.567, "found_count": 0, "found_amount": 0.0}
        change = self.env["integration.reconciliation.change"].new({"what": "figures", "line_id": row.id})
        self.assertEqual(change._in_words(values), "told 1 / 1,234.567, found 0 / 0.000")
        row.difference = -1234.567
        self.assertEqual(row._money_text(), "KWD -1,234.567")

    # -- the chore ----------------------------------------------------------------------------------------------------

    def test_a_comparison_that_fails_says_so_until_one_goes_well(self):
        period = self.broken()
        period.next_at = fields.Datetime.now()
        fails = patch.object(type(self.Period), "_results", side_effect=RuntimeError)
        with mute_logger("odoo.addons.integration_core.models.integration_engine"), fails:
            self.drain()
        period = self.period()
        self.assertIn("could not be compared: Unexpected error (RuntimeError)", period.todo)
        self.assertGreater(period.next_at, period.failed_at)
        period.next_at = fields.Datetime.now()
        self.drain()
        self.assertEqual((self.period().failed_at, self.period().failure), (False, False))
        self.assertIn("Breaks for finance", self.period().todo)

    def test_who_compares_or_decides_locks_the_period_first(self):
        period = self.as_reviewer(self.broken())
        row = self.as_reviewer(period.line_ids)
        for act in (period.action_compare, period.action_sign, lambda: row.action_explain("x")):
            taken = patch.object(type(self.Period), "_lock", side_effect=SerializationFailure)
            with taken as lock, self.assertRaises(SerializationFailure):
                act()
            lock.assert_called_once()

    def test_so_many_records_that_not_all_are_searched_are_told(self):
        self.finalize("E-1", self.line(1, price="10.00"), self.line(2, price="20.00"), self.line(3, price="70.00"))
        with patch.object(facts, "MOST_RECORDS", 1), patch.object(rows, "MOST_RECORDS", 1):
            self.report(self.total(2, "30.00"))
            [row] = self.period().line_ids
            self.assertEqual(row.searched, "part")
            self.assertEqual(row.candidate_ids.mapped("kind"), ["single"], "the newest is searched")
            self.report(self.total(2, "31.00"))
            self.assertIn("not all of its records", row.candidate_text)
        with patch.object(reconciliation, "EXPLAINED", 0):
            self.assertEqual(self.compare().line_ids.searched, "none")
        self.assertFalse(self.compare().line_ids.searched)

    def test_a_recent_period_is_compared_again_by_itself_and_an_old_one_is_left(self):
        period = self.broken()
        self.assertGreater(period.next_at, period.compared_at)
        period.write({"date_from": "2020-01-01", "date_to": "2020-01-01"})
        period._compare()
        self.assertFalse(period.next_at)


@tagged("post_install", "-at_install")
class TestReconciliationCost(ReconciliationCase, PlanCase):
    def test_comparing_reads_the_days_of_a_period_and_no_history(self):
        self.finalize("E-1", self.line(1), self.line(2, service="NEW", price="80.00"))
        self.report(self.total(2, "200.00"))
        claims = [{"claim": "C-1", "amount": "120.00", "currency": "USD"}]
        self.report(*claims, first="2026-11-19", last="2026-11-19")
        self.make_history()
        noted = {}
        for period in self.Period.search([("system_id", "=", self.system.id)]):
            self.env.flush_all()
            self.env.invalidate_all()
            with self.noting() as noted[period.display_name]:
                period._compare()
                self.env.flush_all()
        self.assertEqual(len(noted), 2)
        for statements in noted.values():
            read = [number for number, one in enumerate(statements) if "control_total_line" in one]
            locked = [number for number, one in enumerate(statements) if "FOR NO KEY UPDATE" in one]
            self.assertLess(locked[0], read[0], "nobody else compares meanwhile")
        self.assertGreater(min(len(statements) for statements in noted.values()), 3)
        self.check_plans(noted)
