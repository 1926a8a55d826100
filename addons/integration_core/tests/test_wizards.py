from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import IntegrationCase
from .recording import RecordingHandler


@tagged("post_install", "-at_install")
class TestWizards(IntegrationCase):
    """What people do with a reason, keys that are shown once, contents that only the cleared see, and the inbox."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.register_model(RecordingHandler)
        cls.operator = new_test_user(cls.env, "op", groups="integration_core.group_operator")
        cls.boss = new_test_user(cls.env, "boss", groups="integration_core.group_admin")
        cls.other_boss = new_test_user(cls.env, "boss2", groups="integration_core.group_admin")
        cls.cleared = new_test_user(
            cls.env, "cleared", groups="integration_core.group_operator,integration_core.group_payload_reader"
        )

    def dead_letter(self):
        """Return a dead letter of an endpoint-like consumer, made by hand."""
        _accepted, event = self.post("clinical.encounter.admitted.v1", {"encounter": "E-1"})
        subscription = self.env["integration.subscription"].create(
            {
                "name": "Handled",
                "company_id": False,
                "handler": RecordingHandler._name,
                "event_type_ids": event.event_type_id.ids,
            }
        )
        self.env.cr.execute("DELETE FROM integration_delivery WHERE event_id = %s", (event.id,))
        self.env.cr.execute(
            """
            INSERT INTO integration_delivery
                (event_id, subscription_id, company_id, consumer, lane, state, due_at, created_at, dead_since,
                 attempts, crashes)
            VALUES (%s, %s, %s, 'handler', 1, 'dead', now(), now(), now(), 10, 0) RETURNING id
            """,
            (event.id, subscription.id, event.company_id.id),
        )
        self.env.invalidate_all()
        return self.env["integration.delivery"].browse(self.env.cr.fetchone()[0])

    def ask(self, operation, records, reason, user):
        wizard = (
            self.env["integration.reason.wizard"]
            .with_user(user)
            .with_context(active_model=records._name, active_ids=records.ids, default_operation=operation)
            .create({"reason": reason})
        )
        return wizard.action_confirm()

    # -- with a reason ------------------------------------------------------------------------------------------------

    def test_skip_and_retry_keep_who_and_why(self):
        for operation, state in (("skip", "skipped"), ("retry", "waiting")):
            delivery = self.dead_letter()
            self.ask(operation, delivery, f"because of {operation}", self.operator)
            self.assertEqual(delivery.state, state)
            trail = self.env["integration.audit"].search([("action", "=", f"delivery.{operation}")], limit=1)
            self.assertEqual((trail.user_name, trail.reason), (self.operator.name, f"because of {operation}"))

    def test_an_operation_is_only_for_its_own_records(self):
        with self.assertRaises(UserError):
            self.ask("skip", self.system, "no", self.operator)
        with self.assertRaises(UserError):
            self.ask("reject", self.dead_letter(), "no", self.operator)
        with self.assertRaises(UserError):
            self.ask("reject", self.env["res.partner"].search([], limit=1), "no", self.operator)

    def test_a_blank_reason_is_none(self):
        with self.assertRaises(UserError):
            self.ask("skip", self.dead_letter(), "   ", self.operator)

    # -- keys ---------------------------------------------------------------------------------------------------------

    def key_wizard(self, system, user, **values):
        return (
            self.env["integration.key.wizard"]
            .with_user(user)
            .with_context(active_id=system.id)
            .create({"system_id": system.id, **values})
        )

    def test_a_key_of_a_test_system_works_at_once_and_is_shown_once(self):
        trial = self._make_system("trial", live=False)
        action = self.key_wizard(trial, self.boss).action_create()
        secret = action["params"]["secret"]
        self.assertTrue(secret.startswith("whsec_"))
        self.assertFalse(action["params"]["waiting"])
        key = trial.credential_ids
        self.assertEqual((key.name, key.state, key.use), (action["params"]["name"], "active", "inbound"))
        self.assertEqual(key._text(), secret)

    def test_a_key_of_a_live_system_waits_for_a_second_person(self):
        action = self.key_wizard(self.system, self.boss).action_create()
        self.assertTrue(action["params"]["waiting"])
        key = self.system.credential_ids
        with self.assertRaises(UserError):
            key.with_user(self.boss).action_approve()
        key.with_user(self.other_boss).action_approve()
        self.assertEqual(key.state, "active")

    def test_the_secret_is_nowhere_in_the_database(self):
        action = self.key_wizard(self.system, self.boss).action_create()
        self.env.flush_all()
        secret = action["params"]["secret"]
        for table in ("integration_credential", "integration_key_wizard", "integration_audit", "mail_message"):
            self.env.cr.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", (f"%{secret[6:]}%",))  # noqa: S608
            self.assertEqual(self.env.cr.fetchone()[0], 0, table)

    def test_a_key_that_would_have_expired_is_refused(self):
        with self.assertRaises(UserError):
            self.key_wizard(self.system, self.boss, valid_to="2020-01-01 00:00:00").action_create()

    def test_only_administrators_make_keys(self):
        with self.assertRaises(AccessError):
            self.key_wizard(self.system, self.operator)

    # -- the inbox ----------------------------------------------------------------------------------------------------

    def test_the_inbox_shows_what_waits_and_whose_turn_it_is(self):
        trial = self._make_system("trial", live=False)
        trial.with_user(self.boss).action_request_approval()
        row = self.env["integration.approval"].with_user(self.boss).search([("res_model", "=", trial._name)])
        self.assertEqual((row.res_id, row.record_name, row.requested_by_id), (trial.id, trial.name, self.boss))
        self.assertFalse(row.my_turn)
        self.env.invalidate_all()
        theirs = row.with_user(self.other_boss)
        self.assertTrue(theirs.my_turn)
        theirs.action_approve()
        self.assertEqual(trial.mode, "live")
        self.assertEqual((row.state, row.decided_by_id), ("approved", self.other_boss))

    def test_a_request_is_rejected_with_a_reason(self):
        trial = self._make_system("trial", live=False)
        trial.with_user(self.boss).action_request_approval()
        row = self.env["integration.approval"].with_user(self.other_boss).search([("res_model", "=", trial._name)])
        self.ask("reject", row, "No contract yet", self.other_boss)
        self.assertEqual((trial.approval_state, trial.decision_reason), ("rejected", "No contract yet"))

    def test_the_inbox_keeps_companies_apart(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        trial = self._make_system("trial", live=False, company=other)
        trial.action_request_approval()
        self.assertFalse(self.env["integration.approval"].with_user(self.boss).search([("res_id", "=", trial.id)]))
