from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..engine import claims
from ..models.integration_handler import IntegrationHandler
from .common import IntegrationCase
from .test_journal import ADMITTED, DATA

RUNNER_LOG = "odoo.addons.integration_core.engine.runner"


@tagged("post_install", "-at_install")
class TestEngine(IntegrationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Only the handler of these tests gets events here, whatever other addons subscribe.
        cls.env["integration.subscription"].search([]).active = False
        cls.subscription = cls.env["integration.subscription"].create(
            {
                "name": "Test handler",
                "company_id": False,
                "event_type_ids": cls.env["integration.event.type"]._named(ADMITTED).ids,
                "handler": next(iter(dict(cls.env["integration.subscription"]._selection_handler())), False),
            }
        ) if cls.env["integration.subscription"]._selection_handler() else None

    def setUp(self):
        super().setUp()
        if not self.subscription:
            self.skipTest("not run: no handler installed")
