import os
import tempfile
from collections import namedtuple
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL, config, mute_logger

from ..domain import keyring
from ..models import integration_setup_check
from .common import IntegrationCase

GREEN, AMBER, RED = "success", "warning", "danger"
WORKER = "a-host:1:1"


class SetupCase(IntegrationCase):
    """People who may read the set-up check, and helpers to ask one check and to change what it looks at."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = new_test_user(cls.env, "setup_admin", groups="integration_core.group_admin,base.group_system")
        cls.operator = new_test_user(cls.env, "setup_operator", groups="integration_core.group_operator")

    def results(self, user=None, company=None):
        """Return {key: result} of every check, as the page shows them."""
        self.env.flush_all()
        model = self.env["integration.setup.check"].with_user(user or self.admin).with_company(company or self.company)
        sections = model.get_data()["sections"]
        return {check["key"]: check for section in sections for check in section["checks"]}

    def assert_level(self, key, level, words="", *, user=None, company=None):
        """Check how one thing is judged and that the page says so in these words; return the result."""
        found = self.results(user, company)[key]
        text = " ".join([found["text"], found["meaning"], *found["steps"]])
        self.assertEqual(found["level"], level, text)
        self.assertIn(words, text)
        return found

    @contextmanager
    def options(self, **values):
        """Let Odoo run with other options."""
        with patch.dict(config._runtime_options, values):
            yield

    @contextmanager
    def key_file(self, environment="test", mode=0o600):
        """Let the master key be in a file."""
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "key"
            path.write_text(keyring.new_key_file(database_uuid=uuid, environment=environment), encoding="utf-8")
            path.chmod(mode)
            with patch.dict(os.environ, {"INTEGRATION_MASTER_KEY_FILE": str(path)}):
                yield


@tagged("post_install", "-at_install")
class TestSetupCheck(SetupCase):
    """Each precondition is red or amber while it is missing, and green when it is mended."""

    def test_master_key(self):
        with patch.dict(os.environ):
            del os.environ["INTEGRATION_MASTER_KEY"]
            self.assert_level("master_key", RED, "INTEGRATION_MASTER_KEY_FILE")
        with self.key_file(mode=0o644):
            self.assert_level("master_key", AMBER, "chmod 600")
        with self.key_file():
            self.assert_level("master_key", GREEN)

    def test_master_key_of_another_database(self):
        self.env["ir.config_parameter"].set_param("database.uuid", "another")
        self.assert_level("master_key", RED, "belongs to another database")

    def test_neutralized_copy(self):
        self.assert_level("neutralized", GREEN)
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "True")
        self.assert_level("neutralized", RED, "EHR")
        self.system.state = "suspended"
        self.assert_level("neutralized", AMBER)

    def test_demo_data(self):
        self.assert_level("demo_data", GREEN)
        self.env.cr.execute("UPDATE ir_module_module SET demo = true WHERE name = 'base'")
        self.assert_level("demo_data", AMBER, "Odoo's own")
        with self.key_file("production"):
            self.assert_level("demo_data", RED, "Odoo's own")

    def test_engine(self):
        self.startPatcher(patch.object(integration_setup_check, "_STARTED", fields.Datetime.from_string("2020-01-01")))
        heartbeats, cron = self.env["integration.heartbeat"], self.env.ref("integration_core.cron_engine")
        heartbeats.sudo().search([]).unlink()
        self._installed_ago(cron, "1 minute")
        self.assert_level("engine", AMBER, "not started yet")
        self._installed_ago(cron, "3 hours")
        silent = self.assert_level("engine", RED, "no sign of life")
        self.assertEqual(silent["since"], "3 h")
        heartbeats._beat("cron:1", "asleep", kind="cron", lanes=(0, 1, 2))
        self.assert_level("engine", GREEN, "scheduled action")
        cron.active = False
        self.assert_level("engine", RED, "switched off")
        heartbeats._beat(WORKER, "awake", kind="worker", lanes=(0, 1, 2))
        self.assert_level("engine", GREEN, "worker")

    def _installed_ago(self, cron, span):
        self.env.cr.execute(
            "UPDATE ir_cron SET create_date = now() AT TIME ZONE 'UTC' - %s::interval WHERE id = %s", (span, cron.id)
        )
        self.env.invalidate_all()

    def test_cron_threads(self):
        for threads, limit, level in ((0, 120, RED), (1, 120, AMBER), (2, 30, AMBER), (2, 120, GREEN)):
            with self.options(max_cron_threads=threads, workers=0, limit_time_real_cron=limit):
                self.assert_level("cron_threads", level)
        self.env["integration.heartbeat"]._beat(WORKER, "awake", kind="worker", lanes=(0, 1, 2))
        with self.options(max_cron_threads=0):
            self.assert_level("cron_threads", GREEN, "Worker")

    def test_processes(self):
        with self.options(workers=0):
            self.assert_level("processes", GREEN)
            with self.key_file("production"):
                self.assert_level("processes", AMBER, "workers = 0")
        with self.options(workers=3):
            self.assert_level("processes", GREEN, "3 processes")

    def test_postgresql(self):
        self.assert_level("postgresql", GREEN, "PostgreSQL")

    def test_clocks(self):
        self.assert_level("clock", GREEN)
        for seconds, level in ((5, AMBER), (90, RED)):
            slow = SQL("(clock_timestamp() AT TIME ZONE 'UTC' - make_interval(secs => %s))", seconds)
            with patch.object(integration_setup_check.tools, "utc_now", return_value=slow):
                self.assert_level("clock", level)

    def test_python_packages(self):
        self.assert_level("python_packages", GREEN, "jsonschema")
        with patch.dict(integration_setup_check.PACKAGES, {"jsonschema": "999"}):
            self.assert_level("python_packages", RED, "jsonschema (≥ 999")
        with patch.dict(integration_setup_check.PACKAGES, {"no-such-package": "1"}):
            self.assert_level("python_packages", RED, "no-such-package")

    def test_disk(self):
        usage = namedtuple("usage", "total used free")
        for free, level in ((100 << 30, GREEN), (3 << 30, AMBER), (1 << 20, RED)):
            with patch.object(integration_setup_check.shutil, "disk_usage", return_value=usage(0, 0, free)):
                self.assert_level("disk", level)

    def test_second_approver(self):
        group = self.env.ref("integration_core.group_admin")
        group.user_ids = [fields.Command.set(self.admin.ids)]
        self._forget_approvers()
        lonely = self.assert_level("approvers", AMBER, self.admin.name)
        self.assertEqual(lonely["fix"]["action"]["res_model"], "res.users")
        second = new_test_user(self.env, "other_admin", groups="integration_core.group_admin")
        self.assertFalse(self.assert_level("approvers", GREEN)["fix"])
        second.email = self.admin.email = "one@example.org"
        self.assert_level("approvers", AMBER)  # one person with two logins
        second.active = False
        self.assert_level("approvers", RED, "not their own work")

    def test_nobody_approves(self):
        self.env.ref("integration_core.group_admin").user_ids = [fields.Command.clear()]
        self.assert_level("approvers", RED, "Nobody", user=self.operator)

    def test_outgoing_mail(self):
        self.env["ir.mail_server"].search([]).active = False
        with self.options(smtp_server="localhost"):
            self.assert_level("mail_server", AMBER)
            self.env["ir.mail_server"].create({"name": "Post", "smtp_host": "smtp.example.org"})
            self.assert_level("mail_server", GREEN)

    def test_time_zones(self):
        self.company.partner_id.tz = "America/New_York"
        self.assert_level("time_zones", AMBER, "EHR")
        self.system.timezone = "America/New_York"
        self.assert_level("time_zones", GREEN)
        self.env.cr.execute("UPDATE integration_system SET timezone = 'Mars/Base' WHERE id = %s", (self.system.id,))
        self.env.invalidate_all()
        self.assert_level("time_zones", RED, "Mars/Base")

    # -- the mechanism

    def _failing(self, failure):
        return patch.object(self.registry["integration.setup.check"], "_check_disk", autospec=True, side_effect=failure)

    def test_a_check_that_fails_is_red_and_breaks_nothing(self):
        def broken(model):
            model.env.cr.execute("SELECT 1 FROM no_such_table")

        with self._failing(broken), mute_logger("odoo.sql_db", integration_setup_check.__name__):
            self.assert_level("disk", RED, "could not be judged: UndefinedTable")
            self.assert_level("approvers", self.results()["approvers"]["level"])
        self.assert_level("disk", self.results()["disk"]["level"], "GiB")

    def test_the_text_of_an_unexpected_error_is_not_shown(self):
        with self._failing(ValueError("whsec_secret")), mute_logger(integration_setup_check.__name__):
            found = self.assert_level("disk", RED, "ValueError")
        self.assertNotIn("whsec_secret", str(found))
        with self._failing(UserError("Nobody is there.")), mute_logger(integration_setup_check.__name__):
            self.assert_level("disk", RED, "could not be judged: Nobody is there.")

    def test_operators_read_and_are_offered_nothing(self):
        model = self.env["integration.setup.check"]
        data = model.with_user(self.operator).get_data()
        self.assertFalse(data["may_fix"])
        self.assertFalse([check["fix"] for section in data["sections"] for check in section["checks"] if check["fix"]])
        self.assertEqual(self.results(self.operator).keys(), self.results().keys())
        outsider = new_test_user(self.env, "setup_finance", groups="integration_core.group_finance_viewer")
        with self.assertRaises(AccessError):
            model.with_user(outsider).get_data()

    def test_a_button_is_only_for_whom_it_opens(self):
        self.env["ir.mail_server"].search([]).active = False
        plain = new_test_user(self.env, "setup_plain", groups="integration_core.group_admin")
        with self.options(smtp_server="localhost"):
            self.assertTrue(self.assert_level("mail_server", AMBER)["fix"])
            self.assertFalse(self.assert_level("mail_server", AMBER, user=plain)["fix"])

    def test_companies_with_systems_are_judged_each(self):
        other = self.env["res.company"].create({"name": "Clinic"})
        idle = self.env["res.company"].create({"name": "Idle"})
        self._make_system("clinic", company=other)
        self.admin.company_ids = [fields.Command.set((self.company + other + idle).ids)]
        model = self.env["integration.setup.check"].with_user(self.admin)
        model = model.with_context(allowed_company_ids=(self.company + other + idle).ids)
        judged = [result["company"] for result in model._run() if result["key"] == "time_zones"]
        self.assertCountEqual(judged, [self.company.name, "Clinic"])

    def test_the_headline_counts(self):
        data = self.env["integration.setup.check"].with_user(self.admin).get_data()
        checks = [check for section in data["sections"] for check in section["checks"]]
        for level in (GREEN, AMBER, RED):
            self.assertEqual(data["counts"][level], sum(check["level"] == level for check in checks))
        with patch.dict(os.environ):
            del os.environ["INTEGRATION_MASTER_KEY"]
            data = self.env["integration.setup.check"].with_user(self.admin).get_data()
        self.assertEqual(data["level"], RED)
        self.assertIn("to mend", data["text"])

    def test_the_command_says_the_same(self):
        with patch.dict(os.environ):
            del os.environ["INTEGRATION_MASTER_KEY"]
            text, red = self.env["integration.setup.check"]._report()
        self.assertTrue(red)
        self.assertIn("[red]    Master key: There is no usable master key.", text)
        self.assertIn("Nothing is accepted and nothing is sent.", text)
        text, _red = self.env["integration.setup.check"]._report()
        self.assertIn("[green]  Master key", text)


@tagged("post_install", "-at_install")
class TestSetupGuide(SetupCase):
    """The guide reads where each step stands from the records themselves."""

    def steps(self, system=None, user=None):
        data = (
            self.env["integration.setup.guide"]
            .with_user(user or self.admin)
            .get_data(system.id if system is not None else None)
        )
        return {step["key"]: step for step in data["steps"]}, data

    def new_system(self):
        return self.env["integration.system"].create({"name": "Lab", "code": "lab", "timezone": "UTC"})

    def test_each_step_follows_what_is_there(self):
        system = self.new_system()
        steps, data = self.steps()
        self.assertEqual(data["system_id"], system.id)
        self.assertEqual([steps[key]["state"] for key in ("system", "types", "active")], ["done", "later", "later"])
        self.assertEqual((data["next"], steps["key"]["state"]), (steps["key"]["title"], "current"))
        self.assertEqual(steps["key"]["button"]["action"]["res_model"], "integration.key.wizard")

        key, _text = self.env["integration.credential"]._generate(
            {"system_id": system.id}, company=self.company, use="inbound"
        )
        key._approving().write({"state": "active"})
        self.assertIn("clearance", self.steps()[0]["types"]["text"])
        inbound = self.env["integration.event.type"].search([("direction", "=", "inbound")], limit=1)
        system.write({"clearance": "patient", "event_type_ids": [(4, inbound.id)]})
        self.assertEqual(self.steps()[0]["active"]["state"], "current")
        self.assertEqual(self.steps()[0]["active"]["button"]["call"], [system._name, "action_activate", system.ids])
        system.action_activate()
        steps, _data = self.steps()
        self.assertEqual((steps["event"]["state"], steps["event"]["waits"]), ("current", True))
        self.assertIn("/inbound/lab", steps["event"]["copy"])
        self.assertEqual(steps["event"]["turn"], "The other side's")

        self.post("clinical.encounter.admitted.v1", self._admission(), system=system)
        steps, _data = self.steps()
        self.assertEqual(steps["event"]["state"], "done")
        self.assertIn("clinical.encounter.admitted.v1", steps["event"]["text"])
        self.assertNotEqual(steps["live"]["state"], "done")
        system._approving().write({"mode": "live"})
        self.assertEqual(self.steps(system)[0]["live"]["state"], "done")

    @staticmethod
    def _admission():
        return {
            "encounter": "E-1",
            "patient": {"id": "MRN-1"},
            "admitted_at": "2026-11-20T09:00:00Z",
            "department": "ED",
        }

    def test_a_revoked_key_takes_its_step_back(self):
        system = self.new_system()
        key, _text = self.env["integration.credential"]._generate(
            {"system_id": system.id}, company=self.company, use="inbound"
        )
        key._approving().write({"state": "active"})
        self.assertEqual(self.steps()[0]["key"]["state"], "done")
        key.action_revoke()
        self.assertEqual(self.steps()[0]["key"]["state"], "current")

    def test_it_begins_with_a_system_that_is_not_live_or_none_at_all(self):
        self.assertEqual(self.steps()[1]["system_id"], self.system.id)
        system = self.new_system()
        self.assertEqual(self.steps()[1]["system_id"], system.id)
        self.assertEqual(self.steps(self.system)[1]["system_id"], self.system.id)
        steps, data = self.steps(self.system.browse(0))
        self.assertFalse(data["system_id"])
        self.assertEqual(steps["system"]["button"]["action"]["res_model"], "integration.system")

    def test_a_red_check_of_the_company_is_the_first_step(self):
        self.assertEqual(self.steps()[0]["company"]["state"], "done")
        with patch.dict(os.environ):
            del os.environ["INTEGRATION_MASTER_KEY"]
            step = self.steps()[0]["company"]
        self.assertEqual(step["state"], "current")
        self.assertIn("Master key", " ".join(step["details"]))

    def test_operators_see_whose_turn_it_is(self):
        self.new_system()
        steps, data = self.steps(user=self.operator)
        self.assertFalse(data["may_register"])
        self.assertFalse(steps["key"]["button"])
        self.assertEqual(steps["key"]["turn"], "Integration administrator")
        outsider = new_test_user(self.env, "guide_finance", groups="integration_core.group_finance_viewer")
        with self.assertRaises(AccessError):
            self.steps(user=outsider)

    def test_systems_of_other_companies_stay_out(self):
        other = self.env["res.company"].create({"name": "Other hospital"})
        elsewhere = self._make_system("elsewhere", company=other, live=False)
        self.assertNotEqual(self.steps(elsewhere)[1]["system_id"], elsewhere.id)
