"""What a code is used for: lines, money and drafts that a change reaches, and what came of an approval."""

from datetime import date

from odoo import fields
from odoo.addons.integration_mapping.domain.usage import Uses
from odoo.addons.integration_mapping.domain.validity import Span
from odoo.tests import new_test_user, tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestImpact(BillingCase):
    def identifier(self, code="VISIT", kind="service"):
        return self.env["integration.identifier"].search([("code", "=", code), ("kind", "=", kind)])

    def uses(self, identifier, first=None, last=None):
        identifier = identifier.ensure_one()
        return identifier._uses({identifier.id: Span(first, last)}).get(identifier.id, Uses())

    def sent(self):
        """Two lines in two months, one of them on a draft invoice."""
        self.bill("I-1", self.line(1, performed_at="2026-10-05T09:00:00Z"))
        self.finalize("I-2", self.line(1, quantity="2", performed_at="2026-11-20T09:00:00Z"))

    def test_lines_money_days_and_drafts(self):
        self.sent()
        uses = self.uses(self.identifier())
        self.assertEqual((uses.lines, {code: float(one) for code, one in uses.amounts.items()}), (2, {"USD": 360.0}))
        self.assertEqual((uses.first_day, uses.last_day), (date(2026, 10, 5), date(2026, 11, 20)))
        self.assertEqual((uses.open_lines, uses.drafts), (1, frozenset(self.charges("I-1").invoice_id.ids)))
        self.post_invoice(self.charges("I-1").invoice_id)
        self.assertFalse(self.uses(self.identifier()).drafts)

    def test_days_are_counted_to_the_day(self):
        self.sent()
        self.assertEqual(self.uses(self.identifier(), date(2026, 11, 20)).lines, 1)
        self.assertEqual(self.uses(self.identifier(), date(2026, 11, 21)).lines, 0)
        self.assertEqual(self.uses(self.identifier(), None, date(2026, 10, 4)).lines, 0)
        self.assertEqual(self.identifier()._uses({self.identifier().id: None}), {})

    def test_every_kind_counts_what_it_decided(self):
        self._map("cost_center", "CC", self._analytic("Theatre"))
        self.finalize("I-3", self.line(1), coverage=[{"payer": "NBH", "rank": 1}])
        self.finalize("I-4", self.line(1, cost_center="CC"))
        counts = {
            code: self.uses(self.identifier(code, kind)).lines
            for code, kind in (("VISIT", "service"), ("ED", "department"), ("CC", "cost_center"), ("NBH", "payer"))
        }
        # The line with a cost center of its own is not decided by its department.
        self.assertEqual(counts, {"VISIT": 2, "ED": 1, "CC": 1, "NBH": 1})

    def test_a_facility_counts_the_lines_of_its_company(self):
        house = self.env["res.company"].create({"name": "House", "currency_id": self.usd.id})
        self._map("facility", "SITE-2", house)
        self._service("VISIT", "Visit there", company=house)
        self.finalize("I-5", self.line(1, facility="SITE-2"), facility="SITE-2")
        facility = self.identifier("SITE-2", "facility")
        self.assertEqual(self.charges("I-5").company_id, house)
        self.assertEqual(self.uses(facility).lines, 1)

    def test_only_what_it_gave_a_meaning_to(self):
        self.finalize("I-6", self.line(1), self.line(2, code_system="other"), self.line(3, service="NEW"))
        self.assertEqual(self.uses(self.identifier()).lines, 1)
        self.void("I-6", 1)
        self.assertEqual(self.uses(self.identifier()).lines, 0)

    def test_test_traffic_is_no_money(self):
        trial = self._make_system("trial", live=False)
        self._service("TRY", "Trial", system=trial)
        self.finalize("I-7", self.line(1, service="TRY"), system=trial)
        self.assertTrue(self.charges("I-7").product_id)
        self.assertEqual(self.uses(self.identifier("TRY")).lines, 0)

    def test_many_cost_the_same_queries_as_one(self):
        self.sent()
        many = self.identifier() | self.identifier("SCAN")
        many._uses()  # what the codes themselves are
        with self.assertQueryCount(3):  # how the list is compared, what stands for the kind, what has used them
            self.assertEqual(set(many._uses()), {self.identifier().id})

    # -- in words, where it is decided --------------------------------------------------------------------------------

    def test_a_change_says_what_it_reaches(self):
        self.sent()
        wizard = self.env["integration.map.codes"].create(
            {"replaces_id": self.identifier().id, "product_id": self.scan.id, "valid_from": "2026-10-01"}
        )
        text = wizard.impact
        for part in ("2 lines, $\xa0360.00 so far would map differently", "1 of them are not approved yet", "1 stay"):
            self.assertIn(part, text.replace("$ ", "$\xa0"))
        self.assertIn("1 draft invoice does not change by itself", text)
        wizard.valid_from = "2026-11-01"
        self.assertIn("1 line", wizard.impact)
        self.assertNotIn("draft", wizard.impact)

    def test_an_end_says_what_it_reaches(self):
        self.sent()
        end = self.env["integration.identifier.end"].create(
            {"identifier_ids": self.identifier().ids, "reason": "x", "last_day": "2026-10-31"}
        )
        self.assertIn("1 line, ", end.impact)
        end.how = "revoke"
        self.assertIn("2 lines, ", end.impact)

    def test_the_approver_is_told_without_money(self):
        self.sent()
        steward = new_test_user(self.env, "author.steward", groups="integration_core.group_steward")
        new_test_user(self.env, "other.steward", groups="integration_core.group_steward")
        self.env["integration.map.codes"].with_user(steward).create(
            {"replaces_id": self.identifier().id, "product_id": self.scan.id, "valid_from": "2026-11-01"}
        ).action_confirm()
        request = self.env["integration.approval"].search([("kind", "=", "integration.identifier")], limit=1)
        [reach] = [change["new"] for change in request.changes if change["label"] == "Reaches"]
        self.assertIn("1 line so far would map differently", reach)
        self.assertNotIn("240", str(request.changes))
        self.assertIn("240", request.with_user(steward).touches_money)

    def test_what_went_on_is_told_after_the_approval(self):
        self.finalize("I-8", self.line(1, service="NEW", quantity="3"))
        self.assertEqual(self.charges("I-8").state, "parked")
        self.charges("I-8").received_at = fields.Datetime.subtract(fields.Datetime.now(), hours=1)
        task = self.env["integration.mapping.task"].search([("code", "=", "NEW")])
        steward = new_test_user(self.env, "author.steward", groups="integration_core.group_steward")
        other = new_test_user(self.env, "other.steward", groups="integration_core.group_steward")
        self.env["integration.map.codes"].with_user(steward).create(
            {"task_ids": task.ids, "product_id": self.scan.id}
        ).action_confirm()
        proposal = self.identifier("NEW")
        self.assertIn("1 line, ", proposal.impact_money)
        self.assertIn("wait for it", proposal.impact)
        self.call(other, proposal, "action_approve")
        self.drain()
        proposal.invalidate_recordset()
        self.assertIn("1 line that had waited went on", proposal.effect)
        self.assertIn("360", proposal.effect_money)
        self.assertIn("1 line", proposal.impact)
