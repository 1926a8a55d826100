"""What is stored later: off the request path, on a connection of its own, and not lost."""

import json
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest.mock import patch

import psycopg2
from odoo import sql_db
from odoo.tests import TransactionCase, tagged

from .. import later
from ..models import integration_credential_use as uses
from .common import IntegrationCase

CREATE = "CREATE TABLE integration_later_of_a_test (word text)"
DROP = "DROP TABLE integration_later_of_a_test"
INSERT = "INSERT INTO integration_later_of_a_test SELECT value FROM jsonb_array_elements_text(%s::jsonb)"
SELECT = "SELECT word FROM integration_later_of_a_test ORDER BY word"


class Words:
    """Notes of a test: words, and how often each was noted."""

    broken = False

    def __init__(self):
        self.pending = []

    def take(self):
        taken, self.pending = self.pending, []
        return taken

    def put_back(self, batch):
        self.pending = [*batch, *self.pending]

    def store(self, cr, batch):
        if self.broken:
            raise ValueError("a fault of the programmer's")
        cr.execute(INSERT, (json.dumps(batch),))


class TestWriter(TransactionCase):
    """On real connections: what they write is committed, so it is in a table of the test's own."""

    def setUp(self):
        super().setUp()
        self.dbname = self.env.cr.dbname
        self.run_apart(CREATE)
        self.addCleanup(self.run_apart, DROP)
        self.writer = later.Writer()
        self.addCleanup(self.writer._hang_up)

    @contextmanager
    def apart(self):
        with sql_db.db_connect(self.dbname).cursor() as cr:
            yield cr

    def run_apart(self, statement):
        with self.apart() as cr:
            cr.execute(statement)

    def stored(self):
        with self.apart() as cr:
            cr.execute(SELECT)
            return [word for (word,) in cr.fetchall()]

    def note(self, *words):
        self.writer.notes(self.dbname, Words).pending += words
        self.writer.store_soon(self.dbname, Words)

    def test_the_thread_stores_what_is_noted_and_ends_nothing(self):
        done = threading.Event()
        flush = self.writer.flush
        with (
            patch.object(later, "INTERVAL_SECONDS", 0.01),
            patch.object(self.writer, "flush", lambda: (flush(), done.set())),
        ):
            for number in range(3):
                self.note(f"word{number}")
                self.assertTrue(done.wait(10))
                self.assertTrue(self.writer._thread.daemon)
                done.clear()
                self.assertIn(f"word{number}", self.stored())

    @contextmanager
    def without_a_thread(self):
        with patch.object(threading.Thread, "start"):
            yield

    def test_finishing_stores_what_is_left(self):
        with self.without_a_thread():
            self.note("one", "two")
            self.assertEqual(self.stored(), [])
            self.writer.finish()
            self.assertEqual(self.stored(), ["one", "two"])
            self.writer.finish()
        self.assertEqual(self.stored(), ["one", "two"])

    def test_what_cannot_be_stored_stays(self):
        with self.without_a_thread():
            self.note("one")
            refused = psycopg2.OperationalError("too many connections")
            with patch.object(psycopg2, "connect", side_effect=refused), self.assertLogs(later._logger, "WARNING"):
                self.writer.flush()
            self.note("two")
            self.writer.flush()
        self.assertEqual(self.stored(), ["one", "two"])

    def test_a_lost_connection_is_replaced(self):
        with self.without_a_thread():
            self.note("one")
            self.writer.flush()
            pid = self.writer._connections[self.dbname].info.backend_pid
            with self.apart() as cr:
                cr.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
            self.note("two")
            with self.assertLogs(later._logger, "WARNING"):
                self.writer.flush()
            self.writer.flush()
        self.assertEqual(self.stored(), ["one", "two"])

    def test_a_fault_of_one_kind_does_not_stop_the_others(self):
        with self.without_a_thread(), self.assertLogs(later._logger, "ERROR"):
            with patch.object(Words, "broken", True):
                self.note("one")
                self.writer.flush()
            self.note("two")
            self.writer.flush()
        self.assertEqual(self.stored(), ["two"])

    def test_a_forked_process_stores_nothing_of_its_parent(self):
        with self.without_a_thread():
            self.note("one")
            parents = dict(self.writer._notes)
            self.writer._begin()  # what a child does first
            self.writer.finish()
            self.assertEqual(self.stored(), [])
            self.assertEqual(parents[self.dbname, Words].pending, ["one"])
            self.note("two")
            self.writer.flush()
        self.assertEqual(self.stored(), ["two"])

    def test_it_is_told_when_the_process_ends(self):
        self.assertIn(later.writer.finish, later.CommonServer._on_stop_funcs)


@tagged("post_install", "-at_install")
class TestLastUse(IntegrationCase):
    def setUp(self):
        super().setUp()
        self.key, _text = self.env["integration.credential"]._generate(
            {"system_id": self.system.id}, company=self.system.company_id, use="inbound"
        )
        self.noon = datetime(2026, 11, 20, 12, 0, 5)

    def note(self, seconds):
        self.env["integration.credential.use"]._note(self.key.name, self.noon + timedelta(seconds=seconds))
        self.env.invalidate_all()

    def store(self, seconds):
        """As another process does."""
        uses._Uses().store(self.env.cr, {self.key.name: self.noon + timedelta(seconds=seconds)})
        self.env.invalidate_all()

    def test_a_key_tells_when_it_was_used(self):
        self.assertFalse(self.key.last_used_at)
        self.note(0)
        self.assertEqual(self.key.last_used_at, self.noon)
        self.note(30)
        self.assertEqual(self.key.last_used_at, self.noon)
        self.note(61)
        self.assertEqual(self.key.last_used_at, self.noon + timedelta(seconds=61))

    def test_of_several_processes_one_writes_per_minute(self):
        self.note(0)
        self.store(40)
        self.assertEqual(self.key.last_used_at, self.noon)
        self.store(-600)
        self.assertEqual(self.key.last_used_at, self.noon)
        self.store(60)
        self.assertEqual(self.key.last_used_at, self.noon + timedelta(seconds=60))

    def test_a_key_that_is_gone_is_no_error(self):
        uses._Uses().store(self.env.cr, {"key_gone": self.noon})

    def test_the_gate_need_not_read_anything_anew(self):
        configuration = self.env["integration.configuration"]
        before = configuration._stamp()
        self.note(0)
        self.assertEqual(configuration._stamp(), before)
        self.key.valid_to = self.noon
        self.assertNotEqual(configuration._stamp(), before)

    def test_keys_are_found_by_it(self):
        keys = self.env["integration.credential"]
        self.assertIn(self.key, keys.search([("last_used_at", "=", False)]))
        self.note(0)
        self.assertNotIn(self.key, keys.search([("last_used_at", "=", False)]))
        self.assertIn(self.key, keys.search([("last_used_at", ">=", self.noon)]))
        self.assertNotIn(self.key, keys.search([("last_used_at", "<", self.noon)]))
