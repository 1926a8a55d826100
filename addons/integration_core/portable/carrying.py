"""A document, carried out: what is new is made, what differs is changed, and nothing is deleted."""

from collections import defaultdict

from odoo import fields
from odoo.exceptions import UserError
from odoo.tools import groupby
from psycopg2 import IntegrityError

from ..domain import portable, strict_json
from ..domain.portable import Outcome
from .incoming import Pending, Unknown

_CHUNK = 500
"""New records of one kind that are created at once."""


class Carrier:
    """Carries out what was compared.

    :param incoming: the :class:`Incoming`, planned
    :param bool trying: go on behind what a model refuses, and have its entry say why; else the first refusal ends it
    """

    def __init__(self, incoming, *, trying=False):
        self.incoming = incoming
        self.env = incoming.env
        self.trying = trying
        self._made = {}
        self._lost = {}

    def carry_out(self):
        """Make and change what the plan says, and ask for the approvals that are due.

        :raises UserError: for the first refusal, unless only trying
        """
        todo = [entry for entry in self.incoming.entries if entry.outcome in (Outcome.NEW, Outcome.CHANGED)]
        while todo:
            failed = []
            for _key, group in groupby(todo, key=lambda entry: (entry.model, entry.outcome)):
                failed += self._carry_out_some([*group])
            if len(failed) == len(todo):
                break
            # What one refused may be possible now that others are done: rules that hold between several of them.
            todo = [entry for entry, _reason in failed]
        for entry, reason in failed if todo else ():
            self._give_up(entry, reason)
        self._ask()

    def _give_up(self, entry, reason):
        if not self.trying:
            name = portable.told(entry.item.key)
            raise UserError(self.env._("%(name)s: %(reason)s", name=name, reason=reason))
        entry.refuse(reason)

    def _carry_out_some(self, entries):
        """Carry out entries of one kind; return [(entry, reason)] of those that were refused."""
        failed = []
        while entries:
            chunk = self._chunk(entries)
            entries = entries[len(chunk) :]
            reason = self._attempt(chunk)
            if reason and len(chunk) > 1:
                failed += [(entry, why) for entry in chunk if (why := self._attempt([entry]))]
            elif reason:
                failed.append((chunk[0], reason))
        return failed

    def _chunk(self, entries):
        """Return as many of the first entries as can be carried out together."""
        if entries[0].outcome is Outcome.CHANGED:
            return entries[:1]
        chunk, places = [], set()
        for entry in entries[:_CHUNK]:
            if places & {one for value in entry.values.values() for one in _pending(value)}:
                break
            chunk.append(entry)
            places.add(entry.place)
        return chunk

    def _attempt(self, chunk):
        """Carry out these together; return why not, or None."""
        try:
            with self.env.cr.savepoint():
                records, lost = self._do(chunk)
                self.env.flush_all()
        except (Unknown, UserError) as error:
            return str(error)
        except IntegrityError as error:
            return self.incoming.model(chunk[0].model)._sql_error_to_message(error)
        for entry, record_id in zip(chunk, records.ids, strict=True):
            entry.record_id = record_id
            if lost:
                self._lost[entry.place] = record_id
            elif entry.outcome is Outcome.NEW:
                self._made[entry.place] = record_id
        return None

    def _do(self, chunk):
        """Make new records, or change one; return them, and whether one lost its approval by that."""
        model = self.incoming.model(chunk[0].model)
        values = [self._ready(entry) for entry in chunk]
        if chunk[0].outcome is Outcome.NEW:
            return model.create([model._portable_prepare(one) for one in values]), False
        record = model.browse(chunk[0].record_id)
        stood = record._portable_stands()
        record.write(record._portable_prepare(values[0]))
        return record, stood and not record._portable_stands()

    def _ready(self, entry):
        """Return the values of an entry with what the document brought along meanwhile."""
        return {name: self._written(value) for name, value in entry.values.items()}

    def _written(self, value):
        if isinstance(value, frozenset):
            return [fields.Command.set(sorted(self._settled(one) for one in value))]
        value = self._settled(value) if isinstance(value, Pending) else value
        return False if value is None else value

    def _settled(self, value):
        if not isinstance(value, Pending):
            return value
        if value not in self._made:
            name = portable.told(strict_json.loads(value.ident.encode()))
            raise Unknown(self.env._("“%s”, to which it refers, is not taken.", name))
        return self._made[value]

    def _ask(self):
        """Ask a second person where that is due: about what is new, and what lost its approval by this."""
        asked = defaultdict(list)
        for place in (*self._made, *self._lost):
            entry = self.incoming.entry_at(place)
            record = self._record(entry)
            if record._approval_needed() if place in self._lost else record._portable_asks():
                asked[entry.model].append(entry)
        for entries in asked.values():
            if self._refused(entries):  # one of them: the others are asked about nevertheless
                for entry in entries:
                    if reason := self._refused([entry]):
                        self._give_up(entry, reason)
            for entry in entries:
                entry.waits = self._record(entry).approval_state == "requested"

    def _record(self, entry):
        return self.incoming.model(entry.model).browse(entry.record_id)

    def _refused(self, entries):
        """Ask about these together; return why that is not possible, or None."""
        records = self.incoming.model(entries[0].model).browse([entry.record_id for entry in entries])
        try:
            with self.env.cr.savepoint():
                records._portable_ask()
        except UserError as error:
            return str(error)
        except IntegrityError as error:
            return records._sql_error_to_message(error)
        return None


def _pending(value):
    """Yield the places of what a value waits for."""
    for one in value if isinstance(value, frozenset) else (value,):
        if isinstance(one, Pending):
            yield tuple(one)
