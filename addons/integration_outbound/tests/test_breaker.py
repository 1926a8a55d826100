from odoo.addons.integration_core.engine.plan import Plan
from odoo.tests import new_test_user, tagged

from ..breakers import book_of
from ..models.integration_breaker import endpoint_key, origin_key
from .common import OutboundCase
from .receiver import Answer


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

    def test_of_two_processes_one_gets_the_probe(self):
        self.fail(10)
        self.probe_is_due()
        lines = [self.env["integration.delivery"]._plan_consumer("endpoint", name) for name in ("one", "two")]
        probing = [[line for line in of_one if line.channel == self.endpoint.id] for of_one in lines]
        self.assertEqual([len(found) for found in probing], [1, 0])
        self.assertTrue(probing[0][0].probing)

    def test_an_operator_may_ask_for_a_probe(self):
        self.fail(10)
        self.receiver.answers = [Answer(200)]
        self.make_due()
        self.endpoint.with_user(new_test_user(self.env, "op", groups="integration_core.group_operator")).action_probe()
        self.drain()
        self.assertEqual(self.breaker().state, "closed")
