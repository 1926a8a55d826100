from contextlib import contextmanager

from odoo import api, fields, models, tools
from odoo.addons.integration_core.tools import transaction_data
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

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
# What is told of Odoo's own records: {field that binds them: {their field: the attribute's name}}.
WATCHED = {
    "partner_id": {
        "name": "name",
        "ref": "number",
        "street": "address",
        "street2": "address",
        "city": "address",
        "zip": "address",
        "state_id": "address",
        "country_id": "address",
        "phone": "phone",
        "email": "email",
        "website": "website",
        "vat": "vat",
        "company_registry": "registry",
        "active": "active",
    },
    "product_id": {"name": "name", "default_code": "number", "active": "active"},
    "analytic_account_id": {"name": "name", "code": "number", "active": "active"},
}


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
    _inherit = [
        "mail.thread",
        "integration.emitter.mixin",
        "integration.audited.mixin",
        "integration.company.mixin",
        "integration.portable.mixin",
    ]
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

    # The crosswalk reads pages by name, and how many there are, from this alone.
    _crosswalk_idx = models.Index("(company_id, kind, name, id) WHERE active")

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

    # -- carried to another database -----------------------------------------------------------------------------------

    _portable_part = "mappings"

    @api.model
    def _portable_key(self):
        return ("company_id", "kind", *dict.fromkeys(BINDINGS.values()), "part_of_id", "name")

    @api.model
    def _portable_key_of(self, found):
        """What it is in Odoo; departments of one cost center, or of one department, are told apart by their names."""
        kind = found["kind"]
        if kind != "department":
            return ("company_id", "kind", BINDINGS[kind])
        # What a document says of one without a cost center does not speak of it.
        own = "parent_id" in found and bool(found["parent_id"])
        return ("company_id", "kind", "parent_id" if own else "part_of_id", "name")

    @api.model
    def _portable_fields_of(self, found):
        elsewhere = {*BINDINGS.values(), *(() if found["kind"] == "department" else ("part_of_id",))}
        return [name for name in super()._portable_fields_of(found) if name not in elsewhere]

    # -- what must not change by one person --------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        """Create canonical entities; from then on changes of Odoo's records may be news, and their numbers count."""
        entities = super().create(vals_list)
        entities._follow_targets()
        return entities

    def _follow_targets(self):
        self.env.registry.clear_cache()
        self.env["integration.party.number"]._follow(self.filtered(lambda one: one.kind == "supplier").partner_id)

    def unlink(self):
        """Forget what was known by heart of them."""
        result = super().unlink()
        self.env.registry.clear_cache()
        return result

    def write(self, vals):
        """Refuse to change what codes of live systems mean, and to archive what they lead to."""
        touched = [name for name in MEANING if name in vals]
        for entity in self:
            if changes(entity, vals, touched):
                entity._check_not_live()
            if vals.get("active") is False:
                entity._check_unused()
        result = super().write(vals)
        if touched:
            self._follow_targets()
        news = [name for name in (*MEANING, "name", "active") if name in vals]
        if news and not self.env.context.get("integration_renaming"):
            self.filtered(lambda entity: entity._is_approved())._note_change(news)
        return result

    def _become(self, keep):
        """Let these entities become ``keep``, which stands for the same record: all that leads to them leads there.

        Called by a merge that was approved, or that needs no approval. Codes keep their days, states and approvals.
        """
        for entity in self:
            # sudo: what hangs on it moves, whoever merges
            gone = entity.sudo()
            gone.identifier_ids._approving().write({"entity_id": keep.id})
            proposals = self.env["integration.proposal"].sudo().search([("entity_id", "=", gone.id)])
            proposals.write({"entity_id": keep.id})
            changes = self.env["integration.attribute.change"].sudo().search([("entity_id", "=", gone.id)])
            changes.write({"entity_id": keep.id})
            self.env["integration.audit"]._record(
                "entity.merge", keep, detail=f"{gone.name} ({gone.id}) became part of it"
            )
            gone.flush_recordset()
            gone.invalidate_recordset()
            gone.unlink()

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

    # -- Odoo's own records ------------------------------------------------------------------------------------------

    @api.model
    def _watched(self, binding):
        """Return {field of Odoo's record: attribute} of what subscribers are told; glue addons add theirs."""
        return WATCHED.get(binding, {})

    @api.model
    @tools.ormcache("column")
    def _bound_ids(self, column):
        """Return the ids of Odoo's records of which a change may be news: known by heart, asked at each write.

        :param str column: a field that binds, or ``product_tmpl_id`` for the templates of bound products
        """
        self.flush_model(["kind", "partner_id", "product_id", "analytic_account_id"])
        template = column == "product_tmpl_id"
        value = SQL("p.product_tmpl_id") if template else SQL("e.%s", SQL.identifier(column))
        join = SQL("JOIN product_product p ON p.id = e.product_id") if template else SQL()
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT %s FROM integration_entity e %s WHERE e.kind IN %s AND %s IS NOT NULL",
                value,
                join,
                tuple(CHANGED_EVENTS),
                value,
            )
        )
        return frozenset(one for (one,) in rows)

    @api.model
    def _of_targets(self, binding, records):
        """Return the entities that stand for these records of Odoo and whose changes are news."""
        bound = self._bound_ids(binding)
        ids = [one for one in records._ids if one in bound]
        if not ids:
            return self.browse()
        # sudo: that something is news does not depend on whether whoever changes it may read mappings
        return self.sudo().search([(binding, "in", ids), ("kind", "in", list(CHANGED_EVENTS))])

    @api.model
    @contextmanager
    def _telling_targets(self, binding, records, names):
        """Tell others what the block changes of Odoo's own records, where approved canonical entities stand for them.

        :param str binding: the field of an entity that binds such records
        :param records: records of Odoo that the block writes to
        :param names: fields of theirs that it writes
        """
        entities = self._of_targets(binding, records) if names else self.browse()
        if not entities:
            yield
            return
        before = {entity: entity._target_values(names) for entity in entities}
        yield
        attributes = self._watched(binding)
        for entity, old in before.items():
            new = entity._target_values(names)
            changed = sorted({attributes.get(name, name) for name in names if old[name] != new[name]})
            if "name" in changed and entity.name == old["name"] and new["name"]:
                # Through the ORM's lower half: what is told below is not told twice.
                entity.with_context(integration_renaming=True).name = new["name"]
            if changed and entity._is_approved():
                entity._note_change(changed)

    def _target_values(self, names):
        target = self[BINDINGS[self.kind]].with_company(self.company_id)
        return {name: target[name] for name in names}

    def _event_attributes(self, target):
        """Return what is told of Odoo's own record: {attribute: text}. Hook for glue addons."""
        told = {}
        if target._name == "res.partner":
            parts = [target.street, target.street2, target.zip, target.city, target.state_id.code]
            told = {
                "address": ", ".join(part for part in parts if part),
                "country": target.country_id.code,
                "phone": target.phone,
                "email": target.email,
                "website": target.website,
                "vat": target.vat,
                "registry": target.company_registry,
            }
        return {name: text for name, text in told.items() if text}

    def _event_data(self, type_name):
        target = self._target().with_company(self.company_id)
        changed = transaction_data(self.env.cr).get(CHANGED, {}).get(self.id, ())
        return {
            "company": str(self.company_id.id),
            "id": str(self.id),
            "number": self._target_number(target),
            "date": None,
            "name": self.name,
            "attributes": {
                "active": self.active,
                "record": f"{target._name.replace('.', '_')}/{target.id}",
                **self._event_attributes(target),
            },
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

    # -- attributes that systems propose -----------------------------------------------------------------------------

    def _present_parts(self):
        """Return what Odoo's own record says, part by part, as texts that compare with a proposal's."""
        self.ensure_one()
        # sudo: what Odoo says is compared with what a system says, whoever's message or decision leads to it
        target = self.sudo()._target().with_company(self.company_id)
        if target._name == "res.partner":
            names = ("name", "street", "street2", "city", "zip", "phone", "email", "website", "vat")
            parts = {name: target[name] for name in names}
            parts |= {"state": target.state_id.code, "country": target.country_id.code}
            parts["registry"] = target.company_registry
        else:
            named = "default_code" if "default_code" in target._fields else "code"
            parts = {"name": target.name, "code": target[named]}
        return {name: text for name, text in parts.items() if text}

    @api.model
    def _parts_as_values(self, kind, parts, company):
        """Return the values of Odoo's own record that say what ``parts`` say; bank accounts never.

        :raises UserError: for a country or another record that Odoo does not know
        """
        if kind != "supplier":
            named = "default_code" if kind == "service" else "code"
            names = {"name": "name", "code": named}
            return {names[part]: text for part, text in parts.items() if part in names}
        same = ("name", "street", "street2", "city", "zip", "phone", "email", "website", "vat")
        values = {part: text for part, text in parts.items() if part in same}
        if parts.get("registry"):
            values["company_registry"] = parts["registry"]
        if parts.get("country"):
            values["country_id"] = self._country(parts["country"]).id
        if parts.get("state"):
            values["state_id"] = self._state(parts["state"], values.get("country_id")).id
        return values

    @api.model
    def _country(self, code):
        countries = self.env["res.country"]
        found = countries.search([("code", "=", code.upper())]) if len(code) == 2 else countries
        found = found or countries.search([("name", "=ilike", code)], limit=1)
        if not found:
            raise UserError(self.env._("Odoo knows no country %s.", code))
        return found

    @api.model
    def _state(self, code, country_id):
        domain = [("code", "=ilike", code), *([("country_id", "=", country_id)] if country_id else [])]
        found = self.env["res.country.state"].search(domain)
        return found if len(found) == 1 else found.browse()

    def _apply_parts(self, parts):
        """Let Odoo's own record say what ``parts`` say.

        :raises UserError: when Odoo refuses, with its reason
        """
        self.ensure_one()
        values = self._parts_as_values(self.kind, parts, self.company_id)
        # sudo: the change is approved, or its system owns the attribute by an approved rule; who did it is in the trail
        self.sudo()._target().with_company(self.company_id).write(values)
