"""Month end: places add up to what was received, every figure opens its lines, and a sign-off stays what it was."""

from datetime import timedelta
from decimal import Decimal

from odoo import Command, fields
from odoo.addons.integration_account.models.integration_charge import REASONS
from odoo.addons.integration_core.domain import units
from odoo.addons.integration_core.domain.equation import Tally
from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, new_test_user, tagged
from odoo.tools import mute_logger
from psycopg2.errors import RestrictViolation

from ..domain import month_end
from .common import MonitorCase

PLACES = {
    "applied": ("invoiced", "review", "ready", "held", "voided", "no_charge"),
    "parked": ("mapping", "price", "parked"),
    "waiting": ("waiting",),
    "rejected": ("rejected",),
    "duplicate": ("duplicate",),
}
"""Where lines of each bucket of the equation stand."""


class MonthCase(MonitorCase):
    """A month of service that is over, and the people of finance."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first = month_end.first_of(None, fields.Date.today())
        cls.month = f"{cls.first:%Y-%m}"
        cls.day = cls.first + timedelta(days=14)
        cls.End = cls.env["integration.month.end"]
        cls.Line = cls.env["integration.month.line"]
        cls.viewer = new_test_user(cls.env, "month.viewer", groups="integration_core.group_finance_viewer")

    def served(self, encounter, *lines, day=None, **more):
        """Let the system send services of a day of the month."""
        at = f"{day or self.day}T09:30:00Z"
        return self.finalize(encounter, *(lines or [self.line(1)]), performed_at=at, **more)

    def billed(self, encounter, *lines):
        self.admit(encounter, **{"class": "outpatient"})
        self.served(encounter, *lines)
        charges = self.charges(encounter)
        self.approve(charges)
        return charges

    def page(self, user=None, month=None, **more):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.End.with_user(user or self.reviewer).get_data(month or self.month, **more)

    def cells(self):
        return self.Line._cells(self.company, self.first, month_end.last_of(self.first))

    def places(self, page=None):
        """Return {place: (lines, amounts in words)} of the page."""
        return {row["bucket"]: (row["units"], row["amounts"]) for row in (page or self.page())["rows"] if row["units"]}

    def record(self):
        return self.env["integration.month"].search([("date_from", "=", self.first)])

    def sign(self, reason="Those codes are mapped next week", user=None):
        seen = self.page(user)["seen"]
        self.End.with_user(user or self.reviewer).action_sign(self.month, None, seen)
        record = self.record().with_user(user or self.reviewer)
        if not record.signed_at or reason:
            record._sign(reason, seen)
        return record._last()

    def signed_long_ago(self):
        """Let the month have been signed off yesterday, so that whatever comes now is late."""
        signoff = self.sign()
        self.env.flush_all()
        self.env.cr.execute("UPDATE integration_month SET closed_at = closed_at - interval '1 day'")
        self.env.invalidate_all()
        return signoff

    def everywhere(self):
        """Let lines stand in every place that there is, but for those of a fault."""
        billed = self.billed("E-1", self.line(1), self.line(2, quantity="2", price="10.05"))
        self.post_invoice(billed.invoice_id)
        self.billed("E-2", self.line(1, price="33.33"))
        self.admit("E-3", **{"class": "outpatient"})
        self.served("E-3", self.line(1, price="7.00"), self.line(2, price="9.00"))
        self.void("E-3", 2)
        self.served("E-4", self.line(1, price="11.00"))  # nobody knows its class: on hold
        self.served("E-5", self.line(1, service="NEW", price="80.00"), self.line(2, price=None))
        self.served("E-6", self.line(1, price="5.00"), nobody=True)
        self.served("E-4", self.line(1, price="11.00"))
        self.refused(self.line(9, price="2.50"))
        self.served("E-7", self.line(1, price="4.00"), drain=False)

    def refused(self, *lines):
        """Let lines be refused at the gate."""
        data = {"lines": list(lines), "department": "ED", "performed_at": f"{self.day}T09:30:00Z"}
        self.env["integration.receipt"]._append(
            self.system,
            units.units(data, priced=True),
            outcome="rejected",
            webhook_id="refused-1",
            received_at=fields.Datetime.now(),
            mode="live",
            reason="schema-violation",
        )


@tagged("post_install", "-at_install")
class TestMonthEnd(MonthCase):
    def test_reasons_that_say_where_a_charge_stands_exist(self):
        known = {reason for reason, _label in REASONS}
        self.assertLessEqual({*month_end.MAPPING_REASONS, *month_end.PRICE_REASONS}, known)

    def test_places_add_up_to_what_the_ledger_received(self):
        self.everywhere()
        cells = self.cells()
        figures = month_end.figures(cells)
        places = {key.standing.value for key in figures}
        expected = {place for some in PLACES.values() for place in some} - {"no_charge"}
        self.assertEqual(places, expected, "nothing is unaccounted, and every other place is tried")
        ledger = self.env["integration.ledger"]._equation(
            self.company, self.first, month_end.last_of(self.first), basis="service"
        )
        sent = self.figures([row for row in ledger if row.key.currency == "USD"])
        unpriced = self.figures([row for row in ledger if not row.key.currency])
        for bucket, standings in PLACES.items():
            own = [tally for key, tally in figures.items() if key.standing.value in standings and key.currency]
            total = (sum(t.units for t in own), sum(t.amount for t in own), sum(t.price_unknown for t in own))
            self.assertEqual(total, sent.get(bucket, (0, 0, 0)), bucket)
        received = month_end.received(cells)
        self.assertEqual(received["USD"].amount, sent["received"][1])
        self.assertEqual(received["USD"].units, sent["received"][0])
        self.assertEqual(received[""].price_unknown, unpriced["received"][2])
        self.assertEqual(sum(tally.amount for tally in figures.values()), sent["received"][1])

    def test_each_place(self):
        self.everywhere()
        units_at = {place: count for place, (count, _money) in self.places().items()}
        self.assertEqual(
            units_at,
            {
                "invoiced": 2,
                "review": 1,
                "ready": 1,
                "held": 1,
                "mapping": 1,
                "price": 1,
                "parked": 1,
                "waiting": 1,
                "voided": 1,
                "rejected": 1,
                "duplicate": 1,
            },
        )
        self.assertIn("140.10", self.places()["invoiced"][1][0])

    def test_every_figure_opens_as_many_lines_as_it_counts(self):
        self.everywhere()
        self.signed_long_ago()
        self.served("E-8", self.line(1, price="60.00"), department="LAB")
        tried = 0
        for figure in self.figures_of(self.page()):
            action = figure["action"]
            lines = self.env[action["res_model"]].with_user(self.reviewer).with_context(**action["context"])
            self.assertEqual(lines.search_count(action["domain"]), figure["units"], figure["label"])
            tried += 1
        self.assertGreater(tried, 30)

    def figures_of(self, part):
        if isinstance(part, list):
            for one in part:
                yield from self.figures_of(one)
        elif isinstance(part, dict):
            if "units" in part:
                yield part
            else:
                for one in part.values():
                    yield from self.figures_of(one)

    def test_cost_centers_and_ages_add_up(self):
        self.everywhere()
        self.served("E-8", self.line(1, price="60.00"), department="LAB")
        page = self.page()
        received = page["received"]["units"]
        self.assertEqual(sum(row["received"]["units"] for row in page["centers"]["rows"]), received)
        self.assertEqual(sum(cell["units"] for row in page["centers"]["rows"] for cell in row["cells"]), received)
        self.assertEqual(sum(row["units"] for row in page["rows"]), received)
        names = {standing.value for standing in month_end.UNBILLED}
        unbilled = sum(row["units"] for row in page["rows"] if row["bucket"] in names)
        self.assertEqual(sum(row["units"] for row in page["ages"]), unbilled)
        both = page["center_ages"]["rows"]
        self.assertEqual(sum(cell["units"] for row in both for cell in row["cells"]), unbilled)
        self.assertEqual([row["name"] for row in both], [row["label"] for row in page["unbilled"]["centers"]])
        self.assertEqual(sum(row["units"] for row in page["unbilled"]["centers"]), unbilled)
        self.assertEqual(page["unbilled"]["total"]["units"], unbilled)

    def test_old_lines_stand_in_their_band(self):
        event = self.served("E-5", self.line(1, service="NEW"))
        self.env.cr.execute(
            "UPDATE integration_receipt SET received_at = received_at - interval '31 days' WHERE event_id = %s",
            (event.id,),
        )
        [row] = self.page()["ages"]
        self.assertEqual((row["bucket"], row["units"]), ("two_months", 1))

    def test_a_line_opens_its_charge_and_one_without_its_receipt(self):
        self.served("E-5", self.line(1, service="NEW"))
        self.refused(self.line(9))
        lines = self.Line.with_user(self.reviewer).with_context(service_month=self.first).search([])
        opened = {line.standing: line.action_open()["res_model"] for line in lines}
        self.assertEqual(opened, {"mapping": "integration.charge", "rejected": "integration.receipt"})
        self.assertEqual(lines.filtered("charge_id").action_open()["res_id"], self.charges("E-5").id)

    def test_a_charge_that_vanishes_is_unaccounted(self):
        self.served("E-1", self.line(1), self.line(2, price="30.00"))
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM integration_charge WHERE encounter = 'E-1' AND line = '2'")
        page = self.page()
        self.assertEqual(page["headline"]["level"], "danger")
        [row] = [row for row in page["rows"] if row["bucket"] == "unaccounted"]
        self.assertEqual((row["units"], row["wrong"]), (1, True))
        with self.assertRaisesRegex(UserError, "Say why"):
            self.sign("")

    def test_what_is_unaccounted_opens_what_does_not_add_up(self):
        """A charge that vanished, a receipt that vanished, and a charge of another amount."""
        lost = self.served("E-1", self.line(1))
        self.served("E-2", self.line(1))
        self.served("E-3", self.line(1, price="7.00"))
        self.env.flush_all()
        lines = self.Line.with_user(self.reviewer)
        # Without its receipt nobody knows its day of service: it counts on its day of receipt.
        self.env.cr.execute("UPDATE integration_event SET received_at = %s WHERE id = %s", (self.day, lost.id))
        for statement, count, shown in (
            ("DELETE FROM integration_receipt WHERE encounter = 'E-1'", -1, {"E-1"}),
            ("UPDATE integration_charge SET amount_sent = 8 WHERE encounter = 'E-3'", -1, {"E-1", "E-3"}),
            ("DELETE FROM integration_charge WHERE encounter = 'E-2'", 0, {"E-1", "E-2", "E-3"}),
        ):
            self.env.cr.execute(statement)
            page = self.page()
            [row] = [row for row in page["rows"] if row["bucket"] == "unaccounted"]
            action = row["action"]
            found = lines.with_context(**action["context"]).search(action["domain"])
            with self.subTest(statement):
                self.assertEqual((row["units"], row["wrong"]), (count, True))
                self.assertEqual(set(found.mapped("encounter")), shown)

    def test_what_retention_removes_stays_in_its_place(self):
        billed = self.billed("E-1")
        self.post_invoice(billed.invoice_id)
        again = self.served("E-1", self.line(1))
        before = self.places()
        self.purge(billed.event_id, again)
        self.assertEqual(self.places(), before)
        line = self.Line.with_user(self.reviewer).with_context(service_month=self.first)
        line = line.search([("standing", "=", "invoiced")])
        self.assertEqual((line.charge_id, line.invoice_id), (billed, billed.invoice_id))
        self.assertEqual(line.action_open()["res_model"], "integration.charge")

    def test_messages_without_money_and_tests_play_no_part(self):
        self.admit("E-1", admitted_at=f"{self.day}T08:00:00Z")
        trial = self._make_system("trial", live=False)
        self.served("E-1", system=trial)
        page = self.page()
        self.assertEqual((page["received"]["units"], page["headline"]["level"]), (0, "info"))

    def test_the_day_is_that_of_the_facility(self):
        self.system.timezone = "America/New_York"
        after = month_end.last_of(self.first) + timedelta(days=1)
        self.finalize("E-1", self.line(1), performed_at=f"{after}T03:00:00Z")
        self.finalize("E-2", self.line(1), performed_at=f"{after}T06:00:00Z")
        lines = self.Line.with_user(self.reviewer).with_context(service_month=self.first).search([])
        self.assertEqual(lines.mapped("encounter"), ["E-1"])
        self.assertEqual(self.page()["received"]["units"], 1)

    def test_currencies_are_told_apart(self):
        self.env.ref("base.EUR").active = True
        self.served("E-1", self.line(1), self.line(2, currency="EUR"))
        self.assertEqual(len(self.page()["received"]["amounts"]), 2)
        rows = month_end.unbilled(self.cells())
        self.assertEqual({currency: tally.amount for _center, currency, tally in rows}, {"USD": 120, "EUR": 120})

    def test_unbilled_is_at_what_will_be_invoiced(self):
        """The price list's price of a line that came without one, and what a partial void has left."""
        self._rule("integration.price.rule", source="price_list", product_id=self.scan.id)
        self.admit("E-1", **{"class": "outpatient"})
        self.served("E-1", self.line(1, service="SCAN", price=None), self.line(2, quantity="2", price="10.00"))
        self.void("E-1", {"line": "2", "quantity": "1", "reason": "error"})
        rows = month_end.unbilled(self.cells())
        charges = self.charges("E-1")
        self.assertEqual(sum(tally.amount for *_rest, tally in rows), Decimal(str(sum(charges.mapped("amount")))))


