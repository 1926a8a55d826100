"""No input yields a 500: generated requests through the WSGI application."""

import io
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo import http
from odoo.tests import tagged
from werkzeug.test import EnvironBuilder, run_wsgi_app

from .common import PartnerCase

ALLOWED = {200, 202, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 503}
TEXT = st.text(alphabet=st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=60)
PATHS = st.one_of(
    st.sampled_from(
        ["/integration/v1/inbound/ehr", "/integration/v1/inbound/ehr/messages/x", "/integration/health/ready"]
    ),
    st.text(max_size=40).map(lambda text: "/integration/" + text),
    st.text(max_size=40).map(lambda text: "/integration/v1/inbound/" + text),
    st.text(max_size=40).map(lambda text: "/integration/v1/inbound/ehr/messages/" + text),
    st.text(max_size=40).map(lambda text: "/integration/v1/schemas/" + text),
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "content-type",
            "content-encoding",
            "content-length",
            "transfer-encoding",
            "traceparent",
            "accept",
            "accept-language",
            "cookie",
            "x-forwarded-for",
            "expect",
            "ce-id",
        ]
    ),
    TEXT,
    max_size=8,
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)),
    max_leaves=20,
)


@tagged("post_install", "-at_install")
class TestFuzz(PartnerCase):
    def call(self, method, path, headers, body):
        """Send one request past the sockets; return (status, headers, body)."""
        environ = EnvironBuilder(method=method, base_url=self.base_url(), input_stream=io.BytesIO(body)).get_environ()
        environ["PATH_INFO"] = path.encode("utf-8", "replace").decode("latin-1")
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["REMOTE_ADDR"] = "127.0.0.1"
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        chunks, status, answer = run_wsgi_app(http.root, environ, buffered=True)
        return int(status[:3]), answer, b"".join(chunks)

    def check(self, method, path, headers, body):
        with self.allow_requests(all_requests=True):
            status, answer, text = self.call(method, path, headers, body)
        self.assertIn(status, ALLOWED)
        self.assertIn("X-Request-Id", answer)
        self.assertNotIn("Set-Cookie", answer)
        self.assertNotIn(b"Traceback", text)
        if status >= 400 and method != "HEAD":
            self.assertEqual(answer["Content-Type"], "application/problem+json")
            self.assertEqual(json.loads(text)["status"], status)

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.sampled_from(["POST", "GET", "HEAD", "OPTIONS", "PUT", "X-Y"]), PATHS, HEADERS, st.binary(max_size=200))
    def test_unsigned(self, method, path, headers, body):
        self.check(method, path, headers, body)

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.one_of(st.binary(max_size=200), JSON.map(lambda value: json.dumps(value).encode())), HEADERS)
    def test_signed_rubbish(self, body, headers):
        signed = {name: value for name, value in headers.items() if not name.startswith("webhook-")}
        signed.pop("content-length", None)
        self.check("POST", self.url, {**self.signed(body), **signed}, body)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(
        st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "source",
                    "type",
                    "time",
                    "subject",
                    "data",
                    "specversion",
                    "partitionkey",
                    "correlationid",
                    "traceparent",
                    "sequence",
                    "datacontenttype",
                    "dataschema",
                ]
            ),
            JSON,
        )
    )
    def test_signed_events_with_rubbish_in_them(self, attributes):
        body = json.dumps({**self.event(), **attributes}).encode()
        self.check("POST", self.url, self.signed(body), body)
