from odoo.addons.integration_core.domain.errors import CATALOGUE, explain
from odoo.addons.integration_core.tests.explained import ExplainedCase
from odoo.tests import new_test_user, tagged

from .common import OutboundCase


@tagged("post_install", "-at_install")
class TestExplained(OutboundCase, ExplainedCase):
    """The form of a delivery to an endpoint says what the table of error codes says, for each code."""

    def setUp(self):
        super().setUp()
        self.operator = new_test_user(self.env, "op", groups="integration_core.group_operator")
        self.boss = new_test_user(self.env, "boss", groups="integration_core.group_admin", name="The Boss")
        self.endpoint.owner_id = self.boss
        self.event = self.emit()
        self.subscription = self.endpoint.subscription_ids

    def one(self, state, code):
        self.env.cr.execute("DELETE FROM integration_delivery WHERE event_id = %s", (self.event.id,))
        return self.deliver(self.event, self.subscription, state, code)

    def test_each_code(self):
        for row in CATALOGUE.values():
            with self.subTest(row.code):
                self.assert_says(self.one(self.state_of(row), self.code_of(row)), self.boss, row)

    def test_an_operator_is_not_offered_what_only_an_administrator_may(self):
        for code in ("http_401", "egress_refused"):
            arch, values = self.form_of(self.one("dead", code), self.operator)
            self.assertEqual(self.buttons_of(arch, values), [])
            self.assertEqual(values["whose_turn"], explain(code).turn.label)

    def test_an_endpoint_that_is_not_active_holds_what_waits(self):
        delivery = self.one("waiting", "http_503")
        self.assert_says(delivery, self.operator, explain("http_503").while_waiting())
        self.endpoint._disable("configuration")
        self.assert_says(delivery, self.operator, explain("endpoint_held"))
        self.assertEqual(delivery.whose_turn, "Owner of the endpoint (The Boss)")
        action = delivery.action_open_endpoint()
        self.assertEqual((action["res_model"], action["res_id"]), ("integration.endpoint", self.endpoint.id))

    def test_a_paused_endpoint_is_resumed_by_an_operator_from_here(self):
        delivery = self.one("waiting", None)
        self.endpoint.with_user(self.operator).action_pause()
        self.assert_says(delivery, self.operator, explain("paused"))
        delivery.with_user(self.operator).action_resume()
        self.assertEqual((self.endpoint.state, delivery.reason_code), ("active", False))

    def test_a_gone_receiver_is_said_to_be_gone(self):
        delivery = self.one("waiting", "http_410")
        self.endpoint._disable("gone")
        self.assert_says(delivery, self.operator, explain("http_410"))

    def test_the_buttons_of_the_endpoint(self):
        delivery = self.one("dead", "egress_refused").with_user(self.boss)
        self.assertEqual(delivery.action_allow_address()["context"]["default_port"], self.receiver.port)
        self.assertEqual(delivery.action_create_key()["context"]["default_endpoint_id"], self.endpoint.id)

    def test_what_was_never_answered_says_no_more_than_it_knows(self):
        self.receiver.close()
        delivery = self.send()
        self.assertEqual(delivery.error_code, "connection_refused")
        self.assertEqual(delivery.error_detail, "Nothing listens at the receiver's address.")
        self.assert_says(delivery, self.operator, explain("connection_refused").while_waiting())
