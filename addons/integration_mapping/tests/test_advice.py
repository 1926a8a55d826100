"""Suggestions for a code are advice with their evidence; nothing is mapped by them."""

from odoo.tests import tagged

from ..domain.advice import Weight
from .common import CODES, MappingCase


@tagged("post_install", "-at_install")
class TestAdvice(MappingCase):
    def task(self, code="GLU", display="Glucose in plasma", kind="service"):
        return self.Task._request(self.system, kind, {(CODES, code): display}, self.env.company)

    def advise(self, task, user=None):
        found = self.env["integration.mapping.advice"].with_user(user or self.author)._advise(task)
        return {
            self.env[model].browse(record_id): [piece.weight for piece in one.evidence]
            for one in found
            for model, record_id in [one.candidate]
        }

    def test_another_system_calls_it_so(self):
        self.map(self.blood, system=self.trial, code="GLU")
        self.assertEqual(self.advise(self.task())[self.blood], [Weight.ELSEWHERE])

    def test_a_person_decided_so_before(self):
        self.map(self.xray, code="GLU", valid_to="2026-01-31")
        self.map(self.blood, code="G-1", display="Glucose in plasma")
        advice = self.advise(self.task())
        self.assertEqual((advice[self.xray], advice[self.blood]), ([Weight.BEFORE], [Weight.BEFORE]))

    def test_odoos_own_reference(self):
        product = self.env["product.product"].create({"name": "Sugar", "type": "service", "default_code": "GLU"})
        self.assertEqual(self.advise(self.task())[product], [Weight.REFERENCE])

    def test_evidence_for_a_record_and_its_entity_adds_up(self):
        self.blood.product_id.default_code = "GLU"
        self.map(self.blood, system=self.trial, code="GLU")
        self.assertEqual(self.advise(self.task())[self.blood], [Weight.ELSEWHERE, Weight.REFERENCE])

    def test_a_like_name(self):
        glucose = self._make_service("Plasma glucose")
        product = self.env["product.product"].create({"name": "Glucose, plasma, fasting", "type": "service"})
        advice = self.advise(self.task())
        self.assertEqual((advice[glucose], advice[product]), ([Weight.ALIKE], [Weight.ALIKE]))
        self.assertNotIn(self.xray, advice)

    def test_nothing_is_mapped_by_it(self):
        self._make_service("Glucose in plasma")
        task = self.task()
        action = task.with_user(self.author).action_map()
        dialog = self.env[action["res_model"]].browse(action["res_id"])
        self.assertTrue(dialog.suggestion_ids)
        self.assertFalse(dialog.product_id)
        self.assertEqual((task.state, self.Identifier.search_count([("code", "=", "GLU")])), ("open", 0))

    def test_choosing_fills_in_and_asks_for_approval_as_ever(self):
        glucose = self._make_service("Glucose in plasma")
        task = self.task()
        action = task.with_user(self.author).action_map()
        dialog = self.env[action["res_model"]].with_user(self.author).browse(action["res_id"])
        dialog.suggestion_ids.filtered(lambda one: one.res_id == glucose.id).action_choose()
        self.assertEqual(dialog.product_id, glucose.product_id)
        dialog.action_confirm()
        self.assertEqual((task.state, task.turn, task.proposal_id.entity_id), ("open", "approver", glucose))

    def test_a_department_and_a_cost_center(self):
        account = self._make_cost_center("Cardiology ward")
        department = self.Entity._for_target("department", self.env.company, account, name="Cardiology")
        self.assertIn(department, self.advise(self.task("CARD", "Cardiology", "department")))
        self.assertIn(
            self.Entity._find_target("cost_center", self.env.company, account, None),
            self.advise(self.task("CARD", "Ward cardiology", "cost_center")),
        )

    def test_a_number_that_is_given_once(self):
        acme = self.env["res.partner"].create(
            {"name": "Acme", "is_company": True, "vat": "BE0477472701", "country_id": self.env.ref("base.be").id}
        )
        self.env.flush_all()
        self.env["integration.party.number"]._follow(acme)
        advice = self.advise(self.task("BE 0477.472.701", "Another name", "supplier"))
        self.assertEqual(advice[acme], [Weight.IDENTIFIER])
        self.assertNotIn(acme, self.advise(self.task("BE0477472702", "Another name", "supplier")))

    def test_nothing_of_another_company(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        elsewhere = self._make_service("Glucose in plasma", company=other)
        self.assertNotIn(elsewhere, self.advise(self.task()))
