import re
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo import fields, sql_db
from odoo.addons.integration_core.engine.claims import LATENCY_SLOTS_MS
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import file_open

from ..domain import families, openmetrics
from ..models import integration_metric_figures
from ..models.integration_metrics_token import OVERLAP
from .common import MonitorCase, PlanCase

LINE = re.compile(r"odoo_integration_(\w+?)(?:\{(.*)\})? (\S+)")


class MetricsCase(MonitorCase):
    def scrape(self):
        """Return {(name, labels by name): value} as Prometheus would read them."""
        text = self.env["integration.metrics"]._scrape(openmetrics.Format.PROMETHEUS).decode()
        found = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                name, labels, value = LINE.fullmatch(line).groups()
                key = (name, frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")))
                self.assertNotIn(key, found)
                found[key] = float(value)
        return found

    def value(self, name, found=None, **labels):
        return (self.scrape() if found is None else found).get((name, frozenset(labels.items())))

    def count_received(self):
        """Count all receipts, as when every transaction that was open has ended."""
        figures = self.env["integration.metric.figures"]
        figures._mark()
        done, mark, _writers = figures._marks()
        figures._add_received(done, mark)

    def look(self):
        self.env.flush_all()
        self.env["integration.metric.figures"]._count_figures()


@tagged("post_install", "-at_install")
class TestMetrics(MetricsCase):
    """What other tools read is what is in the tables."""

    def test_the_bounds_are_those_that_the_engine_counts_in(self):
        self.assertEqual([round(bound * 1000) for bound in families.LATENCY_BOUNDS], list(LATENCY_SLOTS_MS))

    def test_every_family_is_explained_to_operators(self):
        with file_open("integration_monitor/readme/USAGE.md") as file:
            self.assertIn("/integration/metrics", file.read())

    def test_what_was_received_and_what_became_of_it(self):
        code = self.system.code
        self.count_received()
        before = self.scrape()
        event = self.finalize("E-1", self.line(1), self.line(2, service="UNKNOWN", price="80.00"))
        self.receive_again(event)
        self.count_received()
        self.look()
        after = self.scrape()

        def more(name, **labels):
            labels = {"system": code, **labels}
            return (self.value(name, after, **labels) or 0) - (self.value(name, before, **labels) or 0)

        self.assertEqual(more("received_units_total", outcome="accepted"), 2)
        self.assertEqual(more("received_units_total", outcome="duplicate"), 1)
        self.assertEqual(more("parked_lines"), 1)
        totals = self.figures(self.equation())
        for part in families.PARTS:
            name = "lost" if part == "unaccounted" else part
            found = self.value("equation_units", after, system=code, part=part)
            self.assertEqual(found, totals.get(name, (0, Decimal(0), 0))[0], part)
        self.assertEqual(self.value("equation_units", after, system=code, part="received"), 3)
        received = self.value("equation_amount", after, system=code, part="received", currency="USD")
        self.assertEqual(received, float(totals["received"][1]))
        parked = self.value("parked_amount", after, system=code, currency="USD")
        self.assertEqual(parked, float(totals["parked"][1]))

    def test_each_receipt_is_counted_once(self):
        self.finalize("E-1", self.line(1), drain=False)
        self.count_received()
        once = self.value("received_units_total", system=self.system.code, outcome="accepted")
        self.count_received()
        self.assertEqual(self.value("received_units_total", system=self.system.code, outcome="accepted"), once)

    def test_test_messages_are_not_counted(self):
        self.count_received()
        before = self.value("received_units_total", system=self.system.code, outcome="rejected")
        self.env["integration.receipt"]._append(
            self.system,
            [],
            outcome="rejected",
            webhook_id="only-a-test",
            received_at=fields.Datetime.now(),
            mode="test",
        )
        self.count_received()
        after = self.value("received_units_total", system=self.system.code, outcome="rejected")
        self.assertEqual(after, before)

    def test_a_mark_waits_for_the_transactions_that_were_writing_receipts(self):
        figures = self.env["integration.metric.figures"]
        self.count_received()
        self.finalize("E-1", self.line(1), drain=False)
        with closing(sql_db.db_connect(self.env.cr.dbname).cursor()) as other:
            other.execute("LOCK TABLE integration_receipt IN ROW EXCLUSIVE MODE")  # as an INSERT does
            self.env.cr.execute("UPDATE integration_metric_state SET at = NULL WHERE name = 'received'")
            self.assertTrue(figures._received_due())
            self.assertEqual(figures._go_on(), 0)
            done, mark, writers = figures._marks()
            self.assertGreater(mark, done)
            self.assertEqual(len(writers), 1)
            self.assertFalse(figures._received_due(), "it was looked a moment ago")
            figures._go_on()
            self.assertEqual(figures._marks()[0], done)
        self.assertEqual(figures._go_on(), 0)
        self.assertEqual(figures._marks(), (mark, mark, []))
        self.assertFalse(figures._received_due())

    def test_many_receipts_are_counted_in_portions_without_a_pause(self):
        figures = self.env["integration.metric.figures"]
        self.count_received()
        for number in range(3):
            self.finalize(f"E-{number}", self.line(1), drain=False)
        with patch.object(integration_metric_figures, "RECEIPTS_AT_ONCE", 2):
            self.assertEqual(figures._go_on(), 1)
            self.assertTrue(figures._received_due())
            self.assertEqual(figures._go_on(), 0)
        self.assertEqual(figures._marks()[0], figures._marks()[1])

    def test_deliveries_and_their_latency(self):
        self.env.cr.execute("DELETE FROM integration_delivery_count")
        self.env.cr.execute("DELETE FROM integration_delivery_total")
        subscription = self.env["integration.subscription"].search([], limit=1)
        for age, state, outcome, slot, tries, latency in (
            (10, "done", "delivered", 5, 3, 60),
            (0, "done", "delivered", 6, 1, 40),
            (0, "waiting", "retry", 6, 2, 80),
        ):
            self.env.cr.execute(
                """
                INSERT INTO integration_delivery_count
                    (minute, company_id, subscription_id, lane, state, outcome, slot, tries, latency_ms)
                VALUES (now() AT TIME ZONE 'UTC' - make_interval(mins => %s), %s, %s, 0, %s, %s, %s, %s, %s)
                """,
                (age, self.company.id, subscription.id, state, outcome, slot, tries, latency),
            )
        labels = {"subscription": subscription.name, "consumer": subscription.consumer, "lane": "critical"}
        before = self.scrape()
        self.env["integration.delivery.count"]._fold(100)
        after = self.scrape()
        for found in (before, after):
            self.assertEqual(self.value("tries_total", found, **labels, outcome="delivered"), 4)
            self.assertEqual(self.value("tries_total", found, **labels, outcome="retry"), 2)
            self.assertEqual(self.value("delivery_latency_seconds_count", found, **labels), 4)
            self.assertEqual(self.value("delivery_latency_seconds_sum", found, **labels), 0.1)
            self.assertEqual(self.value("delivery_latency_seconds_bucket", found, **labels, le="0.02"), 0)
            self.assertEqual(self.value("delivery_latency_seconds_bucket", found, **labels, le="0.05"), 3)
            self.assertEqual(self.value("delivery_latency_seconds_bucket", found, **labels, le="+Inf"), 4)
        # Retention and folding to hours take nothing from what only rises.
        self.env.cr.execute("DELETE FROM integration_delivery_count")
        self.assertEqual(self.value("tries_total", **labels, outcome="delivered"), 3)

    def test_what_waits_and_what_keeps_it(self):
        self.env.cr.execute("DELETE FROM integration_due")
        self.finalize("E-1", self.line(1), drain=False)
        self.env.cr.execute("SELECT lane, count(*) FROM integration_due GROUP BY 1")
        [(rank, many)] = self.env.cr.fetchall()
        lane = ("critical", "normal", "bulk")[rank]
        self.env.cr.execute("UPDATE integration_due SET due_at = due_at - interval '100 s', attempts = 2")
        found = self.scrape()
        self.assertEqual(self.value("open_deliveries", found, lane=lane), many)
        self.assertEqual(self.value("held_deliveries", found, lane=lane), 0)
        self.assertEqual(self.value("retrying_deliveries", found, lane=lane), many)
        self.assertGreaterEqual(self.value("oldest_due_seconds", found, lane=lane), 100)
        operator = new_test_user(self.env, "holds", groups="integration_core.group_operator")
        self.env["integration.hold"].with_user(operator).sudo().create({"scope": "all", "reason": "x"})
        found = self.scrape()
        self.assertEqual(self.value("held_deliveries", found, lane=lane), many)
        self.assertEqual(self.value("oldest_due_seconds", found, lane=lane), 0)

    def test_silence_and_keys(self):
        self.system.write({"live_from": fields.Datetime.now() - timedelta(hours=2)})
        self.finalize("E-1", self.line(1), drain=False)
        self.env.flush_all()
        code = self.system.code
        self.env.cr.execute(
            "UPDATE integration_event SET received_at = received_at - interval '1 hour' WHERE system_id = %s",
            (self.system.id,),
        )
        self.assertAlmostEqual(self.value("silence_seconds", system=code), 3600, delta=60)
        key = self.env["integration.credential"].search([("system_id", "=", self.system.id)], limit=1)
        if not key:
            key, _text = self.env["integration.credential"]._generate(
                {"system_id": self.system.id}, company=self.company, use="inbound"
            )
        key.sudo()._approving().write({"state": "active", "valid_to": False})
        self.env.flush_all()
        name, labels = "credential_expiry_timestamp_seconds", {"system": code, "endpoint": "", "use": "inbound"}
        self.assertEqual(self.value(name, **labels), float("inf"))
        self.env.cr.execute(
            "UPDATE integration_credential SET valid_to = '2031-01-01' WHERE system_id = %s", (self.system.id,)
        )
        self.assertEqual(self.value(name, **labels), 1924992000)

    def test_breakers_are_named_after_endpoints(self):
        endpoint = self.env["integration.endpoint"].create(
            {"name": "Ledger", "url": "https://ledger.example/in", "system_id": self.system.id}
        )
        breakers = self.env["integration.breaker"]
        found = self.scrape()
        self.assertEqual(self.value("breakers", found, endpoint="Ledger", state="closed"), 2)
        self.assertEqual(self.value("breakers", found, endpoint="Ledger", state="open"), 0)
        breakers.create({"name": f"endpoint:{endpoint.id}", "state": "open", "wait": 30, "probe": 0})
        found = self.scrape()
        self.assertEqual(self.value("breakers", found, endpoint="Ledger", state="closed"), 1)
        self.assertEqual(self.value("breakers", found, endpoint="Ledger", state="open"), 1)

    def test_an_endpoint_that_was_disabled_is_told(self):
        endpoint = self.env["integration.endpoint"].create(
            {"name": "Ledger", "url": "https://ledger.example/in", "system_id": self.system.id}
        )
        endpoint._approving().write({"state": "active", "approval_state": "approved", "approved_mode": "live"})

        def states():
            found = self.scrape()
            return {
                state: self.value("endpoints", found, endpoint="Ledger", state=state)
                for state in ("draft", "active", "paused", "disabled")
            }

        self.assertEqual(states(), {"draft": 0, "active": 1, "paused": 0, "disabled": 0})
        endpoint._disable("gone")
        self.assertEqual(states(), {"draft": 0, "active": 0, "paused": 0, "disabled": 1})

    def test_who_is_suspended_is_silent_too(self):
        self.system.write({"live_from": fields.Datetime.now() - timedelta(hours=2)})
        self.system.action_suspend()
        self.assertAlmostEqual(self.value("silence_seconds", system=self.system.code), 7200, delta=60)
        self.system.action_back_to_test()
        self.assertIsNone(self.value("silence_seconds", system=self.system.code))

    def test_the_figures_are_counted_no_more_often_than_they_may(self):
        figures = self.env["integration.metric.figures"]
        self.look()
        self.assertFalse(figures._figures_due())
        self.env.cr.execute(
            "UPDATE integration_metric_state SET at = at - interval '16 s', took = 0.1 WHERE name = 'figures'"
        )
        self.assertTrue(figures._figures_due())
        self.env.cr.execute("UPDATE integration_metric_state SET took = 1 WHERE name = 'figures'")
        self.assertFalse(figures._figures_due(), "a second each sixteen is more than a hundredth of the time")
        self.env.cr.execute("UPDATE integration_metric_state SET at = at + interval '1 hour'")
        self.assertTrue(figures._figures_due(), "the clock was put back")

    def test_no_label_is_taken_from_a_message(self):
        secret = "ENC-4711-SECRET"
        self.finalize(secret, self.line(1, service=secret))
        self.count_received()
        self.look()
        self.assertNotIn(secret, self.env["integration.metrics"]._scrape(openmetrics.Format.OPENMETRICS).decode())


@tagged("post_install", "-at_install")
class TestMetricsPlans(MetricsCase, PlanCase):
    """A scrape reads no history, however much there is."""

    HISTORY = (
        "integration_event",
        "integration_receipt",
        "integration_delivery",
        "integration_attempt",
        "integration_audit",
    )

    def setUp(self):
        super().setUp()
        # Tables of a few rows are read whole by whatever way: these have a history, as the statistics say.
        self.env.cr.execute(
            """
            INSERT INTO integration_receipt
                   (company_id, system_id, webhook_id, outcome, received_at, received_day, mode)
            SELECT company_id, id, 'old-' || n, 'duplicate', now() - n * interval '1 minute', CURRENT_DATE, 'live'
              FROM generate_series(1, 5000) AS n,
                   (SELECT id, company_id FROM integration_system ORDER BY id LIMIT 3) AS s;
            ANALYZE integration_receipt;
            INSERT INTO integration_delivery_count
                   (minute, company_id, subscription_id, lane, state, outcome, slot, tries, latency_ms, grain)
            SELECT now() - n * interval '1 hour', 1, 1, 1, 'done', 'delivered', 1, 1, 1, 2
              FROM generate_series(100, 20000) AS n;
            ANALYZE integration_delivery_count
            """
        )

    def plans(self):
        """Return (statement, plan) of a scrape's, where PostgreSQL reads no table from end to end if it can help it."""
        with self.noting() as statements:
            self.scrape()
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        found = []
        for statement in statements:
            if statement.lstrip().upper().startswith(("SELECT", "WITH")):
                self.env.cr.execute("EXPLAIN " + statement)
                found.append((statement, "\n".join(row[0] for row in self.env.cr.fetchall())))
        self.env.cr.execute("SET LOCAL enable_seqscan = on")
        self.assertGreater(len(found), 10)
        return found

    def test_no_table_of_history_is_read_from_end_to_end(self):
        for statement, plan in self.plans():
            for table in self.HISTORY:
                with self.subTest(statement=statement[:80], table=table):
                    self.assertNotRegex(plan, rf"Seq Scan on {table}\b")
                    self.assertNotRegex(plan, rf"Index (Only )?Scan using \w+ on {table}\b[^\n]*\n(?! *Index Cond)")

    def test_tries_are_read_from_totals_and_what_is_not_folded(self):
        [plan] = [plan for statement, plan in self.plans() if "integration_delivery_total" in statement]
        self.assertIn("integration_delivery_count_unfolded_idx", plan)

    def test_silence_is_one_look_into_an_index(self):
        [plan] = [
            plan
            for statement, plan in self.plans()
            if "integration_system_event_type_rel" in statement and "live_from" in statement
        ]
        self.assertIn("integration_event_system_idx", plan)
        self.assertIn("integration_receipt_not_accepted_last_idx", plan)


@tagged("post_install", "-at_install")
class TestReaders(HttpCase):
    """Who may read the metrics: those with a token, and what a token is worth."""

    def setUp(self):
        super().setUp()
        self.reader = self.env["integration.metrics.token"].create({"name": "Prometheus"})
        self.token = self.reader.action_issue()["params"]["secret"]

    def ask(self, token=None, method="GET", **headers):
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self.url_open("/integration/metrics", headers=headers, method=method)

    def admitted(self, token):
        return self.ask(token).status_code == 200

    def test_the_metrics_in_either_format(self):
        answer = self.ask(self.token)
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        self.assertIn("odoo_integration_ready ", answer.text)
        answer = self.ask(self.token, Accept="application/openmetrics-text")
        self.assertEqual(answer.headers["Content-Type"], "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(answer.text.endswith("# EOF\n"))
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertNotIn("Set-Cookie", answer.headers)

    def test_everybody_else_learns_nothing(self):
        answers = [
            self.ask(),
            self.ask("oim_" + "x" * 43),
            self.ask("x"),
            self.ask(""),
            self.url_open("/integration/metrics", headers={"Authorization": f"Basic {self.token}"}),
            self.url_open(f"/integration/metrics?token={self.token}"),
        ]
        for answer in answers:
            self.assertEqual((answer.status_code, answer.text), (401, ""))
            self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")

    def test_an_unknown_token_costs_no_look_at_content(self):
        seen = []
        metrics = type(self.env["integration.metrics"])
        with patch.object(metrics, "_scrape", lambda *_args: seen.append(1) or b""):
            self.ask("oim_" + "x" * 43)
            self.assertFalse(seen)
            self.ask(self.token)
            self.assertTrue(seen)

    def test_other_methods_are_refused(self):
        self.assertEqual(self.ask(self.token, method="POST").status_code, 405)
        self.assertEqual(
            (self.ask(self.token, method="HEAD").status_code, self.ask(self.token, method="HEAD").text), (200, "")
        )

    def test_the_old_token_goes_on_for_a_day_after_a_rotation(self):
        new = self.reader.action_rotate()["params"]["secret"]
        self.assertEqual((self.admitted(self.token), self.admitted(new)), (True, True))
        self.assertAlmostEqual(self.reader.previous_until, fields.Datetime.now() + OVERLAP, delta=timedelta(minutes=1))
        self.reader.sudo().previous_until = fields.Datetime.now() - timedelta(seconds=1)
        self.env.flush_all()
        self.assertEqual((self.admitted(self.token), self.admitted(new)), (False, True))

    def test_a_revoked_reader_is_turned_away_at_once_and_may_begin_anew(self):
        new = self.reader.action_rotate()["params"]["secret"]
        self.reader.action_revoke()
        self.env.flush_all()
        self.assertEqual((self.admitted(self.token), self.admitted(new)), (False, False))
        self.assertEqual(self.reader.state, "revoked")
        newest = self.reader.action_issue()["params"]["secret"]
        self.assertEqual((self.admitted(new), self.admitted(newest)), (False, True))

    def test_the_token_is_kept_nowhere_and_every_deed_is_told(self):
        self.reader.action_rotate()
        self.reader.action_revoke()
        self.env.flush_all()
        self.env.cr.execute("SELECT to_jsonb(t)::text FROM integration_metrics_token t")
        self.assertNotIn(self.token[4:], "".join(row[0] for row in self.env.cr.fetchall()))
        rows = self.env["integration.audit"].search(
            [("res_model", "=", self.reader._name), ("res_id", "=", self.reader.id)], order="id"
        )
        words = ["create", "issue", "rotate", "revoke"]
        self.assertEqual(rows.mapped("action"), [f"metrics_token.{word}" for word in words])
        self.assertNotIn(self.token[4:], "".join(f"{row.detail}{row.reason}" for row in rows))

    def test_readers_are_admitted_by_administrators_of_every_company(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        somebody = new_test_user(self.env, "metrics.operator", groups="integration_core.group_operator")
        here = new_test_user(self.env, "metrics.admin.here", groups="integration_core.group_admin")
        everywhere = new_test_user(self.env, "metrics.admin", groups="integration_core.group_admin")
        everywhere.company_ids = self.env["res.company"].search([])
        self.assertNotIn(other, here.company_ids)
        for user in (somebody, here):
            with self.assertRaises(AccessError):
                self.reader.with_user(user).action_rotate()
            with self.assertRaises(AccessError):
                self.reader.with_user(user).action_revoke()
        self.assertTrue(self.reader.with_user(everywhere).action_rotate())
        with self.assertRaises(AccessError):
            self.reader.with_user(everywhere).read(["digest"])

    def test_a_copy_is_read_by_nobody(self):
        self.env.flush_all()
        with file_open("integration_monitor/data/neutralize.sql") as file:
            self.env.cr.execute(file.read())
        self.env.invalidate_all()
        self.assertFalse(self.admitted(self.token))
        self.assertEqual(self.reader.state, "revoked")
