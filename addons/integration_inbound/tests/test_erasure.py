import gzip
import json

from odoo.tests import new_test_user, tagged

from .common import ADMITTED, PartnerCase

SECRET = "MRN-SECRET-77"


@tagged("post_install", "-at_install")
class TestErasure(PartnerCase):
    """Bodies of refused messages are found, held, certified and alarmed about as those of events are."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.officer = new_test_user(cls.env, "officer", groups="integration_core.group_privacy_officer")
        cls.second = new_test_user(cls.env, "second", groups="integration_core.group_privacy_officer")
        cls.operator = new_test_user(cls.env, "op", groups="integration_core.group_operator")
        cls.system.event_type_ids -= cls.env["integration.event.type"]._named(ADMITTED)

    def refuse(self, patient, name, *, close=True, zipped=False):
        """Have an admission refused; return it."""
        data = {"encounter": name, "patient": {"id": patient}, "admitted_at": "2026-11-20T09:00:00Z"}
        body = json.dumps(self.event(data=data)).encode()
        headers = {"content-encoding": "gzip"} if zipped else {}
        self.deliver(gzip.compress(body) if zipped else body, message_id=name, **headers)
        message = self.env["integration.refused.message"].search([("webhook_id", "=", name)])
        if close:
            message.with_user(self.operator).action_close("done")
        return message

    def content(self, message):
        return bool(self.env["integration.refused.payload"]._load(message))

    def advance(self):
        for _turn in range(20):
            self.env.flush_all()
            self.env["integration.erasure"]._advance()
        self.env.invalidate_all()

    def erase(self):
        wizard = self.env["integration.erasure.wizard"].with_user(self.officer)
        values = {"name": "Case", "reason": "art. 17", "system_id": self.system.id, "patient_numbers": SECRET}
        erasure = self.env["integration.erasure"].browse(wizard.create(values).action_request()["res_id"])
        self.advance()
        erasure.with_user(self.second).action_approve()
        self.advance()
        return erasure

    def purge(self):
        self.env["integration.retention"].search([]).write({"rest_until": False, "last_id": 0})
        self.env.flush_all()
        self.env["integration.retention"]._purge()
        self.env.invalidate_all()

    def test_refused_bodies_of_the_patient_go(self):
        mine, zipped = self.refuse(SECRET, "A"), self.refuse(SECRET, "B", zipped=True)
        other, opened = self.refuse("MRN-2", "C"), self.refuse(SECRET, "D", close=False)
        self.deliver(b"{not json", message_id="E")
        erasure = self.erase()
        self.assertEqual([self.content(one) for one in (mine, zipped, other, opened)], [False, False, True, True])
        self.assertEqual((erasure.state, erasure.erased_count, erasure.open_count), ("waiting", 2, 1))
        self.assertEqual(erasure.unreadable_count, 1)
        paper = self.env["integration.retention.certificate"].search([("what", "=", "refused")])
        self.assertEqual((paper.reason, paper.count), ("erasure", 2))
        opened.with_user(self.operator).action_close("done")
        erasure.sudo().rest_until = False
        self.advance()
        self.assertEqual((erasure.state, self.content(opened)), ("done", False))

    def test_the_clock_of_refused_bodies(self):
        closed, opened, young = self.refuse("1", "A"), self.refuse("2", "B", close=False), self.refuse("3", "C")
        (closed | opened).sudo().received_at = "2020-01-01 00:00:00"
        self.purge()
        self.assertEqual([self.content(one) for one in (closed, opened, young)], [False, True, True])
        paper = self.env["integration.retention.certificate"].search([("what", "=", "refused")])
        self.assertEqual((paper.count, paper.days), (1, 30))
        self.env["integration.retention.alarm"]._watch()
        alarm = self.env["integration.retention.alarm"].search([("company_id", "=", self.company.id)])
        self.assertEqual((alarm.count, alarm.refused_count), (1, 1))

    def test_a_legal_hold_keeps_them(self):
        message = self.refuse("1", "A")
        message.sudo().received_at = "2020-01-01 00:00:00"
        hold = self.env["integration.legal.hold"].with_user(self.officer)._set(
            {"name": "Case", "reason": "lawsuit", "scope": "system", "system_id": self.system.id}
        )
        self.purge()
        self.assertTrue(self.content(message))
        hold.with_user(self.second)._lift("settled")
        self.purge()
        self.assertFalse(self.content(message))
