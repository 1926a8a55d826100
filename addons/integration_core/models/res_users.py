from odoo import SUPERUSER_ID, api, models
from odoo.exceptions import AccessDenied, UserError, ValidationError

from .integration_run_as_mixin import GROUP


class ResUsers(models.Model):
    """Users as whom the suite acts are no accounts: nobody, person or program, logs in as one.

    They are told by the technical group, which no person may have. Every way into Odoo ends in one of the methods
    below: the login page, XML-RPC, JSON-RPC and single sign-on check credentials, bearer tokens are checked by
    ``res.users.apikeys``. A password cannot be set either, so there is none to reset.
    """

    _inherit = "res.users"

    def _acts_for_integration(self):
        """Tell whether these include a user as whom the suite acts."""
        # The superuser: who asks need not be allowed to know of other users' groups, and may not be known yet at all.
        return any(user.has_group(GROUP) for user in self.with_user(SUPERUSER_ID))

    def _is_in_every_company(self):
        """Tell whether this user is allowed in every company, and so may decide what holds for all of them."""
        # sudo: which companies there are, not what is in them
        user = self.sudo()
        return not user.env["res.company"].search_count([("id", "not in", user.company_ids.ids)], limit=1)

    @api.constrains("group_ids")
    def _check_integration_group(self):
        group = self.env.ref(GROUP, raise_if_not_found=False)
        # Odoo itself adds and removes this one.
        harmless = group and group | self.env.ref("base.group_multi_company")
        for user in self:
            # sudo: as in _acts_for_integration
            groups = user.sudo().group_ids
            if group and group in groups and groups - harmless:
                raise ValidationError(
                    self.env._(
                        "%s is a technical group, for users as whom the integration acts: never together with another.",
                        group.display_name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        users = super().create(vals_list)
        for user, vals in zip(users, vals_list, strict=True):
            if vals.get("password") and user._acts_for_integration():
                raise UserError(self.env._("%s acts for the integration: it has no password.", user.name))
        return users

    def _set_encrypted_password(self, uid, pw):
        self._refuse_for_integration(self.browse(uid))
        return super()._set_encrypted_password(uid, pw)

    def _check_credentials(self, credential, env):
        if self.env.user._acts_for_integration():
            raise AccessDenied()
        return super()._check_credentials(credential, env)

    def authenticate(self, credential, user_agent_env):
        """Log in, unless that would be as a user as whom the suite acts, whatever has checked the credentials."""
        auth_info = super().authenticate(credential, user_agent_env)
        if self.browse(auth_info["uid"])._acts_for_integration():
            raise AccessDenied()
        return auth_info

    def _check_uid_passwd(self, uid, passwd):
        # Odoo's own remembers who passed.
        if self.browse(int(uid))._acts_for_integration():
            raise AccessDenied()
        return super()._check_uid_passwd(uid, passwd)

    def _refuse_for_integration(self, users):
        if users._acts_for_integration():
            raise UserError(
                self.env._(
                    "%s acts for the integration: nobody logs in as it.", users[:1].sudo().name
                )  # sudo: its name
            )


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    def _check_credentials(self, *, scope, key):
        uid = super()._check_credentials(scope=scope, key=key)
        return None if uid and self.env["res.users"].browse(uid)._acts_for_integration() else uid

    def _generate(self, scope, name, expiration_date):
        self.env["res.users"]._refuse_for_integration(self.env.user)
        return super()._generate(scope, name, expiration_date)
