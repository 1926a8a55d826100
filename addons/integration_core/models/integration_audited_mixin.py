from contextlib import contextmanager

from odoo import api, fields, models

from ..domain import changes
from ..domain.changes import Told

_ODOOS_OWN = {"id", "create_uid", "create_date", "write_uid", "write_date"}


def value_of(record, name, *, hidden=False):
    """Return what the trail sees of a field, a :class:`Told`."""
    field = record._fields[name]
    value = record[name]
    hidden = hidden or field.type in changes.UNTOLD_TYPES
    if field.type == "many2many":
        return Told(frozenset(f"{one.display_name} ({one.id})" for one in value), hidden)
    if field.type == "many2one":
        return Told(f"{value.display_name} ({value.id})" if value else "", hidden)
    if field.type in ("integer", "float", "monetary", "boolean"):
        return Told(str(value), hidden)
    return Told(str(value) if value else "", hidden)


class IntegrationAuditedMixin(models.AbstractModel):
    """Administration that the audit trail tells of: who made, changed or deleted a record, and what changed.

    Old and new values are told; of secrets, bytes and free text only that they changed. What a release brings along is
    approved by its release and not told: it is written while the registry is being built, which nobody else can do.

    Deeds that a model records under a name of their own, such as *suspend*, are told by those names alone: what an
    approval protects is silent while code that holds the approving key writes it.
    """

    _name = "integration.audited.mixin"
    _description = "Administration in the audit trail"

    _audit_name = ""
    """First word of the actions, such as ``system`` for ``system.create``."""
    _audit_words = {}
    """{create, change, delete: another word for it}."""
    _audit_silent = ()
    """Fields in which code keeps notes of its own."""
    _audit_hidden = ()
    """Further fields of which only is told that they changed."""

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        if self._audit_applies():
            details = [changes.begun(one._audit_values(one._audit_beginning())) for one in records]
            records._audit_tell("create", details)
        return records

    def write(self, vals):
        names = [name for name in self._audit_fields() if name in vals] if self._audit_applies() else []
        if not names:
            return super().write(vals)
        before = [record._audit_values(names) for record in self]
        result = super().write(vals)
        told = {}
        for one, old in zip(self, before, strict=True):
            now = one._audit_values(names)
            if detail := changes.changed(old, now):
                word = one._audit_change_word({name for name in names if old[name] != now[name]})
                told.setdefault(word, []).append((one.id, detail))
        for word, changed in told.items():
            self.browse(one for one, _detail in changed)._audit_tell(word, [detail for _id, detail in changed])
        return result

    def unlink(self):
        if self._audit_applies():
            self._audit_tell("delete", [False] * len(self))
        return super().unlink()

    def _audit_tell(self, word, details):
        """Append a row for each of these records, all at once."""
        audit = self.env["integration.audit"]
        rows = [
            {**audit._about(one), "reason": one._audit_reason(), "detail": detail}
            for one, detail in zip(self, details, strict=True)
        ]
        audit._append(f"{self._audit_name}.{self._audit_words.get(word, word)}", rows)

    def _audit_change_word(self, names):
        """Return what the trail calls a change of these fields (a set), where it is a deed with a name of its own."""
        self.ensure_one()
        return "change"

    def _audit_reason(self):
        """Return why, where the record itself says so."""
        return False

    @api.model
    def _audit_applies(self):
        return self.env.registry.ready

    @api.model
    def _audit_fields(self):
        """Return the names of the fields that are told of."""
        return [name for name, field in self._fields.items() if self._audit_is_told(name, field)]

    def _audit_beginning(self):
        """Return the names of the fields that are told of a new record: not those that every one begins with."""
        initial = self._approval_initial() if hasattr(self, "_approval_initial") else {}
        record = self.sudo()  # sudo: as in _audit_values
        same = {name for name, value in initial.items() if name == "author_id" or (record[name] or False) == value}
        return [name for name in self._audit_fields() if name not in same]

    def _audit_is_told(self, name, field):
        if not field.store or name in _ODOOS_OWN or name in self._audit_silent or field.groups == fields.NO_ACCESS:
            return False
        if field.type == "one2many" or name.startswith(("message_", "activity_")):
            return False
        if hasattr(self, "_approval_own_fields"):
            return not (self._is_approving() and name in self._approval_own_fields())
        return True

    def _audit_values(self, names):
        """Return {field: :class:`Told`} as it is now."""
        # sudo: the trail tells of fields that whoever changes others may not see
        record = self.sudo()
        return {name: record._audit_value(name) for name in names}

    def _audit_value(self, name):
        return value_of(self, name, hidden=name in self._audit_hidden)

    @api.model
    @contextmanager
    def _telling(self, records, names, action):
        """Have the trail tell what the block changes of some fields of records of another model, such as a company."""
        if not names or not self._audit_applies():
            yield
            return
        # sudo: as in _audit_values
        before = [{name: value_of(one, name) for name in names} for one in records.sudo()]
        yield
        for one, old in zip(records.sudo(), before, strict=True):  # sudo: as above
            if detail := changes.changed(old, {name: value_of(one, name) for name in names}):
                whose = one if one._name == "res.company" else None
                self.env["integration.audit"]._record(action, one, detail=detail, company=whose)
