"""What follows from a receiver's answer: the table of the wire contract."""

import socket
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from .common import OutboundCase
from .receiver import Answer


@tagged("post_install", "-at_install")
class TestOutcomes(OutboundCase):
    def setUp(self):
        super().setUp()
        self.results = []
        consumer = self.registry["integration.consumer.endpoint"]
        after = consumer._after

        def recorded(model, results):
            self.results += results
            return after(model, results)

        self.patch(consumer, "_after", recorded)

    def assert_wait(self, low, high):
        """The last event's result asked for a next try within these seconds."""
        last = max(self.results, key=lambda result: result.claimed.event_id)
        self.assertTrue(low <= last.delay <= high, last.delay)

    def assert_outcome(self, answer, state, outcome, code):
        self.receiver.answers = [answer]
        delivery = self.send()
        attempt = delivery.attempt_ids
        self.assertEqual((delivery.state, attempt.outcome, delivery.error_code or None), (state, outcome, code))
        self.assertEqual(attempt.status_code, answer.status)
        return delivery

    def test_2xx_is_delivered(self):
        for status in (200, 201, 202, 204):
            with self.subTest(status=status):
                delivery = self.assert_outcome(Answer(status), "done", "delivered", None)
                self.assertTrue(delivery.done_at)

    def test_temporary_failures_are_retried_on_the_schedule(self):
        for status in (408, 425, 429, 500, 502, 503, 504):
            with self.subTest(status=status):
                delivery = self.assert_outcome(Answer(status), "waiting", "retry", f"http_{status}")
                self.assert_wait(60, 66)
                self.assertGreater(delivery.due_at, delivery.attempt_ids.started_at + timedelta(seconds=60))

    def test_a_message_that_the_receiver_refuses_is_a_dead_letter_alone(self):
        for status in (400, 402, 409, 413, 418, 422, 451):
            with self.subTest(status=status):
                self.assert_outcome(Answer(status), "dead", "rejected", f"http_{status}")
        self.assertEqual(self.endpoint.state, "active")

    def test_configuration_failures_are_dead_letters(self):
        for status in (401, 403, 404, 405):
            with self.subTest(status=status):
                self.endpoint._approving().write({"configuration_streak": 0})
                self.assert_outcome(Answer(status), "dead", "configuration", f"http_{status}")

    def test_redirects_are_never_followed(self):
        for status in (301, 302, 303, 307, 308):
            with self.subTest(status=status):
                self.endpoint._approving().write({"configuration_streak": 0})
                before = len(self.receiver.requests)
                answer = Answer(status, {"Location": f"http://127.0.0.1:{self.receiver.port}/other"})
                self.assert_outcome(answer, "dead", "configuration", f"http_{status}")
                self.assertEqual(len(self.receiver.requests) - before, 1)

    def test_a_hanging_receiver_is_given_up_after_the_deadline_and_retried(self):
        self.endpoint.timeout = 1
        self.receiver.answers = [Answer(hang=True)]
        delivery = self.send()
        self.assertEqual((delivery.state, delivery.error_code), ("waiting", "timeout"))
        self.assertEqual(delivery.attempt_ids.outcome, "retry")
        self.assertLess(delivery.attempt_ids.duration_ms, 10_000)

    def test_a_refused_connection_is_retried(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        self.allow("127.0.0.1", port)
        self.endpoint.url = f"http://127.0.0.1:{port}/hook"
        self.approve(self.endpoint)
        delivery = self.send()
        self.assertEqual((delivery.state, delivery.error_code), ("waiting", "connection_refused"))

    def test_retry_after_is_honoured_but_never_beyond_the_schedule(self):
        for hint, low, high in (
            ("120", 120, 132),
            ("5", 60, 66),
            ("999999", 660, 726),
            ("soon", 60, 66),
            ("-5", 60, 66),
        ):
            with self.subTest(hint=hint):
                self.assert_outcome(Answer(503, {"Retry-After": hint}), "waiting", "retry", "http_503")
                self.assert_wait(low, high)

    def test_retry_after_as_a_date_is_honoured(self):
        moment = fields.Datetime.now() + timedelta(seconds=300)
        answer = Answer(429, {"Retry-After": moment.strftime("%a, %d %b %Y %H:%M:%S GMT")})
        self.assert_outcome(answer, "waiting", "retry", "http_429")
        self.assert_wait(200, 330)

    def test_the_schedule_ends_in_a_dead_letter_that_is_announced(self):
        self.receiver.answers = [Answer(500)]
        delivery = self.send(times=3)
        self.assertEqual((delivery.state, delivery.attempts), ("dead", 3))
        self.assertEqual(delivery.attempt_ids.mapped("number"), [1, 2, 3])
        self.commit()
        [told] = self.events_of("integration.delivery.dead_lettered.v1")
        self.assertEqual((told.causation_id, told.correlation_id), (delivery.event_id.uuid, delivery.correlation_id))

    def test_410_disables_the_endpoint_and_holds_everything(self):
        self.receiver.answers = [Answer(410)]
        first = self.send()
        self.assertEqual((first.state, first.attempts, first.attempt_ids.outcome), ("waiting", 1, "gone"))
        self.assertEqual((self.endpoint.state, self.endpoint.disabled_reason), ("disabled", "gone"))
        later = self.send()
        self.assertEqual((later.state, later.attempts), ("waiting", 0))
        self.assertEqual(len(self.receiver.requests), 1)
        self.assertEqual(len(self.alerts()), 1)
        self.receiver.answers = [Answer(200)]
        self.endpoint.action_resume()
        self.drain()
        self.assertEqual((first.state, later.state), ("done", "done"))
        self.assertFalse(self.alerts())

    def alerts(self):
        return self.endpoint.activity_ids.filtered(lambda a: a.user_id == self.endpoint.owner_id)

    def test_the_third_configuration_failure_in_a_row_holds_the_endpoint_and_alerts_once(self):
        self.receiver.answers = [Answer(401)]
        dead = [self.send() for _turn in range(2)]
        self.assertEqual(self.endpoint.state, "active")
        self.assertFalse(self.alerts())
        dead.append(self.send())
        self.assertEqual([delivery.state for delivery in dead], ["dead"] * 3)
        self.assertEqual((self.endpoint.state, self.endpoint.disabled_reason), ("disabled", "configuration"))
        later = self.send()
        self.assertEqual((later.state, later.attempts, len(self.receiver.requests)), ("waiting", 0, 3))
        self.assertEqual(len(self.alerts()), 1)

    def test_a_success_between_them_starts_the_count_again(self):
        self.receiver.answers = [Answer(404), Answer(404), Answer(200), Answer(404), Answer(404), Answer(200)]
        for _turn in range(6):
            self.send()
        self.assertEqual(self.endpoint.state, "active")
        self.assertFalse(self.alerts())

    def test_three_in_one_batch_hold_the_endpoint_too(self):
        self.receiver.answers = [Answer(403)]
        for _turn in range(3):
            self.emit()
        self.drain()
        self.assertEqual(self.endpoint.state, "disabled")
        self.assertEqual(len(self.alerts()), 1)

    def test_disabling_and_recovering_are_told_with_their_cause(self):
        self.receiver.answers = [Answer(410)]
        delivery = self.send()
        self.commit()
        [told] = self.events_of("integration.endpoint.disabled.v1")
        self.assertEqual((told.causation_id, told.subject), (delivery.event_id.uuid, f"endpoint/{self.endpoint.id}"))
        self.endpoint.action_resume()
        self.commit()
        self.assertEqual(len(self.events_of("integration.endpoint.recovered.v1")), 1)

    def test_deliveries_of_the_suites_own_events_cause_no_further_ones(self):
        self._subscribe(self.endpoint, "integration.delivery.dead_lettered.v1", "integration.endpoint.disabled.v1")
        self.receiver.answers = [Answer(400), Answer(401), Answer(401), Answer(401)]
        self.send()  # refused: its dead letter is told to the same endpoint, which refuses that too
        self.commit()
        self.drain()
        self.commit()
        self.assertEqual(len(self.events_of("integration.delivery.dead_lettered.v1")), 1)

    def test_an_answer_is_kept_up_to_16_kib_and_shown_to_operators_only(self):
        self.receiver.answers = [Answer(500, body="é".encode() * 40_000)]
        attempt = self.send().attempt_ids
        self.assertTrue(attempt.excerpt.startswith("éé"))
        self.assertLessEqual(len(attempt.excerpt.encode()), 16 * 1024)
        self.assertEqual(attempt._fields["excerpt"].groups, "integration_core.group_operator")

    def test_the_receivers_text_never_reaches_the_lists(self):
        self.receiver.answers = [Answer(400, body=b"patient Jane Doe is unknown")]
        delivery = self.send()
        self.assertNotIn("Jane", f"{delivery.error_code} {delivery.error_detail}")

    def test_a_try_that_breaks_inside_is_kept_and_retried(self):
        with (
            patch("odoo.addons.integration_outbound.transport.http_sender.send", side_effect=RuntimeError("bug")),
            self.assertLogs("odoo.addons.integration_core.engine.sending", "ERROR"),
        ):
            delivery = self.send()
        self.assertEqual((delivery.state, delivery.attempts), ("waiting", 1))
