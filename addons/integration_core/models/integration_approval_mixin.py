from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..domain import approval
from .integration_approval import APPROVAL_KEY

ASKABLE = ("draft", "rejected")
NOT_URGENT = {"urgent": False, "confirm_by": False}


class IntegrationApprovalMixin(models.AbstractModel):
    """Two people for what matters: whoever prepared a record cannot approve it.

    ::

        draft ──request──▶ requested ──approve──▶ approved ──a guarded field changes──▶ draft
          ▲                    ├──reject, with a reason──▶ rejected ──request──▶ requested
          └──withdraw, expiry──┘

    Enforced as soon as two active users hold the approving role, and for a week after there were two; before that the
    same record is self-approved and marked so. The record says where it stands; each request and what became of it is
    a row of :class:`IntegrationApproval`, which follows from what is written to ``approval_state`` here.

    Where care must not wait, a record may take effect first (``action_use_now``); it stays *requested*, urgent, until a
    second person confirms it or takes it back.

    Inheriting models say which fields need a new approval when they change (``_approval_guarded``), which only their
    own methods may write (``_approval_protected``), and what a request shows beside the guarded ones
    (``_approval_shown``).
    """

    _name = "integration.approval.mixin"
    _description = "Request and approve"

    _approval_guarded = ()
    _approval_protected = ()
    _approval_shown = ()

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
    urgent = fields.Boolean(
        "In use before approval", copy=False, readonly=True, help="It took effect at once; a second person confirms it."
    )
    confirm_by = fields.Datetime(copy=False, readonly=True, help="Until then a second person must confirm it.")
    approval_snapshot = fields.Json(
        copy=False, readonly=True, groups=fields.NO_ACCESS, help="What was last approved, field by field, as text."
    )
    can_approve = fields.Boolean(compute="_compute_can_approve")
    can_withdraw = fields.Boolean(compute="_compute_can_approve")
    can_use_now = fields.Boolean(compute="_compute_can_approve")
    approval_count = fields.Integer("Approvals", compute="_compute_approval_count")

    @api.depends("approval_state", "author_id", "requested_by_id", "urgent")
    @api.depends_context("uid")
    def _compute_can_approve(self):
        standings = {}
        for record in self:
            waits = record.approval_state == "requested"
            record.can_approve = waits and record._approval_ruling(standings).allowed
            record.can_withdraw = waits and self.env.uid in record._approval_authors()
            record.can_use_now = bool(
                record.id and record._approval_usable_now() and record._approval_needed() and record.has_access("write")
            )

    def _compute_approval_count(self):
        counts = self.env["integration.approval"]._counts(self)
        for record in self:
            record.approval_count = counts.get(record._origin.id, 0)

    # -- what inheriting models override
    # --------------------------------------------------------------------------------

    def _approval_group(self):
        """XML id of the group whose members may approve this kind of record, beside the governance approvers.

        It names the kind's approving role and does not depend on the record.
        """
        return "integration_core.group_admin"

    def _approval_needed(self):
        """Tell whether a second person is needed at all; test mode needs none."""
        self.ensure_one()
        return True

    def _approval_may_use_now(self):
        """Tell whether this record may take effect before it is approved, because care may wait for it."""
        return False

    def _approval_baseline(self):
        """Return the texts of what was last approved, by field, or None; what a request shows changes against it."""
        self.ensure_one()
        # sudo: nobody reads or writes it as a field
        return self.sudo().approval_snapshot or None

    def _approval_effects(self):
        """Return ``(label, before, after)`` of what an approval changes beyond the fields that people edit."""
        return []

    def _on_approved(self):
        """Carry out what was approved."""

    def _on_approval_lost(self):
        """A guarded field changed after approval: take back what the approval allowed."""

    def _on_not_confirmed(self):
        """Take back what took effect before approval and was not confirmed."""
        self._on_approval_lost()

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
            "urgent",
            "confirm_by",
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
        records = super().create(
            [{**initial, **vals, "author_id": vals.get("author_id") or self.env.uid} for vals in vals_list]
        )
        records._approval_follow()
        return records

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
        lost = self.browse()
        if guarded and not self._is_approving() and not self.env.su:
            lost = self.filtered(lambda r: r.approval_state in ("requested", "approved"))
            lost._approval_remember()
            vals = {**vals, "author_id": self.env.uid}
        result = super().write(vals)
        if lost:
            lost._approval_lose(sorted(guarded))
        if "approval_state" in vals:
            self._approval_follow()
        return result

    def _approval_remember(self):
        """Keep what was approved, of records whose approval is older than the keeping or came with a release."""
        # sudo: nobody reads or writes it as a field
        for record in self.sudo().filtered(lambda r: r.approval_state == "approved" and not r.approval_snapshot):
            record.approval_snapshot = record._approval_texts()

    def _approval_lose(self, names):
        """Take these records back to draft: what was asked for or approved is not what they say any more."""
        self.env["integration.approval"]._waiting(self)._close(
            "withdrawn", reason=self.env._("Changed after it was asked for: %s.", ", ".join(names))
        )
        self._approving().write({"approval_state": "draft", "decided_by_id": False, "decided_at": False, **NOT_URGENT})
        self._approving()._on_approval_lost()
        self.env["integration.audit"]._record("approval.lost", self, detail=", ".join(names))

    def _approval_follow(self):
        """Let requests follow the records: open one for what waits, end those of what waits no longer."""
        requests = self.env["integration.approval"]
        asked = self.filtered(lambda r: r.approval_state == "requested")
        waiting = requests._waiting(self)
        ids = {request.res_id for request in waiting}
        waiting.filtered(lambda request: request.res_id not in set(asked.ids))._close("withdrawn")
        requests._open(asked.filtered(lambda r: r.id not in ids))

    @api.ondelete(at_uninstall=False)
    def _end_requests(self):
        self.env["integration.approval"]._waiting(self)._close(
            "withdrawn", reason=self.env._("The record was deleted.")
        )

    # -- who may decide
    # --------------------------------------------------------------------------------------------------

    def _approval_approvers(self):
        """Active users who may approve this record, the engine and the system user excepted."""
        return self.env["integration.approving.role"]._people(self._approval_group())

    def _approval_authors(self):
        self.ensure_one()
        return {self.author_id.id, self.requested_by_id.id} - {False}

    def _approval_ruling(self, standings=None):
        """Judge whether the current user may approve this record.

        :param dict standings: what the user may decide by role, to ask once for many records
        """
        self.ensure_one()
        role = self._approval_group()
        standings = {} if standings is None else standings
        if role not in standings:
            standings[role] = self.env["integration.approving.role"]._standing(role)
        return approval.decide(standings[role], authors=self._approval_authors())

    def _approval_check(self):
        """Return the ruling under which the current user decides about this record.

        :raises UserError: when it does not wait, or its author would decide
        :raises AccessError: for whoever has no say in it
        """
        self.ensure_one()
        if self.approval_state != "requested":
            raise UserError(self.env._("%s is not waiting for approval.", self.display_name))
        roles = self.env["integration.approving.role"]
        roles._look()
        ruling = self._approval_ruling()
        if ruling.decision is approval.Decision.REFUSED_NOT_APPROVER:
            raise AccessError(self.env._("You are not among those who may decide on %s.", self.display_name))
        return ruling

    def _approval_refused_text(self):
        role = self._approval_group()
        held_until = self.env["integration.approving.role"]._held_until(role)
        if held_until and self.env.uid in self._approval_approvers():
            return self.env._(
                "You prepared %(record)s yourself, and there were two who could approve. Until %(until)s UTC nobody "
                "approves their own work. Give a second person the role.",
                record=self.display_name,
                until=f"{held_until:%Y-%m-%d %H:%M}",
            )
        return self.env._(
            "You prepared %s yourself, or decide for somebody who did. Another person with the same right must "
            "approve it.",
            self.display_name,
        )

    # -- asking and deciding
    # ---------------------------------------------------------------------------------------------

    def action_request_approval(self):
        """Ask a second person; where none is needed the record is approved at once."""
        for record in self:
            record.check_access("write")
            if record.approval_state not in ASKABLE:
                raise UserError(self.env._("%s was already submitted.", record.display_name))
        needed = self.filtered(lambda r: r._approval_needed())
        needed._approval_ask()
        for record in self - needed:
            # Nobody is asked, so there is no request: the audit trail has it.
            record._approving().write({"requested_by_id": self.env.uid, "requested_at": fields.Datetime.now()})
            self.env["integration.audit"]._record("approval.request", record)
            record._approval_grant(self_approved=False, reason=self.env._("No second person is needed in test mode."))
        return True

    def _asked_values(self):
        return {
            "approval_state": "requested",
            "requested_by_id": self.env.uid,
            "requested_at": fields.Datetime.now(),
            "decided_by_id": False,
            "decided_at": False,
            "self_approved": False,
            "decision_reason": False,
            **NOT_URGENT,
        }

    def _approval_ask(self, **values):
        if self:
            self._approving().write({**self._asked_values(), **values})
            self.env["integration.audit"]._record("approval.request", self)

    def action_approve(self):
        """Approve; refused for the author as soon as somebody else could."""
        for record in self:
            ruling = record._approval_check()
            if not ruling.allowed:
                raise UserError(record._approval_refused_text())
            record._approval_grant(
                self_approved=ruling.decision is approval.Decision.SELF_APPROVED, delegation=ruling.delegation
            )
        return True

    def _approval_grant(self, *, self_approved, reason=None, delegation=None):
        self.ensure_one()
        # sudo: the approver may hold the approving right without the right to edit
        record = self.sudo()._approving()
        in_use = record.urgent
        self.env["integration.approval"]._waiting(self)._close(
            "approved", reason=reason, self_approved=self_approved, delegation=delegation
        )
        record.write(
            {
                "approval_state": "approved",
                "decided_by_id": self.env.uid,
                "decided_at": fields.Datetime.now(),
                "self_approved": self_approved,
                "decision_reason": reason,
                **NOT_URGENT,
            }
        )
        self._approval_audit("approval.self_approve" if self_approved else "approval.approve", reason, delegation)
        if not in_use:
            record._on_approved()
        record.approval_snapshot = record._approval_texts()

    def _approval_audit(self, action, reason=None, delegation=None):
        delegator = self.env["res.users"].browse(delegation.delegator if delegation else False)
        # sudo: the name of whom somebody decides for
        detail = f"on behalf of {delegator.sudo().name} ({delegator.id})" if delegation else None
        self.env["integration.audit"]._record(action, self, reason=reason, detail=detail)

    @api.model
    def _approval_reason(self, reason):
        """Return the reason that a person gave.

        :raises UserError: when there is none
        """
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Say why: the reason is kept with your name."))
        return reason

    def action_reject(self, reason=None):
        """Send it back to its author, with a reason."""
        rulings = [record._approval_check() for record in self]  # first: who may not decide need give no reason
        reason = self._approval_reason(reason)
        for record, ruling in zip(self, rulings, strict=True):
            delegation = ruling.delegation
            record._approval_end(
                "rejected",
                {"approval_state": "rejected", "decided_by_id": self.env.uid, "decided_at": fields.Datetime.now()},
                reason=reason,
                delegation=delegation,
            )
            record._approval_audit("approval.reject", reason, delegation)
        return True

    def action_withdraw(self):
        """Take back what one has asked for oneself."""
        for record in self:
            if record.approval_state != "requested":
                raise UserError(self.env._("%s is not waiting for approval.", record.display_name))
            if self.env.uid not in record._approval_authors():
                raise AccessError(self.env._("Only whoever asked for it withdraws %s.", record.display_name))
            record._approval_end("withdrawn", {"approval_state": "draft"})
            record._approval_audit("approval.withdraw")
        return True

    def _approval_expire(self):
        """Take back to draft what nobody decided on in time."""
        self.ensure_one()
        self._approval_end("expired", {"approval_state": "draft"}, reason=self.env._("Nobody decided in time."))
        self._approval_audit("approval.expire")

    def _approval_end(self, outcome, values, *, reason=None, delegation=None):
        """End the waiting request otherwise than by approval; what is in use already is taken back."""
        # sudo: whoever decides may hold the approving right without the right to edit
        record = self.sudo()._approving()
        in_use = record.urgent
        self.env["integration.approval"]._waiting(self)._close(outcome, reason=reason, delegation=delegation)
        record.write({**values, "decision_reason": reason, **NOT_URGENT})
        if in_use:
            record._on_not_confirmed()

    # -- act first, approve after
    # ------------------------------------------------------------------------------------------

    def _approval_usable_now(self):
        if self.urgent or not self._approval_may_use_now():
            return False
        mine = self.approval_state == "requested" and self.requested_by_id == self.env.user
        return mine or self.approval_state in ASKABLE

    def action_use_now(self, reason=None):
        """Let it take effect at once, because care would wait; a second person confirms it or takes it back."""
        self.check_access("write")
        reason = self._approval_reason(reason)
        for record in self:
            if not record._approval_usable_now():
                raise UserError(self.env._("%s takes effect when it is approved, not before.", record.display_name))
            if not record._approval_needed():
                record.action_request_approval()
                continue
            self.env["integration.approval"]._waiting(record)._close(
                "withdrawn", reason=self.env._("Used before approval instead.")
            )
            deadline = self.env["integration.approval"]._confirm_by()
            # Through draft, so that a new request is opened.
            record._approving().write({"approval_state": "draft"})
            record._approval_ask(urgent=True, confirm_by=deadline, decision_reason=reason)
            record._approval_audit("approval.use_now", reason)
            # sudo: what an approval carries out needs no right of its own to edit other records
            record.sudo()._approving()._on_approved()
        return True

    # -- what a request shows
    # -----------------------------------------------------------------------------------------------

    def _approval_texts(self):
        """Return the guarded and the shown fields as texts, those left out that not every reader may see."""
        self.ensure_one()
        # sudo: what a reference is called does not depend on who asks; one language, so that texts can be compared
        record = self.sudo().with_context(lang=self.env.company.partner_id.lang)
        names = dict.fromkeys((*self._approval_shown, *self._approval_guarded))
        return {name: record._approval_text(name) for name in names if not self._fields[name].groups}

    def _approval_text(self, name):
        """Return one field as a person reads it. Never a secret, never a patient's."""
        field, value = self._fields[name], self[name]
        match field.type:
            case "boolean":
                return self.env._("Yes") if value else self.env._("No")
            case "selection":
                return dict(field._description_selection(self.env)).get(value) or ""
            case "many2one":
                return value.display_name or "" if value else ""
            case "many2many" | "one2many":
                return ", ".join(sorted(value.mapped("display_name")))
            case "datetime":
                return f"{value:%Y-%m-%d %H:%M} UTC" if value else ""
            case "date":
                return fields.Date.to_string(value) or ""
            case "integer" | "float":
                return str(value)
        return str(value or "")

    def _approval_changes(self):
        """Return what an approval would change, as a list of ``{"label", "old", "new"}``."""
        found = [
            {"label": label, "old": approval.clip(old), "new": approval.clip(new)}
            for label, old, new in self._approval_effects()
        ]
        for change in approval.changes(self._approval_baseline(), self._approval_texts()):
            label = self._fields[change.name]._description_string(self.env)
            found.append({"label": label, "old": change.old, "new": change.new})
        return found

    def action_open_approvals(self):
        """Show every request about this record and what became of it."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Approvals of %s", self.display_name),
            "res_model": "integration.approval",
            "view_mode": "list,form",
            "domain": [("res_model", "=", self._name), ("res_id", "=", self.id)],
        }
