from decimal import Decimal

from odoo import api, models
from odoo.addons.integration_core.domain import decimals


class IntegrationChargePricing(models.AbstractModel):
    """Prices charges: from the message, else from the customer's price list, and untaxed as on an invoice line."""

    _name = "integration.charge.pricing"
    _description = "Prices of charges"

    @api.model
    def _price(self, system, charges, results):
        """Add currency, unit price, where it came from, and amount to each charge's resolution."""
        currencies = self._currencies(charges)
        self = self.with_context(integration_price_memo={})  # noqa: PLW0642 - one memo for this batch
        for charge in charges:
            result = results[charge.id]
            currency = currencies.get(charge.currency_code)
            if charge.currency_code and not (currency and currency.active):
                result.park(
                    "currency_unknown",
                    self.env._("Activate currency %s, or have the sender mend it.", charge.currency_code),
                )
            if charge.priced:
                self._price_as_sent(system, charge, result, currency)
            else:
                self._price_from_list(charge, result, currency)

    @api.model
    def _currencies(self, charges):
        codes = set(charges.mapped("currency_code")) - {False}
        # Inactive ones too, so that the money at risk can be shown in them.
        found = self.env["res.currency"].with_context(active_test=False).search([("name", "in", list(codes))])
        by_code = {currency.name: currency for currency in found}
        by_code[False] = self.env.company.currency_id
        return by_code

    def _price_as_sent(self, system, charge, result, currency):
        sent = Decimal(charge.unit_price_sent)
        digits = self.env["decimal.precision"].precision_get("Product Price")
        if decimals.changes_at(sent, digits):
            result.park(
                "price_precision",
                self.env._(
                    "Unit price %(price)s is finer than prices here: set Product Price to %(digits)s decimals.",
                    price=charge.unit_price_sent,
                    digits=decimals.digits_needed(sent),
                ),
            )
        result.values.update(price_source="message", currency_id=currency.id if currency else False)
        if result.problems:
            # What is parked shows its money at risk: what was sent, less what was voided since.
            at_risk = float(sent * Decimal(str(result.values["quantity"])))
            result.values.update(price_unit=float(sent), amount=currency.round(at_risk) if currency else at_risk)
            return
        taxes = self._taxes(result)
        price = self._line_price(result, taxes, float(sent), includes_tax=system.prices_include_tax)
        result.values.update(price_unit=price, amount=self._untaxed(result, taxes, currency, price))

    def _price_from_list(self, charge, result, currency):
        product = self.env["product.product"].browse(result.values["product_id"])
        partner = self.env["res.partner"].browse(result.values["partner_id"])
        pricelist = self._memo(("list", partner.id), lambda: self._pricelist_of(partner))
        currency = (charge.currency_code and currency) or pricelist.currency_id or self.env.company.currency_id
        result.values.update(price_source="price_list", currency_id=currency.id, price_unit=0.0, amount=0.0)
        if not (product and partner) or (charge.currency_code and not currency.active):
            return  # what is missing is already said; there is no price to look for
        price, rule = self._list_price(pricelist, product, result.values["quantity"], currency, charge.performed_at)
        if not rule:
            # A product's own sales price is what nobody agreed with this payer: no price is picked silently.
            result.park(
                "no_price",
                self.env._(
                    "No price was sent, and the price list of %(customer)s has none for %(product)s on that day.",
                    customer=partner.display_name,
                    product=product.display_name,
                ),
            )
            return
        taxes = self._taxes(result)
        own = product.taxes_id._filter_taxes_by_company(self.env.company)
        price = own._adapt_price_unit_to_another_taxes(price, product, own, taxes) if own else price
        result.values.update(price_unit=price, amount=self._untaxed(result, taxes, currency, price))

    def _memo(self, key, function):
        """Return ``function()``, worked out once per batch."""
        memo = self.env.context.get("integration_price_memo", {})
        if key not in memo:
            memo[key] = function()
        return memo[key]

    @api.model
    def _pricelist_of(self, partner):
        """Return the customer's price list by Odoo's own order: its own, its country's, the company's.

        ``property_product_pricelist`` gives the same, but nothing while the price list feature is switched off.
        """
        if partner.specific_property_product_pricelist:
            return partner.specific_property_product_pricelist
        country = partner.country_id
        return self.env["product.pricelist"]._get_country_pricelist_multi(country.ids)[country.id]

    def _list_price(self, pricelist, product, quantity, currency, moment):
        """Return (unit price, rule id or False) of a price list at a naive UTC ``moment``."""
        return self._memo(
            ("price", pricelist.id, product.id, quantity, currency.id, moment),
            lambda: pricelist._get_product_price_rule(product, quantity, currency=currency, date=moment),
        )

    # -- tax ----------------------------------------------------------------------------------------------------------

    def _taxes(self, result):
        """Return the taxes an invoice line by hand would get: the product's, else its account's, by fiscal position."""
        product = self.env["product.product"].browse(result.values["product_id"])
        partner = self.env["res.partner"].browse(result.values["partner_id"])
        return self._memo(("taxes", product.id, partner.id), lambda: self._taxes_of(product, partner))

    def _taxes_of(self, product, partner):
        position = self.env["account.fiscal.position"]._get_fiscal_position(partner)
        taxes = product.taxes_id._filter_taxes_by_company(self.env.company)
        if not taxes:
            account = product.product_tmpl_id.get_product_accounts(fiscal_pos=position)["income"]
            taxes = account.tax_ids.filtered(lambda tax: tax.type_tax_use == "sale")
            taxes = taxes._filter_taxes_by_company(self.env.company)
        return position.map_tax(taxes) if position else taxes

    @api.model
    def _line_price(self, result, taxes, price, *, includes_tax):
        """Return the unit price to put on an invoice line with ``taxes`` for a price that includes all or no tax."""
        product = self.env["product.product"].browse(result.values["product_id"])
        if not taxes:
            return price
        included = taxes.filtered("price_include")
        if (includes_tax and included == taxes) or (not includes_tax and not included):
            return price
        mode = "total_included" if includes_tax else "total_excluded"
        details = taxes._get_tax_details(
            price, 1.0, rounding_method="round_globally", product=product, special_mode=mode
        )
        # An invoice line's price contains the price-included taxes and no others.
        return details["total_excluded"] + sum(
            data["tax_amount"] for data in details["taxes_data"] if data["tax"].price_include
        )

    @api.model
    def _untaxed(self, result, taxes, currency, price):
        """Return the line's amount without tax, rounded by Odoo's tax engine as on an invoice line."""
        quantity = result.values["quantity"]
        if not taxes.filtered("price_include"):
            return currency.round(quantity * price)
        engine = self.env["account.tax"]
        base_line = engine._prepare_base_line_for_taxes_computation(
            {},
            tax_ids=taxes,
            quantity=quantity,
            price_unit=price,
            currency_id=currency,
            product_id=self.env["product.product"].browse(result.values["product_id"]),
            partner_id=self.env["res.partner"].browse(result.values["partner_id"]),
        )
        engine._add_tax_details_in_base_line(base_line, self.env.company)
        engine._round_base_lines_tax_details([base_line], self.env.company)
        return base_line["tax_details"]["total_excluded_currency"]
