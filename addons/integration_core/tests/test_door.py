from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import IntegrationCase

DATA = {
    "encounter": "E-1",
    "patient": {"id": "MRN-7", "name": "Jane Doe"},
    "admitted_at": "2026-11-20T08:00:00Z",
    "department": "ED",
    "remark": "weighs 70 kg",
}
ADMITTED = "clinical.encounter.admitted.v1"
URGENT = "The ward waits for the blood group of a bleeding patient"


@tagged("post_install", "-at_install")
class TestDoor(IntegrationCase):
    """The one door to payloads: who is let in, what is shown, what is recorded, and the glass beside it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        role = "integration_core.group_"
        cls.operator = new_test_user(cls.env, "op", groups=f"{role}operator")
        cls.cleared = new_test_user(cls.env, "cleared", groups=f"{role}operator,{role}payload_reader")
        cls.finance = new_test_user(cls.env, "fin", groups=f"{role}finance_reviewer,{role}payload_reader")
        cls.reviewer = new_test_user(cls.env, "rev", groups=f"{role}finance_reviewer")
        cls.officer = new_test_user(cls.env, "officer", groups=f"{role}privacy_officer")
        cls.second = new_test_user(cls.env, "second", groups=f"{role}privacy_officer,{role}operator")

    def setUp(self):
        super().setUp()
        _accepted, self.event = self.post(ADMITTED, DATA)

    def wizard(self, user, reason="complaint 17"):
        wizards = self.env["integration.payload.wizard"].with_user(user)
        return wizards.create({"event_id": self.event.id, "reason": reason})

    def trail(self, action):
        return self.env["integration.audit"].search([("action", "=", action)])

    def begin(self, user=None, reason=URGENT):
        return self.env["integration.break.glass"].with_user(user or self.operator)._begin(reason)

    # -- who is let in, and what is shown

    def test_only_the_cleared_open_a_content_with_a_reason_and_the_look_is_recorded(self):
        for user in (self.operator, self.reviewer, self.officer):
            with self.assertRaises(AccessError):
                self.event.with_user(user)._open_payload("curious")
        with self.assertRaises(UserError):
            self.wizard(self.cleared, "  ").action_open()
        self.assertFalse(self.trail("payload.read"))
        shown = self.wizard(self.cleared).action_open()["params"]
        self.assertIn('"department": "ED"', shown["text"])
        look = self.trail("payload.read")
        self.assertEqual((look.user_id, look.reason, look.res_id), (self.cleared.id, "complaint 17", self.event.id))
        self.assertEqual(look.detail, "as needed: public, internal")

    def test_each_role_is_shown_what_its_work_needs(self):
        operator = self.wizard(self.cleared).action_open()["params"]
        for hidden in ("MRN-7", "Jane", "weighs", "E-1", "remark"):
            self.assertNotIn(hidden, operator["text"])
        self.assertIn("••• (patient)", operator["text"])
        finance = self.wizard(self.finance).action_open()["params"]
        self.assertIn("E-1", finance["text"])
        for hidden in ("MRN-7", "Jane", "weighs"):
            self.assertNotIn(hidden, finance["text"])
        self.assertLess(finance["masked"], operator["masked"])

    def test_everything_is_shown_on_request_and_recorded_as_such(self):
        shown = self.wizard(self.cleared).action_open_everything()["params"]
        for word in ("MRN-7", "Jane Doe", "weighs 70 kg", "E-1"):
            self.assertIn(word, shown["text"])
        self.assertEqual(shown["masked"], 0)
        self.assertEqual(self.trail("payload.read").detail, "everything")

    def test_a_type_without_annotations_is_all_as_confidential_as_it_is(self):
        self.event.event_type_id.sudo().schema_json = '{"type": "object"}'
        self.assertIn('"data": "••• (patient)"', self.wizard(self.finance).action_open()["params"]["text"])

    def test_no_right_of_odoos_own_reads_the_sealed_bytes(self):
        groups = "integration_core.group_admin,integration_core.group_payload_reader,base.group_system"
        everything = new_test_user(self.env, "all", groups=groups)
        payloads = self.env["integration.payload"].with_user(everything)
        with self.assertRaises(AccessError):
            payloads.search_read([], ["event_id"])

    # -- breaking the glass

    def test_the_glass_opens_the_door_for_its_breaker_alone_and_for_half_an_hour(self):
        shown = self.wizard(self.operator, URGENT).action_break()["params"]
        self.assertIn("ED", shown["text"])
        glass = self.env["integration.break.glass"].search([])
        self.assertEqual((glass.user_id, glass.reason, glass.state), (self.operator, URGENT, "open"))
        self.assertEqual(glass.until - glass.begun_at, timedelta(minutes=30))
        self.assertIn("MRN-7", self.wizard(self.operator, "more").action_open_everything()["params"]["text"])
        details = self.trail("payload.read").mapped("detail")
        shown = ("everything", "as needed: public, internal")
        self.assertEqual(details, [f"{how}; break-glass {glass.id}" for how in shown])
        self.assertEqual(glass.look_count, 2)
        self.assertNotIn("MRN-7", glass.looks)
        self.assertIn(self.event.type_name, glass.looks)
        with self.assertRaises(AccessError):
            self.wizard(self.second).action_open()
        later = fields.Datetime.now() + timedelta(minutes=31)
        self.patch(fields.Datetime, "now", lambda: later)
        with self.assertRaises(AccessError):
            self.wizard(self.operator).action_open()

    def test_the_time_it_is_open_is_a_setting_within_bounds(self):
        for value, minutes in (("10", 10), ("0", 30), ("9999", 30), ("x", 30)):
            self.env["ir.config_parameter"].set_param("integration_core.break_glass_minutes", value)
            glass = self.begin()
            self.assertEqual(glass.until - glass.begun_at, timedelta(minutes=minutes))
            self.env.cr.execute("UPDATE integration_break_glass SET until = begun_at")
            glass.invalidate_recordset()

    def test_who_has_no_emergency_cannot_break_it(self):
        for user in (self.reviewer, self.officer):
            with self.assertRaises(AccessError):
                self.begin(user)
        with self.assertRaises(AccessError):
            self.env["integration.break.glass"].with_user(self.operator).create({"reason": URGENT})

    def test_it_takes_more_than_a_word_and_begins_once(self):
        for reason in ("", "urgent", "x" * 40, "   urgent            "):
            with self.assertRaises(UserError):
                self.begin(reason=reason)
        self.assertEqual(self.begin(), self.begin(reason="Another reason that is long enough"))

    def test_others_are_told_at_once_and_of_no_message(self):
        glass = self.begin()
        self.assertEqual(glass.told_ids, self.officer | self.second)
        self.assertEqual(glass.activity_ids.user_id, self.officer | self.second)
        told = self.env["mail.message"].search([("model", "=", glass._name), ("res_id", "=", glass.id)])
        self.assertTrue(told.filtered(lambda one: self.officer.partner_id in one.partner_ids))
        text = " ".join([*told.mapped("body"), *glass.activity_ids.mapped("note")])
        for hidden in (URGENT, "E-1", "MRN-7", self.event.uuid):
            self.assertNotIn(hidden, text)
        self.assertEqual(self.trail("glass.break").reason, URGENT)

    def test_without_privacy_officers_administrators_are_told_and_without_anybody_it_stays_whole(self):
        (self.officer | self.second).active = False
        boss = new_test_user(self.env, "boss", groups="integration_core.group_admin")
        self.assertIn(boss, self.begin().told_ids)
        glasses = type(self.env["integration.break.glass"])
        nobody = self.env["res.users"]
        with (
            patch.object(glasses, "_watchers_of", lambda *_args: nobody),
            self.assertRaisesRegex(UserError, "Nobody else could be told"),
        ):
            self.begin(new_test_user(self.env, "alone", groups="integration_core.group_operator"))

    def test_how_it_began_never_changes_and_it_never_goes(self):
        glass = self.begin()
        for vals in ({"reason": "Nothing"}, {"until": "2099-01-01 00:00:00"}, {"user_id": self.second.id}):
            with self.assertRaises(AccessError):
                glass.sudo().write(vals)
        with self.assertRaises(AccessError):
            glass.sudo().unlink()
        with self.assertRaises(AccessError):
            glass.with_user(self.officer).write({"state": "reviewed"})

    # -- the review

    def test_a_second_person_reviews_it_once(self):
        glass = self.begin(self.second)
        self.assertNotIn(self.second, glass.told_ids)
        for user in (self.second, self.cleared):
            with self.assertRaises(AccessError):
                glass.with_user(user)._review("right", "I know that I was right")
        with self.assertRaises(UserError):
            glass.with_user(self.officer)._review("wrong", " ")
        review = self.env["integration.break.glass.review"].with_user(self.officer)
        review.create({"glass_id": glass.id, "finding": "wrong", "note": "No ward had asked"}).action_confirm()
        self.assertEqual((glass.state, glass.finding, glass.reviewed_by_id), ("reviewed", "wrong", self.officer))
        self.assertFalse(glass.activity_ids)
        with self.assertRaises(AccessError):  # a review ends it
            self.wizard(self.second).action_open()
        self.assertEqual(self.trail("glass.review").detail, "wrong")
        with self.assertRaises(UserError):
            glass.with_user(self.officer)._review("right", "On second thoughts")

    def test_one_sees_ones_own_and_reviewers_see_all(self):
        glass = self.begin(self.second) | self.begin(self.operator)
        seen = {user: glass.with_user(user).search([]) for user in (self.operator, self.officer)}
        self.assertEqual(seen[self.operator].user_id, self.operator)
        self.assertEqual(seen[self.officer], glass.sorted(lambda one: (one.begun_at, one.id), reverse=True))

    def test_what_nobody_reviews_in_time_alarms(self):
        glass = self.begin()
        check = self.env["integration.setup.check"]
        self.assertEqual(check._check_break_glass().level.value, "success")
        late = glass.review_by + timedelta(seconds=1)
        self.patch(fields.Datetime, "now", lambda: late)
        glass.invalidate_recordset()
        self.assertTrue(glass.overdue)
        self.assertEqual(self.env["integration.break.glass"].search([("overdue", "=", True)]), glass)
        self.assertFalse(self.env["integration.break.glass"].search([("overdue", "=", False)]))
        self.assertEqual(check._check_break_glass().level.value, "danger")
        about = [("model", "=", glass._name), ("res_id", "=", glass.id), ("subject", "like", "not reviewed")]
        self.assertFalse(self.env["mail.message"].search(about))
        self.env["integration.break.glass"]._remind()
        self.assertEqual(self.env["mail.message"].search(about).partner_ids, (self.officer | self.second).partner_id)
