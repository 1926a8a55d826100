from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_core.engine import claims
from odoo.addons.integration_core.engine.claims import Result
from odoo.addons.integration_core.engine.plan import ALL_LANES, Plan
from odoo.tests import new_test_user, tagged

from .. import breakers as breakers_module
from ..breakers import Book, book_of
from ..domain import breaker
from ..domain.breaker import Count, Sample
from ..models import integration_consumer_endpoint as consumer_module
from ..models.integration_breaker import endpoint_key, origin_key
from ..transport import Sent
from .common import OutboundCase
from .receiver import Answer, Receiver


@tagged("post_install", "-at_install")
class TestBreaker(OutboundCase):
    def setUp(self):
        super().setUp()
        book_of(self.env.cr.dbname).__init__()
        self.breakers = self.env["integration.breaker"]

    def fail(self, times, answer=None):
        self.receiver.answers = [answer or Answer(503)]
        events = [self.emit() for _ in range(times)]
        self.drain()
        return events

    def breaker(self, name=None):
        return self.breakers.search([("name", "=", name or endpoint_key(self.endpoint.id))])

    def probe_is_due(self):
        self.env.cr.execute("UPDATE integration_breaker SET due_at = now() AT TIME ZONE 'UTC' - interval '1 second'")
        self.make_due()

    def told(self):
        return self.env["mail.message"].search(
            [
                ("model", "=", self.endpoint._name),
                ("res_id", "=", self.endpoint.id),
                ("message_type", "=", "user_notification"),
                ("subject", "=", f"{self.endpoint.name} receives again"),
            ]
        )

    def test_ten_failures_open_it_and_what_follows_waits_without_an_attempt(self):
        self.fail(10)
        self.assertEqual(self.breaker().state, "open")
        self.assertTrue(self.endpoint.breaker_open)
        later = self.emit()
        sent = len(self.receiver.requests)
        self.drain()
        self.assertEqual(len(self.receiver.requests), sent)
        self.assertEqual((later.delivery_ids.state, later.delivery_ids.attempts), ("waiting", 0))
        self.assertEqual(later.delivery_ids.hold_code, "breaker_open")

    def test_nine_failures_do_not_open_it(self):
        self.fail(9)
        self.assertFalse(self.breaker())

    def test_refused_messages_do_not_open_it(self):
        self.fail(12, Answer(422))
        self.assertFalse(self.breaker())

    def test_one_probe_goes_out_and_a_failure_doubles_the_wait(self):
        self.fail(12)
        sent = len(self.receiver.requests)
        self.probe_is_due()
        self.drain()
        self.assertEqual(len(self.receiver.requests), sent + 1)
        self.assertEqual((self.breaker().state, self.breaker().wait), ("open", 60.0))

    def test_an_answered_probe_closes_it_and_everything_follows(self):
        events = self.fail(12)
        self.receiver.answers = [Answer(200)]
        self.probe_is_due()
        self.drain()
        self.assertEqual(self.breaker().state, "closed")
        self.assertEqual({event.delivery_ids.state for event in events}, {"done"})
        self.assertEqual(self.breaker().change_ids.mapped("state"), ["closed", "half_open", "open"])

    def test_the_owner_is_told_once_when_it_begins_and_once_when_it_ends(self):
        self.fail(15)
        self.assertEqual(len(self.endpoint.activity_ids), 1)
        self.assertEqual(self.endpoint.activity_ids.user_id, self.endpoint.owner_id)
        for _turn in range(2):
            self.probe_is_due()
            self.drain()
        self.assertEqual(len(self.endpoint.activity_ids), 1)
        self.assertFalse(self.told())
        self.receiver.answers = [Answer(200)]
        self.probe_is_due()
        self.drain()
        self.assertFalse(self.endpoint.activity_ids)
        self.assertEqual(len(self.told()), 1)
        self.assertFalse(self.endpoint.trouble)

    def test_an_origin_that_cannot_be_reached_stops_all_its_endpoints(self):
        self.receiver.close()
        self.fail(10)
        name = origin_key(self.endpoint.url)
        self.assertEqual(self.breaker(name).state, "open")
        neighbour = self._make_endpoint("neighbour", self.endpoint.url + "/other")
        self.approve(neighbour)
        self._make_key(neighbour)
        self.endpoint.action_pause()
        self._subscribe(neighbour, "finance.invoice.cancelled.v1")
        event = self.emit("finance.invoice.cancelled.v1")
        self.drain()
        delivery = event.delivery_ids.filtered(lambda d: d.endpoint_id == neighbour)
        self.assertEqual((delivery.state, delivery.attempts, delivery.hold_code), ("waiting", 0, "origin_unreachable"))

    def test_answers_of_a_bad_path_do_not_stop_its_neighbours(self):
        self.fail(12)
        self.assertFalse(self.breaker(origin_key(self.endpoint.url)))

    def test_another_process_sees_it_at_once(self):
        self.fail(10)
        lines = self.env["integration.delivery"]._plan_consumer("endpoint", "another")
        self.assertNotIn(self.endpoint.id, Plan(lines=lines).caps())

    def take(self, limit=9):
        """Claim what the endpoint has, as the engine does; return it."""
        lines = [one for one in self.plan() if one.channel == self.endpoint.id]
        places = Plan(lines=lines).places(ALL_LANES, {self.endpoint.id: limit})
        return claims.claim(self.env.cr, places=places, owner="a test", limit=limit)

    def plan(self):
        return self.env["integration.delivery"]._plan_consumer("endpoint", "a test")

    def prepare(self, claimed):
        """Return (what is sent, what goes back)."""
        jobs = self.env["integration.consumer.endpoint"]._prepare(claimed)
        return [one for one, job in jobs if callable(job)], [one for one, job in jobs if job is None]

    def test_one_delivery_is_the_probe_and_the_rest_goes_back(self):
        self.fail(12)
        self.probe_is_due()
        self.assertEqual([line.probing for line in self.plan() if line.channel == self.endpoint.id], [True])
        sent, back = self.prepare(self.take())
        self.assertEqual((len(sent), len(back) > 5), (1, True))
        self.assertEqual(self.breaker().state, "half_open")
        # Another process, or this one again: nothing leaves while it is out.
        self.assertEqual(self.prepare(back[:3]), ([], back[:3]))

    def test_the_line_of_a_probe_that_is_out_stays_in_the_plan_so_that_its_answer_is_heard(self):
        """Plans are read anew while a slow receiver thinks: its answer closes the breaker nevertheless."""
        self.fail(12)
        self.probe_is_due()
        [one], back = self.prepare(self.take())
        self.assertEqual([line.probing for line in self.plan() if line.channel == self.endpoint.id], [True])
        consumer = self.env["integration.consumer.endpoint"]
        sent = Sent(self.endpoint.id, False, origin_key(self.endpoint.url), Count.SUCCESS, Count.SUCCESS)
        answered = Result(one, "done", "delivered", self.env.cr.now(), extra=sent)
        self.assertEqual(consumer._calls_for_reaction(self.env.cr.dbname, [answered], set()), "now")
        consumer._after([answered])
        self.assertEqual(self.breaker().state, "closed")
        self.assertEqual(self.prepare(back)[1], back, "until the plan is read again")
        self.plan()
        self.assertEqual(self.prepare(back)[1], [])

    def test_no_probe_goes_out_where_nothing_can_be_sent(self):
        """The work of a lane that this process does not serve, or that is held back, is no reason to probe."""
        self.fail(12)
        self.probe_is_due()
        self.plan()
        self.assertEqual(self.breaker().state, "open")

    def test_a_probe_that_is_given_back_is_soon_followed_by_another(self):
        self.fail(12)
        self.probe_is_due()
        [one], _back = self.prepare(self.take())
        self.env["integration.consumer.endpoint"]._given_back([one.id])
        self.assertEqual(self.breaker().state, "open")
        left = (self.breaker().due_at - fields.Datetime.now()).total_seconds()
        self.assertLessEqual(left, 6)
        self.env.cr.postcommit.run()
        self.assertFalse(book_of(self.env.cr.dbname).probes)

    def answered(self, one):
        """Return the result of a try that was answered."""
        sent = Sent(self.endpoint.id, False, origin_key(self.endpoint.url), Count.SUCCESS, Count.SUCCESS)
        return Result(one, "done", "delivered", self.env.cr.now(), extra=sent)

    def react(self, *results, fails=False):
        """React to results in what would be a transaction, whose commit ``fails``."""
        consumer, cr = self.env["integration.consumer.endpoint"], self.env.cr
        no_test = patch.object(consumer_module, "is_in_test", return_value=False)
        with no_test, cr.savepoint() as transaction:
            consumer._calls_for_reaction(cr.dbname, results, set())
            consumer._after(results)
            if fails:
                cr.postcommit.clear()
                cr.prerollback.run()
                transaction.rollback()
        cr.prerollback.clear()
        cr.postcommit.run()
        self.env.invalidate_all()

    def test_an_answered_probe_closes_it_even_if_nobody_can_be_told(self):
        self.fail(12)
        self.probe_is_due()
        [one], [other, *_rest] = self.prepare(self.take())
        broken = patch.object(self.registry["integration.endpoint"], "_end_trouble", side_effect=ValueError)
        with broken, self.assertLogs(consumer_module._logger, "ERROR"):
            self.react(self.answered(one))
        self.assertEqual(self.breaker().state, "closed")
        self.assertTrue(self.endpoint.trouble)
        self.react(self.answered(other))
        self.assertFalse(self.endpoint.trouble)

    def test_what_became_of_a_probe_is_remembered_until_it_is_committed(self):
        self.fail(12)
        self.probe_is_due()
        [one], [other, *_rest] = self.prepare(self.take())
        self.react(self.answered(one), fails=True)
        self.assertEqual(self.breaker().state, "half_open")
        given_back = Result(other, "waiting", "retry", self.env.cr.now(), spent=False)
        consumer = self.env["integration.consumer.endpoint"]
        self.assertEqual(consumer._calls_for_reaction(self.env.cr.dbname, [given_back], set()), "now")
        self.react(given_back)
        self.assertEqual(self.breaker().state, "closed")
        self.assertFalse(book_of(self.env.cr.dbname).probes)

    def test_what_was_seen_is_remembered_until_it_is_committed(self):
        self.emit()
        [one] = self.take()
        name = endpoint_key(self.endpoint.id)
        sent = Sent(self.endpoint.id, False, origin_key(self.endpoint.url), Count.FAILURE, Count.NOTHING)
        failed = Result(one, "waiting", "retry", self.env.cr.now(), status_code=503, extra=sent)
        self.react(failed, fails=True)
        self.assertNotIn(name, self.samples())
        self.react(failed)
        self.assertEqual(self.samples()[name], [0, 2])
        self.react(failed)
        self.assertEqual(self.samples()[name], [0, 3])

    def test_what_a_transaction_is_storing_no_other_stores(self):
        """Two cron threads of one process react at once: a failure counts once, whichever of them is undone."""
        book, name = Book(), endpoint_key(self.endpoint.id)
        book.count(name, Count.FAILURE, now=1000)
        first = book.take({name})
        self.assertEqual(first, {name: [Sample(1000.0, failures=1, trailing_failures=1)]})
        book.count(name, Count.SUCCESS, now=1000)
        second = book.take({name})
        self.assertEqual(second, {name: [Sample(1000.0, successes=1)]})
        book.give_back(first)
        book.count(name, Count.FAILURE, times=2, now=1000)
        again = book.take(())  # by whoever comes next
        self.assertEqual(again, {name: [Sample(1000.0, failures=3, trailing_failures=3)]})
        self.assertFalse(book.take({name}))

    def test_a_late_answer_of_before_is_not_taken_for_the_probes(self):
        self.fail(12)
        self.probe_is_due()
        [_one], [other, *_rest] = self.prepare(self.take())
        sent = Sent(self.endpoint.id, False, origin_key(self.endpoint.url), Count.FAILURE, Count.SUCCESS)
        late = Result(other, "waiting", "retry", self.env.cr.now(), status_code=503, extra=sent)
        self.env["integration.consumer.endpoint"]._after([late])
        self.assertEqual((self.breaker().state, self.breaker().wait), ("half_open", 30.0))

    def samples(self):
        self.env.cr.execute("SELECT name, sum(successes), sum(failures) FROM integration_breaker_sample GROUP BY 1")
        return {name: counts for name, *counts in self.env.cr.fetchall()}

    def test_a_healthy_endpoint_writes_nothing_whatever_fails_beside_it(self):
        other = Receiver()
        self.addCleanup(other.close)
        self.allow("127.0.0.1", other.port)
        healthy = self._make_endpoint("healthy", other.url)
        self.approve(healthy)
        self.fail(1)
        for _turn in range(3):
            self.emit()
            self.receiver.answers = [Answer(200)]
            self.drain()
        names = self.samples()
        self.assertIn(endpoint_key(self.endpoint.id), names)
        self.assertNotIn(endpoint_key(healthy.id), names)
        self.assertFalse([line for line in self.plan() if line.channel == healthy.id and line.watched])

    def test_samples_are_of_the_databases_clock(self):
        book = book_of(self.env.cr.dbname)
        with patch.object(breakers_module.time, "time", lambda: 1_000.0):
            self.env["integration.delivery"]._plan_consumer("endpoint", "a test")
        self.assertGreater(book.clock_offset, 1_000_000)
        with patch.object(breakers_module.time, "time", lambda: 1_000.0):
            book.count("endpoint:1", Count.FAILURE)
        [sample] = book.take(["endpoint:1"])["endpoint:1"]
        self.assertLess(abs(sample.at - self.breakers._now()), 5)

    def test_every_sample_of_the_window_is_looked_at(self):
        """Ten processes write ten rows a second: the ratio is that of five minutes nevertheless."""
        name = endpoint_key(self.endpoint.id)
        self.env.cr.execute(
            """
            INSERT INTO integration_breaker_sample (name, at, successes, failures, trailing_failures)
            SELECT %s, clock_timestamp() AT TIME ZONE 'UTC' - s * interval '1 second',
                   (s > 60)::int, (s <= 60)::int, (s <= 60)::int
              FROM generate_series(1, 280) AS s, generate_series(1, 10)
             UNION ALL SELECT %s, clock_timestamp() AT TIME ZONE 'UTC' - interval '1 second', 1, 0, 0
            """,
            (name, name),
        )
        decision = breaker.evaluate(self.breakers._samples(name), self.breakers._now())
        self.assertEqual((decision.tries, decision.failures, decision.opens), (2801, 600, False))

    def test_a_neighbours_trouble_ends_with_the_origin_that_both_share(self):
        self.receiver.close()
        self.fail(10)
        neighbour = self._make_endpoint("neighbour", self.endpoint.url + "/other")
        self.approve(neighbour)
        neighbour._begin_trouble("origin")
        name = origin_key(self.endpoint.url)
        self.env.cr.execute(
            "UPDATE integration_breaker SET due_at = now() AT TIME ZONE 'UTC' - interval '1 second' WHERE name = %s",
            (name,),
        )
        self.env.cr.execute("DELETE FROM integration_breaker WHERE name <> %s", (name,))
        self.make_due()
        [one], _back = self.prepare(self.take())
        sent = Sent(self.endpoint.id, False, name, Count.SUCCESS, Count.SUCCESS)
        answered = Result(one, "done", "delivered", self.env.cr.now(), extra=sent)
        self.env["integration.consumer.endpoint"]._after([answered])
        self.env.invalidate_all()
        self.assertFalse(neighbour.trouble)

    def test_an_operator_may_ask_for_a_probe(self):
        self.fail(10)
        self.receiver.answers = [Answer(200)]
        self.make_due()
        self.endpoint.with_user(new_test_user(self.env, "op", groups="integration_core.group_operator")).action_probe()
        self.drain()
        self.assertEqual(self.breaker().state, "closed")
