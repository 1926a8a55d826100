import json
from types import SimpleNamespace
from unittest.mock import patch

from odoo import http
from odoo.addons.integration_core.models.integration_setup_guide import FIRST_EVENT
from odoo.addons.integration_core.tests.test_setup_check import AMBER, GREEN, RED, SetupCase
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.misc import Callbacks

from .. import arrivals
from .common import PartnerCase

OPTIONS = {"dbfilter": "", "list_db": False}


@tagged("post_install", "-at_install")
class TestSetupCheck(SetupCase):
    """Whether messages reach this database, and whether Odoo knows where it is."""

    def address(self, url, frozen=True):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("web.base.url", url)
        parameters.set_param("web.base.url.freeze", "True" if frozen else False)

    def test_the_gate_may_have_an_address_of_its_own(self):
        self.address("https://odoo.example.org", frozen=False)
        self.assertEqual(self.system.inbound_url, "https://odoo.example.org/integration/v1/inbound/ehr")
        self.env["ir.config_parameter"].set_param("integration_core.gate_url", "https://gate.example.org/")
        self.system.invalidate_recordset()
        self.assertEqual(self.system.inbound_url, "https://gate.example.org/integration/v1/inbound/ehr")
        self.assert_level("public_address", GREEN, "https://gate.example.org")
        self.env["ir.config_parameter"].set_param("integration_core.gate_url", "http://gate.example.org")
        self.assert_level("public_address", AMBER, "not encrypted")

    def selection(self, level, words="", *, visible=None, **options):
        names = visible if visible is not None else [self.env.cr.dbname]
        with self.options(**OPTIONS | options), patch.object(http, "db_list", return_value=names):
            return self.assert_level("database_selection", level, words)

    def test_database_selection(self):
        self.selection(GREEN)
        self.selection(RED, "does not offer", visible=["another"])
        self.selection(AMBER, f"X-Odoo-Database: {self.env.cr.dbname}", visible=[self.env.cr.dbname, "another"])
        self.selection(AMBER, "list_db = False", list_db=True)
        self.selection(AMBER, "dbfilter", dbfilter=".*")

    def test_database_selection_asks_as_odoo_chooses(self):
        with self.options(**OPTIONS, db_name=[self.env.cr.dbname]):
            self.assert_level("database_selection", GREEN)
        with self.options(**OPTIONS, db_name=["another"]):
            self.assert_level("database_selection", RED)
        self.address("https://other.example.org")
        with self.options(**OPTIONS | {"dbfilter": "^%d$"}):
            self.assert_level("database_selection", RED)

    def test_public_address(self):
        self.address("http://localhost:8069")
        self.assert_level("public_address", AMBER, "localhost")
        with self.key_file("production"):
            self.assert_level("public_address", RED, "localhost")
            self.address("http://odoo.example.org")
            self.assert_level("public_address", RED, "https")
            self.system._approving().write({"mode": "test"})
            self.assert_level("public_address", AMBER, "https")
        self.address("https://odoo.example.org", frozen=False)
        self.assert_level("public_address", AMBER, "frozen")
        self.address("https://odoo.example.org")
        self.assert_level("public_address", GREEN, "https://odoo.example.org")

    def test_proxy(self):
        self.address("https://odoo.example.org")
        with self.options(proxy_mode=False):
            self.assert_level("proxy", AMBER, "proxy_mode = True")
        with self.options(proxy_mode=True):
            self.assert_level("proxy", GREEN)
        self.address("http://odoo.example.org")
        with self.options(proxy_mode=False):
            self.assert_level("proxy", GREEN, "no proxy")


@tagged("post_install", "-at_install")
class TestProxyRequest(SetupCase, PartnerCase):
    """What the request that asks tells about the way it came."""

    def ask(self, headers):
        self.authenticate("setup_admin", "setup_admin")
        call = {"model": "integration.setup.check", "method": "get_data", "args": [], "kwargs": {}}
        answer = self.url_open(
            "/web/dataset/call_kw", json={"jsonrpc": "2.0", "method": "call", "params": call}, headers=headers
        )
        sections = answer.json()["result"]["sections"]
        return next(one for part in sections for one in part["checks"] if one["key"] == "proxy")

    def test_a_forwarded_request_shows_the_proxy(self):
        self.env["ir.config_parameter"].set_param("web.base.url", "http://odoo.example.org")
        with self.options(proxy_mode=False):
            self.assertEqual(self.ask({})["level"], GREEN)
            self.assertEqual(self.ask({"X-Forwarded-For": "192.0.2.1"})["level"], AMBER)
        with self.options(proxy_mode=True):
            self.assertIn("without one", self.ask({})["text"])


@tagged("post_install", "-at_install")
class TestWaiting(SetupCase, PartnerCase):
    """Who waits for the first event sees what was refused meanwhile, and hears of what was accepted."""

    def waiting(self):
        model = self.env["integration.setup.guide"].with_user(self.operator)
        steps = model.get_data(self.system.id)["steps"]
        return next(step for step in steps if step["key"] == "event")

    def test_refusals_show_while_waiting(self):
        self.assertNotIn("Refused", " ".join(self.waiting()["details"]))
        gate = self.env["integration.refusal"]
        gate._note("too_old", claimed="ehr", address="192.0.2.7", request_id="r-1")
        details = " ".join(self.waiting()["details"])
        self.assertIn("192.0.2.7", details)
        self.assertIn("The signature is too old", details)

    def test_it_leads_to_the_page_that_connects_the_system(self):
        action = self.waiting()["button"]["action"]
        self.assertEqual(action["tag"], "integration_inbound.connect")
        self.assertEqual(action["context"]["active_id"], self.system.id)

    def test_an_accepted_message_is_noted(self):
        arrivals._known.clear()
        self.assertEqual(self.deliver(self.event()).status_code, 202)
        self.assertEqual(arrivals._known, {(self.env.cr.dbname, "ehr")})

    def test_it_is_news_once_and_after_the_commit(self):
        arrivals._known.clear()
        transaction = SimpleNamespace(dbname="a", postcommit=Callbacks())
        with patch.object(arrivals, "_tell") as tell:
            arrivals.note(transaction, "ehr")
            arrivals.note(transaction, "ehr")
            tell.assert_not_called()
            transaction.postcommit.run()
            tell.assert_called_once_with("a", "ehr")
            arrivals.note_committed("a", "ehr")
            tell.assert_called_once_with("a", "ehr")
            arrivals.note_committed("a", "lab")
            tell.assert_called_with("a", "lab")

    def test_it_is_told_on_the_bus_to_who_may_look(self):
        with self.enter_registry_test_mode():
            arrivals._tell(self.env.cr.dbname, "ehr")
        self.env.invalidate_all()
        [row] = self.env["bus.bus"].search([("message", "like", FIRST_EVENT)])
        group = self.env.ref("integration_core.group_operator")
        self.assertEqual(json.loads(row.channel), [self.env.cr.dbname, group._name, group.id])
        self.assertEqual(json.loads(row.message)["payload"], {"system_id": self.system.id})

    def test_what_cannot_be_told_harms_nothing(self):
        with mute_logger(arrivals.__name__):
            arrivals._tell("no-such-database", "ehr")

    def test_a_refused_message_is_no_news(self):
        arrivals._known.clear()
        self.url_open(self.url, data=b"{}", headers={"content-type": "application/json"})
        self.assertFalse(arrivals._known)
