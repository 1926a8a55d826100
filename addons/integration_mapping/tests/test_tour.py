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

    def test_a_steward_says_what_units_are(self):
        """As a steward: the code of a unit with its factor, and what a box of one product holds; another approves."""
        new_test_user(self.env, "unit_steward", groups="integration_core.group_steward")
        new_test_user(self.env, "other_steward", groups="integration_core.group_steward")
        system = self.env["integration.system"].create(
            {"name": "Store room", "code": "store", "timezone": "UTC", "mode": "live", "state": "active"}
        )
        [task] = self.env["integration.mapping.task"]._request(
            system, "unit", {("store", "BX12"): None}, system.company_id
        )
        box = self.env["uom.uom"].create({"name": "Tour box"})
        self.env["integration.entity"]._for_target("unit", system.company_id, box)
        self.env["product.product"].create({"name": "Tour gloves", "type": "consu"})
        self.start_tour("/odoo/integration-approvals", "integration_map_unit", login="unit_steward")
        proposal = task.proposal_id
        self.assertEqual((proposal.uom_id.name, proposal.factor, proposal.state), ("Units", "12", "proposed"))
        self.start_tour("/odoo/integration-approvals", "integration_unit_content", login="unit_steward")
        rule = self.env["integration.unit.factor"].search([("product_id.name", "=", "Tour gloves")])
        self.assertEqual((rule.factor, rule.approval_state), ("100", "requested"))

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

    def test_a_steward_maps_by_a_suggestion_another_approves_and_finance_looks(self):
        for login, role in (("map.steward", "steward"), ("map.approver", "steward"), ("map.viewer", "finance_viewer")):
            new_test_user(self.env, login, groups=f"integration_core.group_{role}")
        system = self.env["integration.system"].search([("state", "=", "active")], limit=1)
        system = system or self.env["integration.system"].create({"name": "Laboratory", "code": "lab"})
        system.sudo().write({"mode": "live", "state": "active"})
        product = self.env["product.product"].create({"name": "Glucose in plasma", "type": "service"})
        codes = {("lab", "GLU-7"): "Plasma glucose", ("lab", "NOISE"): "QC sample"}
        tasks = self.env["integration.mapping.task"]._request(system, "service", codes, system.company_id)
        self.start_tour("/odoo/integration-approvals", "integration_mapping_suggestions", login="map.steward")
        tasks.invalidate_recordset()
        self.assertEqual(sorted(tasks.mapped("turn")), ["approver", "finance"])
        self.start_tour("/odoo/integration-approvals", "integration_mapping_approve", login="map.approver")
        tasks.invalidate_recordset()
        self.assertEqual(sorted(tasks.mapped("state")), ["dismissed", "done"])
        key = ("lab", "GLU-7", date(2026, 6, 1))
        found = self.env["integration.identifier"]._resolve(system, "service", {key}, system.company_id)
        self.assertEqual(found[key].product_id, product)
        self.start_tour("/odoo/integration-mapped-codes", "integration_mapping_look", login="map.viewer")
