"""What one engine process survives: modules that come and go beside it, and errors while it listens."""

from contextlib import contextmanager
from unittest.mock import Mock, patch

import psycopg2
from odoo.tests import TransactionCase, tagged

from ..engine import runner as engine
from ..engine.runner import Runner

OUTSIDE = {"somewhere": "integration.consumer"}


@tagged("post_install", "-at_install")
class TestRunner(TransactionCase):
    def make(self, consumers=None):
        with patch.object(Runner, "_consumers", lambda *_args: consumers or {}):
            return Runner(self.env.registry, kind="worker")

    def consumers_of(self, runner):
        return [loop.consumer for loop in runner._loops]

    def other_registry(self, *, has_engine=True):
        """Return what a registry is after modules have changed."""
        other = Mock(db_name=self.env.cr.dbname)
        other.__contains__ = lambda _self, name: has_engine
        other.check_signaling.return_value = other
        return other

    @contextmanager
    def modules_change(self, runner, consumers, **options):
        """Let the registry be another one from now on, with these consumers; give the loops that were begun."""
        other, begun = self.other_registry(**options), []
        with (
            patch.object(runner._shared, "registry", Mock(check_signaling=Mock(return_value=other))),
            patch.object(Runner, "_consumers", lambda *_args: consumers),
            patch.object(Runner, "_begin", lambda _self, loop: begun.append(loop)),
        ):
            runner._threads.append(Mock())
            runner._look_at_modules()
            yield begun
            self.assertIs(runner._shared.registry, other)

    def test_a_consumer_that_is_installed_beside_a_running_engine_is_served(self):
        runner = self.make()
        before = self.consumers_of(runner)
        self.assertNotIn("somewhere", before)
        with self.modules_change(runner, OUTSIDE) as begun:
            self.assertEqual(self.consumers_of(runner), [*before, "somewhere"])
            self.assertEqual(begun, [runner._loops[-1]])
        with self.modules_change(runner, OUTSIDE) as begun:
            self.assertEqual((self.consumers_of(runner), begun), ([*before, "somewhere"], []))

    def test_a_consumer_that_is_uninstalled_is_served_no_longer(self):
        runner = self.make(OUTSIDE)
        loop = runner._loops[-1]
        self.assertEqual(loop.consumer, "somewhere")
        with self.modules_change(runner, {}):
            self.assertNotIn("somewhere", self.consumers_of(runner))
        with patch.object(loop, "turn", side_effect=AssertionError):
            loop.run()

    def test_an_engine_whose_addons_are_uninstalled_ends(self):
        runner = self.make()
        unlike = self.other_registry(has_engine=False)
        with (
            patch.object(runner._shared, "registry", Mock(check_signaling=Mock(return_value=unlike))),
            self.assertLogs(engine._logger, "WARNING"),
        ):
            runner._look_at_modules()
        self.assertTrue(runner._shared.stopping.is_set())

    def test_modules_that_cannot_be_loaded_are_told_once_and_tried_again_later(self):
        runner = self.make()
        broken = Mock(check_signaling=Mock(side_effect=ImportError("no such library")))
        with patch.object(runner._shared, "registry", broken):
            with self.assertLogs(engine._logger, "ERROR") as logs:
                runner._look_at_modules()
                runner._look_at_modules()
            self.assertEqual(len(logs.output), 1)
            self.assertFalse(runner._modules.due())
        broken.check_signaling.side_effect = psycopg2.OperationalError("gone")
        with patch.object(runner._shared, "registry", broken), self.assertRaises(psycopg2.OperationalError):
            runner._look_at_modules()

    def listen(self, runner, *results):
        """Let each pause of the engine end like this; return what was logged."""
        ends = iter(results)

        def pause(*_args, **_options):
            end = next(ends)
            if isinstance(end, Exception):
                raise end
            return end

        with (
            patch.object(engine, "Inbox"),
            patch.object(Runner, "_begin"),
            patch.object(Runner, "_beat"),
            patch.object(Runner, "_pause", pause),
            patch.object(runner._shared.stopping, "wait"),
            self.assertLogs(engine._logger, "WARNING") as logs,
        ):
            runner.run()
        self.assertEqual(list(ends), [])
        return [record.levelname for record in logs.records]

    def test_an_error_that_is_not_the_connections_ends_no_engine(self):
        refused = psycopg2.errors.UndefinedTable()
        self.assertEqual(self.listen(self.make(), refused, refused, KeyError("k"), True), ["ERROR", "ERROR"])

    def test_a_lost_database_is_told_once_for_as_long_as_it_is_away(self):
        lost = psycopg2.OperationalError("gone")
        self.assertEqual(self.listen(self.make(), lost, lost, False, lost, True), ["WARNING", "WARNING"])

    def test_a_process_serves_the_lanes_that_it_named_last(self):
        """A cron's name is the same in each run of its thread; its lanes are what no worker serves at that moment."""
        heartbeats = self.env["integration.heartbeat"]
        heartbeats.search([]).unlink()
        for lanes, names in (({1, 2}, "normal,bulk"), ({0, 1, 2}, "critical,normal,bulk"), ({2}, "bulk")):
            heartbeats._beat("x", "awake", kind="worker", lanes=lanes)
            self.assertEqual(heartbeats._fresh(), [("worker", names, "awake")])
            self.assertEqual(heartbeats._served_by_workers(), lanes)
        heartbeats._beat("x", "awake", kind="cron", lanes={2})
        self.assertEqual(heartbeats._served_by_workers(), frozenset())
