from odoo import api, fields, models
from odoo.addons.integration_core.tools import transaction_data
from odoo.exceptions import UserError, ValidationError

KINDS = [
    ("supplier", "Supplier"),
    ("service", "Service"),
    ("department", "Department"),
    ("cost_center", "Cost center"),
    ("product", "Product"),
    ("payer", "Payer"),
    ("facility", "Facility"),
    ("unit", "Unit"),
]

# The field that holds the meaning of each kind; a department means the cost center that bears its charges.
BINDINGS = {
    "supplier": "partner_id",
    "service": "product_id",
    "department": "parent_id",
    "cost_center": "analytic_account_id",
    "product": "product_id",
    "payer": "partner_id",
    "facility": "facility_company_id",
    "unit": "uom_id",
}
MEANING = (
    "kind",
    "company_id",
    "partner_id",
    "product_id",
    "analytic_account_id",
    "facility_company_id",
    "uom_id",
    "parent_id",
    "part_of_id",
)

# Kinds whose changes other systems can subscribe to.
CHANGED_EVENTS = {
    "supplier": "masterdata.supplier.changed.v1",
    "service": "masterdata.service.changed.v1",
    "cost_center": "masterdata.cost_center.changed.v1",
}
CHANGED = "integration_mapping.changed"


def changes(record, vals, names):
    """Tell whether writing ``vals`` would change one of the fields ``names`` of ``record``."""
    cached = ((record._fields[name], record[name], vals[name]) for name in names)
    return any(field.convert_to_cache(old, record) != field.convert_to_cache(new, record) for field, old, new in cached)


