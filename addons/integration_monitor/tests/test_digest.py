from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import MonitorCase, PlanCase


class DigestCase(MonitorCase):
    """A digest of each day, and who reads it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = cls._user("operator", "integration_core.group_operator")
        cls.employee = cls._user("employee", "base.group_user")
        cls.digest = cls.env["digest.digest"].create(
            {
                "name": "Daily",
                "periodicity": "daily",
                "company_id": cls.company.id,
                "kpi_integration_received": True,
                "kpi_integration_parked": True,
                "kpi_integration_dead": True,
            }
        )

    def figures(self, user, company=None):
        """Return {figure: value of the last day} of the mail that this user would get an hour later."""
        self.env.flush_all()
        self.env.cr.execute(
            """
            UPDATE integration_receipt SET received_at = received_at - interval '1 hour';
            UPDATE integration_charge SET parked_since = parked_since - interval '1 hour'
            """
        )
        self.env.invalidate_all()
        found = self.digest.with_user(user)._compute_kpis(company or self.company, user)
        return {one["kpi_name"]: one["kpi_col1"]["value"] for one in found if "integration" in one["kpi_name"]}


@tagged("post_install", "-at_install")
class TestDigest(DigestCase):
    """Odoo's digest mail: each reader finds the figures of their role, of their company, and no others."""

    def test_finance_reads_what_came_and_the_money_that_is_stuck(self):
        self.finalize("E-1", self.line(1), self.line(2, service="UNKNOWN", quantity="2", price="150.00"))
        self.assertEqual(self.charges("E-1", 2).state, "parked")
        found = self.figures(self.reviewer)
        self.assertEqual({*found}, {"kpi_integration_received", "kpi_integration_parked"})
        self.assertEqual(found["kpi_integration_received"], 2)
        self.assertIn("300", found["kpi_integration_parked"])

    def test_what_was_settled_meanwhile_is_no_longer_stuck(self):
        self.finalize("E-1", self.line(1, service="LATER", price="150.00"))
        self._service("LATER", "Later", 150.0)
        self.drain()
        self.assertNotEqual(self.charges("E-1").state, "parked")
        self.assertNotIn("150", self.figures(self.reviewer)["kpi_integration_parked"])

    def test_operators_read_dead_letters_and_no_money(self):
        event = self.finalize("E-1", self.line(1), drain=False)
        delivery = event.delivery_ids[:1]
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE integration_delivery SET state = 'dead', dead_since = %s WHERE id = %s",
            (fields.Datetime.now() - timedelta(hours=1), delivery.id),
        )
        self.env.invalidate_all()
        self.assertEqual(self.figures(self.operator), {"kpi_integration_received": 1, "kpi_integration_dead": 1})

    def test_dead_letters_of_tests_are_nobodys_work(self):
        event = self.finalize("E-1", self.line(1), drain=False)
        self.env.flush_all()
        self.env.cr.execute(
            """
            UPDATE integration_delivery SET state = 'dead', dead_since = now() AT TIME ZONE 'UTC' - interval '1 hour'
             WHERE event_id = %(id)s;
            UPDATE integration_event SET mode = 'test' WHERE id = %(id)s
            """,
            {"id": event.id},
        )
        self.assertEqual(self.figures(self.operator)["kpi_integration_dead"], 0)

    def test_days_of_receipt_of_whatever_zone_are_found(self):
        """A day of receipt is local to its system: it may be the one before or after that of the digest."""
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            self.system.timezone = zone
            self.finalize(f"E-{zone}", self.line(1))
        self.assertEqual(self.figures(self.reviewer)["kpi_integration_received"], 2)

    def test_who_has_no_role_finds_nothing_of_it(self):
        self.finalize("E-1", self.line(1))
        self.assertEqual(self.figures(self.employee), {})
        for name in ("received", "parked", "dead"):
            with self.subTest(name), self.assertRaises(AccessError):
                self.digest.with_user(self.employee).read([f"kpi_integration_{name}_value"])

    def test_another_company_has_its_own_figures(self):
        self.finalize("E-1", self.line(1))
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.reviewer.company_ids |= other
        self.digest.company_id = other
        self.assertEqual(self.figures(self.reviewer, other)["kpi_integration_received"], 0)

    def test_each_figure_opens_the_overview(self):
        actions = self.digest._compute_kpis_actions(self.company, self.reviewer)
        for name in ("kpi_integration_received", "kpi_integration_parked", "kpi_integration_dead"):
            action, _query, menu = actions[name].partition("?menu_id=")
            self.assertEqual(self.env.ref(action).tag, "integration_monitor.overview")
            self.assertEqual(self.env["ir.ui.menu"].browse(int(menu)).name, "Integration")


@tagged("post_install", "-at_install")
class TestDigestCost(DigestCase, PlanCase):
    def test_no_history_is_read_from_end_to_end(self):
        self.finalize("E-1", self.line(1), self.line(2, service="UNKNOWN"))
        self.make_history()
        self.env.flush_all()
        self.env.invalidate_all()
        with self.noting() as noted:
            for user in (self.reviewer, self.operator):
                self.digest.with_user(user)._compute_kpis(self.company, user)
        own = [one for one in noted if "integration_" in one]
        self.assertTrue([one for one in own if "integration_receipt" in one])
        self.check_plans({"digest": own})
