from odoo import models
from odoo.addons.integration_core.checks import COMPANY, Fix, setup_check
from odoo.addons.integration_core.domain.verdict import _

from ..domain import setup_rules

# pylint: disable=prefer-env-translation; a title is marked where no env is, and looked up where it is shown


class IntegrationSetupCheck(models.AbstractModel):
    _inherit = "integration.setup.check"

    @setup_check(
        "quiet_hours",
        title=_("Quiet hours of alerts"),
        section=COMPANY,
        sequence=95,
        fix=Fix(_("Systems"), "integration_core.action_system"),
    )
    def _check_quiet_hours(self):
        company = self.env.company
        rules = self.env["integration.alert.rule"].search([("company_id", "in", (company.id, False))])
        return setup_rules.quiet_hours(
            rules=len(rules.filtered(lambda rule: rule.quiet_from != rule.quiet_to)),
            zone=rules._zone_of(company),
            said=bool(company.partner_id.tz),
        )

    @setup_check(
        "alert_readers",
        title=_("Who is told of alerts"),
        section=COMPANY,
        sequence=96,
        fix=Fix(_("Users"), "base.action_res_users"),
    )
    def _check_alert_readers(self):
        alerts = self.env["integration.alert"]
        administrators = alerts._administrators().filtered(alerts._is_reachable)
        return setup_rules.alert_readers(
            administrators=len(administrators.filtered(lambda user: self.env.company in user.company_ids))
        )
