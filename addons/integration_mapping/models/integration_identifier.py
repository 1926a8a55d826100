from odoo import api, fields, models
from odoo.addons.integration_core.portable import Pending
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from .integration_entity import KINDS

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


class IntegrationIdentifier(models.Model):
    """What one system calls one canonical entity, and on which days.

    For one question (company, system, kind, code system, code, day) there is one answer or none. Codes are compared
    byte for byte, by their keys: as sent, unless their code system declares how they are normalised first.
    """

    _name = "integration.identifier"
    _inherit = ["integration.validity.mixin"]
    _description = "Code mapping"
    _order = "kind, code_system, code, valid_from, id"
    _rec_name = "code"

    _company_decided_by = ("entity_id",)
    _validity_question = ("company_id", "system_id", "kind", "code_system", "code_key")
    _validity_answer = ("entity_id", "factor")
    _approval_guarded = MEANING
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
        return super().create([self._with_entity(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._with_entity(vals))

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

    def _approval_needed(self):
        return self.system_id.mode == "live"

    def _approval_may_use_now(self):
        """Goods for a patient must not wait for a second steward; a code that has a meaning already may."""
        return self.kind in USED_AT_ONCE and self.state == "proposed" and not self.replaces_id

    def _on_not_confirmed(self):
        """Take back what was used before approval: it answers for no day any more."""
        self.write({"state": "revoked"})
        self._announce()

    def _on_approved(self):
        result = super()._on_approved()
        # sudo: what a proposal says otherwise is noted whoever approves its code
        self.env["integration.proposal"].sudo().search([("identifier_id", "in", self.ids)])._accepted()
        return result

    def _clash_text(self, other):
        return self.env._(
            "On some of these days %(code)s already means %(entity)s (%(holds)s). Change that mapping, or choose other"
            " days.",
            code=self.code,
            entity=other.entity_id.display_name,
            holds=other.holds,
        )

    def _in_force_changed(self):
        result = super()._in_force_changed()
        self.env["integration.mapping.task"]._mapping_changed(self)
        return result

    def _announce(self):
        """Let what waits go on, and tell subscribers whose codes these were and are."""
        result = super()._announce()
        self.filtered(lambda identifier: identifier.mode == "live").entity_id._note_change(["codes"])
        return result

    # -- carried to another database -----------------------------------------------------------------------------------

    @api.model
    def _portable_key(self):
        """All that it says; how its code is compared, and whose entity it is, follow."""
        return ("system_id", "code_system", "code", "entity_id", "factor", "valid_from", "valid_to")

    @api.model
    def _portable_question(self, values):
        entity, system, pair = values["entity_id"], values["system_id"], (values["code_system"], values["code"])
        if isinstance(entity, Pending) or isinstance(system, Pending):
            return None
        entity = self.env["integration.entity"].browse(entity)
        return [
            ("company_id", "=", entity.company_id.id),
            ("system_id", "=", system),
            ("kind", "=", entity.kind),
            ("code_system", "=", pair[0]),
            ("code_key", "=", self.env["integration.code.system"]._keys([pair])[pair]),
        ]

    # -- buttons -----------------------------------------------------------------------------------------------------

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
        self._audit_end("retire", reason=reason, detail=f"last day {last_day}")
        self._announce()

    def _revoke(self, reason):
        """Take these identifiers back: they answer for no day any more, past days included.

        :raises UserError: for what is not in force
        """
        for identifier in self:
            if not identifier._is_in_force():
                raise UserError(self.env._("%s is not in force: there is nothing to revoke.", identifier.display_name))
            identifier._approving().write({"state": "revoked"})
        self._audit_end("revoke", reason=reason)
        self._announce()
