"""Charge masters that real hospitals published load: each row is imported, merged or refused, and counts add up."""

import logging
import unittest
from collections import Counter

from odoo.tests import tagged

from .import_case import SHARED, ImportCase

_logger = logging.getLogger(__name__)
TSV = {"column_code": "charge_code"}
MEDICATIONS = {"column_display": "Generic Name", "column_also": "NDC", "also_code_system": "NDC"}
# Per file: the profile, its rows (lines of the file but one), and what becomes of them. Counted apart from the
# suite, by a script of its own: rows without a code, codes whose rows all say one text and one price, and rows of
# those that do not.
EXPECTED = {
    "central-dupage-hospital.tsv": (TSV, 5224, {"refused": 5224}, {"no_code": 5224}),
    "communityu-regional-medical-center.tsv": (TSV, 1242, {"new": 184, "refused": 1058}, {"several_prices": 1058}),
    "cooper-university-hospital.tsv": (TSV, 8873, {"new": 58, "refused": 8815}, {"no_code": 8815}),
    "hahnemann-university-hospital.tsv": (TSV, 146, {"new": 1, "refused": 145}, {"several_meanings": 145}),
    "medical-city-dallas-hospital.tsv": (TSV, 39, {"refused": 39}, {"no_code": 39}),
    "montefiore-medical-center.tsv": (TSV, 758, {"new": 751, "refused": 7}, {"no_code": 7}),
    "northside-hospital.tsv": (
        TSV,
        2908,
        {"new": 2884, "refused": 24},
        {"bad_price": 2, "several_meanings": 4, "several_prices": 18},
    ),
    "kennestone_WSMedications_2019-01-17.txt": (
        MEDICATIONS,
        3933,
        {"new": 3723, "merged": 103, "refused": 107, "extra": 18},
        {"several_meanings": 22, "several_prices": 81, "no_second_code": 4},
    ),
    "kennestone_WSSupplies_2019-01-17.txt": (
        {},
        43089,
        {"new": 5394, "merged": 76, "refused": 37619},
        {"several_prices": 37619},
    ),
}
AGAIN = "kennestone_WSMedications_latest.txt"


@tagged("post_install", "-at_install")
class TestChargemaster(ImportCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if SHARED is None:
            _logger.warning("the charge masters beside the checkout are absent: they are not loaded")
            raise unittest.SkipTest("not run: data absent")

    def profile(self, name, columns):
        values = {"name": name, "system_id": self.trial.id, "kind": "service", "code_system": name, "meaning": "made"}
        return self.env["integration.import.profile"].create({**values, "price_use": "list_price", **columns})

    def loads(self, name):
        """Load a file and hold what became of it against what was counted; return (profile, import)."""
        columns, count, counts, reasons = EXPECTED[name]
        profile = self.profile(name, columns)
        one = self.load((SHARED / name).read_bytes(), name=name, profile_id=profile.id)
        self.assertEqual((one.row_count, self.counts(one)), (count, counts))
        self.assert_adds_up(one)
        self.assertEqual(self.refusals(one), reasons)
        made = self.Identifier.search_count([("code_system", "=", name), ("state", "=", "approved")])
        seconds = counts["new"] if "column_also" in columns else 0
        self.assertEqual(made, counts.get("new", 0) + counts.get("extra", 0) - seconds)
        return profile, one

    def test_central_dupage(self):
        self.loads("central-dupage-hospital.tsv")

    def test_community_regional(self):
        self.loads("communityu-regional-medical-center.tsv")

    def test_cooper(self):
        self.loads("cooper-university-hospital.tsv")

    def test_hahnemann(self):
        self.loads("hahnemann-university-hospital.tsv")

    def test_medical_city_dallas(self):
        self.loads("medical-city-dallas-hospital.tsv")

    def test_montefiore(self):
        self.loads("montefiore-medical-center.tsv")

    def test_northside(self):
        self.loads("northside-hospital.tsv")

    def test_kennestone_supplies(self):
        self.loads("kennestone_WSSupplies_2019-01-17.txt")

    def test_kennestone_medications_and_their_reissue(self):
        profile, first = self.loads("kennestone_WSMedications_2019-01-17.txt")
        self.reissue(profile, first)

    def refusals(self, one):
        groups = self.Row._read_group([("import_id", "=", one.id), ("status", "=", "refused")], ["reason"], ["__count"])
        return dict(Counter(dict(groups)))

    def reissue(self, profile, first):
        """The same list with other line ends changes nothing, as a whole list either."""
        again = self.upload((SHARED / AGAIN).read_bytes(), name=AGAIN, profile_id=profile.id, mode="full")
        self.assertEqual((again.todo_count, again.retired_count, again.digest), (0, 0, first.digest))
        self.assertEqual(self.counts(again), {"unchanged": 3723, "merged": 103, "refused": 107})
        code = self.Identifier.search([("code_system", "=", first.profile_id.name), ("code", "=", "25010066")])
        in_force = self.Identifier.search([("entity_id", "=", code.entity_id.id), ("code_system", "=", "NDC")])
        self.assertGreater(len(in_force), 1800)
