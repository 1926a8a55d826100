from decimal import Decimal

from odoo import api, models
from odoo.addons.integration_core.domain.equation import RIGHT_SIDE, Bucket, Tally
from odoo.fields import Domain


class IntegrationOverviewMoney(models.AbstractModel):
    """The Overview's figures of money: the equation, what is parked, what is on its way to an invoice."""

    _name = "integration.overview.money"
    _inherit = ["integration.overview.words"]
    _description = "Overview: money"

    @api.model
    def _equation(self, spans, roles):
        """Return one cell per bucket of the equation: units and, for finance, amounts per currency.

        :param spans: list of (first day, last day, systems or None for all)
        """
        if not (roles["finance"] or roles["operator"] or roles["auditor"]):
            return None
        rows = [
            row
            for day_from, day_to, systems in spans
            for row in self.env["integration.ledger"]._equation(self.env.companies, day_from, day_to)
            if systems is None or row.key.system in systems._ids
        ]
        days = [("mode", "=", "live"), *Domain.OR(self._received_within(*span) for span in spans)]
        names = self._bucket_names()
        cells = [
            self._cell(names[bucket], [(row.key.currency, row.tally(bucket)) for row in rows], roles, bucket, days)
            for bucket in Bucket
        ]
        lost = self._cell(names[None], [(row.key.currency, row.difference) for row in rows], roles, None, days)
        return {
            "cells": cells,
            "unaccounted": lost,
            "balanced": all(row.balanced for row in rows),
            "systems": self._by_system(rows, roles, days) if len({row.key.system for row in rows}) > 1 else [],
        }

    @api.model
    def _received_within(self, day_from, day_to, systems):
        """Return the domain of the receipts of a span of days."""
        within = Domain("received_day", ">=", day_from) & Domain("received_day", "<=", day_to)
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
    def _by_system(self, rows, roles, days):
        names = self._bucket_names()
        found = []
        for system in self.env["integration.system"].browse(sorted({row.key.system for row in rows})):
            own = [row for row in rows if row.key.system == system.id]
            domain = [*days, ("system_id", "=", system.id)]
            found.append(
                {
                    "name": system.name,
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
    def _parked(self, roles):
        """Return parked charges by reason: how many, how much, since when, whose turn. None for other roles."""
        charges = self.env["integration.charge"]
        if not ((roles["finance"] or roles["steward"]) and charges.has_access("read")):
            return None
        labels = dict(charges._fields["park_reason"]._description_selection(self.env))
        turns, reasons, total = self._turns(), {}, {}
        groups = charges._read_group(
            [("state", "=", "parked"), ("mode", "=", "live")],
            ["park_reason", "currency_code", "priced"],
            ["__count", "amount_sent:sum", "parked_since:min"],
        )
        for reason, currency, priced, count, amount, since in groups:
            row = reasons.setdefault(reason, {"count": 0, "unknown": 0, "amounts": {}, "since": since})
            row["count"] += count
            row["unknown"] += 0 if priced else count
            row["since"] = min(since or row["since"], row["since"] or since) if since or row["since"] else False
            if priced and currency:
                for sums in (row["amounts"], total):
                    sums[currency] = sums.get(currency, 0) + amount
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
            "amounts": self._money(total) if roles["finance"] else [],
        }

    @api.model
    def _pipeline(self, roles):
        """Return the charges that are on their way to an invoice, by where they stand; for finance."""
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
            {
                "state": state,
                "label": labels[state],
                "count": row["count"],
                "amounts": self._money(row["amounts"]),
                "action": self._open(labels[state], charges._name, [("state", "=", state), ("mode", "=", "live")]),
            }
            for state, row in states.items()
        ]
