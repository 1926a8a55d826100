import os
import tempfile
from pathlib import Path
from unittest.mock import patch

from lxml import etree
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from ..domain import key_file, keyring
from ..domain.keyring import KeyringError, Problem
from .common import IntegrationCase


@tagged("post_install", "-at_install")
class TestMasterKey(IntegrationCase):
    """The master key is rotated while what it protects goes on being read; a copy in another place opens nothing."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "master.json"
        self.path.write_text(os.environ["INTEGRATION_MASTER_KEY"], encoding="utf-8")
        self.path.chmod(0o600)
        patcher = patch.dict(os.environ, {"INTEGRATION_MASTER_KEY_FILE": str(self.path)})
        patcher.start()
        self.addCleanup(patcher.stop)
        self.master = self.env["integration.master.key"]
        self.ring = self.env["integration.keyring"]
        self.key_id, self.sealed = self.ring._seal(b"secret", aad="place")

    def opens(self):
        return self.ring._open(self.key_id, self.sealed, aad="place") == b"secret"

    def commit(self):
        self.env.flush_all()

    def test_a_rotation_step_by_step(self):
        new = self.master._add()
        self.assertTrue(self.opens())
        self.master._activate(new)
        self.assertTrue(self.opens())
        with self.assertRaisesRegex(key_file.KeyFileError, "still wraps"):
            self.master._forget("k1")
        self.assertEqual(self.master._rewrap(self.commit), 1)
        self.assertEqual(self.master._rewrap(self.commit), 0)
        self.assertTrue(self.opens())
        self.master._forget("k1")
        self.assertTrue(self.opens())
        self.assertEqual(self.master._status(), (new, {new: 1}))

    def test_a_rotation_at_one_go_and_again(self):
        self.assertEqual(self.master._rotate(self.commit), ("k2", 1, ["k1"]))
        self.assertEqual(self.master._rotate(self.commit), ("k1", 1, ["k2"]))
        self.assertTrue(self.opens())

    def test_what_was_begun_is_finished_and_not_begun_again(self):
        new = self.master._add()
        self.assertEqual(self.master._rotate(self.commit), (new, 1, ["k1"]))

    def test_a_process_that_knows_the_old_wrapping_by_heart_reads_the_new_one(self):
        keys = self.env["integration.data.key"]
        known = keys._kept(self.key_id)
        self.master._rotate(self.commit)
        with patch.object(type(keys), "_kept", lambda _model, _key_id: known):
            self.assertTrue(self.opens())

    def test_a_data_key_made_meanwhile_is_wrapped_by_the_new_key(self):
        self.master._activate(self.master._add())
        self.env["integration.data.key"].search([]).write({"state": "retired"})
        record, _key = self.ring._data_key()
        self.assertEqual(record.master_key, "k2")

    def test_a_key_from_the_environment_is_not_rotated(self):
        del os.environ["INTEGRATION_MASTER_KEY_FILE"]
        with self.assertRaisesRegex(key_file.KeyFileError, "environment"):
            self.master._rotate(self.commit)

    def test_the_file_of_another_database_is_not_touched(self):
        other = key_file.for_database(self.path.read_text(), "somewhere-else")
        self.path.write_text(other)
        with self.assertRaises(KeyringError):
            self.master._rotate(self.commit)
        self.assertEqual(self.path.read_text(), other)

    # -- copies -------------------------------------------------------------------------------------------------------

    def move(self):
        """Let the database lie in another place, as after pg_restore or createdb -T."""
        self.env.cr.execute("UPDATE integration_configuration SET place = 'elsewhere/1'")
        self.env.registry.clear_cache()

    def test_a_copy_under_the_same_identity_opens_nothing_until_somebody_says_what_it_is(self):
        self.assertIsNone(self.ring._status())
        self.move()
        self.assertIn("integration_key original", self.ring._status())
        with self.assertRaises(KeyringError) as caught:
            self.opens()
        self.assertIs(caught.exception.problem, Problem.MOVED_DATABASE)
        self.env["integration.copy"]._declare_original()
        self.assertIsNone(self.ring._status())
        self.assertTrue(self.opens())

    def test_a_copy_with_an_identity_of_its_own_is_at_home(self):
        self.move()
        self.env["ir.config_parameter"].set_param("database.uuid", "0b9b3a8e-0000-4000-8000-000000000000")
        self.env.flush_all()
        self.env.registry.clear_cache()
        self.assertIn("another database", self.ring._status())
        other = key_file.for_database(self.path.read_text(), "0b9b3a8e-0000-4000-8000-000000000000")
        key_file.replace(self.path, other)
        self.assertIsNone(self.ring._status())

    def rename(self):
        """Give the database another identity, as Odoo does when it restores one as a copy; return it."""
        identity = "0b9b3a8e-0000-4000-8000-000000000000"
        self.env["ir.config_parameter"].set_param("database.uuid", identity)
        self.env.flush_all()
        self.env.registry.clear_cache()
        return identity

    def wizard(self):
        return self.env["integration.copy.wizard"].create({"sure": True})

    def offered(self, wizard):
        """Return the names of the buttons that the form offers."""
        arch = etree.fromstring(wizard.get_view(view_type="form")["arch"])
        values = wizard.read(["undecided", "status"])[0]
        return [
            button.get("name")
            for button in arch.xpath("//button[@type='object']")
            if not any(
                safe_eval(group.get("invisible"), values) for group in button.xpath("ancestor::group[@invisible]")
            )
        ]

    def test_a_database_that_odoo_restored_as_a_copy_can_go_on_as_the_original(self):
        self.assertEqual(self.offered(self.wizard()), [])
        self.move()
        identity = self.rename()
        wizard = self.wizard()
        self.assertEqual(self.offered(wizard), ["action_original", "action_test_copy"])
        self.assertEqual(wizard.identity, identity)
        for declare in (wizard.action_original, self.env["integration.copy"]._declare_original):
            with self.assertRaisesRegex(UserError, f'"database_uuid": "{identity}"'):
                declare()
            self.assertIsNotNone(self.ring._status())
        key_file.replace(self.path, key_file.for_database(self.path.read_text(), identity))
        self.assertIsNone(self.ring._status())
        self.assertTrue(self.opens())
        self.assertEqual(self.offered(self.wizard()), [])

    def test_the_original_in_another_place_needs_its_own_key_file_first(self):
        self.move()
        fitting = self.path.read_text()
        key_file.replace(self.path, key_file.for_database(fitting, "somewhere-else"))
        with self.assertRaisesRegex(UserError, "database_uuid"):
            self.wizard().action_original()
        key_file.replace(self.path, fitting)
        self.assertTrue(self.wizard().undecided, "what was refused has settled nothing")
        self.path.unlink()
        with self.assertRaisesRegex(UserError, "No master key"):
            self.wizard().action_original()
        self.path.write_text(fitting)
        self.wizard().action_original()
        self.assertIsNone(self.ring._status())

    def test_a_database_that_odoo_restored_as_a_copy_can_become_a_test_copy(self):
        self.rename()
        self.wizard().action_test_copy()
        self.env.invalidate_all()
        self.assertEqual((self.system.state, self.system.mode), ("suspended", "test"))
        self.assertIn("another database", self.ring._status())
        self.assertEqual(self.offered(self.wizard()), [], "it is decided, and lacks a key file of its own")

    def test_to_write_the_same_identity_again_makes_no_original(self):
        self.move()
        parameters = self.env["ir.config_parameter"]
        self.env.cr.execute("UPDATE ir_config_parameter SET value = value WHERE key = 'database.uuid'")
        self.assertTrue(parameters.get_param("database.uuid"))
        self.env.registry.clear_cache()
        self.assertIsNotNone(self.ring._status())

    def test_a_test_copy_has_no_keys_and_nothing_of_the_original(self):
        key, _text = self.env["integration.credential"]._generate(
            {"system_id": self.system.id}, company=self.company, use="inbound"
        )
        self.move()
        before = self.env["ir.config_parameter"].get_param("database.uuid")
        self.env["integration.copy"]._make_test_copy()
        self.env.invalidate_all()
        self.assertNotEqual(self.env["ir.config_parameter"].get_param("database.uuid"), before)
        self.assertIn("another database", self.ring._status())
        self.assertEqual((key.state, key.sudo().sealed, self.system.state), ("revoked", False, "suspended"))
        self.assertEqual(self.env["ir.config_parameter"].get_param("database.is_neutralized"), "true")
        with self.assertRaises(KeyringError):
            self.opens()

    def test_a_ring_says_nothing_of_its_keys(self):
        ring = self.ring._get()
        self.assertIsInstance(ring, keyring.Keyring)
        self.assertRegex(repr(ring), r"^<Keyring k1 for test>$")

    def test_the_status_names_what_the_file_lacks(self):
        self.env.cr.execute("UPDATE integration_data_key SET master_key = 'lost'")
        self.assertEqual(self.master._status(), ("k1", {"k1": 0, "lost": 1}))
        with self.assertRaises(KeyringError):
            self.master._rewrap(self.commit)
