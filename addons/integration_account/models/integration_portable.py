from odoo import api, models


class IntegrationPortable(models.AbstractModel):
    """What rules of the accounting side refer to, by the codes of Odoo's records."""

    _inherit = "integration.portable"

    @api.model
    def _natural_keys(self):
        return {**super()._natural_keys(), "account.journal": (("code", []),)}
