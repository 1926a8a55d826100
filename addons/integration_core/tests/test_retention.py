from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from ..models import integration_retention
from .retaining import RetentionCase
from .test_journal import ADMITTED, DATA


@tagged("post_install", "-at_install")
class TestRetention(RetentionCase):
    """What is old and closed goes, in small batches; what is open stays, and identities outlive events."""

    # -- each kind ---------------------------------------------------------------------------------------------------

    def test_the_content_goes_and_its_digest_stays_with_when_and_why(self):
        events = self.handled("A", "B")
        self.age(events[0])
        self.assertEqual(self.purge("payload"), 1)
        self.assertIsNone(events[0]._read_payload())
        self.assertTrue(events[0].body_digest and events[0].body_size)
        self.assertIn("retention", events[0].content_gone)
        self.assertTrue(events[1]._read_payload())
        self.assertFalse(events[1].content_gone)
        cleared = new_test_user(
            self.env, "cleared", groups="integration_core.group_operator,integration_core.group_payload_reader"
        )
        wizard = self.env["integration.payload.wizard"].with_user(cleared).create(
            {"event_id": events[0].id, "reason": "complaint 17"}
        )
        self.assertIn("retention", wizard.content_gone)
        with self.assertRaisesRegex(UserError, "no longer kept. Removed on"):
            wizard.action_open()

    def test_a_lane_may_have_a_rule_of_its_own(self):
        events = self.handled("A", "B")
        bulk, normal = events
        normal_type = normal.event_type_id
        self.assertNotEqual(normal_type.lane, "bulk")
        bulk_type = self.env["integration.event.type"].search([("lane", "=", "bulk")], limit=1)
        self.env.cr.execute(
            "UPDATE integration_event SET event_type_id = %s WHERE id = %s", (bulk_type.id, bulk.id)
        )
        self.age(events, days=10)
        self.assertEqual(self.purge("payload"), 1)
        self.assertTrue(bulk.content_gone)
        self.assertFalse(normal.content_gone)

    def test_tries_go_and_their_delivery_stays(self):
        events = self.handled("A", "B")
        self.age(events[0])
        self.assertEqual(self.purge("attempt"), 1)
        self.assertEqual([len(event.delivery_ids.attempt_ids) for event in events], [0, 1])
        self.assertEqual(events[0].delivery_ids.state, "done")

    def test_an_event_goes_with_its_deliveries_and_its_receipts_stay(self):
        events = self.handled("A", "B")
        receipts = self.env["integration.receipt"].search([("event_id", "in", events.ids)])
        self.age(events[0])
        old, young = events.ids
        self.assertEqual(self.purge("event"), 1)
        self.assertEqual(events.exists().ids, [young])
        parts = ("integration_delivery", "integration_payload", "integration_event_position", "integration_effect")
        for table in parts:
            self.assertEqual(self.count(table, "event_id", [old]), 0, table)
            self.assertEqual(self.count(table, "event_id", [young]), 1, table)
        self.assertEqual(len(receipts.exists()), 2)

    def test_counts_go(self):
        self.env.cr.execute(
            """
            INSERT INTO integration_delivery_count
                (minute, company_id, subscription_id, lane, state, outcome, slot, tries, latency_ms)
            SELECT now() - make_interval(days => days), 0, 0, 1, 'done', 'applied', 1, 1, 1
              FROM unnest(ARRAY[401, 399]) AS days
            """
        )
        self.assertEqual(self.purge("count"), 1)
        self.env.cr.execute("SELECT count(*) FROM integration_delivery_count WHERE subscription_id = 0")
        self.assertEqual(self.env.cr.fetchone()[0], 1)

    def test_a_late_copy_is_still_a_copy_after_its_event_is_gone(self):
        events = self.handled("A")
        uuid = events.uuid
        self.age(events, days=500)
        self.assertEqual(self.purge("event", "key"), 1)
        self.assertFalse(events.exists())
        again, _event = self.post(ADMITTED, {**DATA, "encounter": "A"}, event_id="A", webhook_id="A")
        self.assertEqual((again.duplicate, again.event_uuid), (True, uuid))

    def test_an_identity_goes_only_after_its_event(self):
        events = self.handled("A")
        uuid = events.uuid
        self.age(events)
        self.env["integration.retention"].search([("what", "=", "event")]).active = False
        self.assertEqual(self.purge("key"), 0)
        self.env.cr.execute("DELETE FROM integration_event WHERE id = %s", (events.id,))
        self.assertEqual(self.purge("key"), 1)
        self.assertEqual(self.count("integration_event_key", "event_uuid", [uuid]), 0)

    def test_receipts_are_kept_for_good_unless_somebody_says_otherwise(self):
        events = self.handled("A", "B")
        receipts = self.env["integration.receipt"].search([("event_id", "in", events.ids)])
        self.age(events)
        self.assertEqual(self.purge("receipt"), 0)
        self.env["integration.retention"].create({"what": "receipt", "days": 3650})
        self.env.cr.execute(
            "UPDATE integration_receipt SET received_at = received_at - interval '20 years' WHERE id IN %s",
            (tuple(receipts.ids),),
        )
        self.assertEqual(self.purge("receipt"), 0)
        self.env.cr.execute("DELETE FROM integration_event WHERE id = %s", (events[0].id,))
        self.assertEqual(self.purge("receipt"), 1)

    def test_what_belongs_to_an_event_goes_with_it(self):
        gone, kept = self.handled("A", "B", drain=False)
        deliveries, uuids = gone.delivery_ids.ids, gone.mapped("uuid")
        tables = [
            ("integration_payload", "event_id", gone.ids),
            ("integration_event_position", "event_id", gone.ids),
            ("integration_due", "id", deliveries),
            ("integration_receipt", "event_id", gone.ids),
        ]
        self.assertEqual([self.count(*table) for table in tables], [1, 1, 1, 1])
        self.env.cr.execute("DELETE FROM integration_event WHERE id = %s", (gone.id,))
        self.assertEqual([self.count(*table) for table in tables], [0, 0, 0, 0])
        self.assertEqual(self.count("integration_receipt", "event_uuid", uuids), 1)
        for table in ("integration_payload", "integration_event_position", "integration_due", "integration_receipt"):
            self.assertEqual(self.count(table, "event_id", kept.ids), 1)

    # -- what is open ------------------------------------------------------------------------------------------------

    def test_what_is_open_stays(self):
        waiting, dead, parked = self.handled("A", "B", "C")
        for event, state in ((waiting, "waiting"), (dead, "dead")):
            self.env.cr.execute("UPDATE integration_delivery SET state = %s WHERE event_id = %s", (state, event.id))
        self.env.cr.execute("UPDATE integration_effect SET status = 'parked' WHERE event_id = %s", (parked.id,))
        events = waiting | dead | parked
        self.age(events)
        self.assertEqual(self.purge("payload", "event", "key"), 0)
        self.assertEqual(len(events.exists()), 3)
        # The third has a delivery that is done: its tries may go.
        self.assertEqual(self.purge("attempt"), 1)
        self.env.cr.execute("UPDATE integration_delivery SET state = 'skipped' WHERE event_id = %s", (dead.id,))
        self.assertEqual(self.purge("event"), 1)
        self.assertEqual(events.exists(), waiting | parked)

    # -- batches -----------------------------------------------------------------------------------------------------

    def test_batches_go_on_behind_one_another_and_rest_when_nothing_is_left(self):
        events = self.handled("A", "B", "C", "D", "E")
        oldest = events.delivery_ids.attempt_ids.sorted("id")[:4]
        self.age(oldest.delivery_id.event_id)
        rule = self.env.ref("integration_core.retention_attempt")
        attempts = events.delivery_ids.attempt_ids
        with patch.object(integration_retention, "WINDOW", 2):
            rules = self.env["integration.retention"].search([])
            (rules - rule).sudo().write({"rest_until": "2999-01-01 00:00:00"})
            before = min(attempts.ids) - 1
            rule.sudo().write({"last_id": before, "round_began_at": fields.Datetime.now(), "rest_until": False})
            self.env.flush_all()
            gone = [self.env["integration.retention"]._purge() for _turn in range(4)]
        self.assertEqual(gone, [2, 2, 0, 0])
        self.assertEqual(len(attempts.exists()), 1)
        self.assertEqual(rule.removed, 4)
        self.assertGreater(rule.rest_until, fields.Datetime.now())
        self.assertEqual(rule.last_id, sorted(attempts.ids)[3])

    def test_the_engine_purges(self):
        events = self.handled("A")
        self.age(events)
        self.env["integration.retention"].search([]).sudo().write({"rest_until": False, "last_id": 0})
        self.drain()
        self.assertFalse(events.exists())

    # -- rules -------------------------------------------------------------------------------------------------------

    def test_unsafe_rules_are_refused(self):
        key = self.env.ref("integration_core.retention_key")
        event = self.env.ref("integration_core.retention_event")
        with self.assertRaises(ValidationError):
            key.days = 400
        with self.assertRaises(ValidationError):
            event.days = 800
        event.active = False
        with self.assertRaises(ValidationError):
            key.days = 3
        with self.assertRaises(ValidationError):
            self.env["integration.retention"].create({"what": "count", "lane": "bulk", "days": 10})
        key.days = 4
        with self.assertRaises(ValidationError):
            event.active = True

    def test_administrators_change_rules_and_it_is_recorded(self):
        boss = new_test_user(self.env, "boss", groups="integration_core.group_admin")
        operator = new_test_user(self.env, "op", groups="integration_core.group_operator")
        rule = self.env.ref("integration_core.retention_payload")
        with self.assertRaises(AccessError):
            rule.with_user(operator).days = 5
        rule.with_user(boss).days = 5
        trail = self.env["integration.audit"].search([("action", "=", "retention.change")], limit=1)
        self.assertEqual((trail.user_id, trail.res_id), (boss.id, rule.id))
        self.assertEqual(trail.detail, "days: 30 → 5")
