from odoo.tests import HttpCase, tagged

from .retaining import RetentionCase
from .test_journal import ADMITTED, DATA

PATIENT = {"id": "MRN-7"}


@tagged("post_install", "-at_install")
class TestPeopleTours(RetentionCase, HttpCase):
    """In the browser, each role on screens of its own: approvals, the door to contents, the trail, erasure."""

    def role(self, name, login=None):
        """Make somebody with that role, and with a mail address of their own: one address is one person."""
        login = login or f"tour_{name}"
        self.person(login, name, password=login)
        return login

    def admitted(self):
        event = self.post(ADMITTED, {**DATA, "patient": PATIENT}, event_id="tour-1", webhook_id="tour-1")[1]
        self.drain()
        return event

    def test_an_administrator_asks_and_another_one_approves(self):
        asks, approves = self.role("admin", "tour_boss"), self.role("admin", "tour_deputy")
        system = self._make_system("tour-radiology", live=False)
        system.name = "Tour radiology"
        self.start_tour(f"/odoo/integration-systems/{system.id}", "integration_core_admin_asks", login=asks)
        self.env.invalidate_all()
        self.assertEqual((system.approval_state, system.requested_by_id.login), ("requested", asks))
        self.start_tour("/odoo/integration-approvals", "integration_core_admin_approves", login=approves)
        self.env.invalidate_all()
        self.assertEqual((system.approval_state, system.decided_by_id.login), ("approved", approves))

    def test_the_clinical_side_breaks_the_glass_and_a_privacy_officer_reviews_it(self):
        officer, liaison = self.role("privacy_officer"), self.role("clinical_liaison", "tour_liaison")
        event = self.admitted()
        tour = "integration_core_liaison_breaks_the_glass"
        self.start_tour(f"/odoo/integration-events/{event.id}", tour, login=liaison)
        glass = self.env["integration.break.glass"].search([])
        self.assertEqual((glass.user_id.login, glass.look_count), (liaison, 1))
        self.start_tour("/odoo/integration-break-glass", "integration_core_officer_reviews", login=officer)
        self.env.invalidate_all()
        self.assertEqual((glass.state, glass.finding, glass.reviewed_by_id.login), ("reviewed", "right", officer))

    def test_an_auditor_verifies_the_trail(self):
        self.env["integration.audit.seal"]._seal_all()
        self.system.action_suspend()
        self.start_tour("/odoo/integration-audit", "integration_core_auditor_verifies", login=self.role("auditor"))
        row = self.env["integration.audit"].search([("action", "=", "audit.verify")])
        auditor = self.env["res.users"].browse(row.user_id)
        self.assertEqual((auditor.login, row.detail), ("tour_auditor", "sound, 0 findings"))

    def test_two_privacy_officers_erase_what_is_about_a_patient(self):
        asks, approves = self.role("privacy_officer", "tour_asks"), self.role("privacy_officer", "tour_approves")
        self.system.name = "Radiology"
        event = self.admitted()
        self.start_tour("/odoo/integration-erasure", "integration_core_officer_requests_erasure", login=asks)
        erasure = self.env["integration.erasure"].search([])
        place = f"/odoo/integration-erasure/{erasure.id}"
        self.drain()
        self.start_tour(place, "integration_core_officer_may_not_approve", login=asks)
        self.start_tour(place, "integration_core_officer_approves_erasure", login=approves)
        self.drain()
        self.env.invalidate_all()
        self.assertEqual((erasure.state, erasure.approved_by_id.login), ("done", approves))
        self.assertFalse(self.count("integration_payload", "event_id", event.ids))
        self.start_tour(place, "integration_core_officer_sees_the_certificate", login=approves)
