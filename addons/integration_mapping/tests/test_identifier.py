from datetime import date

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError
from psycopg2.errors import ExclusionViolation, NotNullViolation

from .common import CODES, MappingCase


@tagged("post_install", "-at_install")
class TestResolve(MappingCase):
    def test_default_is_since_ever(self):
        self.map()
        self.assertEqual(self.meaning(day=date(1931, 2, 3)), self.blood)
        self.assertEqual(self.meaning(day=date(2099, 1, 1)), self.blood)

    def test_on_the_day_of_service(self):
        self.map(valid_to="2026-05-31")
        self.map(self.xray, valid_from="2026-06-01")
        self.assertEqual(self.meaning(day=date(2026, 5, 31)), self.blood)
        self.assertEqual(self.meaning(day=date(2026, 6, 1)), self.xray)

    def test_byte_for_byte(self):
        self.map(code="cbc ")
        for other in ("cbc", "CBC ", " cbc ", "cbc\u00a0"):
            self.assertFalse(self.meaning(other), other)
        self.assertEqual(self.meaning("cbc "), self.blood)
        composed, decomposed = "caf\u00e9", "cafe\u0301"
        self.map(code=composed)
        self.assertEqual(self.meaning(composed), self.blood)
        self.assertFalse(self.meaning(decomposed))

    def test_scope_is_company_system_kind_and_code_system(self):
        self.map()
        company = self.env["res.company"].create({"name": "Second house"})
        self.assertFalse(self.meaning(company=company))
        self.assertFalse(self.meaning(system=self.trial))
        self.assertFalse(self.meaning(kind="product"))
        key = ("other", "CBC", date(2026, 6, 1))
        self.assertFalse(self.Identifier._resolve(self.system, "service", {key}, self.env.company))

    def test_two_queries_for_a_batch(self):
        for number in range(40):
            self.map(self.blood if number % 2 else self.xray, code=f"C{number}")
        keys = {(CODES, f"C{number}", date(2026, 6, 1)) for number in range(60)}
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(2):
            answers = self.Identifier._resolve(self.system, "service", keys, self.env.company)
        self.assertEqual(len(answers), 40)
        self.assertEqual(answers[CODES, "C1", date(2026, 6, 1)], self.blood)
        self.assertNotIn((CODES, "C50", date(2026, 6, 1)), answers)

    def test_nothing_asked(self):
        with self.assertQueryCount(0):
            self.assertEqual(self.Identifier._resolve(self.system, "service", set(), self.env.company), {})


