"""Other people's signatures: the vector that Standard Webhooks publishes, and the library on PyPI."""

import base64
import json
from datetime import datetime, timezone
from unittest import SkipTest
from unittest.mock import patch

from odoo.addons.integration_core.domain import signing
from odoo.tests import tagged

from .. import door
from .common import JSON_TYPE, PartnerCase


@tagged("post_install", "-at_install")
class TestStandardWebhooks(PartnerCase):
    def test_the_published_vector_is_verified(self):
        """The vector's body is no event, so what follows the signature refuses it; but the signature holds."""
        secret = signing.Secret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        self.env["integration.credential"]._keep(
            {"system_id": self.system.id},
            company=self.system.company_id,
            use="inbound",
            version="v1",
            text=secret.text(),
        )[0]._approving().write({"state": "active", "valid_from": "2021-01-01"})
        moment = datetime.fromtimestamp(1614265330, timezone.utc).replace(tzinfo=None)
        headers = {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "content-type": JSON_TYPE,
        }
        body = b'{"test": 2432232314}'
        with patch.object(door, "now", lambda: moment):
            self.assert_problem(self.request("POST", self.url, body, headers), 400, "malformed-event")
            self.assertEqual(self.request("POST", self.url, body + b" ", headers).status_code, 401)

    def test_what_the_library_signs_is_accepted(self):
        try:
            from standardwebhooks.webhooks import Webhook
        except ImportError as error:
            raise SkipTest("standardwebhooks is not installed") from error
        webhook = Webhook(base64.b64encode(self.secret.raw).decode())
        body = json.dumps(self.event())
        now = datetime.now(timezone.utc)
        headers = {
            "webhook-id": "msg_library",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": webhook.sign("msg_library", now, body),
            "content-type": JSON_TYPE,
        }
        self.assertEqual(self.request("POST", self.url, body.encode(), headers).status_code, 202)
