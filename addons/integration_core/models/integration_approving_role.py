from odoo import SUPERUSER_ID, api, fields, models

from ..domain import approval

EVERY_KIND = "integration_core.group_governance_approver"
"""Whoever holds this group may approve records of every kind, and edit none."""


class IntegrationApprovingRole(models.Model):
    """Who held an approving role when that was last noted, and when there last were two of them.

    While two hold a role nobody approves their own work. That must not end at the hands of one of them, who could take
    the role from the other or archive them: it goes on for :data:`~.approval.MEMORY` after the last moment at which
    there were two. Every change of users and groups is noted in its own transaction, with its author in the audit
    trail; what was changed past Odoo is found at the next look.
    """

    _name = "integration.approving.role"
    _description = "Approving role"
    _log_access = False
    _order = "role"
    _rec_name = "role"

    role = fields.Char("Group", required=True, readonly=True, help="XML id of the group that decides on a kind.")
    people = fields.Json(readonly=True, help="Ids of the users who held it when that was last noted.")
    two_at = fields.Datetime(readonly=True, help="When two are last known to have held it.")

    _role_uniq = models.UniqueIndex("(role)", "There is one row per role.")

    @api.model
    def _request_roles(self):
        """Return the XML ids of the groups that decide on requests of some kind."""
        kinds = self.env["integration.approval"]._approved_models()
        return sorted({self.env[name]._approval_group() for name in kinds})

    @api.model
    def _roles(self):
        """Return the XML ids of all groups whose members approve something; addons add theirs."""
        return self._request_roles()

    @api.model
    def _people(self, role):
        """Return the ids of the active users who may approve in this role, the system's own user left out."""
        groups = self.env["res.groups"]
        for name in (role, EVERY_KIND) if role in self._request_roles() else (role,):
            groups |= self.env.ref(name, raise_if_not_found=False) or groups
        # sudo: who could approve must not depend on what the asking user may read
        users = groups.sudo().all_user_ids.filtered(lambda user: user.active and user.id != SUPERUSER_ID)
        return frozenset(users.ids)

    @api.model
    def _of(self, role):
        # sudo: as in _people
        return self.sudo().search([("role", "=", role)], limit=1)

    @api.model
    def _is_enforced(self, role, people=None):
        """Tell whether nobody approves their own work in this role."""
        row = self._of(role)
        return approval.is_enforced(
            holders=len(self._people(role) if people is None else people),
            known=len(row.people or []),
            two_at=row.two_at or None,
            now=fields.Datetime.now(),
        )

    @api.model
    def _held_until(self, role):
        """Return until when the rule goes on although only one person is left, or None (naive UTC)."""
        row = self._of(role)
        if len(self._people(role)) >= approval.MIN_APPROVERS or not self._is_enforced(role):
            return None
        noted = len(row.people or []) < approval.MIN_APPROVERS
        return (row.two_at if noted else fields.Datetime.now()) + approval.MEMORY

    @api.model
    def _standing(self, role):
        """Return the :class:`approval.Standing` of the current user in this role."""
        people = self._people(role)
        return approval.Standing(
            person=self.env.uid,
            approvers=people,
            enforced=self._is_enforced(role, people),
            delegations=self.env["integration.delegation"]._to_me(role, people),
        )

    @api.model
    def _look(self):
        """Note who holds the roles now; what has changed goes into the audit trail under the current user's name."""
        if not self.pool.ready:
            return  # while addons are loaded the groups come and go with their data
        for role in self._roles():
            people = sorted(self._people(role))
            row = self._of(role)
            known = row.people or []
            if people != known:
                row._note(role, people, known)

    def _note(self, role, people, known):
        values = {"people": people}
        if max(len(people), len(known)) >= approval.MIN_APPROVERS:
            values["two_at"] = fields.Datetime.now()
        if self:
            self.write(values)
        else:
            # sudo: as in _people
            self.sudo().create({"role": role, **values})
        came, left = sorted(set(people) - set(known)), sorted(set(known) - set(people))
        detail = f"{role}: came {came}, left {left}, now {len(people)}"
        self.env["integration.audit"]._record("approval.approvers", detail=detail)

    @api.autovacuum
    def _look_daily(self):
        """Find what was changed past Odoo."""
        self._look()
