from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..domain import attributes
from .integration_attribute_owner import ATTRIBUTES


class IntegrationAttributeChange(models.Model):
    """One attribute that another system says otherwise than Odoo, and what became of it.

    ::

        open ──take over──▶ applied                       (a person, or the attribute's owner)
         │ └──of a sensitive one──▶ waiting ──approve──▶ applied
         └──leave──▶ dismissed                             remembered until the system says something else again
    """

    _name = "integration.attribute.change"
    _inherit = ["integration.approval.mixin"]
    _description = "Difference to another system"
    _order = "state, id desc"
    _check_company_auto = True

    _approval_protected = ("state",)
    _approval_guarded = ("attribute", "new_values")

    proposal_id = fields.Many2one("integration.proposal", required=True, readonly=True, index=True, ondelete="cascade")
    entity_id = fields.Many2one("integration.entity", required=True, readonly=True, index=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    system_id = fields.Many2one("integration.system", required=True, readonly=True, ondelete="cascade", index=True)
    attribute = fields.Selection(ATTRIBUTES, required=True, readonly=True)
    new_values = fields.Json(readonly=True)
    old_text = fields.Char("In Odoo", readonly=True)
    new_text = fields.Char("It says", readonly=True)
    by_owner = fields.Boolean("Its own", readonly=True, help="The system owns this attribute.")
    since = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    state = fields.Selection(
        [
            ("open", "Differs"),
            ("waiting", "Waits for approval"),
            ("applied", "Taken over"),
            ("dismissed", "Left as it is"),
            ("same", "Same again"),
        ],
        required=True,
        readonly=True,
        default="open",
    )
    note = fields.Char(readonly=True, help="Why it could not be taken over, or why it is left as it is.")

    _one_open = models.UniqueIndex(
        "(proposal_id, attribute) WHERE state IN ('open', 'waiting')", "There is one difference per attribute."
    )

    @api.depends("attribute", "entity_id", "system_id")
    def _compute_display_name(self):
        names = dict(self._fields["attribute"]._description_selection(self.env))
        for change in self:
            change.display_name = f"{change.entity_id.name}: {names.get(change.attribute)} ({change.system_id.name})"

    # -- noting ------------------------------------------------------------------------------------------------------

    @api.model
    def _note(self, proposal, found, present):
        """Let the rows of one proposal follow what it says: {attribute: {part: text}}."""
        # sudo: written by the suite alone, whoever's message or decision leads to it
        changes = self.sudo()._approving()
        rows = changes.search([("proposal_id", "=", proposal.id), ("state", "!=", "applied")], order="id")
        by_attribute = {row.attribute: row for row in rows}
        owners = self.env["integration.attribute.owner"]._owners(proposal.kind, proposal.company_id)
        for attribute, row in by_attribute.items():
            if row.state in ("open", "waiting") and row.new_values != found.get(attribute):
                row._close("same")
        # The unique index looks at each row as it is inserted: the old difference must be closed before.
        changes.flush_model(["state"])
        news = changes.create(
            [
                changes._values(proposal, attribute, parts, present, owners)
                for attribute, parts in found.items()
                if attribute not in by_attribute
                or by_attribute[attribute].state == "same"
                or by_attribute[attribute].new_values != parts
            ]
        )
        for change in news.filtered("by_owner"):
            change._let_owner()

    @api.model
    def _values(self, proposal, attribute, parts, present, owners):
        old = [present.get(part, "") for part in attributes.FIELDS[attribute]]
        mine = owners.get(attribute) == proposal.system_id and attribute not in attributes.NEVER_A_SYSTEMS
        return {
            "proposal_id": proposal.id,
            "entity_id": proposal.entity_id.id,
            "company_id": proposal.company_id.id,
            "system_id": proposal.system_id.id,
            "attribute": attribute,
            "new_values": parts,
            "old_text": ", ".join(text for text in old if text) or False,
            "new_text": ", ".join(parts.values()),
            "by_owner": mine,
        }

    def _close(self, state, note=None):
        if self.approval_state == "requested":
            self._approval_end("withdrawn", {"approval_state": "draft"}, reason=self.env._("It says otherwise now."))
        self._approving().write({"state": state, **({"note": note} if note else {})})

    def _let_owner(self):
        """Do what the owner of the attribute says, or ask a person where needed. A bad value stays a difference."""
        if self.attribute in attributes.SENSITIVE:
            self._approval_ask(state="waiting")
            return
        try:
            with self.env.cr.savepoint():
                self._carry_out()
        except (UserError, ValidationError) as error:
            self._approving().write({"state": "open", "by_owner": True, "note": str(error)[:500]})

    # -- deciding ----------------------------------------------------------------------------------------------------

    def _check_open(self):
        self.env["integration.identifier"].check_access("create")
        self.check_access("read")
        for change in self:
            if change.state != "open":
                raise UserError(self.env._("%s was decided on already.", change.display_name))

    def action_apply(self):
        """Take over what the system says; a second person approves what says who is paid, and when."""
        self._check_open()
        if self.filtered(lambda change: change.attribute in attributes.NEVER_A_SYSTEMS):
            raise UserError(self._bank_text())
        for change in self:
            # sudo: stewards decide by these buttons alone and write nothing of what a system said
            own = change.sudo()
            own._approving().author_id = self.env.uid
            if change.attribute in attributes.SENSITIVE:
                own._approval_ask(state="waiting")
                if change.can_approve:
                    change.action_approve()
            else:
                own._carry_out()
        return True

    def _dismiss(self, reason):
        """Leave Odoo as it is, and say why; remembered until the system says something else again."""
        self._check_open()
        # sudo: as in action_apply
        self.sudo()._approving().write({"state": "dismissed", "note": reason})
        self.env["integration.audit"]._record("attribute.leave", self, reason=reason)

    def _bank_text(self):
        return self.env._(
            "A bank account is entered on the contact by a person, who calls the supplier; no message ever changes one."
        )

    def _carry_out(self):
        for change in self:
            if change.attribute in attributes.NEVER_A_SYSTEMS:
                raise UserError(self._bank_text())
            change.entity_id._apply_parts(change.new_values or {})
            change._approving().write({"state": "applied"})
            self.env["integration.audit"]._record(
                "attribute.apply", change.entity_id, detail=f"{change.attribute} as {change.system_id.code} says"
            )

    # -- approval ----------------------------------------------------------------------------------------------------

    def _approval_group(self):
        return "integration_core.group_steward"

    def _approval_effects(self):
        label = dict(self._fields["attribute"]._description_selection(self.env))[self.attribute]
        return [(label, self.old_text or "", self.new_text or "")]

    def _approval_changes(self):
        old, new = self.old_text or "", self.new_text or ""
        return [{"label": label, "old": old, "new": new} for label, _old, _new in self._approval_effects()]

    def _on_approved(self):
        self._carry_out()

    def _approval_end(self, outcome, values, *, reason=None, delegation=None):
        result = super()._approval_end(outcome, values, reason=reason, delegation=delegation)
        # sudo: whoever decides may hold the approving right without the right to edit
        for change in self.sudo().filtered(lambda one: one.state == "waiting"):
            change._approving().write({"state": "open", "note": reason or change.note})
        return result
