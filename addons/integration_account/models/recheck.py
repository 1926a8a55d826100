"""Things outside the app that parked charges wait for: when one is mended, the engine looks at those charges again.

What is not named here is found by the hourly look at everything parked.
"""

from odoo import api, models


class DecimalPrecision(models.Model):
    _inherit = "decimal.precision"

    def write(self, vals):
        result = super().write(vals)
        self.env["integration.charge"]._recheck(["quantity_precision", "price_precision", "amount_inexact"])
        return result


class ResCurrency(models.Model):
    _inherit = "res.currency"

    def write(self, vals):
        result = super().write(vals)
        if vals.get("active"):
            self.env["integration.charge"]._recheck(["currency_unknown"])
        return result


class ProductPricelistItem(models.Model):
    _inherit = "product.pricelist.item"

    @api.model_create_multi
    def create(self, vals_list):
        items = super().create(vals_list)
        self.env["integration.charge"]._recheck(["no_price", "price_differs"])
        return items

    def write(self, vals):
        result = super().write(vals)
        self.env["integration.charge"]._recheck(["no_price", "price_differs"])
        return result


class ResPartner(models.Model):
    _inherit = "res.partner"

    def write(self, vals):
        result = super().write(vals)
        if not vals.keys().isdisjoint(("property_product_pricelist", "specific_property_product_pricelist")):
            self.env["integration.charge"]._recheck(["no_price", "price_differs"])
        return result


class UomUom(models.Model):
    _inherit = "uom.uom"

    def write(self, vals):
        result = super().write(vals)
        if not vals.keys().isdisjoint(("relative_factor", "relative_uom_id")):
            self.env["integration.charge"]._recheck(["unit_unrelated", "quantity_precision", "amount_inexact"])
        return result


class ProductTemplate(models.Model):
    _inherit = "product.template"

    def write(self, vals):
        result = super().write(vals)
        if "uom_id" in vals:
            self.env["integration.charge"]._recheck(["unit_unrelated", "quantity_precision", "amount_inexact"])
        return result
