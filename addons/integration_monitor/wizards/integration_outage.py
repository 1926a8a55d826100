from collections import namedtuple
from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.addons.integration_core.domain.equation import Tally
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, format_datetime

from ..domain import outage

FINANCE = "integration_core.group_finance_viewer"
MOST_DAYS = 92
"""Days of one report; more are asked for one after the other."""
MOST_ROWS = 50
"""Silences and gaps that are shown, the longest first where there are more."""
MOST_AFTER = 10_000
"""Messages after the period in which its missing numbers are looked for."""
_Row = namedtuple("_Row", "begin end length messages lines money")


class IntegrationOutage(models.TransientModel):
    """When a system was silent, what it sent since of what happened meanwhile, and what is still missing."""

    _name = "integration.outage"
    _description = "Outage report"
    _inherit = ["integration.overview.words"]

    system_id = fields.Many2one(
        "integration.system", required=True, domain="[('company_id', 'in', allowed_company_ids)]"
    )
    begin = fields.Datetime(
        "From", required=True, default=lambda self: fields.Datetime.subtract(fields.Datetime.now(), days=7)
    )
    end = fields.Datetime("Until", required=True, default=fields.Datetime.now)
    least = fields.Integer("Silent for (minutes)", required=True, default=60, help="Shorter times are no silence.")
    report = fields.Html(compute="_compute_report", sanitize=False)

    @api.depends("system_id", "begin", "end", "least")
    def _compute_report(self):
        for one in self:
            one.report = one._rendered() if one.system_id and one._is_period() else False

    @api.depends("system_id")
    def _compute_display_name(self):
        for one in self:
            one.display_name = one.system_id.name or self.env._("Outage report")

    def _is_period(self):
        if not (self.begin and self.end and self.least > 0):
            return False
        return timedelta() < self.end - self.begin <= timedelta(days=MOST_DAYS)

    def _rendered(self):
        return self.env["ir.qweb"]._render("integration_monitor.outage_body", {"told": self._told()})

    @api.constrains("begin", "end", "least")
    def _check_period(self):
        for one in self:
            if not one._is_period():
                raise UserError(self.env._("Choose a period that ends after it begins, of at most %s days.", MOST_DAYS))

    def _check_reader(self):
        """Refuse a system of another company.

        :raises AccessError: for it
        """
        self.ensure_one()
        self.check_access("read")
        self.system_id.check_access("read")
        if self.system_id.company_id not in self.env.companies:
            raise AccessError(self.env._("You do not work in the company of that system."))

    # -- what is told -------------------------------------------------------------------------------------------------

    def _told(self):
        """Return what the report says, as values for its template."""
        self._check_reader()
        end = min(self.end, fields.Datetime.now())
        found = outage.silences(
            self._moments(end), self.begin, end, timedelta(minutes=self.least), before=self._before()
        )
        found.sort(key=lambda one: (one.end or end) - (one.begin or self.begin), reverse=True)
        shown = sorted(found[:MOST_ROWS], key=lambda one: one.begin or self.begin)
        known = self._numbers(end)
        gaps = outage.gaps(known)
        return {
            "system": self.system_id.name,
            "begin": self._when(self.begin),
            "end": self._when(end),
            "zone": self.env.user.tz or "UTC",
            "least": self.least,
            "money": self._sees_money(),
            "silences": [self._silence(one) for one in shown],
            "silence_count": len(found),
            "numbered": bool(known),
            "gaps": [str(gap) for gap in sorted(gaps, key=lambda gap: gap.count, reverse=True)[:MOST_ROWS]],
            "gap_count": len(gaps),
            "missing": sum(gap.count for gap in gaps),
            "known": (known[0], known[-1]) if known else (),
        }

    @api.model
    def _sees_money(self):
        return self.env.user.has_group(FINANCE)

    @api.model
    def _when(self, moment):
        return format_datetime(self.env, moment) if moment else ""

    def _of_system(self, more):
        """Return the condition of the accepted live messages of the system."""
        return SQL("system_id = %s AND mode = 'live' AND %s", self.system_id.id, more)

    def _moments(self, end):
        """Return when messages came in the period, and when the first one after it."""
        within = self._of_system(SQL("received_at BETWEEN %s AND %s", self.begin, end))
        after = self._of_system(SQL("received_at > %s", end))
        rows = self.env.execute_query(
            SQL(
                "(SELECT DISTINCT received_at FROM integration_event WHERE %s)"
                " UNION ALL (SELECT min(received_at) FROM integration_event WHERE %s)",
                within,
                after,
            )
        )
        return [row[0] for row in rows if row[0]]

    def _before(self):
        """Return when the last message before the period came; None where there is none."""
        earlier = self._of_system(SQL("received_at < %s", self.begin))
        [(moment,)] = self.env.execute_query(SQL("SELECT max(received_at) FROM integration_event WHERE %s", earlier))
        return moment

    def _numbers(self, end):
        """Return the sender's numbers that are here: of the period, of what came since, and the ones around it.

        What came after the period fills its gaps, up to the highest number that the period has, and the first one
        after it.
        """
        within = self._of_system(SQL("received_at BETWEEN %s AND %s AND sequence IS NOT NULL", self.begin, end))
        before = self._of_system(SQL("received_at < %s AND sequence IS NOT NULL", self.begin))
        after = self._of_system(SQL("received_at > %s AND sequence IS NOT NULL", end))
        column = SQL("SELECT sequence FROM integration_event WHERE")
        rows = self.env.execute_query(
            SQL(
                "(%(column)s %(within)s) UNION (%(column)s %(before)s ORDER BY received_at DESC, id DESC LIMIT 1)"
                " UNION (%(column)s %(after)s ORDER BY received_at, id LIMIT %(most)s)",
                column=column,
                within=within,
                before=before,
                after=after,
                most=MOST_AFTER,
            )
        )
        return outage.numbers(row[0] for row in rows)

    def _silence(self, silence):
        """Return a silence as the report tells it, with what was sent since of what happened in it."""
        end = silence.end or min(self.end, fields.Datetime.now())
        messages, lines, sums = self._caught_up(silence)
        length = self._span(round((end - (silence.begin or self.begin)).total_seconds() * 1000))
        began = self._when(silence.begin) or self.env._("never heard of before")
        ended = self._when(silence.end) or self.env._("still silent")
        money = self._money({currency: tally.amount for currency, tally in sums.items()}) if self._sees_money() else []
        return _Row(began, ended, length, messages, lines, money)

    def _caught_up(self, silence):
        """Return (messages, lines, {currency: tally}) of what happened in a silence and was accepted after it."""
        if not silence.end:
            return 0, 0, {}
        happened = SQL("e.occurred_at > %s AND e.occurred_at < %s", silence.begin or self.begin, silence.end)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT r.currency, count(DISTINCT e.id), count(*), sum(r.amount)::text
                  FROM integration_event e JOIN integration_receipt r ON r.event_id = e.id AND r.outcome = 'accepted'
                 WHERE e.system_id = %s AND e.mode = 'live' AND e.received_at >= %s AND %s
                 GROUP BY r.currency
                """,
                self.system_id.id,
                silence.end,
                happened,
            )
        )
        sums = {currency: Tally(lines, Decimal(amount or 0)) for currency, _messages, lines, amount in rows if currency}
        [(messages,)] = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM integration_event e"
                " WHERE e.system_id = %s AND e.mode = 'live' AND e.received_at >= %s AND %s",
                self.system_id.id,
                silence.end,
                happened,
            )
        )
        return messages, sum(row[2] for row in rows), sums

    # -- buttons ------------------------------------------------------------------------------------------------------

    def action_messages(self):
        """Open the messages of the period."""
        self._check_reader()
        domain = [("system_id", "=", self.system_id.id), ("mode", "=", "live")]
        within = [("received_at", ">=", self.begin), ("received_at", "<=", self.end)]
        return self._open(self.env._("Messages of %s", self.system_id.name), "integration.event", [*domain, *within])

    def action_print(self):
        """Print the report."""
        self._check_reader()
        return self.env.ref("integration_monitor.report_outage").report_action(self)
