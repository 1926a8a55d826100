import base64
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import freeze_time, new_test_user, tagged

from ..domain import signing
from .common import IntegrationCase


@tagged("post_install", "-at_install")
class TestCredential(IntegrationCase):
    """Keys rotate with an overlap, tell where they are in their life, and never show what is sealed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = new_test_user(cls.env, "boss", groups="integration_core.group_admin")
        cls.other_boss = new_test_user(cls.env, "boss2", groups="integration_core.group_admin")
        cls.trial = cls._make_system("trial", live=False)
        cls.trial.owner_id = cls.boss
        cls.keys = cls.env["integration.credential"]

    def make_key(self, system=None, **values):
        """Return a key in force of a system in test mode."""
        key, _text = self.keys._rotate(system or self.trial, use="inbound", keys=self.keys, **values)
        self.assertEqual(key.state, "active")
        return key

    def verifies(self, system, text, moment=None):
        """Tell whether the gate knows this secret for ``system`` at ``moment``."""
        party = self.env["integration.configuration"]._current().parties[system.code]
        known, _others = party.keys_at(moment or fields.Datetime.now())
        return any(key.material == signing.Secret.parse(text) for key in known)

    def test_a_key_that_cannot_be_read_takes_no_other_along(self):
        good = self.make_key()
        holder = {"system_id": self.trial.id}
        bad, _text = self.keys._keep(
            holder, company=self.trial.company_id, use="inbound", version="v1", text="whsec_bm8ga2V5"
        )
        bad._approving().write({"state": "active"})
        with self.assertLogs("odoo.addons.integration_core", "ERROR") as logs:
            self.assertTrue(self.verifies(self.trial, good._text()))
        self.assertIn(bad.name, logs.output[0])
        self.assertNotIn("bm8ga2V5", "".join(logs.output))

    # -- stages -------------------------------------------------------------------------------------------------------

    def test_each_stage_is_told_and_found_alike(self):
        now = fields.Datetime.now()
        successor = self.make_key()
        draft, *others = (self.make_key() for _number in range(7))
        approved, active, retiring, expired, revoked, ends = others
        draft._approving().write({"state": "draft"})
        approved._approving().write({"valid_from": now + timedelta(days=1)})
        retiring._approving().write({"valid_to": now + timedelta(days=1), "successor_id": successor.id})
        expired._approving().write({"valid_from": now - timedelta(days=2), "valid_to": now - timedelta(days=1)})
        ends._approving().write({"valid_to": now + timedelta(days=1)})
        revoked.action_revoke()
        expected = {
            "draft": draft,
            "approved": approved,
            "active": successor + active + ends,
            "retiring": retiring,
            "expired": expired,
            "revoked": revoked,
        }
        for stage, wanted in expected.items():
            self.assertEqual(set(wanted.mapped("stage")), {stage})
            found = self.keys.search([("stage", "=", stage), ("system_id", "=", self.trial.id)])
            self.assertEqual(found, wanted.sorted(reverse=True), stage)
        self.assertEqual(
            self.keys.search_count([("stage", "not in", list(expected)), ("system_id", "=", self.trial.id)]), 0
        )
        successor.action_revoke()
        self.assertEqual(retiring.stage, "active")  # nothing takes its place any more

    # -- rotation -----------------------------------------------------------------------------------------------------

    def test_a_rotation_leaves_no_moment_without_a_key(self):
        old, old_text = self.keys._rotate(self.trial, use="inbound")
        new, new_text = self.keys._rotate(self.trial, use="inbound", overlap=timedelta(days=2))
        now = fields.Datetime.now()
        self.assertEqual((old.stage, new.stage, old.successor_id), ("retiring", "active", new))
        for moment, holds in ((now, True), (now + timedelta(days=1), True), (now + timedelta(days=3), False)):
            self.assertEqual(self.verifies(self.trial, old_text, moment), holds)
            self.assertTrue(self.verifies(self.trial, new_text, moment))

    def test_of_a_live_system_the_overlap_begins_with_the_approval(self):
        old, old_text = self.keys._rotate(self.system, use="inbound")
        old._approval_grant(self_approved=False)
        new, new_text = self.keys.with_user(self.boss)._rotate(
            self.system.with_user(self.boss), use="inbound", overlap=timedelta(days=1)
        )
        self.assertEqual((new.stage, old.stage, old.valid_to), ("draft", "active", False))
        self.assertTrue(self.verifies(self.system, old_text))
        self.assertFalse(self.verifies(self.system, new_text))
        with self.assertRaises(UserError):
            new.action_approve()
        later = fields.Datetime.now() + timedelta(days=3)
        with freeze_time(later):
            new.with_user(self.other_boss).action_approve()
            self.assertEqual(old.valid_to, later.replace(microsecond=0) + timedelta(days=1))
            self.assertTrue(self.verifies(self.system, old_text))
            self.assertTrue(self.verifies(self.system, new_text))

    def test_what_is_replaced_already_is_not_replaced_again(self):
        first, _text = self.keys._rotate(self.trial, use="inbound")
        second, _text = self.keys._rotate(self.trial, use="inbound", overlap=timedelta(days=2))
        end = first.valid_to
        third, _text = self.keys._rotate(self.trial, use="inbound", overlap=timedelta(days=9))
        self.assertEqual((first.valid_to, first.successor_id, second.successor_id), (end, second, third))

    def test_without_overlap_the_old_key_ends_at_once(self):
        _old, old_text = self.keys._rotate(self.trial, use="inbound")
        _new, new_text = self.keys._rotate(self.trial, use="inbound", overlap=timedelta())
        self.assertFalse(self.verifies(self.trial, old_text))
        self.assertTrue(self.verifies(self.trial, new_text))

    def test_a_rotation_prolongs_nothing(self):
        soon = fields.Datetime.now() + timedelta(hours=1)
        old = self.make_key(valid_to=soon)
        self.keys._rotate(self.trial, use="inbound")
        self.assertEqual(old.valid_to, soon)

    def test_who_may_not_edit_the_system_rotates_nothing(self):
        operator = new_test_user(self.env, "op", groups="integration_core.group_operator")
        with self.assertRaises(AccessError):
            self.keys.with_user(operator)._rotate(self.trial.with_user(operator), use="inbound")

    def test_the_life_of_a_key_is_written_by_its_buttons_alone(self):
        key, other = self.make_key(), self.make_key()
        for values in (
            {"state": "active"},
            {"successor_id": other.id},
            {"public_key": "whpk_x"},
            {"overlap_hours": 1},
            {"made_by": "partner"},
        ):
            with self.assertRaises(AccessError):
                key.with_user(self.boss).write(values)

    def test_what_is_revoked_stays_revoked(self):
        key, _text = self.keys.with_user(self.boss)._rotate(self.system.with_user(self.boss), use="inbound")
        key = key.with_user(self.other_boss)
        key.action_revoke()
        self.assertEqual(key.approval_state, "rejected")
        key.action_request_approval()
        with self.assertRaisesRegex(UserError, "stays so"):
            key._approval_grant(self_approved=False)
        key.valid_from = fields.Datetime.now()
        self.assertEqual(key.stage, "revoked")
        active = self.make_key().with_user(self.boss)
        active.action_revoke()
        active.valid_to = False
        self.assertEqual(active.stage, "revoked")

    # -- the wizard ---------------------------------------------------------------------------------------------------

    def wizard(self, action, **values):
        """Return the wizard that an action opens, filled as the web client would."""
        self.assertEqual(action["res_model"], "integration.key.wizard")
        return self.env["integration.key.wizard"].with_user(self.boss).with_context(**action["context"]).create(values)

    def opened(self):
        """Return the action that opens the wizard for the trial's system."""
        return self.env["integration.key.wizard"]._open_for(self.trial)

    def test_a_key_is_rotated_in_two_clicks(self):
        old = self.make_key()
        wizard = self.wizard(self.trial.with_user(self.boss).action_rotate_keys())
        self.assertEqual((wizard.replaced_ids, wizard.overlap_days), (old, 7))
        action = wizard.action_create()
        new = old.successor_id
        self.assertEqual((action["params"]["name"], new.stage, old.stage), (new.name, "active", "retiring"))
        self.assertTrue(self.verifies(self.trial, action["params"]["secret"]))

    def test_a_key_says_whose_it_is(self):
        key = self.make_key()
        self.assertEqual(key.display_name, f"{key.name} ({self.trial.display_name})")

    def test_a_key_of_something_else_is_not_replaced(self):
        mine = self.make_key()
        theirs = self.make_key(self._make_system("other", live=False))
        wizard = self.wizard(self.trial.with_user(self.boss).action_rotate_keys(), replaced_ids=(mine + theirs).ids)
        with self.assertRaisesRegex(UserError, theirs.name):
            wizard.action_create()

    def test_an_overlap_has_a_limit(self):
        self.make_key()
        for days in (-1, 91):
            wizard = self.wizard(self.trial.with_user(self.boss).action_rotate_keys(), overlap_days=days)
            with self.assertRaisesRegex(UserError, "90 days"):
                wizard.action_create()

    # -- keys of the partner's making ---------------------------------------------------------------------------------

    def enter(self, text, version="v1"):
        wizard = self.wizard(self.opened(), origin="partner", version=version, partner_key=f" {text} ")
        self.assertFalse(wizard.partner_key)
        self.env.flush_all()
        self.env.cr.execute("SELECT w::text FROM integration_key_wizard w WHERE id = %s", (wizard.id,))
        self.assertNotIn(text[6:], self.env.cr.fetchone()[0])
        self.assertEqual(wizard.action_create(), {"type": "ir.actions.act_window_close"})
        wizard.invalidate_recordset()
        self.assertFalse(wizard.sudo().entered)
        return self.trial.credential_ids[:1]

    def test_a_shared_secret_is_taken_over(self):
        text = signing.Secret.generate(24).text()
        key = self.enter(text)
        self.assertEqual((key.made_by, key.stage, key._text()), ("partner", "active", text))
        self.assertTrue(self.verifies(self.trial, text))

    def test_a_public_key_is_taken_over(self):
        private = signing.PrivateKey.generate()
        key = self.enter(private.public_key().text(), "v1a")
        [known] = key._verify_keys(key.valid_from)
        self.assertEqual(known.material, private.public_key())

    def test_what_is_no_usable_key_is_refused_without_repeating_it(self):
        private = signing.PrivateKey.generate()
        for version, text in (
            ("v1", "whsec_" + base64.b64encode(b"x" * 23).decode()),
            ("v1", "whsec_" + base64.b64encode(b"x" * 65).decode()),
            ("v1", "hunter2hunter2hunter2hunter2"),
            ("v1", private.public_key().text()),
            ("v1a", private.text()),
            ("v1a", signing.Secret.generate().text()),
            ("v1a", "whpk_" + base64.b64encode(b"x" * 31).decode()),
        ):
            with self.assertRaises(ValidationError) as caught, self.env.cr.savepoint():
                self.wizard(self.opened(), origin="partner", version=version, partner_key=text)
            self.assertNotIn(text[6:], str(caught.exception))

    def test_nothing_entered_is_nothing(self):
        with self.assertRaises(UserError):
            self.wizard(self.opened(), origin="partner").action_create()

    # -- key pairs ----------------------------------------------------------------------------------------------------

    def test_of_a_pair_only_the_half_that_is_needed_is_kept(self):
        key, text = self.keys._rotate(self.trial, use="inbound", version="v1a")
        private = signing.PrivateKey.parse(text)
        self.assertEqual(key._text(), private.public_key().text())
        [known] = key._verify_keys(key.valid_from)
        header = signing.sign([private], "m1", 1000, b"{}")
        told = signing.verify(message_id="m1", timestamp="1000", signature=header, body=b"{}", keys=[known], now=1000)
        self.assertEqual(told.key_id, key.name)

    # -- ends that come near ------------------------------------------------------------------------------------------

    def warn(self, moment):
        with freeze_time(moment):
            self.keys._warn_of_ends()
            self.trial.invalidate_recordset()
            return self.trial.activity_ids.filtered(lambda a: "ends on" in (a.summary or ""))

    def test_the_owner_is_told_thrice_and_has_one_thing_to_do(self):
        now = fields.Datetime.now()
        key = self.make_key(valid_to=now + timedelta(days=40))
        self.assertFalse(self.warn(now))
        told = {}
        for days in (9, 10, 11, 20, 33, 34, 39, 40):
            found = self.warn(now + timedelta(days=days, hours=1) if days < 40 else now + timedelta(days=39, hours=9))
            self.assertLessEqual(len(found), 1)
            told[days] = found.id
        self.assertFalse(told[9])
        self.assertEqual(told[10], told[11])
        self.assertEqual(told[11], told[20])
        self.assertEqual(len({told[20], told[33], told[39]}), 3)
        self.assertEqual((told[33], told[39]), (told[34], told[40]))
        activity = self.warn(now + timedelta(days=39, hours=2))
        self.assertEqual(activity.user_id, self.boss)
        self.assertIn(key.name, activity.summary)
        self.keys._rotate(self.trial, use="inbound")
        self.trial.invalidate_recordset()
        self.assertFalse(self.trial.activity_ids)

    def test_the_form_says_that_the_last_key_ends(self):
        self.assertFalse(self.trial.key_warning)
        key = self.make_key(valid_to=fields.Datetime.now() + timedelta(days=3))
        self.trial.invalidate_recordset()
        self.assertIn("Rotate", self.trial.key_warning)
        self.keys._rotate(self.trial, use="inbound")
        self.trial.invalidate_recordset()
        self.assertEqual(key.stage, "retiring")
        self.assertFalse(self.trial.key_warning)

    def test_a_note_of_a_warning_is_no_change_of_the_configuration(self):
        key = self.make_key(valid_to=fields.Datetime.now() + timedelta(days=3))
        before = self.env["integration.configuration"]._stamp()
        key.warned_days = 7
        self.assertEqual(self.env["integration.configuration"]._stamp(), before)
        key.action_revoke()
        self.assertNotEqual(self.env["integration.configuration"]._stamp(), before)

    # -- nothing shows what is sealed ---------------------------------------------------------------------------------

    def test_no_way_of_reading_shows_a_secret(self):
        _key, text = self.keys._rotate(self.trial, use="inbound")
        self.env.flush_all()
        key = self.trial.credential_ids
        raw = signing.Secret.parse(text).raw
        marks = (text[6:], raw.hex(), repr(raw)[2:-1])
        mighty = new_test_user(
            self.env,
            "mighty",
            groups="integration_core.group_admin,integration_core.group_payload_reader,base.group_system,"
            "base.group_allow_export",
        )
        names = list(self.keys._fields)
        self.boss.group_ids += self.env.ref("base.group_allow_export")
        for user in (mighty, self.boss):
            seen = key.with_user(user)
            shown = [seen.read(), seen.web_read({name: {} for name in seen.read()[0]}), seen.export_data(["name"])]
            for name in ("sealed", "data_key_id"):
                for read in (
                    lambda seen=seen, name=name: seen.read([name]),
                    lambda seen=seen, name=name: seen.export_data([name]),
                    lambda seen=seen, name=name: seen.search([(name, "!=", False)]),
                    lambda seen=seen, name=name: seen.mapped(name),
                ):
                    with self.assertRaises(AccessError):
                        read()
            for mark in marks:
                self.assertNotIn(mark, str(shown))
        self.assertIn("sealed", names)
        messages = self.env["mail.message"].search([("model", "=", self.trial._name), ("res_id", "=", self.trial.id)])
        trail = self.env["integration.audit"].search([("res_id", "=", key.id)])
        self.assertTrue(trail)
        for mark in marks:
            self.assertNotIn(mark, str([messages.read(), trail.read()]))

    def test_no_object_that_holds_a_secret_says_it(self):
        _key, text = self.keys._rotate(self.trial, use="inbound")
        secret = signing.Secret.parse(text)
        party = self.env["integration.configuration"]._current().parties[self.trial.code]
        ring = self.env["integration.keyring"]._get()
        vault = self.env["integration.keyring"]._vault()
        for thing in (secret, party, party.keys, party.keys[0], ring, vault, signing.PrivateKey.generate()):
            self.assertNotIn(repr(secret.raw), repr(thing))
            self.assertNotIn("raw=b", repr(thing))
            self.assertNotIn("_key=b", repr(thing))
