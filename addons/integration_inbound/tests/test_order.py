"""Between two rows of the contract's table the first one answers."""

import gzip
import json

from odoo.addons.integration_core.domain import signing
from odoo.tests import tagged

from ..models import integration_gate
from .common import ADMITTED, PartnerCase


@tagged("post_install", "-at_install")
class TestOrder(PartnerCase):
    """Each test breaks one row and all that follow it, as far as they can be broken together."""

    def break_all(self):
        """Return a request that every check from the signature on refuses."""
        self.system.write({"rate_per_minute": 1, "max_body_bytes": 1024})
        self.deliver(self.event())  # uses the allowance up
        return b"{" * 2000

    def test_cap_before_signature(self):
        with self.config(integration_max_body_bytes="1000"):
            response = self.deliver(b"x" * 1001, secret=signing.Secret.generate())
        self.assertEqual(response.status_code, 413)

    def test_signature_before_rate(self):
        body = self.break_all()
        response = self.deliver(body, secret=signing.Secret.generate(), content_type="text/plain")
        self.assertEqual(response.status_code, 401)

    def test_rate_before_media_type(self):
        body = self.break_all()
        self.assertEqual(self.deliver(body, content_type="text/plain").status_code, 429)

    def test_media_type_before_size(self):
        self.system.max_body_bytes = 1024
        self.assertEqual(self.deliver(b"{" * 2000, content_type="text/plain").status_code, 415)

    def test_size_before_id(self):
        self.deliver(self.event(), message_id="taken")
        self.system.max_body_bytes = 1024
        self.assertEqual(self.deliver(b"{" * 2000, message_id="taken").status_code, 413)
        bomb = gzip.compress(b"{" * 2000)
        self.assertEqual(self.deliver(bomb, message_id="taken", content_encoding="gzip").status_code, 413)

    def test_id_before_json(self):
        self.deliver(self.event(), message_id="taken")
        self.assertEqual(self.deliver(b"not json", message_id="taken").status_code, 409)

    def test_json_before_attributes(self):
        body = json.dumps({**self.event(), "source": "/systems/other"})[:-1] + ', "id": "twice"}'
        self.assert_problem(self.deliver(body.encode()), 400, "malformed-body")

    def test_attributes_before_type(self):
        event = self.event(source="/systems/other")
        event["type"] = "clinical.nothing.happened.v1"
        self.assert_problem(self.deliver(event), 400, "malformed-event")

    def test_type_before_grant(self):
        self.system.event_type_ids = False
        self.env["integration.event.type"]._named(ADMITTED)._approving().write({"state": "retired"})
        self.assert_problem(self.deliver(self.event(data={})), 422, "schema-violation")
        self.assertEqual(self.refused().code, "retired_type")

    def test_grant_before_schema(self):
        self.system.event_type_ids = False
        self.assert_problem(self.deliver(self.event(data={})), 403, "event-type-not-granted")

    def test_schema_before_event_id(self):
        event = self.event()
        self.deliver(event)
        self.assert_problem(self.deliver({**event, "data": {}}), 422, "schema-violation")

    def test_event_id_before_backlog(self):
        event = self.event()
        self.deliver(event)
        self.env["ir.config_parameter"].set_param("integration_inbound.backlog_limit", "0")
        integration_gate._backlogs.clear()
        self.assertEqual(self.deliver(event).status_code, 200)
        self.assert_problem(self.deliver({**event, "subject": "x"}), 409, "id-conflict")
        self.assert_problem(self.deliver(self.event()), 503, "not-ready")
