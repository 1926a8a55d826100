from odoo.tests import HttpCase, new_test_user, tagged

from .common import POSTED, OutboundCase


@tagged("post_install", "-at_install")
class TestEndpointTour(OutboundCase, HttpCase):
    def test_an_administrator_sets_up_an_endpoint_on_the_screens(self):
        # Nobody else could approve: what she prepared she approves herself, and it is marked so.
        self.env.ref("integration_core.group_admin").user_ids = False
        new_test_user(self.env, "tour_admin", groups="integration_core.group_admin", password="tour_admin")
        self.start_tour("/odoo/integration-endpoints", "integration_outbound_endpoint", login="tour_admin")
        endpoint = self.env["integration.endpoint"].search([("name", "=", "Tour warehouse")])
        self.assertEqual((endpoint.state, endpoint.approved_mode, endpoint.self_approved), ("active", "live", True))
        self.assertEqual(endpoint.credential_ids.approval_state, "requested")
        self.assertEqual(endpoint.subscription_ids.event_type_ids.name, POSTED)
        allowed = self.env["integration.egress.allow"].search([("host", "=", "10.11.12.13")])
        self.assertEqual((allowed.port, allowed.create_uid.login), (8099, "tour_admin"))
