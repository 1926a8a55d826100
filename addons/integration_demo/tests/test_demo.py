import os
from datetime import date
from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_core.tests.common import master_key_environment
from odoo.exceptions import AccessDenied, UserError
from odoo.tests import TransactionCase, tagged

BASE_URL = "http://127.0.0.1:8069"
LOGINS = [
    "finance.viewer",
    "finance.reviewer",
    "clinical.liaison",
    "integration.operator",
    "mapping.steward",
    "integration.admin",
    "governance.approver",
    "privacy.officer",
    "auditor",
]


@tagged("post_install", "-at_install")
class TestDemo(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch.dict(os.environ, master_key_environment(cls.env)))
        os.environ.pop("INTEGRATION_MASTER_KEY_FILE", None)
        cls.demo = cls.env["integration.demo"]
        cls.built = cls.demo._build(BASE_URL, 8123)
        cls.hospital = cls.demo._hospital()

    def counts(self):
        models = (
            "system",
            "credential",
            "endpoint",
            "subscription",
            "identifier",
            "entity",
            "billing.rule",
            "egress.allow",
        )
        return [self.env[f"integration.{model}"].search_count([]) for model in models]

    def test_building_again_changes_nothing_and_answers_the_same(self):
        before = self.counts()
        self.assertEqual(self.demo._build(BASE_URL, 8123), self.built)
        self.assertEqual(self.counts(), before)

    def test_the_metrics_are_read_with_a_token_that_stays_while_it_works(self):
        readers = self.env["integration.metrics.token"]
        token = self.demo._metrics_token()
        self.assertTrue(readers._admits(f"Bearer {token}"))
        self.assertEqual(self.demo._metrics_token(token), token)
        other = self.demo._metrics_token("oim_" + "x" * 43)
        self.assertTrue(readers._admits(f"Bearer {other}"))
        self.assertFalse(readers._admits(f"Bearer {token}"))

    def test_the_set_up_check_says_that_it_is_made_up(self):
        self.assertIn("the demo hospital", self.env["integration.setup.check"]._demo())

    def test_every_system_may_send_what_it_is_said_to_and_is_live(self):
        self.assertEqual(set(self.built), set(self.hospital["systems"]))
        for code, entry in self.built.items():
            system = self.env["integration.system"].search([("code", "=", code)])
            self.assertEqual((system.state, system.approval_state), ("active", "approved"))
            self.assertEqual(system._mode_at(fields.Datetime.now()), "live")
            self.assertEqual(sorted(system.event_type_ids.mapped("name")), sorted(entry["event_types"]))
            (key,) = system.credential_ids._verify_keys(fields.Datetime.now())
            self.assertEqual(key.material.text(), entry["secret"])

    def test_every_code_of_the_hospital_has_its_meaning(self):
        today, company = date.today(), self.env.ref("demo_hospital.company")
        for service in self.hospital["services"]:
            system = self.env["integration.system"].search([("code", "=", service["system"])])
            key = (system._code_system("service"), service["code"], today)
            entity = self.env["integration.identifier"]._resolve(system, "service", {key}, company)[key]
            self.assertEqual(entity.product_id.default_code, service["code"])
        for department in self.hospital["departments"]:
            key = (system._code_system("department"), department["code"], today)
            entity = self.env["integration.identifier"]._resolve(system, "department", {key}, company)[key]
            self.assertEqual(entity._cost_center().code, department["cost_center"])

    def test_the_codes_of_the_synthetic_patients_are_unmapped(self):
        system = self.env["integration.system"].search([("code", "=", "synthea")])
        self.assertFalse(self.env["integration.identifier"].search([("system_id", "=", system.id)]))

    def test_nobody_can_log_in_before_a_password_is_set(self):
        users = self.env["res.users"].search([("login", "in", LOGINS)])
        self.assertEqual(len(users), len(LOGINS))
        for user in users:
            for password in ("", False, user.login, "admin"):
                with self.assertRaises(AccessDenied):
                    user.with_user(user)._check_credentials(
                        {"type": "password", "login": user.login, "password": password}, {"interactive": True}
                    )

    def test_the_receiver_listens_on_this_machine_alone_and_its_key_is_known(self):
        endpoint = self.env.ref("demo_hospital.endpoint")
        self.assertEqual(endpoint.url, "http://127.0.0.1:8123/")
        self.assertFalse(endpoint.egress_problem)
        self.assertEqual(endpoint.state, "active")
        (entry,) = self.demo._receivers().values()
        (key,) = endpoint.credential_ids._signing_keys(fields.Datetime.now())
        self.assertEqual(entry, {"url": endpoint.url, "secret": key.text()})

    def test_lab_work_has_a_price_for_every_customer(self):
        product = self.env.ref("demo_hospital.service_CBC")
        for code, price in {"NBH": 19.2, "UCM": 21.6, "SHF": 18.0, "SELF": 24.0}.items():
            pricelist = self.env.ref(f"demo_hospital.customer_{code}").property_product_pricelist
            self.assertEqual(pricelist._get_product_price(product, 1), price)

    def test_a_database_with_postings_is_refused(self):
        self.env["ir.model.data"].search([("module", "=", "demo_hospital"), ("name", "=", "company")]).unlink()
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.env.ref("demo_hospital.customer_NBH").id,
                "invoice_line_ids": [fields.Command.create({"name": "Something", "price_unit": 1})],
            }
        )
        invoice.action_post()
        with self.assertRaises(UserError):
            self.demo._build(BASE_URL)


@tagged("post_install", "-at_install")
class TestNothingByInstalling(TransactionCase):
    def test_installing_builds_nothing(self):
        shipped = self.env["ir.model.data"].search([("module", "=", "integration_demo")])
        # What Odoo itself records of a model's definition; there must be no record besides.
        self.assertLessEqual(set(shipped.mapped("model")), {"ir.model", "ir.model.fields", "ir.model.inherit"})
