from odoo import api, fields, models
from odoo.exceptions import ValidationError

FINANCE = "integration_core.group_finance_viewer"


class ResCompany(models.Model):
    _inherit = "res.company"

    integration_month_mail = fields.Boolean("Mail the month end", help="Weekly, last month's figures as a workbook.")
    integration_month_user_ids = fields.Many2many(
        "res.users",
        "integration_month_user_rel",
        string="Month end goes to",
        domain=lambda self: [("all_group_ids", "in", self.env.ref(FINANCE).ids)],
        help="People who hold a finance role in this company.",
    )

    @api.constrains("integration_month_user_ids")
    def _check_month_users(self):
        for company in self:
            for user in company.integration_month_user_ids:
                if not user.has_group(FINANCE) or company not in user.company_ids:
                    raise ValidationError(
                        self.env._("%(user)s has no finance role in %(company)s.", user=user.name, company=company.name)
                    )
