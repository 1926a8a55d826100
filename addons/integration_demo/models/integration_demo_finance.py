from odoo import api, models
from odoo.fields import Command


class IntegrationDemoFinance(models.AbstractModel):
    """The hospital's finance side: cost centers, services with prices, customers, billing rules."""

    _name = "integration.demo.finance"
    _inherit = "integration.demo.records"
    _description = "Finance side of the demo hospital"

    @api.model
    def _finance(self, hospital, company):
        """Make what charges need to become invoices."""
        self._entity("facility", hospital["facility"]["name"], company, company, "entity_facility")
        self._cost_centers(hospital, company)
        self._services(hospital, company)
        self._enable_price_lists(company)
        self._payers(hospital, company)
        self._billing_rules(hospital, company)

    @api.model
    def _entity(self, kind, name, company, target, xmlid):
        """Return the governed entity of an Odoo record; make it the first time."""
        entity = self._made(xmlid)
        if not entity:
            entity = self.env["integration.entity"]._for_target(kind, company, target, name=name)
            self._name_it(xmlid, entity)
        return entity

    @api.model
    def _cost_centers(self, hospital, company):
        plan = self._make("plan", "account.analytic.plan", {"name": "Cost centers"})
        for facts in hospital["cost_centers"]:
            account = self._make(
                f"analytic_{facts['code']}",
                "account.analytic.account",
                {"name": facts["name"], "code": facts["code"], "plan_id": plan.id, "company_id": company.id},
            )
            self._entity("cost_center", facts["name"], company, account, f"entity_cost_center_{facts['code']}")
        for facts in hospital["departments"]:
            account = self._made(f"analytic_{facts['cost_center']}")
            self._entity("department", facts["name"], company, account, f"department_{facts['code']}")

    @api.model
    def _services(self, hospital, company):
        for facts in hospital["services"]:
            product = self._make(
                f"service_{facts['code']}",
                "product.product",
                {
                    "name": facts["name"],
                    "default_code": facts["code"],
                    "type": "service",
                    "list_price": float(facts["price"]),
                    "taxes_id": [Command.set(self._sales_tax(facts, company).ids)],
                    "supplier_taxes_id": [Command.clear()],
                },
            )
            self._entity("service", facts["name"], company, product, f"entity_service_{facts['code']}")

    @api.model
    def _sales_tax(self, facts, company):
        """Return the company's sales tax for what is taxed; care itself is exempt."""
        return company.account_sale_tax_id if facts.get("taxed") else self.env["account.tax"]

    @api.model
    def _enable_price_lists(self, company):
        """Switch price lists on, as the setting does: without it Odoo ignores a customer's own."""
        everybody, feature = self.env.ref("base.group_user"), self.env.ref("product.group_product_pricelist")
        if feature not in everybody.all_implied_ids:
            everybody.write({"implied_ids": [Command.link(feature.id)]})
            company._activate_or_create_pricelists()

    @api.model
    def _payers(self, hospital, company):
        """Make the payers and the self-pay customer, each with the prices agreed for laboratory work."""
        for facts in hospital["payers"]:
            partner = self._customer(hospital, company, facts)
            self._entity("payer", facts["name"], company, partner, f"entity_payer_{facts['code']}")
        company.integration_self_pay_partner_id = self._customer(hospital, company, hospital["self_pay"])

    @api.model
    def _customer(self, hospital, company, facts):
        partner = self._made(f"customer_{facts['code']}")
        if not partner:
            values = {"name": facts["name"], "is_company": True, "country_id": company.country_id.id}
            partner = self._make(f"customer_{facts['code']}", "res.partner", values)
            partner.property_product_pricelist = self._lab_prices(hospital, company, facts)
        return partner

    @api.model
    def _lab_prices(self, hospital, company, facts):
        """Make the price list of one customer: laboratory work is sent without a price."""
        currency = company.currency_id
        items = [
            Command.create(
                {
                    "applied_on": "0_product_variant",
                    "product_id": self._made(f"service_{service['code']}").id,
                    "compute_price": "fixed",
                    "fixed_price": currency.round(float(service["price"]) * float(facts["lab_price_factor"])),
                }
            )
            for service in hospital["services"]
            if service["system"] == "lab"
        ]
        values = {"name": f"Laboratory, {facts['name']}", "currency_id": currency.id, "item_ids": items}
        return self._make(f"pricelist_{facts['code']}", "product.pricelist", {**values, "company_id": company.id})

    @api.model
    def _billing_rules(self, hospital, company):
        for facts in hospital["billing_rules"]:
            values = {"encounter_class": facts["class"], "basis": facts["basis"], "days": facts["days"]}
            rule = f"billing_rule_{facts['class']}"
            self._make(rule, "integration.billing.rule", {**values, "company_id": company.id})
