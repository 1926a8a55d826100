from odoo import api, fields, models


class ResPartner(models.Model):
    """Contacts whose flow can be followed: companies, and whoever is a supplier or payer without being one."""

    _inherit = "res.partner"

    integration_has_trace = fields.Boolean("Has a trace", compute="_compute_integration_has_trace")

    @api.depends("is_company", "supplier_rank")
    @api.depends_context("allowed_company_ids")
    def _compute_integration_has_trace(self):
        # A person is looked up in the crosswalk; a patient who pays for themselves is none of its suppliers or payers.
        people = self.filtered(lambda partner: not partner.is_company and partner.supplier_rank <= 0)
        parties = self.env["integration.trace"]._known_parties(people._origin)
        for partner in self:
            known = partner not in people or partner._origin in parties
            partner.integration_has_trace = bool(partner._origin) and known
