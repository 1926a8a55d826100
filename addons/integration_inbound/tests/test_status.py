"""The status address: what became of a message, for its sender alone, never payload."""

import uuid

from odoo.addons.integration_core.domain import signing
from odoo.tests import tagged

from .common import FINALIZED, PartnerCase


@tagged("post_install", "-at_install")
class TestStatus(PartnerCase):
    def ask(self, message_id, *, code="ehr", **how):
        """Ask for the status of a message; return the response."""
        headers = self.signed(b"", content_type=None, **how)
        return self.request("GET", f"{self._url(code)}/messages/{message_id}", None, headers)

    def lines(self):
        event = self.event(FINALIZED)
        line = event["data"]["lines"][0]
        event["data"] = {**event["data"], "lines": [{**line, "line": "1"}, {**line, "line": "2"}]}
        return event

    def test_waiting_then_applied_and_parked_per_line(self):
        self.env["integration.subscription"].search([]).unlink()
        answer = self.deliver(self.lines(), message_id="m/1~x")
        self.assertEqual(answer.status_code, 202, answer.text)
        parked = self.ask("m%2F1~x")
        self.assertEqual(parked.status_code, 200, parked.text)
        event = self.events()
        self.assertEqual(
            parked.json(),
            {
                "id": "m/1~x",
                "event": event.uuid,
                "type": FINALIZED,
                "status": "parked",
                "reason": None,
                "lines": [
                    {"line": "1", "status": "parked", "reason": "no_subscriber"},
                    {"line": "2", "status": "parked", "reason": "no_subscriber"},
                ],
            },
        )
        event._record_effects([("1", "applied", None, None), ("2", "parked", "no_mapping", None)])
        document = self.ask("m%2F1~x").json()
        self.assertEqual(document["status"], "parked")
        self.assertEqual(
            document["lines"],
            [
                {"line": "1", "status": "applied", "reason": None},
                {"line": "2", "status": "parked", "reason": "no_mapping"},
            ],
        )
        event._record_effects([("2", "duplicate", None, None)])
        self.assertEqual(self.ask("m%2F1~x").json()["status"], "applied")

    def test_a_message_is_as_far_as_its_deliveries(self):
        self.deliver(self.lines(), message_id="m")
        self.assertTrue(self.events().delivery_ids, "nothing here handles services")
        for state, told in (
            ("waiting", ("waiting", None)),
            ("dead", ("waiting", "delivery_failed")),
            ("skipped", ("rejected", "skipped")),
            ("done", ("applied", None)),
        ):
            self.env.cr.execute("UPDATE integration_delivery SET state = %s", (state,))
            self.env.invalidate_all()
            document = self.ask("m").json()
            with self.subTest(state):
                self.assertEqual(document["status"], told[0])
                self.assertEqual({(line["status"], line["reason"]) for line in document["lines"]}, {told})

    def test_what_was_refused(self):
        self.deliver(b"not json", message_id="bad")
        self.assertEqual(self.ask("bad").json(), {"id": "bad", "status": "rejected", "reason": "syntax", "lines": []})

    def test_unknown_and_other_systems_messages(self):
        self.deliver(self.event(), message_id="mine")
        self._make_system("lab")
        secret = self._make_key(self.env["integration.system"].search([("code", "=", "lab")]))
        self.assert_problem(self.ask("mine", code="lab", secret=secret), 404, "not-found")
        self.assert_problem(self.ask("never"), 404, "not-found")
        self.assert_problem(self.ask("a.b%00"), 404, "not-found")
        self.assert_problem(self.ask("a%0d%0aX:1"), 404, "not-found")

    def test_it_must_be_signed_over_an_empty_body(self):
        self.deliver(self.event(), message_id="mine")
        answers = {
            self.ask("mine", secret=signing.Secret.generate()).content,
            self.ask("mine", code="nobody").content,
            self.request("GET", f"{self.url}/messages/mine", None, self.signed(b"x")).content,
            self.request("GET", f"{self.url}/messages/mine").content,
        }
        self.assertEqual(len(answers), 1)
        self.assertIn(b"signature-rejected", answers.pop())

    def test_verbs_and_rate(self):
        address = f"{self.url}/messages/{uuid.uuid4().hex}"
        response = self.request("POST", address, b"")
        self.assertEqual((response.status_code, response.headers["Allow"]), (405, "GET, HEAD, OPTIONS"))
        self.system.rate_per_minute = 1
        self.ask("x")
        self.assert_problem(self.ask("x"), 429, "rate-limited")

    def test_nothing_is_received_by_asking(self):
        self.ask("x")
        self.assertFalse(self.receipts())
