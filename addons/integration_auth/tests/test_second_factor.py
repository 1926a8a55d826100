import json
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_core.tests.test_setup_check import AMBER, GREEN, RED, SetupCase
from odoo.exceptions import ValidationError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..models.res_users import DEMANDED, TRUSTS_PROVIDER

PASSWORD = "correct horse battery staple"
HINT = "takes a second factor"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # base32 of the key of RFC 6238, appendix B


class SignInCase(SetupCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.chief = cls._user("chief", "integration_core.group_admin")
        cls.mover = cls._user("mover", "integration_core.group_operator")

    @classmethod
    def _user(cls, login, group):
        return new_test_user(cls.env, login, groups=group, password=PASSWORD, email=f"{login}@hospital.example")

    def demand(self, *, trusts=False):
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param(DEMANDED, "True")
        parameters.set_param(TRUSTS_PROVIDER, trusts and "True")


@tagged("post_install", "-at_install")
class TestSecondFactor(SignInCase, HttpCase):
    def sign_in(self, user):
        """Sign in on the page, as people do."""
        self.authenticate(None, None)
        page = self.url_open("/web/login")
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        self.url_open("/web/login", data={"login": user.login, "password": PASSWORD, "csrf_token": token})

    def give_code(self):
        """Answer what Odoo asks for after the password."""
        page = self.url_open("/web/login/totp")
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        with patch("odoo.addons.auth_totp.models.totp.TOTP.match", return_value=1):
            self.url_open("/web/login/totp", data={"totp_token": "123456", "csrf_token": token})

    def call(self, method, *args, model="integration.system"):
        params = {"model": model, "method": method, "args": args, "kwargs": {}}
        payload = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
        with mute_logger("odoo.http"):
            answer = self.url_open(
                f"/web/dataset/call_kw/{model}/{method}",
                data=json.dumps(payload),
                headers={"Content-Type": "application/json"},
            ).json()
        return answer.get("error", {}).get("data", {}).get("message", "") or "done"

    def rename(self):
        return self.call("write", [self.system.id], {"name": "Renamed"})

    def test_with_a_password_alone_administrators_look_and_do_not_act(self):
        self.sign_in(self.chief)
        self.assertEqual(self.rename(), "done")
        self.demand()
        self.assertEqual(self.call("read", [self.system.id], ["name"]), "done")
        self.assertIn(HINT, self.rename())
        # What is refused for want of the role, not of the right to write, says why as well.
        subscriptions = self.env["integration.subscription"].search([], limit=1)
        self.assertIn(HINT, self.call("action_pause", subscriptions.ids, model="integration.subscription"))

    def test_other_roles_are_asked_for_nothing(self):
        self.demand()
        self.sign_in(self.mover)
        subscriptions = self.env["integration.subscription"].search([], limit=1)
        self.assertEqual(self.call("action_pause", subscriptions.ids, model="integration.subscription"), "done")

    def test_with_an_authenticator_app_they_act(self):
        self.chief.sudo().totp_secret = SECRET
        self.demand()
        self.sign_in(self.chief)
        self.give_code()
        self.assertEqual(self.rename(), "done")

    def test_a_code_by_mail_counts_from_when_it_was_given(self):
        self.demand()
        self.sign_in(self.chief)
        # A session from before the policy was asked for nothing.
        self.env["ir.config_parameter"].sudo().set_param("auth_totp.policy", "employee_required")
        self.assertIn(HINT, self.rename())
        self.sign_in(self.chief)
        self.give_code()
        self.assertEqual(self.rename(), "done")

    def test_an_identity_provider_counts_where_it_is_trusted(self):
        signed_in = {"uid": self.chief.id, "auth_method": "oauth", "mfa": "default"}
        self.demand()
        with patch("odoo.addons.base.models.res_users.ResUsers._check_credentials", return_value=signed_in):
            self.sign_in(self.chief)
        self.assertIn(HINT, self.rename())
        self.demand(trusts=True)
        self.assertEqual(self.rename(), "done")

    def test_a_key_for_programs_is_one_factor(self):
        self.chief.sudo().totp_secret = SECRET
        soon = fields.Datetime.now() + timedelta(days=1)
        key = self.env["res.users.apikeys"].with_user(self.chief).sudo()._generate(None, "door", soon)

        def knock():
            return self.url_open(
                "/json/2/integration.system/write",
                data=json.dumps({"ids": self.system.ids, "vals": {"name": "By a program"}}),
                headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            )

        self.assertEqual(knock().status_code, 200)
        self.demand()
        with mute_logger("odoo.http"):
            refused = knock()
        self.assertEqual(refused.status_code, 403)
        self.assertIn(HINT, refused.text)

    def test_nobody_locks_themselves_out(self):
        self.env.ref("base.group_system").user_ids += self.chief
        self.sign_in(self.chief)
        values = {"integration_second_factor": True}
        [settings] = self.env["res.config.settings"].with_user(self.chief).create(values)
        self.assertIn("lock yourself out", self.call("execute", [settings.id], model="res.config.settings"))
        self.assertFalse(self.env["ir.config_parameter"].sudo().get_param(DEMANDED))

    def test_sessions_of_administering_roles_end(self):
        timeouts = self.chief._get_lock_timeouts()
        self.assertEqual(timeouts, {"lock_timeout": [(12 * 3600, False)], "lock_timeout_inactivity": [(1800, False)]})
        self.assertEqual(self.mover._get_lock_timeouts(), {"lock_timeout": [], "lock_timeout_inactivity": []})


@tagged("post_install", "-at_install")
class TestSetting(SignInCase):
    def test_the_set_up_check_counts_who_has_none(self):
        self.assert_level("second_factor", AMBER, "password")
        self.demand()
        self.assert_level("second_factor", RED, "refused")
        for user in self.env.ref("integration_core.group_admin").all_user_ids:
            user.sudo().totp_secret = SECRET
        self.assert_level("second_factor", GREEN)

    def test_a_change_is_in_the_audit_trail(self):
        settings = self.env["res.config.settings"].create({"integration_second_factor": True})
        settings.execute()
        entry = self.env["integration.audit"].search([("action", "=", "sign_in.change")], limit=1)
        self.assertIn("second factor: True", entry.detail)
        with self.assertRaises(ValidationError), patch.object(
            type(self.env["res.users"]), "_lacks_second_factor", return_value=True
        ):
            self.env["res.config.settings"].create({"integration_trusts_provider": True}).execute()
