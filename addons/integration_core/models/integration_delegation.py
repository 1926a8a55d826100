from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..domain import approval

LONGEST = timedelta(days=92)
"""Whoever is away for longer gives the role itself to somebody, which is a decision of its own."""
FROM_PEOPLE = {"delegator_id", "delegate_id", "role", "date_from", "date_until", "reason"}
DELEGATES = (
    "integration_core.group_finance_viewer",
    "integration_core.group_operator",
    "integration_core.group_steward",
    "integration_core.group_governance_approver",
)
"""A delegate is somebody who works with the integration anyway."""


class IntegrationDelegation(models.Model):
    """Somebody decides for an approver who is away.

    Made by the approver, or by an administrator for somebody else; it ends by its date or when it is revoked, and is
    otherwise never changed. The delegate decides only what the delegator could, nothing that either of them or whoever
    made the delegation has prepared, and every decision says on whose behalf. Nobody hands on what was delegated.
    """

    _name = "integration.delegation"
    _description = "Delegation"
    _order = "date_until desc, id desc"

    delegator_id = fields.Many2one(
        "res.users", "Is away", required=True, default=lambda self: self.env.user, ondelete="restrict", index=True
    )
    delegate_id = fields.Many2one("res.users", "Decides instead", required=True, ondelete="restrict", index=True)
    role = fields.Selection(
        [
            ("all", "Everything that they may approve"),
            ("integration_core.group_admin", "Systems, keys, endpoints, event types, replays"),
            ("integration_core.group_steward", "Code mappings"),
        ],
        "What",
        required=True,
        default="all",
    )
    date_from = fields.Datetime("From", required=True, default=fields.Datetime.now)
    date_until = fields.Datetime("Until", required=True)
    reason = fields.Char(required=True, help="Kept in the audit trail.")
    entered_by_id = fields.Many2one("res.users", "Entered by", required=True, readonly=True, ondelete="restrict")
    revoked_at = fields.Datetime("Revoked", readonly=True)
    revoked_by_id = fields.Many2one("res.users", readonly=True, ondelete="restrict")
    state = fields.Selection(
        [("planned", "Planned"), ("active", "Holds"), ("ended", "Ended"), ("revoked", "Revoked")],
        compute="_compute_state",
    )
    may_revoke = fields.Boolean(compute="_compute_state")

    _forward = models.Constraint("CHECK (date_from < date_until)", "A delegation ends after it begins.")
    _two_people = models.Constraint("CHECK (delegator_id <> delegate_id)", "Nobody decides for themselves.")

    @api.depends("delegator_id", "delegate_id")
    def _compute_display_name(self):
        for one in self:
            if one.delegator_id and one.delegate_id:
                one.display_name = self.env._(
                    "%(delegate)s for %(delegator)s", delegate=one.delegate_id.name, delegator=one.delegator_id.name
                )
            else:
                one.display_name = self.env._("New delegation")

    @api.depends("date_from", "date_until", "revoked_at")
    @api.depends_context("uid")
    def _compute_state(self):
        now = fields.Datetime.now()
        for one in self:
            if one.revoked_at:
                one.state = "revoked"
            elif one.date_until and one.date_until <= now:
                one.state = "ended"
            else:
                one.state = "planned" if one.date_from and one.date_from > now else "active"
            one.may_revoke = one.id and one.state in ("planned", "active") and one._is_mine()

    def _is_mine(self):
        return self.env.user == self.delegator_id or self.env.user.has_group("integration_core.group_admin")

    @api.constrains("delegator_id", "delegate_id", "role", "date_from", "date_until")
    def _check_people(self):
        roles = self.env["integration.approving.role"]
        for one in self:
            # sudo: whether somebody may decide does not depend on what the asking user may read
            delegate = one.delegate_id.sudo()
            asked = roles._roles() if one.role == "all" else [one.role]
            if not any(one.delegator_id.id in roles._people(role) for role in asked):
                raise ValidationError(
                    self.env._("%s may not approve that, and so cannot delegate it.", one.delegator_id.name)
                )
            if not delegate.active or not any(delegate.has_group(group) for group in DELEGATES):
                raise ValidationError(
                    self.env._("%s does not work with the integration. Give them a role first.", delegate.name)
                )
            if one.date_until - one.date_from > LONGEST:
                raise ValidationError(self.env._("A delegation holds for %s days at most.", LONGEST.days))

    @api.model_create_multi
    def create(self, vals_list):
        """Make delegations: of one's own right, or, as an administrator, of somebody else's."""
        for vals in vals_list:
            if set(vals) - FROM_PEOPLE:
                raise AccessError(self.env._("A delegation says who, to whom, from when, until when and why."))
        # Who entered it counts as an author of what is decided by it: no context and no default says who that is.
        made = super().create(
            [{**vals, "entered_by_id": self.env.uid, "revoked_at": False, "revoked_by_id": False} for vals in vals_list]
        )
        for one in made:
            if one.delegator_id != self.env.user and not self.env.user.has_group("integration_core.group_admin"):
                raise AccessError(self.env._("Only an administrator delegates what somebody else may approve."))
            self.env["integration.audit"]._record("delegation.create", one, reason=one.reason, detail=one._detail())
        return made

    def _detail(self):
        return (
            f"from {self.delegator_id.id} to {self.delegate_id.id}, {self.role}, "
            f"{self.date_from} – {self.date_until} UTC"
        )

    @api.private
    def write(self, vals):
        """Refuse: a delegation is revoked, and another is made."""
        if vals.keys() - {"revoked_at", "revoked_by_id"} or not self.env.su:
            raise AccessError(self.env._("A delegation is not changed. Revoke it and make another."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _never_unlink(self):
        raise AccessError(self.env._("A delegation stays in the record. Revoke it."))

    def action_revoke(self):
        """End these delegations now."""
        for one in self:
            one.check_access("read")
            if not one._is_mine():
                raise AccessError(self.env._("Only %s or an administrator revokes this.", one.delegator_id.name))
            if one.state not in ("planned", "active"):
                raise UserError(self.env._("This delegation has ended."))
            # sudo: a delegation is changed by this method alone
            one.sudo().write({"revoked_at": fields.Datetime.now(), "revoked_by_id": self.env.uid})
            self.env["integration.audit"]._record("delegation.revoke", one, detail=one._detail())
        return True

    @api.model
    def _to_me(self, role, people):
        """Return the :class:`approval.Delegation` to the current user that hold now, of those who hold the role."""
        now = fields.Datetime.now()
        # sudo: what a person may decide does not depend on which delegations they may list
        held = self.sudo().search(
            [
                ("delegate_id", "=", self.env.uid),
                ("delegator_id", "in", list(people)),
                ("role", "in", ["all", role]),
                ("revoked_at", "=", False),
                ("date_from", "<=", now),
                ("date_until", ">", now),
            ],
            order="id",
        )
        return tuple(approval.Delegation(one.id, one.delegator_id.id, one.entered_by_id.id) for one in held)
