"""What fanning out costs: events are never compared with one another, however many there are."""

import re

from odoo.tests import TransactionCase, tagged

from ..engine import claims, emitting
from ..tools import Statement

_TYPES = {
    "_stamp": "text",
    "_serial": "text",
    "_data_key_id": "int",
    "_alive": "bool[]",
    "_ids": "int[]",
    "_digests": "text[]",
    "_sizes": "int[]",
    "_facets": "jsonb[]",
    "_sealed": "bytea[]",
    "_recipients": "jsonb[]",
}


def completion(settings=""):
    """Return the statement within the function ``integration_complete``."""
    body = re.search(r"BEGIN(.*?) INTO known, ids, made( FROM kind);", emitting._COMPLETE, re.DOTALL)
    text = (body[1] + body[2]) % {"fresh": claims.FRESH, "unpositioned": claims.UNPOSITIONED}
    for name, kind in _TYPES.items():
        text = re.sub(rf"(?<!\w){name}\b", f"%({name})s::{kind}", text)
    return Statement(text, settings=settings)


@tagged("post_install", "-at_install")
class TestFanOut(TransactionCase):
    def setUp(self):
        super().setUp()
        # Of a table that has just been filled PostgreSQL may believe that it is empty.
        self.env.cr.execute("ANALYZE integration_event, integration_delivery")

    def test_no_event_is_compared_with_another(self):
        plan = completion(claims.BY_KEY).plan(self.env.cr)
        self.assertEqual(re.findall(r"Join Filter: .*\bid\b.*", plan), [], plan)
        self.assertNotIn("Seq Scan on integration_event", plan, plan)
        self.assertNotIn("Seq Scan on integration_delivery", plan, plan)

    def test_it_would_be_without_the_settings_of_the_function(self):
        self.assertRegex(completion().plan(self.env.cr), "Join Filter|Seq Scan on integration_(event|delivery)")

    def test_the_function_has_them(self):
        self.env.cr.execute("SELECT proconfig FROM pg_proc WHERE proname = 'integration_complete'")
        [(found,)] = self.env.cr.fetchall()
        wanted = {name.replace(" ", "") for name in re.findall(r"enable_\w+ = off", claims.BY_KEY)}
        self.assertLessEqual({*wanted, "jit=off"}, set(found))
