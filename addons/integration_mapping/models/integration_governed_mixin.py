from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

NO_END = {"ending": False, "ending_day": False, "ending_reason": False}
ENDINGS = [
    ("retire", "Retire: it was right up to a day"),
    ("revoke", "Revoke: it was wrong, for past days too"),
]


class IntegrationGovernedMixin(models.AbstractModel):
    """A rule that moves money: whatever decides without it takes over when it ends, so two people agree on that too.

    The end is asked for and approved like the rule itself, which stays in force meanwhile (``ending``).
    """

    _name = "integration.governed.mixin"
    _inherit = ["integration.validity.mixin"]
    _description = "Governed rule"

    _approval_protected = ("state", *NO_END)

    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company, ondelete="cascade"
    )
    state = fields.Selection(index=True)
    note = fields.Char(help="Why, for whoever approves or asks later.")
    ending = fields.Selection(ENDINGS, "Asked to end", readonly=True, copy=False)
    ending_day = fields.Date("Last day asked for", readonly=True, copy=False)
    ending_reason = fields.Char("Why it is to end", readonly=True, copy=False)

    # -- approval ----------------------------------------------------------------------------------------------------

    def _may_ask(self):
        return super()._may_ask() or bool(self.ending)

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
        return super()._on_approved()

    def _end(self):
        """Carry out the end that was asked for and approved."""
        how, day, reason = self.ending, self.ending_day, self.ending_reason
        retired = {"state": "retired", "valid_to": day}
        self._approving().write({**(retired if how == "retire" else {"state": "revoked"}), **NO_END})
        self._audit_end(how, reason=reason, detail=f"last day {day}" if how == "retire" else None)

    # -- buttons -----------------------------------------------------------------------------------------------------

    def action_change(self):
        """Open a new rule about the same that succeeds this one from a day on."""
        self.check_access("write")
        self.ensure_one()
        names = (*self._validity_question, *self._validity_answer)
        values = {name: self._fields[name].convert_to_write(self[name], self) for name in names}
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
