"""What is here of the configuration."""

from collections import defaultdict

from odoo import fields

from ..domain import portable
from .names import Names


class Unnamed(Exception):
    """A record cannot be put into words that hold in another database; the text says why."""


class State:
    """What is here, as whoever asks may see it: records of each kind, by what they are known by."""

    def __init__(self, env):
        self.env = env
        self.portable = env["integration.portable"]
        self.names = Names(env)
        self._index = {}
        self._told = {}

    def model(self, name):
        """Return a portable model; texts that people translate are carried as they are in English."""
        model = self.env[name].with_context(active_test=False)
        translated = any(model._fields[one].translate for one in self.portable._names(name))
        return model.with_context(lang="en_US") if translated else model

    def local(self, record, name):
        """Return the value of a field such that two of this database can be compared."""
        value, kind = record[name], record._fields[name].type
        if kind == "many2one":
            return value.id
        if kind == "many2many":
            return frozenset(value.ids)
        if kind == "date":
            return fields.Date.to_string(value) or None
        return value if kind in ("boolean", "integer", "float") else value or None

    def local_key(self, record):
        return tuple((name, self.local(record, name)) for name in record._portable_key_of(record))

    def index(self, name):
        """Return {what it is known by: record} of all records of a kind; several of one key are no answer."""
        if name not in self._index:
            model = self.model(name)
            records = model.search_fetch(model._portable_known(), self.portable._stored_names(name))
            by_key = defaultdict(list)
            for record in records:
                by_key[self.local_key(record)].append(record.id)
            self._index[name] = {key: model.browse(ids)._portable_one_of() for key, ids in by_key.items()}
        return self._index[name]

    def carried(self, name, companies):
        """Return the records of a kind that a document of these companies tells of."""
        model = self.model(name)
        whose = [("company_id", "in", [*companies.ids, False])] if "company_id" in model._fields else []
        domain = [*model._portable_known(), *model._portable_carried(), *whose]
        return model.search_fetch(domain, self.portable._stored_names(name))

    def key(self, record):
        """Return what a record is known by, as a document tells it."""
        told = self._told.setdefault(record._name, {})
        if record.id not in told:
            told[record.id] = {name: self.value(record, name) for name in record._portable_key_of(record)}
        return told[record.id]

    def value(self, record, name):
        """Return the value of a field as a document tells it.

        :raises Unnamed: where it refers to what has no name elsewhere
        """
        kind, value = record._fields[name].type, record[name]
        if kind == "many2one":
            return self._tell(record, name, value) if value else None
        if kind == "many2many":
            return sorted((self._tell(record, name, one) for one in value), key=portable.ident)
        return self.local(record, name)

    def _tell(self, record, name, value):
        if self.portable._is_portable(value._name):
            return self.key(self.model(value._name).browse(value.id))
        company = record.company_id if "company_id" in record._fields else self.env["res.company"]
        told = self.names.tell(value, company)
        if not told:
            label = record._fields[name]._description_string(self.env)
            # sudo: its name, for whoever may read what refers to it
            whose = value.sudo().display_name
            raise Unnamed(
                self.env._("%(field)s: %(record)s has no unique code to be known by.", field=label, record=whose)
            )
        return told
