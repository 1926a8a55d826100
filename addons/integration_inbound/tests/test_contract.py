"""Every row of the contract's table, through a real socket."""

import gzip
import json
import os
import time
import zlib
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_core import intake
from odoo.addons.integration_core.domain import problems, signing
from odoo.tests import tagged

from .. import door
from ..domain import admission
from ..models import integration_gate
from .common import ADMITTED, FINALIZED, PartnerCase


@tagged("post_install", "-at_install")
class TestContract(PartnerCase):
    def test_accepted(self):
        event = self.event(FINALIZED)
        response = self.deliver(event, message_id="msg-1", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
        self.assertEqual(response.status_code, 202, response.text)
        self.assertEqual(response.headers["content-type"], "application/json")
        journalled = self.events()
        self.assertEqual(response.json(), {"status": "accepted", "id": "msg-1", "event": journalled.uuid})
        self.assertEqual(journalled.webhook_id, "msg-1")
        self.assertEqual(journalled.source_event_id, event["id"])
        self.assertEqual(journalled.request_id, response.headers["x-request-id"])
        self.assertEqual(journalled.mode, "live")
        self.assertTrue(journalled.traceparent.startswith("00-" + "a" * 32))
        self.assertEqual(json.loads(journalled._read_payload()), event)
        receipts = self.receipts()
        self.assertEqual(receipts.mapped("outcome"), ["accepted"] * len(event["data"]["lines"]))
        self.assertEqual(receipts.mapped("mode"), ["live"] * len(receipts))

    def test_a_test_system_is_told_the_same_and_counted_apart(self):
        system = self._make_system("lab", live=False)
        secret = self._make_key(system)
        response = self.deliver(self.event(system="lab"), url=self._url("lab"), secret=secret)
        self.assertEqual(response.status_code, 202)
        event = self.env["integration.event"].search([("system_id", "=", system.id)])
        self.assertEqual(event.mode, "test")
        self.deliver(b"{}", url=self._url("lab"), secret=secret)
        receipts = self.env["integration.receipt"].search([("system_id", "=", system.id)])
        self.assertEqual(set(receipts.mapped("mode")), {"test"})
        self.assertEqual(set(receipts.mapped("outcome")), {"accepted", "rejected"})

    def test_content_type_parameters_and_gzip(self):
        body = gzip.compress(json.dumps(self.event()).encode())
        response = self.deliver(
            body, content_type="application/cloudevents+json; charset=UTF-8", content_encoding="gzip"
        )
        self.assertEqual(response.status_code, 202, response.text)

    def test_any_valid_key_and_any_signature_entry_is_enough(self):
        second = self._make_key(self.system)
        body = json.dumps(self.event()).encode()
        headers = self.signed(body, secret=second)
        headers["webhook-signature"] = "v1,AAAA v9,x " + headers["webhook-signature"]
        self.assertEqual(self.request("POST", self.url, body, headers).status_code, 202)

    # -- 413 ----------------------------------------------------------------------------------------------------------

    def test_raw_body_over_the_server_cap(self):
        with self.config(integration_max_body_bytes="2000"):
            self.assertEqual(self.deliver(self.event()).status_code, 202)
            self.assert_problem(self.deliver(b"x" * 2001), 413, "body-too-large")
            chunked = self.url_open(
                self.url, data=iter([b"x" * 1500, b"x" * 1500]), headers=self.signed(b"x" * 3000), method="POST"
            )
            self.assert_problem(chunked, 413, "body-too-large")
        self.assertEqual(self.env["integration.refusal"].search([]).mapped("cause"), ["body_too_large"])
        self.assertFalse(self.receipts("rejected"))

    def test_chunked_body_within_the_cap(self):
        body = json.dumps(self.event()).encode()
        response = self.url_open(self.url, data=iter([body[:10], body[10:]]), headers=self.signed(body), method="POST")
        self.assertEqual(response.status_code, 202, response.text)

    def test_decoded_body_over_the_system_limit(self):
        self.system.max_body_bytes = 1024
        self.assert_problem(self.deliver(b" " * 1025), 413, "body-too-large")
        bomb = gzip.compress(b"0" * 50_000_000)
        self.system.max_body_bytes = 1 << 20
        self.assert_problem(self.deliver(bomb, content_encoding="gzip"), 413, "body-too-large")
        self.assertFalse(self.receipts())
        self.assertFalse(self.refused())

    # -- 401 ----------------------------------------------------------------------------------------------------------

    def unverified(self):
        """Yield (cause, response) of requests that fail verification for different reasons."""
        body = json.dumps(self.event()).encode()
        other = signing.Secret.generate()
        old, new = int(time.time()) - 301, int(time.time()) + 400
        suspended = self._make_system("gone")
        secret = self._make_key(suspended)
        self._make_system("keyless")
        expired, early = (self._make_system(code) for code in ("expired", "early"))
        spent, unborn = self._make_key(expired), self._make_key(early)
        yesterday = fields.Datetime.now() - timedelta(days=1)
        expired.credential_ids._approving().write({"valid_from": "2020-01-01", "valid_to": yesterday})
        early.credential_ids._approving().write({"valid_from": fields.Datetime.now() + timedelta(days=1)})
        suspended.action_suspend()
        yield "unknown_system", self.deliver(body, url=self._url("nobody"))
        yield "unknown_system", self.deliver(body, url=self._url("No%00 such–system"))
        yield "suspended_system", self.deliver(body, url=self._url("gone"), secret=secret)
        yield "no_key", self.deliver(body, url=self._url("keyless"))
        yield "no_key", self.deliver(body, url=self._url("expired"))
        yield "key_not_valid", self.deliver(body, url=self._url("expired"), secret=spent)
        yield "key_not_valid", self.deliver(body, url=self._url("early"), secret=unborn)
        yield "no_match", self.deliver(body, secret=other)
        yield "too_old", self.deliver(body, timestamp=old)
        yield "in_future", self.deliver(body, timestamp=new)
        yield "missing_header", self.deliver(body, webhook_signature=None)
        yield "missing_header", self.deliver(body, webhook_id=None)
        yield "bad_message_id", self.deliver(body, webhook_id="a.b")
        yield "bad_timestamp", self.deliver(body, webhook_timestamp="1e9")
        yield "bad_signature_header", self.deliver(body, webhook_signature=" ".join(["v1,AAAA"] * 17))
        yield "no_match", self.deliver(body, webhook_signature="v1,not-base64")
        yield "no_match", self.deliver(body, webhook_id="another")
        yield "missing_header", self.request("POST", self.url, body)

    def test_401_is_byte_identical_for_every_cause(self):
        seen = set()
        causes = set()
        for cause, response in self.unverified():
            with self.subTest(cause=cause):
                self.assertEqual(response.status_code, 401)
                self.assertIn("www-authenticate", response.headers)
                headers = {
                    name: value
                    for name, value in response.headers.items()
                    if name.lower() not in ("x-request-id", "date")
                }
                seen.add((response.content, tuple(sorted(headers.items()))))
                refusal = self.env["integration.refusal"].search(
                    [("request_ids", "like", response.headers["x-request-id"])]
                )
                self.assertEqual(refusal.cause, cause)
                causes.add(cause)
        self.assertEqual(len(seen), 1)
        self.assertEqual(seen.pop()[0], problems.SIGNATURE_REJECTED)
        self.assertEqual(len(causes), 11)
        self.assertFalse(self.receipts())
        self.assertFalse(self.refused())
        self.assertFalse(self.events())

    def test_a_revoked_or_expired_key_no_longer_verifies(self):
        self.system.credential_ids._approving().write({"valid_to": fields.Datetime.now() - timedelta(seconds=1)})
        self.assertEqual(self.deliver(self.event()).status_code, 401)
        self.system.credential_ids._approving().write({"valid_to": False})
        self.assertEqual(self.deliver(self.event()).status_code, 202)
        self.system.credential_ids.action_revoke()
        self.assertEqual(self.deliver(self.event()).status_code, 401)

    def test_a_system_that_cannot_sign_a_retry_again(self):
        yesterday = int(time.time()) - 86_400
        self.assertEqual(self.deliver(self.event(), timestamp=yesterday).status_code, 401)
        self.system.timestamp_tolerance = 72 * 3600
        self.assertEqual(self.deliver(self.event(), timestamp=yesterday).status_code, 202)
        self.assertEqual(self.deliver(self.event(), timestamp=int(time.time()) + 400).status_code, 401)

    # -- 429 ----------------------------------------------------------------------------------------------------------

    def test_rate(self):
        self.system.rate_per_minute = 2
        first = self.deliver(self.event())
        self.assertEqual(first.status_code, 202)
        self.assertEqual(first.headers["RateLimit-Policy"], '"default";q=2;w=60')
        self.assertRegex(first.headers["RateLimit"], r'^"default";r=1;t=\d+$')
        self.deliver(self.event())
        limited = self.deliver(self.event())
        self.assert_problem(limited, 429, "rate-limited")
        self.assertGreater(int(limited.headers["Retry-After"]), 0)
        self.assertRegex(limited.headers["RateLimit"], r'^"default";r=0;t=\d+$')
        self.assertEqual(len(self.receipts()), 2)
        self.assertFalse(self.refused())

    # -- 415 ----------------------------------------------------------------------------------------------------------

    def test_media_types(self):
        body = json.dumps(self.event()).encode()
        for headers in (
            {"content_type": "application/json"},
            {"content_type": None},
            {"content_type": "text/plain"},
            {"content_type": "multipart/form-data; boundary=x"},
            {"content_type": "application/x-www-form-urlencoded"},
            {"content_type": "application/json", "ce-id": "1", "ce-type": ADMITTED},
            {"content_encoding": "br"},
            {"content_encoding": "gzip"},  # which it is not
            {"content_encoding": "gzip, gzip"},
        ):
            with self.subTest(headers=headers):
                self.assert_problem(self.deliver(body, **headers), 415, "unsupported-media-type")
        self.assertEqual(len(self.refused()), 9)
        self.assertEqual(len(self.receipts("rejected")), 9)

    # -- 200 and 409 --------------------------------------------------------------------------------------------------

    def test_the_same_message_again(self):
        event = self.event(FINALIZED)
        first = self.deliver(event, message_id="again").json()
        second = self.deliver(event, message_id="again")
        self.assertEqual(second.status_code, 200)
        self.assertEqual(second.json(), {**first, "status": "duplicate"})
        zipped = self.deliver(gzip.compress(json.dumps(event).encode()), message_id="again", content_encoding="gzip")
        self.assertEqual(zipped.status_code, 200)
        lines = len(event["data"]["lines"])
        self.assertEqual(len(self.receipts("accepted")), lines)
        duplicates = self.receipts("duplicate")
        self.assertEqual(len(duplicates), 2 * lines)
        self.assertEqual(set(duplicates.mapped("event_uuid")), {first["event"]})
        self.assertEqual(duplicates.mapped("amount")[:lines], self.receipts("accepted").mapped("amount"))
        self.assertEqual(len(self.events()), 1)

    def test_message_id_used_for_another_body(self):
        self.deliver(self.event(), message_id="once")
        self.assert_problem(self.deliver(self.event(), message_id="once"), 409, "id-conflict")
        self.assertEqual(self.refused().code, "id_conflict_webhook_id")
        self.assertEqual(len(self.receipts("rejected")), 1)
        self.assertEqual(len(self.events()), 1)

    def test_event_id_under_another_message_id(self):
        event = self.event()
        first = self.deliver(event, message_id="one").json()
        second = self.deliver(event, message_id="two")
        self.assertEqual(second.status_code, 200)
        self.assertEqual(second.json(), {"status": "duplicate", "id": "two", "event": first["event"]})
        changed = {**event, "time": "2026-11-21T10:00:00Z"}
        self.assert_problem(self.deliver(changed, message_id="three"), 409, "id-conflict")
        self.assertEqual(self.refused().code, "id_conflict_source_id")

    def test_ids_are_per_system(self):
        system = self._make_system("lab")
        secret = self._make_key(system)
        self.assertEqual(self.deliver(self.event(id="1"), message_id="m").status_code, 202)
        other = self.deliver(self.event(id="1", system="lab"), message_id="m", url=self._url("lab"), secret=secret)
        self.assertEqual(other.status_code, 202)

    # -- 400, 422, 403 ------------------------------------------------------------------------------------------------

    def test_malformed_bodies(self):
        good = json.dumps(self.event())
        for body in (
            b"",
            b"not json",
            b"\xff\xfe",
            b"\xef\xbb\xbf" + good.encode(),
            good.encode() + b" {}",
            good.replace('"specversion"', '"id": "x", "specversion"').encode(),
            b'{"a": NaN}',
            b'{"a": 1e999}',
            b'{"a": 9007199254740993}',
            b'{"a": "\\u0000"}',
            b'{"a": "\\ud800"}',
            b"[" * 65 + b"]" * 65,
            b"[" * 100_000,
        ):
            with self.subTest(body=body[:40]):
                self.assert_problem(self.deliver(body), 400, "malformed-body")
        self.assertEqual(set(self.receipts().mapped("unit")), {"", False} & set(self.receipts().mapped("unit")))
        self.assertEqual(len(self.receipts("rejected")), 13)

    def test_malformed_events(self):
        for attributes in (
            {"specversion": "0.3"},
            {"source": "/systems/other"},
            {"type": ""},
            {"time": "2026-11-20T10:00:00"},
            {"id": ""},
        ):
            with self.subTest(attributes=attributes):
                self.assert_problem(self.deliver(self.event(**attributes)), 400, "malformed-event")

    def test_types_that_are_not_accepted(self):
        for name in ("clinical.nothing.happened.v1", "finance.invoice.posted.v1"):
            with self.subTest(name=name):
                event = {**self.event(), "type": name}
                document = self.assert_problem(self.deliver(event), 422, "schema-violation")
                self.assertEqual(document["errors"][0]["pointer"], "/type")
        self.env["integration.event.type"]._named(ADMITTED)._approving().write({"state": "retired"})
        self.assert_problem(self.deliver(self.event()), 422, "schema-violation")
        self.assertEqual(self.refused().mapped("code"), ["retired_type", "unknown_type", "unknown_type"])

    def test_a_type_that_is_not_granted(self):
        self.system.event_type_ids -= self.env["integration.event.type"]._named(ADMITTED)
        self.assert_problem(self.deliver(self.event()), 403, "event-type-not-granted")

    def test_schema_violation_names_the_place_and_never_the_value(self):
        event = self.event(FINALIZED)
        event["data"] = json.loads(json.dumps(event["data"]))
        event["data"]["lines"][0]["quantity"] = "SECRET-VALUE"
        response = self.deliver(event)
        document = self.assert_problem(response, 422, "schema-violation")
        self.assertEqual(document["errors"][0]["pointer"], "/data/lines/0/quantity")
        self.assertNotIn("SECRET-VALUE", response.text)
        message = self.refused()
        self.assertEqual(message.type_name, FINALIZED)
        self.assertIn("/data/lines/0/quantity", message.errors_text)
        rejected = self.receipts("rejected")
        self.assertEqual(rejected.mapped("unit"), [line["line"] for line in reversed(event["data"]["lines"])])

    def test_a_huge_list_of_bad_lines_is_one_unit(self):
        event = self.event(FINALIZED, data={"lines": [{}] * 5000})
        self.assert_problem(self.deliver(event), 422, "schema-violation")
        self.assertEqual(len(self.receipts("rejected")), 1)

    # -- 503 ----------------------------------------------------------------------------------------------------------

    def test_backlog(self):
        self.env["ir.config_parameter"].set_param("integration_inbound.backlog_limit", "0")
        response = self.deliver(self.event())
        self.assert_problem(response, 503, "not-ready")
        self.assertGreater(int(response.headers["Retry-After"]), 0)
        self.assertFalse(self.receipts())
        self.assertFalse(self.refused())
        self.env["ir.config_parameter"].set_param("integration_inbound.backlog_limit", "1000000")
        integration_gate._backlogs.clear()
        self.assertEqual(self.deliver(self.event()).status_code, 202)

    def test_without_a_master_key_nothing_is_judged(self):
        with patch.dict(os.environ):
            os.environ.pop("INTEGRATION_MASTER_KEY")
            self.assert_problem(self.deliver(self.event()), 503, "not-ready")
            self.assert_problem(self.deliver(self.event(), url=self._url("nobody")), 503, "not-ready")
            self.assert_problem(self.url_open("/integration/health/ready"), 503, "not-ready")

    def test_a_failure_while_storing_is_503_and_leaves_nothing(self):
        def fail(*_args, **_kwargs):
            raise zlib.error("a bug")

        with (
            patch.object(intake, "receipt_rows", fail),
            self.assertLogs("odoo", "ERROR"),
        ):
            response = self.deliver(self.event(), message_id="later")
        self.assert_problem(response, 503, "not-ready")
        self.assertIn("Retry-After", response.headers)
        self.assertFalse(self.events())
        self.assertFalse(self.receipts())
        self.assertEqual(self.deliver(self.event(), message_id="later").status_code, 202)

    # -- 404, 405 -----------------------------------------------------------------------------------------------------

    def test_verbs(self):
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
            with self.subTest(method=method):
                response = self.request(method, self.url)
                self.assertEqual(response.status_code, 405)
                self.assertEqual(response.headers["Allow"], "POST, OPTIONS")
                if method != "HEAD":
                    self.assert_problem(response, 405, "method-not-allowed")
        options = self.request("OPTIONS", self.url)
        self.assertEqual((options.status_code, options.headers["Allow"]), (204, "POST, OPTIONS"))

    def test_nothing_there(self):
        for url in (
            "/integration",
            "/integration/",
            "/integration/v1",
            "/integration/v1/inbound/a/b",
            "/integration/x%00",
        ):
            with self.subTest(url=url):
                self.assert_problem(self.request("GET", url), 404, "not-found")
                self.assert_problem(self.request("POST", url, b"x"), 404, "not-found")

    def test_an_unknown_system_costs_as_many_queries_as_a_wrong_signature(self):
        body = json.dumps(self.event()).encode()
        other = signing.Secret.generate()
        counts = []
        self.env["integration.configuration"]._current()
        for code in ("ehr", "nobody", "No such system"):
            headers = self.signed(body, secret=other)
            request = admission.Request(code, headers, body)
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            gate = self.env["integration.gate"]
            gate._receive(request, door.sent_by(request, None, "a" * 32), book=gate._book(), address="::1")
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(len(set(counts)), 1, counts)
