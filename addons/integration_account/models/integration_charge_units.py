from decimal import Decimal
from fractions import Fraction

from odoo import api, models
from odoo.addons.integration_mapping.domain import conversion


class IntegrationChargeUnits(models.AbstractModel):
    """Turns quantities in the sender's unit into the product's own: exactly, or not at all.

    One of theirs is so many of ours by three steps, each of them somebody's decision: what the code means (with its
    factor), what such a unit of this product holds, and Odoo's own units where they have a root in common.
    """

    _name = "integration.charge.units"
    _description = "Units of charges"

    @api.model
    def _resolve_units(self, system, charges, results):
        """Add each charge's unit, ratio and quantity to its resolution. In bulk: one query per kind of question."""
        company = self.env.company
        counted = charges.filtered("uom_sent")
        declared = system._code_system("unit")
        keys = {charge: (declared, charge.uom_sent, results[charge.id].values["service_day"]) for charge in counted}
        # sudo: the engine answers for the mapping, which few users may read in full
        found = self.env["integration.identifier"].sudo()._resolve_units(system, set(keys.values()), company)
        missing = {keys[charge][:2]: charge.uom_sent for charge in counted if keys[charge] not in found}
        # sudo: asking for a mapping is what happens to whoever sends an unknown code
        self.env["integration.mapping.task"].sudo()._request(system, "unit", missing, company)
        meanings = {charge: found[key] for charge, key in keys.items() if key in found}
        ratios = self._ratios(meanings, results)
        digits = self.env["decimal.precision"].precision_get("Product Unit")
        for charge in charges:
            self._set_quantity(charge, results[charge.id], ratios, meanings, digits)

    def _ratios(self, meanings, results):
        """Return ``{charge: (one of theirs is so many of the product's unit, row that says what a unit holds)}``.

        A charge whose units do not convert is absent.
        """
        products = {
            charge: self.env["product.product"].browse(results[charge.id].values["product_id"]) for charge in meanings
        }
        # sudo: as in _resolve_units
        factors = self.env["integration.unit.factor"].sudo()
        units = self.env["integration.entity"].sudo().union(*(entity for entity, _factor in meanings.values()))
        bought = self.env["product.product"].union(*products.values())
        contents = factors._in_force(units, bought, self.env.company)
        rows = {}
        for charge, (entity, _factor) in meanings.items():
            rows[charge] = contents(entity.id, products[charge].id, results[charge.id].values["service_day"])
        uoms = units.uom_id | bought.uom_id.sudo() | factors.union(*rows.values()).uom_id
        measures = uoms._integration_measures()
        ratios = {}
        for charge, (entity, factor) in meanings.items():
            if not products[charge]:
                continue
            row, ours = rows[charge], measures[products[charge].uom_id.id]
            theirs = measures[(row or entity).uom_id.id]
            held = Fraction(row.factor) if row else Fraction(1)
            try:
                ratios[charge] = (factor * held * conversion.ratio(theirs, ours), row)
            except conversion.UnrelatedUnits:
                continue
        return ratios

    def _set_quantity(self, charge, result, ratios, meanings, digits):
        product = self.env["product.product"].browse(result.values["product_id"])
        ratio, row = (Fraction(1), self.env["integration.unit.factor"])
        if charge.uom_sent:
            ratio, row = ratios.get(charge, (None, row))
        result.remaining, result.ratio = Fraction(charge._remaining()), ratio
        result.values.update(
            # A quantity in an unknown unit is no quantity of ours: nothing is shown rather than the sender's number.
            quantity=float(result.remaining * ratio) if ratio is not None else 0.0,
            uom_id=product.uom_id.id,
            unit_ratio=conversion.ratio_text(ratio) if charge.uom_sent and ratio is not None else False,
            unit_factor_id=row.id,
        )
        if ratio is None:
            self._park_unit(charge, result, product, meanings.get(charge))
        else:
            self._check_precision(charge, result, product, digits)

    def _park_unit(self, charge, result, product, meaning):
        if meaning is None:
            result.park(
                "unit_unknown",
                self.env._("Map unit %s. It is never taken for one of the product's own.", charge.uom_sent),
            )
        elif product:  # without a product that is what has to be mended first
            entity, _factor = meaning
            result.park(
                "unit_unrelated",
                self.env._(
                    "The sender counts %(code)s in %(sent)s (%(theirs)s), the product in %(ours)s, and these do not"
                    " convert: say under Unit contents how many %(ours)s one %(theirs)s of %(product)s holds.",
                    code=charge.service_code,
                    sent=charge.uom_sent,
                    theirs=entity.uom_id.name,
                    ours=product.uom_id.name,
                    product=product.display_name,
                ),
            )

    def _check_precision(self, charge, result, product, digits):
        sent = Fraction(Decimal(charge.quantity_sent)) * result.ratio
        needed = [conversion.digits_needed(sent), conversion.digits_needed(result.remaining * result.ratio)]
        if None not in needed and max(needed) <= digits:
            return
        if None in needed:
            text = self.env._(
                "%(quantity)s %(sent)s are no exact number of %(ours)s: have the sender count in a unit that fits, or"
                " sell the product in another.",
                quantity=charge.quantity_sent,
                sent=charge.uom_sent,
                ours=product.uom_id.name,
            )
        else:
            text = self.env._(
                "Odoo would round quantity %(quantity)s: set Product Unit to %(digits)s decimals.",
                quantity=conversion.ratio_text(sent),
                digits=max(needed),
            )
        result.park("quantity_precision", text)
