from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date

from ..domain import validity
from .integration_entity import changes

NO_END = {"ending": False, "ending_day": False, "ending_reason": False}
ENDINGS = [
    ("retire", "Retire: it was right up to a day"),
    ("revoke", "Revoke: it was wrong, for past days too"),
]


class IntegrationGovernedMixin(models.AbstractModel):
    """A rule that moves money: proposed by a steward, approved by another, valid on days of service.

    ::

        proposed ──approve──▶ approved ──retire──▶ retired     (has a last day; days up to it are still judged by it)
                                  └──────revoke──▶ revoked     (was wrong: it decides about no day any more)

    Ending a rule moves money as well, to whatever decides without it: it is asked for and approved like the rule
    itself, which stays in force meanwhile (``ending``).

    What an approved rule says never changes in place. A change is a new rule that succeeds it (``replaces_id``):
    approving the new one ends the old one in the same transaction. Two rules about the same never share a day: each
    inheriting model has an exclusion constraint ``_one_answer`` over ``_governed_question`` and the days.

    Inheriting models name what a rule is about (``_governed_question``), what it says (``_governed_answer``), both with
    the days in ``_approval_guarded``, and have ``replaces_id``.
    """

    _name = "integration.governed.mixin"
    _inherit = ["integration.approval.mixin", "integration.audited.mixin", "integration.company.mixin"]
    _description = "Governed rule"

    _governed_question = ()
    _governed_answer = ()
    _approval_protected = ("state", *NO_END)

    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company, ondelete="cascade"
    )
    valid_from = fields.Date("Valid from", help="First day of service it holds for. Empty: since ever.")
    valid_to = fields.Date("Valid until", help="Last day of service it holds for. Empty: until further notice.")
    holds = fields.Char(compute="_compute_holds", help="The days of service it holds for.")
    state = fields.Selection(
        [("proposed", "Proposed"), ("approved", "Approved"), ("retired", "Retired"), ("revoked", "Revoked")],
        default="proposed",
        required=True,
        readonly=True,
        copy=False,
        index=True,
    )
    note = fields.Char(help="Why, for whoever approves or asks later.")
    ending = fields.Selection(ENDINGS, "Asked to end", readonly=True, copy=False)
    ending_day = fields.Date("Last day asked for", readonly=True, copy=False)
    ending_reason = fields.Char("Why it is to end", readonly=True, copy=False)

    _span_forward = models.Constraint("CHECK (valid_from <= valid_to)", "The first day lies after the last one.")
    _retired_ends = models.Constraint(
        "CHECK (state <> 'retired' OR valid_to IS NOT NULL)", "What is retired has a last day."
    )

    @api.depends("valid_from", "valid_to")
    def _compute_holds(self):
        for rule in self:
            first = rule.valid_from and format_date(self.env, rule.valid_from)
            last = rule.valid_to and format_date(self.env, rule.valid_to)
            if first and last:
                rule.holds = f"{first} – {last}"
            elif first:
                rule.holds = self.env._("from %s", first)
            else:
                rule.holds = self.env._("until %s", last) if last else self.env._("always")

    def _span(self):
        """Return the days this rule decides about, as a :class:`validity.Span`."""
        self.ensure_one()
        return validity.Span(self.valid_from or None, self.valid_to or None)

    def _is_in_force(self):
        """Tell whether it decides about the days of its span."""
        self.ensure_one()
        return self.state in ("approved", "retired")

    def _about(self):
        """Return what the rule is about, to compare."""
        self.ensure_one()
        return tuple(self[name] for name in self._governed_question)

    @api.constrains("replaces_id")
    def _check_replaces(self):
        for rule in self:
            if rule.replaces_id and rule._about() != rule.replaces_id._about():
                raise ValidationError(self.env._("A rule can succeed only one about the same."))

    # -- writing -----------------------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        in_force = rules.filtered(lambda rule: rule._is_in_force())
        if in_force:  # what a release or a demo brings along, approved
            in_force._rule_changed()
        return rules

    def write(self, vals):
        """Refuse to change what an approved rule says: it is succeeded, retired or revoked instead."""
        touched = [name for name in self._approval_guarded if name in vals]
        if touched and not self._is_approving():
            for rule in self.filtered(lambda one: one.state != "proposed" and changes(one, vals, touched)):
                raise UserError(
                    self.env._(
                        "%s was approved; what it says does not change in place. Use Change, or end it.",
                        rule.display_name,
                    )
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_proposals_only(self):
        for rule in self:
            if rule.state != "proposed":
                raise UserError(
                    self.env._("%s was approved and stays in the record. Retire or revoke it.", rule.display_name)
                )

    def _rule_changed(self):
        """Approved, retired or revoked: hook for addons whose records wait for such rules or were judged by them.

        It is a hint, in the approver's transaction: what was parked at the same moment is found by their own sweep.
        """

    # -- approval ----------------------------------------------------------------------------------------------------

    def _approval_group(self):
        return "integration_core.group_steward"

    def _approval_baseline(self):
        """A change is a new rule: it is compared with the one that it succeeds."""
        if not self.replaces_id:
            return super()._approval_baseline()
        return {**self.replaces_id._approval_texts(), "replaces_id": ""}

    def action_request_approval(self):
        """Ask for approval of proposals and of ends; what has ended stays so."""
        for rule in self:
            if rule.state != "proposed" and not rule.ending:
                raise UserError(self.env._("%s was decided on before. Propose a new rule.", rule.display_name))
        return super().action_request_approval()

    def _approval_effects(self):
        if not self.ending:
            return super()._approval_effects()
        how = dict(self._fields["ending"]._description_selection(self.env))[self.ending]
        day = self.ending_day and format_date(self.env, self.ending_day)
        after = ", ".join(filter(None, (how, day, self.ending_reason)))
        return [*super()._approval_effects(), (self.env._("Asked to end"), self.holds, after)]

    def _approval_end(self, outcome, values, *, reason=None, delegation=None):
        """What was asked for is off; a rule that was to end goes on."""
        result = super()._approval_end(outcome, values, reason=reason, delegation=delegation)
        if self.ending:
            # sudo: as in the mixin, whoever decides may hold the approving right without the right to edit
            self.sudo()._approving().write({"approval_state": "approved", **NO_END})
        return result

    def _on_approved(self):
        for rule in self.filtered("ending"):
            rule._end()
        for rule in self.filtered(lambda one: one.state == "proposed"):
            rule._end_predecessor()
            rule._check_free()
            rule.write({"state": "approved"})
        self._rule_changed()

    def _end(self):
        """Carry out the end that was asked for and approved."""
        how, day, reason = self.ending, self.ending_day, self.ending_reason
        retired = {"state": "retired", "valid_to": day}
        self._approving().write({**(retired if how == "retire" else {"state": "revoked"}), **NO_END})
        self._audit_rule(how, self, reason=reason, detail=f"last day {day}" if how == "retire" else None)

    def _end_predecessor(self):
        old = self.replaces_id
        if not old or not old._is_in_force():
            return
        left = validity.remainder(old._span(), self._span())
        if left is None:
            old._approving().write({"state": "revoked"})
        else:
            old._approving().write({"state": "retired", "valid_to": left.last})
        # The exclusion constraint looks at each row as it is written: the old one must end before the new one begins.
        old.flush_recordset()
        self._audit_rule("retire" if left else "revoke", old, detail=f"succeeded by {self.id}")
        old._rule_changed()

    def _check_free(self):
        """Say with whom it clashes; the exclusion constraint is what keeps clashes out."""
        domain = [(name, "=", self[name].id) for name in self._governed_question]
        domain += [("state", "in", ("approved", "retired")), ("id", "!=", self.id)]
        for other in self.search(domain):
            if other._span().overlaps(self._span()):
                raise UserError(
                    self.env._(
                        "On some of these days %(rule)s (%(holds)s) already decides about the same. Change that rule,"
                        " or choose other days.",
                        rule=other.display_name,
                        holds=other.holds,
                    )
                )

    def _audit_rule(self, word, rules, **told):
        self.env["integration.audit"]._record(f"{self._audit_name}.{word}", rules, **told)

    # -- buttons -----------------------------------------------------------------------------------------------------

    def action_submit(self):
        """Ask for approval; where nobody else could approve, the proposer does it, marked as such."""
        self.check_access("write")
        self.action_request_approval()
        mine = self.filtered(lambda rule: rule.approval_state == "requested" and rule.can_approve)
        mine.action_approve()
        return True

    def action_change(self):
        """Open a new rule about the same that succeeds this one from a day on."""
        self.check_access("write")
        self.ensure_one()
        copied = {name: self[name] for name in (*self._governed_question, *self._governed_answer)}
        values = {name: value.id if isinstance(value, models.BaseModel) else value for name, value in copied.items()}
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What follows %s", self.display_name),
            "res_model": self._name,
            "view_mode": "form",
            "context": {f"default_{name}": value for name, value in {**values, "replaces_id": self.id}.items()},
        }

    def action_end(self):
        """Open the small form that retires or revokes."""
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("End a rule"),
            "res_model": "integration.rule.end",
            "view_mode": "form",
            "target": "new",
            "context": {"default_res_model": self._name, "default_res_ids": ",".join(map(str, self.ids))},
        }

    def _ask_end(self, how, last_day, reason):
        """Ask for the end of these rules; where nobody else could approve, it is carried out at once.

        :param str how: ``retire`` or ``revoke``
        :param last_day: the last day of service (date) that a retired one decides about
        :raises UserError: for what is not in force, waits for approval already, or would be lengthened
        """
        for rule in self:
            may = rule._is_in_force() if how == "revoke" else rule.state == "approved" and rule._span().holds(last_day)
            if not may or rule.approval_state == "requested":
                raise UserError(
                    self.env._(
                        "%s is not in force on that day, or waits for approval: there is nothing to end.",
                        rule.display_name,
                    )
                )
        day = last_day if how == "retire" else False
        asked = {"ending": how, "ending_day": day, "ending_reason": reason, "author_id": self.env.uid}
        self._approving().write({**asked, "approval_state": "draft"})
        self.action_submit()
