import base64
import json
from contextlib import contextmanager, suppress
from datetime import timedelta
from unittest.mock import patch

import psycopg2
from odoo import fields
from odoo.exceptions import AccessDenied, AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..domain import sealing
from ..models.integration_audit_queue import TRIGGERS
from ..wizards import integration_audit_wizard
from .recording import RecordingCase
from .test_journal import ADMITTED, DATA


class AuditCase(RecordingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.audit = cls.env["integration.audit"]
        cls.seals = cls.env["integration.audit.seal"]
        cls.seals._seal_all()

    def rows(self, count=1, **values):
        """Append rows of the main company by code; return them."""
        about = self.audit._about(None)
        return self.audit._append("test.done", [{**about, "detail": f"row {one}"} for one in range(count)], **values)

    def verify(self, **options):
        """Return the findings as (code, row or seal)."""
        self.report, found = self.env["integration.audit.verification"]._verify(**options)
        return [(one.code, one.row or one.seal) for one in found]

    def sql(self, query, *values):
        self.env.flush_all()
        self.env.cr.execute(query, values)
        self.env.invalidate_all()
        return self.env.cr.fetchall() if self.env.cr.description else []

    @contextmanager
    def unguarded(self):
        """Do what the owner of the database can do: work without the triggers."""
        for table in TRIGGERS:
            self.sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in TRIGGERS:
            self.sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    def newest(self, action):
        return self.audit.search([("action", "=", action)], limit=1)


@tagged("post_install", "-at_install")
class TestGuard(AuditCase):
    """Nobody changes or deletes a row, by the ORM or by SQL."""

    def assert_refused(self, query, *values):
        error = psycopg2.errors.InsufficientPrivilege
        with mute_logger("odoo.sql_db"), self.assertRaisesRegex(error, "append-only"), self.env.cr.savepoint():
            self.sql(query, *values)

    def test_the_orm_refuses(self):
        row = self.rows()
        self.seals._seal_all()
        seal = self.seals.search([], limit=1)
        for record in (row, seal):
            with self.assertRaises(AccessError):
                record.sudo().write({record._rec_name: 1})
            with self.assertRaises(AccessError):
                record.sudo().unlink()

    def test_sql_is_refused(self):
        row = self.rows()
        self.seals._seal_all()
        for query in (
            "UPDATE integration_audit SET detail = 'x' WHERE id = %s",
            "UPDATE integration_audit SET id = id + 1000000 WHERE id = %s",
            "DELETE FROM integration_audit WHERE id = %s",
        ):
            self.assert_refused(query, row.id)
        for table in TRIGGERS:
            self.assert_refused(f"TRUNCATE {table}")
        self.assert_refused("UPDATE integration_audit_seal SET count = 0")
        self.assert_refused("UPDATE integration_audit_seal SET leaves = NULL, certificate = 1")
        self.assert_refused("DELETE FROM integration_audit_seal")
        self.assertEqual(self.verify(), [])

    def test_each_guard_that_is_off_is_told(self):
        self.assertEqual(self.verify(), [])
        for table, names in TRIGGERS.items():
            for name in names:
                self.sql(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
                self.assertEqual([code for code, _row in self.verify()], ["guard_off"], name)
                self.sql(f"ALTER TABLE {table} ENABLE TRIGGER {name}")

    def test_a_certificate_alone_lets_nothing_young_go(self):
        self.rows()
        self.seals._seal_all()
        seal = self.seals.search([], limit=1)
        self.sql(
            """
            INSERT INTO integration_audit_certificate
                   (number, company_id, first_seal, last_seal, count, row_ids, seal_digest, days, removed_at, previous,
                    digest)
            VALUES (1, %s, 1, 999999, 1, '1', 'x', 0, now(), 'x', 'x')
            """,
            seal.company_id.id,
        )
        self.assert_refused("UPDATE integration_audit_seal SET leaves = NULL, certificate = 1 WHERE id = %s", seal.id)
        self.assert_refused("DELETE FROM integration_audit WHERE id = %s", sealing.unpack(seal.row_ids)[0])

    def test_users_and_companies_go_and_the_trail_stays(self):
        company = self.env["res.company"].create({"name": "Gone Clinic"})
        user = new_test_user(self.env, "leaver", groups="integration_core.group_operator", company_id=company.id,
                             company_ids=[Command.set(company.ids)])  # fmt: skip
        row = self.audit.with_user(user).with_company(company)._record("test.done", user)
        user_id, company_id = user.id, company.id
        self.seals._seal_all()
        user.unlink()
        company.unlink()
        self.seals._seal_all()
        self.assertEqual(self.verify(), [])
        self.assertEqual(
            self.sql("SELECT user_id, company_id, company_name FROM integration_audit WHERE id = %s", row.id),
            [(user_id, company_id, "Gone Clinic")],
        )
        self.assertIn("deleted", self.seals._label(company_id))

    def test_rows_of_an_earlier_version_are_sealed_and_later_strays_are_not(self):
        queue = self.env["integration.audit.queue"]
        self.assertFalse(self.sql("SELECT 1 FROM integration_audit_queue"))
        with self.unguarded():
            self.rows()
        queue.init()
        self.assertFalse(self.sql("SELECT 1 FROM integration_audit_queue"), "an upgrade must not hide it")
        with self.unguarded():
            self.sql("DELETE FROM integration_audit_seal")
        self.sql("DROP TRIGGER integration_audit_queues ON integration_audit")
        queue.init()
        ((waiting, there),) = self.sql(
            "SELECT (SELECT count(*) FROM integration_audit_queue), (SELECT count(*) FROM integration_audit)"
        )
        self.assertEqual(waiting, there)
        self.seals._seal_all()
        self.assertEqual(self.verify(), [])


@tagged("post_install", "-at_install")
class TestSealing(AuditCase):
    """What was committed is sealed, and whatever the owner of the database does to it is named."""

    def setUp(self):
        super().setUp()
        self.trail = self.rows(6)
        with patch.object(sealing, "BATCH", 3):
            self.seals._seal_all()
        self.ids = sorted(self.trail.ids)

    def test_the_columns_are_those_that_are_sealed(self):
        names = self.sql(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'integration_audit'"
        )
        self.assertEqual({name for (name,) in names}, set(sealing.COLUMNS))

    def test_seals_are_a_chain_of_each_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.audit._append("test.done", [{}])
        self.audit.with_company(other)._record("test.done")
        self.assertEqual(self.trail[0].state, "sealed")
        self.assertEqual(self.newest("test.done").state, "waiting")
        self.seals._seal_all()
        newest = self.newest("test.done")
        self.assertEqual((newest.state, newest.seal), ("sealed", self.seals._newest(newest.company_id.id).number))
        for company in (self.env.company.id, other.id, None):
            chain = list(self.seals._chain_of(company))
            self.assertEqual([one.number for one in chain], list(range(1, len(chain) + 1)))
            self.assertTrue(chain)
        self.assertEqual(self.verify(), [])
        self.assertEqual(set(self.report.chains), {self.env.company.id, other.id, None})
        self.assertEqual(self.report.of(self.env.company.id).unsealed, 0)

    def test_the_engine_seals(self):
        row = self.rows()
        self.assertEqual(row.state, "waiting")
        self.drain()
        row.invalidate_recordset()
        self.assertEqual(row.state, "sealed")

    def test_the_set_up_check_tells(self):
        def level():
            (found,) = [one for one in self.env["integration.setup.check"]._run() if one["key"] == "audit_trail"]
            return found["level"]

        self.assertEqual(level(), "success")
        about = self.audit._about(None)
        self.audit._append("test.done", [{**about, "at": fields.Datetime.now() - timedelta(hours=1)}])
        self.assertEqual(level(), "warning")
        self.seals._seal_all()
        self.assertEqual(level(), "success")
        self.sql("ALTER TABLE integration_audit DISABLE TRIGGER integration_audit_kept")
        self.assertEqual(level(), "danger")

    def test_what_waits_is_counted(self):
        self.rows(2)
        self.assertEqual(self.verify(), [])
        self.assertEqual(self.report.of(self.env.company.id).unsealed, 2)

    def test_a_flipped_byte(self):
        with self.unguarded():
            self.sql("UPDATE integration_audit SET detail = 'row X' WHERE id = %s", self.ids[1])
        self.assertEqual(self.verify(), [("row_changed", self.ids[1])])
        self.assertEqual(self.report.of(self.env.company.id).findings, 1)

    def test_a_deleted_row(self):
        with self.unguarded():
            self.sql("DELETE FROM integration_audit WHERE id = %s", self.ids[4])
        self.assertEqual(self.verify(), [("row_deleted", self.ids[4])])

    def test_a_row_deleted_before_it_was_sealed(self):
        row = self.rows()
        with self.unguarded():
            self.sql("DELETE FROM integration_audit WHERE id = %s", row.id)
        self.assertEqual(self.verify(), [("row_lost_waiting", row.id)])
        self.seals._seal_all()
        self.assertEqual(self.verify(), [("row_lost", row.id)])

    def test_exchanged_rows(self):
        one, other = self.ids[0], self.ids[5]
        with self.unguarded():
            self.sql("UPDATE integration_audit SET detail = 'row 5' WHERE id = %s", one)
            self.sql("UPDATE integration_audit SET detail = 'row 0' WHERE id = %s", other)
        found = self.verify()
        self.assertEqual(
            sorted(found), sorted([("row_changed", one), ("row_changed", other), ("rows_exchanged", one)])
        )

    def test_a_row_behind_the_trigger(self):
        with self.unguarded():
            row = self.rows()
        self.assertEqual(self.verify(), [("row_stray", row.id)])
        self.assertEqual((row.state, row.seal), ("stray", 0))

    def test_a_row_moved_to_another_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.seals._seal_all()
        with self.unguarded():
            self.sql("UPDATE integration_audit SET company_id = %s WHERE id = %s", other.id, self.ids[0])
        self.assertEqual(self.verify(), [("row_changed", self.ids[0])])

    def test_a_removed_seal(self):
        number = self.seals._newest(self.env.company.id).number - 1
        with self.unguarded():
            self.sql(
                "DELETE FROM integration_audit_seal WHERE number = %s AND company_id = %s", number, self.env.company.id
            )
        found = self.verify()
        self.assertEqual(found[0], ("seal_missing", number + 1))
        self.assertEqual(found[1:], [("row_stray", one) for one in self.ids[:3]])

    def test_a_forged_seal(self):
        """A row is changed and its seal made anew, as somebody would who has read the code."""
        company = self.env.company.id
        chain = list(self.seals._chain_of(company))
        victim, before = chain[-2], chain[-3] if len(chain) > 2 else None
        with self.unguarded():
            self.sql("UPDATE integration_audit SET detail = 'forged' WHERE id = %s", self.ids[0])
            ids = sealing.unpack(victim.ids)
            forged = sealing.seal(
                company, ids, self.seals._rows(ids), after=before, sealed_at=victim.sealed_at
            )
            self.sql(
                "UPDATE integration_audit_seal SET leaves = %s, leaves_digest = %s, digest = %s"
                " WHERE company_id = %s AND number = %s",
                *(forged.leaves, forged.leaves_digest, forged.digest, company, victim.number),
            )
        self.assertEqual(self.verify(), [("seal_order", chain[-1].number)])

    def test_an_anchor_tells_of_a_trail_that_was_made_anew(self):
        anchors = self.seals._anchors()
        self.assertEqual(self.verify(anchors=anchors), [])
        with self.unguarded():
            self.sql("UPDATE integration_audit SET detail = 'forged' WHERE id = %s", self.ids[0])
            self.sql("DELETE FROM integration_audit_seal WHERE company_id = %s", self.env.company.id)
            self.sql(
                "INSERT INTO integration_audit_queue (id, company_id) SELECT id, company_id FROM integration_audit"
                " WHERE company_id = %s",
                self.env.company.id,
            )
        self.seals._seal_all()
        self.assertEqual(self.verify(), [])
        self.assertIn(self.verify(anchors=anchors)[0][0], ("anchor_differs", "anchor_missing"))

    def test_one_company_alone(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.audit.with_company(other)._record("test.done")
        self.seals._seal_all()
        with self.unguarded():
            self.sql("UPDATE integration_audit SET detail = 'x' WHERE id = %s", self.ids[0])
        self.assertEqual(self.verify(companies=[other.id]), [])
        self.assertEqual(list(self.report.chains), [other.id])
        self.assertEqual(self.verify(companies=[self.env.company.id]), [("row_changed", self.ids[0])])


@tagged("post_install", "-at_install")
class TestRemoval(AuditCase):
    """Retention removes whole seals, the oldest first, and leaves a certificate."""

    def setUp(self):
        super().setUp()
        # What the database had before would be in the way: removal goes from the beginning of a chain.
        self.company = self.env["res.company"].create({"name": "Old Clinic"})
        self.seals._seal_all()
        self.rule = self.env.ref("integration_core.retention_audit")
        about = {"company_id": self.company.id, "company_name": "Old Clinic"}
        # Only a row that is written in the past is old: nobody can change one.
        for days in (4000, 3900, 3000):
            moment = fields.Datetime.now() - timedelta(days=days)
            self.audit._append("test.done", [{**about, "at": moment, "detail": str(days)} for _one in range(2)])
        with patch.object(sealing, "BATCH", 2):
            self.seals._seal_all()

    def purge(self):
        rules = self.env["integration.retention"].search([])
        (rules - self.rule).sudo().write({"rest_until": "2999-01-01 00:00:00"})
        self.rule.sudo().write({"rest_until": False})
        self.env.flush_all()
        gone = self.env["integration.retention"]._purge()
        self.env.invalidate_all()
        return gone

    def own(self):
        return self.audit.search([("company_id", "=", self.company.id)], order="id")

    def test_whole_seals_that_are_past_the_clock_go(self):
        self.assertEqual(len(self.own()), 6)
        self.assertEqual(self.purge(), 4)
        self.assertFalse(self.rule.rest_until)
        self.assertEqual(self.purge(), 0)
        self.assertTrue(self.rule.rest_until)
        rows = self.own()
        self.assertEqual(rows.mapped("action"), ["test.done", "test.done", "audit.remove"])
        self.assertEqual(rows.mapped("detail")[:2], ["3000", "3000"])
        paper = self.env["integration.audit.certificate"].search([("company_id", "=", self.company.id)])
        self.assertEqual((paper.first_seal, paper.last_seal, paper.count, paper.days), (1, 2, 4, 3650))
        self.assertIn(paper.digest, rows[-1].detail)
        seals = self.seals.search([("company_id", "=", self.company.id)], order="number")
        self.assertEqual(seals.mapped("state"), ["removed", "removed", "kept"])
        self.assertEqual(self.verify(), [])
        self.seals._seal_all()
        self.assertEqual(self.verify(), [])
        chain = self.report.of(self.company.id)
        self.assertEqual((chain.removed, chain.removed_seals, chain.rows), (4, 2, 3))
        self.assertEqual(self.rule.removed, 4)

    def test_a_removal_that_the_suite_did_not_make_is_found(self):
        self.purge()
        with self.unguarded():
            self.sql("DELETE FROM integration_audit WHERE action = 'audit.remove'")
        codes = [code for code, _row in self.verify()]
        self.assertEqual(sorted(codes), ["certificate_untold", "row_lost_waiting"])

    def test_nothing_may_be_kept_for_longer_than_the_trail(self):
        for days in (364, 799):
            with self.assertRaises(ValidationError):
                self.rule.days = days
        with self.assertRaises(ValidationError):
            self.env["integration.retention"].create({"what": "receipt", "days": 3651})
        self.rule.days = 800
        with self.assertRaises(ValidationError):
            self.env["integration.retention"].create({"what": "audit", "lane": "bulk", "days": 4000})


@tagged("post_install", "-at_install")
class TestCoverage(AuditCase):
    """What the trail tells of, by whom, and what it never says."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = new_test_user(cls.env, "boss", groups="integration_core.group_admin,base.group_erp_manager")

    def test_administration_tells_old_and_new(self):
        system = self.env["integration.system"].with_user(self.boss).create({"name": "Lab", "code": "lab9"})
        row = self.newest("system.create")
        self.assertEqual((row.user_id, row.res_id, row.res_model), (self.boss.id, system.id, "integration.system"))
        self.assertIn("code: lab9", row.detail)
        self.assertNotIn("approval_state", row.detail)
        live = self._make_system("lab8")  # by code, as nobody could: live at once
        row = self.audit.search([("action", "=", "system.create"), ("res_id", "=", live.id)])
        self.assertIn("mode: live", row.detail)
        system.write({"rate_per_minute": 600, "note": "about Jane Doe, MRN 7", "name": "Lab"})
        row = self.newest("system.change")
        self.assertEqual(row.detail, "note: changed; rate_per_minute: 6000 → 600")
        kind = self.env["integration.event.type"].search([("direction", "=", "inbound")], limit=1)
        system.write({"clearance": "patient", "event_type_ids": [Command.link(kind.id)]})
        self.assertIn(f"event_type_ids: +{kind.display_name} ({kind.id})", self.newest("system.change").detail)
        count = self.audit.search_count([])
        system.write({"rate_per_minute": 600})
        self.assertEqual(self.audit.search_count([]), count, "what stays the same is no change")
        system.sudo().unlink()
        row = self.newest("system.delete")
        self.assertEqual((row.user_id, row.res_name), (self.boss.id, "Lab"))

    def test_what_only_deeds_change_is_told_by_the_deed_alone(self):
        count = self.audit.search_count([("action", "=", "system.change")])
        self.system.with_user(self.boss).action_suspend()
        self.assertEqual(self.audit.search_count([("action", "=", "system.change")]), count)
        self.assertEqual(self.newest("system.suspend").user_id, self.boss.id)
        self.system.write({"state": "active"})  # by code with all rights, and no deed
        self.assertEqual(self.newest("system.change").detail, "state: suspended → active")

    def test_a_pause_is_one_row_whichever_way_it_was_made(self):
        subscription, name = self.subscription, self.subscription.name
        operator = new_test_user(self.env, "operator", groups="integration_core.group_operator")
        last = self.audit.search([], limit=1, order="id desc").id
        subscription.with_user(operator).action_pause()
        subscription.with_user(operator).action_pause()  # it was paused already
        subscription.with_user(operator).action_resume()
        subscription.with_user(self.boss).write({"state": "paused"})
        subscription.with_user(self.boss).write({"state": "active", "name": "Renamed"})
        told = [(row.action, row.user_id, row.detail) for row in self.audit.search([("id", ">", last)], order="id")]
        pause, resume = "state: active → paused", "state: paused → active"
        self.assertEqual(
            told,
            [
                ("subscription.pause", operator.id, pause),
                ("subscription.resume", operator.id, resume),
                ("subscription.pause", self.boss.id, pause),
                ("subscription.change", self.boss.id, f"name: {name} → Renamed; {resume}"),
            ],
        )

    def test_a_key_is_told_without_its_secret(self):
        key, text = self.env["integration.credential"]._rotate(self.system, use="inbound")
        row = self.newest("credential.create")
        self.assertEqual(row.res_id, key.id)
        self.assertNotIn(text, str(row.read()))
        self.assertNotIn("sealed", row.detail)

    def test_every_model_of_administration_is_told(self):
        models = ("system", "credential", "event.type", "subscription", "retention", "egress.allow", "endpoint",
                  "entity", "identifier", "billing.rule")  # fmt: skip
        for name in models:
            model = self.env.get(f"integration.{name}")
            if model is not None:  # those of the addons that are installed
                self.assertTrue(model._audit_name, name)

    def test_what_a_release_brings_along_is_not_told(self):
        count = self.audit.search_count([])
        with patch.object(self.env.registry, "ready", False):
            self.subscription.owner_id = self.boss
        self.assertEqual(self.audit.search_count([]), count)
        with_context = self.subscription.with_context(install_mode=True, module="integration_core")
        with_context.owner_id = self.env.user
        self.assertEqual(self.audit.search_count([]), count + 1, "no context of a caller hides anything")

    # -- roles -----------------------------------------------------------------------------------------------------

    def roles(self, user):
        rows = self.audit.search([("action", "=", "role.change"), ("res_id", "=", user.id)], order="id")
        return rows.mapped("detail")

    def test_a_role_given_on_the_user(self):
        user = new_test_user(self.env, "nurse", groups="base.group_user")
        self.assertEqual(self.roles(user), [])
        group = self.env.ref("integration_core.group_operator")
        user.with_user(self.boss).write({"group_ids": [Command.link(group.id)]})
        self.assertEqual(self.roles(user), ["+Integration operator"])
        self.assertEqual(self.newest("role.change").user_id, self.boss.id)
        self.assertIn("nurse", self.newest("role.change").res_name)
        user.write({"group_ids": [Command.unlink(group.id)]})
        self.assertEqual(self.roles(user)[1:], ["-Integration operator"])

    def test_a_role_given_on_the_group_and_by_an_implied_one(self):
        user = new_test_user(self.env, "clerk", groups="base.group_user")
        steward, payload = (self.env.ref(f"integration_core.group_{name}") for name in ("steward", "payload_reader"))
        steward.write({"user_ids": [Command.link(user.id)]})
        self.assertEqual(self.roles(user), ["+Mapping steward"])
        steward.write({"implied_ids": [Command.link(payload.id)]})
        self.assertEqual(self.roles(user)[1:], ["+Cleared for payloads"])
        steward.write({"implied_ids": [Command.unlink(payload.id)]})
        self.assertEqual(self.roles(user)[2:], ["-Cleared for payloads"])
        other = self.env["res.groups"].create({"name": "Ward", "user_ids": [Command.link(user.id)]})
        other.write({"implied_ids": [Command.link(payload.id)]})
        self.assertEqual(self.roles(user)[3:], ["+Cleared for payloads"])
        other.unlink()
        self.assertEqual(self.roles(user)[4:], ["-Cleared for payloads"])

    def test_archiving_and_deleting_take_roles_away(self):
        user = new_test_user(self.env, "temp", groups="integration_core.group_operator")
        user.active = False
        user.active = True
        self.assertEqual(
            self.roles(user), ["+Integration operator", "-Integration operator", "+Integration operator"]
        )
        user_id = user.id
        user.unlink()
        self.assertEqual(self.newest("role.change").detail, "-Integration operator")
        self.assertEqual(self.newest("role.change").res_id, user_id)

    def test_other_groups_are_not_told(self):
        user = new_test_user(self.env, "plain", groups="base.group_user")
        user.write({"group_ids": [Command.link(self.env.ref("base.group_partner_manager").id)]})
        self.assertEqual(self.roles(user), [])

    # -- logins ----------------------------------------------------------------------------------------------------

    def login(self, login, password):
        credential = {"login": login, "password": password, "type": "password"}
        return self.env["res.users"].authenticate(credential, {"interactive": False})

    def refused_login(self, login, password):
        """Try to log in, without rolling back what the suite has stored, as a real transaction of its own would."""
        try:
            self.login(login, password)
        except AccessDenied:
            return
        self.fail("it was let in")

    def logins(self):
        return self.audit.search([("action", "=like", "login.%")])

    def test_logins_of_holders_of_a_role(self):
        new_test_user(self.env, "wanda", password="wanda-wanda-1", groups="integration_core.group_operator")
        before = self.logins()
        self.login("wanda", "wanda-wanda-1")
        row = self.logins() - before
        self.assertEqual((row.action, row.user_name), ("login.succeed", row.res_name))
        self.assertIn("password", row.detail)
        self.refused_login("wanda", "s3cret-guess")
        row = self.logins() - before - row
        self.assertEqual((row.action, row.user_id), ("login.fail", 0))
        self.assertIn("wanda", row.res_name)
        self.assertNotIn("s3cret-guess", str(row.read()))

    def test_a_call_with_a_wrong_password_is_a_failed_login(self):
        user = new_test_user(self.env, "xenia", password="xenia-xenia-1", groups="integration_core.group_operator")
        before = self.logins()
        self.env["res.users"]._check_uid_passwd(user.id, "xenia-xenia-1")
        self.assertEqual(self.logins(), before, "calls are no logins")
        with suppress(AccessDenied):  # assertRaises would take back what was noted
            self.env["res.users"]._check_uid_passwd(user.id, "guess-guess")
        row = self.logins() - before
        self.assertEqual(row.action, "login.fail")
        self.assertIn("password of a call", row.detail)

    def test_other_logins_are_nobodys_business(self):
        new_test_user(self.env, "olaf", password="olaf-olaf-12", groups="base.group_user")
        before = self.logins()
        self.login("olaf", "olaf-olaf-12")
        for name in ("olaf", "nobody-of-that-name"):
            self.refused_login(name, "wrong")
        self.assertEqual(self.logins(), before)

    # -- access and export -----------------------------------------------------------------------------------------

    def test_auditors_privacy_officers_and_administrators_read(self):
        self.rows()
        self.audit._record("payload.read", reason="of what concerns patients alone the privacy officer reads")
        self.seals._seal_all()
        for name, may in (("auditor", 1), ("privacy_officer", 1), ("admin", 1), ("operator", 0), ("steward", 0)):
            user = new_test_user(self.env, f"reader_{name}", groups=f"integration_core.group_{name}")
            for model in ("integration.audit", "integration.audit.seal", "integration.audit.certificate"):
                mine = self.env[model].with_user(user)
                self.assertEqual(mine.has_access("read"), bool(may), f"{name} {model}")
                for deed in ("create", "write", "unlink"):
                    self.assertFalse(mine.has_access(deed), f"{name} {deed} {model}")
            if may:
                self.assertTrue(self.audit.with_user(user).search([], limit=1).read())
                self.assertTrue(self.seals.with_user(user).search([], limit=1).web_read({"row_ids": {}, "state": {}}))

    def test_an_export_is_told_and_is_not_part_of_itself(self):
        self.rows(2)
        lines = list(self.env["integration.audit.export"]._export("fhir", [self.env.company.id]))
        told = self.newest("audit.export")
        events = [json.loads(line) for line in lines]
        self.assertNotIn(f"audit-{told.id}", {event["id"] for event in events})
        self.assertEqual(events[-1]["subtype"][-1]["code"], "test.done")
        self.assertIn(f"companies: {self.env.company.id}", told.detail)

    def test_a_list_that_leaves_by_odoos_own_export_is_told_per_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        theirs = self._make_system("lab6", company=other)
        ours = self.system + self._make_system("lab7")
        (ours + theirs).export_data(["name", "code"])
        rows = self.audit.search([("action", "=", "list.export")])
        told = {(row.company_id.id, row.res_model, row.detail) for row in rows}
        what = "records; fields: code, name"
        expected = {
            (self.env.company.id, "integration.system", f"2 {what}"),
            (other.id, "integration.system", f"1 {what}"),
        }
        self.assertEqual(told, expected)
        self.rows().export_data(["action"])
        self.assertEqual(self.newest("list.export").res_model, "integration.audit")
        rows = self.audit.search([("action", "=", "list.export")])
        self.env["res.partner"].search([], limit=1).export_data(["name"])
        self.env["integration.event.type"].browse().export_data(["name"])
        self.assertEqual(self.audit.search([("action", "=", "list.export")]), rows, "other lists are not the suite's")

    def test_an_export_of_what_a_deleted_company_left_is_told_here(self):
        row = self.audit._append("test.done", [{"company_id": 2**31 - 1, "company_name": "Gone"}])
        row.export_data(["action"])
        told = self.newest("list.export")
        self.assertEqual((told.company_id.id, told.detail), (self.env.company.id, "1 records; fields: action"))

    def test_an_export_of_a_period(self):
        now = fields.Datetime.now()
        row = self.rows()
        export = self.env["integration.audit.export"]
        self.assertIn(str(row.id), "".join(export._export("csv", None, now - timedelta(hours=1), None)))
        self.assertEqual(len(list(export._export("csv", None, now + timedelta(hours=1), None))), 1)
        self.assertEqual(len(list(export._export("csv", None, None, now - timedelta(days=9999)))), 1)

    def auditor(self):
        return new_test_user(self.env, "auditor", groups="integration_core.group_auditor")

    def test_an_auditor_verifies_on_screen(self):
        rows = self.rows(3)
        wizard = self.env["integration.audit.verify.wizard"].with_user(self.auditor()).create({})
        self.assertIn("rows, the oldest for", wizard.waiting)
        self.seals._seal_all()
        wizard.action_verify()
        self.assertEqual(wizard.state, "sound")
        wizard.action_download()
        self.assertEqual(base64.b64decode(wizard.file).decode().splitlines(), wizard.anchors_now.splitlines())
        self.assertTrue(wizard.anchors_now)
        self.assertEqual(self.newest("audit.verify").detail, "sound, 0 findings")
        self.seals._seal_all()
        wizard.anchors_kept = wizard.anchors_now
        with self.unguarded():
            self.sql("UPDATE integration_audit SET detail = 'x' WHERE id = %s", rows[1].id)
        wizard.action_verify()
        self.assertEqual(wizard.state, "wrong")
        self.assertIn(f"Row {rows[1].id} (", wizard.result)
        wizard.anchors_kept = "nonsense"
        with self.assertRaisesRegex(UserError, "Line 1 is no anchor"):
            wizard.action_verify()
        with patch.object(integration_audit_wizard, "MOST_ROWS", 0), self.assertRaisesRegex(UserError, "too many"):
            wizard.action_verify()

    def test_what_is_shown_is_escaped(self):
        self.env.company.name = "<b>Bold</b>"
        self.rows()
        self.seals._seal_all()
        wizard = self.env["integration.audit.verify.wizard"].create({})
        wizard.action_verify()
        self.assertIn("&lt;b&gt;Bold", wizard.result)

    def test_an_auditor_exports_on_screen(self):
        row = self.rows()
        other = self.env["res.company"].create({"name": "Other"})
        hidden = self.audit.with_company(other)._record("test.done")
        wizards = self.env["integration.audit.export.wizard"].with_user(self.auditor())
        for kind, mark in (("fhir", f'"audit-{row.id}"'), ("csv", f"{row.id},"), ("rows", f'{{"id":{row.id},')):
            wizard = wizards.create({"kind": kind})
            action = wizard.action_export()
            text = base64.b64decode(wizard.file).decode()
            self.assertIn(mark, text)
            self.assertNotIn(mark.replace(str(row.id), str(hidden.id)), text, "of another company")
            self.assertIn(wizard.file_name, action["url"])
        self.assertEqual(self.newest("audit.export").user_name, self.auditor_name())
        tomorrow = fields.Date.add(fields.Date.today(), days=2)
        wizard = wizards.create({"kind": "csv", "day_from": tomorrow, "day_to": False})
        wizard.action_export()
        self.assertEqual(len(base64.b64decode(wizard.file).splitlines()), 1)
        with patch.object(integration_audit_wizard, "MOST_EXPORTED", 0), self.assertRaisesRegex(UserError, "shorter"):
            wizards.create({"kind": "csv"}).action_export()

    def auditor_name(self):
        return self.env["res.users"].search([("login", "=", "auditor")]).name

    def test_others_have_no_screen(self):
        operator = new_test_user(self.env, "op1", groups="integration_core.group_operator")
        for wizard in ("verify", "export"):
            with self.assertRaises(AccessError):
                self.env[f"integration.audit.{wizard}.wizard"].with_user(operator).create({})

    def test_patients_are_not_named(self):
        self.post(ADMITTED, {**DATA, "patient": {"id": "MRN-SECRET-1"}})
        self.drain()
        self.assertNotIn("MRN-SECRET-1", "".join(self.env["integration.audit.export"]._export("rows")))
