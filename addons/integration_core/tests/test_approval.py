from datetime import timedelta
from unittest.mock import patch

import psycopg2
from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, HttpCase, freeze_time, new_test_user, tagged
from odoo.tools import mute_logger

from .common import IntegrationCase

ADMIN = "integration_core.group_admin"
STEWARD = "integration_core.group_steward"
APPROVER = "integration_core.group_governance_approver"


class ApprovalCase(IntegrationCase):
    """Ann is the only administrator, as if there never had been another."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ann = new_test_user(cls.env, "ann", groups=ADMIN)
        cls._only_approvers(cls.ann)
        cls.requests = cls.env["integration.approval"]

    def person(self, login, *groups):
        return new_test_user(self.env, login, groups=",".join(groups))

    def second(self):
        return self.person("bob", ADMIN)

    def new_system(self, user=None, code="new", **values):
        values = {"name": "New", "code": code, "timezone": "UTC", "clearance": "patient", **values}
        return self.env["integration.system"].with_user(user or self.ann).create(values)

    def asked(self, user=None, **values):
        system = self.new_system(user, **values)
        system.action_request_approval()
        return system

    def history(self, record):
        return self.requests.search([("res_model", "=", record._name), ("res_id", "=", record.id)], order="id")

    def request(self, record):
        return self.history(record)[-1]

    def trail(self, action, record=None):
        domain = [("action", "=", action)]
        if record is not None:
            domain += [("res_model", "=", record._name), ("res_id", "=", record.id)]
        return self.env["integration.audit"].search(domain)

    def refuse(self, user, record, method="action_approve", *args, error=UserError):
        with self.assertRaises(error):
            self.call(user, record, method, *args)


@tagged("post_install", "-at_install")
class TestApproval(ApprovalCase):
    def test_the_only_administrator_approves_and_it_is_marked(self):
        system = self.asked()
        system.action_approve()
        self.assertTrue(system.self_approved)
        self.assertEqual((system.mode, system.state), ("live", "active"))
        self.assertTrue(self.request(system).self_approved)

    def test_the_author_cannot_approve_once_somebody_else_can(self):
        bob = self.second()
        system = self.asked()
        self.refuse(self.ann, system)
        self.assertEqual(system.mode, "test")
        system.with_user(bob).action_approve()
        self.assertEqual((system.mode, system.self_approved, system.decided_by_id), ("live", False, bob))

    def test_a_governance_approver_approves_every_kind_and_edits_none(self):
        judge = self.person("judge", APPROVER)
        system = self.asked()
        self.refuse(self.ann, system)
        self.assertFalse(system.with_user(judge).has_access("write"))
        self.call(judge, self.request(system), "action_approve")
        self.assertEqual((system.mode, system.decided_by_id), ("live", judge))

    def test_whoever_edits_after_another_asked_is_an_author_too(self):
        bob = self.second()
        system = self.asked()
        system.with_user(bob).write({"event_type_ids": [fields.Command.clear()]})
        self.assertEqual((system.approval_state, self.request(system).state), ("draft", "withdrawn"))
        system.action_request_approval()
        for user in (self.ann, bob):
            self.refuse(user, system)

    def test_a_change_after_approval_takes_the_approval_back(self):
        system = self.asked()
        system.action_approve()
        system.event_type_ids = self.env["integration.event.type"].search([("direction", "=", "inbound")], limit=1)
        self.assertEqual((system.approval_state, system.mode), ("draft", "test"))

    def test_states_are_not_written_by_hand(self):
        system = self.new_system()
        forged = (
            {"mode": "live"},
            {"approval_state": "approved"},
            {"self_approved": False},
            {"state": "active"},
            {"urgent": True},
            {"author_id": self.person("other", "base.group_user").id},
        )
        for values in forged:
            with self.assertRaises(AccessError):
                system.write(values)
            with self.assertRaises(AccessError):
                system.with_context(integration_approving=True).write(values)
        with self.assertRaises(AccessError):
            self.new_system(code="x", mode="live")

    def test_others_may_not_decide(self):
        system = self.asked()
        for user in (self.person("steward", STEWARD), self.person("op", "integration_core.group_operator")):
            for record in (system, self.request(system)):
                self.refuse(user, record, error=AccessError)
                self.refuse(user, record, "action_reject", "no", error=AccessError)

    def test_test_mode_needs_nobody(self):
        self.second()
        keys = self.env["integration.credential"].with_user(self.ann)
        key, _text = keys._generate({"system_id": self.new_system().id}, company=self.company, use="inbound")
        key.action_request_approval()
        self.assertEqual((key.approval_state, key.state), ("approved", "active"))
        self.assertFalse(self.history(key))


@tagged("post_install", "-at_install")
class TestRequests(ApprovalCase):
    """A request is a row of its own, and stays."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bob = new_test_user(cls.env, "bob", groups=ADMIN)

    def test_it_says_what_is_asked_for(self):
        system = self.asked()
        request = self.request(system)
        self.assertEqual(
            (request.kind, request.record_name, request.requested_by_id, request.author_id, request.company_id),
            ("integration.system", "New", self.ann, self.ann, self.company),
        )
        self.assertIn({"label": "Mode", "old": "Test", "new": "Live"}, request.changes)
        self.assertIn({"label": "Code", "old": "", "new": "new"}, request.changes)
        self.assertEqual(request.expires_at, request.requested_at + timedelta(days=14))
        self.assertIn("Mode: Test → Live", request.summary)

    def test_it_shows_what_differs_from_what_was_last_approved(self):
        system = self.asked(timestamp_tolerance=300)
        system.with_user(self.bob).action_approve()
        system.timestamp_tolerance = 600
        system.action_request_approval()
        changes = [change for change in self.request(system).changes if change["label"] != "Mode"]
        self.assertEqual(changes, [{"label": "Oldest signature (s)", "old": "300", "new": "600"}])

    def test_what_came_with_a_release_is_what_was_approved_last(self):
        system = self.system  # made as by a release: no request, no snapshot
        system._approving().write({"approval_state": "approved"})
        system.with_user(self.ann).timestamp_tolerance = 900
        system.with_user(self.ann).action_request_approval()
        old = {change["label"]: change["old"] for change in self.request(system).changes}
        self.assertEqual(old["Oldest signature (s)"], "300")
        self.assertNotIn("Code", old)

    def test_of_a_schema_it_shows_the_lines_that_differ(self):
        kind = self.env["integration.event.type"].with_user(self.ann)
        values = {"name": "lab.order.placed.v1", "title": "Order", "direction": "internal"}
        kind = kind.create({**values, "schema_json": '{\n"type": "object",\n"minProperties": 1\n}'})
        kind.action_request_approval()
        self.refuse(self.ann, kind)
        kind.with_user(self.bob).action_approve()
        self.assertEqual(kind.state, "approved")
        kind.schema_json = '{\n"type": "object",\n"minProperties": 2\n}'
        self.assertEqual(kind.state, "draft")
        kind.action_request_approval()
        [change] = self.request(kind).changes
        self.assertEqual((change["old"], change["new"]), ('"minProperties": 1', '"minProperties": 2'))

    def test_no_secret_is_in_it(self):
        keys = self.env["integration.credential"].with_user(self.ann)
        key, text = keys._generate({"system_id": self.system.id}, company=self.company, use="inbound")
        key.action_request_approval()
        request = self.request(key)
        sealed = key.sudo().sealed
        self.assertTrue(sealed and text)
        for secret in (text, sealed):
            self.assertNotIn(secret, str(request.read()))
        self.assertIn({"label": "System", "old": "", "new": "EHR"}, request.changes)

    def test_markup_in_a_value_is_text(self):
        system = self.asked(name="<script>alert(1)</script>")
        self.assertNotIn("<script>", self.request(system).changes_html)

    def test_the_history_stays(self):
        system = self.asked()
        self.call(self.bob, system, "action_reject", "wrong company")
        system.action_request_approval()
        system.with_user(self.bob).action_approve()
        self.assertEqual(self.history(system).mapped("state"), ["rejected", "approved"])
        self.assertEqual((system.approval_count, self.history(system)[0].reason), (2, "wrong company"))
        self.assertEqual(self.requests.search(system.action_open_approvals()["domain"]), self.history(system)[::-1])
        first = self.history(system)[0]
        system.sudo()._approving().unlink()
        self.assertEqual((first.record_name, first.decided_by_id), ("New", self.bob))
        with self.assertRaises(UserError):
            first.action_open()

    def test_rejection_keeps_who_and_why(self):
        system = self.asked()
        for reason in (None, "", "  "):
            self.refuse(self.bob, system, "action_reject", reason, error=UserError)
        self.call(self.bob, system, "action_reject", "wrong company")
        self.assertEqual((system.approval_state, system.decision_reason), ("rejected", "wrong company"))
        row = self.trail("approval.reject", system)
        self.assertEqual((row.user_id, row.reason), (self.bob.id, "wrong company"))

    def test_the_dialog_rejects_from_the_list(self):
        request = self.request(self.asked())
        context = {"active_model": request._name, "active_ids": request.ids, "default_operation": "reject"}
        wizard = Form(self.env["integration.reason.wizard"].with_user(self.bob).with_context(**context))
        wizard.reason = "not yet"
        wizard.save().action_confirm()
        self.assertEqual((request.state, request.reason), ("rejected", "not yet"))

    def test_whoever_asked_withdraws_and_nobody_else(self):
        system = self.asked()
        self.refuse(self.bob, system, "action_withdraw", error=AccessError)
        self.call(self.ann, self.request(system), "action_withdraw")
        self.assertEqual((system.approval_state, self.request(system).state), ("draft", "withdrawn"))
        self.assertEqual(self.trail("approval.withdraw", system).user_id, self.ann.id)

    def test_one_request_of_a_record_waits(self):
        system = self.asked()
        with self.assertRaises(UserError):
            system.action_request_approval()
        values = {"res_model": system._name, "res_id": system.id, "role": ADMIN, "requested_at": fields.Datetime.now()}
        with self.assertRaises(psycopg2.errors.UniqueViolation), mute_logger("odoo.sql_db"):
            self.requests._approving().create(values)

    def test_what_was_decided_is_not_decided_again(self):
        system = self.asked()
        request = self.request(system)
        self.call(self.bob, request, "action_approve")
        for method, *args in (("action_approve",), ("action_reject", "late"), ("action_withdraw",)):
            self.refuse(self.bob, request, method, *args, error=UserError)
        self.assertEqual(request.state, "approved")

    def test_nobody_writes_requests(self):
        request = self.request(self.asked())
        values = {"res_model": "integration.system", "res_id": 1, "role": ADMIN, "requested_at": fields.Datetime.now()}
        root = self.env.ref("base.user_root")
        for user in (self.ann, self.bob, root):
            for context in ({}, {"integration_approving": True}, {"integration_approving": "APPROVAL_KEY"}):
                own = {"context": context}
                self.refuse(user, request, "write", {"state": "approved"}, error=AccessError)
                with self.assertRaises(AccessError):
                    self.call(user, request, "write", {"decided_by_id": self.bob.id}, **own)
                with self.assertRaises(AccessError):
                    self.call(user, request, "unlink", **own)
                with self.assertRaises(AccessError):
                    self.requests.with_user(user).with_context(**context).create(values)

    def test_defaults_of_ones_own_tell_of_no_decision(self):
        for name, value in {"state": "approved", "decided_by_id": self.bob.id, "self_approved": True}.items():
            self.env["ir.default"].with_user(self.ann).set("integration.approval", name, value, True)
        request = self.request(self.asked())
        self.assertEqual((request.state, request.decided_by_id.id, request.self_approved), ("waiting", False, False))

    def test_the_inbox_shows_whose_turn_it_is(self):
        mine, theirs = self.asked(code="mine"), self.asked(self.bob, code="theirs")
        steward = self.person("steward", STEWARD)
        expected = {self.ann: theirs, self.bob: mine, steward: mine.browse()}
        for user, systems in expected.items():
            seen = self.requests.with_user(user)
            turn = seen.search([("my_turn", "=", True)])
            self.assertEqual(turn.mapped("res_id"), systems.ids)
            waiting = seen.search([("state", "=", "waiting")])
            self.assertEqual(waiting.filtered("my_turn"), turn)
            self.assertEqual(waiting - turn, seen.search([("my_turn", "=", False), ("state", "=", "waiting")]))
            for request in waiting:
                record = self.env[request.res_model].with_user(user).browse(request.res_id)
                self.assertEqual(request.my_turn, record.can_approve)

    def test_whoever_may_not_decide_sees_only_what_they_asked_for(self):
        request = self.request(self.asked())
        for groups in (STEWARD, "integration_core.group_operator", "integration_core.group_finance_viewer"):
            user = self.person(groups.rpartition(".")[2], groups)
            self.assertFalse(self.requests.with_user(user).search([]), groups)
            self.assertFalse(request.with_user(user).has_access("read"), groups)
        for user in (self.ann, self.bob, self.person("judge", APPROVER)):
            self.assertEqual(self.requests.with_user(user).search([]), request)

    def test_nobody_sees_requests_of_another_company(self):
        house = self.env["res.company"].create({"name": "Other"})
        system = self.env["integration.system"].create({"name": "O", "code": "o", "company_id": house.id})
        system.action_request_approval()
        request = self.request(system)
        self.assertFalse(request.with_user(self.bob).has_access("read"))
        self.refuse(self.bob, request, error=AccessError)

    def test_what_was_changed_past_the_suite_is_found(self):
        gone, revoked, waits = (self.asked(code=code) for code in ("gone", "revoked", "waits"))
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM integration_system WHERE id = %s", (gone.id,))
        self.env.cr.execute("UPDATE integration_system SET approval_state = 'draft' WHERE id = %s", (revoked.id,))
        self.env.cr.execute("DELETE FROM integration_approval WHERE res_id = %s", (waits.id,))
        self.env.invalidate_all()
        self.requests._heal()
        ended = self.requests.search([("res_id", "in", (gone.id, revoked.id)), ("res_model", "=", gone._name)])
        self.assertEqual(ended.mapped("state"), ["withdrawn"] * 2)
        self.assertEqual((self.request(waits).state, self.request(waits).requested_by_id), ("waiting", self.ann))


