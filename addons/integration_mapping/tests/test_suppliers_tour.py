import os
from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_core.tests.common import master_key_environment
from odoo.tests import HttpCase, new_test_user, tagged

VAT = "BE0477472701"


@tagged("post_install", "-at_install")
class TestSuppliersTour(HttpCase):
    """In the browser: a steward attaches a proposed supplier and merges a duplicate, another one approves both."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.dict(os.environ, master_key_environment(cls.env)))
        os.environ.pop("INTEGRATION_MASTER_KEY_FILE", None)
        for group in ("integration_core.group_admin", "integration_core.group_steward"):
            cls.env.ref(group).user_ids = [fields.Command.clear()]
        new_test_user(cls.env, "steward", groups="integration_core.group_steward")
        cls.second = new_test_user(cls.env, "second", groups="integration_core.group_steward")
        roles = cls.env["integration.approving.role"]
        roles.search([]).unlink()
        roles._look()
        cls.acme = cls.env["res.partner"].create({"name": "Acme Medical", "is_company": True, "vat": VAT})
        cls.system = cls.env["integration.system"].create(
            {
                "name": "Procurement hub",
                "code": "hub",
                "timezone": "UTC",
                "state": "active",
                "mode": "live",
                "live_from": "2000-01-01 00:00:00",
            }
        )
        cls.proposal = cls.env["integration.proposal"].create(
            {
                "company_id": cls.env.company.id,
                "system_id": cls.system.id,
                "mode": "live",
                "kind": "supplier",
                "code_system": "hub",
                "code": "S-9",
                "name": "ACME",
                "told": {"name": "ACME", "vat": VAT, "city": "Ghent"},
                "numbers": {"vat": VAT},
            }
        )
        cls.env["integration.party.number"]._replace_of_proposals({cls.proposal: {"vat": VAT}})

    def test_a_steward_attaches_and_merges_and_another_approves(self):
        self.env["integration.entity"]._for_target("supplier", self.env.company, self.acme)
        self.start_tour("/odoo/integration-approvals", "integration_attach_supplier", login="steward")
        self.start_tour("/odoo/integration-approvals", "integration_approve_supplier", login="second")
        self.env.invalidate_all()
        self.assertEqual((self.proposal.state, self.proposal.identifier_id.state), ("attached", "approved"))

        twin = self.env["res.partner"].create({"name": "Acme Twin", "is_company": True, "vat": VAT})
        self.start_tour("/odoo/integration-approvals", "integration_merge_suppliers", login="steward")
        self.env.invalidate_all()
        pair = self.env["integration.duplicate"].search([("keep_id", "=", self.acme.id)])
        self.assertEqual((pair.state, pair.approval_state), ("open", "requested"))
        pair.with_user(self.second).action_approve()
        self.assertEqual(pair.state, "merged")
        self.assertFalse(twin.exists())
