from contextlib import contextmanager

from odoo import api, models
from odoo.tools import SQL

from ..tools import transaction_data

_HOLDERS = SQL(
    """
    WITH RECURSIVE app AS (
        SELECT g.id FROM res_groups g JOIN res_groups_privilege p ON p.id = g.privilege_id
          JOIN ir_model_data d ON d.model = 'ir.module.category' AND d.res_id = p.category_id
         WHERE d.module = 'integration_core' AND d.name = 'module_category_integration'
        UNION
        SELECT res_id FROM ir_model_data
         WHERE model = 'res.groups' AND module = 'integration_core' AND name = 'group_engine'
    ), giving (gid, app) AS (
        SELECT id, id FROM app
        UNION
        SELECT r.gid, giving.app FROM res_groups_implied_rel r JOIN giving ON r.hid = giving.gid
    )
    SELECT DISTINCT u.id, giving.app
      FROM giving JOIN res_groups_users_rel r ON r.gid = giving.gid JOIN res_users u ON u.id = r.uid
     WHERE u.active
    """
)
_BY_GROUP = {"user_ids", "implied_ids", "implied_by_ids"}


class ResGroups(models.Model):
    """Who holds a role of the suite is told by the audit trail, by whatever way it changes.

    Whoever gets or loses an approving role by a group is noted, too; see :class:`IntegrationApprovingRole`.
    """

    _inherit = "res.groups"

    @api.model
    def _app_holders(self, users=None):
        """Return the (user id, id of a group of the suite) pairs of active users, implied groups included.

        :param users: ids of the users that are asked about; by default all
        """
        self.env.flush_all()
        among = SQL() if users is None else SQL("AND u.id = ANY (%s)", list(users))
        self.env.cr.execute(SQL("%s %s", _HOLDERS, among))
        return frozenset(self.env.cr.fetchall())

    @contextmanager
    def _telling_roles(self):
        """Have the audit trail tell who has gained or lost a role of the suite during the block.

        What is nested in another such block is told by the outer one.
        """
        told = transaction_data(self.env.cr)
        if told.get("telling_roles"):
            yield
            return
        told["telling_roles"] = True
        try:
            before = self._app_holders()
            names = self._role_names(before)
            users = self._role_users(before)
            yield
            after = self._app_holders()
            self._tell_roles(before, after, {**names, **self._role_names(after)}, {**users, **self._role_users(after)})
        finally:
            told["telling_roles"] = False

    def _role_names(self, pairs):
        # sudo: whoever deletes a user need not be allowed to read groups
        groups = self.sudo().with_context(lang="en_US").browse({group for _user, group in pairs})
        return {group.id: group.name for group in groups}

    def _role_users(self, pairs):
        # sudo: as above; in the trail are names
        users = self.env["res.users"].sudo().browse({user for user, _group in pairs})
        return {user.id: (f"{user.name} ({user.login})", user.company_id) for user in users}

    def _tell_roles(self, before, after, names, users):
        rows = []
        for user in sorted({user for user, _group in before ^ after}):
            gained = sorted(names[group] for one, group in after - before if one == user)
            lost = sorted(names[group] for one, group in before - after if one == user)
            parts = [f"+{name}" for name in gained] + [f"-{name}" for name in lost]
            name, company = users[user]
            rows.append(
                {
                    "company_id": company.id,
                    "company_name": company.name,
                    "res_model": "res.users",
                    "res_id": user,
                    "res_name": name,
                    "detail": ", ".join(parts),
                }
            )
        if rows:
            self.env["integration.audit"]._append("role.change", rows)

    @api.model_create_multi
    def create(self, vals_list):
        with self._telling_roles():
            groups = super().create(vals_list)
        if any(_BY_GROUP & set(vals) for vals in vals_list):
            self.env["integration.approving.role"]._look()
        return groups

    def write(self, vals):
        if not {"user_ids", "all_user_ids", "implied_ids", "implied_by_ids", "privilege_id"} & set(vals):
            return super().write(vals)
        with self._telling_roles():
            result = super().write(vals)
        if _BY_GROUP & set(vals):
            self.env["integration.approving.role"]._look()
        return result

    def unlink(self):
        with self._telling_roles():
            result = super().unlink()
        self.env["integration.approving.role"]._look()
        return result
