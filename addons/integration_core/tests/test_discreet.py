import logging
from unittest.mock import patch

import psycopg2
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from .. import discreet

SECRET = "Poisonwortley"


@tagged("post_install", "-at_install")
class TestDiscreet(TransactionCase):
    """What is logged of an error has its place and its class, and no value."""

    def test_a_query_that_fails_is_logged_without_its_values(self):
        query = "INSERT INTO res_partner (name, lang) VALUES (%s, 'it''s ' || %s) RETURNING no_such_column"
        with (
            self.assertLogs("odoo.sql_db", logging.ERROR) as logs,
            self.assertRaises(psycopg2.Error),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute(query, (SECRET, f"O'{SECRET}"))
        (line,) = logs.output
        self.assertNotIn(SECRET, line)
        self.assertIn("INSERT INTO res_partner (name, lang) VALUES ('…', ", line)
        self.assertIn("UndefinedColumn 42703", line)

    def test_an_error_is_outlined_with_its_causes_and_without_its_text(self):
        def store():
            with self.env.cr.savepoint():
                self.env.cr.execute("INSERT INTO res_groups_users_rel (uid, gid) VALUES (%s, -1)", (self.env.uid,))

        text = ""
        try:
            try:
                with mute_logger("odoo.sql_db"):
                    store()
            except psycopg2.Error as error:
                raise ValueError(SECRET) from error
        except ValueError as error:
            text = discreet.outline(error)
        self.assertNotIn(SECRET, text)
        self.assertIn("ForeignKeyViolation 23503 res_groups_users_rel", text)
        self.assertIn("in store\n", text)
        self.assertTrue(text.endswith("ValueError"), text)

    def test_an_engines_failure_is_logged_by_place(self):
        with self.assertLogs("some.logger", logging.ERROR) as logs:
            try:
                raise KeyError(SECRET)
            except KeyError as error:
                discreet.failed(logging.getLogger("some.logger"), "delivery %s failed", 7, error=error)
        (line,) = logs.output
        self.assertIn("delivery 7 failed\n", line)
        self.assertIn("test_discreet.py", line)
        self.assertNotIn(SECRET, line)

    def test_what_a_request_was_refused_for_is_logged_by_its_class(self):
        with self.assertLogs("odoo.http", logging.WARNING) as logs:
            logging.getLogger("odoo.http").warning(ValidationError(f"The number of {SECRET} is wrong"))
        self.assertEqual(logs.output, ["WARNING:odoo.http:ValidationError"])

    def test_what_a_rule_refuses_is_named_by_its_number_whatever_the_mode(self):
        reader = new_test_user(self.env, "curious", groups="base.group_user,base.group_no_one")
        partner = self.env["res.partner"].create({"name": SECRET})
        self.env["ir.rule"].create(
            {
                "name": "Not this one",
                "model_id": self.env.ref("base.model_res_partner").id,
                "domain_force": f"[('id', '!=', {partner.id})]",
            }
        )
        in_debug = patch.object(type(self.env["res.users"]), "has_group", return_value=True)
        with in_debug, self.assertRaises(AccessError) as refused:
            partner.with_user(reader).check_access("read")
        text = str(refused.exception)
        self.assertNotIn(SECRET, text)
        self.assertIn(f"(res.partner: {partner.id}", text)
        self.assertIn("Not this one", text, "it is the longer text, of the debug mode")
