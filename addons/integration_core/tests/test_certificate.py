import hashlib

import psycopg2
from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..domain import sealing
from .retaining import RetentionCase
from .test_journal import ADMITTED, DATA

IDENTITIES = {
    "payload": "SELECT id, uuid, body_digest FROM integration_event WHERE id = ANY (%s) ORDER BY id",
    "attempt": "SELECT id, delivery_id, number FROM integration_attempt WHERE id = ANY (%s) ORDER BY id",
    "event": "SELECT id, uuid, body_digest FROM integration_event WHERE id = ANY (%s) ORDER BY id",
    "key": "SELECT id, webhook_id, source, source_event_id, digest, event_uuid"
    " FROM integration_event_key WHERE id = ANY (%s) ORDER BY id",
    "receipt": "SELECT id, event_uuid, webhook_id, unit FROM integration_receipt WHERE id = ANY (%s) ORDER BY id",
}
"""What docs/retention.md says to read from a backup."""


@tagged("post_install", "-at_install")
class TestCertificate(RetentionCase):
    """Each batch that removed something says what, why and which rows, and can be checked against a backup."""

    def digest(self, what, rows):
        """Return the digest as docs/retention.md says, with nothing of the suite."""
        found = hashlib.sha256()
        for row in rows:
            for value in ("integration.retention.removed.1", what, *row):
                text = None if value is None else str(value).encode()
                found.update(b"-," if text is None else b"%d:%s," % (len(text), text))
        return found.hexdigest()

    def backup(self, what, ids):
        return self.sql(IDENTITIES[what], list(ids))

    def test_what_went_is_certified_and_found_again_in_a_backup(self):
        events = self.handled("A", "B", "C")
        self.age(events[0] | events[2])
        old = [events[0].id, events[2].id]
        attempts = (events[0] | events[2]).delivery_ids.attempt_ids.ids
        backup = {"payload": self.backup("payload", old), "attempt": self.backup("attempt", attempts)}
        for what, rule, ids in (("payload", "payload", old), ("attempt", "attempt", attempts)):
            with self.subTest(what):
                self.assertEqual(self.purge(what), 2)
                [paper] = self.certificates(what)
                self.assertEqual(sealing.unpack(paper.row_ids), sorted(ids))
                self.assertEqual((paper.count, paper.first_id, paper.last_id), (2, min(ids), max(ids)))
                self.assertEqual((paper.reason, paper.company_id), ("retention", self.company))
                self.assertEqual(paper.days, self.env.ref(f"integration_core.retention_{rule}").days)
                self.assertLess(paper.last_at, fields.Datetime.subtract(fields.Datetime.now(), days=2000))
                self.assertEqual(paper.digest, self.digest(what, backup[what]))
                self.assertNotEqual(paper.digest, self.digest(what, backup[what][:1]))

    def test_events_identities_and_receipts_are_certified_too(self):
        events = self.handled("A")
        receipts = self.env["integration.receipt"].search([("event_id", "=", events.id)])
        keys = [row[0] for row in self.sql("SELECT id FROM integration_event_key WHERE event_uuid = %s", events.uuid)]
        self.env["integration.retention"].create({"what": "receipt", "days": 400})
        self.age(events)
        ids = {"event": events.ids, "key": keys, "receipt": receipts.ids}
        backup = {what: self.backup(what, ids[what]) for what in ids}
        self.purge("event", "key", "receipt")
        for what in ids:
            [paper] = self.certificates(what)
            self.assertEqual(paper.digest, self.digest(what, backup[what]), what)

    def test_nothing_removed_leaves_no_certificate(self):
        self.handled("A")
        self.assertEqual(self.purge("payload", "attempt", "event", "key", "count"), 0)
        self.assertFalse(self.certificates("payload", "attempt", "event", "key", "count"))

    def test_each_company_has_its_own(self):
        other = self.env["res.company"].create({"name": "Other"})
        system = self._make_system("other", company=other)
        mine = self.handled("A")
        theirs = self.post(ADMITTED, {**DATA, "encounter": "X"}, system=system)[1]
        self.drain()
        self.age(mine | theirs)
        self.purge("payload")
        papers = self.certificates("payload")
        self.assertEqual([(paper.company_id, paper.count) for paper in papers], [(self.company, 1), (other, 1)])
        auditor = self.person("aud", "auditor", company_id=other.id, company_ids=[(6, 0, other.ids)])
        self.assertEqual(papers.with_user(auditor).search([("id", "in", papers.ids)]), papers[1])

    def test_the_trail_names_it(self):
        self.age(self.handled("A"))
        self.purge("payload")
        [paper] = self.certificates("payload")
        row = self.env["integration.audit"].search([("action", "=", "retention.remove")], limit=1)
        self.assertEqual((row.res_id, row.reason, row.company_id), (paper.id, "retention", self.company))
        self.assertIn(paper.digest, row.detail)

    # -- guard

    def assert_refused(self, query, *values):
        error = psycopg2.errors.InsufficientPrivilege
        with mute_logger("odoo.sql_db"), self.assertRaisesRegex(error, "append-only"), self.env.cr.savepoint():
            self.sql(query, *values)

    def test_nobody_changes_or_deletes_one(self):
        self.age(self.handled("A"))
        self.purge("payload")
        [paper] = self.certificates("payload")
        with self.assertRaises(AccessError):
            paper.sudo().write({"count": 0})
        with self.assertRaises(AccessError):
            paper.sudo().unlink()
        self.assert_refused("UPDATE integration_retention_certificate SET count = 0 WHERE id = %s", paper.id)
        self.assert_refused("DELETE FROM integration_retention_certificate WHERE id = %s", paper.id)
        self.assert_refused("TRUNCATE integration_retention_certificate")

    def old_certificate(self, days):
        self.sql(
            "INSERT INTO integration_retention_certificate (what, reason, count, row_ids, first_id, last_id, first_at,"
            " last_at, digest, company_id, removed_at)"
            " VALUES ('payload', 'retention', 1, '1', 1, 1, now(), now(), 'x', %s,"
            " (now() AT TIME ZONE 'UTC') - make_interval(days => %s))",
            self.company.id,
            days,
        )
        return self.env["integration.retention.certificate"].search([], limit=1)

    def test_they_are_kept_for_as_long_as_the_audit_trail(self):
        days = self.env.ref("integration_core.retention_audit").days
        young, old = self.old_certificate(days - 1), self.old_certificate(days + 1)
        self.assert_refused("DELETE FROM integration_retention_certificate WHERE id = %s", young.id)
        self.purge("audit")
        self.assertEqual((young | old).exists(), young)
        [paper] = self.certificates("certificate")
        self.assertEqual(sealing.unpack(paper.row_ids), [old.id])

    def test_without_a_rule_for_the_trail_they_are_kept_for_good(self):
        old = self.old_certificate(100_000)
        self.env.ref("integration_core.retention_audit").active = False
        self.assert_refused("DELETE FROM integration_retention_certificate WHERE id = %s", old.id)

    # -- who reads

    def test_officers_auditors_and_administrators_read_them(self):
        self.age(self.handled("A"))
        self.purge("payload")
        papers = self.certificates("payload")
        for group in ("privacy_officer", "auditor", "admin"):
            self.assertTrue(papers.with_user(self.person(f"r_{group}", group)).search([]), group)
        with self.assertRaises(AccessError):
            papers.with_user(self.person("r_op", "operator")).search([])

    def test_the_rules_explain_themselves(self):
        rules = self.env["integration.retention"].search([])
        self.assertTrue(all(rules.mapped("purpose")))
        self.assertTrue(all(rules.mapped("next_at")))
        days = {rule.what: rule.days for rule in rules.sorted("days")}
        self.assertLess(days["payload"], days["event"])
        self.assertLess(days["event"], days["audit"])
        self.assertEqual(max(days.values()), days["audit"])
