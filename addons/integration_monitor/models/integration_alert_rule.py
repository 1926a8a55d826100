from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL

from ..domain.alerting import Limit, Quiet

OPERATOR = "integration_core.group_operator"
KINDS = [
    ("engine", "The engine gives no sign of life"),
    ("unaccounted", "Something is unaccounted for"),
    ("backlog", "Deliveries are late"),
    ("trouble", "A receiver does not take what is sent"),
    ("backlog_forecast", "A backlog is not worked off"),
    ("failing", "Deliveries fail"),
    ("burn_rate", "An objective is missed"),
    ("dead_letters", "Deliveries were given up"),
    ("silence", "A system is silent"),
    ("parked_lines", "Parked lines"),
    ("parked_money", "Parked money"),
    ("parked_age", "Lines parked for long"),
    ("key_expiry", "A key ends"),
]
SEVERITIES = [("critical", "Critical"), ("warning", "Warning"), ("info", "Information")]
LANES = [("critical", "Critical"), ("normal", "Normal"), ("bulk", "Bulk")]
FLOORS = ("key_expiry",)
"""Kinds whose readings are bad below the threshold."""
MONEY = ("unaccounted", "parked_lines", "parked_money", "parked_age")
"""Kinds that are finance's, too."""
SCOPES = {
    "backlog": ("lane", "system_id", "endpoint_id"),
    "backlog_forecast": ("lane",),
    "burn_rate": ("system_id", "endpoint_id"),
    "dead_letters": ("system_id", "endpoint_id"),
    "trouble": ("system_id", "endpoint_id"),
    "failing": ("system_id", "endpoint_id"),
    "silence": ("system_id",),
    "unaccounted": ("system_id",),
    "parked_lines": ("system_id",),
    "parked_money": ("system_id",),
    "parked_age": ("system_id",),
    "key_expiry": ("system_id", "endpoint_id"),
    "engine": (),
}
"""{kind: fields by which it can be narrowed}."""
MOST_MUTED_DAYS = 31
DOCS = "https://github.com/odoo-healthcare-integration/suite/blob/main/docs/"
RUNBOOKS = {
    "engine": "runbooks/odoo-down.md",
    "unaccounted": "metrics.md#integrationunitsunaccounted",
    "backlog": "metrics.md#integrationbacklog",
    "backlog_forecast": "metrics.md#integrationbacklog",
    "trouble": "guides/operator.md#a-receiver-does-not-take-what-is-sent",
    "failing": "metrics.md#integrationdeliveriesfailing",
    "burn_rate": "health.md#objectives-and-error-budgets",
    "dead_letters": "runbooks/dead-letters.md",
    "silence": "runbooks/ehr-silent.md",
    "parked_lines": "runbooks/parked-rising.md",
    "parked_money": "runbooks/parked-rising.md",
    "parked_age": "runbooks/parked-rising.md",
    "key_expiry": "metrics.md#integrationkeyexpiring",
}
"""{kind: the page of the documentation that says what to do}."""


