"""What a caller over RPC can put into a context, or into defaults of their own, changes nothing that is protected."""

from datetime import timedelta

from odoo import SUPERUSER_ID, fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import new_test_user, tagged

from .common import IntegrationCase


@tagged("post_install", "-at_install")
class TestTrust(IntegrationCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = new_test_user(cls.env, "trust_boss", groups="integration_core.group_admin")
        cls.systems = cls.env["integration.system"].with_user(cls.boss)

    def register(self, **context):
        values = {"name": "Forged", "code": "forged", "company_id": self.company.id, "timezone": "UTC"}
        return self.systems.with_context(**context).create(values)

    def default(self, model, name, value):
        """Set a default of the administrator's own, as every user may."""
        self.env["ir.default"].with_user(self.boss).set(model, name, value, True)

    # -- approvals ----------------------------------------------------------------------------------------------------

    def test_every_protected_field_of_every_model_is_given_when_a_record_is_made(self):
        models = [
            self.env[name]
            for name, model in self.env.registry.items()
            if hasattr(model, "_approval_initial") and not model._abstract
        ]
        self.assertIn("integration.system", [model._name for model in models])
        for model in models:
            with self.subTest(model=model._name):
                forged = {f"default_{name}": "forged" for name in model._approval_own_fields()}
                initial = model.with_context(**forged)._approval_initial()
                self.assertEqual(set(initial), model._approval_own_fields())
                self.assertNotIn("forged", initial.values())

    def test_a_system_begins_as_a_draft_in_test(self):
        forged = {"default_state": "active", "default_mode": "live", "default_approval_state": "approved"}
        system = self.register(**forged)
        self.assertEqual((system.state, system.mode, system.approval_state), ("draft", "test", "draft"))

    def test_nor_do_defaults_of_ones_own_help(self):
        self.default("integration.system", "state", "active")
        self.default("integration.credential", "state", "active")
        self.default("integration.credential", "approval_state", "approved")
        self.assertEqual(self.register().state, "draft")
        keys = self.env["integration.credential"].with_user(self.boss)
        key, _text = keys._generate({"system_id": self.system.id}, company=self.company, use="inbound")
        self.assertEqual((key.state, key.approval_state), ("draft", "draft"))

    def test_the_name_under_which_a_key_is_sealed_stays(self):
        keys = self.env["integration.credential"].with_user(self.boss)
        key, _text = keys._generate({"system_id": self.system.id}, company=self.company, use="inbound")
        with self.assertRaises(AccessError):
            key.write({"name": "another"})

    def test_a_key_that_cannot_be_opened_takes_no_other_along(self):
        keys = self.env["integration.credential"]
        holder = {"system_id": self.system.id}
        good, bad = (keys._generate(holder, company=self.company, use="inbound")[0] for _number in range(2))
        (good + bad)._approving().write({"state": "active"})
        self.env.flush_all()
        self.env.cr.execute("UPDATE integration_credential SET name = 'damaged' WHERE id = %s", (bad.id,))
        self.env.invalidate_all()
        with self.assertLogs("odoo.addons.integration_core", "ERROR"):
            party = self.env["integration.configuration"]._current().parties["ehr"]
        usable, _others = party.keys_at(fields.Datetime.now())
        self.assertEqual([key.key_id for key in usable if key.key_id != "decoy"], [good.name])

    def test_a_live_system_is_not_made_a_test_by_its_date(self):
        system = self.system
        system._approving().write({"approval_state": "approved"})
        system.with_user(self.boss).write({"live_from": fields.Datetime.now() + timedelta(days=9)})
        self.assertEqual((system.mode, system.approval_state), ("test", "draft"))

    # -- whom a system acts as ----------------------------------------------------------------------------------------

    def test_nothing_of_the_callers_context_reaches_the_user_that_is_made(self):
        admin = self.env.ref("base.user_admin")
        before = admin.name, admin.email
        system = self.register(default_partner_id=admin.partner_id.id, default_email="evil@example.org")
        self.assertEqual((admin.name, admin.email), before)
        self.assertNotEqual(system.sudo().run_as_id.partner_id, admin.partner_id)

    def test_nobody_chooses_whom_a_system_acts_as(self):
        system = self.register(default_run_as_id=self.boss.id)
        own = system.sudo().run_as_id
        self.assertEqual(own.login, "__integration_forged__")
        for user in (self.boss.id, SUPERUSER_ID, False):
            with self.assertRaises(AccessError):
                system.write({"run_as_id": user})
        with self.assertRaises(AccessError):
            self.systems.create({"name": "Other", "code": "other", "run_as_id": self.boss.id})
        with self.assertRaises(ValidationError):
            system.sudo().run_as_id = self.boss

    def test_nobody_moves_a_system_to_a_company_of_others(self):
        other = self.env["res.company"].create({"name": "Other"})
        system = self.register()
        with self.assertRaises(AccessError):
            system.write({"company_id": other.id})

    # -- what is told -------------------------------------------------------------------------------------------------

    def test_no_default_dates_a_deed(self):
        self.default("integration.audit", "at", "1999-01-01 00:00:00")
        self.env["integration.audit"].with_user(self.boss)._record("trust.test", self.system)
        row = self.env["integration.audit"].search([("action", "=", "trust.test")])
        self.assertGreater(row.at, fields.Datetime.now() - timedelta(minutes=5))
