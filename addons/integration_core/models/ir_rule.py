from odoo import models


class IrRule(models.Model):
    """Record rules of what belongs to no company say ``integration_shared``: who may change that."""

    _inherit = "ir.rule"

    def _eval_context(self):
        # Cached with the rules' domains; Odoo forgets those when companies or a user's companies change.
        shared = [False] if self.env.user._is_in_every_company() else []
        return {**super()._eval_context(), "integration_shared": shared}
