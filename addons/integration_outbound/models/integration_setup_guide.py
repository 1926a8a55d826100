from odoo import api, models


class IntegrationSetupGuide(models.AbstractModel):
    _inherit = "integration.setup.guide"

    @api.model
    def _senders(self, systems):
        """Leave out what may send nothing and has an endpoint: it was registered to listen, and is ready as it is."""
        # sudo: that somebody listens is no secret of the endpoint's
        endpoints = self.env["integration.endpoint"].sudo().search([("system_id", "in", systems.ids)])
        listeners = endpoints.system_id.filtered(lambda one: not one.event_type_ids)
        return super()._senders(systems).filtered(lambda one: one.id not in listeners.ids)
