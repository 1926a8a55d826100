from odoo import api, fields, models
from odoo.addons.integration_core.portable import Pending
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date

from ..domain import validity
from .integration_entity import changes


class IntegrationValidityMixin(models.AbstractModel):
    """An answer to one question on days of service: proposed by a steward, approved by another, never edited after.

    ::

        proposed ──approve──▶ approved ──retire──▶ retired     (has a last day; it still answers for days up to it)
                                  └──────revoke──▶ revoked     (was wrong: answers for no day any more)

    What an approved one says never changes in place. A change is a new one that succeeds it (``replaces_id``):
    approving the new one ends the old one in the same transaction, so that no day is left without an answer between
    them. Two answers to one question never share a day: each inheriting model has an exclusion constraint
    ``_one_answer`` over ``_validity_question`` and the days, whatever runs at the same time.

    Inheriting models name the question (``_validity_question``) and the answer (``_validity_answer``), both with the
    days in ``_approval_guarded``, and have ``replaces_id``.
    """

    _name = "integration.validity.mixin"
    _inherit = [
        "integration.approval.mixin",
        "integration.audited.mixin",
        "integration.company.mixin",
        "integration.portable.mixin",
    ]
    _description = "Answer on days of service"

    _validity_question = ()
    _validity_answer = ()
    _approval_protected = ("state",)

    valid_from = fields.Date("Valid from", help="First day of service it holds for. Empty: since ever.")
    valid_to = fields.Date("Valid until", help="Last day of service it holds for. Empty: until further notice.")
    holds = fields.Char(compute="_compute_holds", help="The days of service it holds for.")
    state = fields.Selection(
        [("proposed", "Proposed"), ("approved", "Approved"), ("retired", "Retired"), ("revoked", "Revoked")],
        default="proposed",
        required=True,
        readonly=True,
        copy=False,
    )

    _span_forward = models.Constraint("CHECK (valid_from <= valid_to)", "The first day lies after the last one.")
    _retired_ends = models.Constraint(
        "CHECK (state <> 'retired' OR valid_to IS NOT NULL)", "What is retired has a last day."
    )

    @api.depends("valid_from", "valid_to")
    def _compute_holds(self):
        for record in self:
            first = record.valid_from and format_date(self.env, record.valid_from)
            last = record.valid_to and format_date(self.env, record.valid_to)
            if first and last:
                record.holds = f"{first} – {last}"
            elif first:
                record.holds = self.env._("from %s", first)
            else:
                record.holds = self.env._("until %s", last) if last else self.env._("always")

    def _span(self):
        """Return the days this record answers for, as a :class:`validity.Span`."""
        self.ensure_one()
        return validity.Span(self.valid_from or None, self.valid_to or None)

    def _is_in_force(self):
        """Tell whether it answers for the days of its span."""
        self.ensure_one()
        return self.state in ("approved", "retired")

    def _question(self):
        """Return what is asked, to compare."""
        self.ensure_one()
        return tuple(self[name] for name in self._validity_question)

    def _question_domain(self):
        """Return the domain of all that answer the same question, this one included."""
        self.ensure_one()
        names = self._validity_question
        return [(name, "=", self._fields[name].convert_to_write(self[name], self)) for name in names]

    @api.constrains(lambda model: ("replaces_id", *model._validity_question))
    def _check_replaces(self):
        for record in self:
            if record.replaces_id and record._question() != record.replaces_id._question():
                raise ValidationError(self.env._("%s can succeed only one about the same.", record.display_name))

    # -- writing -----------------------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        in_force = records.filtered(lambda record: record._is_in_force())
        if in_force:  # what a release or a demo brings along, approved
            in_force._in_force_changed()
        return records

    def write(self, vals):
        """Refuse to change what an approved record says: it is succeeded, retired or revoked instead."""
        touched = [name for name in self._approval_guarded if name in vals]
        if touched and not self._is_approving():
            for record in self.filtered(lambda one: one.state != "proposed" and changes(one, vals, touched)):
                raise UserError(
                    self.env._(
                        "%s was approved; what it says does not change in place. Use Change, or end it.",
                        record.display_name,
                    )
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_proposals_only(self):
        for record in self:
            if record.state != "proposed":
                raise UserError(
                    self.env._("%s was approved and stays in the record. Retire or revoke it.", record.display_name)
                )

    def _in_force_changed(self):
        """Approved, retired or revoked: hook for addons whose records wait for such answers or were judged by them.

        It is a hint, in the approver's transaction: what was parked at the same moment is found by their own sweep.
        """

    def _announce(self):
        """Let what waits go on, and tell whoever follows."""
        self._in_force_changed()

    # -- approval ----------------------------------------------------------------------------------------------------

    def _approval_group(self):
        return "integration_core.group_steward"

    def _approval_baseline(self):
        """A change is a new record: it is compared with the one that it succeeds."""
        if not self.replaces_id:
            return super()._approval_baseline()
        return {**self.replaces_id._approval_texts(), "replaces_id": ""}

    def _may_ask(self):
        """Tell whether there is something to approve; what was decided on before stays so."""
        self.ensure_one()
        return self.state == "proposed"

    def action_request_approval(self):
        """Ask for approval of proposals; what has ended stays so."""
        for record in self:
            if not record._may_ask():
                raise UserError(self.env._("%s was decided on before. Propose a new one.", record.display_name))
        return super().action_request_approval()

    def _on_approved(self):
        ended = self.browse()
        for record in self.filtered(lambda one: one.state == "proposed"):
            ended |= record._end_predecessor()
            record._check_free()
            record.write({"state": "approved"})
        (self | ended)._announce()

    def _end_predecessor(self):
        """End the one that this succeeds; return it, or nothing."""
        old = self.replaces_id
        if not old or not old._is_in_force():
            return self.browse()
        left = validity.remainder(old._span(), self._span())
        if left is None:
            old._approving().write({"state": "revoked"})
        else:
            old._approving().write({"state": "retired", "valid_to": left.last})
        # The exclusion constraint looks at each row as it is written: the old one must end before the new one begins.
        old.flush_recordset()
        old._audit_end("retire" if left else "revoke", detail=f"succeeded by {self.id}")
        return old

    def _check_free(self):
        """Say with whom it clashes; the exclusion constraint is what keeps clashes out."""
        domain = [*self._question_domain(), ("state", "in", ("approved", "retired")), ("id", "!=", self.id)]
        for other in self.search(domain):
            if other._span().overlaps(self._span()):
                raise UserError(self._clash_text(other))

    def _clash_text(self, other):
        return self.env._(
            "On some of these days %(other)s (%(holds)s) already decides about the same. Change that one, or choose"
            " other days.",
            other=other.display_name,
            holds=other.holds,
        )

    def _audit_end(self, word, **told):
        self.env["integration.audit"]._record(f"{self._audit_name}.{word}", self, **told)

    def action_submit(self):
        """Ask for approval; where nobody else could approve, the proposer does it, marked as such."""
        self.check_access("write")
        self.action_request_approval()
        self.filtered(lambda one: one.approval_state == "requested" and one.can_approve).action_approve()
        return True

    # -- carried to another database -----------------------------------------------------------------------------------

    _portable_part = "mappings"

    @api.model
    def _portable_key(self):
        """All that it says: another answer, or other days, are another record."""
        return (*self._validity_question, *self._validity_answer, "valid_from", "valid_to")

    @api.model
    def _portable_known(self):
        return [("state", "!=", "revoked")]

    @api.model
    def _portable_carried(self):
        """What was agreed on; of what was not, what nobody has rejected and what changes nothing that was."""
        return [
            "|",
            ("state", "!=", "proposed"),
            *("&", ("approval_state", "!=", "rejected"), ("replaces_id", "=", False)),
        ]

    def _portable_one_of(self):
        """One in force stands for those that propose the same, of which any will do."""
        return self.filtered(lambda record: record._is_in_force())[:1] or self[:1]

    @api.model
    def _portable_question(self, values):
        """Return the domain of all that answer the question that ``values`` answer.

        None where it is about what comes with the same document: nothing here can answer it.
        """
        question = [(name, "=", values[name] or False) for name in self._validity_question]
        return None if any(isinstance(value, Pending) for _name, _is, value in question) else question

    def _portable_rivals(self, values):
        """Return what is in force and answers the same question on the days that ``values`` are about."""
        question = self._portable_question(values)
        if question is None:
            return self.browse()
        rivals = self.search([*question, ("state", "in", ("approved", "retired"))])
        days = [fields.Date.to_date(values[name]) or None for name in ("valid_from", "valid_to")]
        return rivals.filtered(lambda one: one._span().overlaps(validity.Span(*days)))

    def _portable_refusal(self, values, record):
        if len(self._portable_rivals(values)) > 1:
            return self.env._("On these days several others decide about the same here already. End those first.")
        return super()._portable_refusal(values, record)

    def _portable_prepare(self, values):
        """Have a proposal succeed what answers its question here."""
        return {**values, "replaces_id": self._portable_rivals(values).id}

    @api.model
    def _portable_system(self, values):
        """Return the system that ``values`` are about, none where it comes along; None where they are about all."""
        system = values.get("system_id")
        if isinstance(system, Pending):
            return self.env["integration.system"]
        return self.env["integration.system"].browse(system) if system else None

    def _portable_note(self, values):
        if rival := self._portable_rivals(values):
            return self.env._("It is proposed in place of: %s", rival.display_name)
        system = self._portable_system(values)
        if system is None or system.mode == "live" or system.live_from:
            return self.env._("It arrives as a proposal and waits for a second person's approval.")
        return self.env._("It is taken for test messages at once.")

    def _portable_asks(self):
        """Submit each; where no second person is needed, because its system is in test mode, it is taken at once."""
        return self.approval_state == "draft" and self.state == "proposed"

    def _portable_ask(self):
        """Ask a second person also where the system was live: what comes along may be what took it back to test."""
        of_system = self if "system_id" in self._fields else self.browse()
        back = of_system.filtered(lambda record: record.system_id.live_from and not record._approval_needed())
        back._approval_ask()
        return super(IntegrationValidityMixin, self - back)._portable_ask()
