from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import format_datetime

FINANCE = "integration_core.group_finance_viewer"
_ASKED = {
    "service": lambda charge: (charge.code_system, charge.service_code),
    "department": lambda charge: (None, None if charge.cost_center else charge.department),
    "cost_center": lambda charge: (None, charge.cost_center),
    "facility": lambda charge: (None, charge.facility),
    "payer": lambda charge: (None, charge._payer_code()),
    "unit": lambda charge: (None, charge.uom_sent),
}
"""Kinds of codes, and which code of a charge each is about: (code system as sent, code)."""


class IntegrationInvoiceEvidence(models.AbstractModel):
    """The evidence of an invoice: from which messages, by which mappings, in which revisions, approved by whom.

    It has ids, digests, codes, states, names of users and the invoice's own figures. No payload is opened for it, and
    of a patient it says no more than the invoice. Reasons that people typed are left out.
    """

    _name = "report.integration_account.invoice_evidence"
    _description = "Evidence of an invoice"

    @api.model
    def _get_report_values(self, docids, data=None):
        """Return what the report shows; that it was printed is in the audit trail.

        :raises AccessError: for whoever does not read what finance reads
        :raises UserError: for documents that no charge is on
        """
        if not self.env.user.has_group(FINANCE):
            raise AccessError(self.env._("The evidence of an invoice is for finance."))
        moves = self.env["account.move"].browse(docids)
        moves.check_access("read")
        evidence = {move.id: self._evidence(move) for move in moves}
        self.env["integration.audit"]._record("invoice_evidence.print", moves)
        return {
            "doc_ids": moves.ids,
            "doc_model": moves._name,
            "docs": moves,
            "evidence": evidence,
            "printed": format_datetime(self.env, fields.Datetime.now()),
            "printed_by": self.env.user.name,
            "zone": self.env.user.tz or "UTC",
        }

    @api.model
    def _evidence(self, move):
        charges = self._charges(move)
        if not charges:
            raise UserError(self.env._("No charge is on %s: it was not made from messages.", move.display_name))
        # sudo: a reversal may have been told by a message of another company; its ids alone are shown
        voids = self.env["integration.charge.void"].sudo().search([("charge_id", "in", charges.ids)], order="id")
        earlier = self._earlier(charges)
        events = (charges | earlier).event_id | voids.event_id
        return {
            "charges": charges,
            "rest": move.currency_id.round(move.amount_untaxed - sum(charges.mapped("amount"))),
            "earlier": earlier,
            "voids": voids,
            "events": events.sorted("received_at"),
            "receipts": self._receipts((charges | earlier).filtered(lambda charge: not charge.event_id)),
            "mappings": self._mappings(charges),
            "behalf": {group.id: group.run_id.on_behalf_of_id.name for group in charges.sudo().group_id},  # sudo: names
        }

    @api.model
    def _charges(self, move):
        """Return the charges of a document, as far as its reader may read charges."""
        return self.env["integration.charge"].browse(move._integration_charges().ids)._filtered_access("read")

    @api.model
    def _earlier(self, charges):
        """Return the earlier revisions of charges, the latest first."""
        found = self.env["integration.charge"]
        step = charges.supersedes_id
        while step - found:
            found |= step
            step = step.supersedes_id
        return found

    @api.model
    def _receipts(self, charges):
        """Return the receipts of charges whose messages went by the rules of retention: they keep their ids."""
        names = {(charge.system_id, charge.encounter, charge.unit) for charge in charges}
        domain = Domain("event_id", "=", False) & Domain("outcome", "=", "accepted")
        domain &= Domain("encounter", "in", charges.mapped("encounter"))
        # sudo: ids alone, of what the reader's charges came from
        found = self.env["integration.receipt"].sudo().search(domain, order="id")
        return found.filtered(lambda one: (one.system_id, one.encounter, one.unit) in names)

    @api.model
    def _mappings(self, charges):
        """Return the codes that gave these charges their meaning, as they are approved for the days of service."""
        used = self.env["integration.identifier"]
        for system, own in charges.grouped("system_id").items():
            for kind, asked in _ASKED.items():
                codes = {charge: asked(charge) for charge in own}
                keys = {
                    charge: (code_system or system._code_system(kind), code, charge.service_day)
                    for charge, (code_system, code) in codes.items()
                    if code
                }
                used |= self._identifiers(system, kind, keys)
        return used.sorted(lambda one: (one.kind, one.code))

    @api.model
    def _identifiers(self, system, kind, keys):
        """Return what answers for codes: ``{charge: (code system, code, day)}``; of one question there is one."""
        compared_by = self.env["integration.code.system"]._keys({key[:2] for key in keys.values()})
        asked = {
            (charge.company_id.id, code_system, compared_by[code_system, code], day)
            for charge, (code_system, code, day) in keys.items()
        }
        # sudo: which code gave a charge its meaning is told to whoever reads the charge
        identifiers = self.env["integration.identifier"].sudo()
        common = Domain("system_id", "=", system.id) & Domain("kind", "=", kind)
        common &= Domain("state", "in", ("approved", "retired"))
        return identifiers.search(common & Domain.OR(self._asked(*one) for one in asked)) if asked else identifiers

    @api.model
    def _asked(self, company_id, code_system, code_key, day):
        return (
            Domain("company_id", "=", company_id)
            & Domain("code_system", "=", code_system)
            & Domain("code_key", "=", code_key)
            & (Domain("valid_from", "=", False) | Domain("valid_from", "<=", day))
            & (Domain("valid_to", "=", False) | Domain("valid_to", ">=", day))
        )
