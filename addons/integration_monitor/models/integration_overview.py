from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_datetime

from .integration_overview_deliveries import DEAD
from .integration_overview_plumbing import LATE_MOST

PERIODS = {"today": 1, "week": 7, "month": 30}
SUSPENDED = Domain("state", "=", "suspended") & Domain("mode", "=", "live")
ROLES = {
    "finance": "integration_core.group_finance_viewer",
    "reviewer": "integration_core.group_finance_reviewer",
    "operator": "integration_core.group_operator",
    "steward": "integration_core.group_steward",
    "admin": "integration_core.group_admin",
    "liaison": "integration_core.group_clinical_liaison",
    "approver": "integration_core.group_governance_approver",
    "privacy": "integration_core.group_privacy_officer",
    "auditor": "integration_core.group_auditor",
}
LOOKED_BACK_DAYS = 30
"""Days of looks at contents that the privacy officer is told of."""


class IntegrationOverview(models.AbstractModel):
    """What the Overview shows: is it flowing, is anything lost, what is parked, what is stuck, whose turn it is.

    Every figure comes with the action that opens the records behind it. Read with the user's own rights and companies;
    finance sees money and no plumbing, operators and auditors plumbing and no money, the clinical side what waits for
    its correction, approvers what waits for them, privacy officers who looked at contents.
    """

    _name = "integration.overview"
    _inherit = [
        "integration.overview.needs",
        "integration.overview.plumbing",
        "integration.overview.deliveries",
        "integration.overview.setup",
    ]
    _description = "Overview"

    @api.model
    def get_data(self, period="today", again=False):
        """Return all that the Overview shows, as JSON values.

        :param str period: ``today``, ``week`` (7 days) or ``month`` (30 days)
        :param bool again: the page was read a moment ago: ``setup``, the warnings of the set-up check, whose checks
            take long, is None and what was read then still holds
        :return: dict; ``state`` is ``no_rights`` (and nothing else is there), ``empty`` or ``ok``
        """
        roles = {name: self.env.user.has_group(group) for name, group in ROLES.items()}
        if not any(roles.values()):
            return {"state": "no_rights"}
        # Compiling a statement takes longer than any of these may, and statistics may not decide how history is read.
        self.env.cr.execute("SET LOCAL jit = off; SET LOCAL enable_seqscan = off")
        self.env["integration.live"]._watch(self.env.companies)
        period = period if period in PERIODS else "today"
        data = self._figures(roles, PERIODS[period])
        parked, last = data["parked"] or data["corrections"], self._last_receipt()
        waiting = self._waiting_for_people(data["deliveries"], parked, data["to_map"], data["holds"])
        unseen = self._waiting_unseen(data["deliveries"], parked)
        headline = self._headline(last, data["engine"], data["equation"], data["holds"], waiting, unseen)
        return {
            "state": "ok" if last else "empty",
            "period": period,
            "roles": roles,
            "headline": headline,
            "setup": None if again else self._setup_warnings() if roles["operator"] else [],
            "warnings": self._warnings(roles),
            "needs": self._needs(roles, data),
            **data,
        }

    @api.model
    def _figures(self, roles, days):
        """Return the parts of the page for these roles; a part is None where it is nothing for them.

        :param int days: of the chosen period, today included
        """
        spans = self._spans(days)
        rows = self._equation_rows(spans, roles)
        groups = self._parked_groups(roles)
        return {
            "holds": self._holds(roles),
            "equation": self._equation(rows, spans, roles),
            "risk": self._risk(roles, rows, self._parked_money(groups)),
            "parked": self._parked(groups, roles),
            "corrections": self._corrections(roles),
            "to_map": self._to_map(roles),
            "pipeline": self._pipeline(roles, days),
            "deliveries": self._deliveries(roles, days),
            "approvals": self._approvals(days),
            "reconciliations": self._reconciliations(roles, days),
            "silence": self._silence(roles),
            "alerts": self._alerts(),
            "hours": self._hours() if roles["finance"] or roles["operator"] or roles["auditor"] else None,
            "engine": self._engine(),
        }

    @api.model
    def _spans(self, count):
        """Return the days of receipt that are the last ``count`` days up to today, as it is where each system is.

        A day of receipt is local to its system: who looks from another time zone sees the same figures, and what one
        system sent yesterday is not counted as today because it is still yesterday for another one.

        :return: list of (first day, last day, systems or None for all)
        """
        # sudo: in which time zones the company's systems are is no secret
        systems = self.env["integration.system"].sudo().with_context(active_test=False)
        own = systems.search([("company_id", "in", self.env.companies.ids)])
        by_today = {}
        for zone, there in own.grouped("timezone").items():
            today = fields.Date.context_today(self.with_context(tz=zone))
            by_today[today] = by_today.get(today, systems) | there
        if len(by_today) < 2:  # one date everywhere, as nearly always
            by_today = {next(iter(by_today), fields.Date.context_today(self)): None}
        return [
            (fields.Date.subtract(today, days=count - 1), today, there) for today, there in sorted(by_today.items())
        ]

    # -- is it flowing -----------------------------------------------------------------------------

    @api.model
    def _headline(self, last, engine, equation, holds, waiting, unseen):
        """Return the one sentence that answers: is it flowing?"""
        # sudo: why nothing is sent or accepted concerns everybody who looks here; it names no secret
        key_problem = self.env["integration.keyring"].sudo()._status()
        if key_problem:
            return self._sentence("danger", self.env._("Nothing is accepted and nothing is sent."), key_problem)
        if engine["stopped"]:
            return self._sentence(
                "danger",
                self.env._("The engine has stopped."),
                self.env._(
                    "Overdue deliveries: %s. Tell whoever runs Odoo: its scheduled jobs are not running.",
                    self._late_words(engine["late"]),
                ),
            )
        if equation and not equation["balanced"]:
            return self._sentence(
                "danger",
                self.env._("Something is unaccounted for."),
                self.env._("What was received is not equal to what became of it. Open the red figure below."),
            )
        if holds["everything"]:
            return self._sentence(
                "warning",
                self.env._("Everything is paused."),
                self.env._("Messages are accepted and wait; nothing is carried out or sent until it is released."),
            )
        if not last:
            return self._sentence(
                "info",
                self.env._("Ready, and nothing was received yet."),
                self.env._("Register a system and let it send."),
            )
        return self._flowing(last, engine["late"], waiting, unseen)

    @api.model
    def _waiting_for_people(self, deliveries, parked, to_map, holds):
        """Return what waits for a person, as far as this user has to do with it: a list of short texts."""
        found = []
        if holds["rows"]:
            found.append(self.env._("holds (%s)", ", ".join(row["what"] for row in holds["rows"])))
        if deliveries and (suspended := self._suspended_systems()):
            found.append(self.env._("suspended systems (%s)", self._number(suspended)))
        if deliveries and (stopped := self._stopped_receivers()):
            found.append(self.env._("receivers that take nothing (%s)", self._number(stopped)))
        if deliveries and deliveries["dead"]:
            found.append(self.env._("dead letters (%s)", self._number(deliveries["dead"])))
        if parked and parked["count"]:
            texts = [self._number(parked["count"]), *parked["amounts"]]
            found.append(self.env._("parked lines (%s)", ", ".join(texts)))
        elif to_map and to_map["codes"]:
            found.append(self.env._("codes to map (%s)", self._number(to_map["codes"])))
        return found

    @api.model
    def _waiting_unseen(self, deliveries, lines):
        """Return how much waits for a person that this user's role does not show: list of (text, whose turn it is).

        *Everything flows* must be true for whoever reads it, so everybody with a role is told how many: no money, no
        name, and no way to open what their role has nothing to do with.
        """
        companies, found = self.env.companies.ids, []
        if deliveries is None and (suspended := self._suspended_systems()):
            turn = self.env._("Suspended systems are the administrators' turn.")
            found.append((self.env._("suspended systems (%s)", self._number(suspended)), turn))
        if deliveries is None and (stopped := self._stopped_receivers()):
            turn = self.env._("Receivers that take nothing are the operators' turn.")
            found.append((self.env._("receivers that take nothing (%s)", self._number(stopped)), turn))
        if deliveries is None:
            dead = Domain("company_id", "in", companies) & DEAD
            # sudo: a number of the user's own companies
            if count := self.env["integration.delivery"].sudo().search_count(dead):
                turn = self.env._("Dead letters are the operators' turn.")
                found.append((self.env._("dead letters (%s)", self._number(count)), turn))
        if lines is None:
            parked = [("status", "=", "parked"), ("event_id.company_id", "in", companies)]
            # sudo: as above
            if count := self.env["integration.effect"].sudo().search_count([*parked, ("event_id.mode", "=", "live")]):
                turn = self.env._("Parked lines are the turn of finance or the mapping stewards.")
                found.append((self.env._("parked lines (%s)", self._number(count)), turn))
        return found

    @api.model
    def _suspended_systems(self):
        """Return of how many live systems of the chosen companies nothing is taken."""
        # sudo: a number of the user's own companies
        systems = self.env["integration.system"].sudo()
        return systems.search_count(SUSPENDED & Domain("company_id", "in", self.env.companies.ids))

    @api.model
    def _stopped_receivers(self):
        """Return how many live endpoints of the chosen companies do not take what is sent, for whatever reason."""
        troubled = Domain("trouble_since", "!=", False) & Domain("approved_mode", "!=", "test")
        # sudo: a number of the user's own companies
        endpoints = self.env["integration.endpoint"].sudo()
        return endpoints.search_count(troubled & Domain("company_id", "in", self.env.companies.ids))

    @api.model
    def _flowing(self, last, late, waiting, unseen):
        """Return the sentence for while the engine is alive: all is well only if nothing is late or waits for people.

        :param int late: deliveries that have been due for too long
        """
        detail = self.env._("The last message came %s ago.", self._age(last))
        what = ", ".join([*waiting, *(text for text, _turn in unseen)])
        if not (late or what):
            return self._sentence("success", self.env._("Everything flows."), detail)
        detail = " ".join([detail, *(turn for _text, turn in unseen)])
        late = self._late_words(late) if late else ""
        if not late:
            text = self.env._("Flowing. Waiting for a person: %s.", what)
        elif not what:
            text = self.env._("Flowing. Late deliveries: %s.", late)
        else:
            text = self.env._(
                "Flowing. Late deliveries: %(late)s. Waiting for a person: %(what)s.", late=late, what=what
            )
        return self._sentence("warning", text, detail)

    @api.model
    def _late_words(self, late):
        number = self._number(late)
        return self.env._("%s or more", number) if late >= LATE_MOST else number

    @staticmethod
    def _sentence(level, text, detail=""):
        return {"level": level, "text": text, "detail": detail}

    # -- warnings ----------------------------------------------------------------------------------

    @api.model
    def _warnings(self, roles):
        warnings = self._alert_warnings()
        if roles["admin"] or roles["approver"]:
            warnings += self._approval_warnings()
        if roles["operator"]:
            warnings += self._operator_warnings()
        if roles["privacy"]:
            warnings += self._privacy_warnings()
        if roles["operator"] or roles["privacy"]:
            warnings += self._past_clock_warnings(roles)
        return warnings + self._request_warnings()

    @api.model
    def _alert_warnings(self):
        """Return the alerts that run, the most urgent first: operators see all of them, finance those about money."""
        alerts = self.env["integration.alert"]
        if not alerts.has_access("read"):
            return []
        levels = {"critical": "danger", "warning": "warning", "info": "info"}
        running = alerts.search([("until", "=", False)], limit=50)
        return [
            {
                "level": levels[alert.severity],
                "text": self.env._(
                    "%(what)s For %(age)s. Whose turn: %(turn)s.", what=alert.what, age=alert.age, turn=alert.turn
                ),
                "action": {
                    **self._open(alert.display_name, alerts._name, [("id", "=", alert.id)], views=("form",)),
                    "res_id": alert.id,
                },
            }
            for alert in running
        ]

    @api.model
    def _request_warnings(self):
        """Return what is in use although nobody has confirmed it in time."""
        requests = self.env["integration.approval"]
        if not requests.has_access("read"):
            return []
        waiting = Domain("state", "=", "waiting")
        overdue = waiting & Domain("urgent", "=", True) & Domain("expires_at", "<=", fields.Datetime.now())
        if count := requests.search_count(overdue):
            text = self.env._("In use before approval, and not confirmed in time: %s.", count)
            return [{"level": "danger", "text": text, "action": self._open_requests(list(overdue))}]
        return []

    @api.model
    def _privacy_warnings(self):
        """Say how often contents were opened of late."""
        since = fields.Datetime.subtract(fields.Datetime.now(), days=LOOKED_BACK_DAYS)
        looks = [("action", "=", "payload.read"), ("at", ">=", fields.Datetime.to_string(since))]
        text = self.env._(
            "Contents of messages opened within %(days)s days: %(count)s.",
            days=LOOKED_BACK_DAYS,
            count=self._number(self.env["integration.audit"].search_count(looks)),
        )
        action = self._open(self.env._("Audit trail"), "integration.audit", looks)
        return [{"level": "info", "text": text, "action": action}]

    @api.model
    def _approval_warnings(self):
        warnings = []
        roles = self.env["integration.approving.role"]
        if len(roles._people(ROLES["admin"])) < 2:
            until = roles._held_until(ROLES["admin"])
            if until:
                text = self.env._(
                    "Only one person is left who can approve. Until %s nobody approves their own work: add a "
                    "second administrator or a governance approver.",
                    format_datetime(self.env, until),
                )
            else:
                text = self.env._(
                    "Only one person can approve, so authors approve their own work. Add a second administrator or a "
                    "governance approver."
                )
            warnings.append({"level": "danger" if until else "warning", "text": text})
        for name in self.env["integration.approval"]._approved_models():
            domain = [("self_approved", "=", True), ("approval_state", "=", "approved")]
            model = self.env[name]
            count = model.search_count(domain) if model.has_access("read") else 0
            if count:
                # In the user's language, as a model's own description is not.
                kind = self.env["ir.model"]._get(name).name
                number = self._number(count)
                text = self.env._("%(kind)s: %(count)s approved by their own author.", kind=kind, count=number)
                warnings.append({"level": "warning", "text": text, "action": self._open(kind, name, domain)})
        return warnings

    @api.model
    def _past_clock_warnings(self, roles):
        """Return one line per company whose contents are past their clock and still open."""
        warnings = []
        for alarm in self.env["integration.retention.alarm"].search([("ended_at", "=", False)]):
            money = alarm.money if roles["finance"] else ""
            text = self.env._(
                "Contents past their clock and still open: %(count)s, for %(age)s. They stay until they are settled.",
                count=self._number(alarm.count),
                age=self._age(alarm.began_at),
            )
            if money:
                text = self.env._("%(text)s Money at risk: %(money)s.", text=text, money=money)
            if len(self.env.companies) > 1:
                text = f"{alarm.company_id.name}: {text}"
            action = self._open(alarm.display_name, alarm._name, [("id", "=", alarm.id)], views=("form",))
            warnings.append({"level": "warning", "text": text, "action": {**action, "res_id": alarm.id}})
        return warnings

    @api.model
    def _operator_warnings(self):
        warnings = self._suspended_warnings()
        stopped = Domain("state", "in", ("paused", "disabled"))
        for endpoint in self.env["integration.endpoint"].search(stopped, limit=20):
            label = dict(endpoint._fields["state"]._description_selection(self.env))[endpoint.state]
            warnings.append(
                {
                    "level": "danger" if endpoint.state == "disabled" else "warning",
                    "text": self.env._(
                        "Endpoint %(name)s: %(state)s. Its events wait.", name=endpoint.name, state=label
                    ),
                    "action": self._open(
                        endpoint.name, "integration.endpoint", [("id", "=", endpoint.id)], views=("list", "form")
                    ),
                }
            )
        warnings += [
            {
                "level": "warning",
                "text": self.env._("Subscription %s: paused. Its deliveries wait.", subscription.name),
                "action": self._open(
                    subscription.name, subscription._name, [("id", "=", subscription.id)], views=("list", "form")
                ),
            }
            for subscription in self.env["integration.subscription"].search([("state", "=", "paused")], limit=20)
        ]
        return warnings

    @api.model
    def _suspended_warnings(self):
        """Return the live systems of which nothing is taken: one that was suspended by mistake is to be noticed."""
        return [
            {
                "level": "danger",
                "text": self.env._("System %s: suspended. Whatever it sends is refused.", system.name),
                "action": self._open(system.name, system._name, [("id", "=", system.id)], views=("list", "form")),
            }
            for system in self.env["integration.system"].search(SUSPENDED, limit=20)
        ]
