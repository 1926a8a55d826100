from odoo import SUPERUSER_ID, api, models
from odoo.http import request

from ..domain import second_factor

ADMINISTERING = (
    "integration_core.group_admin",
    "integration_core.group_governance_approver",
    "integration_core.group_privacy_officer",
)
"""Roles that a second factor can be demanded of, together with all that their holders may do in the integration."""
LOOKING = "integration_core.group_finance_viewer"
"""What is left to its holders without one: to look."""
DEMANDED = "integration_auth.second_factor"
TRUSTS_PROVIDER = "integration_auth.trusts_provider"
_SIGNED_IN = "integration_signed_in"


class ResUsers(models.Model):
    _inherit = "res.users"

    def _check_credentials(self, credential, env):
        auth_info = super()._check_credentials(credential, env)
        if request and env.get("interactive"):
            # Not the user of auth_info: while the second step is asked for, that is nobody yet.
            self._remember_sign_in(self.id, auth_info["auth_method"])
        return auth_info

    def has_group(self, group_ext_id):
        """Deny the roles of the integration to those who lack the second factor that is demanded of them."""
        held = super().has_group(group_ext_id)
        if held and group_ext_id.startswith("integration_") and group_ext_id != LOOKING and self._lacks_second_factor():
            request.integration_lacks_second_factor = True  # so that the refusal can say why
            return False
        return held

    def _lacks_second_factor(self):
        """Tell whether a second factor is demanded of this user, who makes the present request, and was not shown.

        The server itself (crons, workers, the command line) makes no requests; who reaches it that way needs no role.
        """
        if not request or self.id != self.env.uid or self.id == SUPERUSER_ID or not self._administers_integration():
            return False
        # sudo: a setting of the suite's own
        return bool(self.env["ir.config_parameter"].sudo().get_param(DEMANDED)) and not self._shows_second_factor()

    def _administers_integration(self):
        return any(self._has_group(group) for group in ADMINISTERING)

    def _shows_second_factor(self):
        """Tell whether this user has shown a second factor in the session of the present request."""
        mine = request.session.uid == self.id
        mfa_type = mine and self._mfa_type()
        methods = request.session.get(_SIGNED_IN, {}).get(str(self.id), []) if mine else []
        if mfa_type == "totp_mail" and mfa_type not in methods and self._is_on_trusted_device():
            methods = self._remember_sign_in(self.id, mfa_type)
        sign_in = second_factor.SignIn(
            # An authenticator app is asked for at every sign-in, and ends the sessions from before it. That codes are
            # sent by mail is a setting, which does not.
            has_session=mine,
            asked=mfa_type == "totp",
            methods=methods,
        )
        # sudo: a setting of the suite's own
        trusts = bool(self.env["ir.config_parameter"].sudo().get_param(TRUSTS_PROVIDER))
        return second_factor.is_shown(sign_in, trusts_provider=trusts)

    def _has_second_factor(self):
        """Tell whether this user has set one up, or is asked for one whatever they have set up."""
        # sudo: that there is one, not which
        return bool(self._mfa_type() or self.sudo().auth_passkey_key_ids)

    def _is_on_trusted_device(self):
        """Tell whether the browser is one where Odoo no longer asks, because a code was given there."""
        key = request.cookies.get("td_id")
        return bool(key) and self.env["auth_totp.device"]._check_credentials_for_uid(
            scope="browser", key=key, uid=self.id
        )

    @api.model
    def _remember_sign_in(self, user_id, method):
        """Remember in the session how a user has proven who they are; return all the ways."""
        known = request.session.get(_SIGNED_IN, {})
        methods = sorted({*known.get(str(user_id), []), method})
        request.session[_SIGNED_IN] = {**known, str(user_id): methods}
        return methods
