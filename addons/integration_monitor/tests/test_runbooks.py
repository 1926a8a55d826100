"""Runbooks followed step by step: what they say to press is there, and helps, and their end is true."""

import re
from pathlib import Path

from lxml import etree
from odoo import fields
from odoo.addons.integration_core.tools import utc_now
from odoo.tests import tagged
from odoo.tools import SQL
from odoo.tools.safe_eval import safe_eval

from .test_alerts import AlertCase

PAGE = Path(__file__).parents[3] / "docs" / "runbooks" / "dead-letters.md"


@tagged("post_install", "-at_install")
class TestDeadLettersRunbook(AlertCase):
    """``docs/runbooks/dead-letters.md``."""

    def dead_letter(self, encounter, mode="live"):
        event = self.finalize(encounter, self.line(1), drain=False)
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE integration_delivery SET state = 'dead', dead_since = %s, error_code = 'handler_failed'"
                " WHERE event_id = %s; DELETE FROM integration_due WHERE event_id = %s;"
                " UPDATE integration_event SET mode = %s WHERE id = %s",
                *(utc_now(), event.id, event.id, mode, event.id),
            )
        )
        self.env.invalidate_all()
        return event.delivery_ids

    def shown(self, user):
        """Return what *Dead letters* shows as it opens, and the labels of the buttons above the list."""
        action = self.env["ir.actions.act_window"].with_user(user)._for_xml_id("integration_core.action_dead_letter")
        deliveries = self.env["integration.delivery"].with_user(user)
        search = etree.fromstring(deliveries.get_view(view_type="search")["arch"])
        domain = fields.Domain(safe_eval(action["domain"]))
        for name in safe_eval(action["context"]):
            [found] = search.xpath(f"//filter[@name='{name.removeprefix('search_default_')}']")
            domain &= fields.Domain(safe_eval(found.get("domain")))
        view = self.env.ref("integration_core.view_dead_letter_list")
        listed = etree.fromstring(deliveries.get_view(view.id, "list")["arch"])
        return deliveries.search(domain), [button.get("string") for button in listed.xpath("//header/button")]

    def headline(self):
        return self.env["integration.overview"].with_user(self.operator).get_data()["headline"]["text"]

    def test_the_buttons_it_names_are_there_and_its_end_is_true(self):
        rule = self.rule("dead_letters", 0)
        mine, other = self.dead_letter("E-1"), self.dead_letter("E-2")
        test = self.dead_letter("E-3", mode="test")
        self.look()
        alert = self.alerts(rule)
        self.assertEqual(alert.what, f"{len(mine | other)} deliveries of {mine.subscription_id.name} were given up.")
        self.assertIn("dead letters", self.headline())
        shown, buttons = self.shown(self.operator)
        self.assertEqual(shown, mine | other, "those of tests are taken out until somebody asks for them")
        [third] = re.findall(r"^3\. .*", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        pressed = re.findall(r"\*\*(.+?)\*\*", third.partition("(")[0])
        self.assertEqual(pressed, ["Retry"])
        self.assertIn(pressed[0], buttons)
        shown.action_assign_to_me()
        mine.with_user(self.operator)._retry("mended")
        other.with_user(self.operator)._skip("not wanted")
        self.drain()
        self.look()
        self.assertEqual((set(mine.mapped("state")), set(other.mapped("state"))), ({"done"}, {"skipped"}))
        self.assertFalse(self.shown(self.operator)[0], "no dead letters")
        self.assertEqual(alert.state, "over")
        self.assertNotIn("dead letters", self.headline())
        self.assertEqual(set(test.mapped("state")), {"dead"})
