import base64
from datetime import timedelta

import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from odoo import fields
from odoo.addons.integration_core.domain import signing
from odoo.exceptions import ValidationError
from odoo.tests import freeze_time, new_test_user, tagged

from .common import OutboundCase


@tagged("post_install", "-at_install")
class TestKeys(OutboundCase):
    """Keys of endpoints: they rotate like those of systems, and a pair's public half verifies what was sent."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = new_test_user(cls.env, "boss", groups="integration_core.group_admin")
        cls.keys = cls.env["integration.credential"]

    def signatures(self):
        return self.receiver.requests[-1].headers["webhook-signature"].split(" ")

    def verifies(self, text):
        request = self.receiver.requests[-1]
        try:
            standardwebhooks.Webhook(text).verify(request.body, request.headers)
        except standardwebhooks.WebhookVerificationError:
            return False
        return True

    def test_both_keys_sign_during_the_overlap(self):
        old, old_text = self._make_key(self.endpoint)
        (self.endpoint.credential_ids - old).action_revoke()
        new, new_text = self.keys._rotate(self.endpoint, use="outbound", overlap=timedelta(days=2))
        self.send()
        self.assertEqual((len(self.signatures()), self.verifies(old_text), self.verifies(new_text)), (1, True, False))
        new._approval_grant(self_approved=False)
        self.send()
        self.assertEqual((len(self.signatures()), self.verifies(old_text), self.verifies(new_text)), (2, True, True))
        self.assertEqual((old.stage, old.successor_id, new.stage), ("retiring", new, "active"))
        old._approving().write({"valid_to": fields.Datetime.now()})
        self.send()
        self.assertEqual((len(self.signatures()), self.verifies(old_text), self.verifies(new_text)), (1, False, True))

    def test_the_published_key_verifies_what_is_sent(self):
        new, text = self.keys._rotate(self.endpoint, use="outbound", version="v1a")
        new._approval_grant(self_approved=False)
        self.assertEqual(text, new.public_key)
        self.assertTrue(new._text().startswith("whsk_"))
        self.send()
        request = self.receiver.requests[-1]
        [entry] = [one for one in self.signatures() if one.startswith("v1a,")]
        [jwk] = [one for one in self.keys._published() if one["kid"] == new.name]
        public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwk["x"] + "="))
        signed = b".".join(
            [request.headers["webhook-id"].encode(), request.headers["webhook-timestamp"].encode(), request.body]
        )
        public.verify(base64.b64decode(entry.removeprefix("v1a,")), signed)

    def test_the_wizard_of_an_endpoint(self):
        endpoint = self.endpoint.with_user(self.boss)
        action = endpoint.action_rotate_keys()
        wizard = self.env["integration.key.wizard"].with_user(self.boss).with_context(**action["context"])
        made = wizard.create({"version": "v1a"})
        self.assertEqual((made.use, made.needs_approval), ("outbound", True))
        self.assertEqual(made.replaced_ids, self.endpoint.credential_ids)
        shown = made.action_create()["params"]
        self.assertTrue(shown["public"])
        self.assertTrue(shown["secret"].startswith("whpk_"))
        secret = signing.Secret.generate().text()
        entered = wizard.create({"origin": "partner", "replace": False, "partner_key": secret})
        entered.action_create()
        self.assertIn(secret, [key._text() for key in self.endpoint.credential_ids])

    def test_a_key_that_waits_says_in_the_inbox_which_endpoint_it_is_of(self):
        key, _text = self.keys._rotate(self.endpoint, use="outbound")
        self.env.flush_all()
        [row] = self.env["integration.approval"].search(
            [("res_model", "=", key._name), ("res_id", "=", key.id)]
        )
        self.assertEqual(row.record_name, f"{key.name} ({self.endpoint.name})")

    def test_a_public_key_is_said_to_be_published_when_it_is(self):
        key, _text = self.keys._rotate(self.endpoint, use="outbound", version="v1a")
        self.assertTrue(key._show_once(key.public_key)["params"]["waiting"])
        self.assertNotIn(key.name, [one["kid"] for one in self.keys._published()])
        key._approval_grant(self_approved=False)
        self.assertFalse(key._show_once(key.public_key)["params"]["waiting"])
        self.assertIn(key.name, [one["kid"] for one in self.keys._published()])

    def test_nobody_gives_us_a_private_key(self):
        with self.assertRaises(ValidationError):
            self.keys._take_over(
                {"endpoint_id": self.endpoint.id},
                company=self.company,
                use="outbound",
                version="v1a",
                text=signing.PrivateKey.generate().text(),
            )

    def test_the_owner_is_told_before_the_last_key_ends(self):
        key = self.endpoint.credential_ids
        key._approving().write({"valid_to": fields.Datetime.now() + timedelta(days=5)})
        self.assertIn("Rotate", self.endpoint.key_warning)
        with freeze_time(fields.Datetime.now()):
            self.keys._warn_of_ends()
        activity = self.endpoint.activity_ids
        self.assertEqual((len(activity), activity.user_id), (1, self.endpoint.owner_id))
        self.assertIn(key.name, activity.summary)
        self.assertFalse(self.endpoint.trouble)
