from datetime import timedelta

from odoo import fields
from odoo.tests import tagged
from odoo.tools import SQL

from .common import IntegrationCase

NOW = fields.Datetime.now


@tagged("post_install", "-at_install")
class TestDeliveryCount(IntegrationCase):
    """Counts of tries: folding changes no figure, only how many rows there are."""

    def setUp(self):
        super().setUp()
        self.env.cr.execute("DELETE FROM integration_delivery_count")
        self.counts = self.env["integration.delivery.count"]

    def append(self, age, *, outcome="delivered", slot=4, tries=1, company=None, subscription=7):
        """Append a row as a completion does, ``age`` (timedelta) ago."""
        self.env.cr.execute(
            """
            INSERT INTO integration_delivery_count
                (minute, company_id, subscription_id, lane, state, outcome, slot, tries, latency_ms)
            VALUES (date_trunc('minute', %s), %s, %s, 1, %s, %s, %s, %s, %s)
            """,
            (
                NOW() - age,
                (company or self.company).id,
                subscription,
                "done" if outcome == "delivered" else "waiting",
                outcome,
                slot,
                tries,
                15 * tries,
            ),
        )

    def rows(self):
        self.env.cr.execute(
            "SELECT grain, outcome, slot, tries, latency_ms FROM integration_delivery_count ORDER BY 1, 2, 3, 4"
        )
        return self.env.cr.fetchall()

    def figures(self, days=30, **values):
        return self.counts._figures(self.company, NOW() - timedelta(days=days), **values)

    def test_rows_of_a_past_minute_become_one_per_key(self):
        for _turn in range(3):
            self.append(timedelta(minutes=10))
        self.append(timedelta(minutes=10), outcome="retry")
        self.append(timedelta(0))
        before = self.figures()
        self.assertEqual(self.counts._fold(100), 0)
        self.assertEqual(self.rows(), [(0, "delivered", 4, 1, 15), (1, "delivered", 4, 3, 45), (1, "retry", 4, 1, 15)])
        self.assertEqual(self.figures(), before)
        self.assertEqual(self.counts._fold(100), 0)
        self.assertEqual(len(self.rows()), 3)

    def test_a_late_row_is_folded_into_its_minute(self):
        self.append(timedelta(minutes=10))
        self.counts._fold(100)
        self.append(timedelta(minutes=10), tries=4)
        self.counts._fold(100)
        self.assertEqual(self.rows(), [(1, "delivered", 4, 5, 75)])

    def test_after_three_days_an_hour_is_one_row_per_key(self):
        start = (NOW() - timedelta(days=4)).replace(minute=0, second=0, microsecond=0)
        for minute in (1, 2, 59, 61):
            self.append(NOW() - (start + timedelta(minutes=minute)))
        before = self.figures()
        self.counts._fold(100)
        self.assertEqual(self.rows(), [(2, "delivered", 4, 1, 15), (2, "delivered", 4, 3, 45)])
        self.assertEqual(self.figures(), before)

    def test_batches_are_small_and_say_that_more_is_left(self):
        for minute in range(10, 14):
            self.append(timedelta(minutes=minute))
        self.assertEqual([self.counts._fold(2) for _turn in range(2)], [1, 0])
        self.assertEqual([row[0] for row in self.rows()], [1] * 4)

    def test_the_engine_folds(self):
        self.append(timedelta(minutes=10))
        self.append(timedelta(minutes=10))
        self.drain()
        self.assertEqual(self.rows(), [(1, "delivered", 4, 2, 30)])

    def totals(self):
        self.env.cr.execute(
            SQL(
                "SELECT outcome, slot, sum(tries)::int, sum(latency_ms)::int FROM (%s) t GROUP BY 1, 2 ORDER BY 1, 2",
                self.counts._totals_sql(),
            )
        )
        return self.env.cr.fetchall()

    def test_totals_are_the_same_however_often_and_late_rows_are_folded(self):
        self.env.cr.execute("DELETE FROM integration_delivery_total")
        for age in (timedelta(0), timedelta(minutes=10), timedelta(days=4)):
            self.append(age, tries=2)
            self.append(age, outcome="retry", slot=9)
        told = [("delivered", 4, 6, 90), ("retry", 9, 3, 45)]
        self.assertEqual(self.totals(), told)
        for _turn in range(2):
            self.counts._fold(100)
            self.assertEqual(self.totals(), told)
        self.append(timedelta(days=4), tries=3)  # late, into an hour that is folded
        self.counts._fold(100)
        self.assertEqual(self.totals()[0], ("delivered", 4, 9, 135))
        self.env.cr.execute("DELETE FROM integration_delivery_count WHERE grain > 0")
        self.assertEqual(self.totals()[0], ("delivered", 4, 9, 135))

    def test_figures_of_a_span_a_company_and_a_subscription(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.append(timedelta(minutes=5), tries=95)
        self.append(timedelta(minutes=5), outcome="retry", tries=5)
        self.append(timedelta(minutes=5), tries=50, company=other)
        self.append(timedelta(hours=5), tries=10, subscription=8)
        recent = self.counts._figures(self.company, NOW() - timedelta(hours=1))
        self.assertEqual((dict(recent.tries), recent.success_share), ({"delivered": 95, "retry": 5}, 0.95))
        self.assertEqual((recent.delivered, recent.p50, recent.p95), (95, 15.0, 19.5))
        self.assertEqual(self.figures().delivered, 105)
        self.assertEqual(self.figures(until=NOW() - timedelta(hours=1)).delivered, 10)
        eight = self.env["integration.subscription"].browse(8)
        self.assertEqual(self.figures(subscription=eight).delivered, 10)
        self.assertEqual(self.counts._figures(self.company | other, NOW() - timedelta(hours=1)).delivered, 145)
        self.assertIsNone(self.counts._figures(self.company, NOW() + timedelta(hours=1)).p95)
