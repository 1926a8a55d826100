"""What leaves: headers, body and signatures, judged by other people's libraries."""

import json
from unittest.mock import patch

import standardwebhooks
from cloudevents.http import from_http
from odoo.addons.integration_core.domain import catalogue, schema
from odoo.tests import tagged

from ..transport import Job
from .common import POSTED, OutboundCase
from .receiver import Answer


@tagged("post_install", "-at_install")
class TestWire(OutboundCase):
    def test_the_public_library_verifies_what_we_send(self):
        key, text = self._make_key(self.endpoint)
        delivery = self.send()
        [request] = self.receiver.requests
        sent = standardwebhooks.Webhook(text).verify(request.body, request.headers)
        self.assertEqual(sent["id"], delivery.event_id.uuid)
        self.assertEqual(request.headers["webhook-id"], delivery.event_id.uuid)
        self.assertNotIn(text, str(request.headers))
        self.assertEqual(key.state, "active")

    def test_every_active_key_signs_and_no_other(self):
        _key, second = self._make_key(self.endpoint)
        revoked, revoked_text = self._make_key(self.endpoint)
        revoked.action_revoke()
        expired, expired_text = self._make_key(self.endpoint)
        expired.write({"valid_to": "2020-01-01 00:00:00"})
        self.send()
        [request] = self.receiver.requests
        self.assertEqual(len(request.headers["webhook-signature"].split(" ")), 2)
        standardwebhooks.Webhook(second).verify(request.body, request.headers)
        for text in (revoked_text, expired_text):
            with self.assertRaises(standardwebhooks.WebhookVerificationError):
                standardwebhooks.Webhook(text).verify(request.body, request.headers)

    def test_the_public_library_reads_the_envelope(self):
        event = self.send().event_id
        [request] = self.receiver.requests
        read = from_http(request.headers, request.body)
        database = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        base = self.env["ir.config_parameter"].sudo().get_param("web.base.url")
        self.assertEqual(read["id"], event.uuid)
        self.assertEqual(read["source"], f"/odoo/{database}/{self.company.id}")
        self.assertEqual(read["type"], POSTED)
        self.assertEqual(read["dataschema"], f"{base}/integration/v1/schemas/{POSTED}")
        self.assertEqual(read["correlationid"], event.correlation_id)
        self.assertEqual(read["traceparent"], request.headers["traceparent"])
        self.assertEqual(read["partitionkey"], f"endpoint/{self.cause.id}")
        self.assertEqual(schema.compile_schema(catalogue.schema(POSTED)).validate(read.data), [])

    def test_the_headers_are_the_contracts(self):
        self.send()
        headers = self.receiver.requests[0].headers
        self.assertEqual(headers["content-type"], "application/cloudevents+json")
        self.assertRegex(headers["user-agent"], r"^odoo-integration/19\.0\.\d+\.\d+\.\d+$")
        self.assertNotIn("cookie", headers)

    def test_the_cause_is_told(self):
        _accepted, first = self.post(
            "clinical.encounter.admitted.v1",
            {"encounter": "E-1", "patient": {"id": "P-1"}, "admitted_at": "2026-11-20T09:00:00Z", "department": "ED"},
        )
        self.emit(cause=first)
        self.drain()
        body = json.loads(self.receiver.requests[0].body)
        self.assertEqual((body["correlationid"], body["causationid"]), (first.correlation_id, first.uuid))

    def test_body_and_id_are_the_same_over_retries_and_replays_and_the_time_is_not(self):
        self.receiver.answers = [Answer(500), Answer(503), Answer(200)]
        moments = iter((1_700_000_000, 1_700_000_100, 1_700_000_200, 1_700_000_300))
        sign = Job._signed_headers
        with patch.object(Job, "_signed_headers", lambda job, _time, parent: sign(job, next(moments), parent)):
            delivery = self.send(times=3)
            self.assertEqual(delivery.state, "done")
            self.replayed(delivery, "the receiver lost its disk")
            self.drain()
        requests = self.receiver.requests
        self.assertEqual(len(requests), 4)
        self.assertEqual(len({request.body for request in requests}), 1)
        self.assertEqual({request.headers["webhook-id"] for request in requests}, {delivery.event_id.uuid})
        self.assertEqual(len({request.headers["webhook-timestamp"] for request in requests}), 4)
        self.assertEqual(len({request.headers["webhook-signature"] for request in requests}), 4)

    def test_the_subscribers_names_are_those_of_the_first_try(self):
        self.receiver.answers = [Answer(500), Answer(200)]
        names = iter(({"payer": "INS-1"}, {"payer": "INS-2"}, {"payer": "INS-3"}))
        asked = []

        def subscriber_ids(events, system):
            asked.append(system)
            return dict.fromkeys(events.ids, next(names))

        with patch.object(self.registry["integration.event"], "_subscriber_ids", subscriber_ids):
            delivery = self.send(times=2)
            self.replayed(delivery, "once more")
            self.drain()
        self.assertEqual(asked, [self.partner])
        bodies = [request.body for request in self.receiver.requests]
        self.assertEqual(bodies, [bodies[0]] * 3)
        self.assertEqual(json.loads(bodies[0])["data"]["ids"], {"payer": "INS-1"})
