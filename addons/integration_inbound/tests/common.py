"""What the tests of this addon share: a partner that signs and posts."""

import json
import time
import uuid
from contextlib import contextmanager
from unittest.mock import patch

from odoo.addons.integration_core.domain import catalogue, signing
from odoo.addons.integration_core.tests.common import IntegrationCase
from odoo.tests import HttpCase
from odoo.tools import config

from .. import door
from ..models import integration_gate

ADMITTED = "clinical.encounter.admitted.v1"
FINALIZED = "clinical.service.finalized.v1"
JSON_TYPE = "application/cloudevents+json"


class PartnerCase(IntegrationCase, HttpCase):
    """A live system ``ehr`` with a key, and a partner that holds it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.secret = cls._make_key(cls.system)
        cls.url = cls._url(cls.system.code)

    def setUp(self):
        super().setUp()
        door.limiter.forget()
        integration_gate._backlogs.clear()

    @classmethod
    def _make_key(cls, system):
        """Return the :class:`signing.Secret` of a new active key."""
        key, text = cls.env["integration.credential"]._generate(
            {"system_id": system.id}, company=system.company_id, use="inbound"
        )
        key._approving().write({"state": "active"})
        return signing.Secret.parse(text)

    @staticmethod
    def _url(code):
        return f"/integration/v1/inbound/{code}"

    @staticmethod
    def event(type_name=ADMITTED, *, system="ehr", **attributes):
        """Return a CloudEvent of ``type_name`` with the catalogue's example data."""
        return {
            "specversion": "1.0",
            "id": uuid.uuid4().hex,
            "source": f"/systems/{system}",
            "type": type_name,
            "time": "2026-11-20T10:00:00Z",
            "datacontenttype": "application/json",
            "data": catalogue.example(type_name)["data"],
            **attributes,
        }

    def signed(self, body, *, message_id=None, timestamp=None, secret=None, **headers):
        """Return the headers of a signed request; a header given as None is left out."""
        message_id = message_id or uuid.uuid4().hex
        timestamp = int(time.time()) if timestamp is None else timestamp
        secret = secret or self.secret
        found = {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signing.sign([secret], message_id, timestamp, body),
            "content-type": JSON_TYPE,
        }
        found.update({name.replace("_", "-"): value for name, value in headers.items()})
        return {name: value for name, value in found.items() if value is not None}

    def deliver(self, event, *, url=None, **how):
        """Post ``event`` (an object, or bytes as they are) signed; return the response."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.request("POST", url or self.url, body, self.signed(body, **how))

    def request(self, method, url, body=b"", headers=None):
        """Send one request as it is; its answer must be one that the contract allows for any request."""
        response = self.url_open(url, data=body, headers=headers or {}, method=method, allow_redirects=False)
        self.assertNotEqual(response.status_code, 500)
        self.assertRegex(response.headers["x-request-id"], r"^[0-9a-f]{32}$")
        self.assertNotIn("set-cookie", response.headers)
        self.assertNotIn("Traceback", response.text)
        self.env.invalidate_all()
        return response

    def assert_problem(self, response, status, segment):
        """The response is the problem ``segment``; returns its document."""
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.headers["content-type"], "application/problem+json")
        document = response.json()
        self.assertEqual(document["type"], f"/integration/v1/problems/{segment}")
        self.assertEqual(document["status"], status)
        return document

    def events(self):
        """Return the events of the partner's system."""
        return self.env["integration.event"].search([("system_id", "=", self.system.id)])

    def receipts(self, outcome=None):
        """Return the receipts of the partner's system."""
        domain = [("system_id", "=", self.system.id)]
        return self.env["integration.receipt"].search(domain + ([("outcome", "=", outcome)] if outcome else []))

    def refused(self, state="open"):
        """Return the refused messages of the partner's system."""
        return self.env["integration.refused.message"].search(
            [("system_id", "=", self.system.id), ("state", "=", state)]
        )

    @contextmanager
    def config(self, **values):
        """Set entries of the server's configuration file."""
        with patch.dict(config._runtime_options, values):
            yield
