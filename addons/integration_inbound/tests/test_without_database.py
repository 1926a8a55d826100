"""What is answered while PostgreSQL does not answer."""

from unittest.mock import patch

import psycopg2
from odoo import http
from odoo.tests import tagged

from .common import PartnerCase


@tagged("post_install", "-at_install")
class TestWithoutDatabase(PartnerCase):
    error = psycopg2.OperationalError
    logged = "warning"
    """As what Odoo logs the traceback of each request."""

    def setUp(self):
        super().setUp()

        def refuse(*_args, **_kwargs):
            raise self.error("the connection is gone")

        self.startPatcher(patch.object(http, "Registry", refuse))
        self.startPatcher(patch.object(http._logger, self.logged))

    def test_messages_are_refused_for_now_and_not_with_a_404_page(self):
        body = b"{}"
        response = self.url_open(self.url, data=body, headers=self.signed(body), method="POST")
        self.assert_problem(response, 503, "not-ready")
        self.assertGreater(int(response.headers["Retry-After"]), 0)
        self.assertRegex(response.headers["x-request-id"], r"^[0-9a-f]{32}$")
        self.assertNotIn("set-cookie", response.headers)
        status = self.url_open(f"{self.url}/messages/x", headers=self.signed(b""))
        self.assert_problem(status, 503, "not-ready")

    def test_a_named_database_makes_no_difference(self):
        headers = {**self.signed(b"{}"), "X-Odoo-Database": self.env.cr.dbname}
        self.assert_problem(self.url_open(self.url, data=b"{}", headers=headers, method="POST"), 503, "not-ready")

    def test_health(self):
        live = self.url_open("/integration/health/live")
        self.assertEqual((live.status_code, live.json()), (200, {"status": "live"}))
        self.assert_problem(self.url_open("/integration/health/ready"), 503, "not-ready")

    def test_what_needs_no_database_is_there_and_nobody_knows_of_the_rest(self):
        self.assertEqual(self.url_open("/integration/v1/problems/not-ready").status_code, 200)
        for path in ("/integration/v1/schemas/x", "/integration/anything", "/integration"):
            self.assert_problem(self.url_open(path), 503, "not-ready")


@tagged("post_install", "-at_install")
class TestWithoutConnection(TestWithoutDatabase):
    """PostgreSQL has just ended a connection that Odoo keeps: what psycopg2 raises then Odoo does not expect."""

    error = psycopg2.DatabaseError
    logged = "exception"
