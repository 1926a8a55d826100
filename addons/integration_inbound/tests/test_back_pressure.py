"""What senders are told while more work waits than may wait, and when that is over."""

from unittest.mock import patch

from odoo.addons.integration_core.engine import claims
from odoo.tests import new_test_user, tagged

from ..models import integration_gate
from .common import PartnerCase


@tagged("post_install", "-at_install")
class TestBackPressure(PartnerCase):
    def setUp(self):
        super().setUp()
        self.first = self.event()
        self.assertEqual(self.deliver(self.first, message_id="first").status_code, 202)
        self.handler = self.events().delivery_ids.subscription_id[:1]
        self.allow(self.waiting)
        self.look_again()

    @property
    def waiting(self):
        self.env.cr.execute("SELECT count(*) FROM integration_due")
        return self.env.cr.fetchone()[0]

    def allow(self, deliveries):
        self.env["ir.config_parameter"].set_param("integration_inbound.backlog_limit", str(deliveries))

    def look_again(self):
        """As after the seconds for which a process believes its last count."""
        integration_gate._backlogs.clear()

    def refuse(self, event=None, **how):
        before = (self.waiting, len(self.events()), len(self.receipts()))
        response = self.deliver(event or self.event(), **how)
        self.assert_problem(response, 503, "not-ready")
        self.assertEqual(response.headers["Retry-After"], "30")
        self.assertIn("RateLimit", response.headers)
        self.assertEqual((self.waiting, len(self.events()), len(self.receipts())), before)
        self.assertFalse(self.refused())

    def test_at_the_limit_nothing_more_is_taken(self):
        self.assertGreater(self.waiting, 0)
        self.refuse()
        row = self.env["integration.refusal"].search([("cause", "=", "backlog")])
        self.assertEqual((row.claimed, row.count), ("ehr", 1))

    def test_below_the_limit_all_of_a_message_is_taken(self):
        self.allow(self.waiting + 1)
        self.assertEqual(self.deliver(self.event()).status_code, 202)
        self.look_again()
        self.refuse()

    def test_the_same_message_is_taken_when_there_is_room_again(self):
        event = self.event()
        self.refuse(event, message_id="second")
        self.env.cr.execute("DELETE FROM integration_due WHERE id = (SELECT min(id) FROM integration_due)")
        self.refuse(event, message_id="second")  # the last count still holds
        self.look_again()
        self.assertEqual(self.deliver(event, message_id="second").status_code, 202)

    def test_a_count_is_believed_for_some_seconds(self):
        self.refuse()
        self.allow(1_000_000)
        moment = integration_gate.time.monotonic()
        with patch.object(integration_gate.time, "monotonic", lambda: moment + integration_gate.BACKLOG_SECONDS - 1):
            self.refuse()
        with patch.object(integration_gate.time, "monotonic", lambda: moment + integration_gate.BACKLOG_SECONDS + 1):
            self.assertEqual(self.deliver(self.event()).status_code, 202)

    def test_what_is_here_already_and_what_is_wrong_is_told_as_ever(self):
        again = self.deliver(self.first, message_id="first")
        self.assertEqual((again.status_code, again.json()["status"]), (200, "duplicate"))
        self.assert_problem(self.deliver(self.event(), message_id="first"), 409, "id-conflict")
        self.assert_problem(self.deliver(b"{"), 400, "malformed-body")
        self.assert_problem(self.deliver(self.event(), timestamp=1), 401, "signature-rejected")

    def test_without_a_limit_that_is_a_number_the_default_holds(self):
        self.env["ir.config_parameter"].set_param("integration_inbound.backlog_limit", "many")
        self.assertEqual(self.deliver(self.event()).status_code, 202)

    # -- what counts

    def wait_too(self, count=100, *, subscription=None, system=None, **values):
        """Put more deliveries on the list, of the partner's system to its handler unless told otherwise."""
        row = {
            "subscription": subscription or self.handler.id,
            "system": self.system.id if system is None else system or None,
            "tier": claims.FRESH,
            "due": "2020-01-01",
            "key": None,
            "count": count,
            **values,
        }
        self.env.cr.execute(
            """
            INSERT INTO integration_due
                (id, event_id, subscription_id, company_id, system_id, lane, tier, due_at, order_key, position)
            SELECT n, n, %(subscription)s, 1, %(system)s, 1, %(tier)s, %(due)s, %(key)s, n
              FROM (SELECT max(id) + 1000000 AS first FROM integration_due) d,
                   generate_series(first, first + %(count)s - 1) AS n
            """,
            row,
        )

    def there_is_room(self):
        """Whether a message is taken in while three may wait beside the first one and its like."""
        self.allow(len(self.events().delivery_ids) + 3)
        self.look_again()
        return self.deliver(self.event()).status_code == 202

    def test_what_handlers_have_to_work_off_counts(self):
        self.wait_too(2)
        self.assertTrue(self.there_is_room())
        self.wait_too(2, tier=claims.RETRY)
        self.assertFalse(self.there_is_room())

    def test_what_waits_for_receivers_outside_costs_no_sender_anything(self):
        self.wait_too(subscription=900_000)
        self.assertTrue(self.there_is_room())

    def test_what_is_paused_or_held_does_not_count(self):
        paused, other = self.handler.copy({"name": "Paused", "state": "paused"}), self._make_system("lab")
        operator = new_test_user(self.env, "holder", groups="integration_core.group_operator")
        self.wait_too(subscription=paused.id)
        self.assertTrue(self.there_is_room())
        paused.state = "active"
        self.assertFalse(self.there_is_room())
        paused.state = "paused"
        self.wait_too(system=other.id)
        self.assertFalse(self.there_is_room())
        for scope, values in (("all", {}), ("lane", {"lane": "normal"}), ("system", {"system": other})):
            hold = self.env["integration.hold"].with_user(operator)._hold(scope, "a test", **values)
            self.assertTrue(self.there_is_room(), scope)
            hold._release("a test")

    def test_what_waits_for_its_next_try_does_not_count(self):
        self.wait_too(tier=claims.RETRY, due="2999-01-01")
        self.assertTrue(self.there_is_room())

    def test_what_odoos_own_events_cause_does_not_count(self):
        self.wait_too(system=False)
        self.assertTrue(self.there_is_room())

    def test_what_stands_behind_another_counts_unless_that_is_a_dead_letter(self):
        self.wait_too(1, key="stuck", tier=claims.DEAD)
        self.wait_too(4, key="stuck", tier=claims.BLOCKED)
        self.assertTrue(self.there_is_room())
        self.wait_too(1, key="goes on")
        self.wait_too(1, key="goes on", tier=claims.BLOCKED)
        self.assertTrue(self.there_is_room())
        self.wait_too(4, key="comes", tier=claims.UNPOSITIONED)
        self.assertFalse(self.there_is_room())

    def test_the_count_reads_the_indexes_whatever_the_statistics_say(self):
        plan = integration_gate._BACKLOG.plan(self.env.cr)
        self.assertNotIn("Join Filter", plan, plan)
        self.assertNotIn("Seq Scan on integration_due", plan, plan)
        self.assertRegex(plan, r"Index Scan using integration_due_claim_idx[^\n]*\n +Index Cond: [^\n]*due_at")

    def test_what_the_count_forbids_the_planner_it_may_do_again_afterwards(self):
        self.env["integration.gate"]._count_backlog(10)
        self.env.cr.execute("SHOW enable_seqscan")
        self.assertEqual(self.env.cr.fetchone(), ("on",))
