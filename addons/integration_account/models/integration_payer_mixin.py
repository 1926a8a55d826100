from odoo import api, fields, models

_FINANCE = "integration_core.group_finance_viewer,integration_core.group_engine"
"""Who pays is finance's business; the clinical side sees the encounter without it."""


class IntegrationPayerMixin(models.AbstractModel):
    """Who pays, as the clinical system told it: for one charge, or for an encounter as a whole."""

    _name = "integration.payer.mixin"
    _description = "Payer fields"

    payer_told = fields.Boolean("Payer told", readonly=True, groups=_FINANCE, help="The message itself said who pays.")
    coverage = fields.Json(
        "Payers by rank", readonly=True, groups=_FINANCE, help="Payer codes as sent, first rank first."
    )
    guarantor_id = fields.Many2one("integration.guarantor", readonly=True, groups=_FINANCE)
    self_pay = fields.Boolean("Self-pay", readonly=True, groups=_FINANCE)

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
