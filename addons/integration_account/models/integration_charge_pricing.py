from decimal import Decimal
from fractions import Fraction

from odoo import api, models
from odoo.addons.integration_core.domain import decimals
from odoo.addons.integration_mapping.domain import conversion
from odoo.tools.misc import formatLang

from ..domain import prices


class IntegrationChargePricing(models.AbstractModel):
    """Prices charges: from the message, the customer's price list or both, as price sources say, and untaxed.

    Without a rule: from the message, else from the price list.
    """

    _name = "integration.charge.pricing"
    _description = "Prices of charges"

    @api.model
    def _price(self, system, charges, results):
        """Add currency, unit price, where it came from, and amount to each charge's resolution."""
        currencies = self._currencies(charges)
        # sudo: which rule decides about a price does not depend on who may read it
        rules = self.env["integration.price.rule"].sudo()
        book = rules._of_company(self.env.company)
        self = self.with_context(integration_price_memo={})  # noqa: PLW0642 - one memo for this batch
        for charge in charges:
            result = results[charge.id]
            currency = currencies.get(charge.currency_code)
            if charge.currency_code and not (currency and currency.active):
                result.park(
                    "currency_unknown",
                    self.env._("Activate currency %s, or have the sender mend it.", charge.currency_code),
                )
            rule = self._rule(book, system, result)
            result.values["price_rule_id"] = rule.id
            self._price_by(rule, system, charge, result, currency)

    def _rule(self, book, system, result):
        rules = self.env["integration.price.rule"]
        product = self.env["product.product"].browse(result.values["product_id"])
        if not product:
            return rules
        partner = self.env["res.partner"].browse(result.values["partner_id"])
        key = ("rule", product.id, partner.id, result.values["service_day"])
        case = rules._case(product, partner, system)
        return self._memo(key, lambda: book.answer(case, result.values["service_day"])) or rules

    def _price_by(self, rule, system, charge, result, currency):
        match prices.source(rule.source or None, priced=charge.priced):
            case prices.MESSAGE:
                self._price_as_sent(system, charge, result, currency)
            case prices.LIST:
                self._price_from_list(charge, result, currency)
            case prices.AGREE:
                self._price_where_both_agree(rule, system, charge, result, currency)
            case _:
                self._show_at_risk(charge, result, currency)
                result.park(
                    "no_price",
                    self.env._(
                        "No price was sent, and price source %(rule)s (%(id)s) wants the message's: ask the sender for"
                        " it, or change the rule.",
                        rule=rule.display_name,
                        id=rule.id,
                    ),
                )

    @api.model
    def _currencies(self, charges):
        codes = set(charges.mapped("currency_code")) - {False}
        # Inactive ones too, so that the money at risk can be shown in them.
        found = self.env["res.currency"].with_context(active_test=False).search([("name", "in", list(codes))])
        by_code = {currency.name: currency for currency in found}
        by_code[False] = self.env.company.currency_id
        return by_code

    def _show_at_risk(self, charge, result, currency):
        """What is parked shows its money at risk: what was sent, less what was voided since, in the sender's unit."""
        price = Fraction(charge.unit_price_sent) if charge.priced else Fraction(0)
        amount = float(price * result.remaining)
        result.values.update(
            price_source="message" if charge.priced else False,
            currency_id=currency.id if currency else False,
            price_unit=float(price / (result.ratio or 1)),
            amount=currency.round(amount) if currency else amount,
        )

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
        if result.problems:
            self._show_at_risk(charge, result, currency)
            return
        # The sender's price is per unit as sent; ours is per unit of the product, and together they are the same money.
        per_unit = float(Fraction(sent) / result.ratio)
        taxes = self._taxes(result)
        price = self._line_price(result, taxes, per_unit, includes_tax=system.prices_include_tax)
        amount = self._untaxed(result, taxes, currency, price)
        result.values.update(price_source="message", currency_id=currency.id, price_unit=price, amount=amount)
        exact = result.remaining * Fraction(sent)
        quantity = result.values["quantity"]
        if not conversion.same_money(quantity, per_unit, exact, currency.decimal_places):
            self._show_at_risk(charge, result, currency)
            result.park(
                "amount_inexact",
                self.env._(
                    "%(sent)s × %(price)s does not come to the same money in %(unit)s: have the sender count in the"
                    " product's unit.",
                    sent=f"{charge.quantity_sent} {charge.uom_sent or ''}".strip(),
                    price=charge.unit_price_sent,
                    unit=self.env["uom.uom"].browse(result.values["uom_id"]).name,
                ),
            )

    def _price_where_both_agree(self, rule, system, charge, result, currency):
        """Take the message's price where the price list comes to the same amount within the rule's tolerance."""
        self._price_from_list(charge, result, currency)
        listed, list_item = result.values["amount"], result.values.get("price_item_id")
        self._price_as_sent(system, charge, result, currency)
        if result.problems:
            return
        sent = result.values["amount"]
        result.values["price_item_id"] = list_item
        if prices.agree(Decimal(str(sent)), Decimal(str(listed)), rule._allowed()):
            return
        self._show_at_risk(charge, result, currency)
        item = self.env["product.pricelist.item"].browse(list_item)
        result.park(
            "price_differs",
            self.env._(
                "%(sent)s as sent, %(listed)s by price list %(list)s (rule %(item)s). Price source %(rule)s (%(id)s)"
                " allows %(tolerance)s %%: mend the price list, have the sender correct the price, or change the rule.",
                sent=formatLang(self.env, sent, currency_obj=currency),
                listed=formatLang(self.env, listed, currency_obj=currency),
                # sudo: a price list may be of people who see more than whoever tries a charge again
                list=item.sudo().pricelist_id.display_name,
                item=list_item,
                rule=rule.display_name,
                id=rule.id,
                tolerance=f"{rule._allowed().normalize():f}",
            ),
        )

    def _price_from_list(self, charge, result, currency):
        product = self.env["product.product"].browse(result.values["product_id"])
        partner = self.env["res.partner"].browse(result.values["partner_id"])
        pricelist = self._memo(("list", partner.id), lambda: self._pricelist_of(partner))
        wanted = (charge.currency_code and currency) or pricelist.currency_id or self.env.company.currency_id
        if charge.priced:
            self._show_at_risk(charge, result, currency)
        else:
            result.values.update(currency_id=wanted.id, price_unit=0.0, amount=0.0)
        result.values["price_source"] = "price_list"
        if not (product and partner) or (charge.currency_code and not wanted.active) or result.ratio is None:
            return  # what is missing is already said; there is no price to look for
        price, item = self._list_price(pricelist, product, result.values["quantity"], wanted, charge.performed_at)
        if not item:
            # A product's own sales price is what nobody agreed with this payer: no price is picked silently.
            result.park("no_price", self._no_price_text(charge, partner, product))
            return
        taxes = self._taxes(result)
        own = product.taxes_id._filter_taxes_by_company(self.env.company)
        price = own._adapt_price_unit_to_another_taxes(price, product, own, taxes) if own else price
        if not (charge.priced and result.problems):  # what was sent is at risk, whatever the list says
            amount = self._untaxed(result, taxes, wanted, price)
            result.values.update(price_unit=price, amount=amount, price_item_id=item)

    def _no_price_text(self, charge, partner, product):
        named = {"customer": partner.display_name, "product": product.display_name}
        if charge.priced:
            return self.env._(
                "The price list decides here, and that of %(customer)s has no price for %(product)s on that day.",
                **named,
            )
        return self.env._(
            "No price was sent, and the price list of %(customer)s has none for %(product)s on that day.", **named
        )

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
