from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..domain import evidence
from ..domain.advice import Evidence, Weight, rank
from ..domain.likeness import alike, fold
from .integration_entity import BINDINGS

# Where Odoo's own records keep a reference of their own, by the field that binds an entity to them.
REFERENCES = {
    "partner_id": ("ref",),
    "product_id": ("default_code", "barcode"),
    "analytic_account_id": ("code",),
}
_NAMES = 50_000
"""Names of canonical entities that are compared, the newest: about twenty milliseconds."""
_FOUND_BY_WORDS = 200
"""Odoo's own records per word that are looked at; the rest of a big catalogue is not read for advice."""


class IntegrationMappingAdvice(models.AbstractModel):
    """What a code could mean, and what speaks for it. Shown to a steward, who decides; never applied.

    A candidate is ``(model, id)``: a canonical entity of the kind, or Odoo's own record that has none yet.
    """

    _name = "integration.mapping.advice"
    _description = "Suggestions for codes"

    @api.model
    def _advise(self, task, limit=5):
        """Return the :class:`~..domain.advice.Advice` for a code that waits, the best first."""
        task.ensure_one()
        self.env["integration.identifier"].flush_model()
        found = [
            *self._identified(task),
            *self._decided_before(task),
            *self._called_so_elsewhere(task),
            *self._referred_to(task),
            *self._named_alike(task),
        ]
        return rank(self._with_entities(task, found), limit=limit)

    @api.model
    def _with_entities(self, task, found):
        """Let Odoo's own record stand for its canonical entity where it has one, so that evidence adds up."""
        binding = BINDINGS[task.kind]
        loose = {candidate[1] for candidate, _why in found if candidate[0] != "integration.entity"}
        entities = self.env["integration.entity"].search(
            [("kind", "=", task.kind), ("company_id", "=", task.company_id.id), (binding, "in", list(loose))]
        )
        entity_of = {entity[binding].id: entity.id for entity in entities} if task.kind != "department" else {}
        for (model, record_id), why in found:
            if model != "integration.entity" and record_id in entity_of:
                yield ("integration.entity", entity_of[record_id]), why
            else:
                yield (model, record_id), why

    # -- numbers that are given once in the world -------------------------------------------------------------------

    @api.model
    def _identified(self, task):
        """Yield the contacts that have the code as a number of theirs, where the code can be such a number."""
        if BINDINGS[task.kind] != "partner_id":
            return
        country = task.company_id.country_id.code
        told = evidence.numbers(dict.fromkeys(evidence.STRONG, task.code), country=country)
        # sudo: an index beside contacts; whether the user may see the contact is asked below
        numbers = self.env["integration.party.number"].sudo()
        same = Domain.OR(Domain("scheme", "=", name) & Domain("value", "=", value) for name, value in told.items())
        for number in numbers.search(Domain("partner_id", "!=", False) & same, limit=20) if told else ():
            partner = self.env["res.partner"].browse(number.partner_id.id)
            if partner.has_access("read"):
                text = self.env._("The code is its %s.", evidence.LABELS[number.scheme])
                yield ("res.partner", partner.id), Evidence(Weight.IDENTIFIER, text)

    # -- what people decided -----------------------------------------------------------------------------------------

    @api.model
    def _decided_before(self, task):
        identifiers = self.env["integration.identifier"]
        own = Domain("company_id", "=", task.company_id.id) & Domain("kind", "=", task.kind)
        for old in identifiers.search(own & Domain(task._question()) & Domain("state", "in", ("approved", "retired"))):
            text = self.env._("This code means it on other days (%s).", old.holds)
            yield ("integration.entity", old.entity_id.id), Evidence(Weight.BEFORE, text)
        if task.display and task.display != task.code:
            same = Domain("display", "=", task.display) & Domain("state", "=", "approved")
            counts = identifiers._read_group(own & same, ["entity_id"], ["__count"], limit=10)
            for entity, count in counts:
                text = self.env._("Codes called the same mean it: %s.", count)
                yield ("integration.entity", entity.id), Evidence(Weight.BEFORE, text)

    @api.model
    def _called_so_elsewhere(self, task):
        others = self.env["integration.identifier"].search(
            [
                ("company_id", "=", task.company_id.id),
                ("kind", "=", task.kind),
                ("code_key", "in", [task.code_key, task.code]),
                ("state", "=", "approved"),
                "|",
                ("system_id", "!=", task.system_id.id),
                ("code_system", "!=", task.code_system),
            ],
            limit=20,
        )
        for other in others:
            text = self.env._(
                "%(system)s calls it so, too (%(list)s).", system=other.system_id.name, list=other.code_system
            )
            yield ("integration.entity", other.entity_id.id), Evidence(Weight.ELSEWHERE, text)

    # -- Odoo's own records ------------------------------------------------------------------------------------------

    @api.model
    def _targets(self, task):
        """Return (model, base domain) of Odoo's records that a code of this kind can mean, or (None, None)."""
        binding = BINDINGS[task.kind] if task.kind != "department" else "analytic_account_id"
        field = self.env["integration.entity"]._fields[binding]
        if binding not in REFERENCES:
            return None, None
        model = self.env[field.comodel_name]
        if not model.has_access("read"):
            return None, None
        domain = Domain("company_id", "in", (task.company_id.id, False))
        if task.kind == "service":
            domain &= Domain("type", "=", "service")
        if task.kind in ("supplier", "payer"):
            domain &= Domain("parent_id", "=", False)
        return model, domain

    @api.model
    def _referred_to(self, task):
        model, domain = self._targets(task)
        if model is None:
            return
        binding = BINDINGS[task.kind] if task.kind != "department" else "analytic_account_id"
        for name in REFERENCES[binding]:
            label = model._fields[name]._description_string(self.env)
            for record in model.search(domain & Domain(name, "=", task.code), limit=5):
                text = self.env._("Its field “%(field)s” says %(code)s.", field=label, code=task.code)
                yield (model._name, record.id), Evidence(Weight.REFERENCE, text)

    # -- names -------------------------------------------------------------------------------------------------------

    @api.model
    def _named_alike(self, task):
        name = task.display
        if not name or name == task.code:
            return
        names = {("integration.entity", entity_id): fold(text) for entity_id, text in self._entity_names(task)}
        names |= {candidate: fold(text) for candidate, text in self._found_by_words(task, name)}
        for candidate, likeness in alike(name, names, limit=10):
            text = self.env._("Its name is %s %% like the sender's.", likeness)
            yield candidate, Evidence(Weight.ALIKE, text, likeness)

    @api.model
    def _entity_names(self, task):
        entities = self.env["integration.entity"]
        entities.check_access("read")
        entities.flush_model()
        return self.env.execute_query(
            SQL(
                "SELECT id, name FROM integration_entity WHERE kind = %s AND company_id = %s AND active"
                " ORDER BY id DESC LIMIT %s",
                task.kind,
                task.company_id.id,
                _NAMES,
            )
        )

    @api.model
    def _found_by_words(self, task, name):
        """Yield Odoo's own records that share a long word with the name."""
        model, domain = self._targets(task)
        if model is None:
            return
        words = sorted({word for word in fold(name).split() if len(word) > 3}, key=len, reverse=True)[:3]
        for word in words:
            for record in model.search(domain & Domain("name", "ilike", word), limit=_FOUND_BY_WORDS):
                yield (model._name, record.id), record.name
