import json
from datetime import timedelta
from xmlrpc.client import Fault

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import PartnerCase

PASSWORD = "correct horse battery staple"


@tagged("post_install", "-at_install")
class TestDoors(PartnerCase):
    """A user as whom a system acts reaches nothing through Odoo's generic doors, whatever its row in the table holds.

    Each door is tried with a person first: a test that knocks wrongly would be refused as well.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machine = cls.system.run_as_id
        cls.person = cls.env["res.users"].create(
            {"name": "Person", "login": "person", "email": "person@hospital.example", "password": PASSWORD}
        )
        soon = fields.Datetime.now() + timedelta(days=1)
        cls.api_key = cls.env["res.users.apikeys"].with_user(cls.person).sudo()._generate(None, "door", soon)
        # As somebody with the database in hand could do it: the same password and key for the machine's user.
        cls.env.cr.execute(
            "UPDATE res_users SET password = (SELECT password FROM res_users WHERE id = %s) WHERE id = %s",
            (cls.person.id, cls.machine.id),
        )
        cls.env.registry.clear_cache()

    def hand_over_key(self):
        """Let the API key be the machine's."""
        self.env.cr.execute("UPDATE res_users_apikeys SET user_id = %s", (self.machine.id,))
        self.env.registry.clear_cache()

    def json(self, path, params):
        payload = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
        with mute_logger("odoo.http", "odoo.addons.rpc.controllers.jsonrpc"):
            return self.url_open(path, data=json.dumps(payload), headers={"Content-Type": "application/json"}).json()

    def both(self, knock):
        """Return whether ``knock`` opens for the person, and for the machine."""
        return knock(self.person), knock(self.machine)

    def test_the_login_page(self):
        def knock(user):
            self.authenticate(None, None)
            page = self.url_open("/web/login")
            token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
            answer = self.url_open(
                "/web/login",
                data={"login": user.login, "password": PASSWORD, "csrf_token": token},
                allow_redirects=False,
            )
            return answer.status_code == 303

        self.assertEqual(self.both(knock), (True, False))

    def test_the_session_service(self):
        def knock(user):
            params = {"db": self.env.cr.dbname, "login": user.login, "password": PASSWORD}
            return bool(self.json("/web/session/authenticate", params).get("result", {}).get("uid"))

        self.assertEqual(self.both(knock), (True, False))

    def test_json_rpc(self):
        def log_in(user):
            args = [self.env.cr.dbname, user.login, PASSWORD, {}]
            answer = self.json("/jsonrpc", {"service": "common", "method": "authenticate", "args": args})
            return answer.get("result") == user.id

        def call(user):
            args = [self.env.cr.dbname, user.id, PASSWORD, "res.partner", "search", [[]], {"limit": 1}]
            answer = self.json("/jsonrpc", {"service": "object", "method": "execute_kw", "args": args})
            return "result" in answer

        with mute_logger("odoo.addons.rpc.controllers.jsonrpc", "odoo.addons.base.models.res_users"):
            self.assertEqual(self.both(log_in), (True, False))
            self.assertEqual(self.both(call), (True, False))

    def test_xml_rpc(self):
        def log_in(user):
            return self.xmlrpc_common.authenticate(self.env.cr.dbname, user.login, PASSWORD, {}) == user.id

        def call(user):
            try:
                self.xmlrpc_object.execute_kw(
                    self.env.cr.dbname, user.id, PASSWORD, "res.partner", "search", [[]], {"limit": 1}
                )
            except Fault as error:
                self.assertIn("Access Denied", str(error))
                return False
            return True

        with mute_logger("odoo.addons.rpc.controllers.xmlrpc", "odoo.addons.base.models.res_users", "odoo.http"):
            self.assertEqual(self.both(log_in), (True, False))
            self.assertEqual(self.both(call), (True, False))

    @mute_logger("odoo.http")
    def test_bearer_tokens(self):
        def knock():
            headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
            body = json.dumps({"domain": [], "limit": 1})
            return self.url_open("/json/2/res.partner/search", data=body, headers=headers)

        answer = knock()
        self.assertEqual(answer.status_code, 200, answer.text[-2000:])
        self.hand_over_key()
        self.assertEqual(knock().status_code, 401)

    def test_a_key_as_password(self):
        def knock(user):
            args = [self.env.cr.dbname, user.id, self.api_key, "res.partner", "search", [[]], {"limit": 1}]
            answer = self.json("/jsonrpc", {"service": "object", "method": "execute_kw", "args": args})
            return "result" in answer

        self.assertTrue(knock(self.person))
        self.hand_over_key()
        self.assertFalse(knock(self.machine))

    def test_a_password_is_not_reset(self):
        if not hasattr(self.machine, "reset_password"):
            self.assertNotIn("auth_signup", self.env.registry._init_modules)
            return
        self.machine.partner_id.write({"email": "machine@hospital.example", "active": True})
        partner = self.machine.partner_id
        partner.signup_prepare(signup_type="reset")
        token = partner._generate_signup_token()
        with mute_logger("odoo.addons.auth_signup.controllers.main"):
            self.authenticate(None, None)
            page = self.url_open(f"/web/reset_password?token={token}")
            csrf = page.text.split('name="csrf_token" value="')[1].split('"')[0]
            self.url_open(
                f"/web/reset_password?token={token}",
                data={
                    "login": self.machine.login,
                    "name": "x",
                    "password": "another password 1",
                    "confirm_password": "another password 1",
                    "token": token,
                    "csrf_token": csrf,
                },
                allow_redirects=False,
            )
        self.env.cr.execute(
            "SELECT count(DISTINCT password) FROM res_users WHERE id IN %s", ((self.person.id, self.machine.id),)
        )
        self.assertEqual(self.env.cr.fetchone()[0], 1)  # still the one that was smuggled in
