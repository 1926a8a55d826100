from odoo import api, models
from odoo.tools import SQL

from ..domain.import_rows import Entity, Lookup
from .integration_entity import BINDINGS, KINDS

REFERENCES = {
    "supplier": ("ref", "vat"),
    "payer": ("ref", "vat"),
    "service": ("default_code",),
    "product": ("default_code",),
    "cost_center": ("code",),
    "department": ("code",),
    "facility": ("name",),
}
"""By what a list may refer to Odoo's record, per kind; a department's record is the account of its cost center."""
TARGET_MODELS = {
    "supplier": "res.partner",
    "payer": "res.partner",
    "service": "product.product",
    "product": "product.product",
    "cost_center": "account.analytic.account",
    "department": "account.analytic.account",
    "facility": "res.company",
}

KEY = SQL.identifier("code")
"""The column of identifiers and of tasks that holds what a code is compared by, as ``_keys`` returns it."""


class IntegrationMappingLookup(models.AbstractModel):
    """Looks up what the texts of a list refer to, for all of its rows at once, with the rights of whoever imports."""

    _name = "integration.mapping.lookup"
    _description = "What a list refers to"

    @api.model
    def _of(self, rows, company, *, made):
        """Return the :class:`Lookup` for ``rows`` (domain rows) in ``company``."""
        kinds = self._kinds()
        systems = {system.code: system for system in self.env["integration.system"].search([])}
        by_id = {system.id: system for system in systems.values()}
        declared = {}

        def declares(system_id, kind):
            if (system_id, kind) not in declared:
                declared[system_id, kind] = by_id[system_id]._code_system(kind)
            return declared[system_id, kind]

        lookup = Lookup(
            systems={code: system.id for code, system in systems.items()},
            kinds=kinds,
            declared=declares,
            keys=self._keys,
            made=made,
        )
        wanted = self._wanted(rows, kinds)
        self._find_targets(lookup, wanted, company)
        self._find_entities(lookup, rows, wanted, company)
        return lookup

    @api.model
    def _keys(self, code_system, codes):
        """Return how a code system compares its codes: byte for byte as long as it declares nothing else.

        The one place where an import turns a code into what it is compared by.
        """
        return codes

    @api.model
    def _kinds(self):
        labels = dict(self.env["integration.entity"]._fields["kind"]._description_selection(self.env))
        return {
            **{label.casefold(): value for value, label in labels.items()},
            **{label.casefold(): value for value, label in KINDS},
            **{value: value for value, _label in KINDS},
        }

    @api.model
    def _wanted(self, rows, kinds):
        """Return ``{kind: texts that refer to records}``."""
        wanted = {}
        for row in rows:
            kind = kinds.get(row.get("kind").casefold())
            if kind and row.get("record"):
                wanted.setdefault(kind, set()).add(row.get("record"))
        return wanted

    @api.model
    def _find_targets(self, lookup, wanted, company):
        found = {}
        for kind, texts in wanted.items():
            model = self.env[TARGET_MODELS[kind]].with_company(company)
            of_company = [("company_id", "in", (company.id, False))] if "company_id" in model._fields else []
            for name in REFERENCES[kind]:
                texts_of = model.search_fetch([(name, "in", list(texts)), *of_company], [name])
                for record in texts_of:
                    found.setdefault((kind, record[name]), set()).add(record.id)
        lookup.targets = found

    @api.model
    def _find_entities(self, lookup, rows, wanted, company):
        """Find entities by id, by name and by what they stand for."""
        entities = self.env["integration.entity"].with_context(active_test=False)
        ids = {int(row.get("entity_id")) for row in rows if row.get("entity_id").isdigit()}
        ids = {one for one in ids if one < 2**31}
        names = {row.get("entity") for row in rows if row.get("entity")}
        own = [("company_id", "=", company.id)]
        found = entities.search([*own, "|", ("id", "in", list(ids)), ("name", "in", list(names))])
        for kind in wanted:
            targets = [one for (of_kind, _text), some in lookup.targets.items() if of_kind == kind for one in some]
            binding = "parent_id.analytic_account_id" if kind == "department" else BINDINGS[kind]
            found |= entities.search([*own, ("kind", "=", kind), (binding, "in", targets)])
        lookup.entities = {entity.id: self._as_entity(entity) for entity in found}
        by_name, of_target = {}, {}
        for entity in found:
            if entity.active:
                by_name.setdefault((entity.kind, entity.name), []).append(entity.id)
            name = entity.name if entity.kind == "department" else ""
            of_target[entity.kind, entity._target().id, name] = entity.id
        lookup.by_name, lookup.of_target = by_name, of_target

    @api.model
    def _as_entity(self, entity):
        target = entity._target()
        references = {target[name] for name in REFERENCES[entity.kind]} - {False}
        return Entity(entity.id, entity.kind, entity.name, frozenset(references))

    @api.model
    def _reference(self, entity):
        """Return by what a list refers to the record that an entity stands for, an empty text for nothing."""
        target = entity._target()
        return next((target[name] for name in REFERENCES[entity.kind] if target[name]), "")
