import threading
from unittest.mock import patch

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .. import watchdog
from .test_alerts import AlertCase

ALL_LANES = frozenset((0, 1, 2))


@tagged("post_install", "-at_install")
class TestDeadEngine(AlertCase):
    """A dead engine says nothing, so a request's process does."""

    def setUp(self):
        super().setUp()
        self.env.cr.execute("DELETE FROM integration_heartbeat")
        self.dead = self.rule("engine", 60, severity="critical", company_id=False)

    def beat(self, seconds=0):
        self.env["integration.heartbeat"]._beat("test", "awake", kind="worker", lanes=ALL_LANES)
        self.env.cr.execute(
            "UPDATE integration_heartbeat SET last_beat = last_beat - make_interval(secs => %s)", (seconds,)
        )

    def notice(self):
        self.env.flush_all()
        noticed = self.env["integration.alert.watch"]._notice_engine()
        self.env.flush_all()
        self.env.invalidate_all()
        return noticed

    def test_it_is_noticed_once_and_mailed_at_once(self):
        self.beat(90)
        self.late(10)
        sent = []
        genuine = type(self.env["mail.mail"])

        def sending(mails):
            sent.extend(mails.mapped("subject"))

        with patch.object(genuine, "send_after_commit", sending):
            self.assertTrue(self.notice())
            self.assertTrue(self.notice())
        alert = self.alerts(self.dead)
        self.assertEqual(len(alert), 1)
        self.assertEqual(alert.what, "The engine gives no sign of life, and work is due.")
        self.assertEqual(len(sent), 1, "by nobody's queue, and once")
        self.assertEqual(alert.activity_ids.user_id, self.operator)
        self.beat()
        self.look()
        self.assertFalse(alert.running)
        self.assertEqual(len(self.mails(alert)), 2)

    def test_other_rules_are_left_to_the_engine(self):
        other = self.rule()
        self.beat(90)
        self.late(100)
        self.notice()
        self.assertFalse(self.alerts(other))

    def test_an_engine_that_lives_costs_a_look_at_its_heartbeats(self):
        self.beat()
        self.late(10)
        with patch.object(type(self.env["integration.alert.readings"]), "_read", side_effect=AssertionError):
            self.assertFalse(self.notice())
        self.assertFalse(self.alerts(self.dead))

    def test_an_engine_that_rests_is_not_dead(self):
        self.beat(7200)
        self.notice()
        self.assertFalse(self.alerts(self.dead), "nothing is due")
        self.late(1)
        self.notice()
        self.assertFalse(self.alerts(self.dead), "nor for long")

    def test_without_any_process_it_is_dead_too(self):
        self.late(10)
        self.notice()
        self.assertTrue(self.alerts(self.dead).running)

    def test_a_process_looks_once_a_minute_and_not_at_its_first_request(self):
        watchdog._looked.pop("a-database", None)
        self.addCleanup(watchdog._looked.pop, "a-database", None)
        looks = [watchdog.is_time("a-database", now) for now in (1000.0, 1059.0, 1060.0, 1061.0, 1119.0, 1120.0)]
        self.assertEqual(looks, [False, False, True, False, False, True])
        self.assertFalse(watchdog.is_time(None))

    def test_whatever_goes_wrong_is_logged_and_goes_no_further(self):
        with (
            patch.object(watchdog, "Registry", side_effect=ZeroDivisionError("a secret")),
            self.assertLogs(watchdog._logger, "ERROR") as logs,
        ):
            watchdog.notice("no-such-database")
        self.assertIn("ZeroDivisionError", logs.output[0])
        self.assertNotIn("a secret", logs.output[0])

    def test_a_request_leaves_the_look_to_a_thread(self):
        seen = []
        looked = threading.Event()

        def noticing(dbname):
            seen.append((dbname, threading.current_thread() is not threading.main_thread()))
            looked.set()

        with (
            patch.object(watchdog, "is_time", return_value=True),
            patch.object(watchdog.module, "current_test", False),
            patch.object(watchdog, "notice", noticing),
        ):
            watchdog.look("a-database")
        self.assertTrue(looked.wait(30))
        self.assertEqual(seen, [("a-database", True)])

    def test_a_request_goes_on_without_a_thread(self):
        with (
            patch.object(watchdog, "is_time", return_value=True),
            patch.object(watchdog.module, "current_test", False),
            patch.object(watchdog.threading, "Thread", side_effect=RuntimeError),
        ):
            watchdog.look("a-database")


@tagged("post_install", "-at_install")
class TestRequestsLook(HttpCase):
    @mute_logger("odoo.http")
    def test_every_request_looks(self):
        for path in ("/web/login", "/integration/health/ready", "/integration/metrics"):
            with self.subTest(path), patch.object(watchdog, "look") as look:
                self.url_open(path)
                look.assert_called_with(self.env.cr.dbname)
