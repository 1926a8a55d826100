import json
import logging
import os
from contextlib import contextmanager
from io import StringIO
from unittest.mock import patch

from odoo.netsvc import PostgreSQLHandler
from odoo.tests import BaseCase, tagged
from odoo.tools import config

from .. import discreet, logs
from ..domain import json_log, log_context
from .recording import RECORDER, RecordingCase
from .test_journal import ADMITTED, DATA

SECRET = "Poisonwortley"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HANDLING = "odoo.addons.integration_core.engine.handling"


@contextmanager
def lines_of(name):
    """Give the list that lines of a logger are put in, read from JSON, when the block ends."""
    stream, logger, lines = StringIO(), logging.getLogger(name), []
    handler = logging.StreamHandler(stream)
    handler.setFormatter(json_log.JsonFormatter(discreet.outline))
    logger.addHandler(handler)
    level, logger.propagate = logger.level, False  # what is meant to go wrong is no trouble of the test's
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = True
        lines += [json.loads(line) for line in stream.getvalue().splitlines()]


@tagged("post_install", "-at_install")
class TestLogsOfTheEngine(RecordingCase):
    def test_a_failure_says_what_it_is_about_and_not_why(self):
        RECORDER.errors["B"] = ValueError(SECRET)
        events = [self.post(ADMITTED, {**DATA, "encounter": name})[1] for name in ("A", "B")]
        self.env.cr.execute("UPDATE integration_event SET traceparent = %s WHERE id = %s", (TRACE, events[1].id))
        with lines_of(HANDLING) as lines:
            self.drain()
        [line] = [line for line in lines if line["level"] == "ERROR"]
        self.assertNotIn(SECRET, json.dumps(line))
        delivery = events[1].delivery_ids
        expected = {
            "message": f"a handler failed on delivery {delivery.id}",
            "error": "ValueError",
            "system": events[1].system_id.code,
            "webhook_id": events[1].webhook_id,
            "event_id": events[1].uuid,
            "delivery_id": delivery.id,
            "subscription_id": self.subscription.id,
            "lane": log_context.LANES[int(delivery.lane)],
            "trace_id": TRACE[3:35],
        }
        self.assertEqual({name: line.get(name) for name in expected}, expected)
        self.assertIn("recording.py", line["places"])
        self.assertEqual(log_context.known(), {})

    def test_a_batch_names_all_of_its_deliveries(self):
        def handle(_self, _batch):
            logging.getLogger("some.handler").warning("at work")

        events = [self.post(ADMITTED, {**DATA, "encounter": name})[1] for name in "AB"]
        with (
            patch.object(self.env.registry["integration.handler.recording"], "_handle", handle),
            lines_of("some.handler") as lines,
        ):
            self.drain()
        [line] = lines
        self.assertEqual(line["delivery_ids"], [event.delivery_ids.id for event in events])
        self.assertNotIn("event_id", line)
        self.assertEqual(line["system"], events[0].system_id.code)


@tagged("post_install", "-at_install")
class TestTheFormatOfLogs(BaseCase):
    """Which format a process logs in."""

    def setUp(self):
        super().setUp()
        self.handler = logging.StreamHandler(StringIO())
        self.text = self.handler.formatter
        self.to_database = PostgreSQLHandler()
        self.root = logging.Logger("apart")
        self.root.addHandler(self.handler)
        self.root.addHandler(self.to_database)
        self.startPatcher(patch.object(logs, "logging", **{"getLogger.return_value": self.root}))

    def formats(self, *, option=None, variable=""):
        with (
            patch.dict(config.options, {json_log.OPTION: option}),
            patch.dict(os.environ, {json_log.VARIABLE: variable}),
        ):
            logs.install()
        return self.handler.formatter

    def test_lines_are_odoos_own_unless_asked_otherwise(self):
        self.assertIs(self.formats(), self.text)

    def test_the_environment_asks_for_json(self):
        self.assertIsInstance(self.formats(variable="json"), json_log.JsonFormatter)
        self.assertIsNone(self.to_database.formatter)

    def test_the_servers_configuration_goes_first(self):
        self.assertIs(self.formats(option="text", variable="json"), self.text)

    def test_a_format_that_nobody_knows_changes_nothing_and_is_told(self):
        with self.assertLogs("odoo.addons.integration_core.logs", logging.ERROR) as told:
            self.assertIs(self.formats(variable="yaml"), self.text)
        self.assertIn("'yaml' is no format of logs", told.output[0])

    def test_an_outline_in_json_is_the_same_as_in_text(self):
        made, found = json_log.JsonFormatter(discreet.outline), ""
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            found = made.formatException((type(error), error, error.__traceback__))
        self.assertTrue(found.endswith("\nValueError"), found)
        self.assertNotIn(SECRET, found)
