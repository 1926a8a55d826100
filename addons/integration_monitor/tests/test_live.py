import json
from datetime import timedelta
from types import SimpleNamespace
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..models.integration_live import CHANNEL, HINT, PAUSE_SECONDS, WATCHED
from .common import MonitorCase


@tagged("post_install", "-at_install")
class TestLive(MonitorCase):
    """Pages that somebody looks at are told that something has changed, and no more than that."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = new_test_user(cls.env, "live.operator", groups="integration_core.group_operator")
        cls.live = cls.env["integration.live"]

    def setUp(self):
        super().setUp()
        self.env.cr.execute("DELETE FROM integration_live_watch")
        self.env.cr.precommit.run()
        self.env["bus.bus"].search([]).unlink()

    def look(self):
        self.env["integration.overview"].with_user(self.operator).get_data()

    def told(self):
        """Return how many hints there are, and forget them."""
        self.env.cr.precommit.run()
        rows = self.env["bus.bus"].search([]).filtered(lambda one: HINT in one.message)
        for row in rows:
            self.assertEqual(json.loads(row.message), {"type": HINT, "payload": {}}, "a hint, and nothing in it")
            self.assertEqual(json.loads(row.channel), [self.env.cr.dbname, "res.company", self.company.id, CHANNEL])
        rows.unlink()
        return len(rows)

    def chore(self, seconds=PAUSE_SECONDS + 1):
        """Let the engine look, so many seconds after it did before; return how many hints there are."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE integration_metric_state SET at = at - make_interval(secs => %s) WHERE name = 'live'", (seconds,)
        )
        self.live._take_turn(self.live._watched()[0])
        return self.told()

    # Messages are not drained: the engine of a test does its chores, too, and tells before the test can ask.

    def quiet(self):
        """Let it tell all that there is to tell."""
        while self.chore():
            pass

    def test_it_is_the_engines_chore(self):
        self.assertIn(("integration.live", "_chore_tell"), self.env["integration.engine"]._chores())

    def test_whoever_looks_is_told_twice_and_then_no_more(self):
        self.look()
        self.quiet()
        self.finalize("E-1", self.line(1), drain=False)
        # Ids are given out before their rows are committed: what was not seen at the first hint is seen at the second.
        self.assertEqual([self.chore() for _turn in range(4)], [1, 1, 0, 0])

    def test_no_more_often_than_every_few_seconds(self):
        self.look()
        self.quiet()
        self.finalize("E-1", self.line(1), drain=False)
        self.assertEqual(self.chore(), 1)
        self.finalize("E-2", self.line(1), drain=False)
        self.assertEqual(self.chore(seconds=0), 0)
        self.assertEqual(self.chore(), 1)

    def test_nothing_is_written_while_nobody_looks(self):
        self.finalize("E-1", self.line(1), drain=False)
        self.env["integration.hold"]._hold("all", "the bank holiday")
        with patch.object(type(self.env["bus.bus"]), "_sendone", side_effect=AssertionError):
            self.assertEqual(self.live._chore_tell(100), 0)

    def test_who_has_gone_is_told_no_more(self):
        self.look()
        self.quiet()
        self.env.cr.execute("UPDATE integration_live_watch SET until = until - %s", (WATCHED,))
        self.finalize("E-1", self.line(1), drain=False)
        self.assertEqual(self.chore(), 0)
        self.env.cr.execute("SELECT count(*) FROM integration_live_watch")
        self.assertEqual(self.env.cr.fetchone()[0], 0)

    def test_looking_again_and_again_writes_one_row(self):
        for _time in range(3):
            self.look()
        self.env.cr.execute("SELECT company_id, until FROM integration_live_watch")
        [(company, until)] = self.env.cr.fetchall()
        self.assertEqual(company, self.company.id)
        self.assertAlmostEqual(until, fields.Datetime.now() + WATCHED, delta=timedelta(seconds=5))
        self.env.cr.execute(
            "UPDATE integration_live_watch SET until = until - %s", (WATCHED / 2 + timedelta(seconds=9),)
        )
        self.look()
        self.env.cr.execute("SELECT count(*) FROM integration_live_watch")
        self.assertEqual(self.env.cr.fetchone()[0], 2, "who goes on looking is known in time")

    def test_pauses_approvals_and_alerts_are_told_at_once(self):
        self.look()
        self.told()
        hold = self.env["integration.hold"]._hold("all", "the bank holiday")
        self.assertEqual(self.told(), 1)
        hold._release("it is over")
        self.assertEqual(self.told(), 1)
        self.system._approving().write({"approval_state": "requested", "requested_by_id": self.env.uid})
        self.assertEqual(self.told(), 1)
        self.env["integration.approval"]._waiting(self.system)._close("withdrawn")
        self.assertEqual(self.told(), 1)
        rule = self.env["integration.alert.rule"].create(
            {"name": "Late", "kind": "backlog", "threshold": 1, "company_id": self.company.id}
        )
        self.finalize("E-1", self.line(1), drain=False)
        self.env.cr.execute("UPDATE integration_due SET due_at = due_at - interval '1 hour'")
        self.told()
        self.env["integration.alert.watch"]._look_at(rule)
        self.assertEqual(self.told(), 1)
        rule._running()._end(fields.Datetime.now())
        self.assertEqual(self.told(), 1)

    def test_one_transaction_is_one_hint(self):
        self.look()
        self.told()
        hold = self.env["integration.hold"]._hold("all", "the bank holiday")
        hold._release("it is over")
        self.assertEqual(self.told(), 1)

    def test_a_list_is_watched_by_those_with_a_role_alone(self):
        self.live.with_user(self.operator).watch()
        self.assertEqual(self.live._watched()[0], self.company)
        with self.assertRaises(AccessError):
            self.live.with_user(new_test_user(self.env, "live.outside", groups="base.group_user")).watch()

    def test_who_has_a_role_listens_to_their_companies(self):
        other = self.env["res.company"].create({"name": "Other"})

        def channels(user):
            websocket = self.env["ir.websocket"].with_user(user)
            asked = SimpleNamespace(session=SimpleNamespace(uid=user.id))
            with patch("odoo.addons.bus.models.ir_websocket.wsrequest", new=asked):
                found = websocket._build_bus_channel_list([])
            return {one[0].id for one in found if isinstance(one, tuple) and one[1] == CHANNEL}

        self.assertEqual(channels(self.operator), set(self.operator.company_ids.ids))
        self.assertNotIn(other.id, channels(self.operator))
        self.operator.company_ids |= other
        self.assertIn(other.id, channels(self.operator))
        self.assertFalse(channels(new_test_user(self.env, "live.nobody", groups="base.group_user")))
        self.assertFalse(channels(self.env.ref("base.public_user")))
