"""A document, compared with what is here. Nothing is changed."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from odoo import fields

from ..domain import portable, strict_json
from ..domain.portable import Change, Item, Outcome
from .state import State, Unnamed


class Unknown(Exception):
    """A reference or a value of a document means nothing here; the text says why."""


class Pending(NamedTuple):
    """Stands for a record that the document brings along and that is not here yet."""

    model: str
    ident: str


def neutral(env):
    """Return ``env`` for the companies of its user, with nothing of a caller's context that would fill in defaults."""
    context = {
        "lang": env.lang,
        "tz": env.user.tz,
        "allowed_company_ids": env.user.company_ids.ids,
        "mail_create_nosubscribe": True,
    }
    return env(context=context)


@dataclass
class Entry:
    """An object of a document, and what becomes of it here.

    Attributes:
        model: Its kind.
        item: The object.
        outcome: What becomes of it.
        reason: Why it is refused.
        note: What follows from it.
        changes: Where it differs from what is here.
        record_id: The record that it is here, or 0.
        waits: Whether a second person was asked about it.
        values: What is written, by field; a :class:`Pending` for what comes with the same document.
    """

    model: str
    item: Item
    outcome: Outcome = Outcome.NEW
    reason: str = ""
    note: str = ""
    changes: tuple[Change, ...] = ()
    record_id: int = 0
    waits: bool = False
    values: dict = field(default_factory=dict)

    @property
    def place(self):
        """What it is found by, and left out by."""
        return self.model, self.item.ident

    def refuse(self, reason):
        """Refuse it."""
        self.outcome, self.reason = Outcome.REFUSED, str(reason)

    def as_json(self):
        """Return what a plan's digest is made over."""
        changes = [[one.field, one.old, one.new] for one in self.changes]
        return [self.model, self.item.key, self.outcome.value, self.reason, self.note, changes, self.record_id]


