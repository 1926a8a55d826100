from odoo import api, models
from odoo.addons.integration_core.checks import COMPANY, Fix, setup_check
from odoo.addons.integration_core.domain.verdict import _

from ..domain import setup_rules

# pylint: disable=prefer-env-translation; a title is marked where no env is, and looked up where it is shown

_SETTINGS = "account.action_account_config"


class IntegrationSetupCheck(models.AbstractModel):
    _inherit = "integration.setup.check"

    @setup_check(
        "chart_of_accounts",
        title=_("Chart of accounts"),
        section=COMPANY,
        sequence=10,
        fix=Fix(_("Invoicing settings"), _SETTINGS),
    )
    def _check_chart_of_accounts(self):
        accounts = self.env["account.account"]
        of_company = [("company_ids", "parent_of", self.env.company.ids)]
        return setup_rules.chart_of_accounts(
            income=accounts.search_count([*of_company, ("internal_group", "=", "income")], limit=1),
            receivable=accounts.search_count([*of_company, ("account_type", "=", "asset_receivable")], limit=1),
        )

    @setup_check(
        "sales_journal",
        title=_("Sales journal"),
        section=COMPANY,
        sequence=20,
        fix=Fix(_("Journals"), "account.action_account_journal_form"),
    )
    def _check_sales_journal(self):
        company = self.env.company
        journals = self.env["account.journal"].search(
            [("type", "=", "sale"), *self.env["account.journal"]._check_company_domain(company)]
        )
        chosen = company.integration_sale_journal_id
        return setup_rules.sales_journal(
            journals=len(journals),
            chosen_archived=bool(chosen) and not chosen.active,
            default_account=bool((chosen or journals[:1]).default_account_id),
        )

    @setup_check(
        "self_pay_customer",
        title=_("Self-pay customer"),
        section=COMPANY,
        sequence=30,
        fix=Fix(_("Integration settings"), "integration_account.action_settings"),
    )
    def _check_self_pay_customer(self):
        company = self.env.company
        waiting, since, _codes = self._parked_for("no_self_pay_customer")
        by_default = self.env["integration.system"].search_count(
            [("company_id", "=", company.id), ("self_pay_default", "=", True)], limit=1
        )
        partner = company.integration_self_pay_partner_id
        return setup_rules.self_pay_customer(
            chosen=bool(partner),
            archived=bool(partner) and not partner.active,
            needed=bool(waiting or by_default),
            since=since,
        )

    @setup_check(
        "currencies",
        title=_("Currencies"),
        section=COMPANY,
        sequence=50,
        fix=Fix(_("Currencies"), "base.action_currency_form"),
    )
    def _check_currencies(self):
        _count, since, codes = self._parked_for("currency_unknown")
        return setup_rules.currencies(unknown=codes, active=self.env.company.currency_id.active, since=since)

    @api.model
    def _parked_for(self, reason):
        """Return how many charges of the company wait for a reason, since when, and in which currencies."""
        domain = [("company_id", "=", self.env.company.id), ("state", "=", "parked"), ("park_reason", "=", reason)]
        rows = self.env["integration.charge"]._read_group(domain, ["currency_code"], ["__count", "parked_since:min"])
        since = min((first for _code, _count, first in rows if first), default=None)
        return sum(count for _code, count, _first in rows), since, [code for code, _count, _first in rows if code]
