from odoo import api, models


class IntegrationPortable(models.AbstractModel):
    """What canonical entities are in Odoo, by the codes of its records."""

    _inherit = "integration.portable"

    @api.model
    def _natural_keys(self):
        return {
            **super()._natural_keys(),
            "product.product": (("default_code", []), ("barcode", [])),
            "account.analytic.account": (("code", []),),
            "uom.uom": (),
            "product.category": (),
        }