class Incoming(State):
    """A document, compared with what is here.

    :param document: the :class:`portable.Document`
    :param left_out: places of objects (model, ident) that are not to be taken
    """

    def __init__(self, env, document, left_out=()):
        super().__init__(neutral(env))
        self.document = document
        self.left_out = frozenset(left_out)
        self.strange = sorted({*document.content} - {*self.portable._kinds()})
        self.companies = self.env["res.company"].union(*(found for _one, found in self.companies_by_reference()))
        self._items = {
            name: {item.ident: item for item in document.content.get(name, ())} for name in self.portable._kinds()
        }
        self._entries = {}
        self._open = []
        self._rows = {}

    # -- comparing

    def plan(self):
        """Compare everything; return the entries, each after those that it refers to."""
        for name in self.strange:
            for item in self.document.content[name]:
                entry = Entry(name, item)
                entry.refuse(self.env._("This kind is not known here: install the addon that it belongs to."))
                self._entries[entry.place] = entry
        for name in self.portable._kinds():
            self._look_up(name)
            counts = defaultdict(int)
            for item in self.document.content.get(name, ()):
                counts[item.ident] += 1
            for item in self.document.content.get(name, ()):
                entry = self._entry(name, item)
                if counts[item.ident] > 1:
                    entry.refuse(self.env._("The document names it more than once."))
        return self.entries

    @property
    def entries(self):
        """What was compared so far, each after those that it refers to."""
        return [*self._entries.values()]

    def entry_at(self, place):
        """Return the entry of (model, ident)."""
        return self._entries[place]

    def absent(self):
        """Return [(model, record)] of what is here and would be in such a document, but is not. It is left alone."""
        here = {(entry.model, entry.record_id) for entry in self.entries if entry.record_id}
        kinds = [name for name in self.portable._kinds() if name in self.document.content]
        return [
            (name, record)
            for name in kinds
            for record in self.carried(name, self.companies)
            if (name, record.id) not in here
        ]

    def digest(self):
        """Return a digest of the document and of all that was found here: what a person has looked at."""
        rows = sorted((entry.as_json() for entry in self.entries), key=portable.ident)
        absent = sorted([name, record.id] for name, record in self.absent())
        return portable.digest([self.document.digest, rows, absent, sorted(map(list, self.left_out))])

    def companies_by_reference(self):
        """Return [(reference in the document, the company in which the user works, or none)]."""
        found = self.names.find("res.company", self.document.companies, self.env.company)
        ids = [(one, found[portable.ident(one)]) for one in self.document.companies]
        mine = self.env.user.company_ids.ids
        return [(one, self.env["res.company"].browse(known if known in mine else [])) for one, known in ids]

    def _look_up(self, name):
        """Ask for all that the objects of a kind refer to at once, company by company."""
        wanted = defaultdict(list)
        for item in self._items[name].values():
            told = {**item.values, **item.key}
            whose = told.get("company_id")
            for one in self.portable._names(name):
                comodel = self.model(name)._fields[one].comodel_name
                if comodel and self.names.knows(comodel):
                    given = told.get(one) if isinstance(told.get(one), list) else [told.get(one)]
                    wanted[comodel, portable.ident(whose)] += [ref for ref in given if isinstance(ref, dict)]
        for comodel, whose in sorted(wanted, key=lambda pair: pair[0] != "res.company"):
            self.names.find(comodel, wanted[comodel, whose], self._company_of(whose))

    def _company_of(self, whose):
        """Return the company that a reference's text means, else none; that it is the user's is judged elsewhere."""
        found = self._rows.get(whose)
        if found is None:
            reference = strict_json.loads(whose.encode())
            found = self.env["res.company"]
            if isinstance(reference, dict):
                known = self.names.find("res.company", [reference], self.env.company)[whose]
                found = found.browse(known if isinstance(known, int) else [])
            self._rows[whose] = found
        return found

    def _entry(self, name, item):
        entry = self._entries.get((name, item.ident))
        if entry is None:
            entry = Entry(name, item)
            if entry.place in self._open:
                raise Unknown(self.env._("It refers to itself in a circle."))
            self._open.append(entry.place)
            try:
                self._judge(entry)
            except Unknown as error:
                entry.refuse(error)
            finally:
                self._open.pop()
            if entry.place in self.left_out:
                entry.outcome, entry.reason, entry.note = Outcome.LEFT_OUT, "", ""
            self._entries[entry.place] = entry
        return entry

    def _judge(self, entry):
        model = self.model(entry.model)
        local = self._local_values(model, entry.item)
        key = tuple((name, local[name]) for name in model._portable_key_of(local) if name in local)
        found = self.index(entry.model).get(key)
        if found and "active" in found._fields and not found.active:
            raise Unknown(self.env._("It is archived here: restore it first, or leave it out."))
        if found is not None and not found:
            raise Unknown(self.env._("Several here are called so: give them different names first."))
        entry.record_id = found.id if found else 0
        entry.changes = self._changes(found, entry.item, local) if found else ()
        entry.outcome = Outcome.NEW if not found else Outcome.CHANGED if entry.changes else Outcome.UNCHANGED
        if entry.outcome is Outcome.UNCHANGED:
            return
        self._check(model, entry, found or model.browse(), local)
        names = [one.field for one in entry.changes] if found else [*local]
        entry.values = {name: local[name] for name in names}
        entry.note = (found or model.browse())._portable_note(entry.values) or ""

    def _check(self, model, entry, found, local):
        shared = "company_id" not in model._fields or ("company_id" in local and not local["company_id"])
        if shared and not self.env.user._is_in_every_company():
            raise Unknown(self.env._("It serves every company, and you are not allowed in each of them."))
        for change in entry.changes:
            if change.field in model._portable_fixed:
                label = model._fields[change.field]._description_string(self.env)
                raise Unknown(self.env._("%s is another one here, and is not changed by an import.", label))
        if not found and entry.item.withheld:
            labels = ", ".join(model._fields[name]._description_string(self.env) for name in entry.item.withheld)
            raise Unknown(self.env._("%s holds a secret, which is not in the document: make it by hand first.", labels))
        if reason := model._portable_refusal(local, found):
            raise Unknown(reason)

    def _changes(self, record, item, local):
        kept = {*record._portable_withheld(), *item.withheld}
        changes = []
        for name, value in sorted(item.values.items()):
            old = self.local(record, name)
            if name not in kept and old != local[name]:
                changes.append(Change(name, self._in_words(record, name), value))
        return tuple(changes)

    def _in_words(self, record, name):
        try:
            return self.value(record, name)
        except Unnamed:
            # sudo: the name of what the record refers to, for whoever may read the record
            return sorted(record[name].sudo().mapped("display_name"))

    # -- what a document says, in terms of this database

    def _local_values(self, model, item):
        told = {**item.values, **item.key}
        try:
            key = {*model._portable_key_of(told)}
        except (KeyError, TypeError):  # it says nothing, or nonsense, of what its key depends on
            raise Unknown(self.env._("Another release wrote it: its key is not what this one expects.")) from None
        own = {*self.portable._names(model._name)}
        if {*item.key} != key or not {*told, *item.withheld} <= own or {*item.withheld} & key:
            strange = ", ".join(sorted({*told, *item.withheld} - own)) or ", ".join(sorted(key ^ {*item.key}))
            raise Unknown(self.env._("Another release wrote it: “%s” is not what this one expects.", strange[:80]))
        whose = told.get("company_id")
        return {name: self._local_value(model._fields[name], value, whose) for name, value in told.items()}

    def _local_value(self, one, value, whose):
        if one.type == "many2one":
            return self._reference(one, value, whose) if value else False
        if one.type == "many2many" and isinstance(value, list):
            # What is a list of the same things twice is a set here.
            return frozenset(self._reference(one, ref, whose) for ref in value)
        if not self._is_of(one, value):
            raise Unknown(self.env._("%s: such a value is not possible.", one._description_string(self.env)))
        return value

    def _is_of(self, one, value):
        match one.type:
            case "many2many":
                return False
            case "boolean":
                return isinstance(value, bool)
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31
            case "float":
                return isinstance(value, int | float) and not isinstance(value, bool)
            case "selection":
                return value is None or value in one.get_values(self.env)
            case "date":
                return value is None or (isinstance(value, str) and _is_day(value))
        return value is None or isinstance(value, str)

    def _reference(self, one, value, whose):
        label = one._description_string(self.env)
        if not isinstance(value, dict):
            raise Unknown(self.env._("%s: such a value is not possible.", label))
        if self.portable._is_portable(one.comodel_name):
            return self._ours(one.comodel_name, value, label)
        if not self.names.knows(one.comodel_name):
            raise Unknown(self.env._("%s cannot be named across databases.", label))
        found = self.names.find(one.comodel_name, [value], self._company_of(portable.ident(whose)))
        known = found[portable.ident(value)]
        told = portable.told(value)
        if not isinstance(known, int):
            raise Unknown(self.env._("%(field)s “%(name)s”: %(reason)s", field=label, name=told, reason=known))
        if one.comodel_name == "res.company" and known not in self.env.user.company_ids.ids:
            raise Unknown(self.env._("%(field)s “%(name)s”: you do not work there.", field=label, name=told))
        return known

    def _ours(self, name, value, label):
        """Return the id, or what stands for it, of one of the suite's own records."""
        item = self._items[name].get(portable.ident(value))
        if item:
            entry = self._entry(name, item)
            if entry.record_id and entry.outcome is not Outcome.REFUSED:
                return entry.record_id
            if entry.outcome is Outcome.NEW:
                return Pending(*entry.place)
            reason = self.env._("%(field)s “%(name)s” is not taken.", field=label, name=portable.told(value))
            raise Unknown(reason)
        model = self.model(name)
        local = self._local_values(model, Item(value))
        found = self.index(name).get(tuple((one, local[one]) for one in model._portable_key_of(local)))
        if not found:
            raise Unknown(
                self.env._(
                    "%(field)s “%(name)s” is neither here nor in the document.", field=label, name=portable.told(value)
                )
            )
        return found.id


def _is_day(text):
    try:
        return bool(fields.Date.to_date(text)) and len(text) == len("2000-01-01")
    except ValueError:
        return False
