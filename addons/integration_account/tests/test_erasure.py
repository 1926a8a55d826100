from odoo.tests import new_test_user, tagged

from .common import BillingCase

PATIENT = "MRN-E-1"
"""Whose encounter E-1 is."""


@tagged("post_install", "-at_install")
class TestErasure(BillingCase):
    """What accounting law keeps stays: charges and invoices, with a pseudonym in the patient's place."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.officer = new_test_user(cls.env, "officer", groups="integration_core.group_privacy_officer")
        cls.second = new_test_user(cls.env, "second", groups="integration_core.group_privacy_officer")

    def advance(self):
        for _turn in range(30):
            self.env.flush_all()
            self.env["integration.erasure"]._advance()
        self.env.invalidate_all()

    def request(self):
        wizard = self.env["integration.erasure.wizard"].with_user(self.officer)
        values = {"name": "Case", "reason": "art. 17", "system_id": self.system.id, "patient_numbers": PATIENT}
        erasure = self.env["integration.erasure"].browse(wizard.create(values).action_request()["res_id"])
        self.advance()
        return erasure

    def carry_out(self, erasure):
        erasure.with_user(self.second).action_approve()
        self.advance()

    def content(self, event):
        return bool(event._read_payload())

    def test_the_invoice_and_its_charges_stay(self):
        [charge], invoice = self.bill("E-1")
        other = self.finalize("E-2", self.line(1))
        erasure = self.request()
        self.assertIn("1 charges", erasure.stays_text)
        self.assertIn("1 invoices", erasure.stays_text)
        self.assertEqual(erasure.found_count, 2)
        self.carry_out(erasure)
        self.assertEqual(erasure.state, "done")
        self.assertFalse(self.content(charge.event_id))
        self.assertTrue(self.content(other))
        self.assertTrue(invoice.exists())
        self.assertEqual((charge.invoice_id, charge.state), (invoice, "billed"))
        self.assertTrue(charge.encounter_id.patient_ref)

    def test_a_charge_that_is_not_billed_keeps_its_message(self):
        self.admit("E-1")
        parked = self.finalize("E-1", self.line(1, service="NEW"))
        erasure = self.request()
        self.carry_out(erasure)
        self.assertEqual((erasure.state, erasure.erased_count, erasure.open_count), ("waiting", 1, 1))
        self.assertTrue(self.content(parked))

    def test_an_encounter_that_is_known_tells_whose_a_message_is(self):
        """Its admission is no longer kept; the voids name no patient."""
        admission = self.admit("E-1")
        self.admit("E-2")
        mine, other = self.void("E-1", "7"), self.void("E-2", "7")
        finder = self.env["integration.patient.finder"]
        refs = finder._refs(self.system, PATIENT)
        self.env.cr.execute("DELETE FROM integration_payload WHERE event_id = %s", (admission.id,))
        answers = finder._answers(self.system, refs, mine | other | admission)
        self.assertEqual([answers[one.id].value for one in (mine, other)], ["yes", "no"])
        self.assertEqual(finder._encounters(self.system, refs), {"E-1"})

    def test_a_legal_hold_on_a_patient_keeps_what_followed_in_odoo(self):
        _charges, invoice = self.bill("E-1")
        self.post_invoice(invoice)
        [posted] = self.events("finance.invoice.posted.v1", invoice)
        holds = self.env["integration.legal.hold"]
        hold = holds.with_user(self.officer)._set(
            {
                "name": "Case",
                "reason": "lawsuit",
                "scope": "patient",
                "system_id": self.system.id,
                "patient_refs": self.env["integration.patient.finder"]._refs(self.system, PATIENT),
            }
        )
        self.assertEqual(holds._spare("event", posted.ids), [])
        hold.with_user(self.second)._lift("settled")
        self.assertEqual(holds._spare("event", posted.ids), posted.ids)

    def test_money_at_risk_of_what_is_past_its_clock(self):
        event = self.finalize("E-1", self.line(1, service="NEW", price="80.00"))
        self.env.cr.execute(
            "UPDATE integration_event SET received_at = received_at - interval '40 days' WHERE id = %s", (event.id,)
        )
        self.env["integration.retention.alarm"]._watch()
        alarm = self.env["integration.retention.alarm"].search([("company_id", "=", self.company.id)])
        self.assertEqual((alarm.count, alarm.parked_count), (1, 1))
        self.assertIn("80.00", alarm.money)
        self.assertNotIn("money", alarm.with_user(self.officer).fields_get(), "money is finance's business")
