import os
from datetime import datetime
from unittest.mock import patch

from odoo import fields
from odoo.tests import freeze_time, new_test_user, tagged

from ..models import integration_overview
from .common import MonitorCase


@tagged("post_install", "-at_install")
class TestOverview(MonitorCase):
    """The one page that says whether it flows, and what needs whom."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = new_test_user(cls.env, "boss", groups="integration_core.group_admin", company_id=cls.company.id)

    def data(self, user=None, period="today"):
        self.env.flush_all()
        return self.env["integration.overview"].with_user(user or self.boss).get_data(period)

    def cell(self, data, bucket):
        return next(cell for cell in data["equation"]["cells"] if cell["bucket"] == bucket)

    def test_nothing_received_yet(self):
        data = self.data()
        self.assertEqual((data["state"], data["headline"]["level"]), ("empty", "info"))

    def test_everything_flows(self):
        self.finalize("E-1", self.line(1))
        data = self.data()
        self.assertEqual((data["state"], data["headline"]["level"]), ("ok", "success"))
        self.assertEqual(self.cell(data, "received")["units"], 1)
        self.assertIn("120.00", self.cell(data, "applied")["amounts"][0])
        self.assertTrue(data["equation"]["balanced"])

    def test_midnight_is_by_the_clocks_of_that_day(self):
        self.boss.tz = "America/New_York"  # where the clocks were changed on 1 November
        words = self.env["integration.overview.words"].with_user(self.boss)
        with freeze_time("2026-11-05 15:00:00"):
            self.assertEqual(words._midnight(7), datetime(2026, 10, 30, 4))
            self.assertEqual(words._midnight(1), datetime(2026, 11, 5, 5))

    def test_today_is_where_the_system_is(self):
        self.env["integration.system"].search([]).timezone = "Pacific/Kiritimati"
        self.boss.tz = "Pacific/Pago_Pago"  # 25 hours behind: never the same day
        self.finalize("E-1", self.line(1))
        self.assertEqual(self.cell(self.data(), "received")["units"], 1)

    def test_yesterday_of_one_system_is_not_today_because_it_still_is_for_another(self):
        """Of two systems a day apart each is counted from its own midnight."""
        self.finalize("E-1", self.line(1))
        receipt = self.env["integration.receipt"].search([], order="id desc", limit=1)
        self.system.timezone = "Pacific/Kiritimati"
        west = self._make_system("west")
        west.timezone = "Pacific/Pago_Pago"  # 25 hours behind
        here, there = (fields.Date.context_today(self.boss.with_context(tz=s.timezone)) for s in (self.system, west))
        self.assertLess(there, here)
        self.env.flush_all()
        move = "UPDATE integration_receipt SET received_day = %s, system_id = %s WHERE id = %s"
        for system, day, counted in ((self.system, here, 1), (self.system, there, 0), (west, there, 1)):
            with self.subTest(system=system.code, day=day):
                self.env.cr.execute(move, (day, system.id, receipt.id))
                self.env.invalidate_all()
                cell = self.cell(self.data(), "received")
                self.assertEqual(cell["units"], counted)
                found = self.env["integration.receipt"].search_count(cell["action"]["domain"])
                self.assertEqual(found, counted)
                self.assertEqual(self.cell(self.data(period="week"), "received")["units"], 1)

    def test_the_chart_goes_by_the_systems_clock(self):
        self.env["integration.system"].search([]).timezone = "Pacific/Kiritimati"
        self.boss.tz = "Pacific/Pago_Pago"
        self.finalize("E-1", self.line(1))
        received_at = self.env["integration.receipt"].search([], order="id desc", limit=1).received_at
        hours = self.data()["hours"]
        there = fields.Datetime.context_timestamp(self.boss.with_context(tz="Pacific/Kiritimati"), received_at)
        self.assertEqual((hours["clock"], hours["accepted"][there.hour]), ("Pacific/Kiritimati", 1))
        self._make_system("west").timezone = "Pacific/Pago_Pago"
        self.assertEqual(self.data()["hours"]["clock"], "each system's own time")

    def test_whose_turn_units_and_prices_are(self):
        turns = self.env["integration.overview"]._turns()
        named = {reason: turns[reason] for reason in ("unit_unknown", "unit_unrelated", "price_differs")}
        self.assertEqual(
            named,
            {"unit_unknown": "Mapping steward", "unit_unrelated": "Mapping steward", "price_differs": "Finance"},
        )

    def test_parked_money_by_reason_and_whose_turn(self):
        self.finalize("E-1", self.line(1, service="NEW", price="80.00"), self.line(2, service="NEW", price=None))
        data = self.data()
        self.assertEqual(data["headline"]["level"], "warning")
        [row] = data["parked"]["rows"]
        self.assertEqual((row["reason"], row["count"], row["unknown"]), ("service_unmapped", 2, 1))
        self.assertIn("80.00", row["amounts"][0])
        self.assertEqual(row["turn"], "Mapping steward")
        self.assertEqual(self.env["integration.charge"].search(row["action"]["domain"]), self.charges("E-1"))

    def test_every_figure_of_the_equation_opens_as_many_records(self):
        event = self.finalize("E-1", self.line(1), self.line(2, service="NEW"))
        self.receive_again(event)
        self.finalize("E-2", self.line(1), drain=False)
        for cell in self.data()["equation"]["cells"]:
            count = self.env["integration.receipt"].search_count(cell["action"]["domain"])
            self.assertEqual(count, cell["units"], cell["bucket"])

    def test_what_is_unaccounted_is_said_first(self):
        self.finalize("E-1", self.line(1))
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM integration_charge WHERE encounter = 'E-1'")
        self.env.invalidate_all()
        data = self.data()
        self.assertEqual(data["headline"]["level"], "danger")
        self.assertTrue(data["equation"]["unaccounted"]["wrong"])
        self.assertEqual(data["equation"]["unaccounted"]["units"], 1)

    def test_a_stopped_engine_is_said(self):
        event = self.finalize("E-1", self.line(1), drain=False)
        self.env.cr.execute("DELETE FROM integration_heartbeat")
        self.env.cr.execute(
            "UPDATE integration_due SET due_at = %s WHERE event_id = %s",
            (fields.Datetime.subtract(fields.Datetime.now(), minutes=10), event.id),
        )
        data = self.data()
        self.assertTrue(data["engine"]["stopped"])
        self.assertEqual(data["headline"]["level"], "danger")
        self.env["integration.heartbeat"]._beat("host:1:2", "awake", kind="worker", lanes=(0, 1, 2))
        self.assertFalse(self.data()["engine"]["stopped"])

    def test_while_a_backlog_is_due_not_everything_flows(self):
        """An engine that has just come back has all of it before it."""
        self.finalize("E-0", self.line(1))
        event = self.finalize("E-1", self.line(1), drain=False)
        self.env.cr.execute(
            "UPDATE integration_due SET due_at = %s WHERE event_id = %s",
            (fields.Datetime.subtract(fields.Datetime.now(), minutes=10), event.id),
        )
        late = len(event.delivery_ids)
        self.env["integration.heartbeat"]._beat("host:1:2", "awake", kind="worker", lanes=(0, 1, 2))
        headline = self.data()["headline"]
        self.assertEqual((headline["level"], headline["text"]), ("warning", f"Flowing. Late deliveries: {late}."))
        with patch.object(integration_overview, "LATE_MOST", 1):
            self.assertIn("Late deliveries: 1 or more.", self.data()["headline"]["text"])
        self.finalize("E-2", self.line(1, service="NEW"), drain=False)
        self.drain()
        self.assertIn("Flowing. Waiting for a person: parked lines (1", self.data()["headline"]["text"])
        last = self.finalize("E-3", self.line(1), drain=False)
        self.env.cr.execute(
            "UPDATE integration_due SET due_at = due_at - interval '10 minutes' WHERE event_id = %s", (last.id,)
        )
        self.assertRegex(
            self.data()["headline"]["text"], r"^Flowing. Late deliveries: \d. Waiting for a person: parked lines \(1,"
        )

    def test_while_a_receiver_takes_nothing_not_everything_flows(self):
        self.finalize("E-1", self.line(1))
        endpoint = self.env["integration.endpoint"].create(
            {"name": "Ledger", "url": "https://ledger.example/in", "system_id": self.system.id}
        )
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        self.assertEqual(self.data(viewer)["headline"]["text"], "Everything flows.")
        endpoint._approving().write({"state": "active", "approval_state": "approved", "approved_mode": "live"})
        endpoint._disable("gone")
        text = "Flowing. Waiting for a person: receivers that take nothing (1)."
        self.assertEqual({self.data(one)["headline"]["text"] for one in (self.boss, viewer)}, {text})
        self.assertIn("the operators' turn", self.data(viewer)["headline"]["detail"])
        endpoint._approving().write({"approved_mode": "test"})
        self.assertEqual(self.data()["headline"]["text"], "Everything flows.", "tests are nobody's work")

    def test_a_missing_master_key_is_said(self):
        with patch.dict(os.environ):
            os.environ.pop("INTEGRATION_MASTER_KEY", None)
            data = self.data()
        self.assertEqual(data["headline"]["level"], "danger")
        self.assertTrue(data["headline"]["detail"])

    def test_dead_letters_and_retries_per_subscription(self):
        event = self.finalize("E-1", self.line(1), drain=False)
        self.env.cr.execute(
            "UPDATE integration_delivery SET state = 'dead', dead_since = now() AT TIME ZONE 'UTC' WHERE event_id = %s",
            (event.id,),
        )
        data = self.data()
        self.assertEqual(data["deliveries"]["dead"], 1)
        [row] = data["deliveries"]["rows"]
        found = self.env["integration.delivery"].search(row["action"]["domain"])
        self.assertEqual(found.event_id, event)
        self.assertEqual(data["headline"]["level"], "warning")

    def test_a_hold_is_said_to_everybody_and_released_by_operators(self):
        hold = self.env["integration.hold"]._hold("all", "the bank holiday")
        self.finalize("E-1", self.line(1))
        self.env.cr.execute("UPDATE integration_due SET due_at = due_at - interval '1 hour'")
        data = self.data()
        [row] = data["holds"]["rows"]
        self.assertEqual((row["id"], row["everything"], row["why"]), (hold.id, True, "the bank holiday"))
        self.assertEqual((row["by"], row["waiting"]), (self.env.user.name, 1))
        self.assertEqual(data["headline"]["text"], "Everything is paused.")
        self.assertFalse(data["engine"]["stopped"])
        self.assertEqual(row["release"]["context"]["active_ids"], hold.ids)
        self.assertIsNone(data["holds"]["pause"])
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        [seen] = self.data(viewer)["holds"]["rows"]
        self.assertEqual((seen["why"], seen["release"]), ("the bank holiday", None))
        hold._release("it is over")
        data = self.data()
        self.assertEqual(data["holds"]["rows"], [])
        self.assertTrue(data["holds"]["pause"])

    def test_a_held_lane_is_part_of_the_first_sentence(self):
        self.finalize("E-1", self.line(1))
        self.env["integration.hold"]._hold("lane", "repairs", lane="bulk")
        data = self.data()
        self.assertEqual(data["headline"]["level"], "warning")
        self.assertIn("holds (Lane: Bulk)", data["headline"]["text"])

    def test_a_held_system_of_another_company_is_not_told(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.env.user.company_ids |= other
        system = self._make_system("elsewhere", company=other)
        self.env["integration.hold"]._hold("system", "moving house", system=system)
        self.assertEqual(self.data()["holds"]["rows"], [])

    def test_a_paused_subscription_is_warned_about(self):
        subscription = self.env["integration.subscription"].search([], limit=1)
        subscription.action_pause()
        texts = " ".join(warning["text"] for warning in self.data()["warnings"])
        self.assertIn(f"Subscription {subscription.name}: paused.", texts)

    def test_a_live_system_that_is_suspended_is_warned_about(self):
        def warnings():
            return [one for one in self.data()["warnings"] if "suspended" in one["text"]]

        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        self.finalize("E-1", self.line(1))
        self.assertEqual(warnings(), [])
        self.system.action_suspend()
        self.assertIn("suspended systems (1)", self.data()["headline"]["text"])
        self.assertIn("administrators' turn", self.data(viewer)["headline"]["detail"])
        [warning] = warnings()
        self.assertEqual(warning["text"], f"System {self.system.name}: suspended. Whatever it sends is refused.")
        self.assertEqual(self.env["integration.system"].search(warning["action"]["domain"]), self.system)
        self.system.action_back_to_test()
        self.assertEqual(warnings(), [])

    def test_the_last_hour_in_three_figures(self):
        self.assertEqual(self.data()["deliveries"]["hour"]["share"], "")
        self.finalize("E-1", self.line(1))
        hour = self.data()["deliveries"]["hour"]
        self.assertEqual((hour["delivered"], hour["tries"], hour["share"], hour["well"]), (1, 1, "100 %", True))
        self.assertTrue(hour["p95"])
        self.env.cr.execute(
            """
            INSERT INTO integration_delivery_count
                (minute, company_id, subscription_id, lane, state, outcome, slot, tries, latency_ms)
            VALUES (date_trunc('minute', now() AT TIME ZONE 'UTC'), %s, 0, 1, 'waiting', 'retry', 3, 99, 1),
                   (now() AT TIME ZONE 'UTC' - interval '2 hours', %s, 0, 1, 'waiting', 'retry', 3, 99, 1)
            """,
            (self.company.id, self.company.id),
        )
        hour = self.data()["deliveries"]["hour"]
        self.assertEqual((hour["delivered"], hour["tries"], hour["share"], hour["well"]), (1, 100, "1 %", False))

    def test_one_approver_is_warned_about(self):
        others = self.env.ref("integration_core.group_admin").sudo().all_user_ids - self.boss
        others.group_ids = [fields.Command.unlink(self.env.ref("integration_core.group_admin").id)]
        self.assertIn("Only one person", " ".join(warning["text"] for warning in self.data()["warnings"]))
        new_test_user(self.env, "second", groups="integration_core.group_admin")
        self.assertNotIn("Only one person", " ".join(warning["text"] for warning in self.data()["warnings"]))

    def test_self_approved_records_are_warned_about(self):
        self.system._approving().write({"approval_state": "approved", "self_approved": True})
        texts = " ".join(warning["text"] for warning in self.data()["warnings"])
        self.assertIn("approved by their own author", texts)

    def test_requests_are_announced_to_who_may_approve(self):
        self.system._approving().write({"approval_state": "requested", "requested_by_id": self.env.uid})
        texts = " ".join(need["text"] for need in self.data()["needs"])
        self.assertIn("wait for your approval: 1.", texts)

    def test_whoever_only_approves_sees_what_waits_and_nothing_else(self):
        judge = new_test_user(self.env, "judge", groups="integration_core.group_governance_approver")
        self.system._approving().write({"approval_state": "requested", "requested_by_id": self.env.uid})
        data = self.env["integration.overview"].with_user(judge).get_data()
        self.assertIn("wait for your approval: 1.", " ".join(need["text"] for need in data["needs"]))
        for part in ("equation", "parked", "to_map", "pipeline", "deliveries", "hours"):
            self.assertFalse(data[part], part)

    def test_nobody_is_told_that_everything_flows_while_something_waits(self):
        """Who may not look at lines or dead letters is told how many there are, without money, and whose turn it is."""
        roles = ("finance_viewer", "operator", "steward", "clinical_liaison", "governance_approver", "privacy_officer",
                 "auditor")  # fmt: skip
        people = [new_test_user(self.env, f"x_{role}", groups=f"integration_core.group_{role}") for role in roles]
        self.finalize("E-1", self.line(1))
        self.assertEqual({self.data(one)["headline"]["text"] for one in people}, {"Everything flows."})
        self.finalize("E-2", self.line(1, service="NEW", price="80.00"))
        dead = self.finalize("E-3", self.line(1), drain=False)
        self.env.cr.execute(
            "UPDATE integration_delivery SET state = 'dead', dead_since = now() AT TIME ZONE 'UTC' WHERE event_id = %s",
            (dead.id,),
        )
        self.env.invalidate_all()
        for one in people:
            with self.subTest(one.login):
                headline = self.data(one)["headline"]
                self.assertEqual(headline["level"], "warning")
                self.assertIn("parked lines (1", headline["text"])
                self.assertIn("dead letters (1)", headline["text"])
                self.assertEqual("80.00" in headline["text"], one.login == "x_finance_viewer")
        told = {one.login: self.data(one)["headline"]["detail"] for one in people}
        self.assertIn("Parked lines are the turn of finance or the mapping stewards.", told["x_privacy_officer"])
        self.assertIn("Dead letters are the operators' turn.", told["x_privacy_officer"])
        self.assertNotIn("Dead letters", told["x_auditor"])
        self.assertNotIn("Parked lines", told["x_finance_viewer"])

    def test_what_waits_in_another_company_or_in_test_mode_is_not_counted(self):
        self.finalize("E-1", self.line(1))
        self.finalize("E-2", self.line(1, service="NEW"))
        officer = new_test_user(self.env, "officer", groups="integration_core.group_privacy_officer")
        self.assertIn("parked lines (1)", self.data(officer)["headline"]["text"])
        other = self.env["res.company"].create({"name": "Other"})
        officer.company_ids |= other
        there = self.env["integration.overview"].with_user(officer).with_context(allowed_company_ids=other.ids)
        self.assertFalse(there._waiting_unseen(None, None))
        self.env.cr.execute("UPDATE integration_event SET mode = 'test' WHERE company_id = %s", (self.company.id,))
        self.env.invalidate_all()
        self.assertEqual(self.data(officer)["headline"]["text"], "Everything flows.")

    def test_a_broken_glass_waits_for_the_review_of_a_privacy_officer(self):
        officer = new_test_user(self.env, "officer", groups="integration_core.group_privacy_officer")
        operator = new_test_user(self.env, "operator", groups="integration_core.group_operator")
        reason = "The ward waits for the blood group of a bleeding patient"
        glass = self.env["integration.break.glass"].with_user(operator)._begin(reason)

        def told(user):
            return [one for one in self.data(user)["needs"] if "waits for your review" in one["text"]]

        [warning] = told(officer)
        self.assertEqual((warning["level"], "review: 1." in warning["text"]), ("warning", True))
        self.assertEqual(self.env[warning["action"]["res_model"]].search(warning["action"]["domain"]), glass.sudo())
        self.assertFalse(told(operator))
        self.env.cr.execute("UPDATE integration_break_glass SET review_by = review_by - interval '9 days'")
        self.env.invalidate_all()
        [warning] = told(officer)
        self.assertEqual((warning["level"], "Too late already: 1." in warning["text"]), ("danger", True))
        glass.with_user(officer)._review("right", "asked the ward")
        self.assertFalse(told(officer))

    def test_what_is_in_use_unconfirmed_is_told_in_red(self):
        past = fields.Datetime.subtract(fields.Datetime.now(), hours=1)
        asked = {"approval_state": "requested", "requested_by_id": self.env.uid, "urgent": True, "confirm_by": past}
        self.system._approving().write(asked)
        [warning] = [one for one in self.data()["warnings"] if "not confirmed in time: 1." in one["text"]]
        self.assertEqual(warning["level"], "danger")
        found = self.env[warning["action"]["res_model"]].search(warning["action"]["domain"])
        self.assertEqual(found.res_id, self.system.id)

    def test_the_chart_counts_todays_receipts(self):
        self.finalize("E-1", self.line(1), self.line(2))
        self.assertEqual(sum(self.data()["hours"]["accepted"]), 2)

    def test_finance_sees_money_and_no_plumbing(self):
        self.finalize("E-1", self.line(1))
        viewer = new_test_user(self.env, "viewer", groups="integration_core.group_finance_viewer")
        data = self.data(viewer)
        self.assertIsNone(data["deliveries"])
        self.assertTrue(self.cell(data, "received")["amounts"])
        self.assertIsNotNone(data["pipeline"])

    def test_an_operator_sees_plumbing_and_no_money(self):
        self.finalize("E-1", self.line(1), self.line(2, service="NEW"))
        operator = new_test_user(self.env, "operator", groups="integration_core.group_operator")
        data = self.data(operator)
        self.assertIsNotNone(data["deliveries"])
        self.assertIsNone(data["pipeline"])
        self.assertIsNone(data["parked"])
        self.assertFalse(any(cell["amounts"] or cell["unknown"] for cell in data["equation"]["cells"]))

    def test_a_steward_sees_what_waits_for_a_mapping_without_money(self):
        self.finalize("E-1", self.line(1, service="NEW"))
        data = self.data(new_test_user(self.env, "steward", groups="integration_core.group_steward"))
        self.assertIsNone(data["equation"])
        self.assertIsNone(data["deliveries"])
        [row] = data["to_map"]["rows"]
        self.assertEqual((row["codes"], row["lines"]), (1, 1))
        task = self.env["integration.mapping.task"].search(row["action"]["domain"])
        self.assertEqual(task.code, "NEW")
        self.assertEqual(data["headline"]["level"], "warning")

    def test_without_a_role_nothing_is_told(self):
        nobody = new_test_user(self.env, "nobody", groups="base.group_user")
        self.assertEqual(self.data(nobody), {"state": "no_rights"})

    def test_only_the_chosen_companies(self):
        self.finalize("E-1", self.line(1))
        other = self.env["res.company"].create({"name": "Other hospital"})
        stranger = new_test_user(
            self.env,
            "stranger",
            groups="integration_core.group_admin",
            company_id=other.id,
            company_ids=[fields.Command.set(other.ids)],
        )
        data = self.data(stranger)
        self.assertEqual(data["state"], "empty")
        self.assertEqual(self.cell(data, "received")["units"], 0)

    def test_what_is_past_its_clock_is_one_line_with_its_money(self):
        for name in ("E-1", "E-2"):
            event = self.finalize(name, self.line(1, service="NEW", price="80.00"))
            self.env.cr.execute(
                "UPDATE integration_event SET received_at = received_at - interval '40 days' WHERE id = %s", (event.id,)
            )
        self.env["integration.retention.alarm"]._watch()
        alarm = self.env["integration.retention.alarm"].search([("company_id", "=", self.company.id)])
        officer = new_test_user(
            self.env, "officer", groups="integration_core.group_privacy_officer", company_id=self.company.id
        )
        for user, money in ((self.boss, True), (officer, False)):
            lines = [one for one in self.data(user)["warnings"] if one["text"].startswith("Contents past their clock")]
            self.assertEqual(len(lines), 1)
            self.assertIn("still open: 2,", lines[0]["text"])
            self.assertEqual("160.00" in lines[0]["text"], money)
            self.assertEqual((lines[0]["action"]["res_model"], lines[0]["action"]["res_id"]), (alarm._name, alarm.id))

    def test_a_request_for_erasure_waits_for_another_officer(self):
        officers = [
            new_test_user(
                self.env,
                login,
                groups="integration_core.group_privacy_officer",
                company_id=self.company.id,
                email=f"{login}@example.org",
            )
            for login in ("first", "second")
        ]
        self.env["integration.erasure"].with_user(officers[0])._request(
            {"name": "Case", "reason": "art. 17", "system_id": self.system.id, "patient_refs": ["x"]}
        )

        def told():
            texts = [[one["text"] for one in self.data(officer)["needs"]] for officer in officers]
            return [[text for text in of_one if "erasure" in text] for of_one in texts]

        self.assertEqual(told(), [[], []], "it is searched first")
        for _turn in range(5):
            self.env["integration.erasure"]._advance()
        self.assertEqual(told(), [[], ["Requests for erasure that wait for your approval: 1."]])
