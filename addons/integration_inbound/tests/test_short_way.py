"""The short way takes in what it surely may, and leaves everything else as it is."""

import json
import uuid
import weakref
from contextlib import contextmanager
from unittest.mock import patch

from odoo.addons.integration_core import standing
from odoo.addons.integration_core.models.integration_configuration import known_book
from odoo.tests import tagged

from .. import bucket, door
from ..controllers import short_way
from ..domain import admission
from ..models import integration_gate
from .common import PartnerCase


@tagged("post_install", "-at_install")
class TestShortWay(PartnerCase):
    """The standing connection is the test's own cursor: another connection does not see what the test made."""

    def setUp(self):
        super().setUp()
        self.system.rate_per_minute = 20  # what was used up does not come back within the test
        self.assertEqual(self.deliver(self.event()).status_code, 202)  # from here on the process knows everything

    @contextmanager
    def connection(self, answers=True):
        """Let statements run on the test's cursor, or get no answer."""

        def run(_dbname, statement, values):
            statement.execute(self.env.cr, values)
            row = self.env.cr.fetchone()
            return row if answers else None

        with patch.object(standing.connections, "run", run), patch.object(bucket._spare, "run", run):
            yield

    def gate(self, event, **how):
        """Return a request that carries ``event``, and the door that it meets."""
        body = json.dumps(event).encode()
        headers = self.signed(body, **how)
        request = admission.Request(self.system.code, headers, body)
        journal = self.env["integration.event"]
        storing = {known: journal._storing(known) for known in (False, True)}
        way = short_way.Way(weakref.ref(self.registry), storing)
        dbname = self.env.cr.dbname
        return request, short_way.ShortDoor(
            dbname, door.sent_by(request, None, uuid.uuid4().hex), known_book(dbname), way
        )

    def admit(self, event, **how):
        request, gate = self.gate(event, **how)
        ended = short_way.judge(request, gate)
        self.env.invalidate_all()
        return ended

    def test_it_stores_what_the_ordinary_way_stores(self):
        with self.connection():
            ended = self.admit(self.event())
        self.assertEqual(ended.outcome, "accepted")
        ordinary, short = self.events().sorted("id")
        self.assertEqual(short.uuid, ended.event_uuid)
        own = {
            "id",
            "uuid",
            "source_event_id",
            "webhook_id",
            "received_at",
            "correlation_id",
            "request_id",
            "body_digest",
        }
        same = [name for name, field in short._fields.items() if field.column_type and field.store and name not in own]
        self.assertEqual(short.read(same, load=None)[0] | {"id": 0}, ordinary.read(same, load=None)[0] | {"id": 0})
        self.assertEqual(short.delivery_ids.mapped("consumer"), ordinary.delivery_ids.mapped("consumer"))
        self.assertEqual(len(self.receipts("accepted")), 2)
        self.assertEqual(short._read_payload() and len(short._read_payload()), short.body_size)

    def assert_left(self, event, **how):
        """The request is left to the ordinary way, and nothing of it was counted."""
        request, gate = self.gate(event, **how)
        before = self.allowance(gate)
        self.assertIsNone(short_way.judge(request, gate))
        gate.give_back()
        self.assertEqual(len(self.events()), 1)
        self.assertEqual(self.allowance(gate), before - 1)

    def allowance(self, gate):
        """Count one request; return how many more may follow."""
        looking = door.CursorDoor(self.env, gate.sent, gate.book)
        looking.take_rate(gate.book.parties[self.system.code])
        return looking.quota.remaining

    def test_a_forged_message_is_refused(self):
        request, gate = self.gate(self.event(), timestamp=1)
        with self.connection():
            ended = short_way.judge(request, gate)
        self.assertEqual((ended.outcome, ended.refusal.segment), ("refused", "signature-rejected"))
        self.assertEqual(gate.cause, "too_old")

    def test_a_forged_message_is_left_when_its_key_may_have_come_since(self):
        request, gate = self.gate(self.event(), timestamp=1)
        self.env.cr.execute("UPDATE integration_system SET note = 'changed' WHERE id = %s", (self.system.id,))
        with self.connection():
            self.assertIsNone(short_way.judge(request, gate))

    def test_a_rate_that_is_used_up_is_left(self):
        request, gate = self.gate(self.event())
        while self.allowance(gate):
            pass
        with self.connection():
            self.assertIsNone(short_way.judge(request, gate))

    def test_a_body_that_is_refused_is_left(self):
        with self.connection():
            self.assert_left(self.event(type_name="clinical.encounter.admitted.v1", source="/systems/other"))

    def test_a_message_that_names_its_cause_is_left(self):
        with self.connection():
            self.assert_left(self.event(causationid="somebody"))

    def test_a_type_that_was_never_sent_is_left(self):
        with self.connection():
            self.assert_left(self.event("clinical.encounter.discharged.v1"))

    def test_a_configuration_that_is_over_stores_nothing(self):
        request, gate = self.gate(self.event())
        self.env.cr.execute("UPDATE integration_system SET note = 'changed' WHERE id = %s", (self.system.id,))
        with self.connection():
            self.assertIsNone(short_way.judge(request, gate))
        self.assertEqual(len(self.events()), 1)

    def test_a_backlog_that_was_not_counted_lately_is_left(self):
        integration_gate._backlogs.clear()
        with self.connection():
            self.assert_left(self.event())

    def test_a_connection_that_does_not_answer_is_left_and_the_event_keeps_its_id(self):
        event = self.event()
        request, gate = self.gate(event)
        with self.connection(answers=False):
            self.assertIsNone(short_way.judge(request, gate))
        gate.give_back()
        # It was stored all the same: the ordinary way finds its own event, not a copy.
        gate_of_odoo = self.env["integration.gate"]
        verdict = gate_of_odoo._receive(request, gate.sent, book=gate_of_odoo._book(), address="127.0.0.1")
        self.assertEqual((verdict.admission.outcome, verdict.event_uuid), ("accepted", gate.sent.event_uuid))
        self.assertEqual(len(self.events()), 2)

    def test_no_test_and_no_other_registry_takes_it(self):
        self.assertIsNone(short_way._way_of(self.env.cr.dbname))
