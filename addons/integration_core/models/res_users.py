from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessDenied, UserError, ValidationError
from odoo.http import request

from .. import later
from ..domain.logins import Failure, FailureLedger
from .integration_run_as_mixin import GROUP

ROLES = {"group_ids", "active", "role"}
"""Fields of a user on which it depends who holds a role."""


class _Failures(FailureLedger):
    """Failed logins of this process for one database; a transaction that ends in a refusal stores nothing itself."""

    def store(self, cr, batch):
        for one, times in batch.items():
            detail = f"{one.way} from {one.address}" + (f", {times} times" if times > 1 else "")
            cr.execute(
                """
                INSERT INTO integration_audit (at, user_id, user_name, company_id, company_name, action, res_model,
                                               res_id, res_name, detail)
                VALUES (%s, NULL, NULL, %s, %s, 'login.fail', 'res.users', %s, %s, %s)
                """,
                (one.minute, one.company, one.company_name, one.user, f"{one.name} ({one.login})", detail),
            )


class ResUsers(models.Model):
    """Users as whom the suite acts are no accounts: nobody, person or program, logs in as one.

    They are told by the technical group, which no person may have. Every way into Odoo ends in one of the methods
    below: the login page, XML-RPC, JSON-RPC and single sign-on check credentials, bearer tokens are checked by
    ``res.users.apikeys``. A password cannot be set either, so there is none to reset.

    Whoever gets or loses an approving role is noted; see :class:`IntegrationApprovingRole`.
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
        with self.env["res.groups"]._telling_roles():
            users = super().create(vals_list)
        for user, vals in zip(users, vals_list, strict=True):
            if vals.get("password") and user._acts_for_integration():
                raise UserError(self.env._("%s acts for the integration: it has no password.", user.name))
        self.env["integration.approving.role"]._look()
        return users

    def _set_encrypted_password(self, uid, pw):
        self._refuse_for_integration(self.browse(uid))
        return super()._set_encrypted_password(uid, pw)

    def _check_credentials(self, credential, env):
        if self.env.user._acts_for_integration():
            raise AccessDenied()
        return super()._check_credentials(credential, env)

    def write(self, vals):
        if not ROLES & set(vals):
            return super().write(vals)
        with self.env["res.groups"]._telling_roles():
            result = super().write(vals)
        self.env["integration.approving.role"]._look()
        return result

    def unlink(self):
        with self.env["res.groups"]._telling_roles():
            result = super().unlink()
        self.env["integration.approving.role"]._look()
        return result

    def _login(self, credential, user_agent_env):
        """Have the audit trail tell of logins of people who hold a role of the suite, and of failures to log in."""
        try:
            auth_info = super()._login(credential, user_agent_env)
        except AccessDenied:
            self._note_failed_login(credential)
            raise
        user = self.sudo().browse(auth_info["uid"])  # sudo: whoever logs in is not yet known
        if self.env["res.groups"]._app_holders(user.ids):
            about = self.env["integration.audit"]._about(user)
            detail = self._login_way(credential)
            self.env["integration.audit"]._append("login.succeed", [about], user=user, detail=detail)
        return auth_info

    def _note_failed_login(self, credential):
        """Note a failure, where the claimed login is that of a holder of a role; it is stored a moment later."""
        login = credential.get("login")
        if not login:
            return
        # sudo: as in _login
        user = self.sudo().search(self._get_login_domain(login), order=self._get_login_order(), limit=1)
        if not user or not self.env["res.groups"]._app_holders(user.ids):
            return
        way, _from, address = self._login_way(credential).partition(" from ")
        failure = Failure(
            minute=fields.Datetime.now().replace(second=0),
            user=user.id,
            name=user.name,
            login=user.login,
            company=user.company_id.id,
            company_name=user.company_id.name,
            address=address,
            way=way,
        )
        later.writer.notes(self.env.cr.dbname, _Failures).note(failure)
        later.writer.store(self.env.cr, _Failures)

    @staticmethod
    def _login_way(credential):
        address = request.httprequest.remote_addr if request else "the server itself"
        return f"{credential.get('type', 'password')} from {address}"

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
        try:
            return super()._check_uid_passwd(uid, passwd)
        except AccessDenied:
            # sudo: as in _login; a call that carries a wrong password is an attempt to log in
            login = self.browse(int(uid)).sudo().exists().login
            self._note_failed_login({"login": login, "type": "password of a call"})
            raise

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
