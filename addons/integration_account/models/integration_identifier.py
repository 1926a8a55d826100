from decimal import Decimal

from odoo import models
from odoo.addons.integration_mapping.domain.usage import Uses
from odoo.addons.integration_mapping.domain.waiting import Waiting
from odoo.tools import SQL

from ..domain.states import OPEN, STANDING
from .integration_mapping import COLUMNS, REASONS, sent_codes

# Whether a line's own code was the one that decided: what it gave a meaning to is there.
_DECIDED = {
    "service": SQL("c.product_id IS NOT NULL"),
    "department": SQL("c.cost_center IS NULL AND c.analytic_account_id IS NOT NULL"),
    "cost_center": SQL("c.analytic_account_id IS NOT NULL"),
    "facility": SQL("TRUE"),
    "payer": SQL("c.partner_id IS NOT NULL"),
    "unit": SQL("c.unit_ratio IS NOT NULL"),
}


class IntegrationIdentifier(models.Model):
    _inherit = "integration.identifier"

    def _uses(self, spans=None):
        """Add the charges that each code gave a meaning to; money as sent, per currency as sent."""
        uses = dict(super()._uses(spans))
        for kind in COLUMNS:
            of_kind = self.filtered(lambda one, kind=kind: one.kind == kind)
            spanned = [(one, one._span() if spans is None else spans.get(one.id)) for one in of_kind]
            spanned = [(one, span) for one, span in spanned if span]
            if spanned:
                for identifier_id, found in self._uses_of_charges(kind, spanned):
                    uses[identifier_id] = uses.get(identifier_id, Uses()) + found
        return uses

    def _uses_of_charges(self, kind, spanned):
        """Yield (identifier id, Uses) per identifier and currency; one query."""
        self.env["integration.charge"].flush_model()
        self.env["account.move"].flush_model(["state"])
        self.flush_model(["company_id", "system_id", "code_system", "code", "decided_at", "entity_id"])
        for identifier_id, sent, own, priced, went_priced, *rest in self.env.execute_query(
            self._uses_query(kind, spanned)
        ):
            lines, unpriced, first, last, open_lines, drafts, went, went_unpriced = rest
            currency = sent or own
            amounts = {currency: Decimal(str(priced))} if priced is not None else {}
            went_amounts = {currency: Decimal(str(went_priced))} if went_priced is not None else {}
            went_on = Waiting(went, went_amounts, went_unpriced)
            yield (
                identifier_id,
                Uses(lines, amounts, unpriced, first, last, open_lines, frozenset(drafts or ()), went_on),
            )

    def _uses_query(self, kind, spanned):
        spans = dict(spanned)
        identifiers = self.browse(one.id for one in spans)
        sent = sent_codes(self.env, COLUMNS[kind], STANDING)
        spelled = self.env["integration.code.system"]._spellings(identifiers, sent)
        # A charge is of the company that the code of its facility means, all its other codes are of that company.
        company = (
            SQL("c.company_id = (SELECT facility_company_id FROM integration_entity WHERE id = i.entity_id)")
            if kind == "facility"
            else SQL("c.company_id = i.company_id")
        )
        # No right to charges is needed to know how many there are: a steward mends what finance bills.
        return SQL(
            """
            SELECT i.id, c.currency_code, currency.name,
                   sum(c.amount_sent) FILTER (WHERE c.priced),
                   sum(c.amount_sent) FILTER (WHERE c.priced AND %(went)s),
                   count(*), count(*) FILTER (WHERE NOT COALESCE(c.priced, false)),
                   min(c.service_day), max(c.service_day), count(*) FILTER (WHERE c.state IN %(open)s),
                   array_agg(DISTINCT m.id) FILTER (WHERE m.state = 'draft'),
                   count(*) FILTER (WHERE %(went)s),
                   count(*) FILTER (WHERE %(went)s AND NOT COALESCE(c.priced, false))
              FROM unnest(%(ids)s, %(codes)s::varchar[], %(firsts)s::date[], %(lasts)s::date[])
                   AS span (id, code, first, last)
              JOIN integration_identifier i ON i.id = span.id
              JOIN integration_charge c
                ON c.system_id = i.system_id AND %(company)s AND %(column)s = span.code AND %(decided)s
               AND c.mode = 'live' AND c.current AND c.state IN %(standing)s
               AND (c.state <> 'parked' OR c.park_reason NOT IN %(reasons)s)
               AND (span.first IS NULL OR c.service_day >= span.first)
               AND (span.last IS NULL OR c.service_day <= span.last)
               AND (i.kind <> 'service' OR c.code_system = i.code_system
                    OR c.code_system IS NULL AND i.id IN %(declared)s)
              JOIN res_company company ON company.id = c.company_id
              JOIN res_currency currency ON currency.id = company.currency_id
              LEFT JOIN account_move m ON m.id = c.invoice_id
             GROUP BY i.id, c.currency_code, currency.name
            """,
            # It came before the code was approved, and was worked out since.
            went=SQL("c.state <> 'parked' AND c.received_at < i.decided_at AND c.evaluated_at >= i.decided_at"),
            open=OPEN,
            ids=[one.id for one, _code in spelled],
            codes=[code for _one, code in spelled],
            firsts=[spans[one].first for one, _code in spelled],
            lasts=[spans[one].last for one, _code in spelled],
            company=company,
            column=COLUMNS[kind],
            decided=_DECIDED[kind],
            standing=STANDING,
            reasons=tuple(REASONS[kind]),
            # A line that names no code system uses the one its system declared.
            declared=tuple(one.id for one, _span in spanned if one.code_system == one.system_id._code_system(kind))
            or (0,),
        )
