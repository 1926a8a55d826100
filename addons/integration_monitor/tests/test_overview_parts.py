from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import freeze_time, new_test_user, tagged

from .common import MonitorCase, PlanCase
from .test_reconciled_periods import ReconciliationCase


class PartsCase(MonitorCase):
    """The Overview as each role reads it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.cr.execute("DELETE FROM integration_due; DELETE FROM integration_delivery_count")
        cls.people = {
            role: new_test_user(cls.env, f"parts.{role}", groups=f"integration_core.group_{role}")
            for role in ("admin", "operator", "auditor", "steward", "finance_viewer", "finance_reviewer")
        }

    def data(self, role="admin", period="today", again=False):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env["integration.overview"].with_user(self.people[role]).get_data(period, again)

    def found(self, action):
        """Return the records that an action opens."""
        return self.env[action["res_model"]].search(action["domain"])

    def needs(self, role):
        return {one["key"]: one for one in self.data(role)["needs"]}

    def count(self, outcome, tries, *, state="done", slot=5, minutes=0):
        """Have tries counted as the engine does."""
        subscription = self.env["integration.subscription"].search([], limit=1)
        self.env.cr.execute(
            """
            INSERT INTO integration_delivery_count
                   (minute, company_id, subscription_id, lane, state, outcome, slot, tries, latency_ms)
            VALUES (date_trunc('minute', now() AT TIME ZONE 'UTC' - make_interval(mins => %s)), %s, %s, 1, %s, %s, %s,
                    %s, 1)
            """,
            (minutes, self.company.id, subscription.id, state, outcome, slot, tries),
        )


@tagged("post_install", "-at_install")
class TestOverviewDeliveries(PartsCase):
    def test_success_and_latency_of_the_period_come_from_counts(self):
        bounds = self.env["integration.delivery.count"]._slot_bounds()
        slow = bounds.index(1000) + 1 if 1000 in bounds else len(bounds) - 2
        self.count("delivered", 98)
        self.count("delivered", 2, slot=slow)
        self.count("retry", 20, state="waiting")
        self.count("delivered", 1000, minutes=3 * 24 * 60)
        # What is told of tries never reads them.
        self.env.cr.execute("DELETE FROM integration_attempt")
        today = self.data("operator")["deliveries"]["span"]
        self.assertEqual((today["delivered"], today["tries"], today["share"]), (100, 120, "83.3 %"))
        self.assertFalse(today["well"])
        self.assertTrue(today["p50"].endswith("ms"), today)
        self.assertNotEqual(today["p99"], today["p50"])
        week = self.data("operator", "week")["deliveries"]["span"]
        self.assertEqual((week["delivered"], week["tries"]), (1100, 1120))
        self.assertEqual(sum(self.found(week["action"]).mapped("tries")), 1120)
        self.assertEqual(sum(self.found(week["delivered_action"]).mapped("tries")), 1100)
        hour = self.data("operator")["deliveries"]["hour"]
        self.assertEqual(sum(self.found(hour["action"]).mapped("tries")), hour["tries"])
        self.assertEqual(sum(self.found(hour["delivered_action"]).mapped("tries")), hour["delivered"])

    def test_numbers_are_told_in_the_readers_language(self):
        self.env["res.lang"]._activate_lang("es_ES")
        self.count("delivered", 1999)
        self.count("retry", 1, state="waiting")
        there = self.env["integration.overview"].with_user(self.people["operator"]).with_context(lang="es_ES")
        self.assertEqual(there.get_data()["deliveries"]["span"]["share"], there.env._("%s %%", "99,9"))
        self.assertEqual(there._span(1500), there.env._("%s s", "1,5"))
        self.assertEqual(there._number(1234567), "1.234.567")
        self.assertEqual((there._number(5, sign=True), there._number(-5, sign=True)), ("+5", "-5"))

    def test_until_when_nobody_approves_alone_is_told_by_the_readers_clock(self):
        self.people["admin"].tz = "Asia/Tokyo"
        overview = self.env["integration.overview"].with_user(self.people["admin"])
        roles = type(self.env["integration.approving.role"])
        until = fields.Datetime.to_datetime("2026-11-30 20:15:00")
        with patch.object(roles, "_people", lambda *args: []), patch.object(roles, "_held_until", lambda *args: until):
            [warning] = [one for one in overview._approval_warnings() if one["level"] == "danger"]
        self.assertIn("Until 12/01/2026 05:15:00 AM nobody", warning["text"])

    def test_the_queue_by_lane_with_retries_and_what_is_held(self):
        event = self.finalize("E-1", self.line(1), drain=False)
        again = self.finalize("E-2", self.line(1), drain=False)
        self.env.cr.execute("SELECT DISTINCT lane FROM integration_due")
        [(rank,)] = self.env.cr.fetchall()
        self.env.cr.execute(
            "UPDATE integration_due SET due_at = due_at - interval '1 hour' WHERE event_id = %s", event.ids
        )
        self.env.cr.execute(
            "UPDATE integration_due SET attempts = 2, due_at = due_at + interval '1 hour' WHERE event_id = %s",
            again.ids,
        )
        self.env.cr.execute("UPDATE integration_delivery SET attempts = 2 WHERE event_id = %s", again.ids)
        many = len(event.delivery_ids), len(again.delivery_ids)
        data = self.data("operator")["deliveries"]
        [lane] = [one for one in data["lanes"] if one["lane"] == rank]
        self.assertEqual((lane["waiting"], lane["retrying"], lane["retries_due"]), (sum(many), many[1], 0))
        self.assertEqual((lane["due"], lane["late"], lane["held"]), ("1 h", True, 0))
        self.assertEqual(len(self.found(lane["action"])), sum(many))
        self.assertEqual(self.found(lane["retry_action"]), again.delivery_ids)
        self.assertFalse(self.found(lane["again_action"]) | self.found(lane["held_action"]))
        self.assertEqual((data["waiting"], data["failing"]), (sum(many), many[1]))
        self.assertEqual({one["lane"] for one in data["lanes"]}, {0, 1, 2})
        self.env.cr.execute("UPDATE integration_due SET due_at = due_at - interval '2 hours'")
        self.env["integration.hold"]._hold("all", "the bank holiday")
        [lane] = [one for one in self.data("operator")["deliveries"]["lanes"] if one["lane"] == rank]
        self.assertEqual((lane["retries_due"], lane["held"], lane["due"]), (many[1], sum(many), ""))
        self.assertEqual(self.found(lane["again_action"]), again.delivery_ids)
        self.assertEqual(self.found(lane["held_action"]), (event | again).delivery_ids)
        self.assertEqual(again.delivery_ids.mapped("due_again"), [True] * many[1])
        self.assertEqual(
            event.delivery_ids.mapped(lambda one: (one.due_again, one.kept_back)), [(False, True)] * many[0]
        )

    def test_an_open_breaker_is_told_with_its_endpoint(self):
        endpoint = self.env["integration.endpoint"].create(
            {"name": "Ledger", "url": "https://ledger.example/in", "system_id": self.system.id}
        )
        self.assertEqual(self.data("operator")["deliveries"]["breakers"], [])
        breaker = self.env["integration.breaker"].create(
            {
                "name": f"endpoint:{endpoint.id}",
                "state": "open",
                "wait": 30,
                "probe": 0,
                "opened_at": fields.Datetime.now() - timedelta(hours=3),
            }
        )
        [row] = self.data("auditor")["deliveries"]["breakers"]
        self.assertEqual((row["name"], row["age"], self.found(row["action"])), ("Ledger", "3 h", endpoint))
        self.assertIn(f"breaker/{endpoint.id}", self.needs("operator"))
        breaker.state = "closed"
        self.assertEqual(self.data("operator")["deliveries"]["breakers"], [])

    def test_other_companies_queues_are_not_told(self):
        self.finalize("E-1", self.line(1), drain=False)
        other = self.env["res.company"].create({"name": "Other"})
        self.people["operator"].company_ids |= other
        overview = self.env["integration.overview"].with_user(self.people["operator"])
        data = overview.with_context(allowed_company_ids=other.ids).get_data()
        self.assertEqual((data["deliveries"]["waiting"], data["silence"]["rows"]), (0, []))


@tagged("post_install", "-at_install")
class TestOverviewControl(PartsCase):
    def test_a_system_that_should_speak_and_does_not_is_silent(self):
        self.env["integration.alert.rule"].search([]).active = False
        rule = self.env["integration.alert.rule"].create(
            {"name": "Silence", "kind": "silence", "threshold": 2, "company_id": self.company.id}
        )
        self.system.write({"live_from": fields.Datetime.now() - timedelta(days=30)})

        def row():
            return next(one for one in self.data("operator")["silence"]["rows"] if one["id"] == self.system.id)

        self.assertFalse(row()["heard"], "it has gone live, which is nothing that it said")
        self.finalize("E-1", self.line(1))
        self.assertTrue(row()["heard"])
        self.env.cr.execute("UPDATE integration_event SET received_at = received_at - interval '5 hours'")
        self.assertEqual((row()["age"], row()["silent"]), ("5 h", False), "it never spoke at this hour")
        readings = type(self.env["integration.alert.readings"])
        with patch.object(readings, "_usually_sends", lambda *args: True):
            self.assertTrue(row()["silent"])
            self.assertIn(f"silence/{self.system.id}", self.needs("operator"))
            rule.threshold = 6
            self.assertFalse(row()["silent"])
        self.assertIsNone(self.data("finance_viewer")["silence"])

    def test_how_approvals_get_on(self):
        before = self.data()["approvals"]
        self.system._approving().write({"approval_state": "requested", "requested_by_id": self.env.uid})
        data = self.data()["approvals"]
        self.assertEqual((data["waiting"], data["mine"]), (before["waiting"] + 1, before["mine"] + 1))
        mine = self.env["integration.approval"].with_user(self.people["admin"]).search(data["mine_action"]["domain"])
        request = mine.filtered(lambda one: one.res_id == self.system.id)
        self.assertTrue(request)
        self.assertIn("approvals", self.needs("admin"))
        request._approving().write({"expires_at": fields.Datetime.now() - timedelta(hours=1)})
        self.assertEqual(self.data()["approvals"]["overdue"], before["overdue"] + 1)
        request._close("approved")
        ended = {one["state"]: one for one in self.data()["approvals"]["ended"]}
        self.assertIn(request, self.found(ended["approved"]["action"]))
        self.assertEqual(ended["approved"]["count"], len(self.found(ended["approved"]["action"])))
        request._approving().write({"decided_at": fields.Datetime.now() - timedelta(days=3)})
        self.assertEqual(
            [{one["state"]: one["count"] for one in self.data(period=one)["approvals"]["ended"]}["approved"]
             - ended["approved"]["count"] for one in ("today", "week")],
            [-1, 0],
        )  # fmt: skip

    def test_alerts_that_run_by_class(self):
        rule = self.env["integration.alert.rule"].create(
            {"name": "Late", "kind": "backlog", "threshold": 1, "severity": "critical", "company_id": self.company.id}
        )
        before = {one["class"]: one["count"] for one in self.data("operator")["alerts"]["classes"]}
        self.finalize("E-1", self.line(1), drain=False)
        self.env.cr.execute("UPDATE integration_due SET due_at = due_at - interval '1 hour'")
        self.env["integration.alert.watch"]._look_at(rule)
        classes = {one["class"]: one for one in self.data("operator")["alerts"]["classes"]}
        self.assertEqual(classes["critical"]["count"], before["critical"] + 1)
        self.assertEqual(len(self.found(classes["critical"]["action"])), classes["critical"]["count"])
        self.assertIsNone(self.data("steward")["alerts"])

    def test_money_at_risk_is_parked_waiting_and_unaccounted(self):
        self.finalize("E-1", self.line(1), self.line(2, service="NEW", price="80.00"))
        self.finalize("E-2", self.line(1, price="120.00"), drain=False)
        risk = self.data("finance_viewer")["risk"]
        self.assertIn("200.00", risk["total"][0])
        self.assertIn("80.00", risk["parts"]["parked"][0])
        self.assertIn("120.00", risk["parts"]["waiting"][0])
        self.assertEqual(risk["parts"]["unaccounted"], [])
        self.env.cr.execute("DELETE FROM integration_charge WHERE encounter = 'E-1' AND state <> 'parked'")
        self.assertIn("320.00", self.data("finance_viewer")["risk"]["total"][0])
        self.assertIsNone(self.data("operator")["risk"])

    def test_what_waits_is_at_risk_however_old(self):
        self.finalize("E-1", self.line(1, price="120.00"), drain=False)
        dead = self.finalize("E-2", self.line(1, price="50.00"), drain=False)
        self.finalize("E-3", self.line(1, price="7.00"), system=self._make_system("trial", live=False), drain=False)
        self.void("E-9", 1, drain=False)
        self.env.cr.execute("DELETE FROM integration_due WHERE event_id = %s", dead.ids)
        self.env.cr.execute(
            "UPDATE integration_delivery SET state = 'dead', dead_since = now() AT TIME ZONE 'UTC' WHERE event_id = %s",
            dead.ids,
        )
        self.env.cr.execute(
            "UPDATE integration_receipt SET received_at = received_at - interval '50 days',"
            " received_day = received_day - 50"
        )
        risk = self.data("finance_viewer")["risk"]
        self.assertIn("170.00", risk["parts"]["waiting"][0])
        self.assertIn("170.00", risk["total"][0])
        receipts = self.env["integration.receipt"].with_user(self.people["finance_viewer"])
        behind = receipts.search(risk["waiting_action"]["domain"])
        self.assertEqual({(one.encounter, one.amount) for one in behind}, {("E-1", 120), ("E-2", 50)})
        self.assertEqual((len(behind), behind.mapped("is_open")), (2, [True, True]))
        self.drain()
        self.env["integration.receipt"].invalidate_model()
        self.assertEqual(receipts.search(risk["waiting_action"]["domain"]).mapped("encounter"), ["E-2"])
        self.assertEqual(receipts.search([("encounter", "=", "E-1")]).is_open, False)
        self.assertEqual(
            receipts.search([("encounter", "in", ["E-1", "E-2"]), ("is_open", "=", False)]).encounter, "E-1"
        )

    def test_invoices_that_were_made_and_those_that_are_posted(self):
        self.bill("E-1", self.line(1))
        [invoice] = self.charges("E-1").invoice_id
        # Made some days ago: what counts is when it is posted.
        self.env.cr.execute("UPDATE integration_charge_document SET create_date = create_date - interval '3 days'")
        steps = {one["state"]: one for one in self.data("finance_viewer")["pipeline"]}
        self.assertEqual((steps["draft"]["count"], steps["posted"]["count"]), (1, 0))
        self.assertEqual(self.found(steps["draft"]["action"]).move_id, invoice)
        self.assertIn("drafts", self.needs("finance_viewer"))
        self.post_invoice(invoice)
        steps = {one["state"]: one for one in self.data("finance_viewer")["pipeline"]}
        self.assertEqual((steps["draft"]["count"], steps["posted"]["count"]), (0, 1))
        [document] = self.found(steps["posted"]["action"])
        opened = document.with_user(self.people["finance_viewer"]).action_open_move()
        self.assertEqual((opened["res_model"], opened["res_id"]), ("account.move", invoice.id))
        document.posted_at = fields.Datetime.subtract(document.posted_at, days=3)

        def posted(period):
            return {one["state"]: one["count"] for one in self.data("finance_viewer", period)["pipeline"]}["posted"]

        self.assertEqual((posted("today"), posted("week")), (0, 1))
        invoice.button_draft()
        self.assertEqual((posted("week"), document.posted_at), (0, False))
        self.post_invoice(invoice)
        self.assertEqual(posted("today"), 1)

    def test_a_draft_that_takes_no_further_charges_is_counted_too(self):
        self.bill("E-1", self.line(1))
        [first] = self.charges("E-1").invoice_id
        self.post_invoice(first)
        self.bill("E-1", self.line(2, price="30.00"))
        second = self.charges("E-1", 2).invoice_id
        first.button_draft()
        documents = self.env["integration.charge.document"].search([("move_id", "in", (first | second).ids)])
        self.assertEqual(documents.mapped("open").count(True), 1)
        [step] = [one for one in self.data("finance_viewer")["pipeline"] if one["state"] == "draft"]
        found = self.found(step["action"])
        self.assertEqual((found.move_id, step["count"]), (first | second, len(found)))
        total = sum((first | second).mapped("amount_total"))
        self.assertEqual(step["amounts"], [first.currency_id.format(total)])

    def test_the_break_down_of_a_system_is_one_click_away(self):
        self.finalize("E-1", self.line(1))
        for role, model in (("finance_viewer", "integration.ledger.line"), ("operator", "integration.receipt")):
            [row] = self.data(role)["equation"]["systems"]
            self.assertEqual((row["name"], row["action"]["res_model"]), (self.system.name, model))
            records = self.env[model].with_user(self.people[role]).search(row["action"]["domain"])
            self.assertEqual(records.system_id.sudo(), self.system)

    def test_the_break_down_is_of_the_period(self):
        self.finalize("E-1", self.line(1), self.line(2))
        self.finalize("E-2", self.line(1))
        self.env.cr.execute(
            "UPDATE integration_receipt SET received_at = received_at - interval '5 days',"
            " received_day = received_day - 5 WHERE encounter = 'E-2'"
        )
        for period, count in (("today", 2), ("week", 3)):
            [row] = self.data("finance_viewer", period)["equation"]["systems"]
            action = row["action"]
            lines = self.env[action["res_model"]].with_context(**action["context"]).search(action["domain"])
            self.assertEqual(sum(lines.mapped("received")), count, period)
            self.assertEqual(row["cells"][0]["units"], count, period)

    def test_tests_play_no_part_in_what_waits_for_operators(self):
        dead = self.finalize("E-1", self.line(1), drain=False)
        self.assertTrue(dead.delivery_ids)
        self.env.cr.execute(
            """
            UPDATE integration_delivery SET state = 'dead', dead_since = now() AT TIME ZONE 'UTC'
             WHERE event_id = %(id)s;
            DELETE FROM integration_due WHERE event_id = %(id)s
            """,
            {"id": dead.id},
        )
        refused = self.env["integration.refused.message"].create(
            {
                "system_id": self.system.id,
                "company_id": self.company.id,
                "webhook_id": "w-1",
                "received_at": fields.Datetime.now(),
                "mode": "live",
                "problem": "malformed-body",
                "code": "malformed-body",
                "digest": "0" * 64,
            }
        )
        found = self.data("operator")
        self.assertEqual(found["deliveries"]["dead"], len(dead.delivery_ids))
        self.assertEqual(self.found(found["deliveries"]["dead_action"]), dead.delivery_ids)
        self.assertLessEqual({"dead", "refused"}, self.needs("operator").keys())
        self.assertIn("dead letters", self.data("finance_viewer")["headline"]["text"])
        figures = self.env["integration.metric.figures"]
        self.assertIn("dead_letters", {family for family, *_rest in figures._open_figures()})
        self.env.cr.execute("UPDATE integration_event SET mode = 'test' WHERE id = %s", dead.ids)
        refused.mode = "test"
        found = self.data("operator")
        self.assertEqual((found["deliveries"]["dead"], found["deliveries"]["rows"]), (0, []))
        self.assertFalse(self.found(found["deliveries"]["dead_action"]))
        self.assertFalse({"dead", "refused"} & self.needs("operator").keys())
        self.assertNotIn("dead letters", self.data("finance_viewer")["headline"]["text"])
        self.assertNotIn("dead_letters", {family for family, *_rest in figures._open_figures()})

    def test_what_leaves_by_a_channel_for_tests_is_no_figure(self):
        self.count("retry", 20, state="waiting")
        tests = self.env["integration.subscription"].search([], limit=1).ids
        self.assertEqual(self.data("operator")["deliveries"]["span"]["tries"], 20)
        with patch.object(type(self.env["integration.alert.readings"]), "_for_tests", lambda readings: {*tests}):
            span = self.data("operator")["deliveries"]["span"]
            self.assertEqual((span["tries"], self.found(span["action"])), (0, self.env["integration.delivery.count"]))

    def test_kinds_are_named_in_the_readers_language(self):
        self.env["res.lang"]._activate_lang("es_ES")
        kind = self.env["ir.model"]._get("integration.system")
        kind.with_context(lang="es_ES").name = "Sistema externo"
        self.system._approving().write({"approval_state": "approved", "self_approved": True})
        self.people["admin"].lang = "es_ES"
        overview = self.env["integration.overview"].with_user(self.people["admin"]).with_context(lang="es_ES")
        self.env.flush_all()
        [warning] = [one for one in overview._approval_warnings() if "Sistema externo" in one["text"]]
        self.assertEqual(warning["action"]["name"], "Sistema externo")
        with self.assertRaisesRegex(UserError, "Sistema externo EHR"):
            self.system.owner_id.with_context(lang="es_ES").active = False

    def test_what_needs_each_role(self):
        self.finalize("E-1", self.line(1, service="NEW", price="80.00"))
        dead = self.finalize("E-2", self.line(1), drain=False)
        self.env.cr.execute(
            "UPDATE integration_delivery SET state = 'dead', dead_since = now() AT TIME ZONE 'UTC' WHERE event_id = %s",
            dead.ids,
        )
        self.assertIn("dead", self.needs("operator"))
        self.assertFalse([key for key in self.needs("finance_viewer") if key.startswith(("dead", "map/"))])
        [need] = [one for key, one in self.needs("steward").items() if key.startswith("map/")]
        self.assertIn("1", need["text"])
        self.assertEqual(need["amounts"], [])
        self.env["integration.credential"]._generate({"system_id": self.system.id}, company=self.company, use="inbound")
        soon = fields.Datetime.now() + timedelta(days=5)
        self.env["integration.credential"].search([("system_id", "=", self.system.id)])._approving().write(
            {"state": "active", "valid_to": soon}
        )
        key = f"key/{self.system.id}/0/inbound"
        self.assertIn(f"{self.system.code} ends within 5 days", self.needs("admin")[key]["text"])
        self.assertNotIn(key, self.needs("operator"))
        self.assertIn("verify", self.needs("auditor"))
        self.env["integration.audit"]._record("audit.verify")
        self.assertNotIn("verify", self.needs("auditor"))

    def test_keys_of_endpoints_of_one_name_are_told_apart(self):
        other = self._make_system("other")
        for system in (self.system, other):
            endpoint = self.env["integration.endpoint"].create(
                {"name": "Ledger", "url": f"https://{system.code}.example/in", "system_id": system.id}
            )
            credentials = self.env["integration.credential"]
            key, _text = credentials._generate({"endpoint_id": endpoint.id}, company=self.company, use="outbound")
            key._approving().write({"state": "active", "valid_to": fields.Datetime.now() + timedelta(hours=5)})
            endpoint._approving().write({"state": "active"})
        needs = [one for one in self.data()["needs"] if "Ledger" in one["text"]]
        texts = {f"The last key of {one.code} · Ledger ends within a day" for one in (self.system, other)}
        self.assertEqual({one["text"] for one in needs}, texts)
        self.assertEqual(len({one["key"] for one in needs}), 2)
        opened = [self.found(one["action"]).endpoint_id.system_id for one in needs]
        self.assertEqual(set(opened), {self.system, other})

    def test_looks_at_contents_open_as_many_as_they_count(self):
        officer = new_test_user(self.env, "parts.officer", groups="integration_core.group_privacy_officer")
        trail = self.env["integration.audit"].with_user(officer)
        for days in (0, 1, 40):
            with freeze_time(fields.Datetime.now() - timedelta(days=days)):
                self.env["integration.audit"]._record("payload.read")
        [warning] = self.env["integration.overview"].with_user(officer)._privacy_warnings()
        found = trail.search(warning["action"]["domain"])
        self.assertEqual(trail.search_count([("action", "=", "payload.read")]) - len(found), 1)
        self.assertIn(f"within 30 days: {len(found)}.", warning["text"])

    def test_a_lost_receipt_opens_what_it_belonged_to(self):
        self.finalize("E-1", self.line(1), self.line(2))
        self.env.cr.execute("DELETE FROM integration_receipt WHERE encounter = 'E-1' AND unit = '2'")
        for role in ("finance_viewer", "operator"):
            data = self.data(role)["equation"]
            with self.subTest(role):
                self.assertEqual((data["unaccounted"]["units"], data["lost"]["units"]), (-1, 1))
                [system] = data["systems"]
                for action in (data["lost"], data["unaccounted"], system["unaccounted"]):
                    effect = self.found(action["action"]).with_user(self.people[role])
                    self.assertEqual((len(effect), effect.unit, effect.encounter), (1, "2", "E-1"))

    def test_who_looks_without_a_need_is_told_so(self):
        self.finalize("E-1", self.line(1))
        self.env["integration.audit"]._record("audit.verify")
        self.assertEqual(self.data("operator")["needs"], [])
        self.assertEqual(self.data("steward")["needs"], [])


@tagged("post_install", "-at_install")
class TestOverviewReconciliations(ReconciliationCase):
    def test_what_agrees_and_what_is_to_be_looked_at(self):
        self.finalize("E-1", self.line(1), self.line(2, service="NEW", price="80.00"))
        self.report(self.total(2, "200.00"))
        period = self.period()
        period.date_to = fields.Date.today()

        def found(user):
            self.env.flush_all()
            self.env.invalidate_all()
            return self.env["integration.overview"].with_user(user).get_data()["reconciliations"]

        data = found(self.viewer)
        self.assertEqual((data["compared"], data["agree"], data["breaks"], data["to_do"]), (1, 0, 1, 1))
        self.assertIn("80.00", data["amounts"][0])
        self.assertEqual(
            self.env["integration.reconciliation.line"].search(data["to_do_action"]["domain"]), period.line_ids
        )
        self.assertEqual([one["state"] for one in data["states"]], ["breaks"])
        self.assertEqual(self.Period.search(data["states"][0]["action"]["domain"]), period)
        self.assertEqual((found(self.auditor)["to_do"], found(self.auditor)["amounts"]), (1, []))
        self.assertIsNone(found(self.operator))
        needs = self.env["integration.overview"].with_user(self.viewer).get_data()["needs"]
        self.assertIn("breaks", [one["key"] for one in needs])


@tagged("post_install", "-at_install")
class TestOverviewCost(PartsCase, PlanCase):
    """What the page costs does not grow with what lies behind it."""

    def statements(self, role, again=False):
        """Return what reading the page as a role runs."""
        self.env.flush_all()
        self.env.invalidate_all()
        with self.noting() as noted:
            self.data(role, again=again)
        return noted

    def test_no_more_messages_mean_more_queries(self):
        for number in range(3):
            self.finalize(f"E-{number}", self.line(1), self.line(2, service="NEW"))
        for role in self.people:
            self.statements(role, again=True)  # what a process knows by heart is known now
            few = len(self.statements(role, again=True))
            for number in range(10):
                self.finalize(f"E-{role}-{number}", self.line(1), self.line(2, service="NEW"))
            # The ORM fetches users in one statement or in two, as their names happen to be asked for.
            self.assertLessEqual(len(self.statements(role, again=True)), few + 2, role)

    def test_no_history_is_read_from_end_to_end(self):
        self.finalize("E-1", self.line(1), self.line(2, service="NEW"))
        self.make_history()
        self.check_plans({role: self.statements(role) for role in ("finance_viewer", "operator", "auditor", "steward")})
