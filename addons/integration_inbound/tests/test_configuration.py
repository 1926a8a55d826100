"""What a process knows by heart is believed only for as long as it holds."""

from datetime import timedelta

from odoo import fields
from odoo.addons.integration_core.models import integration_configuration
from odoo.tests import tagged

from .common import ADMITTED, PartnerCase


@tagged("post_install", "-at_install")
class TestConfiguration(PartnerCase):
    """Each change goes around the ORM: no process is told of it."""

    def setUp(self):
        super().setUp()
        self.assertEqual(self.deliver(self.event()).status_code, 202)  # from here on the process knows everything

    def change(self, statement, *values):
        self.env.cr.execute(statement, values)

    def test_a_revoked_key_is_refused_at_once(self):
        self.change("UPDATE integration_credential SET state = 'revoked' WHERE system_id = %s", self.system.id)
        self.assertEqual(self.deliver(self.event()).status_code, 401)
        self.change("UPDATE integration_credential SET state = 'active' WHERE system_id = %s", self.system.id)
        self.assertEqual(self.deliver(self.event()).status_code, 202)

    def test_a_suspended_system_is_refused_at_once(self):
        self.change("UPDATE integration_system SET state = 'suspended' WHERE id = %s", self.system.id)
        self.assertEqual(self.deliver(self.event()).status_code, 401)

    def test_a_key_ends_when_it_ends(self):
        past = fields.Datetime.now() - timedelta(seconds=1)
        self.change("UPDATE integration_credential SET valid_to = %s WHERE system_id = %s", past, self.system.id)
        self.assertEqual(self.deliver(self.event()).status_code, 401)

    def test_a_grant_that_was_taken_away_no_longer_counts(self):
        self.change("DELETE FROM integration_system_event_type_rel WHERE system_id = %s", self.system.id)
        self.assert_problem(self.deliver(self.event()), 403, "event-type-not-granted")

    def test_a_type_follows_its_schema_and_its_end(self):
        schema = '{"type": "object", "required": ["never"]}'
        self.change("UPDATE integration_event_type SET schema_json = %s WHERE name = %s", schema, ADMITTED)
        self.assert_problem(self.deliver(self.event()), 422, "schema-violation")
        self.change("UPDATE integration_event_type SET state = 'retired' WHERE name = %s", ADMITTED)
        self.assertEqual(self.deliver(self.event()).json()["errors"][0]["pointer"], "/type")

    def test_a_new_subscription_gets_the_next_message(self):
        self.env["integration.subscription"].search([]).active = False
        self.deliver(self.event())
        self.assertFalse(self.events()[0].delivery_ids)
        self.change("UPDATE integration_subscription SET active = true WHERE consumer = 'handler'")
        self.deliver(self.event())
        self.assertTrue(self.events()[0].delivery_ids)

    def test_a_change_that_is_rolled_back_leaves_nothing_to_believe(self):
        with self.env.cr.savepoint() as savepoint:
            self.change("UPDATE integration_system SET state = 'suspended' WHERE id = %s", self.system.id)
            self.env.invalidate_all()
            self.assertEqual(self.deliver(self.event()).status_code, 401)
            savepoint.rollback()
        self.env.invalidate_all()
        self.assertEqual(self.deliver(self.event()).status_code, 202)
        self.change("UPDATE integration_system SET max_body_bytes = 1024 WHERE id = %s", self.system.id)
        self.assertEqual(self.deliver(b"x" * 1025).status_code, 413)

    def test_an_accepted_message_is_two_statements(self):
        """One that tells whether the book still holds, and one that stores; on the short way it is the second alone."""
        with self.assertLogs("odoo.sql_db", "DEBUG") as logs:
            self.assertEqual(self.deliver(self.event()).status_code, 202)
        asked = [line for line in logs.output if "INSERT INTO integration_" in line or "SELECT stamp" in line]
        self.assertEqual(len(asked), 2, asked)

    def test_every_table_that_is_known_by_heart_has_the_trigger(self):
        self.env.cr.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'integration_configuration_changed'"
        )
        # Who is told outside Odoo is for integration_outbound to follow, where it is installed.
        self.assertLessEqual(
            {
                "integration_credential",
                "integration_data_key",
                "integration_event_type",
                "integration_hold",
                "integration_subscription",
                "integration_subscription_event_type_rel",
                "integration_system",
                "integration_system_event_type_rel",
                "orm_signaling_registry",
            },
            {row[0] for row in self.env.cr.fetchall()},
        )

    def test_a_database_that_gets_another_identity_is_known_by_heart_no_more(self):
        configuration = self.env["integration.configuration"]
        before = configuration._stamp()
        self.env["ir.config_parameter"].sudo().set_param("web.base.url", "https://elsewhere.example")
        self.assertEqual(configuration._stamp(), before)
        self.env["ir.config_parameter"].sudo().set_param("database.uuid", "another")
        self.assertNotEqual(configuration._stamp(), before)

    def test_a_registry_that_must_be_loaded_anew_is_another_configuration(self):
        configuration = self.env["integration.configuration"]
        before = configuration._stamp()
        self.change("INSERT INTO orm_signaling_registry DEFAULT VALUES")
        after = configuration._stamp()
        self.assertNotEqual(after, before)
        self.change("DELETE FROM orm_signaling_registry WHERE id < (SELECT max(id) FROM orm_signaling_registry)")
        self.assertEqual(configuration._stamp(), after)  # Odoo sweeps old news away, which is none

    def test_no_book_outlives_its_master_key(self):
        book = integration_configuration._books[self.env.cr.dbname]
        self.assertIs(book.ring, self.env["integration.keyring"]._get())
