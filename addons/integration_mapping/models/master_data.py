"""Odoo's own products and analytic accounts: changes of those that canonical entities stand for are told to others."""

from odoo import models


class ProductTemplate(models.Model):
    _inherit = "product.template"

    def write(self, vals):
        entities = self.env["integration.entity"]
        names = entities._watched("product_id").keys() & vals.keys()
        bound = entities._bound_ids("product_tmpl_id") if names else ()
        products = self.filtered(lambda one: one.id in bound).with_context(active_test=False).product_variant_ids
        with entities._telling_targets("product_id", products, names):
            return super().write(vals)


class ProductProduct(models.Model):
    _inherit = "product.product"

    def write(self, vals):
        entities = self.env["integration.entity"]
        # What a product has from its template is written there, and told from there.
        names = {"default_code", "active"} & vals.keys()
        with entities._telling_targets("product_id", self, names):
            return super().write(vals)


class AccountAnalyticAccount(models.Model):
    _inherit = "account.analytic.account"

    def write(self, vals):
        entities = self.env["integration.entity"]
        names = entities._watched("analytic_account_id").keys() & vals.keys()
        with entities._telling_targets("analytic_account_id", self, names):
            return super().write(vals)
