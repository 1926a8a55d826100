from odoo import fields, models
from odoo.addons.integration_core.wizards.integration_reason_wizard import OPERATIONS

OPERATIONS |= {
    "dismiss_proposal": ("integration.proposal", "_dismiss"),
    "leave": ("integration.attribute.change", "_dismiss"),
    "different": ("integration.duplicate", "_set_different"),
}


class IntegrationReasonWizard(models.TransientModel):
    _inherit = "integration.reason.wizard"

    operation = fields.Selection(
        selection_add=[
            ("dismiss_proposal", "Dismiss"),
            ("leave", "Leave as it is"),
            ("different", "Not a duplicate"),
        ],
        ondelete={"dismiss_proposal": "cascade", "leave": "cascade", "different": "cascade"},
    )

    def _summary(self):
        match self.operation:
            case "dismiss_proposal":
                return self.env._(
                    "%s are not matched. They come back when their system says something else.", self.count
                )
            case "leave":
                return self.env._("Odoo stays as it is, until the system says something else again.")
            case "different":
                return self.env._("They are not shown as duplicates any more. Your name and the reason are kept.")
        return super()._summary()
