from datetime import timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup
from odoo import api, fields, models
from odoo.addons.integration_core import tools
from odoo.addons.integration_core.models.integration_event_type import LANE_RANK
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..domain import alerting
from ..domain.alerting import Freedom, Reading, Tell, Told
from .integration_alert_rule import KINDS, LANES, MONEY, SEVERITIES
from .integration_metric_figures import lost_since
from .integration_overview_deliveries import DEAD

ACTIVITY = "mail.mail_activity_data_warning"
ADMIN = "integration_core.group_admin"
FINANCE = "integration_core.group_finance_viewer"
BEGAN = "integration.alert.began.v1"
ENDED = "integration.alert.ended.v1"
SEND_NOW = "integration_send_now"
"""Context key: mails leave right after the commit, as nobody may be there to send them later."""
UNTOLD_DAYS = 7
"""For so long people are looked for who can be told of what began and ended in quiet hours."""
_SECONDS = {"engine": 1, "backlog": 60, "trouble": 60, "silence": 3600, "parked_age": 86400}
"""{kind whose readings are ages: seconds of its unit}."""


class IntegrationAlert(models.Model):
    """That something is past what a rule allows, from then until it is over: one row for all of that time.

    What it says is put together when it is read, in the reader's language, with money for finance alone.
    """

    _name = "integration.alert"
    _description = "Alert"
    _inherit = ["mail.thread", "mail.activity.mixin", "integration.alert.words", "integration.emitter.mixin"]
    _order = "running desc, rank, since desc, id desc"

    rule_id = fields.Many2one("integration.alert.rule", required=True, readonly=True, index=True, ondelete="restrict")
    kind = fields.Selection(KINDS, "About", required=True, readonly=True)
    severity = fields.Selection(SEVERITIES, "Class", required=True, readonly=True)
    rank = fields.Integer(readonly=True, help="0 is the most urgent class.")
    about_money = fields.Boolean(readonly=True, help="It is finance's, too.")
    company_id = fields.Many2one("res.company", readonly=True, index=True, help="Empty: it concerns every company.")
    subject = fields.Char(required=True, readonly=True, help="Names what it is about, within its rule.")
    system_id = fields.Many2one("integration.system", readonly=True, ondelete="set null")
    endpoint_id = fields.Many2one("integration.endpoint", readonly=True, ondelete="set null")
    subscription_id = fields.Many2one("integration.subscription", readonly=True, ondelete="set null")
    lane = fields.Selection(LANES, readonly=True)
    since = fields.Datetime(required=True, readonly=True)
    began_at = fields.Datetime("Noticed", required=True, readonly=True)
    until = fields.Datetime("Over", readonly=True)
    unwatched = fields.Boolean(
        "No longer watched",
        readonly=True,
        help="It ended because its rule, or what it is about, was archived or is not in the rule's scope any more, or "
        "the system went back to test. "
        "Whether it is over, nobody knows.",
    )
    running = fields.Boolean(compute="_compute_running", store=True)
    told_at = fields.Datetime("Told", readonly=True, help="Empty: muted, in quiet hours, or there is nobody to tell.")
    slept = fields.Boolean("Kept back by quiet hours", readonly=True)
    cleared_at = fields.Datetime("All-clear", readonly=True)
    told_ids = fields.Many2many("res.users", "integration_alert_told_rel", string="Told to", readonly=True)
    count = fields.Integer("Affected", readonly=True, help="Messages, lines or keys it is about.")
    amount = fields.Float(digits=(30, 10), readonly=True, groups=FINANCE)
    currency_code = fields.Char("Currency", readonly=True, groups=FINANCE)
    has_amount = fields.Boolean(readonly=True, groups=FINANCE)
    # Of parked money these are money: people read them as words.
    reading_begin = fields.Float(readonly=True, groups=fields.NO_ACCESS)
    reading_worst = fields.Float(readonly=True, groups=fields.NO_ACCESS)
    reading_now = fields.Float(readonly=True, groups=fields.NO_ACCESS)

    state = fields.Selection(
        [("running", "Running"), ("unwatched", "No longer watched"), ("over", "Over")], compute="_compute_state"
    )
    age = fields.Char(compute="_compute_state")
    what = fields.Char("What happened", compute="_compute_words")
    begin_text = fields.Char("At the start", compute="_compute_words")
    worst_text = fields.Char("At its worst", compute="_compute_words")
    now_text = fields.Char("Last", compute="_compute_words")
    money = fields.Char(compute="_compute_money", groups=FINANCE)
    turn = fields.Char("Whose turn", compute="_compute_turn")
    next_step = fields.Text("What to do", compute="_compute_turn")
    runbook_url = fields.Char("Runbook", related="rule_id.runbook_url")

    _one_running = models.UniqueIndex("(rule_id, subject) WHERE until IS NULL", "There is such an alert already.")
    _untold_idx = models.Index("(id) WHERE until IS NULL OR (cleared_at IS NULL AND (told_at IS NOT NULL OR slept))")

    @api.depends("until")
    def _compute_running(self):
        for alert in self:
            alert.running = not alert.until

    # People are told one after the other in one transaction, each in their language: every text here depends on it.

    @api.depends("until", "since", "unwatched")
    @api.depends_context("lang")
    def _compute_state(self):
        for alert in self:
            ended = "unwatched" if alert.unwatched else "over"
            alert.state = ended if alert.until else "running"
            alert.age = tools.age_in_words(self.env, alert.since)

    @api.depends("kind", "system_id.state", "endpoint_id", "subscription_id", "lane", "count", "reading_now", "until")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for alert in self:
            # Without money: it stands in subjects of mails and in activities.
            alert.display_name = alert._headline(finance=False)

    @api.depends_context("uid", "lang")
    @api.depends("kind", "system_id.state", "count", "reading_begin", "reading_worst", "reading_now", "until")
    def _compute_words(self):
        finance = self._sees_money(self.env.user)
        for alert in self:
            # sudo: the numbers are nobody's to read, for some of them are money
            told, code = alert.sudo(), alert.sudo().currency_code
            alert.what = alert._headline(finance)
            alert.begin_text = self._reading_words(alert.kind, told.reading_begin, code, finance)
            alert.worst_text = self._reading_words(alert.kind, told.reading_worst, code, finance)
            alert.now_text = self._reading_words(alert.kind, told.reading_now, code, finance)

    @api.depends("amount", "has_amount", "currency_code")
    @api.depends_context("lang")
    def _compute_money(self):
        for alert in self:
            alert.money = alert._money_words()

    @api.depends("kind", "until", "system_id.state", "endpoint_id.state", "endpoint_id.trouble")
    @api.depends_context("lang")
    def _compute_turn(self):
        for alert in self:
            alert.turn, alert.next_step = alert._own_turn_words()

    # -- the engine's
    # ------------------------------------------------------------------------------------------------------------

    @api.model
    def _begin(self, rule, reading, now):
        """Begin an alert: recorded now, told when people may be told.

        :param reading: an :class:`alerting.Reading`
        """
        age = timedelta(seconds=reading.value * _SECONDS[rule.kind]) if rule.kind in _SECONDS else timedelta(0)
        alert = self.with_context(mail_notrack=True, mail_create_nosubscribe=True, mail_create_nolog=True).create(
            {
                "rule_id": rule.id,
                "kind": rule.kind,
                **self._class_of(rule.severity, reading),
                "about_money": rule.kind in MONEY,
                "company_id": reading.company,
                "subject": reading.subject,
                "system_id": reading.system,
                "endpoint_id": reading.endpoint,
                "subscription_id": reading.subscription,
                "lane": reading.lane,
                "since": (now - age).replace(microsecond=0),
                "began_at": now,
                "reading_begin": reading.value,
                "reading_worst": reading.value,
                **self._figures_of(reading),
            }
        )
        self.env["integration.audit"]._record("alert.begin", alert)
        self.env["integration.live"]._hint()
        return alert

    @staticmethod
    def _figures_of(reading):
        return {
            "count": reading.count,
            "amount": float(reading.amount or 0),
            "has_amount": reading.amount is not None,
            "currency_code": reading.currency,
            "reading_now": reading.value,
        }

    @staticmethod
    def _class_of(severity, reading):
        """Return the class of an alert, by its rule or as it is, with a reading: what is urgent is critical."""
        if reading.urgent:
            severity = alerting.CRITICAL
        return {"severity": severity, "rank": [value for value, _label in SEVERITIES].index(severity)}

    def _go_on(self, reading, limit):
        """Note the last reading of an alert that runs; None: there is nothing any more to be read.

        How much it concerns stays as it was while it was bad: that is what people ask of an alert that is over.
        """
        self.ensure_one()
        if reading is not None and reading.value is None:
            return
        value = reading.value if reading else self.reading_now if limit.floor else 0.0
        figures = {"reading_now": value, "reading_worst": limit.worse(self.reading_worst, value)}
        if reading and not limit.is_good(value):
            figures |= self._figures_of(reading) | self._class_of(self.severity, reading)
        if changed := {name: new for name, new in figures.items() if (self[name] or False) != (new or False)}:
            self.write(changed)

    def _end(self, now):
        self.write({"until": now})
        for alert in self:
            alert.unwatched = not alert._is_watched()
            self.env["integration.audit"]._record("alert.end", alert)
            # Where there was nobody to tell, other systems were told all the same.
            if not alert.told_at and alert._is_journalled(BEGAN):
                alert._emit_event(ENDED)
        self.env["integration.live"]._hint()

    def _is_watched(self):
        """Tell whether the rule would still see what the alert is about: else its end says nothing of that."""
        self.ensure_one()
        rule, system = self.rule_id, self.system_id
        company = self.company_id.id or None
        reading = Reading(
            self.subject, None, company, system=system.id, endpoint=self.endpoint_id.id, lane=self.lane or None
        )
        in_scope = self.env["integration.alert.readings"]._is_in_scope(rule, reading)
        # Of one that went back to test nothing is expected any more, and nothing was heard.
        expected = self.kind != "silence" or system.mode == "live"
        return rule.active and in_scope and expected and (system.active or not system)

    @api.model
    def _end_without_rule(self):
        """End what runs of rules that were archived."""
        orphans = self.search([("until", "=", False), ("rule_id.active", "=", False)])
        orphans._end(fields.Datetime.now())

    # -- telling
    # --------------------------------------------------------------------------------------------------------

    @api.model
    def _not_yet_told(self):
        """Return the alerts of which people may have to be told something.

        Of one that is over and of which nobody could be told for days, nobody is any more.
        """
        recent = Domain("until", ">", fields.Datetime.now() - timedelta(days=UNTOLD_DAYS))
        slept = Domain("slept", "=", True) & recent
        open_end = Domain("cleared_at", "=", False) & (Domain("told_at", "!=", False) | slept)
        return self.search(Domain("until", "=", False) | open_end)

    def _tell_now(self):
        """Tell people what is to be told of this alert now, if anything."""
        self.ensure_one()
        now = fields.Datetime.now()
        match self._next_telling(now):
            case Tell.BEGAN:
                self._tell_began(now)
            case Tell.AGAIN:
                self.told_at = now
                self._mail(self.told_ids, again=True)
            case Tell.ENDED:
                self._tell_ended(now)

    def _next_telling(self, now):
        """Return what people are to be told now, and note it where quiet hours keep a beginning back."""
        rule = self.rule_id
        freedom = alerting.may_tell(self.severity, rule._quiet(), self._local(now), rule.muted_until or None, now)
        slept = not self.told_at and freedom is Freedom.QUIET
        if not self.until and not self.told_at and freedom is not Freedom.FREE and slept != self.slept:
            self.slept = slept
        silence = timedelta(hours=rule.remind_hours) if rule.remind_hours else None
        told = Told(bool(self.until), self.told_at or None, self.cleared_at or None, self.slept)
        return alerting.next_telling(told, free=freedom is Freedom.FREE, silence=silence, now=now)

    def _tell_missed(self):
        """Tell of those of these alerts that began and ended in quiet hours: in one mail to each person."""
        now = fields.Datetime.now()
        missed = self.filtered(lambda alert: alert._next_telling(now) is Tell.MISSED)
        by_person = {}
        for alert in missed.sorted("since"):
            people = alert._people()
            if not people:
                continue  # tried again at the next look, as a beginning is
            alert.write({"cleared_at": now, "told_ids": [fields.Command.set(people.ids)]})
            for person in people.filtered("active"):
                by_person[person] = by_person.get(person, self.browse()) | alert
        for person, alerts in by_person.items():
            # Somebody's mail that fails keeps nobody else's back.
            told = alerts.with_context(lang=person.lang)
            self.env["integration.engine"]._contained(lambda told=told, person=person: told._mail_missed(person))
        if by_person:
            self._send_soon()

    def _mail_missed(self, person):
        """Tell one person, in their language, of alerts that are over, and that they slept through."""
        finance = self._sees_money(person)
        parts = [Markup("<p>%s</p>") % Markup("<br/>").join(alert._mail_lines(finance)) for alert in self]
        if len(self) == 1:
            subject = self.env._("Over, in quiet hours: %s", self.display_name)
        else:
            subject = self.env._("Over, in quiet hours: %s alerts", len(self))
        self[-1:].message_notify(
            partner_ids=person.partner_id.ids, subject=subject, body=Markup().join(parts), force_send=False
        )

    def _local(self, now):
        """Return a moment (naive UTC) as clocks show it where the company is."""
        company = self.company_id or self.rule_id.company_id or self.env.company
        zone = ZoneInfo(self.env["integration.alert.rule"]._zone_of(company))
        return now.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).replace(tzinfo=None)

    def _tell_began(self, now):
        people = self._people()
        if not self._is_journalled(BEGAN):
            self._emit_event(BEGAN)
        if not people:
            return  # nobody knows of it yet: tried again at the next look
        self.write({"told_at": now, "told_ids": [fields.Command.set(people.ids)]})
        for person in people:
            alert = self.with_context(lang=person.lang, mail_activity_quick_update=True)
            alert.activity_schedule(
                ACTIVITY,
                user_id=person.id,
                summary=alert.display_name,
                note=alert._own_turn_words()[1],
            )
        self._mail(people)

    def _tell_ended(self, now):
        self.cleared_at = now
        self.activity_ids.unlink()
        self._mail(self.told_ids)
        self._emit_event(ENDED)

    def _people(self):
        """Return who is told: the rule's owner, owner and deputy of the endpoint or system, or the administrators.

        Who may not open alerts, or has left, is passed over, and so is who has no address for mails that they want,
        unless nobody has. Owner and deputy are told together, for no calendar says which of them is away.
        """
        self.ensure_one()
        endpoint, system = self.endpoint_id, self.system_id
        of_both = (one.owner_id | one.deputy_id for one in (endpoint, system))
        groups = [
            people.filtered(lambda user: user.active and self._may_open(user))
            for people in (self.rule_id.owner_id, *of_both, self._administrators())
        ]
        reached = [told for group in groups if (told := group.filtered(self._is_reachable))]
        return next(filter(None, [*reached, *groups]), self.env["res.users"])

    @api.model
    def _is_reachable(self, user):
        """Tell whether somebody is told by mail and has an address for it, or reads it in Odoo."""
        return bool(user.email) or user.notification_type == "inbox"

    @api.model
    def _administrators(self):
        """Return who is told where nobody looks after what an alert is about, of all companies."""
        return self.env.ref(ADMIN).all_user_ids.filtered(lambda user: user.active and not user.share)

    def _may_open(self, user):
        # As when the user opens it: with all companies that they are allowed in.
        alert = self.with_user(user).with_context(allowed_company_ids=user.company_ids.ids)
        return alert.has_access("read")

    def _mail(self, people, *, again=False):
        """Tell people by mail (or in their inbox), each in their language, with money for finance alone."""
        now = self.env.context.get(SEND_NOW, False)
        for person in people.filtered("active"):
            alert = self.with_context(lang=person.lang)
            finance = self._sees_money(person)
            if self.until and self.unwatched:
                subject = alert.env._("No longer watched: %s", alert.display_name)
            elif self.until:
                subject = alert.env._("Over: %s", alert.display_name)
            elif again:
                subject = alert.env._("Still: %s", alert.display_name)
            else:
                subject = alert.env._("Alert: %s", alert.display_name)
            lines = alert._mail_lines(finance)
            alert.message_notify(
                partner_ids=person.partner_id.ids,
                subject=subject,
                body=Markup("<p>%s</p>") % Markup("<br/>").join(lines),
                force_send=now,
            )
        if people and not now:
            self._send_soon()

    @api.model
    def _send_soon(self):
        """Have Odoo's queue of mails turned at once, not within the hour."""
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()

    # -- as an event
    # ----------------------------------------------------------------------------------------------------

    def _event_company(self):
        self.ensure_one()
        return self.company_id or self.rule_id.company_id or self.env.company

    def _is_journalled(self, type_name):
        """Tell whether other systems were told this of this alert."""
        self.ensure_one()
        return bool(
            self.env.execute_query(
                SQL(
                    """
                    SELECT FROM integration_event e JOIN integration_event_type t ON t.id = e.event_type_id
                     WHERE e.res_model = %s AND e.res_id = %s AND e.txn_key IS NOT NULL AND t.name = %s LIMIT 1
                    """,
                    self._name,
                    self.id,
                    type_name,
                )
            )
        )

    def _event_data(self, type_name):
        self.ensure_one()
        return {
            "company": str(self._event_company().id),
            "id": str(self.id),
            "number": None,
            "date": fields.Date.to_string(self.began_at),
            "kind": self.kind,
            "class": self.severity,
            "rule": self.rule_id.with_context(lang=None).name[:255],
            "since": self._wire_time(self.since),
            "until": self._wire_time(self.until) if type_name == ENDED else None,
            "system": self.system_id.code or None,
            "endpoint": (self.endpoint_id.name or "")[:255] or None,
            "lane": self.lane or None,
            "reading": round(self.reading_now, 2),
            "threshold": self.rule_id.threshold,
            "affected": max(0, self.count),
            "amount": self._wire_amount() if self.has_amount else None,
            "currency": (self.currency_code or None) if self.has_amount else None,
        }

    def _wire_amount(self):
        return tools.money_in_digits(self.env, self.currency_code, self.amount, grouped=False)

    @staticmethod
    def _wire_time(moment):
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None

    # -- buttons
    # -----------------------------------------------------------------------------------------------------------------

    def action_open(self):
        """Open what the alert is about, where it is mended."""
        self.ensure_one()
        self.check_access("read")
        xml_id, domain = self._open_what()
        action = self.env["ir.actions.act_window"]._for_xml_id(xml_id)
        if not self.env[action["res_model"]].has_access("read"):
            raise UserError(self.env._("This is not your turn, but: %s.", self.turn))
        return {**action, "domain": domain, "context": {}} if domain else action

    def _open_what(self):
        """Return (XML id of an action, domain or None for the action's own)."""
        match self.kind:
            case "engine":
                return "integration_core.action_heartbeat", None
            case "dead_letters":
                own = Domain("subscription_id", "=", self.subscription_id.id)
                return "integration_core.action_dead_letter", list(DEAD & own)
            case "burn_rate":
                waiting = [("is_open", "=", True), ("company_id", "=", self.company_id.id)]
                endpoint = [("subscription_id.endpoint_id", "=", self.endpoint_id.id)]
                return "integration_core.action_delivery", [*waiting, *endpoint]
            case "backlog" | "backlog_forecast" | "failing":
                domain = [("is_open", "=", True), ("company_id", "=", self.company_id.id)]
                if self.subscription_id:
                    domain.append(("subscription_id", "=", self.subscription_id.id))
                if self.lane:
                    domain.append(("lane", "=", LANE_RANK[self.lane]))
                return "integration_core.action_delivery", domain
            case "trouble":
                return "integration_outbound.action_endpoint", [("id", "=", self.endpoint_id.id)]
            case "silence":
                return "integration_core.action_system", [("id", "=", self.system_id.id)]
            case "key_expiry":
                holder = ("endpoint_id", "=", self.endpoint_id.id)
                return "integration_core.action_credential", [
                    holder if self.endpoint_id else ("system_id", "=", self.system_id.id)
                ]
        return self._open_money()

    def _open_money(self):
        """Return as :meth:`_open_what`: what is parked, or what nothing became of, or the days whose money differs."""
        own, since = ("system_id", "=", self.system_id.id), lost_since(self.since)
        if self.kind != "unaccounted":
            return "integration_account.action_charge_parked", [("state", "=", "parked"), ("mode", "=", "live"), own]
        if self.count:
            lost = [("mode", "=", "live"), ("bucket", "=", "unaccounted"), ("received_day", ">=", since)]
            return "integration_monitor.action_receipt", [own, *lost]
        differs = [("day", ">=", since), ("unaccounted_amount", "!=", 0)]
        return "integration_monitor.action_ledger_received", [own, *differs]
