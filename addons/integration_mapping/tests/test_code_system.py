"""Codes are compared as their code system declares, everywhere in the same way, and only after approval."""

from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger
from psycopg2.errors import ExclusionViolation

from .common import CODES, MappingCase


@tagged("post_install", "-at_install")
class TestCodeSystem(MappingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.everywhere = cls.env["res.company"].search([])
        for user in (cls.author, cls.approver):
            user.company_ids = cls.everywhere

    def compare(self, how, *, user=None):
        """Ask that codes of the list be compared so; return the code system."""
        code_systems = self.env["integration.code.system"].with_user(user or self.author)
        known = code_systems.search([("name", "=", CODES)])
        if known:
            known.wanted = how
        else:
            known = code_systems.create({"name": CODES, "wanted": how})
        known.action_submit()
        return known

    def ask(self, code):
        return self.Task._request(self.system, "service", {(CODES, code): None}, self.env.company)

    def test_undeclared_lists_are_compared_byte_for_byte(self):
        self.map(code="A-1")
        self.assertEqual(self.meaning("A-1"), self.blood)
        self.assertFalse(self.meaning("A1"))
        self.assertFalse(self.meaning("a-1"))

    def test_nothing_depends_on_it_nobody_else_is_needed(self):
        self.propose(code="A-1")
        known = self.compare("compact")
        self.assertEqual((known.approval_state, known.normalization), ("approved", "compact"))

    def test_a_live_list_needs_another_steward(self):
        self.map(code="A-1")
        known = self.compare("compact")
        self.assertEqual((known.approval_state, known.normalization), ("requested", "exact"))
        self.assertFalse(self.meaning("a1"), "not before it is approved")
        with self.assertRaises(UserError):
            known.action_approve()
        known.with_user(self.approver).action_approve()
        for spelled in ("A-1", "a1", "A.1"):
            self.assertEqual(self.meaning(spelled), self.blood)

    def test_a_change_that_waits_leaves_the_old_comparison_in_force(self):
        self.map(code="A-1")
        self.compare("compact").with_user(self.approver).action_approve()
        known = self.compare("exact")
        self.assertEqual(known.normalization, "compact")
        self.assertEqual(self.meaning("a1"), self.blood)
        known.with_user(self.approver).action_approve()
        self.assertFalse(self.meaning("a1"))

    def test_two_meanings_cannot_become_one_code(self):
        self.map(self.blood, code="A-1")
        self.map(self.xray, code="a1")
        known = self.compare("compact")
        with self.assertRaises(UserError) as refused:
            known.with_user(self.approver).action_approve()
        self.assertIn("A-1 and a1", str(refused.exception))
        self.assertEqual(known.normalization, "exact")

    def test_meanings_of_other_days_may_become_one_code(self):
        self.map(self.blood, code="A-1", valid_to="2026-05-31")
        self.map(self.xray, code="a1", valid_from="2026-06-01")
        self.compare("compact").with_user(self.approver).action_approve()
        self.assertEqual(self.meaning("a-1", date(2026, 5, 31)), self.blood)
        self.assertEqual(self.meaning("A 1", date(2026, 6, 1)), self.xray)

    def test_the_database_keeps_spellings_of_one_code_apart(self):
        self.compare("compact")
        self.map(self.blood, code="A-1")
        with self.assertRaises(UserError):
            self.map(self.xray, code="a1")
        with mute_logger("odoo.sql_db"), self.assertRaises(ExclusionViolation), self.env.cr.savepoint():
            self.Identifier.sudo().create(
                {"entity_id": self.xray.id, "system_id": self.system.id, "code_system": CODES, "code": "a.1"}
            ).write({"state": "approved"})
            self.env.flush_all()

    def test_one_task_for_all_spellings(self):
        first = self.ask("A-1") | self.ask("a1")
        self.assertEqual(len(first), 2)
        self.compare("compact")
        left = self.Task.search([("code_system", "=", CODES), ("system_id", "=", self.system.id)])
        self.assertEqual(len(left), 1)
        self.assertEqual(self.ask("A.1"), left)
        self.map(code="a 1")
        self.assertEqual(left.state, "done")

    def test_a_dismissed_spelling_does_not_hide_an_open_one(self):
        one, other = self.ask("A-1"), self.ask("a1")
        one.with_user(self.author)._dismiss("noise")
        self.compare("compact")
        left = (one | other).exists()
        self.assertEqual(left.mapped("state"), ["open"])

    def test_a_comparison_in_force_keeps_its_name_and_stays(self):
        known = self.compare("upper")
        with self.assertRaises(UserError):
            known.name = "another"
        with self.assertRaises(UserError):
            known.unlink()
        with self.assertRaises(AccessError):
            known.normalization = "exact"

    def test_only_who_is_in_every_company_says_how(self):
        self.env["res.company"].create({"name": "Elsewhere"})
        somebody = new_test_user(self.env, "somewhere", groups="integration_core.group_steward")
        with self.assertRaises(AccessError):
            self.compare("upper", user=somebody)

    def test_what_was_stored_beside_a_change_is_mended(self):
        self.compare("compact")
        identifier = self.map(code="A-1")
        self.env.flush_all()
        self.env.cr.execute("UPDATE integration_identifier SET code_key = code WHERE id = %s", (identifier.id,))
        identifier.invalidate_recordset()
        self.assertFalse(self.meaning("a1"))
        self.env["integration.code.system"]._gc_keys()
        self.assertEqual(self.meaning("a1"), self.blood)
