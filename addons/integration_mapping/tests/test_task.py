from datetime import date, datetime
from decimal import Decimal
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from ..domain.waiting import Waiting
from .common import CODES, MappingCase


@tagged("post_install", "-at_install")
class TestTask(MappingCase):
    def _request(self, *codes, system=None, kind="service", company=None, display=None):
        return self.Task._request(
            system or self.system, kind, {(CODES, code): display for code in codes}, company or self.env.company
        )

    def _map(self, tasks, user=None, **vals):
        action = tasks.with_user(user or self.author).action_map()
        wizard = self.env[action["res_model"]].with_user(user or self.author)
        return wizard.with_context(**action["context"]).create(vals)

    def _waits(self, waiting):
        return patch.object(type(self.Task), "_waiting", lambda tasks: {task.id: waiting for task in tasks})

    def test_one_task_per_code(self):
        first = self._request("A", "B", display="Something")
        again = self._request("B", "C")
        self.assertEqual(len(first | again), 3)
        self.assertEqual(self.Task.search_count([("system_id", "=", self.system.id)]), 3)
        self.assertEqual(set(first.mapped("state")), {"open"})
        self.assertEqual(set(first.mapped("display")), {"Something"})
        self.assertEqual(first.mapped("turn"), ["steward", "steward"])

    def test_no_question_no_task(self):
        self.assertFalse(self._request())

    def test_an_open_task_is_left_alone(self):
        task = self._request("A")
        task.flush_recordset()
        self.env.cr.execute("SELECT xmin, ctid FROM integration_mapping_task WHERE id = %s", (task.id,))
        before = self.env.cr.fetchone()
        self._request("A", display="Later name")
        self.env.cr.execute("SELECT xmin, ctid FROM integration_mapping_task WHERE id = %s", (task.id,))
        self.assertEqual(self.env.cr.fetchone(), before, "a row that many transactions need is not written by each")

    def test_the_engine_opens_tasks(self):
        engine = self.env.ref("integration_core.user_engine")
        tasks = self.Task.with_user(engine)._request(self.system, "service", {(CODES, "A"): None}, self.env.company)
        self.assertEqual(tasks.code, "A")

    def test_mapping_closes_and_a_further_need_opens(self):
        task = self._request("A")
        self._map(task, product_id=self.blood.product_id.id, valid_from="2026-01-01").action_confirm()
        task.invalidate_recordset()
        self.assertEqual((task.state, task.turn), ("open", "approver"))
        self.assertEqual(task.proposal_id.entity_id, self.blood)
        task.proposal_id.with_user(self.approver).action_approve()
        self.assertEqual((task.state, task.turn), ("done", "nobody"))
        self.assertTrue(task.done_at)
        self.assertEqual(self._request("A"), task, "a line of 2025 has no answer still")
        self.assertEqual((task.state, task.done_at), ("open", False))

    def test_only_its_own_code_closes_a_task(self):
        task, other = self._request("A"), self._request("a")
        other_system = self._request("A", system=self.trial)
        self.map(code="A")
        self.assertEqual((task.state, other.state, other_system.state), ("done", "open", "open"))

    def test_the_hook_is_told_of_every_change(self):
        told = []
        with patch.object(
            type(self.Task), "_mapping_changed", lambda _tasks, identifiers: told.append(identifiers.mapped("state"))
        ):
            identifier = self.map()
            identifier.with_user(self.author)._retire(date(2026, 6, 1), "old")
            identifier.with_user(self.author)._revoke("wrong")
        self.assertEqual(told, [["approved"], ["retired"], ["revoked"]])

    def test_money_at_risk(self):
        task = self._request("A")
        waiting = Waiting(3, {"USD": Decimal("1092.40"), "EUR": Decimal(7)}, 1, datetime(2026, 5, 1), date(2026, 4, 30))
        with self._waits(waiting):
            task.invalidate_recordset()
            self.assertEqual(task.waiting_lines, 3)
            self.assertEqual(task.waiting_first_day, date(2026, 4, 30))
            for part in ("7.00", "1,092.40", "1 without a price"):
                self.assertIn(part, task.waiting_money)
            wizard = self._map(task)
            self.assertIn("3 lines", wizard.waiting)

    def test_a_list_of_tasks_costs_what_one_costs(self):
        tasks = self._request(*(f"C{n}" for n in range(40)))
        waiting = Waiting(1, {"USD": Decimal(5)})
        counts = []
        with self._waits(waiting):
            for some in (tasks[:1], tasks[:1], tasks):
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                some.mapped("waiting_money")
                some.mapped("turn")
                counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[1], counts[2])

    def test_nothing_waits(self):
        task = self._request("A")
        self.assertEqual((task.waiting_lines, task.waiting_money), (0, ""))

    def test_what_nothing_waits_for_closes_by_itself(self):
        old, busy, new = self._request("A"), self._request("B"), self._request("C")
        (old | busy).write({"since": "2026-01-01 00:00:00"})
        with patch.object(type(self.Task), "_waiting", lambda tasks: {busy.id: Waiting(1)}):
            self.Task._gc_nothing_waits()
        self.assertEqual((old.state, busy.state, new.state), ("done", "open", "open"))

    def test_many_codes_one_meaning(self):
        tasks = self._request("A", "B", "C")
        self._map(tasks, product_id=self.blood.product_id.id).action_confirm()
        tasks.invalidate_recordset()
        tasks.proposal_id.with_user(self.approver).action_approve()
        self.assertEqual(set(tasks.mapped("state")), {"done"})
        self.assertEqual(self.meaning("B"), self.blood)

    def test_one_kind_at_a_time(self):
        tasks = self._request("A") | self._request("A", kind="department")
        with self.assertRaisesRegex(UserError, "one kind"):
            tasks.with_user(self.author).action_map()

    def test_a_proposed_code_is_not_proposed_twice(self):
        task = self._request("A")
        self._map(task, product_id=self.blood.product_id.id).action_confirm()
        with self.assertRaisesRegex(UserError, "waits for approval"):
            self._map(task, product_id=self.xray.product_id.id).action_confirm()

    def test_something_must_be_chosen(self):
        with self.assertRaisesRegex(UserError, "Choose what the code means"):
            self._map(self._request("A")).action_confirm()
        with self.assertRaisesRegex(UserError, "name and a cost center"):
            self._map(self._request("ED", kind="department")).action_confirm()

    def test_a_department_and_its_cost_center_in_one_go(self):
        account = self._make_cost_center("4100")
        task = self._request("ED", kind="department", system=self.trial)
        wizard = self._map(task, department_name="Emergency", analytic_account_id=account.id)
        self.assertEqual(wizard.approval, "none")
        wizard.action_confirm()
        self.assertEqual(task.state, "done")
        entity = self.meaning("ED", kind="department", system=self.trial)
        self.assertEqual((entity.name, entity._cost_center()), ("Emergency", account))
        task = self._request("ED2", kind="department", system=self.trial)
        self._map(task, department_id=entity.id).action_confirm()
        self.assertEqual(self.meaning("ED2", kind="department", system=self.trial), entity)

    def test_alone_it_takes_effect_at_once(self):
        self.approver.group_ids = self.env.ref("base.group_user")
        task = self._request("A")
        wizard = self._map(task, product_id=self.blood.product_id.id)
        self.assertEqual(wizard.approval, "other")  # there was another one until just now
        self._forget_approvers()
        wizard.invalidate_recordset()
        self.assertEqual(wizard.approval, "self")
        told = wizard.action_confirm()
        self.assertEqual(task.state, "done")
        self.assertEqual(told["params"]["type"], "success")

    def test_services_for_selected_codes(self):
        self.leave_author_alone()
        tasks = self._request(*(f"{n:05}" for n in range(118)), display="Office visit")
        tasks.with_user(self.author).action_create_services()
        self.assertEqual(set(tasks.mapped("state")), {"done"})
        entity = self.meaning("00007")
        product = entity.product_id
        self.assertEqual((product.name, product.default_code, product.type), ("Office visit", "00007", "service"))
        self.assertEqual(product.list_price, 0.0)
        self.assertEqual(product.company_id, self.env.company)
        self.assertEqual(len(self.Entity.search([("name", "=", "Office visit")])), 118)

    def test_services_only_for_services(self):
        with self.assertRaisesRegex(UserError, "only for codes of services"):
            self._request("ED", kind="department").with_user(self.author).action_create_services()

    def test_services_leave_what_is_proposed(self):
        task = self._request("A")
        self._map(task, product_id=self.blood.product_id.id).action_confirm()
        before = self.env["product.product"].search_count([])
        task.with_user(self.author).action_create_services()
        self.assertEqual(self.env["product.product"].search_count([]), before)

    def test_dismissing_needs_a_reason_and_drops_nothing(self):
        task = self._request("A")
        for nothing in (None, "", "  "):
            with self.assertRaises(UserError):
                task.with_user(self.author)._dismiss(nothing)
        with self._waits(Waiting(2, {"USD": Decimal(5)})):
            action = task.with_user(self.author).action_dismiss()
            wizard = self.env[action["res_model"]].with_user(self.author).with_context(**action["context"])
            dialog = wizard.create({"reason": "A test code of the analyser"})
            self.assertIn("2 lines", dialog.waiting)
            dialog.action_confirm()
            task.invalidate_recordset()
            self.assertEqual((task.state, task.turn, task.dismissed_by_id), ("dismissed", "finance", self.author))
            self.assertEqual(task.waiting_lines, 2, "what waits goes on waiting, and is shown")
        self.assertEqual(self._request("A"), task)
        self.assertEqual(task.state, "dismissed", "later lines join it")

    def test_a_dismissed_code_is_taken_up_again_or_mapped_after_all(self):
        one, other = self._request("A"), self._request("B")
        (one | other).with_user(self.author)._dismiss("noise")
        one.with_user(self.author).action_take_up()
        self.assertEqual((one.state, one.turn), ("open", "steward"))
        self.map(code="B")
        self.assertEqual(other.state, "done")

    def test_only_stewards_dismiss(self):
        task = self._request("A")
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        for deed in (lambda: task.with_user(viewer).action_dismiss(), lambda: task.with_user(viewer).action_take_up()):
            with self.assertRaises(AccessError):
                deed()
