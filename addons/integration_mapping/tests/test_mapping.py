"""The one interface that handlers resolve codes by."""

from datetime import date, datetime, timezone

from odoo.tests import tagged

from ..domain.codes import Code
from .common import CODES, MappingCase
from .kit import MappingKit


@tagged("post_install", "-at_install")
class TestMapping(MappingKit, MappingCase):
    def resolve(self, codes, at=date(2026, 6, 1), **options):
        return self.env["integration.mapping"].resolve(self.system, "service", codes, at, **options)

    def test_answers_and_what_is_missing(self):
        self.map_codes(self.system, "service", {"CBC": self.blood.product_id})
        answers = self.resolve(["CBC", "GLU", "CBC", "K"])
        self.assertEqual(answers["CBC"].product_id, self.blood.product_id)
        self.assertFalse(answers["GLU"])
        self.assertEqual(answers.missing, ["GLU", "K"])
        tasks = answers.request()
        self.assertEqual(set(tasks.mapped("code")), {"GLU", "K"})
        self.assertEqual(tasks, answers.request(), "asking again opens nothing more")

    def test_a_code_may_name_its_list_and_its_own_moment(self):
        self.map_codes(self.system, "service", {"1": self.blood.product_id}, code_system=CODES, valid_to="2026-05-31")
        self.map_codes(self.system, "service", {"1": self.xray.product_id}, code_system=CODES, valid_from="2026-06-01")
        old, new, other = Code("1", CODES, date(2026, 5, 31)), Code("1", CODES), Code("1")
        answers = self.resolve([old, new, other])
        self.assertEqual((answers[old], answers[new], answers[other]), (self.blood, self.xray, self.Entity))

    def test_days_are_the_facilitys(self):
        self.env.company.partner_id.tz = "Pacific/Auckland"
        self.map_codes(self.system, "service", {"1": self.blood.product_id}, valid_from="2026-06-02")
        moment = datetime(2026, 6, 1, 13, 0, tzinfo=timezone.utc)  # 01:00 of the next day in Auckland
        self.assertEqual(self.resolve(["1"], moment)["1"], self.blood)
        self.env.company.partner_id.tz = "America/New_York"
        self.assertFalse(self.resolve(["1"], moment)["1"])

    def test_a_naive_moment_is_refused(self):
        with self.assertRaises(ValueError):
            self.resolve(["1"], datetime(2026, 6, 1))

    def test_two_queries_however_many_codes(self):
        self.map_codes(self.system, "service", {f"C{n}": self.blood.product_id for n in range(50)})
        self.resolve(["C0"])
        with self.assertQueryCount(2):
            answers = self.resolve([f"C{n}" for n in range(500)])
        self.assertEqual(len(answers.missing), 450)

    def test_nothing_of_another_company_answers(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.map_codes(self.system, "service", {"CBC": self.blood.product_id})
        self.assertFalse(self.resolve(["CBC"], company=other)["CBC"])

    def test_a_display_reaches_the_task(self):
        tasks = self.resolve([Code("GLU", display="Glucose")]).request()
        self.assertEqual(tasks.display, "Glucose")

    def test_the_kit_itself(self):
        self.map_codes(self.system, "service", {"CBC": self.blood.product_id})
        self.assertMeans(self.system, "service", "CBC", self.blood.product_id)
        with self.assertRaises(AssertionError):
            self.assertMeans(self.system, "service", "GLU", self.blood.product_id)
        with self.assertRaises(AssertionError):
            self.assertAsksFor(self.system, "service", "GLU")
        self.resolve(["GLU"]).request()
        self.assertAsksFor(self.system, "service", "GLU")
