from odoo import api, fields, models


class IntegrationPayerMixin(models.AbstractModel):
    """Who pays, as the clinical system told it: for one charge, or for an encounter as a whole."""

    _name = "integration.payer.mixin"
    _description = "Payer fields"

    payer_told = fields.Boolean("Payer told", readonly=True, help="The message itself said who pays.")
    coverage = fields.Json("Payers by rank", readonly=True, help="Payer codes as sent, first rank first.")
    guarantor_id = fields.Many2one("integration.guarantor", readonly=True)
    self_pay = fields.Boolean("Self-pay", readonly=True)

    @api.model
    def _payer_values(self, system, company, terms, told_at):
        """Return the values of these fields for ``terms`` (:class:`~..domain.payer.PayerTerms` or None)."""
        if terms is None:
            return {}
        guarantor = self.env["integration.guarantor"]
        if terms.guarantor:
            guarantor = guarantor._take(system, company, terms.guarantor, told_at)
        return {
            "payer_told": True,
            "coverage": list(terms.coverage) or False,
            "guarantor_id": guarantor.id,
            "self_pay": terms.self_pay,
        }
