from decimal import Decimal

from odoo import api, models
from odoo.addons.integration_core import tools

from ..domain import objectives


class IntegrationAlertWords(models.AbstractModel):
    """What alerts say: the same words as the alert rules for Prometheus (``docs/metrics.md``)."""

    _name = "integration.alert.words"
    _description = "Words of alerts"

    @api.model
    def _sees_money(self, user):
        # sudo: of which groups somebody is
        return user.sudo().has_group("integration_core.group_finance_viewer")

    def _headline(self, finance):
        """Return what happened.

        :param bool finance: whether it may say money
        """
        self.ensure_one()
        alert = self.sudo()  # sudo: names of systems and endpoints stand for themselves
        name = self._scope_name(alert.system_id, alert.endpoint_id, alert.subscription_id, alert.lane)
        reading = alert.reading_worst if alert.until else alert.reading_now
        span = self._reading_words(alert.kind, reading, alert.currency_code, finance)
        if alert.kind == "engine":
            return self.env._("The engine gives no sign of life, and work is due.")
        if alert.kind == "trouble":
            return self.env._("%s does not take what is sent.", name)
        if alert.kind == "silence":
            if alert._is_refused():
                return self.env._("%(name)s is suspended and has sent nothing for %(span)s.", name=name, span=span)
            return self.env._("%(name)s has sent nothing for %(span)s.", name=name, span=span)
        if alert.kind == "key_expiry":
            if reading < 0:
                return self.env._("The last key of %s has ended.", name)
            return self.env._("The last key of %(name)s ends in %(span)s.", name=name, span=span)
        if alert.kind == "unaccounted":
            if alert.count:
                return self.env._("%(count)s lines of %(name)s are unaccounted for.", count=alert.count, name=name)
            return self.env._("Money of %s is unaccounted for.", name)
        if alert.kind in ("backlog", "backlog_forecast", "failing", "burn_rate", "dead_letters"):
            return alert._headline_of_deliveries(name)
        return alert._headline_of_parked(name, span, finance)

    def _headline_of_deliveries(self, name):
        if self.kind == "failing":
            return self.env._("Deliveries of %s fail.", name)
        if self.kind == "burn_rate":
            return self.env._("%s fails more often than its objective allows.", name)
        if self.kind == "backlog_forecast":
            return self.env._("The backlog of the lane %s is not being worked off.", name)
        if self.kind == "dead_letters":
            return self.env._("%(count)s deliveries of %(name)s were given up.", count=self.count, name=name)
        if self.lane == "critical":
            return self.env._("Critical deliveries are late.")
        return self.env._("Deliveries of the lane %s are late.", name)

    def _headline_of_parked(self, name, span, finance):
        if self.kind == "parked_lines":
            return self.env._("%(count)s lines of %(name)s wait for a person.", count=self.count, name=name)
        if self.kind == "parked_age":
            return self.env._("Lines of %(name)s have waited for a person for %(span)s.", name=name, span=span)
        if finance:
            return self.env._("%(money)s of %(name)s wait for a person.", money=self._money_words(), name=name)
        return self.env._("Much money of %s waits for a person.", name)

    def _money_words(self):
        """Return the money that waits, as text; an empty string for none."""
        self.ensure_one()
        alert = self.sudo()  # sudo: whoever may not read it does not get this far
        if not alert.has_amount:
            return ""
        return ", ".join(tools.money_in_words(self.env, {alert.currency_code: Decimal(str(alert.amount))}))

    @api.model
    def _scope_name(self, system, endpoint, subscription, lane):
        lanes = dict(self.env["integration.alert.rule"]._fields["lane"]._description_selection(self.env))
        return endpoint.name or subscription.name or system.name or lanes.get(lane) or self.env._("The engine")

    @api.model
    def _scope_words(self, kind, reading):
        """Return what a reading is about, in words."""
        return self._scope_name(
            self.env["integration.system"].browse(reading.system or ()),
            self.env["integration.endpoint"].browse(reading.endpoint or ()),
            self.env["integration.subscription"].browse(reading.subscription or ()),
            reading.lane,
        )

    @api.model
    def _reading_words(self, kind, value, currency, finance):
        """Return a reading in words.

        :param bool finance: whether money may be told; else it says that it is not
        """
        match kind:
            case "engine":
                return self.env._("%s s", round(value))
            case "backlog_forecast":
                return self._forecast_words(value)
            case "burn_rate":
                return self.env._("%s times what is allowed", f"{value:.1f}")
            case "backlog" | "trouble":
                return self.env._("%s min", round(value))
            case "silence":
                return self.env._("%s h", f"{value:.1f}")
            case "failing":
                return self.env._("%s %%", f"{value:.0f}")
            case "parked_age" | "key_expiry":
                return self.env._("%s days", f"{value:.1f}")
            case "parked_money":
                if not finance:
                    return self.env._("shown to finance")
                return ", ".join(tools.money_in_words(self.env, {currency: Decimal(str(value))}))
        return f"{value:.0f}"

    @api.model
    def _forecast_words(self, hours):
        if hours >= objectives.NEVER:
            return self.env._("not at all, as it goes now")
        return self.env._("in %s h, as it goes now", f"{hours:.1f}")

    def _is_refused(self):
        """Tell whether an alert that runs is about a system that is suspended: whatever it sends is refused."""
        self.ensure_one()
        return not self.until and self.sudo().system_id.state == "suspended"  # sudo: as in _headline

    def _own_turn_words(self):
        """Return (whose turn it is, what to do) of this alert, as things stand now."""
        self.ensure_one()
        if self.kind == "silence" and self._is_refused():
            return self.env._("Administrator"), self.env._(
                "Whatever it sends is refused. If that is not meant, press Activate on it; if it is to send no more, "
                "Back to test ends this alert, too."
            )
        if self.kind == "trouble":
            return self._turn_words_of_trouble(self.sudo().endpoint_id)  # sudo: as in _headline
        return self._turn_words(self.kind)

    def _turn_words_of_trouble(self, endpoint):
        turn, step = self._turn_words("trouble")
        match endpoint.state, endpoint.trouble:
            case "paused", _:
                step = self.env._(
                    "It is paused: its events wait, nothing is lost and nothing is tried until somebody presses Resume "
                    "on it."
                )
            case "draft", _:
                step = self.env._("Its events wait and nothing is lost until its address is approved.")
            case _, "gone":
                step = self.env._(
                    "Its events wait and nothing is lost, but it is not asked again by itself: it has said that it is "
                    "gone for good. Ask the partner; when it is there again press Resume on it. Where it has moved, "
                    "an administrator enters the new address and has it approved."
                )
            case _, "configuration":
                step = self.env._(
                    "Its events wait and nothing is lost, but it is not asked again by itself: it has failed three "
                    "times in a row in a way that passes only with a change. Open it, have mended what its last tries "
                    "say, then press Resume on it."
                )
        return turn, step

    @api.model
    def _turn_words(self, kind):
        """Return (whose turn it is, what to do)."""
        administrator, operator = self.env._("Administrator"), self.env._("Operator")
        words = {
            "engine": (
                administrator,
                self.env._(
                    "Start the worker, or see why the scheduled action does not run. Nothing is lost meanwhile."
                ),
            ),
            "unaccounted": (
                administrator,
                self.env._(
                    "Keep what it opens, and the server's log, and tell whoever maintains the suite. Nobody closes a "
                    "month on it."
                ),
            ),
            "backlog": (
                operator,
                self.env._(
                    "See whether an engine runs, and whether a receiver is slow; a further worker helps only the first."
                ),
            ),
            "trouble": (
                operator,
                self.env._(
                    "Its events wait and nothing is lost. Open it: it says what is wrong, and when it is asked again. "
                    "Probe now does not wait for it."
                ),
            ),
            "failing": (
                operator,
                self.env._("Open the deliveries and read the last error; tell the partner. They wait."),
            ),
            "backlog_forecast": (
                operator,
                self.env._(
                    "More arrives than is done. See which receiver is slow or left alone; a further worker helps "
                    "where none is."
                ),
            ),
            "burn_rate": (
                operator,
                self.env._(
                    "Open the deliveries and read the last error; the runbook of the endpoint says what to do, and its "
                    "page Health how much may still fail."
                ),
            ),
            "dead_letters": (operator, self.env._("Remove the cause first, then deliver again.")),
            "silence": (
                operator,
                self.env._(
                    "Its Connect page shows whether anything arrives; else ask there whether the interface runs."
                ),
            ),
            "key_expiry": (
                administrator,
                self.env._("Rotate the key and hand the new one to the partner; both work meanwhile."),
            ),
        }
        parked = (
            self.env._("Finance or mapping steward"),
            self.env._(
                "See the reasons. Mostly one new code is behind many lines: map it, and they go on by themselves."
            ),
        )
        return words.get(kind, parked)

    def _mail_lines(self, finance):
        """Return the lines of a mail about this alert."""
        self.ensure_one()
        alert = self.sudo()  # sudo: what is left out for whom is decided here
        lines = [self._headline(finance)]
        company = alert.company_id.name
        if company:
            lines.append(self.env._("Company: %s", company))
        if alert.until:
            lines.append(self.env._("From %(since)s to %(until)s UTC.", since=alert.since, until=alert.until))
            worst = self._reading_words(alert.kind, alert.reading_worst, alert.currency_code, finance)
            return [*lines, self.env._("At its worst: %s.", worst)]
        lines.append(self.env._("Since %s UTC.", alert.since))
        if alert.count:
            lines.append(self.env._("Affected: %s.", alert.count))
        if finance and (money := alert._money_words()):
            unaccounted = alert.kind == "unaccounted"
            lines.append(self.env._("Money: %s.", money) if unaccounted else self.env._("Money that waits: %s.", money))
        turn, step = self._own_turn_words()
        lines += [self.env._("Whose turn: %s.", turn), step]
        return [*lines, self.env._("Step by step: %s", alert.runbook_url)] if alert.runbook_url else lines
