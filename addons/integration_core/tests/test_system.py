import base64

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from ..domain import signing
from ..domain.keyring import KeyringError
from .common import IntegrationCase


@tagged("post_install", "-at_install")
class TestSystem(IntegrationCase):
    def test_codes_are_strict_and_final(self):
        for code in ("", "Upper", "with space", "ünïcode", "a.b", "-x", "x" * 64):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                self._make_system(code or " ")
        with self.assertRaises(UserError):
            self.system.code = "other"

    def test_a_new_system_is_where_its_company_is(self):
        boss = new_test_user(self.env, "zone_boss", groups="integration_core.group_admin", tz="Asia/Tokyo")
        there = self.env["res.company"].create({"name": "Clinic"})
        there.partner_id.tz = "America/Lima"
        boss.company_ids |= there
        systems = self.env["integration.system"].with_user(boss)
        self.company.partner_id.tz = False
        self.assertEqual(systems.create({"name": "A", "code": "zone-a"}).timezone, "Asia/Tokyo")
        self.company.partner_id.tz = "Europe/Lisbon"
        self.assertEqual(systems.create({"name": "B", "code": "zone-b"}).timezone, "Europe/Lisbon")
        both = systems.with_context(allowed_company_ids=(self.company | there).ids)
        system = both.create({"name": "C", "code": "zone-c", "company_id": there.id})
        self.assertEqual(system.timezone, "America/Lima")
        given = both.create({"name": "D", "code": "zone-d", "company_id": there.id, "timezone": "UTC"})
        self.assertEqual(given.timezone, "UTC")
        form = both.new({"company_id": there.id, "timezone": "UTC"})
        form._onchange_company()
        self.assertEqual(form.timezone, "America/Lima")
        known = both.new({"company_id": there.id, "timezone": "UTC"}, origin=given)
        known._onchange_company()
        self.assertEqual(known.timezone, "UTC")

    def test_the_engine_is_let_into_the_company(self):
        company = self.env["res.company"].create({"name": "Clinic"})
        self._make_system("clinic", company=company)
        self.assertIn(company, self.env.ref("integration_core.user_engine").company_ids)

    def test_what_events_refer_to_is_not_deleted(self):
        _accepted, event = self.post(
            "clinical.encounter.discharged.v1",
            {"encounter": "E-1", "patient": {"id": "P-1"}, "discharged_at": "2026-11-20T10:00:00Z"},
        )
        data_key = self.env["integration.data.key"].search([("state", "=", "active")])
        for record in (self.system, event.event_type_id, data_key, self.company):
            with self.assertRaisesRegex(UserError, "events refer to it"), self.env.cr.savepoint():
                record.sudo().unlink()
        unused = self._make_system("unused")
        unused.unlink()
        self.assertFalse(unused.exists())

    def make_key(self):
        return self.env["integration.credential"]._generate(
            {"system_id": self.system.id}, company=self.system.company_id, use="inbound"
        )

    def test_a_key_is_sealed_and_works_only_while_active(self):
        key, text = self.make_key()
        key._approving().write({"state": "active"})
        moment = key.valid_from
        [verify_key] = key._verify_keys(moment)
        self.assertEqual(verify_key.material, signing.Secret.parse(text))
        self.env.cr.execute("SELECT sealed FROM integration_credential WHERE id = %s", (key.id,))
        sealed = self.env.cr.fetchone()[0]
        self.assertNotIn(text.removeprefix("whsec_"), sealed)
        self.assertNotIn(base64.b64decode(text.removeprefix("whsec_")), base64.b64decode(sealed))
        key.action_revoke()
        self.assertFalse(key._verify_keys(moment))

    def test_nobody_reads_sealed_bytes(self):
        key, _text = self.make_key()
        admin = new_test_user(self.env, "adm", groups="integration_core.group_admin,base.group_system")
        with self.assertRaises(AccessError):
            key.with_user(admin).read(["sealed"])
        self.assertNotIn("sealed", key.with_user(admin).read()[0])

    def test_a_seal_opens_only_in_its_own_place(self):
        key, _text = self.make_key()
        key._approving().write({"name": "key_of_another"})
        with self.assertRaises(KeyringError):
            key._text()

    def test_a_live_systems_key_needs_approval(self):
        key, _text = self.make_key()
        self.assertTrue(key._approval_needed())
        self.assertFalse(
            self.env["integration.credential"]
            ._generate({"system_id": self._make_system("t", live=False).id}, company=self.company, use="inbound")[0]
            ._approval_needed()
        )

    def test_a_copied_database_is_noticed(self):
        self.assertIsNone(self.env["integration.keyring"]._status())
        self.env["ir.config_parameter"].set_param("database.uuid", "somewhere-else")
        self.assertIn("another database", self.env["integration.keyring"]._status())
        with self.assertRaises(KeyringError):
            self.make_key()

    def test_hashes_are_keyed_and_scoped(self):
        ring = self.env["integration.keyring"]
        one = ring._keyed_hash("MRN-7", scope="patient:ehr")
        self.assertEqual(one, ring._keyed_hash("MRN-7", scope="patient:ehr"))
        self.assertNotEqual(one, ring._keyed_hash("MRN-7", scope="patient:lab"))
        self.assertNotIn("MRN", one)
