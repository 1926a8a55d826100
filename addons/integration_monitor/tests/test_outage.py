"""The outage report: silences, what came since, and which numbers never came."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import MonitorCase, PlanCase

OUTAGE = "odoo.addons.integration_monitor.wizards.integration_outage"


class OutageCase(MonitorCase):
    """A system whose messages came at the hours that a test says, of a day that is over."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.midnight = fields.Datetime.now().replace(hour=0, minute=0, second=0) - timedelta(days=3)
        cls.viewer = new_test_user(cls.env, "outage.viewer", groups="integration_core.group_finance_viewer")
        cls.operator = new_test_user(cls.env, "outage.operator", groups="integration_core.group_operator")

    def hour(self, hour):
        return self.midnight + timedelta(hours=hour)

    def came(self, hour, sequence=None, *, happened=None, encounter="E-1", line=1, system=None, **more):
        """Let a message come at an hour, of something that happened then or earlier."""
        at = self.hour(hour if happened is None else happened)
        data = {"encounter": encounter, "patient": {"id": "MRN-1"}, "performed_at": f"{at.isoformat()}Z"}
        data |= {"department": "ED", "lines": [self.line(line)], "self_pay": True}
        named = more if sequence is None else {"sequence": sequence, **more}
        _accepted, event = self.post(
            "clinical.service.finalized.v1", data, time=f"{at.isoformat()}Z", system=system, **named
        )
        for table, column in (("integration_event", "id"), ("integration_receipt", "event_id")):
            self.env.cr.execute(
                f"UPDATE {table} SET received_at = %s WHERE {column} = %s",  # noqa: S608
                (self.hour(hour), event.id),
            )
        self.env.invalidate_all()
        return event

    def outage(self, user=None, *, begin=0, end=24, system=None, least=60):
        values = {"system_id": (system or self.system).id, "begin": self.hour(begin), "end": self.hour(end)}
        return self.env["integration.outage"].with_user(user or self.viewer).create({**values, "least": least})

    def told(self, user=None, **more):
        return self.outage(user, **more)._told()


