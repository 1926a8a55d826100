import os
from datetime import date
from unittest.mock import patch

from odoo.addons.integration_core.tests.common import master_key_environment
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install")
class TestTour(HttpCase):
    """In the browser, with no help: an administrator registers a system, creates its key and maps a code of its."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.dict(os.environ, master_key_environment(cls.env)))
        os.environ.pop("INTEGRATION_MASTER_KEY_FILE", None)
        new_test_user(cls.env, "administrator", groups="integration_core.group_admin")
        cls.product = cls.env["product.product"].create({"name": "Echocardiogram", "type": "service"})

    def test_register_a_system_and_map_a_code(self):
        self.start_tour("/odoo/integration-approvals", "integration_register_system", login="administrator")
        system = self.env["integration.system"].search([("code", "=", "heart")])
        self.assertEqual((system.state, system.mode), ("active", "test"))
        self.assertEqual(system.event_type_ids.mapped("name"), ["clinical.service.finalized.v1"])
        self.assertEqual(system.credential_ids.mapped("state"), ["active"])

        codes = {("heart", "ECHO-2"): "Echo, second look"}
        task = self.env["integration.mapping.task"]._request(system, "service", codes, system.company_id)
        self.start_tour("/odoo/integration-approvals", "integration_map_code", login="administrator")
        task.invalidate_recordset()
        self.assertEqual(task.state, "done")
        key = ("heart", "ECHO-2", date(2026, 6, 1))
        answers = self.env["integration.identifier"]._resolve(system, "service", {key}, system.company_id)
        self.assertEqual(answers[key].product_id, self.product)
