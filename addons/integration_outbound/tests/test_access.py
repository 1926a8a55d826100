"""Who sees and does what."""

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import OutboundCase
from .receiver import Answer


@tagged("post_install", "-at_install")
class TestAccess(OutboundCase):
    def user(self, role, **values):
        return new_test_user(self.env, f"user_{role}", groups=f"integration_core.group_{role}", **values)

    def test_finance_and_stewards_do_not_see_endpoints(self):
        for role in ("finance_viewer", "finance_reviewer", "steward"):
            with self.subTest(role=role), self.assertRaises(AccessError):
                self.endpoint.with_user(self.user(role)).read(["url"])

    def test_operators_pause_and_resume_but_do_not_edit(self):
        endpoint = self.endpoint.with_user(self.user("operator"))
        endpoint.action_pause()
        self.assertEqual(endpoint.state, "paused")
        endpoint.action_resume()
        self.assertEqual(endpoint.state, "active")
        for values in ({"url": "https://x.example/"}, {"name": "x"}):
            with self.assertRaises(AccessError):
                endpoint.write(values)
        with self.assertRaises(AccessError):
            endpoint.action_create_key()
        with self.assertRaises(AccessError):
            endpoint.action_send_test()
        rows = self.env["integration.audit"].search([("res_model", "=", "integration.endpoint")])
        self.assertLessEqual({"endpoint.pause", "endpoint.resume"}, set(rows.mapped("action")))

    def test_another_companys_endpoint_is_not_there(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        admin = self.user("admin", company_id=other.id, company_ids=[(6, 0, other.ids)])
        self.assertFalse(self.env["integration.endpoint"].with_user(admin).search([("id", "=", self.endpoint.id)]))

    def test_what_a_receiver_answered_is_for_operators(self):
        self.receiver.answers = [Answer(500, body=b"some text")]
        attempt = self.send().attempt_ids
        self.assertEqual(attempt.with_user(self.user("operator")).excerpt, "some text")
        with self.assertRaises(AccessError):
            attempt.with_user(self.user("finance_viewer")).read(["excerpt"])

    def test_secrets_are_nobodys_to_read(self):
        key = self.endpoint.credential_ids[:1].with_user(self.user("admin"))
        self.assertNotIn("sealed", key.read()[0])
        with self.assertRaises(AccessError):
            key.read(["sealed"])

    def test_a_copy_of_the_database_sends_nothing(self):
        event = self.emit()
        with open(self.neutralize_path(), encoding="utf-8") as script:  # noqa: PTH123 as Odoo itself opens it
            self.env.flush_all()
            self.env.cr.execute(script.read())
        self.env.invalidate_all()
        self.drain()
        self.assertEqual(self.receiver.requests, [])
        self.assertEqual((self.endpoint.state, self.endpoint.approval_state), ("draft", "draft"))
        self.assertEqual(set(self.endpoint.credential_ids.mapped("state")), {"revoked"})
        self.assertFalse(any(key.sealed for key in self.endpoint.credential_ids.sudo()))
        self.assertFalse(self.env["integration.egress.allow"].search([]))
        self.assertEqual(event.delivery_ids.state, "skipped")

    @staticmethod
    def neutralize_path():
        from odoo.tools.misc import file_path

        return file_path("integration_outbound/data/neutralize.sql")
