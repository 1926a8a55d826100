from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..domain import approval

# Protected fields change only where code holds this very object: a context key that comes over RPC can never be it.
APPROVAL_KEY = object()


class IntegrationApprovalMixin(models.AbstractModel):
    """Two people for what matters: whoever prepared a record cannot approve it.

    Enforced as soon as two active users hold the approving group; before that the same record is self-approved and
    marked so.

    Inheriting models say which fields need a new approval when they change (``_approval_guarded``) and which only
    their own methods may write (``_approval_protected``).
    """

    _name = "integration.approval.mixin"
    _description = "Request and approve"

    _approval_guarded = ()
    _approval_protected = ()

    approval_state = fields.Selection(
        [
            ("draft", "Draft"),
            ("requested", "Waiting for approval"),
            ("approved", "Approved"),
            ("rejected", "Rejected"),
        ],
        default="draft",
        required=True,
        copy=False,
        index=True,
    )
    author_id = fields.Many2one("res.users", copy=False, readonly=True, help="Who last changed what needs approval.")
    requested_by_id = fields.Many2one("res.users", copy=False, readonly=True)
    requested_at = fields.Datetime(copy=False, readonly=True)
    decided_by_id = fields.Many2one("res.users", copy=False, readonly=True)
    decided_at = fields.Datetime(copy=False, readonly=True)
    self_approved = fields.Boolean(
        copy=False, readonly=True, help="Approved by its own author, because nobody else could at that time."
    )
    decision_reason = fields.Char(copy=False, readonly=True)
    can_approve = fields.Boolean(compute="_compute_can_approve")

    @api.depends("approval_state", "author_id", "requested_by_id")
    @api.depends_context("uid")
    def _compute_can_approve(self):
        for record in self:
            record.can_approve = (
                record.approval_state == "requested"
                and self.env.user.has_group(record._approval_group())
                and record._approval_decision().allowed
            )

    # -- what inheriting models override
    # --------------------------------------------------------------------------------

    def _approval_group(self):
        """XML id of the group whose members may approve this record."""
        return "integration_core.group_admin"

    def _approval_needed(self):
        """Tell whether a second person is needed at all; test mode needs none."""
        self.ensure_one()
        return True

    def _on_approved(self):
        """Carry out what was approved."""

    def _on_approval_lost(self):
        """A guarded field changed after approval: take back what the approval allowed."""

    # -- the mechanism
    # --------------------------------------------------------------------------------------------------

    def _approving(self):
        """Return these records with the right to write protected fields."""
        return self.with_context(integration_approving=APPROVAL_KEY)

    def _is_approving(self):
        return self.env.context.get("integration_approving") is APPROVAL_KEY

    @api.model
    def _approval_own_fields(self):
        return {
            "approval_state",
            "author_id",
            "requested_by_id",
            "requested_at",
            "decided_by_id",
            "decided_at",
            "self_approved",
            "decision_reason",
            *self._approval_protected,
        }

    def _check_protected(self, vals):
        touched = self._approval_own_fields() & set(vals)
        # su: data that ships with a module is approved by its release
        if touched and not self.env.su and not self._is_approving():
            raise AccessError(
                self.env._("Use the buttons of the form: %s cannot be written directly.", ", ".join(sorted(touched)))
            )

    @api.model_create_multi
    def create(self, vals_list):
        initial = self._approval_initial()
        for vals in vals_list:
            self._check_protected({key: value for key, value in vals.items() if value and value != initial.get(key)})
        return super().create(
            [{**initial, **vals, "author_id": vals.get("author_id") or self.env.uid} for vals in vals_list]
        )

    @api.model
    def _approval_initial(self):
        """Return what the protected fields are at first.

        The code alone decides that: no context of a caller, and nobody's own defaults.
        """
        own = {name: self._fields[name] for name in self._approval_own_fields()}
        return {name: field.default(self) if field.default else False for name, field in own.items()}

    def write(self, vals):
        self._check_protected(vals)
        guarded = set(self._approval_guarded) & set(vals)
        if not guarded or self._is_approving():
            return super().write(vals)
        lost = self.filtered(lambda r: r.approval_state in ("requested", "approved"))
        result = super().write({**vals, "author_id": self.env.uid} if not self.env.su else vals)
        if lost and not self.env.su:
            lost._approving().write({"approval_state": "draft", "decided_by_id": False, "decided_at": False})
            lost._approving()._on_approval_lost()
            self.env["integration.audit"]._record("approval.lost", lost, detail=", ".join(sorted(guarded)))
        return result

    def _approval_approvers(self):
        """Active users who may approve this record, the engine and the system user excepted."""
        group = self.env.ref(self._approval_group())
        # sudo: counting who could approve must not depend on what the asking user may read
        users = group.sudo().all_user_ids.filtered(lambda u: u.active and u.id != api.SUPERUSER_ID)
        return {user.id for user in users}

    def _approval_decision(self):
        self.ensure_one()
        authors = {self.author_id.id, self.requested_by_id.id} - {False}
        author = self.env.uid if self.env.uid in authors else next(iter(authors), 0)
        return approval.decide(author=author, approver=self.env.uid, approvers=self._approval_approvers())

    def action_request_approval(self):
        """Ask a second person; where none is needed the record is approved at once."""
        for record in self:
            record.check_access("write")
            if record.approval_state not in ("draft", "rejected"):
                raise UserError(self.env._("%s was already submitted.", record.display_name))
            record._approving().write(
                {
                    "approval_state": "requested",
                    "requested_by_id": self.env.uid,
                    "requested_at": fields.Datetime.now(),
                    "decision_reason": False,
                }
            )
            self.env["integration.audit"]._record("approval.request", record)
            if not record._approval_needed():
                record._approval_grant(
                    self_approved=False, reason=self.env._("No second person is needed in test mode.")
                )
        return True

    def action_approve(self):
        """Approve; refused for the author as soon as somebody else could."""
        for record in self:
            if record.approval_state != "requested":
                raise UserError(self.env._("%s is not waiting for approval.", record.display_name))
            if not self.env.user.has_group(record._approval_group()):
                raise AccessError(self.env._("You are not among those who may approve %s.", record.display_name))
            decision = record._approval_decision()
            if not decision.allowed:
                raise UserError(
                    self.env._(
                        "You prepared %s yourself. Another person with the same right must approve it.",
                        record.display_name,
                    )
                )
            record._approval_grant(self_approved=decision is approval.Decision.SELF_APPROVED)
        return True

    def _approval_grant(self, *, self_approved, reason=None):
        self.ensure_one()
        # sudo: the approver may hold the approving right without the right to edit
        record = self.sudo()._approving()
        record.write(
            {
                "approval_state": "approved",
                "decided_by_id": self.env.uid,
                "decided_at": fields.Datetime.now(),
                "self_approved": self_approved,
                "decision_reason": reason,
            }
        )
        self.env["integration.audit"]._record(
            "approval.self_approve" if self_approved else "approval.approve", self, reason=reason
        )
        record._on_approved()

    def action_reject(self, reason=None):
        """Send it back to its author."""
        for record in self:
            if record.approval_state != "requested":
                raise UserError(self.env._("%s is not waiting for approval.", record.display_name))
            if not self.env.user.has_group(record._approval_group()):
                raise AccessError(self.env._("You are not among those who may decide on %s.", record.display_name))
            # sudo: the approver may hold the approving right without the right to edit
            record.sudo()._approving().write(
                {
                    "approval_state": "rejected",
                    "decided_by_id": self.env.uid,
                    "decided_at": fields.Datetime.now(),
                    "decision_reason": reason,
                }
            )
            self.env["integration.audit"]._record("approval.reject", record, reason=reason)
        return True