@tagged("post_install", "-at_install")
class TestDeadlines(ApprovalCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bob = new_test_user(cls.env, "bob", groups=ADMIN)

    def chore(self):
        engine = self.env.ref("integration_core.user_engine")
        left = self.requests.with_user(engine)._end_due(200)
        self.env.invalidate_all()
        return left

    def due(self, request):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE integration_approval SET expires_at = now() AT TIME ZONE 'UTC' - interval '1 minute' WHERE id = %s",
            (request.id,),
        )
        self.env.invalidate_all()

    def test_nothing_ends_before_its_time(self):
        system = self.asked()
        self.assertEqual(self.chore(), 0)
        self.assertEqual((system.approval_state, self.request(system).state), ("requested", "waiting"))


    def test_what_nobody_decides_on_goes_back_to_its_author(self):
        system = self.asked()
        request = self.request(system)
        self.due(request)
        self.assertEqual(self.chore(), 0)
        self.assertEqual((system.approval_state, request.state), ("draft", "expired"))
        self.assertFalse(request.decided_by_id)
        self.assertEqual(request.sudo().activity_ids.user_id, self.ann)
        self.assertTrue(self.trail("approval.expire", system))
        system.action_request_approval()
        self.assertEqual(self.history(system).mapped("state"), ["expired", "waiting"])

    def test_days_are_a_setting(self):
        self.env["ir.config_parameter"].set_param("integration_core.approval_days", "3")
        request = self.request(self.asked())
        self.assertEqual(request.expires_at, request.requested_at + timedelta(days=3))

    def test_one_that_cannot_end_holds_back_no_other(self):
        bad, good = self.asked(code="bad"), self.asked(code="good")
        for system in (bad, good):
            self.due(self.request(system))
        ordinary = type(good)._approval_expire

        def broken(system):
            if system.code == "bad":
                raise ValueError
            ordinary(system)

        with patch.object(type(good), "_approval_expire", broken), self.assertLogs("odoo.addons", "WARNING"):
            self.chore()
        self.assertEqual((self.request(bad).state, self.request(good).state), ("waiting", "expired"))

    def use_now(self, system, reason="theatre waits"):
        with patch.object(type(system), "_approval_may_use_now", lambda record: True):
            self.call(self.ann, system, "action_use_now", reason)
        return self.request(system)

    def test_only_what_opts_in_is_used_before_approval(self):
        system = self.new_system()
        self.refuse(self.ann, system, "action_use_now", "I cannot wait", error=UserError)
        self.assertEqual(system.mode, "test")

    def test_used_now_confirmed_later(self):
        system = self.new_system()
        with patch.object(type(system), "_approval_may_use_now", lambda record: True):
            self.refuse(self.ann, system, "action_use_now", " ", error=UserError)
        request = self.use_now(system)
        self.assertEqual((system.mode, system.approval_state, system.urgent), ("live", "requested", True))
        self.assertEqual((request.urgent, request.urgent_reason, request.state), (True, "theatre waits", "waiting"))
        self.assertEqual(request.expires_at, system.confirm_by)
        day = fields.Datetime.now() + timedelta(hours=24)
        self.assertAlmostEqual(request.expires_at, day, delta=timedelta(minutes=5))
        self.refuse(self.ann, system)
        self.call(self.bob, self.request(system), "action_approve")
        self.assertEqual((system.mode, system.approval_state, system.urgent), ("live", "approved", False))
        self.assertEqual(self.trail("approval.use_now", system).reason, "theatre waits")

    def test_a_request_that_waits_is_used_now_by_its_author(self):
        system = self.asked()
        self.use_now(system)
        self.assertEqual(self.history(system).mapped("state"), ["withdrawn", "waiting"])
        self.assertEqual(system.mode, "live")

    def test_used_now_rejected_later_is_taken_back(self):
        for way, user, args in (("action_reject", self.bob, ["no"]), ("action_withdraw", self.ann, [])):
            system = self.new_system(code=way.replace("action_", ""))
            request = self.use_now(system)
            self.call(user, request, way, *args)
            self.assertEqual((system.mode, system.urgent), ("test", False), way)

    def test_it_is_not_taken_back_by_the_clock_but_alarms_once(self):
        system = self.new_system()
        request = self.use_now(system)
        self.due(request)
        self.assertTrue(request.overdue)
        for _turn in range(2):
            self.chore()
        self.assertEqual((system.mode, request.state), ("live", "waiting"))
        self.assertEqual(request.sudo().activity_ids.user_id, self.bob)
        self.assertEqual(len(self.trail("approval.overdue", system)), 1)
        self.call(self.bob, request, "action_approve")
        self.assertFalse(request.sudo().activity_ids)


