from odoo import api, models
from odoo.exceptions import AccessError, UserError
from odoo.http import request


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @api.model
    def _second_factor_hint(self):
        return self.env._(
            "Your role administers the integration, and that takes a second factor. Set one up under Preferences → "
            "Security (an authenticator app or a passkey) and sign in with it. Until then you can look and not act."
        )

    @classmethod
    def _handle_error(cls, exception):
        """Say why an action was refused to somebody who holds the role and lacks the second factor."""
        lacks = getattr(request, "integration_lacks_second_factor", False)
        if lacks and isinstance(exception, AccessError | UserError):
            hint = request.env["ir.http"]._second_factor_hint()
            if hint not in str(exception):
                exception.args = (f"{exception}\n\n{hint}", *exception.args[1:])
        return super()._handle_error(exception)
