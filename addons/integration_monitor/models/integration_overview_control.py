from datetime import datetime, timedelta, timezone
from decimal import Decimal

from odoo import api, fields, models
from odoo.fields import Domain

from ..domain.reconciliation import OPEN
from .integration_alert_rule import SEVERITIES

KEY_DAYS = 30
"""Keys that end within so many days are told to administrators."""
_TO_DO = ("new", "breaks", "changed")
"""States of reconciled periods in which somebody, or the engine, has to do something."""


class IntegrationOverviewControl(models.AbstractModel):
    """The Overview's figures of control: alerts, approvals, reconciliations, money at risk, silent systems, keys."""

    _name = "integration.overview.control"
    _inherit = ["integration.overview.money"]
    _description = "Overview: control"

    @api.model
    def _alerts(self):
        """Return how many alerts run, by class; None for those who may not see alerts."""
        alerts = self.env["integration.alert"]
        if not alerts.has_access("read"):
            return None
        running = Domain("until", "=", False)
        counts = dict(alerts._read_group(running, ["severity"], ["__count"]))
        labels = dict(alerts._fields["severity"]._description_selection(self.env))
        return {
            "count": sum(counts.values()),
            "classes": [
                {
                    "class": name,
                    "label": labels[name],
                    "count": counts.get(name, 0),
                    "action": self._open(labels[name], alerts._name, [*running, ("severity", "=", name)]),
                }
                for name, _label in SEVERITIES
            ],
            "action": self._open(self.env._("Alerts"), alerts._name, list(running)),
        }

    @api.model
    def _approvals(self, days):
        """Return how requests for approval get on: what waits, since when, and what became of others in the period."""
        requests = self.env["integration.approval"]
        if not requests.has_access("read"):
            return None
        waiting = Domain("state", "=", "waiting")
        mine = waiting & Domain("my_turn", "=", True)
        overdue = waiting & Domain("expires_at", "<=", fields.Datetime.now())
        since = self._midnight(days)
        ended = Domain("state", "!=", "waiting") & Domain("decided_at", ">=", since)
        [(count, oldest)] = requests._read_group(waiting, [], ["__count", "requested_at:min"])
        counts = dict(requests._read_group(ended, ["state"], ["__count"]))
        labels = dict(requests._fields["state"]._description_selection(self.env))
        return {
            "waiting": count,
            "oldest": self._age(oldest),
            # Whose turn it is takes many looks at roles; mostly nothing waits.
            "mine": requests.search_count(mine) if count else 0,
            "overdue": requests.search_count(overdue) if count else 0,
            "ended": [
                {
                    "state": state,
                    "label": labels[state],
                    "count": counts.get(state, 0),
                    "action": self._open_requests([*ended, ("state", "=", state)]),
                }
                for state in ("approved", "rejected", "expired")
            ],
            "action": self._open_requests(list(waiting)),
            "mine_action": self._open_requests(list(mine)),
            "overdue_action": self._open_requests(list(overdue)),
        }

    @api.model
    def _open_requests(self, domain):
        return self._open(self.env._("Approvals"), "integration.approval", domain, views=("list", "form"))

    # -- reconciliation
    # -------------------------------------------------------------------------------------------------------

    @api.model
    def _reconciliations(self, roles, days):
        """Return whether reconciled periods agree within tolerance: those that ended of late, and what is to do."""
        periods = self.env["integration.reconciliation"]
        if not ((roles["finance"] or roles["auditor"]) and periods.has_access("read")):
            return None
        ours = Domain("company_id", "in", self.env.companies.ids)
        first = fields.Date.subtract(fields.Date.context_today(self), days=days)
        recent = ours & Domain("date_to", ">=", first)
        [(compared, equal, within, breaks)] = periods._read_group(
            recent, [], ["__count", "matched_count:sum", "within_count:sum", "break_count:sum"]
        )
        lines, to_do = self.env["integration.reconciliation.line"], ours & Domain("state", "in", OPEN)
        [(count, oldest)] = lines._read_group(to_do, [], ["__count", "since:min"])
        return {
            "compared": compared,
            "agree": (equal or 0) + (within or 0),
            "within": within or 0,
            "breaks": breaks or 0,
            "action": self._open_periods(recent),
            "to_do": count,
            "oldest": self._age(oldest),
            "amounts": self._money(self._money_of_breaks(to_do)) if roles["finance"] else [],
            "to_do_action": self._open(self.env._("Breaks to look at"), lines._name, list(to_do)),
            "states": self._period_states(ours),
        }

    @api.model
    def _money_of_breaks(self, domain):
        """Return {currency: what sides differ by, each difference taken as positive} of rows of comparisons."""
        groups = self.env["integration.reconciliation.line"]._read_group(
            domain & Domain("compares_amount", "=", True), ["currency"], ["weight:sum"]
        )
        return {currency: Decimal(str(weight)) for currency, weight in groups if currency and weight}

    @api.model
    def _period_states(self, ours):
        periods = self.env["integration.reconciliation"]
        labels = dict(periods._fields["state"]._description_selection(self.env))
        counts = dict(periods._read_group(ours & Domain("state", "in", _TO_DO), ["state"], ["__count"]))
        return [
            {
                "state": state,
                "label": labels[state],
                "count": counts[state],
                "action": self._open_periods(ours & Domain("state", "=", state), labels[state]),
            }
            for state in _TO_DO
            if counts.get(state)
        ]

    @api.model
    def _open_periods(self, domain, name=None):
        return self._open(name or self.env._("Reconciled periods"), "integration.reconciliation", list(domain))

    # -- money at risk
    # --------------------------------------------------------------------------------------------------------

    @api.model
    def _risk(self, roles, equation, parked):
        """Return the money that was received and may be lost if nobody does anything; for finance.

        It is what is parked or waits, dead letters included, however old, and what of the period is unaccounted for.
        Breaks of reconciliations are told beside it and not added: the same money may be parked.

        :param equation: rows of the equation of the period
        :param parked: {currency: amount} of all parked charges
        """
        if not roles["finance"]:
            return None
        waiting, lost = self.env["integration.ledger"]._waiting_money(self.env.companies), {}
        for row in equation:
            if row.key.currency and row.difference.amount:
                lost[row.key.currency] = lost.get(row.key.currency, 0) + abs(row.difference.amount)
        total = {}
        for sums in (parked, waiting, lost):
            for currency, amount in sums.items():
                total[currency] = total.get(currency, 0) + Decimal(str(amount))
        return {
            "total": self._money(total),
            "parts": {
                "parked": self._money(parked),
                "waiting": self._money(waiting),
                "unaccounted": self._money(lost),
            },
            "waiting_action": self._open_waiting(),
        }

    @api.model
    def _open_waiting(self):
        """Return the action that opens the receipts whose amounts are the money that waits."""
        # Only of what is open is asked what became of it: that is little, however long the history is.
        ours = [("company_id", "in", self.env.companies.ids), ("is_open", "=", True), ("mode", "=", "live")]
        waiting = [*ours, ("bucket", "=", "waiting"), ("amount", "!=", 0)]
        return self._open(self.env._("Waiting, however old"), "integration.receipt", waiting)

    # -- systems and keys
    # -----------------------------------------------------------------------------------------------------

    @api.model
    def _silence(self, roles):
        """Return the live systems that may send, when each was last heard, and which of them should speak and do not.

        A system is silent when an alert rule says so: it sends nothing for longer than the rule allows, although it
        did on most days at this hour.
        """
        if not (roles["operator"] or roles["auditor"]):
            return None
        now, silent = fields.Datetime.now(), self._silent_systems()
        known = {
            system: (seconds, heard, suspended)
            for system, company, _code, seconds, heard, suspended in self.env["integration.metrics"]._silences()
            if company in self.env.companies.ids
        }
        rows = [
            {
                "id": system.id,
                "name": self.env._("%s (suspended)", system.name) if known[system.id][2] else system.name,
                "age": self._age(now - timedelta(seconds=known[system.id][0])),
                "heard": known[system.id][1],
                "silent": system.id in silent,
                "seconds": known[system.id][0],
                "action": self._open(system.name, "integration.event", [("system_id", "=", system.id)]),
            }
            for system in self.env["integration.system"].browse(list(known))
        ]
        rows.sort(key=lambda row: (not row["silent"], -row["seconds"]))
        return {"count": sum(row["silent"] for row in rows), "rows": rows}

    @api.model
    def _silent_systems(self):
        """Return the ids of the systems that a rule about silence calls silent now."""
        # sudo: rules and readings are the engine's; what is told of them is of the user's own companies
        rules = self.env["integration.alert.rule"].sudo().search([("kind", "=", "silence")])
        readings = self.env["integration.alert.readings"].sudo()
        return {
            one.system
            for rule in rules
            for one in readings._read(rule)
            if one.value is not None and one.value > rule.threshold
        }

    @api.model
    def _keys_ending(self):
        """Return the keys in force that end soon with no other after them.

        :return: list of (what tells them apart, whose they are in words, moment they end, action)
        """
        soon = fields.Datetime.now() + timedelta(days=KEY_DAYS)
        found = []
        credentials = self.env["integration.credential"]
        for system, company, endpoint, code, name, use, ends in self.env["integration.metrics"]._credential_ends():
            moment = datetime.fromtimestamp(ends, timezone.utc).replace(tzinfo=None) if ends != float("inf") else None
            if moment and moment <= soon and company in self.env.companies.ids:
                # Endpoints of two systems may have one name.
                whose = f"{code} · {name}" if endpoint else code
                of = ("endpoint_id", "=", endpoint) if endpoint else ("system_id", "=", system)
                action = self._open(whose, credentials._name, [of, ("use", "=", use), ("state", "=", "active")])
                found.append((f"{system}/{endpoint or 0}/{use}", whose, moment, action))
        return found
