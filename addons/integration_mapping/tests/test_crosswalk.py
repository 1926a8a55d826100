"""The crosswalk: one bulk call, read with one's own rights, and proposals where the gaps are."""

from datetime import date, timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from .common import CODES, MappingCase

DAY = date(2026, 6, 1)
IN_A_CALL = 16
"""Statements that a page costs at most, whatever is on it."""

@tagged("post_install", "-at_install")
class CrosswalkCase(MappingCase):
    """Two services, one mapped in the live system; people who read, edit and approve."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.viewer = new_test_user(cls.env, "viewer", groups="integration_core.group_finance_viewer")
        cls.judge = new_test_user(cls.env, "judge", groups="integration_core.group_governance_approver")
        cls.nobody = new_test_user(cls.env, "nobody", groups="base.group_user")
        cls.crosswalk = cls.env["integration.crosswalk"]

    def page(self, user=None, **query):
        asked = {"kind": "service", "day": "2026-06-01", "search": "", **query}
        return self.crosswalk.with_user(user or self.author).get_page(asked)

    def names(self, **query):
        return [row["name"] for row in self.page(**query)["rows"]]

    def mine(self, **query):
        """Return the names of the services of this test that a page shows."""
        return [name for name in self.names(**query) if name in (self.blood.name, self.xray.name)]

    def cell(self, entity=None, system=None, **query):
        [row] = self.page(entity_ids=[(entity or self.blood).id], **query)["rows"]
        return row["cells"].get((system or self.system).id, {"gap": True, "codes": []})

    def told(self, **query):
        return [(code["code"], code["how"]) for code in self.cell(**query)["codes"]]


@tagged("post_install", "-at_install")
class TestPage(CrosswalkCase):
    def test_no_filter_looks_up_the_codes_of_whole_systems(self):
        """It would read all of them for each entity, which PostgreSQL does while statistics are old."""
        self.env.flush_all()
        # Without the index that serves, whatever else the conditions allow is taken.
        self.env.cr.execute("DROP INDEX integration_identifier__entity_id_index; SET LOCAL enable_seqscan = off")
        for name in ("gap", "none", "proposed", "ends", "ended", "differs"):
            asked = self.crosswalk._asked({"kind": "service", "filter": name, "other_day": "2020-01-01"})
            query = self.env["integration.entity"]._search(self.crosswalk._domain(asked))
            plan = "\n".join(row[0] for row in self.env.execute_query(SQL("EXPLAIN %s", query.select())))
            with self.subTest(name):
                self.assertNotRegex(plan, r"Index Cond: .*\bsystem_id = ANY")

    def test_what_answers_on_the_day(self):
        self.map()
        self.assertEqual(self.told(), [("CBC", "answers")])
        self.assertFalse(self.cell()["gap"])
        self.assertTrue(self.cell(self.xray)["gap"])
        self.assertTrue(self.cell(system=self.trial)["gap"])

    def test_each_standing(self):
        self.map(code="ENDS", valid_to="2026-06-20")
        self.map(code="LATER", valid_from="2026-07-01")
        self.propose(code="DRAFT")
        self.propose(code="ASKED").action_submit()
        self.map(code="WRONG")._revoke("wrong")
        expected = [("ENDS", "ends"), ("ASKED", "proposed"), ("DRAFT", "draft"), ("LATER", "later")]
        self.assertEqual(self.told(), expected)
        self.assertEqual(self.told(day="2026-07-01"), [("LATER", "answers"), ("ASKED", "proposed"), ("DRAFT", "draft")])
        self.assertIn("06/20/2026", self.cell()["codes"][0]["when"])

    def test_a_gap_says_what_it_was(self):
        self.map(code="OLD", valid_to="2026-05-31")
        self.assertEqual(self.told(), [("OLD", "ended")])
        self.assertTrue(self.cell()["gap"])

    def test_several_codes_in_one_cell(self):
        for n in range(25):
            self.map(code=f"NDC-{n:02}")
        cell = self.cell()
        self.assertEqual((len(cell["codes"]), cell["more"]), (20, 5))

    def test_live_systems_are_before_test_ones(self):
        systems = self.page()["head"]["systems"]
        modes = [system["mode"] for system in systems]
        self.assertEqual(modes, sorted(modes, key=lambda mode: mode != "live"))
        self.assertLessEqual({"ehr", "trial"}, {system["code"] for system in systems})

    def test_search_by_name_code_and_record(self):
        self.map(self.xray, code="RAD-77")
        self.blood.product_id.default_code = "LAB-0815"
        self.assertEqual(self.mine(search="x-ra"), ["X-ray"])
        self.assertEqual(self.mine(search="rad-7"), ["X-ray"])
        self.assertEqual(self.mine(search="0815"), ["Blood count"])
        self.assertEqual(self.mine(search="nothing of that name"), [])

    def test_filters(self):
        self.map(self.blood, code="A", valid_to="2026-06-10")
        self.propose(self.xray, code="B", system=self.trial)
        both, blood, xray = ["Blood count", "X-ray"], ["Blood count"], ["X-ray"]
        self.assertEqual(self.mine(filter="gap", system_id=self.system.id), xray)
        self.assertEqual(self.mine(filter="gap"), both)
        self.assertEqual(self.mine(filter="none"), xray)
        self.assertEqual(self.mine(filter="proposed"), xray)
        self.assertEqual(self.mine(filter="proposed", system_id=self.system.id), [])
        self.assertEqual(self.mine(filter="ends"), blood)
        self.assertEqual(self.mine(filter="ends", day="2026-05-01"), [])
        self.assertEqual(self.mine(filter="ended", day="2026-07-01"), blood)
        self.map(self.blood, code="A2", valid_from="2026-06-11")
        self.assertEqual(self.mine(filter="ended", day="2026-07-01"), [])
        self.assertEqual(self.mine(filter="differs"), both, "without a second day nothing is compared")

    def test_pages_and_orders(self):
        for n in range(5):
            self._make_service(f"Zzz {n}")
        first = self.page(search="Zzz", limit=2)
        self.assertEqual(([row["name"] for row in first["rows"]], first["total"]), (["Zzz 0", "Zzz 1"], 5))
        last = self.page(search="Zzz", limit=2, offset=4, rows_only=True)
        self.assertEqual(([row["name"] for row in last["rows"]], last["total"]), (["Zzz 4"], 5))
        self.assertNotIn("head", last)
        self.assertEqual(self.names(search="Zzz", limit=1, order="name_desc"), ["Zzz 4"])
        self.assertEqual(self.names(search="Zzz", limit=1, order="newest"), ["Zzz 4"])

    def test_what_is_asked_wrongly_falls_back(self):
        page = self.crosswalk.with_user(self.author).get_page(
            {"kind": "x", "company_id": -1, "filter": "drop", "order": ";", "limit": 10**9, "offset": "a", "search": 7}
        )
        query = page["query"]
        self.assertEqual((query["company_id"], query["filter"], query["order"]), (self.env.company.id, "all", "name"))
        self.assertEqual((query["limit"], query["offset"], query["search"]), (200, 0, ""))
        self.assertEqual(query["day"], fields.Date.to_string(fields.Date.context_today(self.author)))
        for day in ("yesterday", 7, ["2026-01-01"]):
            with self.assertRaises(UserError):
                self.page(day=day)

    def test_it_costs_the_same_for_one_and_for_many(self):
        def cost():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.page(search="Yyy", limit=200)
            return self.env.cr.sql_log_count - before

        self.map(self._make_service("Yyy first"), code="Y")
        cost()  # what an Odoo keeps in memory, such as rules
        one = cost()
        for n in range(20):
            self.map(self._make_service(f"Yyy {n}"), code=f"Y{n}")
        cost()  # new products made it forget
        self.assertLessEqual(cost(), one)
        self.assertLessEqual(one, IN_A_CALL)

    # -- what waits ---------------------------------------------------------------------------------------------------

    def test_what_waits_is_told_per_system(self):
        self.Task._request(self.system, "service", {(CODES, "NEW-1"): "New", (CODES, "NEW-2"): None}, self.env.company)
        [system] = [one for one in self.page()["head"]["systems"] if one["code"] == "ehr"]
        self.assertEqual(system["waiting"]["codes"], 2)
        self.assertEqual({one["code"] for one in system["waiting"]["top"]}, {"NEW-1", "NEW-2"})
        self.assertIsNone(next(one for one in self.page()["head"]["systems"] if one["code"] == "trial")["waiting"])

    # -- who ----------------------------------------------------------------------------------------------------------

    def test_who_reads_and_who_edits(self):
        for user, edits in ((self.author, True), (self.viewer, False), (self.judge, False)):
            with self.subTest(user.login):
                self.assertEqual(self.page(user)["head"]["may"]["edit"], edits)
        for method in ("get_page", "get_code", "get_history", "propose", "export_differences"):
            with self.subTest(method), self.assertRaises(AccessError):
                getattr(self.crosswalk.with_user(self.nobody), method)()

    def test_within_the_company(self):
        house = self.env["res.company"].create({"name": "Second house"})
        theirs = self._make_service("Their service", company=house)
        far = self._make_system("far", company=house)
        self.Identifier.create({"entity_id": theirs.id, "system_id": far.id, "code": "T", "code_system": CODES})
        page = self.page(company_id=house.id)
        self.assertEqual(page["query"]["company_id"], self.env.company.id)
        self.assertNotIn("far", {system["code"] for system in page["head"]["systems"]})
        self.assertEqual(self.page(entity_ids=[theirs.id])["rows"], [])
        history = self.crosswalk.with_user(self.author).get_history(theirs.id, far.id)
        self.assertEqual(history["codes"], [])
        for call in (
            lambda: self.crosswalk.with_user(self.author).get_code(theirs.identifier_ids.id),
            lambda: self.crosswalk.with_user(self.author).propose(theirs.id, far.id, "X"),
            lambda: self.crosswalk.with_user(self.author).propose(self.blood.id, far.id, "X"),
        ):
            with self.assertRaises(AccessError):
                call()

    def test_whoever_is_in_both_companies_chooses(self):
        house = self.env["res.company"].create({"name": "Second house"})
        theirs = self._make_service("Their service", company=house)
        self.author.company_ids += house
        page = self.crosswalk.with_user(self.author).with_context(
            allowed_company_ids=[self.env.company.id, house.id]
        ).get_page({"kind": "service", "company_id": house.id})
        self.assertEqual([row["id"] for row in page["rows"]], [theirs.id])
        self.assertEqual(len(page["head"]["companies"]), 2)

    def test_a_rule_of_the_hospitals_own_holds(self):
        """What an administrator hides of identifiers by a record rule is hidden here, and counts as no code."""
        self.map()
        self.env["ir.rule"].create(
            {
                "name": "Nobody sees CBC",
                "model_id": self.env["ir.model"]._get_id("integration.identifier"),
                "domain_force": "[('code', '!=', 'CBC')]",
            }
        )
        self.assertTrue(self.cell()["gap"])
        self.assertIn("Blood count", self.mine(filter="gap", system_id=self.system.id))
        self.assertEqual(self.mine(search="CBC"), [])

    def test_a_system_of_another_company_whose_codes_are_used(self):
        house = self.env["res.company"].create({"name": "Second house"})
        far = self._make_system("far", company=house)
        self.author.company_ids += house
        both = self.crosswalk.with_user(self.author).with_context(
            allowed_company_ids=[self.env.company.id, house.id]
        )
        columns = lambda: {one["code"] for one in both.get_page({"kind": "service"})["head"]["systems"]}  # noqa: E731
        self.assertNotIn("far", columns())
        self.propose(system=far, user=self.env.user)
        self.assertIn("far", columns())


@tagged("post_install", "-at_install")
class TestCell(CrosswalkCase):
    def propose_here(self, code="CBC", user=None, entity=None, **more):
        crosswalk = self.crosswalk.with_user(user or self.author)
        told = crosswalk.propose((entity or self.blood).id, self.system.id, code, more)
        return self.Identifier.browse(told["id"]), told

    def test_a_gap_is_filled_by_two(self):
        identifier, told = self.propose_here(valid_from="2026-01-01", note="as the laboratory says")
        self.assertEqual((identifier.approval_state, identifier.note), ("requested", "as the laboratory says"))
        self.assertIn("Another steward must approve", told["message"])
        self.assertEqual(self.told(), [("CBC", "proposed")])
        self.assertTrue(self.cell()["gap"])
        with self.assertRaises(UserError):
            self.call(self.author, identifier, "action_approve")
        self.call(self.judge, identifier, "action_approve")
        self.assertEqual(self.told(), [("CBC", "answers")])

    def test_code_and_days_are_kept_as_they_are(self):
        identifier, _told = self.propose_here(" cbc ", valid_from="2026-01-01", valid_to="2026-12-31", code_system="x")
        self.assertEqual((identifier.code, identifier.code_system), (" cbc ", "x"))
        self.assertEqual((identifier.valid_from, identifier.valid_to), (date(2026, 1, 1), date(2026, 12, 31)))

    def test_only_those_who_may_propose(self):
        for user in (self.viewer, self.judge, self.nobody):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.propose_here(user=user)

    def test_nothing_comes_of_half_a_proposal(self):
        for arguments in ((), (self.blood.id, self.system.id, "  "), (self.blood.id, 0, "X"), (0, self.system.id, "X")):
            with self.subTest(arguments), self.assertRaises(UserError):
                self.crosswalk.with_user(self.author).propose(*arguments)

    def test_a_code_that_means_something_is_not_proposed_again(self):
        self.map(code_system="ehr")
        with self.assertRaisesRegex(UserError, "already means"):
            self.propose_here(entity=self.xray)
        self.propose_here("NEW")
        with self.assertRaisesRegex(UserError, "proposed already"):
            self.propose_here("NEW", entity=self.xray)

    def test_what_is_told_of_a_code(self):
        identifier = self.map(source="Laboratory list", note="agreed")
        told = self.crosswalk.with_user(self.author).get_code(identifier.id)
        self.assertEqual((told["state"], told["holds"], told["source"]), ("approved", "always", "Laboratory list"))
        self.assertEqual((told["may"]["change"], told["may"]["end"], told["may"]["approve"]), (True, True, False))
        facts = dict(told["facts"])
        self.assertIn("approver", facts["Approved by"])
        self.assertEqual(facts["Touches"], "Nothing has used it yet.")
        for user in (self.viewer, self.judge):
            may = self.crosswalk.with_user(user).get_code(identifier.id)["may"]
            self.assertFalse(any(may.values()), user.login)

    def test_whoever_may_approve_is_offered_it(self):
        identifier, _told = self.propose_here()
        offered = {
            user.login: self.crosswalk.with_user(user).get_code(identifier.id)["may"]["approve"]
            for user in (self.author, self.approver, self.judge, self.viewer)
        }
        self.assertEqual(offered, {"author": False, "approver": True, "judge": True, "viewer": False})

    def test_what_is_gone_is_said(self):
        with self.assertRaisesRegex(UserError, "no longer there"):
            self.crosswalk.with_user(self.author).get_code(2**31 - 1)

    # -- history ------------------------------------------------------------------------------------------------------

    def history(self, user=None, entity=None):
        return self.crosswalk.with_user(user or self.author).get_history((entity or self.blood).id, self.system.id)

    def deeds(self, **whose):
        return [(deed["what"], deed["who"], deed["why"]) for deed in self.history(**whose)["codes"][0]["deeds"]]

    def test_history_tells_who_did_what(self):
        identifier = self.propose()
        identifier.action_submit()
        self.call(self.approver, identifier, "action_reject", "another code")
        identifier.action_submit()
        self.call(self.approver, identifier, "action_approve")
        deeds = self.deeds()
        self.assertIn(("Rejected", self.approver.name, "another code"), deeds)
        self.assertIn(("Approved", self.approver.name, ""), deeds)
        self.assertEqual(len([deed for deed in deeds if deed[0] == "Asked for approval"]), 2)
        self.assertIn(("Proposed", self.author.name, ""), deeds)

    def test_history_tells_of_the_successor(self):
        old = self.map()
        self.map(self.xray, replaces_id=old.id, valid_from="2026-07-01", note="moved")
        texts = [deed[0] for deed in self.deeds()]
        self.assertTrue(any("X-ray" in text for text in texts), texts)

    def test_why_it_ended_is_told_to_readers_of_the_trail(self):
        self.map()._revoke("it was another test")
        auditor = new_test_user(self.env, "auditor", groups="integration_core.group_auditor")
        self.assertFalse(self.history()["trail"])
        self.assertFalse([deed for deed in self.deeds() if deed[0] == "Revoked"])
        self.assertTrue(self.history(auditor)["trail"])
        [revoked] = [deed for deed in self.deeds(user=auditor) if deed[0] == "Revoked"]
        self.assertIn("it was another test", revoked[2])


@tagged("post_install", "-at_install")
class TestTwoDays(CrosswalkCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.steward = new_test_user(
            cls.env, "exporter", groups="integration_core.group_steward,base.group_allow_export"
        )

    def setUp(self):
        super().setUp()
        old = self.map(code="OLD")
        old._retire(date(2026, 6, 30), "new list")
        self.map(code="NEW", valid_from="2026-07-01")
        self.map(self.xray, code="SAME")

    def export(self, user=None, **query):
        asked = {"kind": "service", "day": "2026-06-01", "other_day": "2026-07-02", **query}
        return self.crosswalk.with_user(user or self.steward).export_differences(asked)

    def test_cells_that_differ(self):
        cell = self.cell(other_day="2026-07-02")
        self.assertEqual((cell["differs"], cell["before"], cell["after"]), (True, ("OLD",), ("NEW",)))
        back = self.cell(day="2026-07-02", other_day="2026-06-01")
        self.assertEqual((back["before"], back["after"]), (("OLD",), ("NEW",)), "the earlier day is first")
        self.assertFalse(self.cell(self.xray, other_day="2026-07-02")["differs"])
        self.assertEqual(self.mine(filter="differs", other_day="2026-07-02"), ["Blood count"])
        self.assertEqual(self.mine(filter="differs", other_day="2026-06-02"), [])
        self.assertEqual(self.mine(filter="differs", other_day="2026-07-02", system_id=self.trial.id), [])

    def test_the_file_says_the_same_and_is_told_of(self):
        file = self.export()
        head, *rows = file["content"].splitlines()
        self.assertEqual(head, "Kind,Means,System,2026-06-01,2026-07-02")
        self.assertEqual(rows, ["service,Blood count,ehr,OLD,NEW"])
        self.assertEqual((file["count"], file["name"]), (1, "crosswalk-service-2026-06-01-2026-07-02.csv"))
        told = self.env["integration.audit"].search([("action", "=", "crosswalk.export")], limit=1)
        self.assertEqual(told.user_name, self.steward.name)
        self.assertEqual(told.detail, "service, differences 2026-06-01 2026-07-02: 1")

    def test_a_code_is_no_formula(self):
        self.map(self.xray, code="=1+1", valid_from="2026-07-01")
        self.assertIn(",'=1+1; SAME", self.export()["content"])

    def test_who_exports(self):
        self.env.ref("base.group_user").implied_ids -= self.env.ref("base.group_allow_export")
        with self.assertRaises(AccessError):
            self.export(self.author)
        with self.assertRaises(AccessError):
            self.export(self.nobody)
        with self.assertRaisesRegex(UserError, "second day"):
            self.export(other_day=False)


@tagged("post_install", "-at_install")
class TestImpact(CrosswalkCase):
    """What a change reaches, without an addon whose records use codes: nothing. integration_account has the rest."""

    def test_a_proposal_tells_what_waits_for_it(self):
        self.Task._request(self.system, "service", {(CODES, "CBC"): None}, self.env.company)
        identifier = self.propose()
        self.assertEqual(identifier.impact, "Nothing waits for it.")
        self.assertFalse(self.propose(code="OTHER").impact)

    def test_money_is_for_stewards_and_finance(self):
        identifier = self.propose()
        for user, sees in ((self.author, True), (self.viewer, True), (self.judge, False)):
            with self.subTest(user.login):
                fields_seen = identifier.with_user(user).fields_get(attributes=["type"])
                self.assertEqual({"impact_money", "effect_money"} <= set(fields_seen), sees)
                self.assertIn("impact", fields_seen)

    def test_the_wizards_say_what_they_reach(self):
        identifier = self.map()
        end = self.env["integration.identifier.end"].create({"identifier_ids": identifier.ids, "reason": "x"})
        change = self.env["integration.map.codes"].create({"replaces_id": identifier.id, "valid_from": DAY})
        for wizard in (end, change):
            self.assertEqual(wizard.impact, "No line so far is of the days that change.")

    def test_days_of_a_change(self):
        identifier = self.map(valid_from="2026-01-01", valid_to="2026-12-31")
        self.assertEqual(identifier._span_from(False), identifier._span())
        self.assertEqual(identifier._span_from(DAY).first, DAY)
        self.assertIsNone(identifier._span_from(identifier.valid_to + timedelta(days=1)))
