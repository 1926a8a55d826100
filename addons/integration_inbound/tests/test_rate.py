"""The bucket in the database follows the rules of the one in the domain, and the gate takes shares of it."""

import random

from odoo.tests import tagged

from .. import bucket, door
from ..domain import rate
from .common import PartnerCase


@tagged("post_install", "-at_install")
class TestRate(PartnerCase):
    def setUp(self):
        super().setUp()
        self.buckets = self.env["integration.rate"]

    def ask(self, want, back=0, per_window=60):
        answer = bucket.ask_on(self.env.cr, self.system.id, rate.Question(per_window, want, back))
        self.env.invalidate_all()
        return answer

    @property
    def row(self):
        return self.buckets.search([("system_id", "=", self.system.id)])

    def let_pass(self, seconds):
        self.env.cr.execute(
            "UPDATE integration_rate SET filled_at = filled_at - make_interval(secs => %s) RETURNING filled_at",
            (seconds,),
        )
        self.env.invalidate_all()
        return self.env.cr.fetchone()[0]

    def test_a_bucket_begins_full_and_gives_what_it_has(self):
        self.assertEqual(self.ask(50), rate.Answer(50, 10))
        answer = self.ask(50)
        self.assertEqual(answer.granted, 10)
        self.assertLess(answer.left, 1)
        self.assertEqual(self.ask(5).granted, 0)

    def test_more_than_a_window_is_never_granted(self):
        self.assertEqual(self.ask(500), rate.Answer(60, 0))

    def test_it_fills_evenly_and_never_over(self):
        self.ask(60)
        self.let_pass(10)
        answer = self.ask(3)
        self.assertEqual(answer.granted, 3)
        self.assertAlmostEqual(answer.left, 7, delta=0.5)
        self.let_pass(1000)
        self.assertEqual(self.ask(1), rate.Answer(1, 59))

    def test_what_is_given_back_is_there_again(self):
        self.ask(60)
        answer = self.ask(10, back=30)
        self.assertEqual(answer.granted, 10)
        self.assertAlmostEqual(answer.left, 20, delta=0.5)

    def test_a_changed_allowance_is_used_up_to_the_same_part(self):
        self.ask(30)
        answer = self.ask(1, per_window=600)
        self.assertAlmostEqual(answer.left, 299, delta=30)

    def test_a_clock_that_goes_back_gives_nothing(self):
        self.ask(60)
        ahead = self.let_pass(-100)
        self.assertEqual(self.ask(1).granted, 0)
        self.assertEqual(self.row.filled_at, ahead)

    def test_it_is_the_bucket_of_the_domain(self):
        rng = random.Random(5)
        model = rate.Bucket(60, 60.0, 0.0)
        now = 0.0
        for _turn in range(40):
            question = rate.Question(rng.choice([60, 60, 60, 90]), rng.randint(1, 30), rng.randint(0, 5))
            gap = rng.choice([0, 0, 0.3, 4, 20])
            if self.row:
                self.let_pass(gap)
            now += gap
            expected = model.answer(question, now)
            answer = self.ask(question.want, question.back, question.per_window)
            # The database's clock goes on by itself, by no more than this test takes.
            self.assertAlmostEqual(answer.left + answer.granted, expected.left + expected.granted, delta=2)
            self.assertLessEqual(abs(answer.granted - expected.granted), 1)
            model.tokens = answer.left

    def test_it_is_not_logged(self):
        self.env.cr.execute("SELECT relpersistence FROM pg_class WHERE relname = 'integration_rate'")
        self.assertEqual(self.env.cr.fetchone()[0], "u")

    def test_a_bucket_goes_with_its_system(self):
        other = self.system.copy({"code": "other", "name": "Other"})
        bucket.ask_on(self.env.cr, other.id, rate.Question(60, 1, 0))
        other.unlink()
        self.assertFalse(self.buckets.search([("system_id", "=", other.id)]))

    def test_the_gate_counts_in_the_bucket(self):
        self.system.rate_per_minute = 100
        answers = [self.deliver(self.event()) for _time in range(3)]
        self.assertEqual([one.headers["RateLimit"].split(";")[1] for one in answers], ["r=99", "r=98", "r=97"])
        self.assertEqual(answers[0].headers["RateLimit-Policy"], '"default";q=100;w=60')
        self.assertAlmostEqual(self.row.tokens, 97, delta=2)

    def test_what_another_process_used_up_is_refused_here(self):
        self.system.rate_per_minute = 1
        self.ask(1, per_window=1)
        response = self.deliver(self.event())
        self.assert_problem(response, 429, "rate-limited")
        self.assertEqual(response.headers["RateLimit"].split(";")[1], "r=0")
        self.assertAlmostEqual(int(response.headers["Retry-After"]), 60, delta=20)
        door.limiter.forget()  # it would wait as long as its sender was told to
        self.let_pass(60)
        self.assertEqual(self.deliver(self.event()).status_code, 202)

    def test_a_changed_setting_counts_at_once(self):
        self.system.rate_per_minute = 1
        self.assertEqual([self.deliver(self.event()).status_code for _time in range(2)], [202, 429])
        self.system.rate_per_minute = 6000
        self.assertEqual(self.deliver(self.event()).status_code, 202)

    def test_many_messages_ask_once(self):
        self.deliver(self.event())
        with self.assertLogs("odoo.sql_db", "DEBUG") as logs:
            for _time in range(5):
                self.deliver(self.event())
        self.assertFalse([line for line in logs.output if "integration_rate" in line])
