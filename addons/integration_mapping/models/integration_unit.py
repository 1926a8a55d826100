from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..domain import conversion


def checked_factor(env, text):
    """Return a factor as it is stored.

    :raises ValidationError: when it is no decimal above zero
    """
    try:
        return conversion.factor_text(conversion.read_factor((text or "").strip()))
    except conversion.FactorError as error:
        raise ValidationError(
            env._("“%s” is no factor: a number above zero is needed, with a point, such as 12 or 0.5.", text)
        ) from error


class IntegrationIdentifier(models.Model):
    """A code of a unit may say how many of Odoo's unit one of theirs is: ``BX12`` is 12 × Units."""

    _inherit = "integration.identifier"

    factor = fields.Char(
        help="One of theirs is so many of the unit; exact, such as 12 or 0.5. Empty: one of theirs is one of ours."
    )

    _factor_text = models.Constraint(
        f"CHECK (factor IS NULL OR (kind = 'unit' AND factor ~ '{conversion.FACTOR_PATTERN}' AND factor ~ '[1-9]'))",
        "Only a unit has a factor, and it is a number above zero, such as 12 or 0.5.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._with_factor(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._with_factor(vals))

    def _with_factor(self, vals):
        if not vals.get("factor"):
            return vals
        return {**vals, "factor": checked_factor(self.env, vals["factor"])}

    @api.model
    def _resolve_units(self, system, keys, company):
        """Answer what codes of units mean, all at once: one query.

        :param keys: as for :meth:`_resolve`
        :return: dict ``{key: (entity of the unit, Fraction: one of theirs is so many of it)}``
        """
        wanted = list(dict.fromkeys(keys))
        entities = self.env["integration.entity"]
        rows = self._answers(system, "unit", wanted, company)
        return {wanted[place - 1]: (entities.browse(entity), Fraction(factor or "1")) for place, entity, factor in rows}


class UomUom(models.Model):
    _inherit = "uom.uom"

    def _integration_measures(self):
        """Return ``{unit id: conversion.Measure}`` of these units, exactly."""
        # Each unit's path of ids leads from its root to itself.
        paths = {unit.id: [int(part) for part in unit.parent_path.split("/") if part] for unit in self}
        # Archived ones too: what was once used still says what it was.
        above = self.browse({one for path in paths.values() for one in path}).with_context(active_test=False)
        # repr of a double gives back the decimal that was typed, up to 15 digits.
        steps = {unit.id: repr(unit.relative_factor) for unit in above}
        return {
            unit_id: conversion.Measure(path[0], conversion.size_of([steps[one] for one in path[1:]]))
            for unit_id, path in paths.items()
        }


class IntegrationUnitFactor(models.Model):
    """How many of a product one unit of it holds: a box of product A holds 50, a box of product B 100.

    Needed where Odoo's units alone do not say it, because they have no root in common.
    """

    _name = "integration.unit.factor"
    _inherit = ["integration.governed.mixin"]
    _description = "Unit content"
    _order = "product_id, unit_id, valid_from, id"
    _check_company_auto = True

    _audit_name = "unit_factor"
    _validity_question = ("company_id", "unit_id", "product_id")
    _validity_answer = ("factor", "uom_id")
    _approval_guarded = (*_validity_question, *_validity_answer, "valid_from", "valid_to", "replaces_id")

    unit_id = fields.Many2one(
        "integration.entity",
        required=True,
        domain="[('kind', '=', 'unit'), ('company_id', '=', company_id)]",
        check_company=True,
        ondelete="restrict",
        index=True,
        help="The unit that systems count in, such as a box.",
    )
    product_id = fields.Many2one("product.product", required=True, check_company=True, ondelete="restrict", index=True)
    factor = fields.Char("Holds", required=True, help="One such unit of this product is so many of the unit beside.")
    uom_id = fields.Many2one(
        "uom.uom",
        "Of",
        compute="_compute_uom_id",
        store=True,
        precompute=True,
        readonly=False,
        required=True,
        ondelete="restrict",
    )
    replaces_id = fields.Many2one("integration.unit.factor", "Succeeds", ondelete="set null", copy=False, readonly=True)

    _factor_text = models.Constraint(
        f"CHECK (factor ~ '{conversion.FACTOR_PATTERN}' AND factor ~ '[1-9]')",
        "What a unit holds is a number above zero, such as 12 or 0.5.",
    )
    _one_answer = models.Constraint(
        "EXCLUDE USING gist (company_id WITH =, unit_id WITH =, product_id WITH =,"
        " daterange(valid_from, valid_to, '[]') WITH &&) WHERE (state IN ('approved', 'retired'))",
        "On some of these days it is said already what this unit of this product holds.",
    )

    @api.depends("product_id")
    def _compute_uom_id(self):
        for rule in self:
            rule.uom_id = rule.product_id.uom_id

    @api.depends("unit_id", "product_id", "factor", "uom_id")
    def _compute_display_name(self):
        for rule in self:
            if not rule.product_id:
                rule.display_name = self.env._("New")
                continue
            rule.display_name = self.env._(
                "1 %(unit)s of %(product)s = %(factor)s %(uom)s",
                unit=rule.unit_id.name,
                product=rule.product_id.display_name,
                factor=rule.factor,
                uom=rule.uom_id.name,
            )

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([{**vals, "factor": checked_factor(self.env, vals.get("factor"))} for vals in vals_list])

    def write(self, vals):
        if "factor" in vals:
            vals = {**vals, "factor": checked_factor(self.env, vals["factor"])}
        return super().write(vals)

    @api.constrains("unit_id", "uom_id")
    def _check_unit(self):
        for rule in self:
            if rule.unit_id.kind != "unit":
                raise ValidationError(self.env._("Choose a unit."))
            if rule.unit_id.uom_id._has_common_reference(rule.uom_id):
                raise ValidationError(
                    self.env._(
                        "Odoo converts %(unit)s into %(uom)s by itself; a second answer is refused.",
                        unit=rule.unit_id.name,
                        uom=rule.uom_id.name,
                    )
                )

    @api.model
    def _in_force(self, units, products, company):
        """Return a function of (unit id, product id, day) to the row that holds then, or an empty one; one query."""
        rows = self.search(
            [
                ("company_id", "=", company.id),
                ("unit_id", "in", units.ids),
                ("product_id", "in", products.ids),
                ("state", "in", ("approved", "retired")),
            ]
        )
        by_pair = rows.grouped(lambda row: (row.unit_id.id, row.product_id.id))

        def content(unit_id, product_id, day):
            held = by_pair.get((unit_id, product_id), rows.browse())
            return held.filtered(lambda row: row._span().holds(day))

        return content
