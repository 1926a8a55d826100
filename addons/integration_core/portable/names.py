"""What Odoo's own records are called, in this database and in another."""

from collections import defaultdict

from odoo.tools import groupby

from ..domain import portable

_ELSEWHERE = ("__export__", "__import__")
"""Where names are kept that one database gave its records by itself."""


class Names:
    """What Odoo's own records are called, and which of them is called so: by a module's XML id, else by a unique code.

    A name of people's making is never one. What is unique is judged among the active records of one company, those of
    no company included.
    """

    def __init__(self, env):
        # sudo: codes of records, which whoever configures refers to without being allowed to open all of them
        self.env = env(su=True)
        self._codes = env["integration.portable"]._natural_keys()
        self._told = {}
        self._found = {}

    def knows(self, model):
        """Tell whether records of that model can be referred to at all."""
        return model in self._codes

    def tell(self, record, company):
        """Return the reference by which one company names a record, or None; those read along are asked for as well."""
        told = self._told.setdefault((record._name, company.id), {})
        if record.id not in told:
            ids = {one for one in record._prefetch_ids if one} | {record.id}
            news = self.env[record._name].browse(sorted(ids - {*told}))
            told.update(dict.fromkeys(news.ids))
            for name, domain in reversed(self._codes[record._name]):
                told.update(self._by_code(news, company, name, domain))
            told.update(self._by_xmlid(news))
        return told[record.id]

    def find(self, model, references, company):
        """Return {ident of a reference: id, or a text that says why there is none}."""
        found = self._found.setdefault((model, company.id), {})
        news = {portable.ident(one): one for one in references}
        news = {text: one for text, one in news.items() if text not in found}
        by_way = groupby(news.items(), key=lambda pair: tuple(pair[1]))
        for way, pairs in by_way:
            wanted = {text: next(iter(one.values())) for text, one in pairs}
            if way == ("xmlid",):
                found.update(self._of_xmlids(model, wanted))
            elif len(way) == 1 and way[0] in dict(self._codes[model]):
                found.update(self._of_codes(model, way[0], wanted, company))
            else:
                words = self.env._("“%s” is not a way to name it here.", ", ".join(way))
                found.update(dict.fromkeys(wanted, words))
        return found

    def _scope(self, model, company):
        own = "company_id" in self.env[model]._fields and model != "res.company"
        return [("company_id", "in", (company.id, False))] if own else []

    def _by_xmlid(self, records):
        rows = self.env["ir.model.data"].search_fetch(
            [("model", "=", records._name), ("res_id", "in", records.ids), ("module", "not in", _ELSEWHERE)],
            ["module", "name", "res_id"],
            order="module DESC, name DESC",
        )
        # Names that begin with a number are a chart of accounts', with the id of a company of this database.
        return {row.res_id: {"xmlid": f"{row.module}.{row.name}"} for row in rows if not row.name[:1].isdecimal()}

    def _by_code(self, records, company, name, domain):
        texts = {one.id: one[name] for one in records if one[name]}
        unique = self._unique(records._name, name, domain, [*texts.values()], company)
        return {key: {name: text} for key, text in texts.items() if unique.get(text) == [key]}

    def _unique(self, model, name, domain, texts, company):
        wanted = [(name, "in", texts), *domain, *self._scope(model, company)]
        by_text = defaultdict(list)
        for record in self.env[model].search_fetch(wanted, [name]):
            by_text[record[name]].append(record.id)
        return by_text

    def _of_xmlids(self, model, wanted):
        parts = {text: str(value).partition(".")[::2] for text, value in wanted.items()}
        rows = self.env["ir.model.data"].search_fetch(
            [("model", "=", model), ("name", "in", [name for _module, name in parts.values()])],
            ["module", "name", "res_id"],
        )
        ids = {(row.module, row.name): row.res_id for row in rows}
        there = {*self.env[model].browse([*ids.values()]).exists().ids}
        return {text: self._one(ids.get(place), there) for text, place in parts.items()}

    def _one(self, record_id, there):
        return record_id if record_id in there else self.env._("No record here has this XML id.")

    def _of_codes(self, model, name, wanted, company):
        domain = dict(self._codes[model])[name]
        texts = [text for text in wanted.values() if isinstance(text, str) and text]
        unique = self._unique(model, name, domain, texts, company)
        return {text: self._judged(unique.get(value, [])) for text, value in wanted.items()}

    def _judged(self, ids):
        if len(ids) == 1:
            return ids[0]
        if ids:
            return self.env._("%s records here are called so.", len(ids))
        return self.env._("Nothing here is called so.")
