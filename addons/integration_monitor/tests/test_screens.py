from datetime import timedelta

from odoo import Command, fields
from odoo.tests import HttpCase, tagged

from ..domain import month_end
from .common import MonitorCase

ROLES = ("finance_reviewer", "clinical_liaison", "operator", "admin", "privacy_officer", "auditor")
"""Those whose menus are, together, all that there are, but for a dialog of those who run Odoo."""


@tagged("post_install", "-at_install")
class TestScreens(HttpCase, MonitorCase):
    """Every menu and view of the app opens, with data in them, and people find what they look for."""

    allow_end_on_form = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.users"].search([]).write({"tour_enabled": False})
        # What a test generates is rolled back with it: generate the web client once for all of them.
        for bundle in ("web.assets_web", "web.assets_backend_lazy"):
            assets = cls.env["ir.qweb"]._get_asset_bundle(bundle, css=True, js=True)
            assets.css()
            assets.js()

    def setUp(self):
        super().setUp()
        self.finalize("E-1", self.line(1), self.line(2, service="NEW", price="80.00"))
        event = self.finalize("E-2", self.line(1), drain=False)
        self.env.cr.execute(
            "UPDATE integration_delivery SET state = 'dead', dead_since = now() AT TIME ZONE 'UTC' WHERE event_id = %s",
            (event.id,),
        )
        self.env.invalidate_all()

    def person(self, role):
        """Make a user of one role and return the login."""
        login = f"clicks_{role}"
        self.env["res.users"].create(
            {
                "name": login,
                "login": login,
                "password": login,
                "company_id": self.company.id,
                "company_ids": [Command.set(self.company.ids)],
                "group_ids": [Command.set(self.env.ref(f"integration_core.group_{role}").ids)],
                "tour_enabled": False,
            }
        )
        return login

    def test_every_menu_opens(self):
        """What every role may do there, with filters, fields and charts, is asked without a browser by the suite."""
        logins = [self.person(role) for role in ROLES]
        people = self.env["res.users"].search([("login", "in", logins)])
        menus = self.env["ir.ui.menu"]
        seen = set().union(*(menus.with_user(one)._visible_menu_ids() for one in people))
        ours = menus.search([("id", "child_of", self.env.ref("integration_core.menu_root").id)])
        ours -= self.env.ref("integration_core.menu_copy")
        left = ours.filtered(lambda menu: menu.id not in seen).mapped("complete_name")
        self.assertFalse(left, "somebody else has menus of their own: walk through theirs, too")
        for login in logins:
            with self.subTest(login):
                self.start_tour("/odoo/integration", "integration_every_menu", login=login)

    def test_operator_skips_a_dead_letter_with_a_reason(self):
        login = self.person("operator")
        self.start_tour("/odoo/integration", "integration_operator_skips", login=login)
        delivery = self.env["integration.delivery"].search([("state", "=", "skipped")])
        self.assertEqual(delivery.skip_reason, "The sender cancelled it")
        trail = self.env["integration.audit"].search([("action", "=", "delivery.skip")])
        self.assertEqual((trail.user_name, trail.reason), (login, "The sender cancelled it"))

    def test_finance_reads_the_equation_and_opens_what_is_parked(self):
        self.start_tour("/odoo/integration", "integration_finance_reads", login=self.person("finance_viewer"))

    def test_steward_goes_from_the_overview_to_the_codes(self):
        self.start_tour("/odoo/integration", "integration_steward_maps", login=self.person("steward"))

    def test_administrator_sees_keys_that_end_and_a_break_down(self):
        credentials = self.env["integration.credential"]
        credentials._generate({"system_id": self.system.id}, company=self.company, use="inbound")
        credentials.search([("system_id", "=", self.system.id)])._approving().write(
            {"state": "active", "valid_to": fields.Datetime.now() + timedelta(days=5)}
        )
        self.start_tour("/odoo/integration", "integration_administrator_looks", login=self.person("admin"))

    def test_the_overview_while_odoo_is_slow(self):
        self.env["integration.hold"]._hold("lane", "repairs", lane="bulk")
        tour = "integration_overview_while_odoo_is_slow"
        self.start_tour("/odoo/integration", tour, login=self.person("operator"))

    def test_the_overview_keeps_its_period(self):
        self.env.cr.execute("DELETE FROM integration_due")
        self.finalize("E-3", self.line(1), drain=False)
        self.env["integration.hold"]._hold("all", "the bank holiday")
        tour = "integration_overview_keeps_its_period"
        self.start_tour("/odoo/integration", tour, login=self.person("operator"))

    def test_pages_say_that_odoo_does_not_answer(self):
        self.start_tour("/odoo/integration", "integration_no_answer", login=self.person("finance_reviewer"))

    def test_auditor_sees_plumbing_and_verifies(self):
        self.start_tour("/odoo/integration", "integration_auditor_verifies", login=self.person("auditor"))

    def test_finance_follows_a_break_accepts_it_and_signs_the_period_off(self):
        lines = self.line(1), self.line(2, service="NEW", price="80.00")
        self.finalize("E-9", *lines, performed_at="2026-11-19T09:30:00Z")
        day = {"service_date": "2026-11-19", "department": "ED", "event_type": "clinical.service.finalized.v1"}
        totals = [{**day, "count": 2, "amount": "200.00", "currency": "USD"}]
        period = {"from": "2026-11-19", "to": "2026-11-19"}
        self.post("control.totals.reported.v1", {"period": period, "totals": totals})
        self.drain()
        login = self.person("finance_reviewer")
        self.start_tour("/odoo/integration", "integration_finance_reconciles", login=login)
        compared = self.env["integration.reconciliation"].search([("system_id", "=", self.system.id)])
        self.assertEqual((compared.state, compared.signed_by_id.login), ("signed", login))
        self.assertEqual(compared.line_ids.state, "accepted")

    def test_finance_signs_a_month_off_with_a_reason(self):
        first = month_end.first_of(None, fields.Date.today())
        at = f"{first.replace(day=15)}T09:30:00Z"
        self.finalize("E-9", self.line(1), self.line(2, service="NEW", price="80.00"), performed_at=at)
        login = self.person("finance_reviewer")
        self.start_tour("/odoo/integration", "integration_finance_signs_a_month", login=login)
        month = self.env["integration.month"].search([("company_id", "=", self.company.id)])
        self.assertEqual((month.date_from, month.signed_by_id.login), (first, login))
        self.assertEqual(month.signoff_ids.reason, "The code is mapped on Monday")

    def test_what_is_on_the_screen_is_signed(self):
        first = month_end.first_of(None, month_end.first_of(None, fields.Date.today()))
        at = f"{first.replace(day=15)}T09:30:00Z"
        self.finalize("E-8", self.line(1, service="NEW", price="60.00"), performed_at=at)
        login = self.person("finance_reviewer")
        self.start_tour("/odoo/integration-month-end", "integration_month_on_the_screen", login=login)
        self.assertFalse(self.env["integration.month.signoff"].search([("company_id", "=", self.company.id)]))
