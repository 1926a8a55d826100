from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessDenied, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .recording import RECORDER, RecordingCase
from .test_journal import ADMITTED


@tagged("post_install", "-at_install")
class TestRunAs(RecordingCase):
    """Each system acts as a user of its own, as whom nobody logs in."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = cls.system.run_as_id
        cls.group = cls.env.ref("integration_core.group_engine")

    def test_a_system_has_a_user_of_its_own(self):
        other = self._make_system("lab")
        self.assertNotEqual(other.run_as_id, self.user)
        self.assertEqual(self.user.group_ids, self.group)
        self.assertEqual(self.user.company_ids, self.system.company_id)
        self.assertFalse(self.user.email)
        self.env.cr.execute("SELECT password FROM res_users WHERE id = %s", (self.user.id,))
        self.assertFalse(self.env.cr.fetchone()[0])

    def test_an_administrator_of_the_integration_alone_registers_a_system(self):
        boss = new_test_user(self.env, "boss", groups="integration_core.group_admin")
        system = self.env["integration.system"].with_user(boss).create({"name": "New", "code": "new"})
        self.assertEqual(system.sudo().run_as_id.group_ids, self.group)

    def test_it_follows_its_system(self):
        company = self.env["res.company"].create({"name": "Clinic"})
        self.system.write({"name": "Renamed", "company_id": company.id})
        self.assertEqual(self.user.name, "Renamed (integration)")
        self.assertIn(company, self.user.company_ids)
        unused = self._make_system("unused")
        user = unused.run_as_id
        unused.unlink()
        self.assertFalse(user.active)

    def test_the_technical_group_is_for_nobody_else(self):
        person = new_test_user(self.env, "person", groups="base.group_user")
        with self.assertRaises(ValidationError):
            person.group_ids = [Command.link(self.group.id)]
        with self.assertRaises(ValidationError):
            self.user.group_ids = [Command.link(self.env.ref("base.group_system").id)]

    def test_it_gets_no_password_and_no_key(self):
        for user in (self.user, self.env.ref("integration_core.user_engine")):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                user.password = "correct horse battery staple"
            with self.assertRaises(UserError):
                self.env["res.users.apikeys"].with_user(user).sudo()._generate(None, "door", None)

    def test_a_key_or_password_from_before_opens_nothing(self):
        """What a person was given stays in the tables when that user is made the integration's by hand."""
        person = new_test_user(self.env, "person", groups="base.group_user", password="correct horse battery staple")
        soon = fields.Datetime.now() + timedelta(days=1)
        key = self.env["res.users.apikeys"].with_user(person).sudo()._generate(None, "door", soon)
        credential = {"type": "password", "login": "person", "password": "correct horse battery staple"}
        users = self.env["res.users"]
        self.assertEqual(users.authenticate(credential, {"interactive": True})["uid"], person.id)
        self.assertEqual(self.env["res.users.apikeys"]._check_credentials(scope="rpc", key=key), person.id)
        users._check_uid_passwd(person.id, key)
        person.group_ids = self.group
        with self.assertRaises(AccessDenied):
            users.authenticate(credential, {"interactive": True})
        self.assertFalse(self.env["res.users.apikeys"]._check_credentials(scope="rpc", key=key))
        with self.assertRaises(AccessDenied):
            users._check_uid_passwd(person.id, key)

    def test_what_a_handler_makes_names_the_user_of_the_system(self):
        lab = self._make_system("lab")
        users = []
        handler = self.env.registry["integration.handler.recording"]
        handle = handler._handle

        def spy(model, batch):
            users.append((model.env.user, model.env.su, [one.data["encounter"] for one in batch]))
            return handle(model, batch)

        self.patch(handler, "_handle", spy)
        for number, system in enumerate((self.system, lab, self.system)):
            self.post(ADMITTED, {"encounter": f"E-{number}"}, system=system)
        self.drain()
        self.assertEqual(
            [(user, su, sorted(names)) for user, su, names in users],
            [(self.user, False, ["E-0", "E-2"]), (lab.run_as_id, False, ["E-1"])],
        )
        self.assertEqual(sum(map(len, RECORDER.batches)), 3)
