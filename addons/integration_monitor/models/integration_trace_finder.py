from odoo import api, models
from odoo.fields import Domain

from ..domain import trace
from ..domain.trace import Key

MATCHES = 20
"""Flows that are offered at most."""
SHORTEST_NAME = 3
"""Shorter texts are looked for as numbers and codes alone: too many names have them in."""


class IntegrationTraceFinder(models.AbstractModel):
    """Finds flows by what people have at hand: the number of an encounter, a document, a supplier, the id of a message.

    Numbers and ids are compared whole, each by an index; of suppliers a part of the name will do.
    """

    _name = "integration.trace.finder"
    _inherit = ["integration.trace.supplier"]
    _description = "Trace: search"

    @api.model
    def _matches(self, asked):
        """Return {Key: (kind, title, detail)} of the flows that a text may mean, at most so many and one."""
        found = {}
        for finder in self._finders():
            for record, kind, title, detail in finder(asked):
                key = record if isinstance(record, Key) else self._flow_of(record)
                if key:
                    found.setdefault(key, (kind, title, detail))
            if len(found) > MATCHES:
                break
        return found

    @api.model
    def _finders(self):
        """Return what is asked, in turn: each yields (record or key, kind, title, detail)."""
        return [
            self._find_encounters,
            self._find_messages,
            self._find_documents,
            self._find_payments,
            self._find_partners,
        ]

    @api.model
    def _unsearched(self):
        """Return what the reader's roles do not search: one sentence of each."""
        if self.env["account.move"].has_access("read"):
            return []
        return [self.env._("Invoices and payments are not visible to you, so they are not searched.")]

    @api.model
    def _find_encounters(self, asked):
        # sudo: a number that somebody names is no secret; the messages are read with the reader's own rights
        receipts = self.env["integration.receipt"].sudo()
        domain = [("company_id", "in", self.env.companies.ids), ("encounter", "=", asked.encounter)]
        rows = receipts._read_group(
            domain, ["system_id"], ["received_at:max"], order="received_at:max desc", limit=MATCHES + 1
        )
        for system, last in rows:
            detail = self.env._("%(system)s, last message %(age)s ago", system=system.name, age=self._age(last))
            yield Key("encounter", system.id, asked.encounter), self.env._("Encounter"), asked.encounter, detail

    @api.model
    def _age(self, moment):
        return self.env["integration.overview"]._age(moment)

    @api.model
    def _find_messages(self, asked):
        events = self.env["integration.event"]
        ids = Domain("webhook_id", "=", asked.text) & Domain("system_id", "!=", False)
        ids |= Domain("request_id", "=", asked.text)
        if asked.is_uuid:
            ids |= Domain("uuid", "=", asked.text.lower())
        found = events.search(ids, limit=MATCHES + 1)
        if not found and self.env["integration.receipt"].has_access("read"):
            # A copy and a refusal have no event of their own.
            domain = [("webhook_id", "=", asked.text), ("outcome", "!=", "accepted")]
            for receipt in self.env["integration.receipt"].search(domain, limit=MATCHES + 1):
                if receipt.encounter:
                    key = Key("encounter", receipt.system_id.id, receipt.encounter)
                    yield key, self.env._("Message"), asked.text, receipt.encounter
                found |= events.search([("uuid", "=", receipt.event_uuid)]) if receipt.event_uuid else events
        for event in found:
            kind = self.env._("Message") if event.system_id else self.env._("Event")
            yield event, kind, event.type_name, self.env._("%s ago", self._age(event.received_at))

    @api.model
    def _find_documents(self, asked):
        moves = self.env["account.move"]
        if not moves.has_access("read"):
            return
        domain = Domain("name", "=", asked.text) & Domain("move_type", "!=", "entry")
        # Their own number of a bill: as the supplier wrote it.
        domain |= Domain("ref", "=", asked.text) & Domain("move_type", "in", ("in_invoice", "in_refund"))
        for move in moves.search(domain, limit=MATCHES + 1):
            kind = dict(move._fields["move_type"]._description_selection(self.env))[move.move_type]
            yield move, kind, move.name or asked.text, move.company_id.sudo().name  # sudo: the name of a company

    @api.model
    def _find_payments(self, asked):
        payments = self.env["account.payment"]
        if "/" not in asked.text or not payments.has_access("read"):
            return  # payments have no index by number, and each has a slash in it
        for payment in payments.search([("name", "=", asked.text)], limit=MATCHES + 1):
            yield payment, self.env._("Payment"), payment.name, payment.company_id.sudo().name  # sudo: as above

    @api.model
    def _find_partners(self, asked):
        partners = self.env["res.partner"]
        domain = Domain("ref", "=", asked.text) | Domain("vat", "=", asked.text)
        if len(asked.text) >= SHORTEST_NAME:
            domain |= Domain("name", "ilike", asked.text)
        known = self._party_entities()._search(self._parties()).subselect("partner_id")
        domain &= Domain("supplier_rank", ">", 0) | Domain("id", "in", known)
        found = partners.search(domain, limit=MATCHES + 1)
        coded = self._party_entities().search(self._parties() & self._by_code(asked.text), limit=MATCHES + 1)
        found |= partners.search([("id", "in", coded.partner_id.ids)])
        for partner in found:
            yield partner, self.env._("Supplier or payer"), partner.display_name, partner.ref or partner.vat or ""

    @api.model
    def _party_entities(self):
        # sudo: that a contact is a supplier or payer is no secret to who sees the contact, and that is asked for apart
        return self.env["integration.entity"].sudo()

    @api.model
    def _parties(self):
        """Return the domain of the canonical suppliers and payers of the reader's companies."""
        return Domain("kind", "in", ("supplier", "payer")) & Domain("company_id", "in", self.env.companies.ids)

    @api.model
    def _known_parties(self, partners):
        """Return those of these contacts that are canonical suppliers or payers of the reader's companies."""
        mine = self._parties() & Domain("partner_id", "in", partners.ids)
        return self._party_entities().search(mine).partner_id.sudo(False) if partners else partners

    @api.model
    def _by_code(self, code):
        """Return the domain of the entities that a system calls ``code``, or that have this number."""
        # sudo: as in _party_entities
        identifiers = self.env["integration.identifier"].sudo()
        numbers = self.env["integration.party.number"].sudo()
        named = [("code", "=", code), ("kind", "in", ("supplier", "payer")), ("state", "in", ("approved", "retired"))]
        by_number = numbers.search([("value", "=", code), ("partner_id", "!=", False)], limit=MATCHES).partner_id
        by_code = identifiers.search([*named, ("company_id", "in", self.env.companies.ids)], limit=MATCHES).entity_id
        return Domain("id", "in", by_code.ids) | Domain("partner_id", "in", by_number.ids)

    # -- which flow a record belongs to -------------------------------------------------------------------------------

    @api.model
    def _flow_of(self, record):
        """Return the :class:`Key` of the flow that a record, which the reader sees, belongs to."""
        match record._name:
            case "integration.charge":
                return Key("encounter", record.system_id.id, record.encounter)
            case "integration.delivery":
                return self._flow_of(record.event_id)
            case "integration.event":
                same = [("correlation_id", "=", record.correlation_id)]
                events = record | record.search(same, order="id", limit=100)
                return self._only(self._encounters_of(events)) or Key("flow", 0, record.correlation_id)
            case "account.move":
                return self._only(self._encounters_on(record)) or Key("invoice", record.id)
            case "account.payment":
                moves = self._moves_of(record)._filtered_access("read")
                return self._only(self._encounters_on(moves)) or Key("payment", record.id)
        return Key("partner", record.id)

    @api.model
    def _only(self, encounters):
        """Return the key of the one encounter there is; None where there are none or several."""
        return Key("encounter", *next(iter(encounters))) if len(encounters) == 1 else None

    @api.model
    def _record_of(self, key):
        """Return the record that a key names, or None where the reader does not see it."""
        model = {kind: model for model, kind in trace.MODELS.items()}.get(key.kind)
        if not model or model not in self.env or not self.env[model].has_access("read"):
            return None
        return self.env[model].search([("id", "=", key.number)]) or None
