"""A list of codes is looked at before anything is written, and carried out as it was looked at."""

import base64
from datetime import date, timedelta
from unittest.mock import patch

from odoo.addons.integration_mapping.domain.waiting import Waiting
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import CODES
from .import_case import ImportCase


@tagged("post_install", "-at_install")
class TestImport(ImportCase):
    def row(self, code, entity=None, system=None):
        return (system or self.system, "service", CODES, code, entity or self.blood)

    def identifiers(self, code="CBC"):
        return self.Identifier.search([("code", "=", code)], order="id")

    # -- the dry run -------------------------------------------------------------------------------------------------

    def test_looking_at_a_list_writes_nothing(self):
        self.map(code="OLD")
        before = self.Identifier.search_count([]), self.Entity.search_count([])
        one = self.upload(
            self.codes(
                self.row("OLD", self.xray), self.row("NEW"), self.row(""), self.row("NEW"), self.row("X", "99999999")
            )
        )
        self.assertEqual(before, (self.Identifier.search_count([]), self.Entity.search_count([])))
        self.assertEqual(self.counts(one), {"new": 1, "changed": 1, "merged": 1, "refused": 2})
        self.assertEqual(self.reasons(one), {2: "meaning", 4: "no_code", 5: "same_row", 6: "unknown_entity"})
        self.assert_adds_up(one)
        self.assertEqual((one.state, one.stage, one.row_count), ("checked", "checked", 5))
        [changed] = one.row_ids.filtered(lambda row: row.status == "changed")
        self.assertEqual((changed.meant, changed.means), ("Blood count (always)", "X-ray"))

    def test_each_refused_row_says_why_in_words(self):
        one = self.upload(self.codes(self.row("A"), self.row("A", self.xray)))
        self.assertEqual(
            one.row_ids.mapped("why"),
            ["One code with two meanings: neither wins (line 3)", "One code with two meanings: neither wins (line 2)"],
        )

    def test_what_is_no_list_is_refused_in_words(self):
        for content, words in (
            (b"", "empty"),
            (b"PK\x03\x04 nothing", "neither a table"),
            (b"a,b\n1,2\n", "No column has the codes"),
            (b"code,Code\n1,2\n", "Two columns"),
        ):
            with self.subTest(words), self.assertRaisesRegex(UserError, words):
                self.upload(content or b" ")

    def test_another_file_is_looked_at_anew(self):
        one = self.upload(self.codes(self.row("A")))
        one.file = base64.b64encode(self.codes(self.row("B")).encode())
        self.assertEqual((one.state, one.new_count, len(one.row_ids)), ("draft", 0, 0))
        with self.assertRaisesRegex(UserError, "Look at"):
            one.action_apply()

    # -- carrying out ------------------------------------------------------------------------------------------------

    def test_new_codes_answer(self):
        one = self.load(self.codes(self.row("A"), self.row("B", self.xray)))
        self.assertEqual((one.stage, one.applied_count, one.progress), ("done", 2, 100))
        self.assertEqual((self.meaning("A"), self.meaning("B")), (self.blood, self.xray))
        self.assertEqual(self.made(one).mapped("code"), ["A", "B"])

    def test_what_an_import_makes_is_what_a_person_would_have_made(self):
        by_hand = self.map(code="HAND", display="x", note="y", source="codes.csv")
        self.load(
            f"system,kind,code_system,code,display,note,entity_id\nehr,service,{CODES},FILE,x,y,{self.blood.id}\n"
        )
        self.env.flush_all()
        differ = {}
        [imported] = self.identifiers("FILE")
        # approval_snapshot is kept when the record is next changed.
        own = {
            "id",
            "code",
            "import_id",
            "code_key",
            "approval_snapshot",
            "create_date",
            "write_date",
            "requested_at",
            "decided_at",
        }
        for name, field in self.Identifier._fields.items():
            if field.store and field.column_type and name not in own and by_hand[name] != imported[name]:
                differ[name] = by_hand[name], imported[name]
        # Whoever wrote it last: here the approver's batch, there the system on behalf of the approver.
        self.assertLessEqual(set(differ), {"write_uid"}, differ)

    def test_a_change_holds_from_its_day_on_and_the_past_stays(self):
        old = self.map(code="CBC")
        self.load(self.codes(self.row("CBC", self.xray)), effective=date(2026, 7, 1))
        self.assertEqual((old.state, old.valid_to), ("retired", date(2026, 6, 30)))
        self.assertEqual(self.meaning(day=date(2026, 6, 30)), self.blood)
        self.assertEqual(self.meaning(day=date(2026, 7, 1)), self.xray)
        self.assertEqual(self.identifiers()[1].replaces_id, old)

    def test_rows_with_days(self):
        header = "system,kind,code_system,code,entity_id,valid_from,valid_to"
        rows = [
            (*self.row("CBC"), "", "2026-06-30"),
            (*self.row("CBC", self.xray), "2026-07-01", ""),
            (*self.row("END"), "", "2026-03-31"),
        ]
        self.map(code="CBC")
        self.map(code="END")
        content = self.codes(*rows, header=header)
        one = self.load(content)
        self.assertEqual(self.meaning(day=date(2026, 6, 30)), self.blood)
        self.assertEqual(self.meaning(day=date(2026, 7, 1)), self.xray)
        self.assertEqual(self.meaning("END", date(2026, 3, 31)), self.blood)
        self.assertFalse(self.meaning("END", date(2026, 4, 1)))
        self.assertEqual((one.refused_count, self.counts(self.upload(content))), (0, {"unchanged": 3}))

    def test_the_records_of_odoo_that_codes_mean(self):
        self.xray.product_id.default_code = "XR-7"
        partner = self.env["res.partner"].create({"name": "Gauze Ltd", "ref": "V-12"})
        account = self._make_cost_center("Theatre")
        account.code = "CC-9"
        one = self.load(
            "System,Kind,Code,Record,Entity\n"
            "ehr,Service,A,XR-7,\n"
            "ehr,supplier,B,V-12,\n"
            "ehr,Cost center,C,CC-9,\n"
            "ehr,department,D,CC-9,Theatre 1\n"
            "ehr,service,E,,X-ray\n"
            "ehr,service,F,NONE,\n"
        )
        self.assertEqual(self.reasons(one), {7: "unknown_record"})
        made = {i.code: i.entity_id._target() for i in self.made(one)}
        xray = self.xray.product_id
        self.assertEqual(made, {"A": xray, "B": partner, "C": account, "D": account, "E": xray})
        department = self.made(one).filtered(lambda i: i.kind == "department").entity_id
        self.assertEqual((department.name, department.parent_id.analytic_account_id), ("Theatre 1", account))

    def test_in_batches_and_nothing_twice_after_a_crash(self):
        rows = [self.row(f"C{number}") for number in range(7)]
        with patch("odoo.addons.integration_mapping.models.integration_mapping_import_apply.BATCH", 3):
            one = self.upload(self.codes(*rows))
            one.action_apply()
            one.with_user(self.approver).action_approve()
            self.assertEqual((one.stage, one.applied_count, one.progress), ("applying", 3, 42))
            chore = self.Import.with_user(self.env.ref("integration_core.user_engine"))._chore_apply
            with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
                chore(100)
                _ = 1 / 0  # the process dies before its transaction is committed
            one.invalidate_recordset()
            self.assertEqual((one.applied_count, self.Identifier.search_count([("code", "=like", "C_")])), (3, 3))
            self.assertEqual([chore(100), chore(100)], [1, 0])
        one.invalidate_recordset()
        self.assertEqual((one.stage, one.applied_count), ("done", 7))
        self.assertEqual(self.Identifier.search_count([("code", "=like", "C_")]), 7)

    def test_what_somebody_changed_meanwhile_is_refused(self):
        self.map(code="OLD")
        one = self.upload(self.codes(self.row("OLD", self.xray), self.row("NEW"), self.row("SAME", self.xray)))
        one.action_apply()
        self.map(code="NEW", entity=self.xray)
        self.map(code="SAME", entity=self.xray)
        [old] = self.identifiers("OLD")
        old.with_user(self.author)._revoke("wrong")
        one.with_user(self.approver).action_approve()
        self.assertEqual(one.state, "done")
        self.assertEqual(self.counts(one), {"refused": 2, "unchanged": 1})
        self.assertEqual(
            {row.code: row.reason for row in one.row_ids}, {"OLD": "meanwhile", "NEW": "meanwhile", "SAME": False}
        )
        self.assertEqual(self.meaning("NEW"), self.xray)
        self.assert_adds_up(one)

    @mute_logger("odoo.addons.integration_core.models.integration_engine", "odoo.sql_db")
    def test_a_row_that_fails_is_refused_and_no_other(self):
        profile = self.profile(meaning="made")
        create = type(self.env["product.product"]).create

        def fussy(products, vals_list):
            if any(vals.get("default_code") == "BAD" for vals in vals_list):
                raise UserError(products.env._("Not this one."))
            return create(products, vals_list)

        content = "code,description\n" + "".join(f"{code},{code}\n" for code in ("A", "BAD", "C", "D"))
        one = self.upload(content, profile_id=profile.id)
        one.action_apply()
        with patch.object(type(self.env["product.product"]), "create", fussy):
            one.with_user(self.approver).action_approve()
        self.assertEqual(self.counts(one), {"new": 3, "refused": 1})
        self.assertEqual(
            one.row_ids.filtered(lambda row: row.status == "refused").why, "It could not be carried out: Not this one."
        )
        self.assertEqual(sorted(self.made(one).mapped("code")), ["A", "C", "D"])

    # -- the same again ----------------------------------------------------------------------------------------------

    def test_the_same_list_again_changes_nothing_however_it_is_written(self):
        content = "system;kind;code;display;entity_id\n" + "".join(
            f"ehr;service;{code};Röntgen {code};{entity.id}\n"
            for code, entity in (("A", self.blood), ("B", self.xray), ("C", self.blood))
        )
        first = self.load(content)
        head, *lines = content.splitlines()
        reissues = [
            content.encode(),
            "\r\n".join([head, *reversed(lines)]).encode("utf-8-sig"),
            "\r".join([head, *lines]).replace(";", "\t").encode("cp1252"),
            "\n".join([head, *reversed(lines)]).replace(";", "|").encode("utf-16"),
        ]
        for reissue in reissues:
            again = self.upload(reissue)
            self.assertEqual(self.counts(again), {"unchanged": 3})
            self.assertEqual((again.digest, again.same_as_id, again.nothing_to_do), (first.digest, first, True))
            with self.assertRaisesRegex(UserError, "nothing to carry out"):
                again.action_apply()

    # -- whole lists -------------------------------------------------------------------------------------------------

    def test_a_whole_list_ends_what_it_leaves_out(self):
        kept = [self.row(f"K{number}") for number in range(30)]
        self.load(self.codes(*kept, self.row("GONE")))
        other = self.map(code="ELSEWHERE", system=self.trial)
        one = self.load(self.codes(*kept), mode="full")
        self.assertEqual((self.counts(one), one.retires_much), ({"unchanged": 30, "retired": 1}, False))
        [gone] = self.identifiers("GONE")
        self.assertEqual((gone.state, gone.valid_to), ("retired", self.today - timedelta(days=1)))
        self.assertEqual(other.state, "approved")
        self.assert_adds_up(one)
        self.assertEqual(self.counts(self.upload(self.codes(*kept), mode="full")), {"unchanged": 30})

    def test_a_row_that_is_refused_is_not_left_out(self):
        self.load(self.codes(self.row("A"), self.row("B")))
        one = self.upload(self.codes(self.row("A"), self.row("B"), self.row("B", self.xray)), mode="full")
        self.assertEqual(self.counts(one), {"unchanged": 1, "refused": 2})
        header = "system,kind,code_system,code,entity_id,valid_from"
        unclear = self.codes((*self.row("A"), ""), (*self.row("B"), "31/12/2026"), header=header)
        one = self.upload(unclear, mode="full")
        self.assertEqual((self.counts(one), self.reasons(one)), ({"unchanged": 1, "refused": 1}, {3: "bad_day"}))

    def test_a_list_that_ends_much_stops_for_a_second_person_in_test_mode_too(self):
        rows = [self.row(f"T{number}", system=self.trial) for number in range(20)]
        self.load(self.codes(*rows))
        one = self.upload(self.codes(*rows[:19]), mode="full")
        self.assertEqual((one.retired_share, one.retires_much, one._approval_needed()), (5.0, False, False))
        one = self.upload(self.codes(*rows[:18]), mode="full")
        self.assertEqual((one.retired_share, one.retires_much), (10.0, True))
        one.action_apply()
        self.assertEqual((one.stage, self.identifiers("T19").state), ("waiting", "approved"))
        with self.assertRaises(UserError):
            one.action_approve()
        one.with_user(self.approver).action_approve()
        self.assertEqual((one.stage, self.identifiers("T19").state), ("done", "retired"))
        self.env["ir.config_parameter"].set_param("integration_mapping.import_retire_share", "20")
        self.assertFalse(self.upload(self.codes(*rows[:17]), mode="full").retires_much)

    # -- two people --------------------------------------------------------------------------------------------------

    def test_codes_of_live_systems_take_two_people_and_one_request(self):
        one = self.upload(self.codes(self.row("A"), self.row("B")))
        one.action_apply()
        self.assertEqual((one.stage, len(self.identifiers("A"))), ("waiting", 0))
        requests = self.env["integration.approval"].search([("res_model", "=", one._name), ("res_id", "=", one.id)])
        self.assertEqual(len(requests), 1)
        shown = {change["label"]: change["new"] for change in requests.changes}
        self.assertEqual((shown["New"], shown["Rows"]), ("ehr: A → Blood count\nehr: B → Blood count", "2"))
        with self.assertRaises(UserError):
            one.action_approve()
        requests.with_user(self.approver).action_approve()
        self.assertEqual((one.stage, self.meaning("A")), ("done", self.blood))
        made = self.identifiers("A")
        self.assertEqual((made.author_id, made.decided_by_id), (self.author, self.approver))

    def test_codes_of_test_systems_take_one(self):
        one = self.upload(self.codes(self.row("A", system=self.trial)))
        one.action_apply()
        self.assertEqual((one.stage, self.meaning("A", system=self.trial)), ("done", self.blood))

    def test_a_rejected_import_changes_nothing_and_may_be_asked_for_again(self):
        one = self.upload(self.codes(self.row("A")))
        one.action_apply()
        one.with_user(self.approver).action_reject("wrong list")
        self.assertEqual((one.stage, len(self.identifiers("A"))), ("checked", 0))
        one.action_apply()
        self.assertEqual(one.stage, "waiting")

    def test_another_file_takes_the_request_back(self):
        one = self.upload(self.codes(self.row("A")))
        one.action_apply()
        one.file = base64.b64encode(self.codes(self.row("B")).encode())
        self.assertEqual((one.approval_state, one.state), ("draft", "draft"))

    def test_nobody_writes_what_was_looked_at(self):
        one = self.upload(self.codes(self.row("A")))
        for values in ({"state": "done"}, {"new_count": 7}, {"approval_state": "approved"}, {"last_row_id": 3}):
            with self.assertRaises(AccessError):
                one.write(values)
        with self.assertRaises(AccessError):
            one.row_ids.with_user(self.author).write({"code": "Z"})
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        with self.assertRaises(AccessError):
            one.with_user(viewer).read(["file_name"])

    def test_what_was_carried_out_stays_in_the_record(self):
        one = self.load(self.codes(self.row("A")))
        with self.assertRaisesRegex(UserError, "stays in the record"):
            one.unlink()
        self.upload(self.codes(self.row("B"))).unlink()

    def test_a_proposal_of_a_person_is_not_passed_by(self):
        self.propose(code="A").action_submit()
        self.assertEqual(self.reasons(self.upload(self.codes(self.row("A")))), {2: "proposed"})

    def test_after_a_long_list_the_planner_knows_how_many_codes_there_are(self):
        def known():
            self.env.cr.execute("SELECT reltuples FROM pg_class WHERE relname = 'integration_identifier'")
            return int(self.env.cr.fetchone()[0])

        module = "odoo.addons.integration_mapping.models.integration_mapping_import_apply.MANY"
        rows = [self.row(f"N{number}") for number in range(8)]
        before = known()
        with patch(module, 9):
            self.load(self.codes(*rows))
        self.assertEqual(known(), before)
        with patch(module, 8):
            self.load(self.codes(*(self.row(f"M{number}") for number in range(8))))
        self.assertEqual(known(), self.Identifier.search_count([]))

    # -- what goes on ------------------------------------------------------------------------------------------------

    def test_what_was_waited_for_goes_on_and_is_told(self):
        tasks = self.Task._request(self.system, "service", {(CODES, "A"): None, (CODES, "Z"): None}, self.env.company)
        waiting = {task.id: Waiting(3, {"USD": 10}) for task in tasks}
        told = []
        changed = type(self.Task)._mapping_changed

        def noting(model, identifiers):
            told.append(identifiers.mapped("code"))
            return changed(model, identifiers)

        with (
            patch.object(type(self.Task), "_waiting", lambda some: {task.id: waiting[task.id] for task in some}),
            patch.object(type(self.Task), "_mapping_changed", noting),
        ):
            one = self.load(self.codes(self.row("A"), self.row("B")))
        self.assertEqual(tasks.mapped("state"), ["done", "open"])
        self.assertEqual((one.tasks_answered, one.released_lines), (1, 3))
        self.assertIn("10.00", one.released_money)
        self.assertEqual(told, [["A"]])

    def test_subscribers_hear_of_an_entity_once_however_many_codes_it_got(self):
        self.commit()
        self.load(self.codes(*(self.row(f"E{number}") for number in range(5)), self.row("T", self.xray, self.trial)))
        self.env.flush_all()
        self.env.cr.flush()
        events = self.env["integration.event"].search([("event_type_id.name", "=", "masterdata.service.changed.v1")])
        self.assertEqual(events.mapped("subject"), [f"service/{self.blood.id}"])

    def test_the_trail_tells_of_each_code_and_of_the_whole(self):
        self.load(self.codes(self.row("A"), self.row("OLD")))
        self.load(self.codes(self.row("A", self.xray)), mode="full", note="issue 7")
        trail = self.env["integration.audit"].search([("action", "=like", "identifier.%")], order="id")
        self.assertEqual(
            [(row.action, row.user_name) for row in trail[-4:]],
            [
                ("identifier.import", self.approver.name),
                ("identifier.retire", self.approver.name),
                ("identifier.retire", self.approver.name),
                ("identifier.import", self.approver.name),
            ],
        )
        applied = self.env["integration.audit"].search([("action", "=", "mapping_import.apply")], limit=1)
        self.assertEqual(applied.reason, "issue 7")
        self.assertIn("new: 0, changed: 1, ends: 1", applied.detail)

    # -- profiles ----------------------------------------------------------------------------------------------------

    def profile(self, **values):
        named = {"name": "List", "system_id": self.system.id, "kind": "service", "code_system": CODES}
        return self.env["integration.import.profile"].create({**named, **values})

    def test_a_charge_master_makes_services(self):
        profile = self.profile(meaning="made", price_use="list_price", column_also="NDC", also_code_system="NDC")
        content = (
            "Px Code|Description|NDC|Unit Price\n250|aspirin|n1|1,004.25\n250|codeine|n2|2.00\n7|scan||0.00\n9|x||3\n"
        )
        one = self.load(content, profile_id=profile.id)
        self.assertEqual(self.counts(one), {"new": 4, "extra": 1})
        by_code = {i.code: i for i in self.made(one)}
        self.assertEqual({i.entity_id for i in map(by_code.get, ("250", "n1", "n2"))}, {by_code["250"].entity_id})
        self.assertEqual((by_code["n1"].code_system, by_code["n2"].display), ("NDC", "codeine"))
        products = {code: by_code[code].entity_id.product_id for code in ("250", "7", "9")}
        self.assertEqual(
            {c: (p.name, p.type, p.list_price) for c, p in products.items()},
            {
                "250": ("250", "service", 0.0),
                "7": ("scan", "service", 0.0),
                "9": ("x", "service", 3.0),
            },
        )
        again = self.upload(content, profile_id=profile.id)
        self.assertEqual(self.counts(again), {"unchanged": 4})
        dearer = self.load(content.replace("|3\n", "|4\n"), profile_id=profile.id)
        self.assertEqual((self.counts(dearer), products["9"].list_price), ({"unchanged": 3, "changed": 1}, 4.0))

    def test_prices_stay_out_of_odoo_unless_the_profile_says_so(self):
        one = self.load("code,description,price\n1,scan,12\n", profile_id=self.profile(meaning="made").id)
        self.assertEqual(self.made(one).entity_id.product_id.list_price, 0.0)

    def test_a_column_that_the_profile_names_must_be_there(self):
        with self.assertRaisesRegex(UserError, "CHG"):
            self.upload("code,price\n1,2\n", profile_id=self.profile(column_code="CHG").id)


@tagged("post_install", "-at_install")
class TestImportCompanies(ImportCase):
    def test_entities_of_another_company_are_not_there(self):
        other = self.env["res.company"].create({"name": "Other"})
        theirs = self._make_service("Theirs", other)
        one = self.upload(self.codes((self.system, "service", CODES, "A", theirs)))
        self.assertEqual(self.reasons(one), {2: "unknown_entity"})

    def test_imports_of_another_company_are_not_seen(self):
        other = self.env["res.company"].create({"name": "Other"})
        one = self.upload(self.codes((self.system, "service", CODES, "A", self.blood)))
        one.sudo()._own().write({"company_id": other.id})
        with self.assertRaises(AccessError):
            one.with_user(self.author).read(["file_name"])
