from datetime import datetime
from zoneinfo import ZoneInfo

from odoo import api, fields, models

from ..domain.codes import Code


class Answers:
    """What the codes of one question mean. Every code has one answer or none; what has none is :attr:`missing`.

    ::

        answers = env["integration.mapping"].resolve(system, "service", ["CBC", "GLU"], performed_at)
        product = answers["CBC"].product_id      # an empty record set where the code has no meaning
        tasks = answers.request()                # whoever parks what uses a missing code asks for its meaning
    """

    def __init__(self, question, codes, found):
        self._question = question
        self._found = found
        self._codes = codes
        self._none = question[0].env["integration.entity"]

    def __getitem__(self, code):
        """Return the canonical entity that a code means, an empty record set where it means nothing."""
        return self._found.get(code, self._none)

    @property
    def missing(self):
        """The codes without an answer, in the order they were asked for."""
        return [code for code in self._codes if code not in self._found]

    def request(self):
        """Put the codes without an answer on the stewards' desk, in the transaction that parks what uses them.

        :return: one open task per missing code, as the company's stewards see it
        """
        api_model, system, kind, company = self._question
        missing = {api_model._pair(system, kind, code): api_model._display(code) for code in self.missing}
        # sudo: asking for a mapping is what happens to whoever sends an unknown code
        return api_model.env["integration.mapping.task"].sudo()._request(system, kind, missing, company)


class IntegrationMapping(models.AbstractModel):
    """What codes mean: the one interface of mapping for handlers and for addons that build on it."""

    _name = "integration.mapping"
    _description = "Meaning of codes"

    @api.private
    @api.model
    def resolve(self, system, kind, codes, at=None, *, company=None):
        """Answer what codes of a system mean at the moments they were used: at most two queries, however many.

        Answers come from the transaction's own snapshot: workers and servers that see the same data agree, and a batch
        sees one version of the mapping from its beginning to its end.

        :param system: the system (``integration.system``) that used the codes
        :param str kind: a kind of canonical entity, such as ``service``
        :param codes: iterable of ``str`` or :class:`~..domain.codes.Code`
        :param at: when they were used, where a code does not say so itself: an aware ``datetime``, or the ``date`` at
            the facility; by default now
        :param company: where they were used; by default the environment's. Nothing of another company answers
        :return: an :class:`Answers`
        :raises ValueError: for a naive ``datetime``: whose midnight would it be?
        """
        company = company or self.env.company
        codes = list(dict.fromkeys(codes))
        zone = self._zone(system, company)
        default = self._day(at or datetime.now(zone), zone)
        keys = {
            code: (*self._pair(system, kind, code), self._day(code.at, zone) if self._own_moment(code) else default)
            for code in codes
        }
        # sudo: handlers answer for the mapping, which few users may read in full
        found = self.env["integration.identifier"].sudo()._resolve(system, kind, keys.values(), company)
        entities = {code: found[key].sudo(self.env.su) for code, key in keys.items() if key in found}
        return Answers((self, system, kind, company), codes, entities)

    @api.model
    def _zone(self, system, company):
        """Return the time zone (``ZoneInfo``) whose midnight parts days: the facility's, else the system's."""
        # sudo: a company's time zone is no secret
        return ZoneInfo(company.sudo().partner_id.tz or system.timezone or "UTC")

    @staticmethod
    def _own_moment(code):
        return isinstance(code, Code) and code.at is not None

    @staticmethod
    def _day(moment, zone):
        if not isinstance(moment, datetime):
            return fields.Date.to_date(moment)
        if moment.tzinfo is None:
            raise ValueError("a moment of service without a time zone: say which, or give the day")
        return moment.astimezone(zone).date()

    @staticmethod
    def _pair(system, kind, code):
        named = isinstance(code, Code) and code.code_system
        return (named or system._code_system(kind), code.code if isinstance(code, Code) else code)

    @staticmethod
    def _display(code):
        return (code.display if isinstance(code, Code) else None) or None
