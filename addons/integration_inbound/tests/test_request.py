"""The last requests of a system: all of them, newest first, and as fast with many as with few."""

import json
import uuid

from odoo.addons.integration_core.domain import signing
from odoo.addons.integration_core.tests.common import IntegrationCase
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from ..domain import reasons
from ..models.integration_request import LAST
from .common import FINALIZED, PartnerCase


@tagged("post_install", "-at_install")
class TestRequest(PartnerCase):
    def requests(self, system=None):
        return self.env["integration.request"].search([("system_id", "=", (system or self.system).id)])

    def lines(self, count):
        event = self.event(FINALIZED)
        line = event["data"]["lines"][0]
        event["data"] = {**event["data"], "lines": [{**line, "line": str(number)} for number in range(count)]}
        return event

    def test_every_kind_of_answer_once_and_newest_first(self):
        event = json.dumps(self.lines(3)).encode()
        answers = [
            self.deliver(event, message_id="m-1"),
            self.deliver(event, message_id="m-1"),
            self.deliver(self.lines(2) | {"type": "clinical.unheard.of.v1"}, message_id="m-2"),
            self.deliver(b"{}", message_id="m-3", secret=signing.Secret.generate()),
        ]
        # What is turned away is timed to the second, everything else to the microsecond.
        found = self.requests().sorted(lambda request: request.kind != "turned_away")
        self.assertEqual(found.mapped("kind"), ["turned_away", "rejected", "duplicate", "accepted"])
        self.assertEqual(found.mapped("status"), [answer.status_code for answer in reversed(answers)])
        self.assertEqual(found.mapped("webhook_id"), [False, "m-2", "m-1", "m-1"])
        self.assertEqual(found.mapped("request_id"), [answer.headers["x-request-id"] for answer in reversed(answers)])
        self.assertEqual(found.mapped("code"), ["no_match", "unknown_type", False, False])
        self.assertIn("no key of the system made this signature", found[0].reason)
        self.assertEqual(found[0].address, "127.0.0.1")
        self.assertEqual(found.company_id, self.company)

    def test_each_opens_what_is_known_of_it(self):
        event = self.event()
        self.deliver(event, message_id="m-1")
        self.deliver(event, message_id="m-1")
        self.deliver(b"not json", message_id="m-2")
        self.deliver(b"{}", timestamp=1)
        opened = {request.kind: request.action_open()["res_model"] for request in self.requests()}
        self.assertEqual(
            opened,
            {
                "accepted": "integration.event",
                "duplicate": "integration.event",
                "rejected": "integration.refused.message",
                "turned_away": "integration.refusal",
            },
        )

    def test_a_signature_that_was_used_again(self):
        self.deliver(self.event(), timestamp=1_700_000_000)
        self.assertIn("re-used it on a retry", self.requests().reason)

    def test_every_cause_has_words_for_the_engineer(self):
        for cause, _title in self.env["integration.refusal"]._fields["cause"].selection:
            if cause != "not_kept":  # which is never shown as such
                with self.subTest(cause):
                    self.assertTrue(reasons.of("turned_away", cause).mend)

    def test_what_is_refused_and_not_kept_shows_once(self):
        self.env["ir.config_parameter"].set_param("integration_inbound.refused_kept_per_system", "0")
        self.deliver(b"not json")
        self.assertEqual(self.requests().mapped("code"), ["syntax"])

    def test_no_other_systems_and_no_other_companies(self):
        self.deliver(self.event())
        self.deliver(self.event(), secret=signing.Secret.generate())
        lab = self._make_system("lab")
        self.assertFalse(self.requests(lab))
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = new_test_user(
            self.env,
            login="stranger",
            groups="integration_core.group_operator",
            company_id=elsewhere.id,
            company_ids=[(6, 0, elsewhere.ids)],
        )
        self.assertEqual(len(self.requests()), 2)
        self.assertFalse(self.env["integration.request"].with_user(stranger).search([]))


@tagged("post_install", "-at_install")
class TestManyRequests(IntegrationCase):
    """A page that an engineer reloads all day must not read the journal for it."""

    MANY = 5000

    def setUp(self):
        super().setUp()
        other = self._make_system("lab")
        kind = self.env["integration.event.type"].search([("direction", "=", "inbound")], limit=1)
        for system in (self.system, other):
            self.env.cr.execute(
                """
                INSERT INTO integration_event (uuid, company_id, system_id, event_type_id, source, source_event_id,
                                               webhook_id, received_at, correlation_id, mode)
                SELECT gen_random_uuid(), %(company)s, %(system)s, %(type)s, 's', n, n,
                       now() AT TIME ZONE 'UTC' - (%(many)s - n) * interval '1 second', n, 'live'
                  FROM generate_series(1, %(many)s) AS n;
                INSERT INTO integration_receipt (company_id, system_id, webhook_id, unit, outcome, received_at,
                                                 received_day, mode)
                SELECT %(company)s, %(system)s, n, '', CASE WHEN n %% 2 = 0 THEN 'duplicate' ELSE 'accepted' END,
                       now() AT TIME ZONE 'UTC', now(), 'live' FROM generate_series(1, %(many)s) AS n;
                INSERT INTO integration_refusal (minute, cause, claimed, address, count, first_at, last_at)
                SELECT now() - n * interval '1 minute', 'no_match', %(code)s, '192.0.2.1', 1, now(), now()
                  FROM generate_series(1, %(many)s) AS n;
                """,
                {
                    "company": system.company_id.id,
                    "system": system.id,
                    "code": system.code,
                    "type": kind.id,
                    "many": self.MANY,
                },
            )
        self.env.cr.execute("ANALYZE integration_event, integration_receipt, integration_refusal")

    def rows_read(self, plan):
        """Return how many rows the scans of a plan have read, those that a filter dropped included."""
        own = 0
        if plan["Node Type"].endswith("Scan") and plan.get("Relation Name", "").startswith("integration_"):
            own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
        return own + sum(self.rows_read(part) for part in plan.get("Plans", []))

    def test_only_the_newest_are_read(self):
        requests = self.env["integration.request"]
        query = requests._search([("system_id", "=", self.system.id)], limit=25, order=requests._order)
        self.env.cr.execute(SQL("EXPLAIN (ANALYZE, FORMAT JSON) %s", query.select()))
        plan = self.env.cr.fetchone()[0][0]["Plan"]
        # Of events and refusals the newest of this system, of receipts the units of some more.
        self.assertLess(self.rows_read(plan), 2000, json.dumps(plan, indent=1))
        found = requests.browse(query)
        self.assertEqual(len(found), 25)

    def test_of_each_kind_the_newest_are_there(self):
        found = self.env["integration.request"].search([("system_id", "=", self.system.id)])
        kinds = found.mapped("kind")
        self.assertEqual(
            {kind: kinds.count(kind) for kind in set(kinds)},
            dict.fromkeys(("accepted", "duplicate", "turned_away"), LAST),
        )
        newest = found.filtered(lambda request: request.kind == "accepted").mapped("webhook_id")
        self.assertEqual(sorted(map(int, newest)), list(range(self.MANY - LAST + 1, self.MANY + 1)))
        self.assertTrue(uuid.UUID(found.filtered("event_uuid")[0].event_uuid))