@tagged("post_install", "-at_install")
class TestOutage(OutageCase):
    def test_a_silence_says_from_when_to_when_and_what_came_since(self):
        for hour in (*range(6), *range(10, 25)):
            self.came(hour, encounter=f"E-{hour}")
        self.came(11, happened=7, encounter="E-7")
        self.came(12, happened=8, encounter="E-8", line=2)
        [silence] = self.told(least=90)["silences"]
        self.assertEqual((silence.length, silence.messages, silence.lines), ("5 h", 2, 2))
        self.assertIn("240.00", silence.money[0])

    def test_operators_see_no_money(self):
        self.came(1)
        self.came(5)
        self.came(6, happened=3)
        told = self.told(self.operator)
        self.assertTrue(told["silences"])
        self.assertFalse(told["money"] or any(one.money for one in told["silences"]))
        self.assertNotIn("240", str(self.outage(self.operator).report))

    def test_numbers_that_are_not_here_are_missing(self):
        for hour, sequence in ((1, "1"), (2, "2"), (3, "5"), (4, "9")):
            self.came(hour, sequence, encounter=f"E-{hour}")
        told = self.told()
        self.assertEqual((told["missing"], sorted(told["gaps"])), (5, ["3–4", "6–8"]))
        self.came(30, "3", encounter="E-30")
        self.came(31, 8, encounter="E-31")
        told = self.told()
        self.assertEqual((told["missing"], sorted(told["gaps"])), (3, ["4", "6–7"]), "what came since fills the gaps")

    def test_what_came_long_after_fills_the_gaps_too(self):
        for hour, sequence in ((1, "1"), (2, "3"), (3, "7"), *((30 + more, str(8 + more)) for more in range(4))):
            self.came(hour, sequence, encounter=f"E-{hour}")
        with patch(f"{OUTAGE}.MOST_AFTER", 3):
            self.assertEqual(self.told()["gaps"], ["4–6", "2"])
            self.came(40, "5", encounter="E-40")
            self.came(41, "02", encounter="E-41")
            self.came(42, "4", encounter="E-42", source="/another")
            told = self.told()
            self.assertEqual((told["gaps"], told["looked_until"]), (["4", "6"], ""))
        with patch(f"{OUTAGE}.MOST_AFTER", 3), patch(f"{OUTAGE}.MOST_LATER", 3):
            told = self.told()
            self.assertEqual((told["gaps"], told["missing"]), (["4–6", "2"], 4))
            self.assertIn(told["looked_until"], str(self.outage().report))
            self.assertTrue(told["looked_until"])

    def test_what_the_next_round_sends_fills_no_gap(self):
        for hour, sequence in ((1, "1"), (2, "2"), (3, "4"), (30, "5"), (31, "1"), (32, "2"), (33, "3"), (34, "4")):
            self.came(hour, sequence, encounter=f"E-{hour}")
        for most in (1, 100):
            with self.subTest(most), patch(f"{OUTAGE}.MOST_AFTER", most):
                self.assertEqual(self.told()["gaps"], ["3"])

    def test_the_number_before_the_period_counts(self):
        self.came(1, "7")
        self.came(12, "10", encounter="E-2")
        self.assertEqual(self.told(begin=6)["gaps"], ["8–9"])

    def test_what_is_missing_after_the_period_is_another_ones(self):
        for hour, sequence in ((1, "1"), (2, "3"), (30, "9"), (31, "20")):
            self.came(hour, sequence, encounter=f"E-{hour}")
        told = self.told()
        self.assertEqual((told["gaps"], told["known"]), (["4–8", "2"], (1, 9)))

    def test_each_source_counts_for_itself(self):
        for hour, sequence, source in ((1, "1", "/a"), (2, "7", "/b"), (3, "2", "/a"), (4, "9", "/b")):
            self.came(hour, sequence, encounter=f"E-{hour}", source=source)
        self.assertEqual(self.told()["gaps"], ["/b: 8"])

    def test_a_counter_that_begins_anew_makes_no_gap(self):
        for hour, sequence in ((1, "90000"), (8, "1"), (9, "2"), (10, "4")):
            self.came(hour, sequence, encounter=f"E-{hour}")
        self.assertEqual(self.told(begin=6)["gaps"], ["3"])

    def test_messages_close_to_each_other_are_no_silence(self):
        for minute in range(0, 24 * 60, 7):
            self.came(minute / 60, encounter=f"E-{minute}")
        self.came(26)
        self.assertFalse(self.told(begin=0, end=23, least=8)["silences"])
        found = self.told(begin=0, end=23, least=7)
        self.assertEqual(found["silence_count"], len(range(7, 23 * 60 + 7, 7)))

    def test_what_came_much_later_is_not_looked_for(self):
        self.midnight -= timedelta(days=60)
        self.came(1)
        self.came(5, encounter="E-5")
        self.came(24 * 20, happened=3, encounter="E-3")
        self.came(24 * 40, happened=3, encounter="E-4")
        self.assertEqual([silence.messages for silence in self.told()["silences"]], [0, 1, 0])

    def test_too_many_pieces_ask_for_a_shorter_period(self):
        for hour, sequence in ((1, "1"), (2, "3"), (3, "5")):
            self.came(hour, sequence, encounter=f"E-{hour}")
        with patch(f"{OUTAGE}.MOST_STRETCHES", 2):
            self.assertTrue(self.told()["too_many"])
            self.assertIn("shorter period", str(self.outage().report))

    def test_nothing_is_read_while_somebody_types(self):
        draft = self.env["integration.outage"].with_user(self.viewer).new({"system_id": self.system.id})
        self.assertFalse(draft.report)
        self.assertTrue(self.outage().report)
        self.assertIs(self.outage().action_show(), True)

    def test_without_numbers_nothing_is_claimed(self):
        self.came(1)
        self.came(2, "no counter")
        told = self.told()
        self.assertEqual((told["numbered"], told["missing"]), (False, 0))
        self.assertIn("control totals", str(self.outage().report))

    def test_a_system_that_is_still_silent(self):
        self.came(1)
        [*_others, last] = self.told()["silences"]
        self.assertEqual((last.end, last.messages), ("still silent", 0))

    def test_test_messages_and_other_systems_play_no_part(self):
        other = self._make_system("lab")
        trial = self._make_system("trial", live=False)
        self.came(1, "1")
        self.came(2, "5", system=other)
        self.came(2, "9", system=trial)
        self.assertEqual(self.told()["missing"], 0)
        self.assertFalse(self.told(system=trial)["numbered"])

    def test_a_period_must_be_one(self):
        for more in ({"begin": 5, "end": 5}, {"end": 24 * 93}, {"least": 0}):
            with self.subTest(more), self.assertRaisesRegex(UserError, "Choose a period"):
                self.outage(**more)

    def test_it_is_printed_and_that_is_told(self):
        self.came(1, "1")
        self.came(6, "3", encounter="E-2")
        outage = self.outage()
        action = outage.action_print()
        self.assertEqual(action["report_name"], "integration_monitor.report_outage_document")
        html, _kind = (
            self.env["ir.actions.report"]
            .with_user(self.viewer)
            ._render_qweb_html("integration_monitor.report_outage", outage.ids)
        )
        self.assertIn("1 of its numbers from 1 to 3", " ".join(html.decode().split()))
        [trail] = self.env["integration.audit"].search([("action", "=", "outage.print")])
        self.assertEqual((trail.user_id, trail.res_id), (self.viewer.id, self.system.id))
        for words in (self.company.name, f", {self.viewer.name}"):
            self.assertIn(words, " ".join(html.decode().split()), "whose it is, and who printed it")

    def test_another_companys_system_and_another_persons_report_are_out_of_reach(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        theirs = self._make_system("other", company=other)
        with self.assertRaises(AccessError):
            self.told(system=theirs)
        outage = self.outage()
        with self.assertRaises(AccessError):
            outage.with_user(self.operator).read(["report"])
        reports = self.env["ir.actions.report"].with_user(self.operator)
        with self.assertRaises(AccessError):
            reports._render_qweb_html("integration_monitor.report_outage", outage.ids)
        self.assertFalse(self.env["integration.audit"].search([("action", "=", "outage.print")]))
        steward = new_test_user(self.env, "outage.steward", groups="integration_core.group_steward")
        with self.assertRaises(AccessError):
            self.outage(steward)


@tagged("post_install", "-at_install")
class TestOutageCost(OutageCase, PlanCase):
    def test_no_history_is_read_from_end_to_end(self):
        for hour in (1, 5, 9):
            self.came(hour, str(hour), encounter=f"E-{hour}")
        self.came(12, happened=3, encounter="E-12")
        self.came(26, "11", encounter="E-26")
        self.make_history()
        outage = self.outage()
        self.env.flush_all()
        with self.noting() as noted, patch(f"{OUTAGE}.MOST_AFTER", 1):
            self.assertTrue(outage._told()["silences"])
        self.check_plans({"outage": noted})
        [(_what, _statement, plan)] = self._plans({"numbers": [one for one in noted if "unnest" in one]})
        self.assertIn("integration_event_sequence_idx", plan, "the numbers of gaps, and none beside them")
        self.assertEqual(len([one for one in noted if "occurred_at" in one]), 1, "however many silences")
