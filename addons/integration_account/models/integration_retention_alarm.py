from decimal import Decimal

from odoo import api, fields, models
from odoo.addons.integration_core import tools
from odoo.tools import SQL


class IntegrationRetentionAlarm(models.Model):
    _inherit = "integration.retention.alarm"

    amounts = fields.Json(readonly=True, groups="integration_core.group_finance_viewer")
    money = fields.Char(
        "Money at risk", compute="_compute_money", groups="integration_core.group_finance_viewer",
        help="Of parked charges whose message is past its clock, as sent.",
    )

    @api.depends("amounts")
    def _compute_money(self):
        for alarm in self:
            sums = {code: Decimal(text) for code, text in (alarm.amounts or {}).items()}
            alarm.money = " + ".join(tools.money_in_words(self.env, sums))

    @api.model
    def _figures(self):
        found = super()._figures()
        for figures in found.values():
            figures["amounts"] = {}
        self.env.cr.execute(
            SQL(
                """
                SELECT e.company_id, c.currency_code, sum(c.amount_sent)
                  FROM integration_charge c JOIN integration_event e ON e.id = c.event_id
                 WHERE c.state = 'parked' AND c.mode = 'live' AND c.priced AND c.currency_code IS NOT NULL AND %s
                 GROUP BY e.company_id, c.currency_code
                """,
                self._past_clock(),
            )
        )
        for company, currency, amount in self.env.cr.fetchall():
            if company in found:
                found[company]["amounts"][currency] = str(amount or 0)
        return found

    def _end(self):
        self.amounts = {}
        return super()._end()
