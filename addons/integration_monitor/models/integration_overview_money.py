from decimal import Decimal

from odoo import api, fields, models
from odoo.addons.integration_core.domain.equation import RIGHT_SIDE, Bucket, Tally
from odoo.fields import Domain
from odoo.tools import SQL


class IntegrationOverviewMoney(models.AbstractModel):
    """The Overview's figures of money: the equation, what is parked, what is on its way to an invoice."""

    _name = "integration.overview.money"
    _inherit = ["integration.overview.words"]
    _description = "Overview: money"

    @api.model
    def _equation_rows(self, spans, roles):
        """Return the rows of the equation by system and currency, none for roles that are not shown it.

        :param spans: list of (first day, last day, systems or None for all)
        """
        if not (roles["finance"] or roles["operator"] or roles["auditor"]):
            return []
        return [
            row
            for day_from, day_to, systems in spans
            for row in self.env["integration.ledger"]._equation(self.env.companies, day_from, day_to)
            if systems is None or row.key.system in systems._ids
        ]

    @api.model
    def _equation(self, rows, spans, roles):
        """Return one cell per bucket of the equation: units and, for finance, amounts per currency.

        :param rows: of :meth:`_equation_rows`
        :param spans: as there
        """
        if not (roles["finance"] or roles["operator"] or roles["auditor"]):
            return None
        days = [("mode", "=", "live"), *Domain.OR(self._received_within(*span) for span in spans)]
        names = self._bucket_names()
        cells = [
            self._cell(names[bucket], [(row.key.currency, row.tally(bucket)) for row in rows], roles, bucket, days)
            for bucket in Bucket
        ]
        lost = self._cell(names[None], [(row.key.currency, row.difference) for row in rows], roles, None, days)
        systems = self._by_system(rows, spans, roles, days)
        return {
            "cells": cells,
            "unaccounted": lost,
            "lost": self._lost_receipts(spans, lost, systems) if lost["wrong"] else None,
            "balanced": all(row.balanced for row in rows),
            "systems": systems,
        }

    @api.model
    def _lost_receipts(self, spans, cell, systems):
        """Return how much there is that no receipt belongs to, and the action that opens it; None for nothing.

        Cells that say that less than nothing is unaccounted open it, too: no receipt could show it.

        :param spans: as of :meth:`_equation_rows`
        :param cell: of what is unaccounted in all
        :param systems: with their own such cells
        """
        effects = self.env["integration.effect"].browse()
        for day_from, day_to, there in spans:
            effects |= self.env["integration.ledger"]._effects_without_receipt(
                self.env.companies, day_from, day_to, there
            )
        if not effects:
            return None
        name, domain = self.env._("Without a receipt"), [("id", "in", effects.ids)]
        action = self._open(name, effects._name, domain)
        if cell["units"] < 0:
            cell["action"] = action
        for system in systems:
            if system["unaccounted"]["units"] < 0:
                own = [*domain, ("event_id.system_id", "=", system["id"])]
                system["unaccounted"]["action"] = self._open(name, effects._name, own)
        return {"units": len(effects), "action": action}

    @api.model
    def _received_within(self, day_from, day_to, systems, field="received_day"):
        """Return the domain of the receipts of a span of days."""
        within = Domain(field, ">=", day_from) & Domain(field, "<=", day_to)
        return within if systems is None else within & Domain("system_id", "in", systems.ids)

    @api.model
    def _bucket_names(self):
        return {
            Bucket.RECEIVED: self.env._("Received"),
            Bucket.APPLIED: self.env._("Applied"),
            Bucket.WAITING: self.env._("Waiting"),
            Bucket.PARKED: self.env._("Parked"),
            Bucket.REJECTED: self.env._("Rejected"),
            Bucket.DUPLICATE: self.env._("Duplicate"),
            None: self.env._("Unaccounted"),
        }

    @api.model
    def _cell(self, label, tallies, roles, bucket, domain):
        total = sum((tally for _currency, tally in tallies), Tally())
        amounts = {}
        for currency, tally in tallies:
            if currency and (tally.units or tally.amount):
                amounts[currency] = amounts.get(currency, Decimal(0)) + tally.amount
        if bucket is None:
            domain = [*domain, ("bucket", "=", "unaccounted")]
        elif bucket is not Bucket.RECEIVED:
            domain = [*domain, ("bucket", "=", bucket.value)]
        return {
            "bucket": bucket.value if bucket else "unaccounted",
            "label": label,
            "units": total.units,
            "amounts": self._money(amounts) if roles["finance"] else [],
            "unknown": total.price_unknown if roles["finance"] else 0,
            "wrong": bucket is None and any(tally != Tally() for _currency, tally in tallies),
            "action": self._open(label, "integration.receipt", domain),
        }

    @api.model
    def _by_system(self, rows, spans, roles, days):
        names = self._bucket_names()
        found = []
        for system in self.env["integration.system"].browse(sorted({row.key.system for row in rows})):
            own = [row for row in rows if row.key.system == system.id]
            domain = [*days, ("system_id", "=", system.id)]
            found.append(
                {
                    "id": system.id,
                    "name": system.name,
                    "action": self._open_break_down(system, spans, domain, roles),
                    "cells": [
                        self._cell(
                            names[bucket], [(row.key.currency, row.tally(bucket)) for row in own], roles, bucket, domain
                        )
                        for bucket in (Bucket.RECEIVED, *RIGHT_SIDE)
                    ],
                    "unaccounted": self._cell(
                        names[None], [(row.key.currency, row.difference) for row in own], roles, None, domain
                    ),
                }
            )
        return sorted(found, key=lambda one: one["name"])

    @api.model
    def _open_break_down(self, system, spans, domain, roles):
        """Return the action that opens what a system's equation consists of; for finance by day and cost center."""
        if not roles["finance"]:
            context = {"group_by": ["outcome", "event_type_id"]}
            return self._open(system.name, "integration.receipt", domain, context=context)
        context = {"ledger_basis": "received", "group_by": ["day", "cost_center"]}
        ours = [("system_id", "=", system.id), *Domain.OR(self._received_within(*span, field="day") for span in spans)]
        return self._open(system.name, "integration.ledger.line", ours, views=("list", "pivot"), context=context)

    @api.model
    def _turns(self):
        """Return {park reason: whose turn it is}; the administrator's where none is named."""
        steward, finance = self.env._("Mapping steward"), self.env._("Finance")
        mapping = ("facility", "service", "department", "cost_center", "payer")
        turns = dict.fromkeys([f"{kind}_unmapped" for kind in mapping], steward)
        turns.update(dict.fromkeys(("department_without_cost_center", "unit_unknown", "unit_unrelated"), steward))
        of_finance = ("no_payer", "guarantor_unknown", "no_price", "price_differs", "conflict", "credit_removed")
        turns.update(dict.fromkeys(of_finance, finance))
        return turns

    @api.model
    def _parked_groups(self, roles):
        """Return parked charges as (reason, currency, priced, count, amount, since) groups; None for other roles."""
        charges = self.env["integration.charge"]
        if not ((roles["finance"] or roles["steward"]) and charges.has_access("read")):
            return None
        return charges._read_group(
            [("state", "=", "parked"), ("mode", "=", "live")],
            ["park_reason", "currency_code", "priced"],
            ["__count", "amount_sent:sum", "parked_since:min"],
        )

    @staticmethod
    def _parked_money(groups):
        """Return {currency: amount} of parked charges."""
        total = {}
        for _reason, currency, priced, _count, amount, _since in groups or ():
            if priced and currency:
                total[currency] = total.get(currency, 0) + amount
        return total

    @api.model
    def _parked(self, groups, roles):
        """Return parked charges by reason: how many, how much, since when, whose turn. None for other roles."""
        if groups is None:
            return None
        charges = self.env["integration.charge"]
        labels = dict(charges._fields["park_reason"]._description_selection(self.env))
        turns, reasons = self._turns(), {}
        for reason, currency, priced, count, amount, since in groups:
            row = reasons.setdefault(reason, {"count": 0, "unknown": 0, "amounts": {}, "since": since})
            row["count"] += count
            row["unknown"] += 0 if priced else count
            row["since"] = min(since or row["since"], row["since"] or since) if since or row["since"] else False
            if priced and currency:
                row["amounts"][currency] = row["amounts"].get(currency, 0) + amount
        rows = [
            {
                "reason": reason or "",
                "label": labels.get(reason) or self.env._("Parked"),
                "turn": turns.get(reason) or self.env._("Administrator"),
                "count": row["count"],
                "unknown": row["unknown"] if roles["finance"] else 0,
                "amounts": self._money(row["amounts"]) if roles["finance"] else [],
                "since": self._age(row["since"]),
                "action": self._open(
                    labels.get(reason) or self.env._("Parked"),
                    charges._name,
                    [("state", "=", "parked"), ("mode", "=", "live"), ("park_reason", "=", reason)],
                ),
            }
            for reason, row in reasons.items()
        ]
        rows.sort(key=lambda row: -row["count"])
        return {
            "rows": rows,
            "count": sum(row["count"] for row in rows),
            "amounts": self._money(self._parked_money(groups)) if roles["finance"] else [],
            "action": self._open(
                self.env._("Parked"), charges._name, [("state", "=", "parked"), ("mode", "=", "live")]
            ),
        }

    @api.model
    def _pipeline(self, roles, days=1):
        """Return the charges on their way to an invoice, and the invoices, by where they stand; for finance.

        :param int days: of the chosen period, for the invoices that were posted in it
        """
        if not roles["finance"]:
            return None
        charges = self.env["integration.charge"]
        labels = dict(charges._fields["state"]._description_selection(self.env))
        states = {state: {"count": 0, "amounts": {}} for state in ("held", "ready", "approved")}
        groups = charges._read_group(
            [("state", "in", list(states)), ("mode", "=", "live")], ["state", "currency_id"], ["__count", "amount:sum"]
        )
        for state, currency, count, amount in groups:
            states[state]["count"] += count
            states[state]["amounts"][currency.name] = amount
        return [
            *(
                {
                    "state": state,
                    "label": labels[state],
                    "count": row["count"],
                    "amounts": self._money(row["amounts"]),
                    "since": "",
                    "action": self._open(labels[state], charges._name, [("state", "=", state), ("mode", "=", "live")]),
                }
                for state, row in states.items()
            ),
            self._invoices("draft", self.env._("Draft invoices"), SQL("d.posted_at IS NULL AND m.state = 'draft'"), []),
            self._invoices(
                "posted",
                self.env._("Posted invoices"),
                SQL("m.state = 'posted' AND d.posted_at >= %s", self._midnight(days)),
                [("posted_at", ">=", fields.Datetime.to_string(self._midnight(days)))],
            ),
        ]

    @api.model
    def _invoices(self, state, label, condition, domain):
        """Return the invoices made of charges, in one state: how many, how much, since when the oldest is there.

        :param SQL condition: over ``d`` (integration.charge.document) and ``m`` (account.move)
        :param domain: of the documents, beside their kind and the state of their invoices
        """
        self.env["account.move"].flush_model(["state", "amount_total", "currency_id"])
        self.env["integration.charge.document"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.name, count(*), sum(m.amount_total), min(d.create_date)
                  FROM integration_charge_document d
                  JOIN account_move m ON m.id = d.move_id
                  JOIN res_currency c ON c.id = m.currency_id
                 WHERE d.company_id IN %s AND d.kind = 'invoice' AND %s GROUP BY 1
                """,
                tuple(self.env.companies.ids) or (0,),
                condition,
            )
        )
        domain = [("kind", "=", "invoice"), ("move_id.state", "=", state), *domain]
        return {
            "state": state,
            "label": label,
            "count": sum(count for _currency, count, _amount, _since in rows),
            "amounts": self._money({currency: amount for currency, _count, amount, _since in rows}),
            "since": self._age(min((since for *_, since in rows), default=None)) if state == "draft" else "",
            "action": self._open(label, "integration.charge.document", domain, views=("list",)),
        }
