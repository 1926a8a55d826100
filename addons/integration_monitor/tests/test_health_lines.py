from datetime import timedelta

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import HttpCase, freeze_time, tagged

from .common import PlanCase
from .test_health import HealthCase

NOON = "2026-11-20 12:30:00"


@tagged("post_install", "-at_install")
class TestHealthLines(HealthCase):
    """How tries went, hour by hour and day by day."""

    def spans(self, record, user=None, **context):
        lines = self.of(record, user).with_context(**context).get_health_lines()
        return {span["name"]: span["points"] for span in lines["spans"]}

    def tried(self, points):
        return {point["label"]: (point["tries"], point["failed"]) for point in points if point["tries"]}

    @freeze_time(NOON)
    def test_each_hour_and_day_has_its_tries(self):
        self.tries(good=5, bad=1)
        self.tries(good=1999, bad=1, ago=timedelta(hours=3))
        self.tries(bad=4, ago=timedelta(hours=23))
        self.tries(good=7, ago=timedelta(hours=24))
        self.tries(good=2, ago=timedelta(days=29))
        self.tries(good=9, ago=timedelta(days=30))
        spans = self.spans(self.warehouse, tz="UTC")
        self.assertEqual([len(points) for points in spans.values()], [24, 30])
        counted = [(point["tries"], point["failed"]) for point in spans["hours"] if point["tries"]]
        self.assertEqual(counted, [(4, 4), (2000, 1), (6, 1)])
        self.assertEqual(self.tried(spans["days"]), {"20 Nov": (2006, 2), "19 Nov": (11, 4), "22 Oct": (2, 0)})
        now, earlier, failed = spans["hours"][-1], spans["hours"][-4], spans["hours"][0]
        self.assertEqual([one["label"].split(":")[0] for one in (failed, earlier, now)], ["1", "9", "12"])
        self.assertEqual((now["share"], earlier["share"], failed["share"]), (83.33, 99.95, 0.0))
        self.assertTrue(now["latency"] and now["latency_text"])
        self.assertEqual((failed["latency"], failed["latency_text"]), (None, ""))
        self.assertIsNone(spans["hours"][1]["share"])

    @freeze_time(NOON)
    def test_clocks_are_the_readers(self):
        self.tries(good=3, ago=timedelta(hours=13))
        for zone, day in (("UTC", "19 Nov"), ("Pacific/Auckland", "20 Nov")):
            with self.subTest(zone):
                lines = self.of(self.warehouse).with_context(tz=zone).get_health_lines()
                self.assertEqual(lines["zone"], zone)
                [hours, days] = [span["points"] for span in lines["spans"]]
                self.assertEqual(self.tried(days), {day: (3, 0)})
                self.assertEqual(sum(point["tries"] for point in hours), 3)

    def test_a_system_is_as_its_endpoints_together(self):
        other = self.warehouse.copy({"name": "Second", "url": "https://second.example/x"})
        feed = self.feed.copy({"name": "Second feed", "endpoint_id": other.id})
        self.tries(good=10)
        self.feed, feed = feed, self.feed
        self.tries(good=5, bad=5)
        records = (self.warehouse, other, self.system)
        tallies = [sum(point["tries"] for point in self.spans(record)["hours"]) for record in records]
        self.assertEqual(tallies, [10, 10, 20])

    def test_nothing_was_tried(self):
        for record in (self.warehouse, self.system, self._make_system("quiet")):
            spans = self.spans(record)
            self.assertFalse(self.tried(spans["hours"]) or self.tried(spans["days"]))

    def test_tests_are_left_out(self):
        self.tries(good=10)
        self.env.cr.execute("UPDATE integration_subscription SET for_tests = true WHERE id = %s", (self.feed.id,))
        self.assertFalse(self.tried(self.spans(self.warehouse)["days"]))

    def test_they_are_for_those_who_watch_over_deliveries(self):
        self.tries(good=10)
        for user in (self.operator, self.auditor, self.admin):
            self.assertTrue(self.tried(self.spans(self.warehouse, user)["days"]))
        for record in (self.warehouse, self.system):
            with self.assertRaises(AccessError):
                self.spans(record, self.viewer)

    def test_another_companys_are_not_told(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.operator.write({"company_ids": [Command.link(other.id)]})
        for record in (self.warehouse, self.system):
            with self.assertRaises(AccessError):
                self.spans(record, allowed_company_ids=other.ids)

    def test_a_print_has_a_table_by_day(self):
        reports = self.env["ir.actions.report"].with_user(self.operator)
        names = {
            record: f"integration_monitor.report_health_{record._name.split('.')[-1]}"
            for record in (self.warehouse, self.system)
        }
        for record, name in names.items():
            self.assertNotIn("Day by day", reports._render_qweb_html(name, record.ids)[0].decode())
        self.tries(good=1999, bad=1)
        for record, name in names.items():
            html = reports._render_qweb_html(name, record.ids)[0].decode()
            for words in ("Day by day", "2,000", "99.95", "Printed", self.company.name, self.operator.name):
                self.assertIn(words, html)

    def test_a_print_calls_a_breaker_by_what_it_guards(self):
        names = [f"endpoint:{self.warehouse.id}", "https://warehouse.example:443"]
        for name in names:
            self.env.cr.execute(
                "WITH made AS (INSERT INTO integration_breaker (name, state, wait, probe) VALUES (%s, 'open', 30, 0)"
                " RETURNING id) INSERT INTO integration_breaker_change (breaker_id, at, state, reason)"
                " SELECT id, now(), 'open', 'x' FROM made",
                (name,),
            )
        self.assertEqual(set(self.of(self.warehouse).breaker_change_ids.breaker_id.mapped("name")), set(names))
        html = (
            self.env["ir.actions.report"]
            .with_user(self.operator)
            ._render_qweb_html("integration_monitor.report_health_endpoint", self.warehouse.ids)[0]
            .decode()
        )
        self.assertIn("of this endpoint", html)
        self.assertIn("of all at https://warehouse.example:443", html)
        self.assertNotIn(names[0], html)


@tagged("post_install", "-at_install")
class TestHealthLinesPlans(HealthCase, PlanCase):
    """What lies behind costs nothing."""

    def test_no_history_is_read_from_end_to_end(self):
        self.make_history()
        self.tries(good=10)
        self.env.flush_all()
        with self.noting() as noted:
            self.of(self.warehouse).get_health_lines()
        counts = [statement for statement in noted if "integration_delivery_count" in statement]
        self.assertEqual(len(counts), 2)
        self.check_plans({"lines": counts})


@tagged("post_install", "-at_install")
class TestHealthLinesScreen(HealthCase, HttpCase):
    """The chart on the form, with its table."""

    def setUp(self):
        super().setUp()
        self.env["res.users"].search([]).write({"tour_enabled": False})

    def test_a_chart_and_its_table(self):
        self.tries(good=999, bad=1)
        self.tries(good=50, ago=timedelta(days=2))
        for record in (self.warehouse, self.system):
            with self.subTest(record._name):
                self.start_tour(f"/odoo/{record._name}/{record.id}", "integration_health_lines", login="alert.operator")

    def test_nothing_was_tried(self):
        self.start_tour(
            f"/odoo/integration.endpoint/{self.warehouse.id}", "integration_health_lines_empty", login="alert.operator"
        )

    def test_an_answer_that_fails_can_be_asked_for_again(self):
        self.tries(good=999, bad=1)
        for name in ("integration_health_lines_error", "integration_health_lines_again"):
            self.start_tour(f"/odoo/integration.endpoint/{self.warehouse.id}", name, login="alert.operator")
