from odoo.addons.integration_core.tests.common import IntegrationCase
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install")
class TestImportTour(HttpCase, IntegrationCase):
    """In the browser: a steward imports a list, and another person approves what it would do."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        new_test_user(cls.env, "lister", groups="integration_core.group_steward")
        new_test_user(cls.env, "second", groups="integration_core.group_governance_approver")
        cls._forget_approvers()
        product = cls.env["product.product"].create(
            {"name": "Echocardiogram", "type": "service", "default_code": "ECHO"}
        )
        cls.entity = cls.env["integration.entity"]._for_target("service", cls.env.company, product)

    def test_import_a_list_and_approve_it(self):
        codes = {("ehr", "ECHO-1"): "Echo"}
        task = self.env["integration.mapping.task"]._request(self.system, "service", codes, self.env.company)
        self.start_tour("/odoo/integration-approvals", "integration_import_codes", login="lister")
        self.assertFalse(self.env["integration.identifier"].search([("code", "=like", "ECHO-_")]))
        self.start_tour("/odoo/integration-approvals", "integration_approve_import", login="second")
        self.env.invalidate_all()
        made = self.env["integration.identifier"].search([("code", "=like", "ECHO-_")])
        self.assertEqual((made.entity_id, sorted(made.mapped("code"))), (self.entity, ["ECHO-1", "ECHO-2"]))
        self.assertEqual((task.state, made.decided_by_id.login), ("done", "second"))
