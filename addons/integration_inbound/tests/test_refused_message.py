"""A verified message that was refused is kept apart, mended and replayed; it never occupies an id."""

import json

from odoo.addons.integration_core.domain import catalogue
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import ADMITTED, FINALIZED, PartnerCase


@tagged("post_install", "-at_install")
class TestRefusedMessage(PartnerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = new_test_user(cls.env, "inbound_operator", groups="integration_core.group_operator")
        cls.viewer = new_test_user(cls.env, "inbound_viewer", groups="integration_core.group_finance_viewer")
        cls.admitted = cls.env["integration.event.type"]._named(ADMITTED)

    def refuse(self, **how):
        """Have a message refused for want of a grant; return it."""
        self.system.event_type_ids -= self.admitted
        self.assertEqual(self.deliver(self.event(), **how).status_code, 403)
        return self.refused()

    def test_mend_and_replay(self):
        message = self.refuse(message_id="held")
        self.system.event_type_ids += self.admitted
        message.with_user(self.operator).action_replay("the grant was missing")
        event = self.events()
        self.assertEqual(message.state, "replayed")
        self.assertEqual(message.event_uuid, event.uuid)
        self.assertEqual(message.decided_by_id, self.operator)
        self.assertEqual(event.webhook_id, "held")
        self.assertEqual(json.loads(event._read_payload())["type"], ADMITTED)
        audit = self.env["integration.audit"].search([("res_model", "=", message._name), ("res_id", "=", message.id)])
        self.assertEqual(
            (audit.action, audit.reason, audit.user_id), ("refused.replay", "the grant was missing", self.operator.id)
        )

    def test_replay_of_what_is_still_wrong(self):
        message = self.refuse()
        self.admitted._approving().write({"state": "retired"})
        message.with_user(self.operator).action_replay("try")
        self.assertEqual((message.state, message.code), ("open", "retired_type"))
        self.assertFalse(self.events())
        self.assertEqual(len(self.receipts("rejected")), 1, "a replay is not received again")

    def test_replay_after_the_schema_was_mended(self):
        schema = self.admitted.schema_json
        strict = {**json.loads(schema), "required": ["encounter", "wrist_band"]}
        self.admitted._approving().write({"schema_json": json.dumps(strict)})
        self.assertEqual(self.deliver(self.event()).status_code, 422)
        message = self.refused()
        self.assertIn("/data", message.errors_text)
        self.assertTrue(message.explanation)
        self.admitted._approving().write({"schema_json": schema})
        message.with_user(self.operator).action_replay("the schema was wrong")
        self.assertEqual(message.state, "replayed")

    def test_a_refused_message_does_not_occupy_its_ids(self):
        event = self.event(data={})
        self.assertEqual(self.deliver(event, message_id="mine").status_code, 422)
        right = {**event, "data": catalogue.example(ADMITTED)["data"]}
        self.assertEqual(self.deliver(right, message_id="mine").status_code, 202)
        self.assertFalse(self.refused())
        closed = self.refused("closed")
        self.assertEqual(closed.event_uuid, self.events().uuid)
        self.assertEqual(len(self.receipts("rejected") | self.receipts("accepted")), 2)

    def test_an_accepted_event_under_a_new_message_id_closes_it_too(self):
        event = self.event(data={})
        self.deliver(event, message_id="first")
        self.deliver({**event, "data": catalogue.example(ADMITTED)["data"]}, message_id="second")
        self.assertEqual(self.refused("closed").webhook_id, "first")

    def test_an_accepted_message_of_another_system_closes_nothing(self):
        system = self._make_system("lab")
        secret = self._make_key(system)
        self.deliver(self.event(id="e", data={}), message_id="m")
        self.deliver(self.event(id="e", system="lab"), message_id="m", url=self._url("lab"), secret=secret)
        self.assertEqual(len(self.refused()), 1)

    def test_sent_again_it_stays_one_row_with_the_newest_reason(self):
        body = json.dumps(self.event()).encode()
        self.system.event_type_ids -= self.admitted
        for _time in range(3):
            self.deliver(body, message_id="same")
        self.assertEqual(self.refused().code, "not_granted")
        self.admitted._approving().write({"state": "retired"})
        self.deliver(body, message_id="same")
        self.assertEqual(self.refused().code, "retired_type")
        self.assertEqual(len(self.receipts("rejected")), 4)

    def test_a_replay_and_a_re_send_have_one_effect(self):
        body = json.dumps(self.event()).encode()
        self.system.event_type_ids -= self.admitted
        self.deliver(body, message_id="same")
        message = self.refused()
        self.system.event_type_ids += self.admitted
        message.with_user(self.operator).action_replay("granted")
        self.assertEqual(self.deliver(body, message_id="same").status_code, 200)
        self.assertEqual(len(self.events()), 1)

    def test_an_id_conflict_is_never_overwritten_by_a_replay(self):
        self.deliver(self.event(), message_id="taken")
        self.deliver(self.event(), message_id="taken")
        message = self.refused()
        message.with_user(self.operator).action_replay("try")
        self.assertEqual(message.state, "open")
        self.assertEqual(len(self.events()), 1)

    def test_gzip_is_replayed_as_it_was_sent(self):
        import gzip

        self.system.event_type_ids -= self.admitted
        self.deliver(gzip.compress(json.dumps(self.event()).encode()), content_encoding="gzip")
        self.system.event_type_ids += self.admitted
        self.refused().with_user(self.operator).action_replay("granted")
        self.assertEqual(len(self.events()), 1)

    def test_no_more_than_a_number_are_kept_and_the_rest_is_counted(self):
        self.env["ir.config_parameter"].set_param("integration_inbound.refused_kept_per_system", "2")
        for number in range(4):
            self.deliver(b"{}", message_id=f"m{number}")
        self.assertEqual(len(self.refused()), 2)
        self.assertEqual(len(self.receipts("rejected")), 4)
        turned_away = self.env["integration.refusal"].search([("claimed", "=", "ehr")])
        self.assertEqual(sum(turned_away.mapped("count")), 2)
        self.assertEqual(set(turned_away.mapped("cause")), {"not_kept"})
        self.deliver(b"{}", message_id="m0")
        self.assertEqual(len(self.refused()), 2, "one that is kept stays the same row")

    def test_the_body_is_sealed(self):
        self.deliver(self.event(FINALIZED, data={"patient": {"id": "MRN-SECRET"}}))
        message = self.refused()
        self.env.cr.execute("SELECT sealed FROM integration_refused_payload WHERE refused_id = %s", (message.id,))
        self.assertNotIn(b"MRN-SECRET", bytes(self.env.cr.fetchone()[0]))
        self.env.cr.execute("SELECT m::text FROM integration_refused_message m WHERE id = %s", (message.id,))
        self.assertNotIn("MRN-SECRET", self.env.cr.fetchone()[0])

    def test_closing_needs_a_reason_and_is_kept(self):
        message = self.refuse()
        with self.assertRaises(UserError):
            message.with_user(self.operator).action_close(" ")
        message.with_user(self.operator).action_close("the sender gave up")
        self.assertEqual((message.state, message.decision_reason), ("closed", "the sender gave up"))
        with self.assertRaises(UserError):
            message.with_user(self.operator).action_replay("after all")

    def test_the_dialog(self):
        message = self.refuse()
        self.system.event_type_ids += self.admitted
        action = message.with_user(self.operator).action_replay()
        wizard = self.env[action["res_model"]].with_user(self.operator).with_context(**action["context"])
        wizard.create({"reason": "granted"}).action_confirm()
        self.assertEqual(message.state, "replayed")

    def test_who_may_do_what(self):
        message = self.refuse()
        with self.assertRaises(AccessError):
            message.with_user(self.viewer).read(["webhook_id"])
        with self.assertRaises(AccessError):
            message.with_user(self.viewer).action_replay("no")
        with self.assertRaises(AccessError):
            message.with_user(self.operator).write({"state": "closed"})
        other = self.env["res.company"].create({"name": "Other"})
        outsider = new_test_user(
            self.env,
            "inbound_outsider",
            groups="integration_core.group_operator",
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        self.assertFalse(self.env["integration.refused.message"].with_user(outsider).search([]))
        with self.assertRaises(AccessError):
            message.with_user(outsider).action_close("no")

    def test_how_often_it_was_sent(self):
        body = json.dumps(self.event()).encode()
        self.system.event_type_ids -= self.admitted
        self.deliver(body, message_id="same")
        message = self.refused()
        self.assertEqual(message.times, 1)

    def test_old_bodies_are_forgotten_and_the_row_stays(self):
        message = self.refuse()
        message.with_user(self.operator).action_close("done")
        message.sudo().received_at = "2020-01-01 00:00:00"
        rules = self.env["integration.retention"]
        rules.search([]).write({"rest_until": False, "last_id": 0})
        self.env.flush_all()
        rules._purge()
        self.assertIsNone(self.env["integration.refused.payload"]._load(message))
        self.assertTrue(message.exists().digest)

    # -- its content --------------------------------------------------------------------------------------------------

    def look(self, message, user, button="action_open"):
        wizard = self.env["integration.payload.wizard"].with_user(user)
        made = wizard.create({"refused_id": message.id, "reason": "The sender asks what is wrong"})
        return getattr(made, button)()["params"]

    def test_its_content_is_behind_the_same_door(self):
        data = {**catalogue.example(ADMITTED)["data"], "patient": {"id": "MRN-7", "name": "Jane Doe"}}
        self.system.event_type_ids -= self.admitted
        self.assertEqual(self.deliver(self.event(data=data)).status_code, 403)
        message = self.refused()
        with self.assertRaises(AccessError):
            self.look(message, self.operator)
        role = "integration_core.group_"
        cleared = new_test_user(self.env, "inbound_cleared", groups=f"{role}operator,{role}payload_reader")
        masked = self.look(message, cleared)
        self.assertIn(ADMITTED, masked["text"])
        self.assertNotIn("MRN-7", masked["text"])
        everything = self.look(message, cleared, "action_open_everything")
        self.assertIn("Jane Doe", everything["text"])
        looks = [("action", "=", "payload.read"), ("res_model", "=", message._name)]
        trail = self.env["integration.audit"].search(looks)
        self.assertEqual(trail.mapped("detail"), ["everything", "as needed: public, internal"])
        self.assertEqual(trail.mapped("res_id"), [message.id] * 2)

    def test_what_is_no_json_is_one_masked_value(self):
        self.assertEqual(self.deliver(b'{"patient": "Jane Doe"').status_code, 400)
        message = self.refused()
        role = "integration_core.group_"
        cleared = new_test_user(self.env, "inbound_cleared", groups=f"{role}operator,{role}payload_reader")
        self.assertEqual(self.look(message, cleared)["text"], "••• (patient)")
        self.assertIn("Jane Doe", self.look(message, cleared, "action_open_everything")["text"])

    def test_nothing_that_a_sender_wrote_freely_is_kept_in_clear(self):
        wrong = {**self.event(), "type": "clinical.jane_doe.MRN-7"}
        self.assertEqual(self.deliver(wrong).status_code, 422)
        self.assertFalse(self.refused().type_name)
