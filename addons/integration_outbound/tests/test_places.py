"""Where messages go is known by heart, and never longer than it is so."""

from unittest.mock import patch

from odoo.addons.integration_core.domain.keyring import KeyringError, Problem
from odoo.addons.integration_core.tests.test_plans import forget_statistics
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..models import integration_consumer_endpoint as module
from ..models.integration_endpoint import FOLLOWED
from .common import OutboundCase


@tagged("post_install", "-at_install")
class TestPlaces(OutboundCase):
    def stamp(self):
        return self.env["integration.configuration"]._stamp()

    def known(self):
        return self.env["integration.consumer.endpoint"]._places(self.stamp())

    def test_it_is_read_once_while_nothing_changes(self):
        self.assertIs(self.known(), self.known())

    def test_whatever_says_where_messages_go_is_read_again(self):
        held = {"scope": "system", "system_id": self.endpoint.system_id.id, "reason": "test"}
        changes = {
            "a hold": lambda: self.env["integration.hold"].sudo().create(held),
            "an allowed receiver": lambda: self.allow("lab.internal", 8443),
            "a key": self.endpoint.credential_ids.action_revoke,
            "a subscription": lambda: self.endpoint.subscription_ids.write({"include_own": True}),
            "a system": lambda: self.endpoint.system_id.sudo().write({"name": "Renamed"}),
        }
        for name, change in changes.items():
            with self.subTest(name):
                before = self.known()
                change()
                self.assertIsNot(self.known(), before)

    def test_each_column_that_counts_is_followed_and_notes_of_health_are_not(self):
        for name in FOLLOWED:
            with self.subTest(name):
                before = self.stamp()
                column = SQL.identifier(name)
                self.env.cr.execute(SQL("UPDATE integration_endpoint SET %s = %s", column, column))
                self.assertNotEqual(self.stamp(), before)
        before = self.stamp()
        self.env.cr.execute("UPDATE integration_endpoint SET configuration_streak = 1, trouble_since = now()")
        self.assertEqual(self.stamp(), before)

    def test_a_key_counts_from_its_first_moment_to_its_last(self):
        key = self.endpoint.credential_ids
        (place,) = [one for one in self.known().by_subscription.values() if one.endpoint_id == self.endpoint.id][:1]
        self.assertEqual(len(place.keys_at(key.valid_from)), 1)
        key.valid_to = key.valid_from.replace(year=key.valid_from.year + 1)
        place = self.known().by_subscription[self.endpoint.subscription_ids[:1].id]
        self.assertEqual(place.keys_at(key.valid_to), ())

    def test_a_key_that_cannot_be_opened_is_tried_again_and_holds_up_nobody_else(self):
        opened = self.registry["integration.credential"]._signing_key
        broken = self.endpoint.credential_ids

        def tampered(credential):
            if credential == broken:
                raise KeyringError(Problem.MISSING)
            return opened(credential)

        broken.valid_to = broken.valid_from.replace(year=broken.valid_from.year + 1)
        with (
            mute_logger(module.__name__),
            patch.object(self.registry["integration.credential"], "_signing_key", tampered),
        ):
            place = self.known().by_subscription[self.endpoint.subscription_ids[:1].id]
            self.assertEqual(place.keys_at(broken.valid_from), ())
        place = self.known().by_subscription[self.endpoint.subscription_ids[:1].id]
        self.assertEqual(len(place.keys_at(broken.valid_from)), 1)

    def test_messages_are_looked_up_one_by_one_whatever_the_statistics_say(self):
        forget_statistics(self.env.cr)
        plan = module._MESSAGES.plan(self.env.cr)
        self.assertNotIn("Join Filter", plan, plan)
        self.assertNotIn("Seq Scan on integration_event", plan, plan)
