from odoo import api, fields, models


class IntegrationKeyWizard(models.TransientModel):
    _inherit = "integration.key.wizard"

    endpoint_id = fields.Many2one(
        "integration.endpoint", readonly=True, default=lambda self: self._default_holder("integration.endpoint")
    )

    @api.model
    def _field_of(self, model):
        return "endpoint_id" if model == "integration.endpoint" else super()._field_of(model)

    def _holder(self):
        self.ensure_one()
        return self.endpoint_id or super()._holder()

    @api.depends("endpoint_id")
    def _compute_holder(self):
        return super()._compute_holder()

    @api.depends("endpoint_id")
    def _compute_entered_version(self):
        return super()._compute_entered_version()

    @api.depends("endpoint_id")
    def _compute_replaced(self):
        return super()._compute_replaced()

    def _needs_approval(self):
        return self.endpoint_id._approval_needed() if self.endpoint_id else super()._needs_approval()
