from odoo import models
from odoo.addons.integration_core.checks import COMPANY, Fix, setup_check
from odoo.addons.integration_core.domain.verdict import _

from ..domain import setup_rules

# pylint: disable=prefer-env-translation; a title is marked where no env is, and looked up where it is shown


class IntegrationSetupCheck(models.AbstractModel):
    _inherit = "integration.setup.check"

    @setup_check(
        "analytic_plan",
        title=_("Cost centers"),
        section=COMPANY,
        sequence=40,
        fix=Fix(_("Analytic accounts"), "analytic.action_account_analytic_account_form"),
    )
    def _check_analytic_plan(self):
        accounts = self.env["account.analytic.account"]
        domain = [("company_id", "in", (self.env.company.id, False))]
        return setup_rules.analytic_plan(cost_centers=accounts.search_count(domain, limit=1))
