from odoo.exceptions import ValidationError
from odoo.tests import new_test_user, tagged

from .common import IntegrationCase

PATIENT = "clinical.encounter.admitted.v1"
INTERNAL = "masterdata.cost_center.proposed.v1"


@tagged("post_install", "-at_install")
class TestClearance(IntegrationCase):
    """A system is granted no type whose data are more confidential than it is cleared for."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = new_test_user(cls.env, "boss", groups="integration_core.group_admin")
        cls.types = cls.env["integration.event.type"]
        cls.patient, cls.internal = cls.types._named(PATIENT), cls.types._named(INTERNAL)

    def register(self, **values):
        return (
            self.env["integration.system"]
            .with_user(self.boss)
            .create({"name": "New", "code": "new", "timezone": "UTC", **values})
        )

    def granted(self, system):
        return self.env["integration.configuration"]._current().parties[system.code].granted

    def test_a_grant_above_the_clearance_is_refused_and_says_why(self):
        self.assertEqual((self.patient.classification, self.internal.classification), ("patient", "internal"))
        system = self.register(clearance="internal", event_type_ids=self.internal.ids)
        with self.assertRaisesRegex(ValidationError, "cleared for internal data at most.*carries patient data"):
            system.event_type_ids += self.patient
        with self.assertRaises(ValidationError):
            self.register(code="other", clearance="finance", event_type_ids=self.patient.ids)
        system.clearance = "patient"
        system.event_type_ids += self.patient
        with self.assertRaises(ValidationError):
            system.clearance = "public"

    def test_who_names_no_clearance_gets_what_the_first_grants_need(self):
        self.assertEqual(self.register().clearance, "internal")
        self.assertEqual(self.register(code="two", event_type_ids=self.patient.ids).clearance, "patient")

    def test_to_raise_the_clearance_needs_a_new_approval(self):
        self.system.clearance = "patient"
        live = self.register(clearance="internal", event_type_ids=self.internal.ids)
        live.sudo()._approving().write({"mode": "live", "state": "active", "approval_state": "approved"})
        live.clearance = "patient"
        self.assertEqual((live.mode, live.approval_state), ("test", "draft"))

    def test_a_type_that_becomes_more_confidential_is_granted_no_more(self):
        system = self.register(clearance="internal", event_type_ids=self.internal.ids)
        self.assertIn(self.internal.id, self.granted(system))
        self.internal.patient_data = True
        self.assertNotIn(self.internal.id, self.granted(system))

    def test_a_type_is_no_less_confidential_than_its_schema_says_of_a_field(self):
        rules = '{"properties": {"who": {"x-classification": "patient"}}}'
        with self.assertRaisesRegex(ValidationError, "more confidential"), self.env.cr.savepoint():
            self.internal.schema_json = rules
        self.internal.write({"schema_json": rules, "patient_data": True})
        with self.assertRaisesRegex(ValidationError, "more confidential"), self.env.cr.savepoint():
            self.internal.patient_data = False
