from odoo import api, fields, models
from odoo.addons.integration_core import tools
from odoo.tools import SQL

from ..domain import alerting
from ..domain.alerting import Course, Step
from .integration_alert import SEND_NOW

LOOK_SECONDS = 60
"""Rules are looked at so often at most."""
_WATCH_LOCK = 0x696E7461  # "inta"


class IntegrationAlertWatch(models.AbstractModel):
    """Looks at the alert rules: begins alerts, goes on with them, ends them, and tells people what they may be told.

    What has been past its threshold for less than its rule asks, or back for less, is kept in
    ``integration_alert_turning``, a row per rule and subject.
    """

    _name = "integration.alert.watch"
    _description = "Watch over alert rules"

    def init(self):
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS integration_alert_turning (
                rule_id integer NOT NULL,
                subject varchar NOT NULL,
                since timestamp NOT NULL,
                PRIMARY KEY (rule_id, subject)
            );
            INSERT INTO integration_metric_state (name) VALUES ('alerts') ON CONFLICT DO NOTHING;
            """
        )

    @api.model
    def _chore_watch(self, limit):
        """Look at all rules when it is time; there is never more to do at once."""
        if self._is_due():
            # A snapshot from before another process's turn would refuse to note this one.
            tools.begin_read_committed(self.env.cr)
            self._take_turn()
        return 0

    @api.model
    def _take_turn(self):
        if self._is_alone() and self._is_due():
            self._note()
            self._look()

    @api.model
    def _is_due(self):
        self.env.cr.execute(
            SQL(
                """
                SELECT COALESCE(at + make_interval(secs => %(pause)s) <= %(now)s OR at > %(now)s, true)
                  FROM integration_metric_state WHERE name = 'alerts'
                """,
                pause=LOOK_SECONDS,
                now=tools.utc_now(),
            )
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _is_alone(self):
        """Tell whether no other process looks; until the end of the transaction none will."""
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s)", (_WATCH_LOCK,))
        return self.env.cr.fetchone()[0]

    @api.model
    def _note(self):
        self.env.cr.execute(SQL("UPDATE integration_metric_state SET at = %s WHERE name = 'alerts'", tools.utc_now()))

    @api.model
    def _look(self, kinds=None):
        """Look at the rules, and tell people; one rule that fails holds up no other.

        :param kinds: of rules; None: all
        """
        # sudo: alerts are the engine's to write
        rules = self.env["integration.alert.rule"].sudo().search([("kind", "in", kinds)] if kinds else [])
        contained = self.env["integration.engine"]._contained
        if not kinds:
            contained(self.env["integration.alert.readings"]._sample_backlog)
        for rule in rules:
            contained(lambda rule=rule: self._look_at(rule))
        # sudo: as above
        alerts = self.env["integration.alert"].sudo()
        if not kinds:
            contained(alerts._end_without_rule)
        untold = alerts._not_yet_told().filtered(lambda alert: not kinds or alert.kind in kinds)
        for alert in untold:
            contained(alert._tell_now)
        contained(untold.exists()._tell_missed)

    @api.model
    def _look_at(self, rule):
        now = fields.Datetime.now()
        limit = rule._limit()
        readings = {one.subject: one for one in self.env["integration.alert.readings"]._read(rule)}
        running = {alert.subject: alert for alert in rule._running()}
        turning = dict(
            self.env.execute_query(
                SQL("SELECT subject, since FROM integration_alert_turning WHERE rule_id = %s", rule.id)
            )
        )
        goes_on = {}
        for subject in sorted({*readings, *running, *turning}):
            alert, reading = running.get(subject), readings.get(subject)
            value = reading.value if reading else rule._nothing_bad()
            what, course = alerting.step(limit, value, Course(bool(alert), turning.get(subject)), now)
            if what is Step.BEGIN:
                self.env["integration.alert"].sudo()._begin(rule, reading, now)  # sudo: as in _look
            elif alert:
                alert._go_on(reading, limit)
                if what is Step.END:
                    alert._end(now)
            if course.turning_since:
                goes_on[subject] = course.turning_since
        if goes_on != turning:
            self._keep(rule, goes_on)

    @api.model
    def _keep(self, rule, turning):
        self.env.cr.execute(SQL("DELETE FROM integration_alert_turning WHERE rule_id = %s", rule.id))
        if turning:
            self.env.cr.execute_values(
                "INSERT INTO integration_alert_turning (rule_id, subject, since) VALUES %s",
                [(rule.id, subject, since) for subject, since in turning.items()],
            )

    # -- without the engine

    @api.model
    def _notice_engine(self):
        """Look whether the engine has stopped, from outside of it; costs a look at the heartbeats while it lives.

        To be called in a READ COMMITTED transaction, as what another process has just begun must be seen.

        :return: whether it was found dead, and the rules about it were looked at
        """
        # sudo: as in _look
        rules = self.env["integration.alert.rule"].sudo().search([("kind", "=", "engine")])
        if not rules or self._is_alive(min(rules.mapped("threshold"))):
            return False
        if not self._is_alone():
            return False
        self.with_context(**{SEND_NOW: True})._look(["engine"])
        return True

    @api.model
    def _is_alive(self, seconds):
        self.env.cr.execute(
            SQL(
                "SELECT EXISTS (SELECT FROM integration_heartbeat WHERE last_beat > %s - make_interval(secs => %s))",
                tools.utc_now(),
                seconds,
            )
        )
        return self.env.cr.fetchone()[0]
