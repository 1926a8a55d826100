from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, format_date

from ..domain import validity
from .integration_entity import KINDS, changes

# What is approved when an identifier is; none of it changes afterwards.
MEANING = ("entity_id", "factor", "system_id", "code_system", "code", "valid_from", "valid_to", "replaces_id")
# One text per question; the length keeps (ab, c) and (a, bc) apart.
QUESTION = (
    "company_id::text || ' ' || system_id::text || ' ' || kind || ' ' || octet_length(code_system)::text || ' '"
    " || code_system || code_key"
)
USED_AT_ONCE = ("supplier", "product")
"""Kinds whose missing meaning stops an order for care. What waits for the others is money or a report."""
_ASKED = ("company_id", "system_id", "kind", "code_system", "code_key", "valid_from", "valid_to", "state")
TARGETS = ("partner_id", "product_id", "analytic_account_id", "facility_company_id", "uom_id")


def _is_here(value):
    """Tell an id from what stands for a record that comes with the same document."""
    return isinstance(value, int)


class IntegrationIdentifier(models.Model):
    """What one system calls one canonical entity, and on which days.

    ::

        proposed ──approve──▶ approved ──retire──▶ retired     (has a last day; days up to it still resolve)
                                  └──────revoke──▶ revoked     (was wrong: answers for no day any more)

    For one question (company, system, kind, code system, code, day) there is one answer or none: an exclusion
    constraint keeps the spans of approved and retired identifiers apart, whatever runs at the same time. Codes are
    compared byte for byte, by their keys: as sent, unless their code system declares how they are normalised first.

    What an approved identifier means never changes in place. A change is a new identifier that succeeds it: approving
    the new one ends the old one in the same transaction, so that no day is left without an answer between them.
    """

    _name = "integration.identifier"
    _inherit = [
        "integration.approval.mixin",
        "integration.audited.mixin",
        "integration.company.mixin",
        "integration.portable.mixin",
    ]
    _description = "Code mapping"
    _order = "kind, code_system, code, valid_from, id"
    _rec_name = "code"

    _company_decided_by = ("entity_id",)
    _approval_guarded = MEANING
    _approval_protected = ("state",)
    _audit_name = "identifier"
    # What another system calls it comes from a message.
    _audit_hidden = ("display", "source")
    _approval_shown = ("kind",)

    entity_id = fields.Many2one("integration.entity", "Means", required=True, ondelete="restrict", index=True)
    kind = fields.Selection(
        KINDS, compute="_compute_from_entity", store=True, precompute=True, readonly=False, required=True
    )
    company_id = fields.Many2one(
        "res.company", compute="_compute_from_entity", store=True, precompute=True, readonly=False, required=True
    )
    system_id = fields.Many2one("integration.system", required=True, ondelete="restrict", index=True)
    code_system = fields.Char(
        compute="_compute_code_system",
        store=True,
        precompute=True,
        readonly=False,
        required=True,
        trim=False,
        help="The list the code is taken from, as messages name it. By default the one the system declares.",
    )
    code = fields.Char(required=True, trim=False, help="Exactly as the system sends it: case and spaces count.")
    code_key = fields.Char(
        "Compared as",
        compute="_compute_code_key",
        store=True,
        precompute=True,
        required=True,  # a question without a key would slip past the constraint below
        help="The code, normalised.",
    )
    display = fields.Char("Called", help="What the other system calls it, for people.")
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
    replaces_id = fields.Many2one(
        "integration.identifier",
        "Succeeds",
        ondelete="set null",
        copy=False,
        index="btree_not_null",
        help="Ended by the approval of this one.",
    )
    steward_id = fields.Many2one(
        "res.users", default=lambda self: self.env.user, help="Who answers questions about it."
    )
    source = fields.Char(help="The list or decision this comes from.")
    note = fields.Text()
    mode = fields.Selection(related="system_id.mode", string="System is")
    # Choosing Odoo's own record is enough: its canonical entity is found or made.
    partner_id = fields.Many2one("res.partner", "Contact", compute="_compute_targets", readonly=False)
    product_id = fields.Many2one("product.product", compute="_compute_targets", readonly=False)
    analytic_account_id = fields.Many2one(
        "account.analytic.account", "Analytic account", compute="_compute_targets", readonly=False
    )
    facility_company_id = fields.Many2one("res.company", "Facility", compute="_compute_targets", readonly=False)
    uom_id = fields.Many2one("uom.uom", "Unit", compute="_compute_targets", readonly=False)

    _span_forward = models.Constraint("CHECK (valid_from <= valid_to)", "The first day lies after the last one.")
    _retired_ends = models.Constraint(
        "CHECK (state <> 'retired' OR valid_to IS NOT NULL)", "What is retired has a last day."
    )
    _sizes = models.Constraint(
        "CHECK (char_length(code) BETWEEN 1 AND 255 AND char_length(code_system) BETWEEN 1 AND 255)",
        "Codes and code systems have 1–255 characters.",
    )
    # Two hashes stand for the question: equal questions have equal hashes, so no second answer gets by, and 128 bits
    # keep different ones apart. Text columns in the GiST index itself make inserts several times slower and tempt the
    # planner to resolve by it.
    _one_answer = models.Constraint(
        f"EXCLUDE USING gist (hashtextextended({QUESTION}, 0) WITH =, hashtextextended({QUESTION}, 1) WITH =,"
        " daterange(valid_from, valid_to, '[]') WITH &&) WHERE (state IN ('approved', 'retired'))",
        "This code already has a meaning on some of these days.",
    )
    # Resolution reads this index only: its cost does not depend on how many identifiers there are.
    _resolve_idx = models.Index(
        "(company_id, system_id, kind, code_system, code_key) INCLUDE (valid_from, valid_to, entity_id, factor)"
        " WHERE state IN ('approved', 'retired')"
    )
    _requested_idx = models.Index("(requested_at) WHERE approval_state = 'requested'")

    # -- computed ----------------------------------------------------------------------------------------------------

    @api.depends("entity_id.kind", "entity_id.company_id")
    def _compute_from_entity(self):
        for identifier in self:
            identifier.kind = identifier.entity_id.kind or identifier.kind or self.env.context.get("default_kind")
            identifier.company_id = identifier.entity_id.company_id or identifier.company_id or self.env.company

    @api.depends("system_id", "kind")
    def _compute_code_system(self):
        for identifier in self:
            declared = identifier.system_id._code_system(identifier.kind) if identifier.system_id else False
            identifier.code_system = identifier.code_system or declared

    @api.depends("code_system", "code")
    def _compute_code_key(self):
        pairs = {identifier: (identifier.code_system or "", identifier.code or "") for identifier in self}
        keys = self.env["integration.code.system"]._keys(pairs.values(), for_writing=True)
        for identifier, pair in pairs.items():
            identifier.code_key = keys[pair]

    @api.depends("entity_id")
    def _compute_targets(self):
        for identifier in self:
            for name in TARGETS:
                identifier[name] = identifier.entity_id[name]

    @api.depends("system_id", "code_system", "code", "entity_id")
    def _compute_display_name(self):
        for identifier in self:
            if identifier.code:
                identifier.display_name = (
                    f"{identifier.system_id.code}: {identifier.code} → {identifier.entity_id.name}"
                )
            else:
                identifier.display_name = self.env._("New")

    @api.depends("valid_from", "valid_to")
    def _compute_holds(self):
        for identifier in self:
            first = identifier.valid_from and format_date(self.env, identifier.valid_from)
            last = identifier.valid_to and format_date(self.env, identifier.valid_to)
            if first and last:
                identifier.holds = f"{first} – {last}"
            elif first:
                identifier.holds = self.env._("from %s", first)
            else:
                identifier.holds = self.env._("until %s", last) if last else self.env._("always")

    def _span(self):
        """Return the days this identifier answers for, as a :class:`validity.Span`."""
        self.ensure_one()
        return validity.Span(self.valid_from or None, self.valid_to or None)

    def _is_in_force(self):
        """Tell whether it answers for the days of its span."""
        self.ensure_one()
        return self.state in ("approved", "retired")

    def _question_domain(self):
        """Return the domain of all identifiers that answer the same question, this one included."""
        self.ensure_one()
        return [
            ("company_id", "=", self.company_id.id),
            ("system_id", "=", self.system_id.id),
            ("kind", "=", self.kind),
            ("code_system", "=", self.code_system),
            ("code_key", "=", self.code_key),
        ]

    @api.constrains("replaces_id", "entity_id", "system_id", "code_system", "code")
    def _check_replaces(self):
        for identifier in self:
            if identifier.replaces_id and identifier._question() != identifier.replaces_id._question():
                raise ValidationError(self.env._("A mapping can succeed only one of the same code in the same system."))

    def _question(self):
        return (self.company_id, self.system_id, self.kind, self.code_system, self.code_key)

    # -- resolving ---------------------------------------------------------------------------------------------------

    @api.model
    def _resolve(self, system, kind, keys, company):
        """Answer what codes of ``system`` mean, all at once: one query, whatever the number of keys or identifiers.

        :param system: the system that used the codes
        :param str kind: a kind of canonical entity
        :param keys: iterable of ``(code_system, code, day)``; ``day`` is the local day of service, a ``date``
        :param company: the company the codes are used in; nothing of another company answers
        :return: dict ``{key: entity}``; a key without an answer is absent
        """
        wanted = list(dict.fromkeys(keys))
        rows = self._answers(system, kind, wanted, company)
        entities = self.env["integration.entity"].browse(dict.fromkeys(entity_id for _place, entity_id, _f in rows))
        by_id = {entity.id: entity for entity in entities}
        return {wanted[place - 1]: by_id[entity_id] for place, entity_id, _factor in rows}

    @api.model
    def _answers(self, system, kind, wanted, company):
        """Return ``[(place in wanted counted from 1, entity id, factor)]`` of the keys that have an answer."""
        if not wanted:
            return []
        self.flush_model([*_ASKED, "entity_id", "factor"])
        keyed = self.env["integration.code.system"]._keys((code_system, code) for code_system, code, _day in wanted)
        code_systems, _codes, days = (list(column) for column in zip(*wanted, strict=True))
        code_keys = [keyed[code_system, code] for code_system, code, _day in wanted]
        return self.env.execute_query(
            SQL(
                """
                SELECT wanted.place, i.entity_id, i.factor
                  FROM unnest(%(code_systems)s::varchar[], %(code_keys)s::varchar[], %(days)s::date[])
                       WITH ORDINALITY AS wanted (code_system, code_key, day, place)
                  JOIN integration_identifier i
                    ON i.company_id = %(company)s AND i.system_id = %(system)s AND i.kind = %(kind)s
                   AND i.code_system = wanted.code_system AND i.code_key = wanted.code_key
                   AND i.state IN ('approved', 'retired')
                   AND (i.valid_from IS NULL OR i.valid_from <= wanted.day)
                   AND (i.valid_to IS NULL OR wanted.day <= i.valid_to)
                """,
                code_systems=code_systems,
                code_keys=code_keys,
                days=days,
                company=company.id,
                system=system.id,
                kind=kind,
            )
        )

    # -- writing -----------------------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        """Create proposals; Odoo's own record may be given instead of its canonical entity."""
        identifiers = super().create([self._with_entity(vals) for vals in vals_list])
        in_force = identifiers.filtered(lambda i: i._is_in_force())
        if in_force:  # what a release or a demo brings along, approved
            self.env["integration.mapping.task"]._mapping_changed(in_force)
        return identifiers

    def write(self, vals):
        """Refuse to change the meaning of what was approved: it is succeeded, retired or revoked instead."""
        vals = self._with_entity(vals)
        touched = [name for name in MEANING if name in vals]
        if touched and not self._is_approving():
            for identifier in self.filtered(lambda i: i.state != "proposed" and changes(i, vals, touched)):
                raise UserError(
                    self.env._(
                        "%s was approved; its meaning does not change in place. Use Change, or end it.",
                        identifier.display_name,
                    )
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_proposals_only(self):
        for identifier in self:
            if identifier.state != "proposed":
                raise UserError(
                    self.env._("%s was approved and stays in the record. Retire or revoke it.", identifier.display_name)
                )

    def _with_entity(self, vals):
        """Return ``vals`` with Odoo's own record replaced by its canonical entity.

        ``kind`` and ``company_id`` always follow the entity; given with a record, they say which entity is meant.
        """
        rest = {name: value for name, value in vals.items() if name not in (*TARGETS, "kind", "company_id")}
        given = {name: vals[name] for name in TARGETS if vals.get(name)}
        if rest.get("entity_id"):
            self._check_kind(rest["entity_id"], vals)
            return rest
        if not given:
            return rest
        if len(given) > 1:
            raise ValidationError(self.env._("Choose one record of Odoo, not several."))
        rest["entity_id"] = self._entity_of(given, vals).id
        return rest

    def _check_kind(self, entity_id, vals):
        entity = self.env["integration.entity"].browse(entity_id)
        if vals.get("kind") and vals["kind"] != entity.kind:
            raise ValidationError(
                self.env._("%(entity)s is not of the kind %(kind)s.", entity=entity.display_name, kind=vals["kind"])
            )
        if vals.get("company_id") and vals["company_id"] != entity.company_id.id:
            raise ValidationError(self.env._("%s belongs to another company.", entity.display_name))

    def _entity_of(self, given, vals):
        [(field, record_id)] = given.items()
        kind = vals.get("kind") or self[:1].kind or self.env.context.get("default_kind")
        if not kind:
            raise ValidationError(self.env._("Say of which kind the code is."))
        company = self.env["res.company"].browse(vals.get("company_id")) or self[:1].company_id or self.env.company
        target = self.env[self._fields[field].comodel_name].browse(record_id)
        name = vals.get("display") or vals.get("code") if kind == "department" else None
        return self.env["integration.entity"]._for_target(kind, company, target, name)

    # -- approval ----------------------------------------------------------------------------------------------------

    def _approval_group(self):
        return "integration_core.group_steward"

    def _approval_needed(self):
        return self.system_id.mode == "live"

    def _approval_may_use_now(self):
        """Goods for a patient must not wait for a second steward; a code that has a meaning already may."""
        return self.kind in USED_AT_ONCE and self.state == "proposed" and not self.replaces_id

    def _approval_baseline(self):
        """A change of meaning is a new identifier: it is compared with the one that it succeeds."""
        if not self.replaces_id:
            return super()._approval_baseline()
        return {**self.replaces_id._approval_texts(), "replaces_id": ""}

    def action_request_approval(self):
        """Ask for approval of proposals; what has ended stays so."""
        for identifier in self:
            if identifier.state != "proposed":
                raise UserError(self.env._("%s was decided on before. Propose a new mapping.", identifier.display_name))
        return super().action_request_approval()

    def _on_not_confirmed(self):
        """Take back what was used before approval: it answers for no day any more."""
        self.write({"state": "revoked"})
        self._announce()

    def _on_approved(self):
        for identifier in self:
            identifier._end_predecessor()
            identifier._check_free()
            identifier.write({"state": "approved"})
        self._announce()
        # sudo: what a proposal says otherwise is noted whoever approves its code
        self.env["integration.proposal"].sudo().search([("identifier_id", "in", self.ids)])._accepted()

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
        action = "identifier.retire" if left else "identifier.revoke"
        self.env["integration.audit"]._record(action, old, detail=f"succeeded by {self.id}")

    def _check_free(self):
        """Say whom it clashes with; the exclusion constraint is what keeps clashes out."""
        domain = [*self._question_domain(), ("state", "in", ("approved", "retired")), ("id", "!=", self.id)]
        for other in self.search(domain):
            if other._span().overlaps(self._span()):
                raise UserError(
                    self.env._(
                        "On some of these days %(code)s already means %(entity)s (%(holds)s). Change that mapping, or"
                        " choose other days.",
                        code=self.code,
                        entity=other.entity_id.display_name,
                        holds=other.holds,
                    )
                )

    def _announce(self):
        """Let what waits go on, and tell subscribers."""
        self.env["integration.mapping.task"]._mapping_changed(self)
        self.filtered(lambda identifier: identifier.mode == "live").entity_id._note_change(["codes"])

    # -- carried to another database -----------------------------------------------------------------------------------

    _portable_part = "mappings"

    @api.model
    def _portable_key(self):
        """All that it says: another meaning, or other days, are another identifier."""
        return ("system_id", "code_system", "code", "entity_id", "factor", "valid_from", "valid_to")

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
        return self.filtered(lambda identifier: identifier._is_in_force())[:1] or self[:1]

    def _portable_rivals(self, values):
        """Return what is in force and means something on the days that ``values`` are about."""
        entity = self.env["integration.entity"].browse(values["entity_id"] if _is_here(values["entity_id"]) else [])
        if not entity or not _is_here(values["system_id"]):
            return self.browse()
        rivals = self.search(
            [
                ("company_id", "=", entity.company_id.id),
                ("system_id", "=", values["system_id"]),
                ("kind", "=", entity.kind),
                ("code_system", "=", values["code_system"]),
                ("code_key", "=", self._portable_code_key(values)),
                ("state", "in", ("approved", "retired")),
            ]
        )
        days = [fields.Date.to_date(values[name]) or None for name in ("valid_from", "valid_to")]
        return rivals.filtered(lambda one: one._span().overlaps(validity.Span(*days)))

    @api.model
    @api.model
    def _portable_code_key(self, values):
        pair = (values["code_system"], values["code"])
        return self.env["integration.code.system"]._keys([pair])[pair]

    def _portable_refusal(self, values, record):
        if len(self._portable_rivals(values)) > 1:
            return self.env._("On these days it means several things here already. End those first.")
        return super()._portable_refusal(values, record)

    def _portable_prepare(self, values):
        """Have a proposal succeed what its code means here."""
        return {**values, "replaces_id": self._portable_rivals(values).id}

    def _portable_note(self, values):
        if rival := self._portable_rivals(values):
            return self.env._("It is proposed in place of: %s", rival.display_name)
        system = self.env["integration.system"].browse(values["system_id"] if _is_here(values["system_id"]) else [])
        if system.mode == "live" or system.live_from:
            return self.env._("It arrives as a proposal and waits for a second person's approval.")
        return self.env._("It is taken for test messages at once.")

    def _portable_asks(self):
        """Submit each; where no second person is needed, because its system is in test mode, it is taken at once."""
        return self.approval_state == "draft" and self.state == "proposed"

    def _portable_ask(self):
        """Ask a second person also where the system was live: what comes along may be what took it back to test."""
        back = self.filtered(lambda identifier: identifier.system_id.live_from and not identifier._approval_needed())
        back._approval_ask()
        return super(IntegrationIdentifier, self - back)._portable_ask()

    # -- buttons -----------------------------------------------------------------------------------------------------

    def action_submit(self):
        """Ask for approval; where nobody else could approve, the proposer does it, marked as such."""
        self.check_access("write")
        self.action_request_approval()
        mine = self.filtered(lambda i: i.approval_state == "requested" and i.can_approve)
        mine.action_approve()
        return True

    def action_change(self):
        """Map the same code to something else, from a day on."""
        self.check_access("write")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Change the meaning of %s", self.code),
            "res_model": "integration.map.codes",
            "view_mode": "form",
            "target": "new",
            "context": {"default_replaces_id": self.id},
        }

    def action_end(self):
        """Open the small form that retires or revokes."""
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("End a mapping"),
            "res_model": "integration.identifier.end",
            "view_mode": "form",
            "target": "new",
            "context": {"default_identifier_ids": self.ids},
        }

    def _retire(self, last_day, reason):
        """Let these identifiers answer up to ``last_day`` (date) and no longer.

        :raises UserError: for what is not approved, or would be lengthened
        """
        for identifier in self:
            if identifier.state != "approved":
                raise UserError(self.env._("%s is not approved: there is nothing to retire.", identifier.display_name))
            if not identifier._span().holds(last_day):
                raise UserError(
                    self.env._("%s does not hold on its last day. Choose a day it holds on.", identifier.display_name)
                )
            identifier._approving().write({"state": "retired", "valid_to": last_day})
        self.env["integration.audit"]._record("identifier.retire", self, reason=reason, detail=f"last day {last_day}")
        self._announce()

    def _revoke(self, reason):
        """Take these identifiers back: they answer for no day any more, past days included.

        :raises UserError: for what is not in force
        """
        for identifier in self:
            if not identifier._is_in_force():
                raise UserError(self.env._("%s is not in force: there is nothing to revoke.", identifier.display_name))
            identifier._approving().write({"state": "revoked"})
        self.env["integration.audit"]._record("identifier.revoke", self, reason=reason)
        self._announce()
