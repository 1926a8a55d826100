"""The configuration that is here, put into a document."""

from odoo.exceptions import UserError
from odoo.tools import groupby

from ..domain.portable import Document, Item
from .state import State, Unnamed


class Outgoing(State):
    """The configuration of some companies, put into a document.

    What cannot be put into words that hold elsewhere is left out as a whole, and told in :attr:`omitted`: an object
    without one of its references would mean something else.

    :param companies: whose configuration it is; what serves every company goes along
    :param str part: ``settings``, ``mappings``, or ``all``
    """

    def __init__(self, env, companies, part="all"):
        super().__init__(env)
        self.companies = companies
        self.omitted = []
        self.content = {name: self._items(name) for name in self.portable._kinds(part)}

    def document(self):
        """Return the :class:`portable.Document`."""
        told = [self.names.tell(company, company) for company in self.companies]
        nameless = [company for company, reference in zip(self.companies, told, strict=True) if not reference]
        if nameless:
            raise UserError(
                self.env._(
                    "%s has neither a tax ID nor a company ID by which another database could know it.",
                    nameless[0].name,
                )
            )
        counts = {name: len([*group]) for name, group in groupby(self.omitted, key=lambda one: one[0])}
        return Document(self.portable._environment(), tuple(told), self.content, counts)

    def _items(self, name):
        items = {}
        for record in self.carried(name, self.companies):
            try:
                item = self._item(record)
                if self.index(name)[self.local_key(record)] == record:
                    items[item.ident] = item
                elif not self.index(name)[self.local_key(record)]:
                    raise Unnamed(self.env._("Several are called so: give them different names."))
            except Unnamed as error:
                self.omitted.append((name, record.display_name, str(error)))
        return [*items.values()]

    def _item(self, record):
        key = self.key(record)
        withheld = record._portable_withheld()
        names = [name for name in record._portable_fields_of(record) if name not in withheld]
        values = {name: self.value(record, name) for name in names}
        return Item(key, values, tuple(sorted(withheld)))
