from odoo import api, models
from odoo.exceptions import AccessError


class IrModelAccess(models.Model):
    _inherit = "ir.model.access"

    @api.model
    def check(self, model, mode="read", raise_exception=True):
        allowed = super().check(model, mode, raise_exception)
        if not allowed or not self._lacks_second_factor_for(model, mode):
            return allowed
        if raise_exception:
            raise self._make_access_error(model, mode)
        return False

    def _make_access_error(self, model, mode):
        if self._lacks_second_factor_for(model, mode):
            return AccessError(self.env["ir.http"]._second_factor_hint())
        return super()._make_access_error(model, mode)

    def _lacks_second_factor_for(self, model, mode):
        acts = mode != "read" and model.startswith("integration.") and not self.env.su
        return acts and self.env.user._lacks_second_factor()
