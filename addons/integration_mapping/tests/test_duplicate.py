"""Suppliers that Odoo has twice are found by their numbers, shown side by side, and merged by two people."""

from datetime import date
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .test_proposal import GLN, OTHER_VAT, VAT, ProposalCase


@tagged("post_install", "-at_install")
class TestDuplicate(ProposalCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.twin = cls.env["res.partner"].create(
            {"name": "ACME Medical", "is_company": True, "vat": "BE 0477.472.701", "phone": "+32 9 1"}
        )
        cls.entity = cls.Entity._for_target("supplier", cls.company, cls.acme)
        cls.twin_entity = cls.Entity._for_target("supplier", cls.company, cls.twin)

    def find(self):
        pairs = self.env["integration.duplicate"]
        pairs.with_user(self.author).action_look()
        return pairs.search([("partner_id", "in", (self.acme | self.twin).ids)])

    def map_twin(self):
        return self.map(self.twin_entity, code="T-1", system=self.erp, code_system="erp")

    def test_two_contacts_with_one_number_are_found_once(self):
        pair = self.find()
        self.assertEqual(pair.partner_id | pair.other_id, self.acme | self.twin)
        self.assertEqual((pair.evidence, pair.state, pair.turn), (f"VAT {VAT}", "open", "steward"))
        self.assertEqual(self.find(), pair)
        for text in ("Acme Medical NV", "ACME Medical", "+32 9 1"):
            self.assertIn(text, pair.comparison)

    def test_one_number_in_two_spellings_is_not_shown_as_a_difference(self):
        self.twin.write({"vat": f"{VAT[:2]} {VAT[2:6]}.{VAT[6:]}", "street": "Elsewhere 1"})
        rows = self.find().comparison.split("<tr")
        [number] = [row for row in rows if self.twin.vat in row]
        [street] = [row for row in rows if "Elsewhere 1" in row]
        self.assertNotIn("table-warning", number)
        self.assertIn("table-warning", street)

    def test_the_same_name_alone_is_no_duplicate(self):
        self.twin.write({"name": "Acme Medical NV", "vat": OTHER_VAT})
        self.assertFalse(self.find())

    def test_who_is_no_supplier_is_no_duplicate_supplier(self):
        (self.entity | self.twin_entity).unlink()
        self.assertFalse(self.find())

    def test_contacts_of_two_companies_are_not_compared(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.twin_entity.unlink()
        self.acme.company_id, self.twin.company_id = self.company, other
        self.assertFalse(self.find())

    def test_what_contacts_had_before_is_found_by_looking(self):
        self.env.cr.execute("DELETE FROM integration_party_number")
        self.assertTrue(self.find())

    def test_a_placeholder_that_many_have_is_no_evidence(self):
        self.env["res.partner"].create([{"name": f"P{n}", "is_company": True, "vat": VAT} for n in range(25)])
        self.assertFalse(self.find())

    def test_not_a_duplicate_is_remembered_with_who_and_why(self):
        pair = self.find()
        pair.with_user(self.author)._set_different("Two plants of one group")
        self.assertEqual(
            (pair.state, pair.settled_by_id, pair.reason), ("different", self.author, "Two plants of one group")
        )
        self.assertEqual(self.find(), pair)
        self.assertEqual(pair.state, "different")
        pair.with_user(self.author).action_reopen()
        self.assertEqual(pair.state, "open")

    def test_without_codes_and_accounts_one_steward_merges(self):
        pair = self.find()
        gone_id = self.twin_entity.id
        self.assertFalse(pair.two_people)
        self.merge(pair)
        self.assertEqual(pair.state, "merged")
        self.assertFalse(self.twin.exists())
        self.assertFalse(self.Entity.browse(gone_id).exists())
        self.assertTrue(self.audited("duplicate.merge"))

    def test_with_live_codes_a_second_steward_approves_and_codes_go_along(self):
        identifier = self.map_twin()
        proposal = self.propose_supplier("T-1", system=self.erp)
        self.assertEqual(proposal.entity_id, self.twin_entity)
        pair = self.find()
        self.assertTrue(pair.two_people)
        self.merge(pair)
        self.assertEqual((pair.state, pair.turn), ("open", "approver"))
        self.assertTrue(self.twin.exists())
        with self.assertRaises(UserError):
            pair.with_user(self.author).action_approve()
        pair.with_user(self.approver).action_approve()
        self.assertEqual(pair.state, "merged")
        self.assertFalse(self.twin.exists())
        self.assertEqual((identifier.entity_id, identifier.state), (self.entity, "approved"))
        self.assertEqual(proposal.entity_id, self.entity)
        key = ("erp", "T-1", date(2026, 6, 1))
        self.assertEqual(self.Identifier._resolve(self.erp, "supplier", {key}, self.company), {key: self.entity})

    def test_merging_tells_others(self):
        self.map_twin()
        pair = self.find()
        self.merge(pair)
        self.commit()
        pair.with_user(self.approver).action_approve()
        self.commit()
        event = self.env["integration.event"].search(
            [("type_name", "=", "masterdata.supplier.changed.v1"), ("subject", "=", f"supplier/{self.entity.id}")]
        )
        self.assertEqual(len(event), 1)

    def test_only_the_second_has_an_entity_and_it_survives(self):
        self.entity.unlink()
        identifier = self.map_twin()
        pair = self.find()
        self.merge(pair)
        pair.with_user(self.approver).action_approve()
        self.assertEqual(identifier.entity_id.partner_id, self.acme)

    def test_odoos_own_merge_is_no_way_around(self):
        self.map_twin()
        wizard = self.env["base.partner.merge.automatic.wizard"]
        with self.assertRaisesRegex(UserError, "second person"):
            wizard._merge([self.acme.id, self.twin.id], self.acme)
        with self.assertRaisesRegex(UserError, "second person"):
            wizard.with_context(integration_merging=True)._merge([self.acme.id, self.twin.id], self.acme)

    def test_odoos_own_merge_carries_entities_where_nothing_hangs_on_them(self):
        self.env["base.partner.merge.automatic.wizard"]._merge(
            [self.acme.id, self.twin.id], self.acme, extra_checks=False
        )
        self.assertEqual(
            self.Entity.search([("kind", "=", "supplier"), ("partner_id", "=", self.acme.id)]), self.entity
        )

    def test_another_companys_supplier_is_not_merged_from_here(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.env["integration.entity"].with_company(other)._for_target("supplier", other, self.twin)
        pair = self.find()
        with self.assertRaises(AccessError):
            pair.with_user(self.author).action_keep_one()

    def test_who_is_no_steward_merges_nothing(self):
        pair = self.find()
        auditor = new_test_user(self.env, "auditor", groups="integration_core.group_auditor")
        for method in ("action_look", "action_keep_one", "action_keep_other", "action_reopen"):
            with self.subTest(method), self.assertRaises(AccessError):
                self.call(auditor, pair, method)

    def test_numbers_follow_the_contact(self):
        numbers = self.env["integration.party.number"]
        self.assertEqual(numbers._of_partners(self.acme), {self.acme.id: {"vat": VAT}})
        self.acme.vat = OTHER_VAT
        self.assertEqual(numbers._of_partners(self.acme), {self.acme.id: {"vat": OTHER_VAT}})
        self.acme.vat = False
        self.assertEqual(numbers._of_partners(self.acme), {})

    def test_writing_to_contacts_that_are_no_suppliers_asks_nothing(self):
        others = self.env["res.partner"].create([{"name": f"Person {n}"} for n in range(200)])
        entities = type(self.env["integration.entity"])
        others.write({"phone": "+32 1"})
        with patch.object(entities, "_bound_ids", lambda *_args: frozenset()):
            without = self.queries_of(others, "+32 2")
        self.assertEqual(self.queries_of(others, "+32 3"), without)

    def queries_of(self, partners, phone):
        """Return how many queries a write of a phone number needs."""
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        partners.write({"phone": phone})
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def merge(self, pair):
        """Let the author merge the pair into Acme, or ask for it."""
        method = "action_keep_one" if pair.partner_id == self.acme else "action_keep_other"
        getattr(pair.with_user(self.author), method)()

    def audited(self, action):
        return self.env["integration.audit"].search([("action", "=", action)])

    def test_a_gln_is_a_number_where_odoo_has_a_field_for_it(self):
        if "global_location_number" in self.acme._fields:
            self.acme.global_location_number = GLN
            self.assertEqual(self.env["integration.party.number"]._of_partners(self.acme)[self.acme.id]["gln"], GLN)