class IntegrationEntity(models.Model):
    """A canonical entity: one supplier, service, department … as all systems mean it, bound to Odoo's own record.

    What systems call it are its identifiers. Codes of live systems have their meaning by two people's decision, so an
    entity that such codes lead to cannot be bound to something else: the code is mapped to another entity instead,
    from a day on.
    """

    _name = "integration.entity"
    _inherit = ["mail.thread", "integration.emitter.mixin", "integration.audited.mixin", "integration.company.mixin"]
    _description = "Canonical entity"
    _order = "kind, name, id"
    _check_company_auto = True

    _audit_name = "entity"

    name = fields.Char(required=True, tracking=True)
    kind = fields.Selection(KINDS, required=True, index=True, default=lambda self: self.env.context.get("default_kind"))
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    active = fields.Boolean(default=True, tracking=True)
    partner_id = fields.Many2one(
        "res.partner", "Contact", tracking=True, check_company=True, ondelete="restrict", index="btree_not_null"
    )
    product_id = fields.Many2one(
        "product.product", tracking=True, check_company=True, ondelete="restrict", index="btree_not_null"
    )
    analytic_account_id = fields.Many2one(
        "account.analytic.account",
        "Analytic account",
        tracking=True,
        check_company=True,
        ondelete="restrict",
        index="btree_not_null",
    )
    facility_company_id = fields.Many2one(
        "res.company", "Facility", tracking=True, ondelete="restrict", index="btree_not_null"
    )
    parent_id = fields.Many2one(
        "integration.entity",
        "Cost center",
        domain="[('kind', '=', 'cost_center'), ('company_id', '=', company_id)]",
        tracking=True,
        check_company=True,
        ondelete="restrict",
        index="btree_not_null",
        help="Bears what this department does, unless a cost center rule says otherwise.",
    )
    part_of_id = fields.Many2one(
        "integration.entity",
        "Part of",
        domain="[('kind', '=', 'department'), ('company_id', '=', company_id)]",
        tracking=True,
        check_company=True,
        ondelete="restrict",
        index="btree_not_null",
        help="The department above. One without a cost center of its own has that of the nearest above that has one.",
    )
    uom_id = fields.Many2one("uom.uom", "Unit", tracking=True, ondelete="restrict", index="btree_not_null")
    cost_center_today = fields.Char(
        "Costs borne by", compute="_compute_cost_center_today", help="Where no cost center rule says otherwise."
    )
    cost_center_rule_ids = fields.One2many("integration.cost.center.rule", "department_id", "Cost center rules")
    identifier_ids = fields.One2many("integration.identifier", "entity_id", "Codes")
    codes = fields.Char("Codes today", compute="_compute_codes", help="What systems call it today.")

    _bound = models.Constraint(
        "CHECK (num_nonnulls(partner_id, product_id, analytic_account_id, facility_company_id, uom_id,"
        " COALESCE(parent_id, part_of_id)) = 1 AND (part_of_id IS NULL OR kind = 'department')"
        " AND CASE kind WHEN 'supplier' THEN partner_id WHEN 'payer' THEN partner_id WHEN 'service' THEN product_id"
        " WHEN 'product' THEN product_id WHEN 'cost_center' THEN analytic_account_id"
        " WHEN 'facility' THEN facility_company_id WHEN 'unit' THEN uom_id"
        " WHEN 'department' THEN COALESCE(parent_id, part_of_id) END IS NOT NULL)",
        "Say what it is in Odoo: a contact, product, analytic account, company or unit; for a department its cost"
        " center or the department above.",
    )
    _partner_uniq = models.UniqueIndex(
        "(company_id, kind, partner_id) WHERE partner_id IS NOT NULL", "This contact has such an entry already."
    )
    _product_uniq = models.UniqueIndex(
        "(company_id, kind, product_id) WHERE product_id IS NOT NULL", "This product has such an entry already."
    )
    _analytic_uniq = models.UniqueIndex(
        "(company_id, kind, analytic_account_id) WHERE analytic_account_id IS NOT NULL",
        "This analytic account has such an entry already.",
    )
    _facility_uniq = models.UniqueIndex(
        "(company_id, kind, facility_company_id) WHERE facility_company_id IS NOT NULL",
        "This company has such an entry already.",
    )
    _uom_uniq = models.UniqueIndex(
        "(company_id, kind, uom_id) WHERE uom_id IS NOT NULL", "This unit has such an entry already."
    )

    @api.depends("identifier_ids.state", "identifier_ids.code", "identifier_ids.system_id")
    def _compute_codes(self):
        today = fields.Date.context_today(self)
        for entity in self:
            answering = entity.identifier_ids.filtered(lambda i: i._is_in_force() and i._span().holds(today))
            entity.codes = ", ".join(f"{i.system_id.code}: {i.code}" for i in answering)

    @api.constrains("parent_id")
    def _check_parent(self):
        for entity in self:
            if entity.parent_id and entity.parent_id.kind != "cost_center":
                raise ValidationError(self.env._("A department belongs to a cost center."))

    @api.constrains("part_of_id")
    def _check_part_of(self):
        if self._has_cycle("part_of_id"):
            raise ValidationError(self.env._("A department cannot be part of itself, nor of one below it."))
        for entity in self:
            if entity.part_of_id and entity.part_of_id.kind != "department":
                raise ValidationError(self.env._("A department is part of a department."))

    @api.depends("parent_id", "part_of_id")
    def _compute_cost_center_today(self):
        for entity in self:
            bearer = entity._bearer()
            if not bearer:
                entity.cost_center_today = False
            elif bearer == entity:
                entity.cost_center_today = bearer.parent_id.display_name
            else:
                entity.cost_center_today = self.env._(
                    "%(center)s, as of %(department)s",
                    center=bearer.parent_id.display_name,
                    department=bearer.display_name,
                )

    # -- what it means -----------------------------------------------------------------------------------------------

    def _target(self):
        """Return Odoo's own record that this entity stands for; a department stands for its cost center's."""
        self.ensure_one()
        return self._cost_center() if self.kind == "department" else self[BINDINGS[self.kind]]

    def _cost_center(self):
        """Return the analytic account that bears what this department or cost center does, else an empty recordset."""
        self.ensure_one()
        return (self._bearer().parent_id or self).analytic_account_id

    def _chain(self):
        """Return this department and those above it, the nearest first."""
        self.ensure_one()
        chain = self.browse()
        one = self
        # Two transactions at once could close a circle that neither sees: then it ends here, not the process.
        while one and one not in chain:
            chain += one
            one = one.part_of_id
        return chain

    def _bearer(self):
        """Return the nearest department of the chain that has a cost center of its own, else an empty recordset."""
        return next((one for one in self._chain() if one.parent_id), self.browse())

    @api.model
    def _for_target(self, kind, company, target, name=None):
        """Find or create the entity of ``kind`` that stands for ``target`` in ``company``.

        :param str kind: a kind of entity
        :param target: Odoo's record: a contact, product, analytic account or company; for a department the account of
            its cost center
        :param str name: what to call it; needed for a department, since several may share a cost center
        """
        found = self._find_target(kind, company, target, name)
        if found:
            found.filtered(lambda entity: not entity.active).active = True
            return found
        if kind == "department":
            target = self._for_target("cost_center", company, target)
        return self.create(
            {"kind": kind, "company_id": company.id, "name": name or target.name, BINDINGS[kind]: target.id}
        )

    @api.model
    def _find_target(self, kind, company, target, name):
        domain = [("kind", "=", kind), ("company_id", "=", company.id)]
        if kind == "department":
            if not name:
                raise ValidationError(self.env._("A department needs a name."))
            domain += [("name", "=", name), ("parent_id.analytic_account_id", "=", target.id)]
        else:
            domain += [(BINDINGS[kind], "=", target.id)]
        return self.with_context(active_test=False).search(domain, limit=1)

    # -- what must not change by one person --------------------------------------------------------------------------

    def write(self, vals):
        """Refuse to change what codes of live systems mean, and to archive what they lead to."""
        touched = [name for name in MEANING if name in vals]
        for entity in self:
            if changes(entity, vals, touched):
                entity._check_not_live()
            if vals.get("active") is False:
                entity._check_unused()
        result = super().write(vals)
        news = [name for name in (*MEANING, "name", "active") if name in vals]
        if news:
            self.filtered(lambda entity: entity._is_approved())._note_change(news)
        return result

    def _decides_for(self):
        """Return these entities and all whose meaning follows from theirs: a cost center's departments, and below."""
        found, new = self, self
        while new:
            domain = fields.Domain("parent_id", "in", new.ids) | fields.Domain("part_of_id", "in", new.ids)
            new = self.with_context(active_test=False).search(domain) - found
            found |= new
        return found

    def _check_not_live(self):
        identifiers = self._decides_for().identifier_ids
        if identifiers.filtered(lambda i: i._is_in_force() and i.system_id.mode == "live"):
            raise UserError(
                self.env._(
                    "Codes of live systems lead to %(entity)s. Map those codes to another entry, from a day on, instead"
                    " of changing what this one means.",
                    entity=self.display_name,
                )
            )

    def _check_unused(self):
        if self.identifier_ids.filtered(lambda i: i.state == "approved"):
            raise UserError(
                self.env._("Codes still lead to %(entity)s. Retire or revoke them first.", entity=self.display_name)
            )

    # -- telling others ----------------------------------------------------------------------------------------------

    def _note_change(self, names):
        """Journal that these approved canonical records changed, with all that changed in this transaction."""
        noted = transaction_data(self.env.cr).setdefault(CHANGED, {})
        for entity in self:
            event_type = CHANGED_EVENTS.get(entity.kind)
            if not event_type:
                continue
            # A new event is the first of this transaction: what earlier ones on this cursor noted is told already.
            first = entity._emit_event(event_type)
            noted[entity.id] = {*names} if first else {*names, *noted.get(entity.id, ())}

    def _is_approved(self):
        """Tell whether a live system's approved code leads here: only then is it news for others."""
        self.ensure_one()
        # sudo: whether an event is due does not depend on what the user who caused it may read
        return any(i.state == "approved" and i.system_id.mode == "live" for i in self.sudo().identifier_ids)

    def _event_subject(self, type_name):
        return f"{self.kind}/{self.id}"

    def _event_data(self, type_name):
        target = self._target()
        changed = transaction_data(self.env.cr).get(CHANGED, {}).get(self.id, ())
        return {
            "company": str(self.company_id.id),
            "id": str(self.id),
            "number": self._target_number(target),
            "date": None,
            "name": self.name,
            "attributes": {"active": self.active, "record": f"{target._name.replace('.', '_')}/{target.id}"},
            "changed": sorted(changed),
        }

    @staticmethod
    def _target_number(target):
        for name in ("ref", "default_code", "code"):
            if name in target._fields and target[name]:
                return target[name]
        return None

    def action_open_target(self):
        """Open Odoo's own record."""
        self.check_access("read")
        target = self._target()
        return {
            "type": "ir.actions.act_window",
            "res_model": target._name,
            "res_id": target.id,
            "views": [(False, "form")],
        }
