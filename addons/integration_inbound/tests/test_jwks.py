from datetime import timedelta

from odoo import fields
from odoo.addons.integration_core.domain import signing
from odoo.tests import tagged

from .common import PartnerCase

URL = "/integration/v1/jwks.json"


@tagged("post_install", "-at_install")
class TestJwks(PartnerCase):
    """The public keys of what is sent (wire contract §2), as RFC 7517 and RFC 8037 say."""

    def make_pair(self, use="outbound", **values):
        key, text = self.env["integration.credential"]._generate(
            {"system_id": self.system.id}, company=self.company, use=use, version="v1a"
        )
        key._approving().write({"state": "active", "approval_state": "approved", **values})
        return key, text

    def published(self):
        response = self.request("GET", URL)
        self.assertEqual(response.status_code, 200)
        return {key["kid"]: key for key in response.json()["keys"]}

    def test_a_key_is_published_as_the_standards_say(self):
        key, text = self.make_pair()
        response = self.request("GET", URL)
        self.assertEqual(response.headers["content-type"], "application/jwk-set+json")
        self.assertEqual(response.headers["cache-control"], "public, max-age=300")
        [found] = [one for one in response.json()["keys"] if one["kid"] == key.name]
        self.assertEqual(found, signing.PublicKey.parse(text).jwk(key.name))
        self.assertEqual((found["kty"], found["crv"]), ("OKP", "Ed25519"))
        self.assertEqual(set(found), {"kty", "crv", "use", "alg", "kid", "x"})  # no private part, ever
        self.assertNotIn(key._text()[5:], response.text)

    def test_what_was_not_changed_is_not_sent_again(self):
        self.make_pair()
        etag = self.request("GET", URL).headers["etag"]
        again = self.request("GET", URL, headers={"If-None-Match": etag})
        self.assertEqual((again.status_code, again.content), (304, b""))
        self.make_pair()
        self.assertEqual(self.request("GET", URL, headers={"If-None-Match": etag}).status_code, 200)

    def test_retired_keys_stay_until_nobody_can_need_them(self):
        now = fields.Datetime.now()
        active, _text = self.make_pair()
        soon, _text = self.make_pair(valid_from=now + timedelta(days=1))
        ended, _text = self.make_pair(valid_from=now - timedelta(days=9), valid_to=now - timedelta(hours=71))
        gone, _text = self.make_pair(valid_from=now - timedelta(days=9), valid_to=now - timedelta(hours=73))
        revoked, _text = self.make_pair()
        revoked.action_revoke()
        draft, _text = self.make_pair()
        draft._approving().write({"state": "draft"})
        inbound, _text = self.make_pair(use="inbound")
        found = self.published()
        for key in (active, soon, ended):
            self.assertIn(key.name, found)
        for key in (gone, revoked, draft, inbound):
            self.assertNotIn(key.name, found)

    def test_shared_secrets_are_not_published(self):
        key, _text = self.env["integration.credential"]._generate(
            {"system_id": self.system.id}, company=self.company, use="outbound"
        )
        key._approving().write({"state": "active"})
        self.assertNotIn(key.name, self.published())

    def test_verbs(self):
        head = self.request("HEAD", URL)
        self.assertEqual((head.status_code, head.content), (200, b""))
        self.assertEqual(head.headers["content-type"], "application/jwk-set+json")
        options = self.request("OPTIONS", URL)
        self.assertEqual((options.status_code, options.headers["allow"]), (204, "GET, HEAD, OPTIONS"))
        for verb in ("POST", "PUT", "DELETE", "PATCH"):
            response = self.request(verb, URL)
            self.assert_problem(response, 405, "method-not-allowed")
            self.assertEqual(response.headers["allow"], "GET, HEAD, OPTIONS")
