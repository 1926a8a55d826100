"""Who is billed: payer, guarantor, self-pay; never a person found by name."""

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import BillingCase


@tagged("post_install", "-at_install")
class TestPayer(BillingCase):
    def test_the_first_ranked_payer(self):
        other = self.env["res.partner"].create({"name": "Unity Care"})
        self._map("payer", "UCM", other)
        self.finalize("P-1", self.line(1), coverage=[{"payer": "UCM", "rank": 2}, {"payer": "NBH", "rank": 1}])
        self.assertEqual(self.charges("P-1").partner_id, self.payer)

    def test_an_unmapped_payer_parks_and_nobody_else_is_billed(self):
        self.finalize(
            "P-2", self.line(1), coverage=[{"payer": "XYZ", "rank": 1}, {"payer": "NBH", "rank": 2}], self_pay=True
        )
        charge = self.charges("P-2")
        self.assertEqual((charge.state, charge.park_reason), ("parked", "payer_unmapped"))
        task = self.env["integration.mapping.task"].search([("kind", "=", "payer"), ("code", "=", "XYZ")])
        self.assertEqual((task.state, task.waiting_lines), ("open", 1))
        self.assertEqual(task._waiting()[task.id].lines, 1)
        self._map("payer", "XYZ", self.payer)
        self.drain()
        self.assertEqual(charge.partner_id, self.payer)

    def test_the_admission_tells_the_payer_whenever_it_comes(self):
        self.finalize("P-3", self.line(1), nobody=True)
        charge = self.charges("P-3")
        self.assertEqual((charge.state, charge.park_reason), ("parked", "no_payer"))
        self.admit("P-3", coverage=[{"payer": "NBH", "rank": 1}])
        self.assertEqual((charge.state, charge.partner_id), ("held", self.payer))

    def test_the_line_wins_over_the_admission(self):
        self.admit("P-4", coverage=[{"payer": "NBH", "rank": 1}])
        self.finalize("P-4", self.line(1), self_pay=True)
        self.assertEqual(self.charges("P-4").partner_id, self.patients)

    def test_an_older_admission_does_not_undo_a_newer_one(self):
        self.admit("P-5", coverage=[{"payer": "NBH", "rank": 1}], time="2026-11-20T10:00:00Z")
        self.admit("P-5", self_pay=True, time="2026-11-20T09:00:00Z")
        self.finalize("P-5", self.line(1), nobody=True)
        self.assertEqual(self.charges("P-5").partner_id, self.payer)

    def test_a_guarantor_becomes_a_customer_by_identifier(self):
        guarantor = {
            "id": "G-77",
            "name": "Erika Beispiel",
            "address": {"street": "1 High St", "city": "Larkfield", "country": "US"},
        }
        self.finalize("P-6", self.line(1), guarantor=guarantor)
        partner = self.charges("P-6").partner_id
        self.assertRecordValues(partner, [{"name": "Erika Beispiel", "street": "1 High St", "city": "Larkfield"}])
        self.assertEqual(partner.country_id.code, "US")
        self.finalize("P-7", self.line(1), guarantor={"id": "G-77"})
        self.assertEqual(self.charges("P-7").partner_id, partner)
        self.assertNotIn("G-77", self.env["integration.guarantor"].search([]).mapped("ref"))

    def test_a_namesake_is_never_billed(self):
        """D14: two guarantors of one name are two customers, and a partner of that name is neither."""
        namesake = self.env["res.partner"].create({"name": "Erika Beispiel"})
        self.finalize("P-8", self.line(1), guarantor={"id": "G-1", "name": "Erika Beispiel"})
        self.finalize("P-9", self.line(1), guarantor={"id": "G-2", "name": "Erika Beispiel"})
        first, second = self.charges("P-8").partner_id, self.charges("P-9").partner_id
        self.assertEqual(len(namesake | first | second), 3)

    def test_a_moved_guarantor_is_brought_up_to_date(self):
        self.finalize("P-10", self.line(1), guarantor={"id": "G-3", "name": "A. Person", "address": "Old street 1"})
        self.finalize(
            "P-11", self.line(1), guarantor={"id": "G-3", "address": {"street": "New street 2", "zip": "12345"}}
        )
        partner = self.charges("P-10").partner_id
        self.assertEqual((partner.name, partner.street, partner.zip), ("A. Person", "New street 2", "12345"))

    def test_an_older_address_does_not_undo_a_newer_one(self):
        new, old = {"id": "G-4", "name": "B. Person", "address": "New 2"}, {"id": "G-4", "address": "Old 1"}
        self.finalize("P-17", self.line(1), guarantor=new, time="2026-11-20T10:00:00Z")
        self.finalize("P-18", self.line(1), guarantor=old, time="2026-11-19T10:00:00Z")
        self.assertEqual(self.charges("P-18").partner_id.street, "New 2")

    def test_a_guarantor_nobody_named_parks(self):
        self.finalize("P-12", self.line(1), guarantor={"id": "G-9"})
        charge = self.charges("P-12")
        self.assertEqual((charge.state, charge.park_reason), ("parked", "guarantor_unknown"))
        self.finalize("P-13", self.line(1), guarantor={"id": "G-9", "name": "Late Name"})
        charge.action_try_again()
        self.assertEqual((charge.state, charge.partner_id.name), ("held", "Late Name"))

    def test_self_pay_without_a_customer_parks_until_one_is_chosen(self):
        self.company.integration_self_pay_partner_id = False
        self.finalize("P-14", self.line(1))
        charge = self.charges("P-14")
        self.assertEqual((charge.state, charge.park_reason), ("parked", "no_self_pay_customer"))
        self.company.integration_self_pay_partner_id = self.patients
        self.drain()
        self.assertEqual((charge.state, charge.partner_id), ("held", self.patients))

    def test_the_system_default_says_self_pay(self):
        self.finalize("P-15", self.line(1), nobody=True)
        self.assertEqual(self.charges("P-15").park_reason, "no_payer")
        self.system.self_pay_default = True
        self.drain()
        self.assertEqual((self.charges("P-15").state, self.charges("P-15").partner_id), ("held", self.patients))

    def test_the_patient_is_kept_as_a_hash(self):
        self.admit("P-16")
        encounter = self.env["integration.encounter"].search([("name", "=", "P-16")])
        self.assertTrue(encounter.patient_ref)
        self.assertNotIn("MRN", encounter.patient_ref)

    def test_two_patients_are_told_apart_on_their_invoices_without_a_number_or_a_name(self):
        for encounter, number in (("P-20", "MRN-A"), ("P-21", "MRN-A"), ("P-22", "MRN-B")):
            self.finalize(encounter, self.line(1), patient={"id": number, "name": "Jane Doe"})
        names = {one: self.charges(one).pseudonym for one in ("P-20", "P-21", "P-22")}
        self.assertRegex(names["P-20"], "^P-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}$")
        self.assertEqual(names["P-20"], names["P-21"])
        self.assertNotEqual(names["P-20"], names["P-22"])
        other = self._make_system("lab")
        self.finalize("P-23", self.line(1), patient={"id": "MRN-A"}, system=other)
        self.assertNotEqual(self.charges("P-23").pseudonym, names["P-20"], "one system's hash says nothing in another")

    def test_a_later_message_without_a_patient_keeps_the_pseudonym(self):
        self.admit("P-24")
        encounter = self.env["integration.encounter"].search([("name", "=", "P-24")])
        before = encounter.pseudonym
        self.void("P-24", {"line": "9", "reason": "entered-in-error"})
        self.finalize("P-24", self.line(1))
        self.assertEqual(encounter.pseudonym, before)

    def test_a_guarantor_is_a_contact_of_those_who_invoice_alone(self):
        self.finalize("P-25", self.line(1), guarantor={"id": "G-55", "name": "Erika Beispiel", "address": "High St 1"})
        guarantor = self.charges("P-25").partner_id
        other = self.env["res.partner"].create({"name": "Erika Other"})
        seen = {}
        for login, group in (
            ("nurse", "base.group_user"),
            ("operator2", "integration_core.group_operator"),
            ("viewer2", "integration_core.group_finance_viewer"),
            ("biller", "account.group_account_invoice"),
        ):
            user = new_test_user(self.env, login, groups=f"base.group_user,{group}")
            partners = self.env["res.partner"].with_user(user)
            seen[login] = partners.search([("name", "like", "Erika")])
            if not seen[login] & guarantor:
                with self.assertRaises(AccessError):
                    guarantor.with_user(user).read(["name", "street"])
        self.assertEqual(seen["nurse"], other)
        self.assertEqual(seen["operator2"], other)
        self.assertEqual(seen["viewer2"], other | guarantor)
        self.assertEqual(seen["biller"], other | guarantor)