@tagged("post_install", "-at_install")
class TestSecondApprover(ApprovalCase):
    """The rule of two is not switched off by one."""

    def test_whoever_takes_the_second_approver_away_gains_nothing(self):
        ways = {
            "archived": lambda user: user.write({"active": False}),
            "role taken": lambda user: user.write({"group_ids": [fields.Command.unlink(self.env.ref(ADMIN).id)]}),
            "by the group": lambda user: self.env.ref(ADMIN).write({"user_ids": [fields.Command.unlink(user.id)]}),
            "deleted": lambda user: user.unlink(),
        }
        for way, take_away in ways.items():
            with self.subTest(way=way):
                self._forget_approvers()
                other = self.person(f"other_{len(way)}", ADMIN)
                system = self.asked(code=f"w{len(way)}")
                take_away(other)
                self.assertEqual(self.env["integration.approving.role"]._people(ADMIN), {self.ann.id})
                self.assertFalse(system.can_approve)
                self.refuse(self.ann, system, error=UserError)

    def test_nor_before_anything_was_noted(self):
        other = self.second()
        self.env.flush_all()
        self.env.cr.execute("UPDATE res_users SET active = FALSE WHERE id = %s", (other.id,))
        self.env.invalidate_all()
        self.refuse(self.ann, self.asked(), error=UserError)

    def test_after_a_week_the_one_who_is_left_works_alone(self):
        other = self.second()
        other.active = False
        system = self.asked()
        self.assertIn("Until", system._approval_refused_text())
        with freeze_time(fields.Datetime.now() + timedelta(days=6, hours=23)):
            self.refuse(self.ann, system, error=UserError)
        with freeze_time(fields.Datetime.now() + timedelta(days=7, hours=1)):
            system.action_approve()
        self.assertTrue(system.self_approved)

    def test_another_second_person_decides_at_once(self):
        self.second().active = False
        system = self.asked()
        self.call(self.person("judge", APPROVER), self.request(system), "action_approve")
        self.assertFalse(system.self_approved)

    def test_who_could_approve_is_in_the_trail(self):
        other = self.second()
        self.assertIn(f"came [{other.id}]", self.trail("approval.approvers")[0].detail)
        other.with_user(self.env.ref("base.user_admin")).active = False
        rows = self.trail("approval.approvers").filtered(lambda row: ADMIN in row.detail)
        self.assertIn(f"left [{other.id}], now 1", rows[0].detail)
        self.assertEqual(rows[0].user_id, self.env.ref("base.user_admin").id)

    def test_nobody_edits_what_is_remembered(self):
        self.second()
        row = self.env["integration.approving.role"].search([("role", "=", ADMIN)])
        self.assertEqual(len(row.people), 2)
        for operation in ("read", "write", "create", "unlink"):
            self.assertFalse(row.with_user(self.ann).has_access(operation))


