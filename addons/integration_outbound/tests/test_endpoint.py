"""An endpoint's life: address, approval, keys, test events."""

import json

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged

from .common import OutboundCase
from .receiver import Answer


@tagged("post_install", "-at_install")
class TestEndpoint(OutboundCase):
    def test_the_url_must_be_one_that_can_ever_be_used(self):
        for url in (
            "ftp://x.example/",
            "not a url",
            "https://user:secret@x.example/",
            "https://",
            "javascript:alert(1)",
        ):
            with self.subTest(url=url), self.assertRaises(ValidationError):
                self.endpoint.url = url

    def test_the_schedule_must_be_readable(self):
        for text in ("", "a,b", "-1", "5;6"):
            with self.subTest(text=text), self.assertRaises(ValidationError):
                self.endpoint.write({"schedule": text or " "})

    def test_a_private_address_shows_the_problem_and_the_way_out(self):
        endpoint = self._make_endpoint("lab", "http://127.0.0.1:9/hook")
        self.assertTrue(endpoint.egress_problem)
        self.assertTrue(endpoint.can_allow)
        with self.assertRaises(UserError):
            endpoint.action_request_approval()
        action = endpoint.action_allow_address()
        allow = Form(self.env[action["res_model"]].with_context(**action["context"]))
        allow.reason = "the lab's own server"
        allow.save()
        endpoint.invalidate_recordset()
        self.assertFalse(endpoint.egress_problem)
        self.assertFalse(endpoint.can_allow)

    # -- approval ----------------------------------------------------------------------------------------------------

    def test_a_live_address_is_approved_by_somebody_else(self):
        ann, bob = (new_test_user(self.env, name, groups="integration_core.group_admin") for name in ("ann", "bob"))
        endpoint = self.endpoint.with_user(ann).create(
            {"name": "new", "url": self.receiver.url, "system_id": self.partner.id}
        )
        endpoint.action_request_approval()
        with self.assertRaises(UserError):
            endpoint.action_approve()
        self.assertEqual(endpoint.state, "draft")
        endpoint.with_user(bob).action_approve()
        self.assertEqual((endpoint.state, endpoint.approved_mode, endpoint.self_approved), ("active", "live", False))

    def test_a_changed_address_loses_its_approval(self):
        admin = new_test_user(self.env, "ann", groups="integration_core.group_admin")
        endpoint = self.endpoint.with_user(admin)
        endpoint.name = "another name"
        self.assertEqual(endpoint.state, "active")
        endpoint.url = "https://elsewhere.example/"
        self.assertEqual((endpoint.state, endpoint.approval_state), ("draft", "draft"))
        delivery = self.send()
        self.assertEqual((delivery.state, delivery.attempts), ("waiting", 0))

    def test_state_and_approval_cannot_be_written_directly(self):
        admin = new_test_user(self.env, "ann", groups="integration_core.group_admin")
        endpoint = self._make_endpoint("new", self.receiver.url).with_user(admin)
        for values in ({"state": "active"}, {"approved_mode": "live"}, {"approval_state": "approved"}):
            with self.subTest(values=values), self.assertRaises(AccessError):
                endpoint.write(values)

    def test_in_test_mode_nobody_else_is_needed_and_test_events_alone_leave(self):
        rehearsal = self._make_system("test-rehearsal", live=False)
        self.endpoint.action_pause()
        endpoint = self._make_endpoint("try-out", self.receiver.url, system=rehearsal)
        endpoint.action_request_approval()
        self.assertEqual((endpoint.state, endpoint.approved_mode), ("active", "test"))
        self.emit()
        endpoint.action_send_test()
        self.commit()
        self.drain()
        [request] = self.receiver.requests
        self.assertEqual(json.loads(request.body)["type"], "integration.endpoint.tested.v1")
        rehearsal._approving().write({"mode": "live", "live_from": "2000-01-01 00:00:00"})
        self.assertTrue(endpoint.may_request)
        real = self.emit()
        self.drain()
        self.assertEqual(len(self.receiver.requests), 1)
        endpoint.action_request_approval()
        self.assertEqual((endpoint.approval_state, endpoint.approved_mode), ("requested", "test"))
        endpoint._approval_grant(self_approved=False)
        self.assertEqual(endpoint.approved_mode, "live")
        self.drain()
        self.assertEqual(self.receiver.requests[-1].headers["webhook-id"], real.uuid)

    # -- the guide ---------------------------------------------------------------------------------------------------

    def test_the_guide_leaves_out_what_was_registered_to_listen(self):
        guide = self.env["integration.setup.guide"]
        sender = self._make_system("guided", live=False)
        listener = self.env["integration.system"].create({"name": "Listens", "code": "listens", "timezone": "UTC"})
        self.assertEqual(guide.get_data()["system_id"], listener.id)  # nothing says yet what it is for
        self._make_endpoint("listens", self.receiver.url, system=listener)
        data = guide.get_data()
        self.assertEqual(data["system_id"], sender.id)
        self.assertNotIn(listener.id, [one["id"] for one in data["systems"]])
        asked = guide.get_data(listener.id)
        self.assertEqual(asked["system_id"], listener.id)
        self.assertIn(listener.id, [one["id"] for one in asked["systems"]])
        listener.write({"clearance": "patient", "event_type_ids": [(4, sender.event_type_ids[:1].id)]})
        self.assertEqual(guide.get_data()["system_id"], listener.id)

    # -- keys --------------------------------------------------------------------------------------------------------

    def test_a_key_is_shown_once_and_sealed(self):
        before = self.endpoint.credential_ids
        opened = self.endpoint.action_create_key()
        self.assertEqual((opened["res_model"], opened["target"]), ("integration.key.wizard", "new"))
        self.assertEqual(self.endpoint.credential_ids, before)
        wizard = self.env["integration.key.wizard"].with_context(**opened["context"]).create({})
        self.assertEqual((wizard.endpoint_id, wizard.use, wizard.version), (self.endpoint, "outbound", "v1"))
        secret = wizard.action_create()["params"]["secret"]
        self.assertTrue(secret.startswith("whsec_"))
        key = self.endpoint.credential_ids - before
        self.assertEqual((key.use, key.endpoint_id, key.approval_state), ("outbound", self.endpoint, "requested"))
        self.env.flush_all()
        self.env.cr.execute("SELECT row_to_json(c)::text FROM integration_credential c WHERE id = %s", (key.id,))
        stored = self.env.cr.fetchone()[0]
        self.assertNotIn(secret.removeprefix("whsec_"), stored)
        self.assertEqual(key._text(), secret)

    def test_a_revoked_key_signs_nothing_more(self):
        self.endpoint.credential_ids.action_revoke()
        self.send()
        self.assertEqual(self.receiver.requests, [])

    # -- test events -------------------------------------------------------------------------------------------------

    def test_a_test_event_goes_to_its_endpoint_alone_and_its_result_is_shown(self):
        other = self._make_endpoint("other", self.receiver.url)
        self.approve(other)
        other._ensure_test_channel()
        self.endpoint.action_send_test()
        self.commit()
        self.assertEqual(self.endpoint.test_state, "waiting")
        self.drain()
        self.assertEqual(len(self.receiver.requests), 1)
        self.assertEqual(self.endpoint.test_state, "delivered")
        self.assertIn("200", self.endpoint.test_result)
        self.assertFalse(other.test_state)

    def send_test(self):
        self.endpoint.action_send_test()
        self.commit()
        self.drain()

    def test_a_failed_test_says_why_and_is_nobodys_dead_letter(self):
        for status in (401, 401, 401, 503):
            self.receiver.answers = [Answer(status)]
            self.send_test()
            self.assertEqual(self.endpoint.test_state, "failed")
            self.assertIn(f"http_{status}", self.endpoint.test_result)
        tests = self.endpoint.subscription_ids.filtered("for_tests")
        deliveries = self.env["integration.delivery"].search([("subscription_id", "=", tests.id)])
        self.assertEqual(deliveries.mapped("state"), ["skipped"] * 4)
        self.assertEqual(self.endpoint.state, "active")

    def test_a_test_that_finds_the_receiver_gone_disables_the_endpoint(self):
        self.receiver.answers = [Answer(410)]
        self.send_test()
        self.assertEqual((self.endpoint.state, self.endpoint.test_state), ("disabled", "failed"))

    def test_a_test_needs_approval_a_key_and_an_allowed_address(self):
        draft = self._make_endpoint("draft", self.receiver.url)
        with self.assertRaises(UserError):
            draft.action_send_test()
        self.env["integration.egress.allow"].search([]).unlink()
        self.endpoint.invalidate_recordset()
        with self.assertRaises(UserError):
            self.endpoint.action_send_test()
        self.allow("127.0.0.1", self.receiver.port)
        self.endpoint.invalidate_recordset()
        self.endpoint.credential_ids.action_revoke()
        with self.assertRaises(UserError):
            self.endpoint.action_send_test()

    # -- the screen --------------------------------------------------------------------------------------------------

    def test_an_administrator_does_it_all_on_the_form(self):
        admin = new_test_user(self.env, "ann", groups="integration_core.group_admin")
        form = Form(self.env["integration.endpoint"].with_user(admin))
        form.name = "Warehouse"
        form.system_id = self.partner
        form.url = self.receiver.url
        endpoint = form.save()
        self.assertEqual((endpoint.state, endpoint.owner_id, endpoint.timeout), ("draft", admin, 15))
        subscription = Form(
            self.env["integration.subscription"].with_user(admin).with_context(default_consumer="endpoint")
        )
        subscription.endpoint_id = endpoint
        subscription.event_type_ids.add(self.env["integration.event.type"]._named("finance.payment.posted.v1"))
        saved = subscription.save()
        self.assertEqual((saved.name, saved.company_id), ("Warehouse", self.company))
