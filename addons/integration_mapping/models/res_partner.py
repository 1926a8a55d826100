from odoo import api, models

_NUMBERS = {"vat", "company_registry", "global_location_number", "country_id", "parent_id"}


class ResPartner(models.Model):
    """Contacts of canonical suppliers: their numbers are kept comparable, and approved changes are told to others.

    A write that touches neither numbers nor what subscribers are told costs a comparison of names; one that does costs
    a few queries, whatever the number of contacts.
    """

    _inherit = "res.partner"

    @api.model_create_multi
    def create(self, vals_list):
        partners = super().create(vals_list)
        numbered = self._integration_number_fields()
        with_numbers = [
            one.id for one, vals in zip(partners, vals_list, strict=True) if any(vals.get(name) for name in numbered)
        ]
        self.env["integration.party.number"]._follow(self.browse(with_numbers))
        return partners

    def write(self, vals):
        entities = self.env["integration.entity"]
        with entities._telling_targets("partner_id", self, entities._watched("partner_id").keys() & vals.keys()):
            result = super().write(vals)
        if not _NUMBERS.isdisjoint(vals):
            self.env["integration.party.number"]._follow(self)
        return result

    @api.model
    def _integration_number_fields(self):
        return self.env["integration.party.number"]._partner_fields().values()
