from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .retaining import RetentionCase
from .test_journal import ADMITTED, DATA

KINDS = ("payload", "attempt", "event", "count", "key", "receipt")


@tagged("post_install", "-at_install")
class TestLegalHold(RetentionCase):
    """What a legal hold is about goes by no rule, and a second person lifts it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.officer = cls.person("officer", "privacy_officer")
        cls.second = cls.person("second", "privacy_officer")
        cls.admin = cls.person("lh_admin", "admin")
        cls.env["integration.retention"].create({"what": "receipt", "days": 400})

    def hold(self, scope="company", *, user=None, **values):
        """Set a legal hold through the screen; return it."""
        wizard = (
            self.env["integration.legal.hold.wizard"]
            .with_user(user or self.officer)
            .create({"name": "Case 7", "reason": "lawsuit", "scope": scope, **values})
        )
        wizard.action_set()
        return self.env["integration.legal.hold"].with_user(user or self.officer).search([], order="id desc", limit=1)

    def lift(self, hold, user, reason="settled"):
        action = hold.with_user(user).action_lift()
        wizard = self.env["integration.reason.wizard"].with_user(user).with_context(**action["context"])
        wizard.create({"operation": "lift", "reason": reason}).action_confirm()

    def admitted(self, name, patient="MRN-1", **more):
        """Return an old, closed admission."""
        data = {**DATA, "encounter": name, "patient": {"id": patient}}
        event = self.post(ADMITTED, data, event_id=name, webhook_id=name, **more)[1]
        self.drain()
        self.age(event)
        return event

    def kept(self, *events):
        """Let the rules remove contents and events; return which of the events still have theirs."""
        self.purge("payload")
        contents = [bool(self.count("integration_payload", "event_id", event.ids)) for event in events]
        self.purge("event")
        self.assertEqual([bool(event.exists()) for event in events], contents)
        return contents

    # -- what it is about

    def test_everything_of_a_company(self):
        event = self.admitted("A")
        deliveries = event.delivery_ids.ids
        self.sql(
            "INSERT INTO integration_delivery_count (minute, company_id, subscription_id, lane, state, outcome, slot,"
            " tries, latency_ms) VALUES ('2020-01-01', %s, 0, 1, 'done', 'applied', 1, 1, 1)",
            self.company.id,
        )
        hold = self.hold()
        self.assertEqual(self.purge(*KINDS), 0)
        self.assertEqual(self.count("integration_attempt", "delivery_id", deliveries), 1)
        self.lift(hold, self.second)
        self.assertGreater(self.purge(*KINDS), 3)
        self.assertFalse(event.exists())

    def test_one_company_does_not_hold_another(self):
        other = self.env["res.company"].create({"name": "Other"})
        theirs = self.admitted("X", system=self._make_system("other", company=other))
        mine = self.admitted("A")
        self.hold()
        self.assertEqual(self.kept(mine, theirs), [True, False])

    def test_one_system(self):
        lab = self._make_system("lab")
        held, free = self.admitted("A", system=lab), self.admitted("B")
        self.hold("system", system_id=lab.id)
        self.assertEqual(self.kept(held, free), [True, False])

    def test_one_flow(self):
        held, free = self.admitted("A"), self.admitted("B")
        self.hold("flow", correlation_id=held.correlation_id)
        self.assertEqual(self.kept(held, free), [True, False])

    def test_one_encounter_with_what_followed(self):
        held, free = self.admitted("A"), self.admitted("B")
        self.sql("UPDATE integration_event SET correlation_id = %s WHERE id = %s", "flow-a", held.id)
        follower = self.admitted("C")
        self.sql("UPDATE integration_event SET correlation_id = %s WHERE id = %s", "flow-a", follower.id)
        self.hold("encounter", system_id=self.system.id, encounter="A")
        self.assertEqual(self.kept(held, free, follower), [True, False, True])

    def test_one_patient_by_any_of_the_numbers(self):
        held, merged, free = self.admitted("A", "MRN-1"), self.admitted("B", "MRN-9"), self.admitted("C", "MRN-2")
        hold = self.hold("patient", system_id=self.system.id, patient_numbers="MRN-1\n MRN-9 \n\nMRN-1")
        self.assertEqual(len(hold.sudo().patient_refs), 2)
        self.purge("payload")
        contents = [bool(self.count("integration_payload", "event_id", one.ids)) for one in (held, merged, free)]
        self.assertEqual(contents, [True, True, False])

    def test_what_cannot_be_told_stays_while_a_patient_is_held(self):
        event, free = self.admitted("A"), self.admitted("B", "MRN-2")
        self.sql("DELETE FROM integration_payload WHERE event_id = %s", event.id)
        self.hold("patient", system_id=self.system.id, patient_numbers="MRN-1")
        self.purge("event")
        self.assertEqual((event | free).exists(), event)

    def test_the_number_is_another_one_in_another_system(self):
        lab = self._make_system("lab")
        event = self.admitted("A", "MRN-1", system=lab)
        self.hold("patient", system_id=self.system.id, patient_numbers="MRN-1")
        self.assertEqual(self.kept(event), [False])

    def test_a_period(self):
        event = self.admitted("A")
        day = event.received_at.date()
        after = self.hold(date_from=fields.Date.add(day, days=5))
        before = self.hold(date_to=fields.Date.subtract(day, days=5))
        self.hold("system", system_id=self.system.id, date_from=day, date_to=day)
        young = self.admitted("B")
        self.sql("UPDATE integration_event SET received_at = received_at + interval '100 days' WHERE id = %s", young.id)
        self.lift(after, self.second)
        self.lift(before, self.second)
        self.assertEqual(self.kept(event, young), [True, False])

    def test_the_audit_trail_of_a_held_company_stays(self):
        holds = self.env["integration.legal.hold"]
        cutoff = fields.Datetime.to_datetime("2024-06-01")
        self.assertEqual(holds._audit_cutoff(self.company.id, cutoff), cutoff)
        period = self.hold(date_from="2024-02-01")
        self.assertEqual(str(holds._audit_cutoff(self.company.id, cutoff)), "2024-01-31 00:00:00")
        self.assertEqual(str(holds._audit_cutoff(None, cutoff)), "2024-01-31 00:00:00")
        self.assertEqual(holds._audit_cutoff(self.company.id + 1, cutoff), cutoff)
        self.hold()
        self.assertIsNone(holds._audit_cutoff(self.company.id, cutoff))
        self.assertEqual(self.env["integration.audit.seal"]._remove_of(self.company.id, fields.Datetime.now(), 1), 0)
        self.assertTrue(period)

    def test_certificates_of_a_held_company_stay(self):
        self.sql(
            "INSERT INTO integration_retention_certificate (what, reason, count, row_ids, first_id, last_id, first_at,"
            " last_at, digest, company_id, removed_at)"
            " VALUES ('payload', 'retention', 1, '1', 1, 1, now(), now(), 'x', %s, '2000-01-01')",
            self.company.id,
        )
        hold = self.hold()
        self.assertEqual(self.purge("audit"), 0)
        self.lift(hold, self.second)
        self.assertEqual(self.purge("audit"), 1)

    def test_who_sets_one_waits_for_what_is_being_removed(self):
        with self.registry.cursor() as other:
            other.execute("SELECT pg_advisory_lock(%s, 0)", (0x1AE,))
            try:
                self.assertFalse(self.env["integration.legal.hold"]._may_remove())
                self.age(self.handled("A"))
                self.assertEqual(self.purge("payload"), 0)
            finally:
                other.execute("SELECT pg_advisory_unlock(%s, 0)", (0x1AE,))
        self.assertEqual(self.purge("payload"), 1)

    # -- who sets and lifts

    def test_officers_and_administrators_set_one(self):
        self.hold(user=self.admin)
        for group in ("auditor", "operator", "payload_reader"):
            user = self.person(f"no_{group}", group)
            with self.assertRaises(AccessError):
                self.env["integration.legal.hold"].with_user(user)._set(
                    {"name": "x", "reason": "x", "scope": "company", "company_id": self.company.id}
                )

    def test_another_officer_lifts_it(self):
        hold = self.hold()
        self.assertFalse(hold.may_lift)
        for nobody in (self.officer, self.admin, self.person("aud", "auditor")):
            with self.assertRaises(AccessError):
                hold.with_user(nobody)._lift("I say so")
        twin = self.person("twin", "privacy_officer")
        twin.email = self.officer.email.upper()
        with self.assertRaises(AccessError):
            hold.with_user(twin)._lift("I say so")
        with self.assertRaises(UserError):
            hold.with_user(self.second)._lift(" ")
        self.assertTrue(hold.with_user(self.second).may_lift)
        self.lift(hold, self.second)
        self.assertEqual((hold.state, hold.lifted_by_id, hold.lift_reason), ("lifted", self.second, "settled"))
        with self.assertRaises(UserError):
            hold.with_user(self.second)._lift("again")

    def test_it_cannot_be_written_or_deleted(self):
        hold = self.hold()
        for user in (self.officer, self.second, self.admin):
            with self.assertRaises(AccessError):
                hold.with_user(user).write({"lifted_at": fields.Datetime.now()})
            with self.assertRaises(AccessError):
                hold.with_user(user).unlink()
        with self.assertRaises(UserError):
            hold.sudo().unlink()

    def test_auditors_read_them(self):
        hold = self.hold("encounter", system_id=self.system.id, encounter="A")
        names = ["name", "about", "system_id", "reason", "state", "may_lift", "user_id", "since"]
        [row] = hold.with_user(self.person("aud", "auditor")).read(names)
        self.assertEqual((row["about"], row["may_lift"]), ("Encounter A of EHR", False))

    def test_it_is_audited(self):
        hold = self.hold()
        self.lift(hold, self.second)
        rows = self.env["integration.audit"].search([("action", "=like", "legal_hold.%")], order="id")
        told = [(row.action, row.user_id, row.reason) for row in rows]
        self.assertEqual(
            told, [("legal_hold.set", self.officer.id, "lawsuit"), ("legal_hold.lift", self.second.id, "settled")]
        )

    def test_it_is_about_one_thing(self):
        with self.assertRaises(UserError):
            self.hold("system")
        with self.assertRaises(UserError):
            self.hold("patient", system_id=self.system.id)
        with self.assertRaises(ValidationError):
            self.hold("flow", correlation_id=" ")

    def test_companies_do_not_see_each_others(self):
        hold = self.hold()
        other = self.env["res.company"].create({"name": "Other"})
        outsider = self.person("out", "privacy_officer", company_id=other.id, company_ids=[(6, 0, other.ids)])
        self.assertFalse(hold.with_user(outsider).search([]))
        with self.assertRaises(AccessError):
            hold.with_user(outsider)._lift("not mine")
        with self.assertRaises(AccessError):
            self.hold("system", user=outsider, system_id=self.system.id)
        with self.assertRaises(AccessError):
            self.hold(user=outsider, company_id=self.company.id)

    def test_the_number_is_nowhere_in_clear(self):
        hold = self.hold("patient", system_id=self.system.id, patient_numbers="MRN-SECRET-77")
        self.env.flush_all()
        for table in ("integration_legal_hold", "integration_legal_hold_wizard", "integration_audit"):
            self.assertNotIn("MRN-SECRET-77", self.text_of(table), table)
        with self.assertRaises(AccessError):
            hold.with_user(self.officer).read(["patient_refs"])
