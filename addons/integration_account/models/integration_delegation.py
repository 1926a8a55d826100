from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .integration_approving_role import REVIEWER

VIEWER = "integration_core.group_finance_viewer"


class IntegrationDelegation(models.Model):
    """Approving charges may be delegated, too: to somebody who sees them."""

    _inherit = "integration.delegation"

    role = fields.Selection(selection_add=[(REVIEWER, "Charges for billing")], ondelete={REVIEWER: "cascade"})

    @api.constrains("delegate_id", "role")
    def _check_sees_charges(self):
        for one in self.filtered(lambda one: one.role == REVIEWER):
            # sudo: as in _check_people
            delegate = one.delegate_id.sudo()
            if not delegate.has_group(VIEWER):
                raise ValidationError(
                    self.env._("%s does not see charges. Give them the role Finance viewer first.", delegate.name)
                )