class IntegrationAlertRule(models.Model):
    """When somebody is to be told, who, and when they are left alone."""

    _name = "integration.alert.rule"
    _inherit = ["integration.audited.mixin", "integration.company.mixin", "integration.runbook.mixin"]
    _description = "Alert rule"
    _order = "sequence, name, id"
    _check_company_auto = True

    _audit_name = "alert_rule"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=50)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", index=True, default=lambda self: self.env.company, help="Empty: every company."
    )
    kind = fields.Selection(
        KINDS,
        "About",
        required=True,
    )
    severity = fields.Selection(
        SEVERITIES,
        "Class",
        required=True,
        default="warning",
        help="Critical: told at night, too.",
    )
    system_id = fields.Many2one("integration.system", check_company=True, ondelete="cascade", help="Empty: every one.")
    endpoint_id = fields.Many2one(
        "integration.endpoint", check_company=True, ondelete="cascade", help="Empty: every one."
    )
    lane = fields.Selection(LANES, help="Empty: every one.")
    threshold = fields.Float(required=True, help="What is beyond it begins an alert. The unit is beside it.")
    margin = fields.Float(
        "Over when back by", help="So far back from the threshold a reading must be for the alert to end; 0: on it."
    )
    unit = fields.Char(compute="_compute_unit")
    window_minutes = fields.Integer(
        "Within (min)",
        default=10,
        help="So many minutes are looked at. Objectives: a twelfth of it, too.",
    )
    least = fields.Integer("At least", default=10, help="Of fewer tries, or fewer that wait, nothing is said.")
    hold = fields.Integer(
        "For at least (min)", help="Something must be wrong for so long to begin an alert, and right to end it."
    )
    keep_firing = fields.Integer(
        "Over after (min)", help="What goes up and down all the time is one alert: right for so long, it is over."
    )
    remind_hours = fields.Integer("Remind after (h)", help="0: once at the start and once at the end, and no more.")
    quiet_from = fields.Float(
        "Quiet from", help="In the company's time zone, or that of most of its systems. From 0:00 to 0:00: none."
    )
    quiet_to = fields.Float("Quiet until", help="When quiet hours end, people are told of what goes on.")
    owner_id = fields.Many2one(
        "res.users",
        help="Who is told. Empty: owner and deputy of the endpoint or system, else the administrators.",
    )
    runbook_url = fields.Char(
        compute="_compute_runbook_url",
        store=True,
        readonly=False,
        help="The page that says what to do; put your own in its place.",
    )
    muted_until = fields.Datetime("Muted until", readonly=True, copy=False)
    mute_reason = fields.Char(readonly=True, copy=False)
    muted_by_id = fields.Many2one("res.users", "Muted by", readonly=True, copy=False)
    is_muted = fields.Boolean("Muted", compute="_compute_is_muted")
    may_mute = fields.Boolean(compute="_compute_may_mute")

    _numbers_check = models.Constraint(
        "CHECK (threshold >= 0 AND margin >= 0 AND hold >= 0 AND keep_firing >= 0 AND remind_hours >= 0 AND least >= 1"
        " AND window_minutes BETWEEN 1 AND 1440)",
        "Thresholds and times are 0 or more; the window is 1 to 1440 minutes, and at least one try is looked at.",
    )
    _quiet_check = models.Constraint(
        "CHECK (quiet_from >= 0 AND quiet_from < 24 AND quiet_to >= 0 AND quiet_to < 24)",
        "Quiet hours are hours of the day, from 0:00 to 23:59.",
    )

    @api.depends("kind")
    def _compute_runbook_url(self):
        for rule in self:
            rule.runbook_url = rule.kind and DOCS + RUNBOOKS[rule.kind]

    @api.depends("kind")
    def _compute_unit(self):
        units = {
            "engine": self.env._("seconds without a sign of life, while work is due"),
            "unaccounted": self.env._("lines of a system (or currencies, where money alone is missing)"),
            "backlog": self.env._("minutes that the oldest has been due"),
            "trouble": self.env._("minutes since a receiver stopped taking what is sent"),
            "backlog_forecast": self.env._("hours until the backlog of a lane is worked off, as it goes now"),
            "failing": self.env._("% of the tries failed"),
            "burn_rate": self.env._("times as many failures as the objective allows, in a long and a short window"),
            "dead_letters": self.env._("dead letters of a subscription"),
            "silence": self.env._("hours without a message, where it usually sends"),
            "parked_lines": self.env._("parked lines of a system"),
            "parked_money": self.env._("of parked money of a system, in each currency"),
            "parked_age": self.env._("days that the oldest has been parked"),
            "key_expiry": self.env._("days until the last key ends; an alert is below it"),
        }
        for rule in self:
            rule.unit = units.get(rule.kind, "")

    @api.depends("muted_until")
    def _compute_is_muted(self):
        now = fields.Datetime.now()
        for rule in self:
            rule.is_muted = bool(rule.muted_until and rule.muted_until > now)

    @api.depends("company_id")
    @api.depends_context("uid")
    def _compute_may_mute(self):
        user = self.env.user
        for rule in self:
            # A rule of every company is one for each of them: who works in one alone mutes it for none.
            everywhere = rule.company_id or user._is_in_every_company()
            rule.may_mute = bool(everywhere and user.has_group(OPERATOR))

    @api.constrains("kind", "system_id", "endpoint_id", "lane")
    def _check_scope(self):
        for rule in self:
            for name in ("system_id", "endpoint_id", "lane"):
                if rule[name] and name not in SCOPES[rule.kind]:
                    field = rule._fields[name]._description_string(self.env)
                    kind = dict(rule._fields["kind"]._description_selection(self.env))[rule.kind]
                    raise ValidationError(
                        self.env._('A rule about "%(kind)s" cannot be narrowed to: %(field)s.', kind=kind, field=field)
                    )

    @api.onchange("kind")
    def _onchange_kind(self):
        for name in ("system_id", "endpoint_id", "lane"):
            if name not in SCOPES.get(self.kind, ()):
                self[name] = False

    def write(self, vals):
        """Change rules.

        :raises UserError: for another kind while alerts of the rule run: they would go on with readings of another
            thing
        """
        for rule in self:
            if "kind" in vals and rule.kind != vals["kind"] and rule._running():
                raise UserError(
                    self.env._("Alerts of this rule run: archive it, which ends them, and make another rule.")
                )
        result = super().write(vals)
        if {"kind", "active"} & set(vals):
            # What was bad for a while was so by what the rule was.
            self.env.cr.execute(
                SQL("DELETE FROM integration_alert_turning WHERE rule_id = ANY (%s)", list(self.ids))
            )
        return result

    # -- what it says
    # ------------------------------------------------------------------------------------------------------------

    def _limit(self):
        self.ensure_one()
        hold, keep_firing = timedelta(minutes=self.hold), timedelta(minutes=self.keep_firing)
        return Limit(self.threshold, self.margin, self.kind in FLOORS, hold, keep_firing)

    def _nothing_bad(self):
        """Return what is read of something that is not there any more."""
        self.ensure_one()
        return float("inf") if self.kind in FLOORS else 0.0

    def _quiet(self):
        self.ensure_one()
        return Quiet(self.quiet_from, self.quiet_to)

    @api.model
    def _zone_of(self, company):
        """Return the time zone of a company: that of its contact, else the one that most of its systems are in."""
        # sudo: in which time zone a company or its systems are is no secret
        home = company.sudo().partner_id.tz
        if self._is_zone(home):
            return home
        systems = self.env["integration.system"].sudo()
        counts = systems._read_group([("company_id", "=", company.id)], ["timezone"], ["__count"])
        known = [(count, zone) for zone, count in counts if self._is_zone(zone)]
        return max(known, default=(0, "UTC"))[1]

    @staticmethod
    def _is_zone(name):
        try:
            return bool(name and ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return False

    def _running(self):
        self.ensure_one()
        return self.env["integration.alert"].search([("rule_id", "=", self.id), ("until", "=", False)])

    # -- buttons
    # -----------------------------------------------------------------------------------------------------------------

    def action_test(self):
        """Say what is read now and whether it would begin an alert, and mail that to whoever asks."""
        self._check_operator()
        lines = self._tested()
        subject = self.env._("Test of the alert rule %s", self.name)
        body = Markup("<p>%s</p>") % Markup("<br/>").join(lines)
        # sudo: a mail to oneself, with what one may read
        self.env["mail.thread"].sudo().message_notify(
            partner_ids=self.env.user.partner_id.ids, subject=subject, body=body, force_send=False
        )
        # sudo: the mail queue is nobody's to turn
        self.env["integration.alert"].sudo()._send_soon()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": subject,
                "message": " ".join([*lines, self.env._("A mail that says so is on its way to you.")]),
                "type": "info",
                "sticky": True,
            },
        }

    def _tested(self):
        """Return what is read now, a line per reading that says most; without money for who is not finance."""
        # sudo: readings are taken from what the engine keeps; what is said of them follows the user's companies
        rule = self.sudo()
        mine = set(self.env.companies.ids)
        readings = [
            one
            for one in self.env["integration.alert.readings"].sudo()._read(rule)
            if one.company is None or one.company in mine
        ]
        if not readings:
            return [self.env._("Nothing is there to be read: no alert would begin.")]
        limit = rule._limit()
        known = [one for one in readings if one.value is not None]
        bad = [one for one in known if limit.is_bad(one.value)]
        alerts = self.env["integration.alert"].sudo()  # sudo: as above
        finance = alerts._sees_money(self.env.user)
        known.sort(key=lambda one: one.value, reverse=not limit.floor)
        said = [
            self.env._(
                "%(what)s: %(reading)s (threshold %(threshold)s).",
                what=alerts._scope_words(rule.kind, one),
                reading=alerts._reading_words(rule.kind, one.value, one.currency, finance),
                threshold=f"{rule.threshold:g}",
            )
            for one in known[:5]
        ]
        if bad and rule.hold:
            end = self.env._(
                "So many alerts would begin after %(hold)s min: %(count)s.", hold=rule.hold, count=len(bad)
            )
        elif bad:
            end = self.env._("Alerts that would begin: %s.", len(bad))
        else:
            end = self.env._("No alert would begin.")
        return [*said, end]

    def action_mute(self):
        """Ask until when and why nobody is to be told."""
        self._check_may_mute()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Mute %s", self.name),
            "res_model": "integration.alert.mute",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_rule_id": self.id},
        }

    def action_unmute(self):
        """Tell people again, from now on."""
        self._check_may_mute()
        # sudo: operators mute rules and change nothing else of them
        self.sudo().write({"muted_until": False, "mute_reason": False, "muted_by_id": False})

    def _mute(self, until, reason):
        """Have nobody told until a moment (naive UTC); what happens meanwhile is recorded.

        :raises UserError: for a moment that is past or too far away, or without a reason
        """
        self._check_may_mute()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why, for those who wonder why nobody was told."))
        if not until or until <= fields.Datetime.now():
            raise UserError(self.env._("Choose a time to come: nothing stays muted for good."))
        if until > fields.Datetime.now() + timedelta(days=MOST_MUTED_DAYS):
            raise UserError(
                self.env._("Choose a time within %s days; archive a rule that is not needed.", MOST_MUTED_DAYS)
            )
        # sudo: as in action_unmute
        self.sudo().write({"muted_until": until, "mute_reason": reason.strip(), "muted_by_id": self.env.user.id})

    def _check_operator(self):
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group(OPERATOR):
            raise AccessError(self.env._("Only operators and administrators test and mute alert rules."))

    def _check_may_mute(self):
        self._check_operator()
        if not self.may_mute:
            raise AccessError(
                self.env._("This rule is one for every company: those who are allowed in every company mute it.")
            )

    def _audit_change_word(self, names):
        if "muted_until" in names:
            return "mute" if self.muted_until else "unmute"
        return "change"
