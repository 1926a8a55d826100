from odoo import fields, models
from odoo.fields import Domain

WATCHERS = "integration_core.group_finance_viewer,integration_core.group_operator,integration_core.group_auditor"
FINANCE = "integration_core.group_finance_viewer"
OPERATORS = "integration_core.group_operator,integration_core.group_auditor"


class DigestDigest(models.Model):
    """Odoo's digest mail tells how much came in, how much money got stuck, and what could not be delivered.

    Who has no role for a figure does not find it in their mail: its field cannot be read, and what cannot is left out.
    """

    _inherit = "digest.digest"

    kpi_integration_received = fields.Boolean("Lines received from clinical systems")
    kpi_integration_received_value = fields.Integer(
        compute="_compute_kpi_integration_received_value", groups=WATCHERS, export_string_translation=False
    )
    kpi_integration_parked = fields.Boolean("Money parked and still waiting")
    kpi_integration_parked_value = fields.Monetary(
        compute="_compute_kpi_integration_parked_value", groups=FINANCE, export_string_translation=False
    )
    kpi_integration_dead = fields.Boolean("Dead letters still open")
    kpi_integration_dead_value = fields.Integer(
        compute="_compute_kpi_integration_dead_value", groups=OPERATORS, export_string_translation=False
    )

    def _integration_grouped(self, model, moment, domain, groupby, aggregates):
        """Return ``(company, …)`` groups of the digest's period.

        :param str model: whose records are counted
        :param str moment: its field that says when
        """
        start, end, companies = self._get_kpi_compute_parameters()
        within = Domain(moment, ">=", start) & Domain(moment, "<", end) & Domain("company_id", "in", companies.ids)
        # sudo: the figure is what its reader's role allows, its records need not be
        return self.env[model].sudo()._read_group(within & Domain(domain), ["company_id", *groupby], aggregates)

    def _set_integration_value(self, name, by_company):
        for digest in self:
            digest[name] = by_company.get(digest.company_id or self.env.company, 0)

    def _compute_kpi_integration_received_value(self):
        start, end, _companies = self._get_kpi_compute_parameters()
        # Days are local to the system, a day off at most. By them the index finds the receipts of each company.
        days = [
            ("received_day", ">=", fields.Date.subtract(fields.Date.to_date(start), days=1)),
            ("received_day", "<=", fields.Date.add(fields.Date.to_date(end), days=1)),
        ]
        live = [("mode", "=", "live"), *days]
        rows = self._integration_grouped("integration.receipt", "received_at", live, [], ["__count"])
        self._set_integration_value("kpi_integration_received_value", dict(rows))

    def _compute_kpi_integration_parked_value(self):
        """Sum what was parked in the period and still is, in the company's currency by today's rates."""
        rows = self._integration_grouped(
            "integration.charge",
            "parked_since",
            [("state", "=", "parked"), ("mode", "=", "live")],
            ["currency_id"],
            ["amount:sum"],
        )
        money = {}
        for company, currency, amount in rows:
            own = company.currency_id
            converted = (currency or own)._convert(amount, own, company, fields.Date.context_today(self))
            money[company] = money.get(company, 0) + converted
        self._set_integration_value("kpi_integration_parked_value", money)

    def _compute_kpi_integration_dead_value(self):
        dead = [("state", "=", "dead"), ("event_id.mode", "=", "live")]
        rows = self._integration_grouped("integration.delivery", "dead_since", dead, [], ["__count"])
        self._set_integration_value("kpi_integration_dead_value", dict(rows))

    def _compute_kpis_actions(self, company, user):
        found = super()._compute_kpis_actions(company, user)
        overview = f"integration_monitor.action_overview?menu_id={self.env.ref('integration_core.menu_root').id}"
        names = ("kpi_integration_received", "kpi_integration_parked", "kpi_integration_dead")
        return {**found, **dict.fromkeys(names, overview)}
