"""Health, the pages behind problem types, and published schemas."""

import json
from unittest.mock import patch

from odoo.addons.integration_core.domain import catalogue, problems
from odoo.tests import tagged

from .common import ADMITTED, PartnerCase


@tagged("post_install", "-at_install")
class TestPages(PartnerCase):
    def test_every_problem_type_has_a_page(self):
        for segment, problem in problems.PROBLEMS.items():
            with self.subTest(segment=segment):
                page = self.request("GET", problem.uri)
                self.assertEqual(page.status_code, 200)
                self.assertTrue(page.headers["content-type"].startswith("text/html"))
                self.assertIn(problem.title, page.text)
        self.assert_problem(self.request("GET", "/integration/v1/problems/nothing"), 404, "not-found")
        self.assert_problem(self.request("POST", problem.uri), 405, "method-not-allowed")

    def test_published_schemas(self):
        response = self.request("GET", f"/integration/v1/schemas/{ADMITTED}")
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["content-type"], "application/schema+json")
        self.assertEqual(response.json(), catalogue.schema(ADMITTED))
        event_type = self.env["integration.event.type"]._named(ADMITTED)
        event_type._approving().write({"state": "deprecated", "sunset": "2030-01-31"})
        response = self.request("GET", f"/integration/v1/schemas/{ADMITTED}")
        self.assertEqual(response.headers["Sunset"], "Thu, 31 Jan 2030 00:00:00 GMT")
        event_type._approving().write({"state": "draft"})
        for name in (ADMITTED, "clinical.nothing.happened.v1", "%00"):
            self.assert_problem(self.request("GET", f"/integration/v1/schemas/{name}"), 404, "not-found")

    def test_every_schema_of_the_catalogue_is_published(self):
        for entry in catalogue.entries():
            if entry.direction != "internal":
                with self.subTest(type=entry.type):
                    response = self.request("GET", f"/integration/v1/schemas/{entry.type}")
                    self.assertEqual(json.loads(response.content), catalogue.schema(entry.type))

    def test_an_address_with_a_line_break_is_not_found_in_problem_details(self):
        for address in ("/integration/%0d%0ax", "/integration/x%0a", f"{self.url}/messages/a%0d%0aX:1"):
            with self.subTest(address):
                self.assert_problem(self.request("GET", address), 404, "not-found")

    def test_health(self):
        for path, status in (("live", "live"), ("ready", "ready")):
            response = self.request("GET", f"/integration/health/{path}")
            self.assertEqual((response.status_code, response.json()), (200, {"status": status}))
            self.assertEqual(self.request("HEAD", f"/integration/health/{path}").content, b"")
            self.assert_problem(self.request("POST", f"/integration/health/{path}"), 405, "method-not-allowed")

    def test_a_copy_of_the_database_is_not_ready(self):
        self.env["ir.config_parameter"].set_param("database.uuid", "11111111-2222-3333-4444-555555555555")
        self.assert_problem(self.request("GET", "/integration/health/ready"), 503, "not-ready")
        self.assert_problem(self.deliver(self.event()), 503, "not-ready")

    def test_what_odoo_asks_before_a_page_is_not_asked_of_machines(self):
        with patch.object(self.env.registry["ir.http"], "_handle_debug") as asked:
            self.assertEqual(self.deliver(self.event()).status_code, 202)
            asked.assert_not_called()
            self.url_open("/web/login")
            asked.assert_called()
