"""The list of private receivers that somebody allowed."""

import psycopg2
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import OutboundCase


@tagged("post_install", "-at_install")
class TestEgressAllow(OutboundCase):
    def trail(self):
        return self.env["integration.audit"].search([("action", "=like", "egress.%")], order="id")

    def test_every_change_is_audited_with_its_reason(self):
        before = self.trail()
        entry = self.allow("lab.internal", 8443)
        entry.port = 8444
        entry.unlink()
        rows = self.trail() - before
        self.assertEqual(rows.mapped("action"), ["egress.allow", "egress.change", "egress.forbid"])
        self.assertEqual(set(rows.mapped("reason")), {"receiver of a test"})
        self.assertEqual(rows[1].detail, "port: 8443 → 8444")

    def test_entries_are_exact(self):
        for host in (
            "*.internal",
            "10.0.0.0/8",
            "http://lab.internal",
            "lab.internal/x",
            "a b",
            "0x7f.1",
            "2130706433",
        ):
            with self.subTest(host=host), self.assertRaises(ValidationError):
                self.allow(host, 443)

    def test_metadata_addresses_cannot_be_allowed(self):
        for host in ("169.254.169.254", "fd00:ec2::254", "169.254.170.2"):
            with self.subTest(host=host), self.assertRaises(ValidationError):
                self.allow(host, 80)

    def test_an_entry_exists_once(self):
        self.allow("lab.internal", 8443)
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.IntegrityError):
            self.allow(" LAB.internal ", 8443)

    def test_only_administrators_allow(self):
        operator = new_test_user(self.env, "op", groups="integration_core.group_operator")
        with self.assertRaises(AccessError):
            self.env["integration.egress.allow"].with_user(operator).create({"host": "x", "port": 1, "reason": "y"})
