from odoo import models


class IntegrationCompanyMixin(models.AbstractModel):
    """Records of one company that people edit: nobody moves one into a company that they do not belong to.

    Odoo asks the record rules before a change; here they are asked after it as well.
    """

    _name = "integration.company.mixin"
    _description = "Stays within the user's companies"

    # Fields that say whose a record is.
    _company_decided_by = ("company_id",)

    def write(self, vals):
        result = super().write(vals)
        if any(name in vals for name in self._company_decided_by):
            self.check_access("write")
        return result
