from odoo import models


class IntegrationCompanyMixin(models.AbstractModel):
    """Records of one company that people edit: nobody moves one into a company that they do not belong to.

    Odoo asks the record rules before a change; here they are asked after it as well.
    """

    _name = "integration.company.mixin"
    _description = "Stays within the user's companies"

    def write(self, vals):
        result = super().write(vals)
        if "company_id" in vals:
            self.check_access("write")
        return result
