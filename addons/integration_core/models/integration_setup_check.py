import dataclasses
import logging
import shutil
from datetime import datetime, timezone
from importlib import metadata
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, config, email_normalize

from .. import checks, discreet, tools
from ..checks import Fix, setup_check
from ..domain import setup_rules, verdict
from ..domain.keyring import KeyringError
from ..domain.verdict import Level, _

# pylint: disable=prefer-env-translation; a title is marked where no env is, and looked up where it is shown

_logger = logging.getLogger(__name__)

PACKAGES = {"cryptography": "41", "jsonschema": "4.18"}  # as requirements.txt says
_STARTED = datetime.now(timezone.utc).replace(tzinfo=None)
"""When this process began: before a server is up, its scheduled actions cannot run."""
_ADMIN = "integration_core.group_admin"
_OPERATOR = "integration_core.group_operator"
_AUDITOR = "integration_core.group_auditor"


class IntegrationSetupCheck(models.AbstractModel):
    """Every precondition, red, amber or green, with what it means and its fix.

    Nothing is stored: each look judges anew. Addons add checks with :func:`~..checks.setup_check`.
    """

    _name = "integration.setup.check"
    _description = "Set-up check"

    # -- for the page

    @api.model
    def get_data(self):
        """Return all that the page shows, as JSON values.

        :raises AccessError: to those without a role that may read it
        """
        self._check_reader()
        results = self._run()
        return {
            **self._summary(results),
            "may_fix": self.env.user.has_group(_ADMIN),
            "sections": self._sections(results),
            "guide": self.env["ir.actions.actions"]._for_xml_id("integration_core.action_setup_guide"),
        }

    @api.model
    def _check_reader(self):
        if not (self.env.user.has_group(_OPERATOR) or self.env.user.has_group(_AUDITOR)):
            raise AccessError(self.env._("The set-up is for integration operators, administrators and auditors."))

    @api.model
    def _summary(self, results):
        """Return the worst level, how many there are of each, and the sentence that says so."""
        counts = {level.value: sum(result["level"] == level.value for result in results) for level in Level}
        red, amber = counts[Level.DANGER.value], counts[Level.WARNING.value]
        if red:
            text = self.env._("%s to mend before messages can be trusted to flow.", red)
        elif amber:
            text = self.env._("Messages can flow. Worth a look: %s.", amber)
        else:
            text = self.env._("Everything is in place.")
        level = verdict.worst(Level(result["level"]) for result in results)
        return {"level": level.value, "counts": counts, "text": text}

    @api.model
    def _sections(self, results):
        """Return the results by section, those of a company by company."""
        sections = {}
        for result in results:
            title = tools.in_words(self.env, checks.SECTIONS[result["section"]])
            if result["company"]:
                title = f"{title}: {result['company']}"
            sections.setdefault(title, []).append(result)
        return [{"title": title, "checks": members} for title, members in sections.items()]

    @api.model
    def _report(self):
        """Return the page as text, for the command line, and whether something is red."""
        results = self._run()
        lines = []
        for section in self._sections(results):
            lines += ["", section["title"]]
            for result in section["checks"]:
                since = self.env._(" (for %s)", result["since"]) if result["since"] else ""
                colour = f"[{Level(result['level']).word}]"
                lines.append(f"  {colour:<8} {result['title']}: {result['text']}{since}")
                lines += [f"           {text}" for text in (result["meaning"], *result["steps"]) if text]
        summary = self._summary(results)
        return "\n".join([summary["text"], *lines]), summary["level"] == Level.DANGER.value

    # -- the mechanism

    @api.model
    def _run(self, *, sections=None, companies=None):
        """Judge, and return a list of results as JSON values, in the order of the page.

        :param sections: names of the sections to judge; None for all
        :param companies: for which companies; by default those of the user's that have systems
        """
        todo = [check for check in checks.registered(type(self)) if sections is None or check.section in sections]
        results = [self._judge(check) for check in todo if check.section != checks.COMPANY]
        for company in companies if companies is not None else self._companies():
            here = self.with_company(company)
            results += [here._judge(check, company) for check in todo if check.section == checks.COMPANY]
        return results

    @api.model
    def _companies(self):
        """Return the companies to judge: those with systems or, before there are any, the user's own."""
        # sudo: which companies are connected is no secret to those who may see the check
        systems = self.env["integration.system"].sudo().search([("company_id", "in", self.env.companies.ids)])
        return systems.company_id or self.env.company

    @api.model
    def _judge(self, check, company=None):
        try:
            # The savepoint: an error of the database must not spoil the checks after it.
            with self.env.cr.savepoint():
                # sudo: facts about the server and its settings, of which words alone reach the user
                found = getattr(self.sudo(), check.method)()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
            _logger.warning("set-up check %s could not be judged\n%s", check.key, discreet.outline(error))
            found = self._not_judged(error)
        return self._result(check, found, company)

    @api.model
    def _not_judged(self, error):
        # The text of an unexpected error may hold anything.
        text = str(error) if isinstance(error, UserError) else type(error).__name__
        return verdict.bad(
            _("This could not be judged: %(reason)s."),
            meaning=_("Nobody knows whether it is in place."),
            steps=[_("Odoo's log has the details. Check again after mending it.")],
            reason=text.rstrip("."),
        )

    @api.model
    def _result(self, check, found, company):
        # What the mechanism itself says is of this addon.
        def say(text):
            words = tools.in_words(self.env, text, module=check.module)
            if words == text:
                words = tools.in_words(self.env, text)
            return words % found.values if found.values else words

        fix = None if found.level is Level.OK else self._fix(check)
        return {
            "key": check.key,
            "section": check.section,
            "company": company.display_name if company and len(self.env.companies) > 1 else "",
            "title": tools.in_words(self.env, check.title, module=check.module),
            "level": found.level.value,
            "text": say(found.text),
            "meaning": say(found.meaning) if found.meaning else "",
            "steps": [say(step) for step in found.steps],
            "since": tools.age_in_words(self.env, found.since),
            "fix": fix,
        }

    @api.model
    def _fix(self, check):
        """Return the label and the action of a check's button, for whom may use it."""
        if check.fix is None or not self.env.user.has_group(_ADMIN):
            return None
        try:
            action = self.env["ir.actions.actions"]._for_xml_id(check.fix.action)
        except (AccessError, ValueError):
            return None
        model = action.get("res_model")
        if model and not self.env[model].has_access(check.fix.needs):
            return None
        return {"label": tools.in_words(self.env, check.fix.label, module=check.module), "action": action}

    # -- facts that several checks need

    @api.model
    def _environment(self):
        """Return what the master key file calls this database's environment; None without one."""
        try:
            return self.env["integration.keyring"]._get().environment
        except KeyringError:
            return None

    @api.model
    def _live_systems(self):
        return self.env["integration.system"].search([("mode", "=", "live"), ("state", "=", "active")])

    @api.model
    def _is_in_production(self):
        """Tell whether live systems send to a database that is meant for real patients."""
        return bool(self._live_systems()) and setup_rules.is_production(self._environment())

    # -- safety

    @setup_check("master_key", title=_("Master key"), section="safety", sequence=10)
    def _check_master_key(self):
        keyring = self.env["integration.keyring"]
        remedy = keyring._status()
        return setup_rules.master_key(remedy=remedy, warnings=() if remedy else keyring._get().warnings)

    @setup_check(
        "neutralized",
        title=_("Copy for tests"),
        section="safety",
        sequence=20,
        fix=Fix(_("Systems"), "integration_core.action_system"),
    )
    def _check_neutralized(self):
        is_copy = self.env["ir.config_parameter"].get_param("database.is_neutralized")
        return setup_rules.neutralized(is_copy=bool(is_copy), live=self._live_systems().mapped("name"))

    @setup_check("demo_data", title=_("Demo data"), section="safety", sequence=30)
    def _check_demo_data(self):
        return setup_rules.demo_data(demo=self._demo(), environment=self._environment())

    @api.model
    def _demo(self):
        """Return the names of made-up data in this database."""
        self.env.cr.execute("SELECT 1 FROM ir_module_module WHERE demo LIMIT 1")
        found = [self.env._("Odoo's own")] if self.env.cr.rowcount else []
        hospital = self.env["ir.model.data"].search_count(
            [("module", "=", "demo_hospital"), ("model", "=", "integration.system")], limit=1
        )
        return [*found, self.env._("the demo hospital")] if hospital else found

    # -- engine and server

    @setup_check(
        "engine",
        title=_("Engine"),
        section="engine",
        sequence=10,
        fix=Fix(_("Look at the engine"), "integration_core.action_heartbeat", needs="read"),
    )
    def _check_engine(self):
        heartbeats = self.env["integration.heartbeat"]
        cron = self.env.ref("integration_core.cron_engine")
        return setup_rules.engine(
            setup_rules.EngineFacts(
                now=fields.Datetime.now(),
                last_beat=heartbeats.search([], limit=1, order="last_beat desc").last_beat or None,
                workers=sum(kind == "worker" for kind, _lanes, _state in heartbeats._fresh()),
                cron_active=cron.active,
                cron_failures=cron.failure_count,
                expected_since=max(cron.create_date, _STARTED) if config["http_enable"] else cron.create_date,
                late_since=self._late_since(),
            )
        )

    @api.model
    def _late_since(self):
        """Return since when the oldest delivery that may be tried is overdue by two minutes or more; None: nothing."""
        self.env.cr.execute(
            SQL(
                """
                SELECT d.due_at FROM integration_due d JOIN integration_subscription s ON s.id = d.subscription_id
                 WHERE d.tier IN (0, 1, 5) AND d.due_at < %s - interval '2 minutes' AND %s AND (%s)
                 ORDER BY d.due_at LIMIT 1
                """,
                tools.utc_now(),
                self.env["integration.delivery"]._claim_condition(),
                self.env["integration.hold"]._let_go(),
            )
        )
        row = self.env.cr.fetchone()
        return row and row[0]

    @setup_check("cron_threads", title=_("Scheduled actions"), section="engine", sequence=20)
    def _check_cron_threads(self):
        served = self.env["integration.heartbeat"]._served_by_workers()
        limit = setup_rules.cron_limit(
            workers=config["workers"], real=config["limit_time_real"], cron=config["limit_time_real_cron"]
        )
        return setup_rules.cron_threads(threads=config["max_cron_threads"], limit=limit, served=len(served) == 3)

    @setup_check("processes", title=_("Server processes"), section="engine", sequence=30)
    def _check_processes(self):
        return setup_rules.processes(workers=config["workers"], live=self._is_in_production())

    @setup_check("postgresql", title=_("PostgreSQL"), section="engine", sequence=40)
    def _check_postgresql(self):
        return setup_rules.postgresql(version=self.env.cr.connection.server_version)

    @setup_check("server_log", title=_("PostgreSQL's log"), section="safety", sequence=60)
    def _check_server_log(self):
        names = [field.name for field in dataclasses.fields(setup_rules.ServerLog)]
        self.env.cr.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", (names,))
        found = dict(self.env.cr.fetchall())
        found["log_min_duration_statement"] = int(found["log_min_duration_statement"])
        return setup_rules.server_log(setup_rules.ServerLog(**found))

    @setup_check(
        "break_glass",
        title=_("Break-glass"),
        section="people",
        sequence=60,
        fix=Fix(_("Break-glass"), "integration_core.action_break_glass", needs="read"),
    )
    def _check_break_glass(self):
        overdue = self.env["integration.break.glass"].search([("overdue", "=", True)], order="begun_at")
        return setup_rules.break_glass(overdue=len(overdue), oldest=overdue[:1].begun_at or None)

    @setup_check("clock", title=_("Clocks"), section="engine", sequence=50)
    def _check_clock(self):
        self.env.cr.execute(SQL("SELECT %s", tools.utc_now()))
        here = datetime.now(timezone.utc).replace(tzinfo=None)
        return setup_rules.clock(apart=here - self.env.cr.fetchone()[0])

    @setup_check("python_packages", title=_("Python packages"), section="engine", sequence=60)
    def _check_python_packages(self):
        return setup_rules.python_packages(wanted=PACKAGES, found={name: self._installed(name) for name in PACKAGES})

    @staticmethod
    def _installed(name):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    @setup_check("disk", title=_("Disk"), section="engine", sequence=70)
    def _check_disk(self):
        return setup_rules.disk(free=shutil.disk_usage(config["data_dir"]).free)

    # -- people

    @setup_check(
        "approvers",
        title=_("Second approver"),
        section="people",
        sequence=10,
        fix=Fix(_("Users"), "base.action_res_users"),
    )
    def _check_approvers(self):
        users = self.env["res.users"].browse(self.env["integration.system"]._approval_approvers())
        # Two logins with one mail address are one person.
        people = {email_normalize(user.email or user.login) or user.login.lower(): user.name for user in users}
        until = self.env["integration.approving.role"]._held_until("integration_core.group_admin")
        return setup_rules.approvers(names=list(people.values()), held_until=until and f"{until:%Y-%m-%d %H:%M}")

    @setup_check(
        "mail_server",
        title=_("Outgoing mail"),
        section="people",
        sequence=20,
        fix=Fix(_("Mail servers"), "base.action_ir_mail_server_list"),
    )
    def _check_mail_server(self):
        configured = config["smtp_server"]
        return setup_rules.mail_server(
            servers=self.env["ir.mail_server"].search_count([]),
            configured=configured if configured not in (False, "", "localhost") else None,
        )

    # -- per company

    @setup_check(
        "time_zones",
        title=_("Time zone"),
        section=checks.COMPANY,
        sequence=90,
        fix=Fix(_("Systems"), "integration_core.action_system"),
    )
    def _check_time_zones(self):
        systems = self.env["integration.system"].search([("company_id", "=", self.env.company.id)])
        return setup_rules.time_zones(
            unknown={system.name: system.timezone for system in systems if not self._is_zone(system.timezone)},
            in_utc=systems.filtered(lambda system: system.timezone in ("UTC", "Etc/UTC")).mapped("name"),
            home=self.env.company.partner_id.tz or None,
        )

    @staticmethod
    def _is_zone(name):
        try:
            return bool(ZoneInfo(name))
        except (KeyError, ValueError, OSError):
            return False
