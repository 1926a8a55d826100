from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..models import integration_retention_alarm
from .retaining import RetentionCase


@tagged("post_install", "-at_install")
class TestRetentionAlarm(RetentionCase):
    """What is open is never removed; that it is past its clock is told once, and once when it ends."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.officer = cls.person("officer", "privacy_officer")
        cls.other_officer = cls.person("officer2", "privacy_officer")

    def watch(self):
        self.env.flush_all()
        self.env["integration.retention.alarm"]._watch()
        self.env.invalidate_all()
        return self.env["integration.retention.alarm"].search([("company_id", "=", self.company.id)], order="id desc")

    def opened(self, name, state="dead", days=40):
        """Return an old event with a delivery that is not closed."""
        event = self.handled(name)
        if state == "parked":
            self.sql("UPDATE integration_effect SET status = 'parked' WHERE event_id = %s", event.id)
        else:
            dead = "UPDATE integration_delivery SET state = %s, dead_since = now() WHERE event_id = %s"
            self.sql(dead, state, event.id)
        self.age(event, days=days)
        return event

    def activities(self, user):
        return self.env["mail.activity"].search([("user_id", "=", user.id)])

    def told(self, user):
        """Return how many messages this person was notified of."""
        return self.env["mail.notification"].search_count([("res_partner_id", "=", user.partner_id.id)])

    def test_it_is_told_once_and_once_when_it_ends(self):
        first, second = self.opened("A"), self.opened("B", "parked")
        self.opened("C", days=20)  # younger than its rule
        self.purge("payload", "event")
        [alarm] = self.watch()
        self.assertEqual((alarm.count, alarm.dead_count, alarm.parked_count), (2, 1, 1))
        self.assertEqual(alarm.oldest_at, min((first | second).mapped("received_at")))
        self.assertEqual([len(self.activities(who)) for who in (self.officer, self.other_officer)], [1, 1])
        third = self.opened("D")
        self.assertEqual(self.watch(), alarm, "one alarm, however many messages")
        self.assertEqual((alarm.count, len(self.activities(self.officer))), (3, 1))
        self.assertEqual(self.told(self.officer), 0, "no mail when it begins")
        self.sql("UPDATE integration_delivery SET state = 'skipped' WHERE event_id = ANY (%s)", (first | third).ids)
        self.sql("UPDATE integration_effect SET status = 'applied' WHERE event_id = %s", second.id)
        self.watch()
        self.assertEqual((alarm.state, alarm.count), ("ended", 0))
        self.assertFalse(self.activities(self.officer) | self.activities(self.other_officer))
        self.assertEqual([self.told(who) for who in (self.officer, self.other_officer)], [1, 1])
        self.watch()
        self.assertEqual(self.told(self.officer), 1)
        self.opened("E")
        self.assertEqual(len(self.watch()), 2, "what begins again is told again")

    def test_a_content_that_is_gone_or_young_is_no_alarm(self):
        gone = self.opened("A")
        self.sql("DELETE FROM integration_payload WHERE event_id = %s", gone.id)
        self.opened("B", days=29)
        self.assertFalse(self.watch())

    def test_a_lane_has_its_own_clock(self):
        event = self.opened("A", days=10)
        self.assertFalse(self.watch())
        bulk = self.env["integration.event.type"].search([("lane", "=", "bulk")], limit=1)
        self.sql("UPDATE integration_event SET event_type_id = %s WHERE id = %s", bulk.id, event.id)
        self.assertEqual(self.watch().count, 1)

    def test_a_message_that_is_open_twice_counts_once(self):
        event = self.opened("A")
        self.sql("UPDATE integration_effect SET status = 'parked' WHERE event_id = %s", event.id)
        alarm = self.watch()
        self.assertEqual((alarm.count, alarm.parked_count, alarm.dead_count), (1, 1, 0))

    def test_its_button_opens_the_messages(self):
        event = self.opened("A")
        self.handled("B")
        alarm = self.watch()
        operator = self.person("op", "operator")
        action = alarm.with_user(operator).action_open_events()
        self.assertEqual(self.env["integration.event"].with_user(operator).search(action["domain"]), event)
        self.assertTrue(event.is_past_clock)

    def test_companies_and_roles(self):
        self.opened("A")
        alarm = self.watch()
        self.assertTrue(alarm.with_user(self.officer).search([]))
        other = self.env["res.company"].create({"name": "Other"})
        outsider = self.person("out", "privacy_officer", company_id=other.id, company_ids=[(6, 0, other.ids)])
        self.assertFalse(alarm.with_user(outsider).search([]))
        self.assertFalse(self.activities(outsider))
        with self.assertRaises(AccessError):
            alarm.with_user(self.officer).write({"ended_at": fields.Datetime.now()})

    def test_the_engine_watches(self):
        self.opened("A")
        with patch.dict(integration_retention_alarm._looked, clear=True):
            self.drain()
            self.assertTrue(self.env["integration.retention.alarm"].search([]))