@tagged("post_install", "-at_install")
class TestMonthSignoff(MonthCase):
    def test_without_anything_waiting_no_reason_is_asked(self):
        billed = self.billed("E-1")
        self.post_invoice(billed.invoice_id)
        seen = self.page()["seen"]
        self.assertIs(self.End.with_user(self.reviewer).action_sign(self.month, None, seen), True)
        [signoff] = self.record().signoff_ids
        self.assertEqual((signoff.user_id, signoff.received_count, signoff.stuck_count), (self.reviewer, 1, 0))
        self.assertEqual((signoff.received_text, signoff.unbilled_text, signoff.reason), ("USD 120.00", False, ""))
        self.assertEqual(self.page()["headline"]["level"], "success")

    def test_what_waits_for_a_person_asks_for_a_reason(self):
        self.served("E-5", self.line(1, service="NEW", price="80.00"))
        seen = self.page()["seen"]
        action = self.End.with_user(self.reviewer).action_sign(self.month, None, seen)
        wizard = self.env[action["res_model"]].with_user(self.reviewer).with_context(**action["context"])
        wizard = wizard.create({"reason": "The codes come on Monday"})
        self.assertIn("1 line waits (USD 80.00)", wizard.summary)
        self.assertFalse(self.record().signed_at)
        with self.assertRaisesRegex(UserError, r"1 line waits \(USD 80.00\). Say why"):
            self.record().with_user(self.reviewer)._sign(" ", seen)
        wizard.action_confirm()
        [signoff] = self.record().signoff_ids
        self.assertEqual((signoff.reason, signoff.stuck_count), ("The codes come on Monday", 1))
        trail = self.env["integration.audit"].search([("action", "=", "month.sign")])
        self.assertEqual((trail.user_id, trail.reason), (self.reviewer.id, "The codes come on Monday"))
        self.assertEqual(self.page()["signoff"]["reason"], "The codes come on Monday")

    def test_money_is_told_with_the_decimals_of_its_currency(self):
        sums = {
            "KWD": Tally(1, Decimal("1234.5670")),
            "JPY": Tally(1, Decimal(1234)),
            "USD": Tally(1, Decimal("0.0030")),
            "XXX": Tally(1, Decimal("0.1234")),
        }
        self.assertEqual(
            self.env["integration.month.signoff"]._money_text(sums), "JPY 1,234; KWD 1,234.567; USD 0.00; XXX 0.1234"
        )

    def test_figures_are_kept_and_later_changes_told(self):
        self.served("E-5", self.line(1, service="NEW", price="80.00"), self.line(2, quantity="0.1", price="0.03"))
        signoff = self.sign()
        kept = signoff._figures()
        self.assertEqual(signoff.digest, month_end.digest(kept))
        self.assertEqual(kept, self.record()._figures())
        self.assertFalse(self.page()["changes"])
        self._service("NEW", "New")
        self.drain()
        self.env.invalidate_all()
        self.assertEqual(signoff._figures(), kept)
        page = self.page()
        self.assertEqual(page["headline"]["level"], "warning")
        self.assertEqual([change["name"] for change in page["changes"]], ["ED · On hold", "ED · Waiting for a mapping"])
        self.assertTrue(page["changes"][0]["difference"].startswith("+1"))
        self.assertIn("Nothing arrived since", page["headline"]["detail"])
        self.served("E-6", self.line(1, service="NEW", price="60.00"))
        self.assertIn("+1 line ($\xa060.00)", self.page()["headline"]["detail"])
        again = self.sign("")
        self.assertFalse(self.page()["changes"])
        self.assertNotEqual(again.digest, signoff.digest)
        self.assertEqual(len(self.record().signoff_ids), 2)

    def test_a_signed_month_stays_what_it_was_when_retention_removes_its_messages(self):
        self.everywhere()
        signoff = self.sign()
        before = self.page()
        self.purge(*self.env["integration.event"].search([("system_id", "=", self.system.id)]))
        receipts = self.env["integration.receipt"].search([("event_id", "=", False), ("outcome", "=", "accepted")])
        self.assertLessEqual({"E-1", "E-3", "E-4"}, set(receipts.mapped("encounter")), "some have gone")
        page = self.page()
        self.assertEqual((page["changes"], page["headline"]), ([], before["headline"]))
        self.assertEqual(page["rows"], before["rows"])
        self.assertEqual(page["unbilled"], before["unbilled"])
        self.assertEqual(month_end.digest(self.record()._figures()), signoff.digest)

    def test_what_arrives_or_becomes_ready_after_the_first_sign_off_is_late(self):
        self.admit("E-1", **{"class": "outpatient"})
        self.served("E-1", self.line(1), self.line(2, service="NEW", price="80.00"))
        self.assertIsNone(self.page()["late"])
        # Only that line was ready when the month was signed off yesterday.
        self.env.cr.execute("UPDATE integration_receipt SET received_at = received_at - interval '2 days'")
        self.charges("E-1", 1).ready_at = fields.Datetime.subtract(fields.Datetime.now(), days=2)
        self.signed_long_ago()
        self.assertEqual(self.page()["late"]["units"], 0)
        self._service("NEW", "New")
        self.drain()
        self.served("E-2", self.line(1, price="60.00"))
        self.refused(self.line(9))
        late = self.Line.with_user(self.viewer).with_context(service_month=self.first).search([("late", "!=", False)])
        told = {(line.encounter, line.line, line.late) for line in late}
        self.assertEqual(told, {("E-1", "2", "ready"), ("E-2", "1", "arrived")})
        self.sign("")
        self.assertEqual(self.page()["late"]["units"], 2, "what came late stays late")

    def test_a_month_is_signed_when_it_is_over(self):
        self.finalize("E-1", self.line(1), performed_at=f"{fields.Date.today()}T00:30:00Z")
        now = f"{fields.Date.today():%Y-%m}"
        self.assertFalse(self.page(month=now)["may_sign"])
        with self.assertRaisesRegex(UserError, "not over yet"):
            self.End.with_user(self.reviewer).action_sign(now)

    def test_a_month_is_over_when_it_is_over_where_the_systems_are(self):
        self.system.timezone = "America/New_York"
        end = self.End.with_user(self.reviewer)
        with freeze_time("2026-11-01 00:30:00"):
            self.assertFalse(self.page(month="2026-10")["may_sign"])
            with self.assertRaisesRegex(UserError, "not over yet"):
                end.action_sign("2026-10")
        with freeze_time("2026-11-01 04:30:00"):
            page = self.page(month="2026-10")
            self.assertTrue(page["may_sign"])
            self.assertIs(end.action_sign("2026-10", None, page["seen"]), True)

    def test_only_figures_that_were_read_are_signed(self):
        """A line that needs nobody, and a price, that came after the page was read."""
        self.billed("E-1")
        reviewer, read = self.End.with_user(self.reviewer), self.page()["seen"]
        self.billed("E-2")
        self.env.flush_all()
        for seen in (read, None):
            with self.subTest(seen=seen), self.assertRaisesRegex(UserError, "changed since you read them"):
                reviewer.action_sign(self.month, None, seen)
        self.assertFalse(self.record().signoff_ids)
        page = self.page()
        self.assertEqual(self.page()["seen"], page["seen"], "it is the same as long as nothing changes")
        self.charges("E-2").with_context(tracking_disable=True).amount = 7
        self.assertEqual([row["units"] for row in self.page()["rows"]], [row["units"] for row in page["rows"]])
        with self.assertRaisesRegex(UserError, "changed since you read them"):
            reviewer.action_sign(self.month, None, page["seen"])
        self.assertIs(reviewer.action_sign(self.month, None, self.page()["seen"]), True)

    def test_what_changes_while_the_reason_is_written_is_not_signed(self):
        self.served("E-5", self.line(1, service="NEW", price="80.00"))
        action = self.End.with_user(self.reviewer).action_sign(self.month, None, self.page()["seen"])
        wizard = self.env[action["res_model"]].with_user(self.reviewer).with_context(**action["context"])
        wizard = wizard.create({"reason": "The codes come on Monday"})
        self.served("E-6", self.line(1, price="60.00"))
        with self.assertRaisesRegex(UserError, "changed since you read them"):
            wizard.action_confirm()
        self.assertFalse(self.record().signoff_ids)

    def test_a_button_that_is_pressed_twice_signs_once(self):
        self.served("E-5", self.line(1, service="NEW", price="80.00"))
        first = self.sign("The codes come on Monday")
        self.assertEqual(self.sign("The codes come on Monday"), first)
        self.assertEqual(self.env["integration.audit"].search_count([("action", "=", "month.sign")]), 1)
        self.assertNotEqual(self.sign("The codes come on Tuesday"), first)
        other = new_test_user(self.env, "month.other", groups="integration_core.group_finance_reviewer")
        self.sign("The codes come on Tuesday", other)
        self.assertEqual(len(self.record().signoff_ids), 3, "another reason, and another person")

    def test_a_sign_off_is_never_edited(self):
        self.served("E-5", self.line(1, service="NEW", price="80.00"))
        signoff = self.sign()
        self.env.flush_all()
        for statement in (
            "UPDATE integration_month_signoff SET reason = 'x'",
            "DELETE FROM integration_month_signoff",
            "UPDATE integration_month_figure SET amount = 0",
            "DELETE FROM integration_month_figure",
        ):
            refused = self.assertRaisesRegex(RestrictViolation, "append-only")
            with self.subTest(statement), mute_logger("odoo.sql_db"), refused, self.env.cr.savepoint():
                self.env.cr.execute(statement)
        self.assertTrue(signoff.exists())

    def test_only_finance_reads_and_only_reviewers_sign(self):
        self.served("E-5", self.line(1, service="NEW"))
        self.assertEqual(self.page(self.viewer)["received"]["units"], 1)
        self.assertFalse(self.page(self.viewer)["may_sign"])
        with self.assertRaises(AccessError):
            self.End.with_user(self.viewer).action_sign(self.month)
        self.sign()
        with self.assertRaises(AccessError):
            self.record().with_user(self.viewer)._sign("x", self.page()["seen"])
        with self.assertRaises(AccessError):
            self.record().with_user(self.reviewer).write({"signed_at": False})
        for role in ("operator", "auditor", "steward"):
            user = new_test_user(self.env, f"month.{role}", groups=f"integration_core.group_{role}")
            with self.subTest(role), self.assertRaises(AccessError):
                self.page(user)
        auditor = self.env["res.users"].search([("login", "=", "month.auditor")])
        self.assertEqual(self.record().signoff_ids.with_user(auditor).received_text, "USD 120.00")

    def test_companies_have_months_of_their_own(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        theirs = self._make_system("other", company=other)
        self.served("E-1", self.line(1, service="NEW"))
        self.served("E-1", self.line(1), self.line(2), system=theirs)
        self.assertEqual(self.page()["received"]["units"], 1)
        with self.assertRaises(AccessError):
            self.page(company_id=other.id)
        with self.assertRaises(AccessError):
            self.End.with_user(self.reviewer).action_sign(self.month, other.id)
        self.sign()
        self.reviewer.company_ids = [Command.link(other.id)]
        both = self.End.with_user(self.reviewer).with_context(allowed_company_ids=[self.company.id, other.id])
        page = both.get_data(self.month, other.id)
        self.assertEqual((page["received"]["units"], page["signoff"], page["late"]), (2, None, None))
        self.assertEqual(len(page["companies"]), 2)
        lines = self.Line.with_user(self.viewer).with_context(service_month=self.first).search([])
        self.assertEqual(lines.company_id, self.company)
