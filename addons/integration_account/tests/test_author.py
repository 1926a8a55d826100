from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestAuthor(BillingCase):
    """What is made for a system names that system's user as its author, and that user may no more than before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.author = cls.system.run_as_id

    def test_charges_encounters_and_drafts_name_the_system(self):
        charges, invoice = self.bill("R-1")
        self.assertEqual(charges.create_uid, self.author)
        self.assertEqual(charges.encounter_id.create_uid, self.author)
        self.assertEqual(invoice.create_uid, self.author)
        self.assertEqual(invoice.invoice_line_ids.create_uid, self.author)
        self.assertEqual(invoice.invoice_user_id, self.reviewer)

    def test_two_systems_are_told_apart(self):
        lab = self._make_system("lab")
        self._service("SCAN", "Scan", 10.0, system=lab)
        self._map("department", "ED", self.emergency, system=lab)
        self.finalize("R-2", self.line(1), drain=False)
        self.finalize("R-2", self.line(1, "SCAN"), system=lab, drain=False)
        self.drain()
        authors = {charge.system_id: charge.create_uid for charge in self.charges("R-2")}
        self.assertEqual(authors, {self.system: self.author, lab: lab.run_as_id})

    def test_it_is_let_in_where_the_facility_belongs_and_nowhere_else(self):
        other = self.env["res.company"].create({"name": "House 2"})
        third = self.env["res.company"].create({"name": "House 3"})
        self._map("facility", "HOUSE-2", other)
        self.finalize("R-3", self.line(1), facility="HOUSE-2", department=None)
        self.assertEqual(self.charges("R-3").company_id, other)
        self.assertIn(other, self.author.company_ids)
        self.assertNotIn(third, self.author.company_ids)

    def test_it_never_posts(self):
        _charges, invoice = self.bill("R-4")
        for user in (self.author, self.engine):
            with self.assertRaises(AccessError):
                invoice.with_user(user).action_post()
