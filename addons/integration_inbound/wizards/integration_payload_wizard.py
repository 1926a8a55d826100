from odoo import api, fields, models


class IntegrationPayloadWizard(models.TransientModel):
    _inherit = "integration.payload.wizard"

    refused_id = fields.Many2one(
        "integration.refused.message",
        "Refused message",
        readonly=True,
        default=lambda self: self._chosen("integration.refused.message"),
    )

    def _holder(self):
        return self.refused_id or super()._holder()

    @api.depends("refused_id")
    def _compute_content_gone(self):
        return super()._compute_content_gone()