@tagged("post_install", "-at_install")
class TestDelegation(ApprovalCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bob = new_test_user(cls.env, "bob", groups=ADMIN)
        cls.dan = new_test_user(cls.env, "dan", groups="integration_core.group_finance_viewer")

    def delegate(self, by=None, *, away=None, to=None, **values):
        now = fields.Datetime.now()
        values = {
            "delegator_id": (away or self.bob).id,
            "delegate_id": (to or self.dan).id,
            "date_from": now - timedelta(hours=1),
            "date_until": now + timedelta(days=5),
            "reason": "leave",
            **values,
        }
        return self.env["integration.delegation"].with_user(by or self.bob).create(values)

    def test_a_delegate_decides_and_it_says_for_whom(self):
        system = self.asked()
        request = self.request(system)
        self.refuse(self.dan, request, error=AccessError)
        delegation = self.delegate()
        own = self.requests.with_user(self.dan)
        self.assertEqual(own.search([("my_turn", "=", True)]), request)
        self.call(self.dan, request, "action_approve")
        self.assertEqual((system.mode, system.decided_by_id), ("live", self.dan))
        self.assertEqual((request.on_behalf_of_id, request.delegation_id), (self.bob, delegation))
        self.assertIn(f"on behalf of {self.bob.name}", self.trail("approval.approve", system).detail)
        self.assertEqual(own.search([]), request)  # what one has decided stays readable

    def test_a_delegate_rejects_too(self):
        self.delegate()
        request = self.request(self.asked())
        self.call(self.dan, request, "action_reject", "no")
        self.assertEqual((request.state, request.on_behalf_of_id), ("rejected", self.bob))

    def test_nothing_that_the_delegator_or_the_delegate_prepared(self):
        carl = self.person("carl", ADMIN)
        self.delegate()
        self.delegate(carl, away=carl, to=self.person("eve", "integration_core.group_operator"))
        of_bob = self.request(self.asked(self.bob, code="of-bob"))
        self.assertFalse(of_bob.with_user(self.dan).has_access("read"))
        self.refuse(self.dan, of_bob)
        system = self.asked(code="of-dan")
        system.sudo()._approving().author_id = self.dan
        of_dan = self.request(system)
        of_dan._approving().author_id = self.dan
        self.refuse(self.dan, of_dan)

    def test_nor_what_the_delegator_changed_after_it_was_asked_for(self):
        self.delegate()
        system = self.asked()
        system.with_user(self.bob).timestamp_tolerance = 400
        system.action_request_approval()
        self.refuse(self.dan, self.request(system))

    def test_nobody_makes_a_stranger_their_judge(self):
        delegation = self.delegate(self.ann)
        self.assertEqual(delegation.entered_by_id, self.ann)
        self.refuse(self.dan, self.request(self.asked()))
        request = self.request(self.asked(self.person("carl", ADMIN), code="of-carl"))
        self.call(self.dan, request, "action_approve")
        self.assertEqual(request.on_behalf_of_id, self.bob)

    def test_there_are_no_chains(self):
        eve = self.person("eve", APPROVER)
        self.delegate()
        with self.assertRaises(UserError):
            self.delegate(self.dan, away=self.dan, to=eve)
        with self.assertRaises(ValidationError):
            self.delegate(self.ann, away=self.dan, to=eve)

    def test_it_holds_in_its_time_and_until_it_is_revoked(self):
        now = fields.Datetime.now()
        request = self.request(self.asked())
        self.delegate(date_from=now + timedelta(days=1))
        self.delegate(date_from=now - timedelta(days=3), date_until=now - timedelta(days=1))
        self.refuse(self.dan, request, error=AccessError)
        delegation = self.delegate()
        self.assertTrue(request.with_user(self.dan).my_turn)
        self.refuse(self.dan, delegation, "action_revoke", error=AccessError)
        self.call(self.bob, delegation, "action_revoke")
        self.refuse(self.dan, request, error=AccessError)
        self.assertEqual((delegation.state, delegation.revoked_by_id), ("revoked", self.bob))
        self.assertEqual(len(self.trail("delegation.create")), 3)
        self.assertEqual(self.trail("delegation.revoke").user_id, self.bob.id)

    def test_it_ends_with_the_role_of_whoever_is_away(self):
        self.delegate()
        request = self.request(self.asked())
        self.bob.active = False
        self.refuse(self.dan, request, error=AccessError)

    def test_only_the_roles_that_are_meant(self):
        self.delegate(role=STEWARD)
        self.refuse(self.dan, self.request(self.asked()), error=AccessError)
        self.delegate(role=ADMIN)
        self.call(self.dan, self.request(self.asked(code="second")), "action_approve")

    def test_a_delegate_is_no_second_approver(self):
        self.bob.unlink()
        self._forget_approvers()
        self.delegate(self.ann, away=self.ann)
        system = self.asked()
        self.refuse(self.dan, self.request(system))
        system.action_approve()
        self.assertTrue(system.self_approved)

    def test_who_may_delegate_what(self):
        steward = self.person("steward", STEWARD)
        now = fields.Datetime.now()
        with self.assertRaises(AccessError):
            self.delegate(steward)  # somebody else's right
        with self.assertRaises(ValidationError):
            self.delegate(steward, away=steward, role=ADMIN)  # a right that they do not have
        with self.assertRaises(ValidationError):
            self.delegate(to=self.person("stranger", "base.group_user"))
        with self.assertRaises(ValidationError):
            self.delegate(date_until=now + timedelta(days=200))
        self.delegate(steward, away=steward)

    def test_a_delegation_is_not_changed_or_forged(self):
        delegation = self.delegate()
        for values in ({"delegate_id": self.ann.id}, {"entered_by_id": self.ann.id}, {"revoked_at": False}):
            with self.assertRaises(AccessError):
                delegation.with_user(self.bob).write(values)
            with self.assertRaises(AccessError):
                delegation.with_user(self.ann).write(values)
        with self.assertRaises(AccessError):
            self.delegate(entered_by_id=self.ann.id)
        with self.assertRaises(AccessError):
            delegation.unlink()
        forged = self.env["integration.delegation"].with_context(default_entered_by_id=self.ann.id)
        self.assertEqual(self.delegate().with_env(forged.env).entered_by_id, self.bob)

    def test_the_form_makes_one(self):
        form = Form(self.env["integration.delegation"].with_user(self.bob))
        form.delegate_id = self.dan
        form.date_until = fields.Datetime.now() + timedelta(days=3)
        form.reason = "leave"
        self.assertEqual(form.save().delegator_id, self.bob)


@tagged("post_install", "-at_install")
class TestApprovalTour(ApprovalCase, HttpCase):
    def test_an_approver_decides_on_the_screens(self):
        new_test_user(self.env, "tour_judge", groups=APPROVER, password="tour_judge")
        rejected = self.asked(code="tour-lab", name="Tour laboratory")
        approved = self.asked(code="tour-pharmacy", name="Tour pharmacy")
        self.start_tour("/odoo/integration-approvals", "integration_core_approvals", login="tour_judge")
        self.env.invalidate_all()
        self.assertEqual((rejected.approval_state, rejected.mode), ("rejected", "test"))
        self.assertEqual(rejected.decision_reason, "Its contract is not signed")
        self.assertEqual((approved.approval_state, approved.mode), ("approved", "live"))
        self.assertEqual(approved.decided_by_id.login, "tour_judge")