@tagged("post_install", "-at_install")
class TestOneAnswer(MappingCase):
    def _raw(self, **vals):
        """Insert an approved identifier behind the ORM's back."""
        row = {
            "entity_id": self.blood.id,
            "company_id": self.env.company.id,
            "system_id": self.system.id,
            "kind": "service",
            "code_system": CODES,
            "code": "RAW",
            "valid_from": None,
            "valid_to": None,
            "state": "approved",
            "approval_state": "approved",
            **vals,
        }
        row.setdefault("code_key", row["code"])
        columns = ", ".join(row)
        self.env.cr.execute(
            f"INSERT INTO integration_identifier ({columns}) VALUES %s",  # noqa: S608 (names from above)
            (tuple(row.values()),),
        )

    def test_the_database_refuses_a_second_answer(self):
        self._raw(valid_to="2026-05-31")
        self._raw(valid_from="2026-06-01")
        for vals in (
            {},
            {"valid_from": "2026-05-31", "valid_to": "2026-05-31"},
            {"valid_from": "2026-06-01", "state": "retired", "valid_to": "2026-06-01"},
            {"valid_from": "2030-01-01", "entity_id": self.xray.id},
        ):
            with (
                self.subTest(vals),
                mute_logger("odoo.sql_db"),
                self.assertRaises(ExclusionViolation),
                self.env.cr.savepoint(),
            ):
                self._raw(**vals)

    def test_a_question_without_a_key_is_no_question(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(NotNullViolation), self.env.cr.savepoint():
            self._raw(code_key=None)

    def test_revoked_and_proposed_do_not_answer(self):
        self._raw(state="revoked")
        self._raw(state="proposed")
        self._raw()
        self.assertEqual(self.meaning("RAW"), self.blood)

    def test_another_question_is_free(self):
        self._raw()
        self._raw(code="raw")
        self._raw(code_system="other")
        self._raw(system_id=self.trial.id)

    def test_days_run_forward_and_retirement_has_an_end(self):
        for vals in (
            {"valid_from": "2026-02-01", "valid_to": "2026-01-01"},
            {"state": "retired"},
            {"code": ""},
            {"code": "x" * 256},
        ):
            with (
                self.subTest(vals),
                mute_logger("odoo.sql_db"),
                self.assertRaises(IntegrityError),
                self.env.cr.savepoint(),
            ):
                self._raw(**vals)

    def test_approval_says_what_it_clashes_with(self):
        self.map()
        second = self.propose(self.xray, valid_from="2026-01-01")
        second.action_submit()
        with self.assertRaisesRegex(UserError, "already means Blood count"):
            second.with_user(self.approver).action_approve()
        self.assertEqual(self.meaning(), self.blood)


@tagged("post_install", "-at_install")
class TestGovernance(MappingCase):
    def test_the_author_cannot_approve_alone(self):
        identifier = self.propose()
        identifier.action_submit()
        self.assertEqual(identifier.approval_state, "requested")
        self.assertFalse(self.meaning())
        with self.assertRaisesRegex(UserError, "Another person"):
            identifier.action_approve()
        identifier.with_user(self.approver).action_approve()
        self.assertEqual(identifier.state, "approved")
        self.assertFalse(identifier.self_approved)
        self.assertEqual(self.meaning(), self.blood)

    def test_the_only_steward_approves_marked(self):
        self.leave_author_alone()
        identifier = self.propose()
        identifier.action_submit()
        self.assertEqual(identifier.state, "approved")
        self.assertTrue(identifier.self_approved)

    def test_but_not_when_the_other_one_was_just_taken_away(self):
        self.approver.group_ids = self.env.ref("base.group_user")
        identifier = self.propose()
        identifier.action_submit()
        self.assertEqual((identifier.state, identifier.approval_state), ("proposed", "requested"))

    def test_a_test_system_needs_nobody_else(self):
        identifier = self.propose(system=self.trial)
        identifier.action_submit()
        self.assertEqual(identifier.state, "approved")
        self.assertFalse(identifier.self_approved)
        self.assertEqual(self.meaning(system=self.trial), self.blood)

    def test_state_is_not_written_by_hand(self):
        identifier = self.propose()
        for vals in ({"state": "approved"}, {"approval_state": "approved"}):
            with self.assertRaises(AccessError):
                identifier.write(vals)
            with self.assertRaises(AccessError):
                self.propose(code="Z", **vals)

    def test_a_changed_proposal_is_asked_for_again(self):
        identifier = self.propose()
        identifier.action_submit()
        identifier.entity_id = self.xray
        self.assertEqual(identifier.approval_state, "draft")
        with self.assertRaises(UserError):
            identifier.with_user(self.approver).action_approve()

    def test_what_was_approved_does_not_change_in_place(self):
        identifier = self.map()
        for vals in (
            {"entity_id": self.xray.id},
            {"product_id": self.xray.product_id.id},
            {"code": "cbc"},
            {"code_system": "other"},
            {"valid_from": "2026-01-01"},
            {"valid_to": "2026-01-01"},
            {"system_id": self.trial.id},
        ):
            with self.subTest(vals), self.assertRaisesRegex(UserError, "does not change in place"):
                identifier.write(vals)
        identifier.write({"note": "Agreed in the round of May", "entity_id": self.blood.id})
        self.assertEqual(identifier.state, "approved")
        with self.assertRaisesRegex(UserError, "stays in the record"):
            identifier.unlink()

    def test_rejected_goes_back(self):
        identifier = self.propose()
        identifier.action_submit()
        identifier.with_user(self.approver).action_reject("which count?")
        self.assertEqual((identifier.approval_state, identifier.state), ("rejected", "proposed"))
        identifier.action_submit()
        self.assertEqual(identifier.approval_state, "requested")

    def test_retired_still_answers_for_its_days(self):
        identifier = self.map()
        identifier.with_user(self.author)._retire(date(2026, 6, 30), "new price list")
        self.assertEqual(self.meaning(day=date(2026, 6, 30)), self.blood)
        self.assertFalse(self.meaning(day=date(2026, 7, 1)))
        with self.assertRaisesRegex(UserError, "nothing to retire"):
            identifier._retire(date(2026, 6, 1), "again")

    def test_retiring_never_lengthens(self):
        identifier = self.map(valid_from="2026-01-01", valid_to="2026-06-30")
        for day in (date(2025, 12, 31), date(2026, 7, 1)):
            with self.assertRaisesRegex(UserError, "Choose a day it holds on"):
                identifier._retire(day, "no")

    def test_it_says_when_it_holds(self):
        for vals, text in (
            ({}, "always"),
            ({"valid_from": "2026-01-31"}, "from 01/31/2026"),
            ({"valid_to": "2026-01-31"}, "until 01/31/2026"),
            ({"valid_from": "2026-01-01", "valid_to": "2026-01-31"}, "01/01/2026 – 01/31/2026"),
        ):
            self.assertEqual(self.propose(**vals).holds, text)

    def test_revoked_never_answers(self):
        identifier = self.map()
        identifier.with_user(self.author)._revoke("wrong test")
        self.assertFalse(self.meaning())
        with self.assertRaisesRegex(UserError, "nothing to revoke"):
            identifier._revoke("again")

    def test_every_decision_is_in_the_trail(self):
        first = self.map()
        first.with_user(self.author)._retire(date(2026, 6, 30), "new list")
        first.with_user(self.author)._revoke("it was wrong all along")
        rows = self.env["integration.audit"].search(
            [("res_model", "=", "integration.identifier"), ("res_id", "=", first.id)], order="id"
        )
        self.assertEqual(
            [(row.action, row.user_name) for row in rows],
            [
                ("identifier.create", self.author.name),
                ("approval.request", self.author.name),
                ("approval.approve", self.approver.name),
                ("identifier.change", self.author.name),
                ("identifier.retire", self.author.name),
                ("identifier.revoke", self.author.name),
            ],
        )
        self.assertEqual(rows[3].detail, "valid_to: - → 2026-06-30")
        self.assertEqual(rows[-1].reason, "it was wrong all along")

    def test_ending_asks_why(self):
        identifier = self.map()
        wizard = self.env["integration.identifier.end"].with_user(self.author)
        vals = {"identifier_ids": identifier.ids, "how": "revoke", "reason": " "}
        with self.assertRaisesRegex(UserError, "Say why"):
            wizard.create(vals).action_confirm()
        wizard.create({**vals, "reason": "wrong"}).action_confirm()
        self.assertEqual(identifier.state, "revoked")

    def test_ending_on_a_day(self):
        identifier = self.map()
        self.env["integration.identifier.end"].with_user(self.author).create(
            {"identifier_ids": identifier.ids, "how": "retire", "last_day": "2026-06-30", "reason": "new list"}
        ).action_confirm()
        self.assertEqual((identifier.state, identifier.valid_to), ("retired", date(2026, 6, 30)))


@tagged("post_install", "-at_install")
class TestSuccession(MappingCase):
    def test_change_from_a_day_on(self):
        old = self.map()
        new = self.propose(self.xray, valid_from="2026-07-01", replaces_id=old.id)
        new.action_submit()
        self.assertEqual(self.meaning(day=date(2026, 7, 1)), self.blood, "nothing changes before the approval")
        new.with_user(self.approver).action_approve()
        self.assertEqual((old.state, old.valid_to), ("retired", date(2026, 6, 30)))
        self.assertEqual(self.meaning(day=date(2026, 6, 30)), self.blood)
        self.assertEqual(self.meaning(day=date(2026, 7, 1)), self.xray)

    def test_change_since_ever_revokes(self):
        old = self.map()
        self.map(self.xray, replaces_id=old.id)
        self.assertEqual(old.state, "revoked")
        self.assertEqual(self.meaning(), self.xray)

    def test_of_a_code_that_moved_both_entities_are_told(self):
        def told(entity):
            self.commit()
            return self.env["integration.event"].search_count(
                [("type_name", "=", "masterdata.service.changed.v1"), ("res_id", "=", entity.id)]
            )

        old = self.map()
        self.map(self.xray, code="XR")
        before = told(self.blood), told(self.xray)
        self.map(self.xray, valid_from="2026-07-01", replaces_id=old.id)
        self.assertEqual((told(self.blood), told(self.xray)), (before[0] + 1, before[1] + 1))

    def test_only_the_same_code_is_succeeded(self):
        old = self.map()
        with self.assertRaises(ValidationError):
            self.propose(self.xray, code="XR", replaces_id=old.id)

    def test_through_the_form(self):
        old = self.map()
        action = old.with_user(self.author).action_change()
        wizard = (
            self.env[action["res_model"]]
            .with_user(self.author)
            .with_context(**action["context"])
            .create({"product_id": self.xray.product_id.id, "valid_from": "2026-07-01"})
        )
        self.assertEqual(wizard.approval, "other")
        wizard.action_confirm()
        [new] = self.Identifier.search([("replaces_id", "=", old.id)])
        self.assertEqual((new.approval_state, new.entity_id), ("requested", self.xray))
        new.with_user(self.approver).action_approve()
        self.assertEqual(self.meaning(day=date(2026, 7, 1)), self.xray)


@tagged("post_install", "-at_install")
class TestCreate(MappingCase):
    def test_a_record_of_odoo_is_enough(self):
        product = self.env["product.product"].create({"name": "Saline", "type": "service"})
        identifier = self.Identifier.with_user(self.author).create(
            {"system_id": self.system.id, "kind": "service", "code": "SAL", "product_id": product.id}
        )
        self.assertEqual(identifier.entity_id.product_id, product)
        self.assertEqual(identifier.kind, "service")
        self.assertEqual(identifier.company_id, self.env.company)
        self.assertEqual(identifier.code_system, "ehr", "the system's own list unless it declares another")

    def test_the_kind_follows_the_entity(self):
        with self.assertRaises(ValidationError):
            self.propose(kind="supplier")

    def test_another_record_for_a_proposal(self):
        identifier = self.propose()
        identifier.product_id = self.xray.product_id
        self.assertEqual(identifier.entity_id, self.xray)

    def test_department_by_its_cost_center(self):
        account = self._make_cost_center("4100")
        identifier = self.Identifier.create(
            {
                "system_id": self.system.id,
                "kind": "department",
                "code": "ED",
                "display": "Emergency department",
                "analytic_account_id": account.id,
            }
        )
        self.assertEqual(identifier.entity_id.name, "Emergency department")
        self.assertEqual(identifier.entity_id._cost_center(), account)

    def test_a_release_brings_approved_codes(self):
        self.Task._request(self.system, "service", {(CODES, "REL"): None}, self.env.company)
        self.Identifier.sudo().create(
            {
                "entity_id": self.blood.id,
                "system_id": self.system.id,
                "code_system": CODES,
                "code": "REL",
                "state": "approved",
                "approval_state": "approved",
            }
        )
        self.assertEqual(self.meaning("REL"), self.blood)
        self.assertEqual(self.Task.search([("code", "=", "REL")]).state, "done")

    def test_import_of_a_list(self):
        products = self.env["product.product"].create(
            [{"name": f"Service {n}", "type": "service", "default_code": f"S{n:03}"} for n in range(118)]
        )
        rows = [["EHR", "Service", f"{n:03} ", f"S{n:03}", "2020-01-01"] for n in range(118)]
        result = self.Identifier.with_user(self.author).load(
            ["system_id", "kind", "code", "product_id", "valid_from"], rows
        )
        self.assertFalse(result["messages"])
        identifiers = self.Identifier.browse(result["ids"])
        self.assertEqual(identifiers.entity_id.product_id, products)
        self.assertEqual(identifiers[5].code, "005 ", "codes come in byte for byte")
        identifiers.with_user(self.author).action_submit()
        identifiers.with_user(self.approver).action_approve()
        keys = {("ehr", f"{n:03} ", date(2026, 6, 1)) for n in range(118)}
        answers = self.Identifier._resolve(self.system, "service", keys, self.env.company)
        self.assertEqual(len(answers), 118)
