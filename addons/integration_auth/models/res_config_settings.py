from odoo import fields, models
from odoo.exceptions import ValidationError

from .res_users import DEMANDED, TRUSTS_PROVIDER


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    integration_second_factor = fields.Boolean(
        "Second factor for the integration",
        config_parameter=DEMANDED,
        help="Who administers the integration, approves or answers for patient data must have signed in with one.",
    )
    integration_trusts_provider = fields.Boolean(
        "The identity provider asks for it",
        config_parameter=TRUSTS_PROVIDER,
        help="Signing in through the identity provider (OAuth) counts, because it demands a second factor itself.",
    )

    def set_values(self):
        parameters = self.env["ir.config_parameter"].sudo()  # sudo: settings of the suite's own
        before = [bool(parameters.get_param(name)) for name in (DEMANDED, TRUSTS_PROVIDER)]
        result = super().set_values()
        after = [self.integration_second_factor, self.integration_trusts_provider]
        if before != after:
            if self.env.user._lacks_second_factor():
                raise ValidationError(
                    self.env._("You would lock yourself out. Set up your own second factor and sign in with it, first.")
                )
            detail = f"second factor: {after[0]}, identity provider trusted: {after[1]}"
            self.env["integration.audit"]._record("sign_in.change", detail=detail)
        return result
