from odoo import fields, models
from odoo.addons.integration_core.wizards.integration_reason_wizard import OPERATIONS

from ..domain import month_end

OPERATIONS |= {"sign_month": ("integration.month", "_sign")}


class IntegrationReasonWizard(models.TransientModel):
    _inherit = "integration.reason.wizard"

    operation = fields.Selection(selection_add=[("sign_month", "Sign off")], ondelete={"sign_month": "cascade"})

    def _summary(self):
        if self.operation != "sign_month":
            return super()._summary()
        month = self.env["integration.month"].browse(self.res_ids or []).exists()[:1]
        if not month:
            return False
        stuck = month_end.stuck(month._figures())
        return self.env._("%(month)s: %(stuck)s. It is signed off nevertheless.", **month._words(stuck))
