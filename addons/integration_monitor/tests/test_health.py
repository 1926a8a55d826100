from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from ..domain.objectives import judge
from ..models.integration_alert_readings import IntegrationAlertReadings
from .test_alerts import AlertCase


class HealthCase(AlertCase):
    """An endpoint that has received for a month, and words for what became of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.warehouse = cls.env["integration.endpoint"].create(
            {
                "name": "Warehouse",
                "system_id": cls.system.id,
                "company_id": cls.company.id,
                "url": "https://warehouse.example/hooks",
                "owner_id": cls.admin.id,
                "criticality": "critical",
            }
        )
        cls.warehouse._approving().write({"state": "active", "approved_mode": "live", "approval_state": "approved"})
        cls.feed = cls.env["integration.subscription"].create(
            {
                "name": "Warehouse feed",
                "company_id": cls.company.id,
                "consumer": "endpoint",
                "endpoint_id": cls.warehouse.id,
                "event_type_ids": [
                    fields.Command.set(
                        cls.env["integration.event.type"].search([("direction", "=", "outbound")], limit=1).ids
                    )
                ],
                "owner_id": cls.admin.id,
            }
        )

    def tries(self, *, good=0, bad=0, ago=timedelta(0), state="waiting"):
        """Count tries of the feed, so long ago."""
        at = fields.Datetime.now() - ago
        for outcome, left, count in (("delivered", "done", good), ("retry", state, bad)):
            if count:
                self.env.cr.execute(
                    """
                    INSERT INTO integration_delivery_count
                        (minute, company_id, subscription_id, lane, state, outcome, slot, tries, latency_ms)
                    VALUES (date_trunc('minute', %s::timestamp), %s, %s, 0, %s, %s, 5, %s, 60)
                    """,
                    (at, self.company.id, self.feed.id, left, outcome, count),
                )

    def of(self, record, user=None):
        self.env.flush_all()
        self.env.invalidate_all()
        return record.with_user(user or self.operator)


@tagged("post_install", "-at_install")
class TestHealth(HealthCase):
    """How a system and an endpoint stand against what is expected of them."""

    def test_nothing_was_sent(self):
        seen = self.of(self.warehouse)
        self.assertEqual((seen.tries_counted, seen.health, seen.last_good_at), (0, "bad", False))
        self.assertIn("no key", seen.health_reason)

    def test_the_objective_follows_the_criticality_and_the_setting(self):
        objectives = []
        for one in ("critical", "standard", "reporting"):
            self.warehouse.criticality = one
            objectives.append(round(self.of(self.warehouse).objective, 3))
        self.assertEqual(objectives, [99.9, 99.5, 99.0])
        settings = self.env["res.config.settings"].create({"integration_objective_reporting": 95.0})
        settings.execute()
        self.assertEqual(self.of(self.warehouse).objective, 95.0)

    def test_an_objective_of_all_is_refused(self):
        for value in (0, 100, 101):
            with self.subTest(value), self.assertRaises(ValidationError):
                self.env["res.config.settings"].create({"integration_objective_critical": value})

    def test_the_budget_of_a_month_and_the_rate_of_an_hour(self):
        self.tries(good=9000, ago=timedelta(days=20))
        self.tries(good=990, bad=4, ago=timedelta(hours=2))
        self.tries(good=5, bad=1)
        self.tries(good=7, bad=500, ago=timedelta(days=31))
        seen = self.of(self.warehouse)
        self.assertEqual(seen.tries_counted, 10_000)
        self.assertAlmostEqual(seen.success_share, 99.95, 2)
        self.assertAlmostEqual(seen.budget_left, 50.0, 1)
        self.assertAlmostEqual(seen.burn_rate, 1000 / 6, 1)
        self.assertTrue(seen.latency_text)
        self.assertLess(fields.Datetime.now() - seen.last_good_at, timedelta(minutes=2))

    def test_a_system_is_as_its_endpoints_together(self):
        self.tries(good=900, bad=100)
        seen = self.of(self.system)
        self.assertEqual((seen.tries_counted, seen.health), (1000, "bad"))
        self.assertEqual(round(seen.success_share, 1), 90.0)

    def test_a_system_that_sends_is_well(self):
        self.finalize("E-1", self.line(1))
        seen = self.of(self.system)
        self.assertLess(fields.Datetime.now() - seen.last_good_at, timedelta(minutes=2))
        self.assertEqual((seen.dead_count, seen.retry_count, seen.health), (0, 0, "bad"))
        self.assertIn("no key", seen.health_reason, "messages of a test come past the gate")

    def test_money_watchers_see_no_figures_of_deliveries(self):
        with self.assertRaises(AccessError):
            self.of(self.system, self.viewer).read(["health"])
        self.of(self.system, self.auditor).read(["health", "change_ids"])
        with self.assertRaises(AccessError):
            self.of(self.system).read(["change_ids"])

    def test_the_last_changes_are_those_of_the_record(self):
        self.warehouse.with_user(self.admin).support_hours = "Mon-Fri"
        changes = self.of(self.warehouse, self.admin).change_ids
        self.assertEqual(set(changes.mapped("res_id")), {self.warehouse.id})
        self.assertIn("Mon-Fri", " ".join(changes.mapped("detail")))

    def test_what_breakers_did_is_told(self):
        self.env.cr.execute(
            "INSERT INTO integration_breaker (name, state, wait, probe) VALUES (%s, 'open', 30, 0) RETURNING id",
            (f"endpoint:{self.warehouse.id}",),
        )
        self.env.cr.execute(
            "INSERT INTO integration_breaker_change (breaker_id, at, state, reason) VALUES (%s, now(), 'open', 'x')",
            self.env.cr.fetchone(),
        )
        self.assertEqual(self.of(self.warehouse).breaker_change_ids.mapped("state"), ["open"])

    def test_the_next_retry_waits_for_the_probe_of_an_open_breaker(self):
        self.late(5)
        soon = fields.Datetime.now().replace(microsecond=0) + timedelta(minutes=3)
        self.env.cr.execute("UPDATE integration_due SET attempts = 1, subscription_id = %s", (self.feed.id,))
        self.assertLess(self.of(self.warehouse).next_retry_at, fields.Datetime.now())
        self.env.cr.execute(
            "INSERT INTO integration_breaker (name, state, wait, probe, due_at) VALUES (%s, 'open', 30, 0, %s)",
            (f"endpoint:{self.warehouse.id}", soon),
        )
        seen = self.of(self.warehouse)
        self.assertEqual((seen.next_retry_at, seen.retry_count), (soon, 1))
        self.assertIn("does not answer", self._reason_with_a_key(seen))

    def _reason_with_a_key(self, seen):
        known = {"dead": 0, "retrying": 1, "key_days": None, "left": None, "rate": None}
        return judge(seen.sudo()._health_signs(known, has_key=True, last_good=None)).words

    def test_a_runbook_is_an_address(self):
        self.warehouse.runbook_url = "https://wiki.example/warehouse"
        for text in ("javascript:alert(1)", "the blue folder", "https://a b"):
            with self.subTest(text), self.assertRaises(ValidationError):
                self.warehouse.runbook_url = text

    def test_a_list_costs_the_same_however_many(self):
        def cost(records):
            seen = self.of(records)
            before = self.env.cr.sql_log_count
            seen.mapped("budget_left")
            return self.env.cr.sql_log_count - before

        many = self.warehouse
        for number in range(8):
            many |= self.warehouse.copy({"name": f"Further {number}", "url": f"https://further-{number}.example/x"})
        cost(self.warehouse)
        self.assertLessEqual(cost(many), cost(self.warehouse) + 12)

    def test_it_can_be_printed(self):
        self.tries(good=10, bad=1)
        self.warehouse.write({"purpose": "Tells the warehouse", "deputy_id": self.operator.id})
        for record, words in (
            (self.warehouse, ["Warehouse", "Tells the warehouse", "99.9", "alert.operator"]),
            (self.system, [self.system.name]),
        ):
            name = f"integration_monitor.report_health_{record._name.split('.')[-1]}"
            html, _kind = self.env["ir.actions.report"].with_user(self.operator)._render_qweb_html(name, record.ids)
            for word in words:
                self.assertIn(word, html.decode())


@tagged("post_install", "-at_install")
class TestSuccessor(HealthCase):
    """Nobody leaves while something is theirs to look after."""

    def test_an_owner_is_not_archived_without_a_successor(self):
        with self.assertRaises(UserError) as refusal:
            self.admin.active = False
        told = str(refusal.exception)
        self.assertIn("alert.admin", told)
        self.assertIn("Warehouse", told)
        self.assertIn("Warehouse feed", told)
        with self.assertRaises(UserError):
            self.admin.unlink()
        self.warehouse.owner_id = self.operator
        self.feed.owner_id = self.operator
        self.admin.active = False
        self.assertFalse(self.admin.active)

    def test_a_deputy_is_asked_for_too(self):
        deputy = new_test_user(self.env, "deputy", groups="integration_core.group_operator")
        self.system.deputy_id = deputy
        with self.assertRaises(UserError):
            deputy.active = False
        self.system.deputy_id = False
        deputy.active = False

    def test_everybody_else_goes_freely(self):
        someone = new_test_user(self.env, "someone", groups="base.group_user")
        someone.active = False
        self.assertFalse(someone.active)


@tagged("post_install", "-at_install")
class TestObjectiveAlerts(HealthCase):
    """Alerts that look at how fast a budget goes, how long a receiver is left alone, and how a backlog goes on."""

    def reading(self, rule):
        self.env.flush_all()
        readings = self.env["integration.alert.readings"]._read(rule)
        return {one.endpoint or one.lane: one.value for one in readings if one.company == self.company.id}

    def test_both_windows_must_burn(self):
        rule = self.rule("burn_rate", 14.4, window_minutes=60, least=10)
        self.tries(good=900, bad=100, ago=timedelta(minutes=40))
        self.look()
        self.assertFalse(self.alerts(rule), "it is over: nothing was tried in the short window")
        self.tries(good=100)
        self.look()
        self.assertFalse(self.alerts(rule), "what is tried now goes well")
        self.tries(good=90, bad=10)
        self.look()
        alert = self.alerts(rule)
        self.assertEqual((len(alert), alert.endpoint_id, alert.severity), (1, self.warehouse, "warning"))
        self.assertIn("Warehouse fails more often than its objective allows", alert.display_name)
        self.env.cr.execute("DELETE FROM integration_delivery_count")
        self.tries(good=5000)
        self.look()
        self.assertTrue(self.alerts(rule).until)

    def test_the_same_failures_matter_less_where_more_may_fail(self):
        rule = self.rule("burn_rate", 6, window_minutes=360, least=10)
        self.tries(good=980, bad=20)
        self.assertAlmostEqual(self.reading(rule)[self.warehouse.id], 20.0, 2)
        self.warehouse.criticality = "reporting"
        self.assertAlmostEqual(self.reading(rule)[self.warehouse.id], 2.0, 2)

    def test_of_few_tries_nothing_is_said(self):
        rule = self.rule("burn_rate", 6, window_minutes=60, least=100)
        self.tries(bad=99)
        self.assertEqual(self.reading(rule), {})

    def test_an_outage_that_was_told_of_is_not_told_again_as_a_missed_objective(self):
        rule, trouble = self.rule("burn_rate", 6, window_minutes=60, least=100), self.rule("trouble", 0)
        self.tries(good=100, bad=400)
        self.warehouse._approving().write({"trouble": "breaker", "trouble_since": fields.Datetime.now()})
        self.look()
        self.assertTrue(self.alerts(trouble).running)
        self.warehouse._approving().write({"trouble": False, "trouble_since": False})
        self.look()
        self.look()
        self.assertFalse(self.alerts(trouble).running)
        self.assertFalse(self.alerts(rule))
        self.env.cr.execute("UPDATE integration_alert SET until = until - interval '6 min'")
        self.look()
        self.assertTrue(self.alerts(rule).running, "it fails although it is back")

    def backlog(self, *counts, minutes=10):
        """Say how much waited in the critical lane, the last of it now."""
        self.env.cr.execute("DELETE FROM integration_backlog_sample")
        for place, count in enumerate(reversed(counts)):
            self.env.cr.execute(
                "INSERT INTO integration_backlog_sample (at, company_id, lane, waiting) VALUES (%s, %s, 0, %s)",
                (fields.Datetime.now() - timedelta(minutes=minutes * place), self.company.id, count),
            )

    def test_a_backlog_that_is_not_worked_off_in_time(self):
        rule = self.rule("backlog_forecast", 4, window_minutes=30, least=100)
        for counts, hours in (
            ((5000, 4900, 4800), 4800 / 600),
            ((5000, 4000, 3000), 0.5),
            ((100, 200, 300), 1000.0),
            ((5000, 3000, 99), 0.0),
        ):
            self.backlog(*counts)
            with self.subTest(counts):
                self.assertAlmostEqual(self.reading(rule)["critical"], hours, 1)
        self.backlog(5000)
        self.assertIsNone(self.reading(rule)["critical"])

    def test_a_forecast_begins_and_ends_an_alert(self):
        rule = self.rule("backlog_forecast", 4, window_minutes=30, least=100)
        self.patch(IntegrationAlertReadings, "_sample_backlog", lambda _self: None)
        self.backlog(1000, 2000, 3000)
        self.look()
        alert = self.alerts(rule)
        self.assertIn("The backlog of the lane Critical is not being worked off", alert.display_name)
        self.assertEqual(alert.with_user(self.operator).now_text, "not at all, as it goes now")
        action = alert.with_user(self.operator).action_open()
        self.env[action["res_model"]].with_user(self.operator).search(action["domain"])
        self.backlog(3000, 1000, 0)
        self.look()
        self.assertTrue(self.alerts(rule).until)

    def test_what_waits_is_noted_at_each_look_and_an_empty_lane_too(self):
        self.env.cr.execute("DELETE FROM integration_backlog_sample")
        self.late(5)
        self.look()
        self.env.cr.execute("DELETE FROM integration_due")
        self.look()
        self.env.cr.execute(
            "SELECT waiting > 0 FROM integration_backlog_sample WHERE company_id = %s ORDER BY at", (self.company.id,)
        )
        self.assertEqual([row[0] for row in self.env.cr.fetchall()], [True, False])

    def test_each_kind_has_words_and_opens_something(self):
        for kind, threshold in (("burn_rate", 1), ("trouble", 1), ("backlog_forecast", 1)):
            with self.subTest(kind):
                rule = self.rule(kind, threshold)
                self.assertTrue(rule.unit)
                self.assertTrue(all(self.env["integration.alert"]._turn_words(kind)))
                self.assertNotEqual(
                    self.env["integration.alert"]._turn_words(kind),
                    self.env["integration.alert"]._turn_words("parked_lines"),
                )
