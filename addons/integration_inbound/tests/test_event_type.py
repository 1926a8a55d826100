"""Schemas of event types: what cannot be applied is not saved, and where it is there it costs nobody a message."""

import json
import logging

from odoo.addons.integration_core.domain import catalogue
from odoo.exceptions import ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .. import door
from .common import ADMITTED, PartnerCase

GOOD = json.dumps(catalogue.schema(ADMITTED))
UNUSABLE = (
    "not json",
    "[]",
    '{"type":"objekt"}',
    '{"$ref":"#/nope"}',
    '{"$ref":"#"}',
    '{"pattern":"^(a|aa)+$"}',
)


@tagged("post_install", "-at_install")
class TestEventType(PartnerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admitted = cls.env["integration.event.type"]._named(ADMITTED)

    def put(self, text):
        """Store a schema past every check."""
        self.env.cr.execute("UPDATE integration_event_type SET schema_json = %s WHERE name = %s", (text, ADMITTED))
        self.env.invalidate_all()

    def test_a_schema_that_cannot_be_used_is_not_saved(self):
        for text in UNUSABLE:
            with self.subTest(text), self.assertRaisesRegex(ValidationError, ADMITTED), self.env.cr.savepoint():
                self.admitted._approving().schema_json = text
        self.admitted._approving().schema_json = '{"type": "object"}'

    def test_nor_approved(self):
        self.admitted._approving().state = "draft"
        self.put(UNUSABLE[0])
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.admitted._approving().state = "approved"

    def test_it_can_be_mended_taken_back_and_retired(self):
        for values in ({"schema_json": GOOD}, {"state": "draft"}, {"state": "retired"}):
            with self.subTest(values):
                self.put(UNUSABLE[0])
                self.admitted._approving().write(values)
        self.put(UNUSABLE[0])
        self.admitted.write({"schema_json": GOOD})
        self.env.flush_all()

    def test_where_it_is_there_senders_come_back_until_it_is_mended(self):
        event = self.event()
        for text in UNUSABLE:
            self.put(text)
            with self.subTest(text), mute_logger("odoo.addons.integration_inbound.door"):
                answer = self.deliver(event, message_id="m-1")
                self.assert_problem(answer, 503, "not-ready")
                self.assertIn("Retry-After", answer.headers)
                self.assertFalse(self.receipts())
        refusals = self.env["integration.refusal"].search([("claimed", "=", "ehr")])
        self.assertEqual(set(refusals.mapped("cause")), {"unusable_schema"})
        self.put(GOOD)
        self.assertEqual(self.deliver(event, message_id="m-1").status_code, 202)
        self.put(UNUSABLE[0])
        with mute_logger("odoo.addons.integration_inbound.door"):
            self.assertEqual(self.deliver(event, message_id="m-1").json()["status"], "duplicate")

    def test_a_schema_that_is_mended_while_it_is_judged_by_counts(self):
        """The first look at the message is by a book of before; the answer is by the one that holds."""
        self.put(UNUSABLE[0])
        judge, judged = door.Door.judge, []

        def mended_meanwhile(this, party, body):
            found = judge(this, party, body)
            if not judged:
                mend = "UPDATE integration_event_type SET schema_json = %s WHERE name = %s"
                this.env.cr.execute(mend, (GOOD, ADMITTED))
            judged.append(found)
            return found

        self.patch(door.Door, "judge", mended_meanwhile)
        with mute_logger("odoo.addons.integration_inbound.door"):
            self.assertEqual(self.deliver(self.event()).status_code, 202)
        self.assertEqual(len(judged), 2)

    def test_whoever_sends_a_test_reads_what_is_wrong(self):
        self.put('{"$ref":"#/nope"}')
        operator = new_test_user(self.env, login="op", groups="integration_core.group_operator")
        page = self.env["integration.connect"].with_user(operator)
        with self.assertLogs("odoo.addons.integration_inbound.door", logging.ERROR) as logs:
            sent = page.send_test(self.system.id, ADMITTED)
        self.assertEqual(sent["status"], 503)
        self.assertIn("Mend the schema", sent["reason"])
        self.assertIn("a reference must lead to a schema", logs.output[0])
