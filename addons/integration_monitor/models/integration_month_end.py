from decimal import Decimal

from odoo import api, fields, models
from odoo.addons.integration_core.domain.equation import Tally
from odoo.exceptions import AccessError, UserError

from ..domain import month_end
from ..domain.month_end import Standing
from .integration_month_line import STANDINGS

REVIEWER = "integration_core.group_finance_reviewer"


class IntegrationMonthEnd(models.AbstractModel):
    """The page *Month end*: what of a service month is invoiced, what is not, why, and who signed it off.

    Every figure comes with the action that opens the lines behind it (`integration.month.line`), and the places where
    lines stand add up to what was received. Read with the user's own rights, one company at a time.
    """

    _name = "integration.month.end"
    _inherit = ["integration.overview.words"]
    _description = "Month end"

    # -- which month --------------------------------------------------------------------------------------------------

    @api.model
    def _chosen(self, month, company_id):
        """Return (company, first day) of what the page asks for.

        :raises AccessError: for whoever may not read what finance reads, or not in that company
        :raises UserError: where the text names no month
        """
        self.env["integration.month.line"].check_access("read")
        company = self.env.company
        if company_id:
            company = self.env.companies.filtered(lambda one: one.id == company_id)
        if not company:
            raise AccessError(self.env._("You do not work in that company."))
        try:
            return company, month_end.first_of(month, fields.Date.context_today(self))
        except ValueError as error:
            raise UserError(self.env._("%s is no month.", month)) from error

    @api.model
    def get_data(self, month=None, company_id=None):
        """Return all that the page shows of one month of one company, as JSON values.

        :param str month: ``2026-11``; by default the month that is closed next, the one before today's
        :param int company_id: by default the user's current company
        :return: dict; see the template ``integration_monitor.MonthEnd``
        """
        company, first = self._chosen(month, company_id)
        lines = self.env["integration.month.line"]
        cells = lines._cells(company, first, month_end.last_of(first))
        figures = month_end.figures(cells)
        record = self.env["integration.month"].search([("company_id", "=", company.id), ("date_from", "=", first)])
        signoff = record._last()
        changes = month_end.changes(signoff._figures(), figures) if signoff else []
        page = self.with_context(month_end=(first, company.id))
        return {
            "month": f"{first:%Y-%m}",
            "title": record._title(first),
            "company": company.id,
            "companies": [{"id": one.id, "name": one.name} for one in self.env.companies],
            "seen": month_end.seen(cells),
            "may_sign": self.env.user.has_group(REVIEWER) and record._is_over(company, first),
            "headline": page._headline(cells, figures, signoff, changes),
            "received": page._figure(self.env._("Received"), "received", month_end.received(cells), []),
            "rows": page._rows(figures, cells),
            "centers": page._centers(figures),
            "ages": page._ages(cells),
            "center_ages": page._center_ages(cells),
            "late": page._late(cells, record),
            "unbilled": page._unbilled_part(cells),
            "signoff": page._signoff_part(signoff),
            "changes": [page._change(change) for change in changes],
        }

    @api.model
    def _scope(self):
        """Return (first day, company) of what the page shows, as :meth:`get_data` has put it into the context."""
        first, company_id = self.env.context["month_end"]
        return first, self.env["res.company"].browse(company_id)

    # -- figures ------------------------------------------------------------------------------------------------------

    @api.model
    def _figure(self, label, name, sums, domain):
        """Return a figure as the page's cells show it.

        :param sums: {currency: tally}
        :param domain: of the lines behind it, within the month
        """
        first, company = self._scope()
        total = sum(sums.values(), Tally())
        behind, context = self.env["integration.month.line"]._behind(first, company, domain)
        action = self._open(label, "integration.month.line", behind, views=("list",), context=context)
        return {
            "bucket": name,
            "label": label,
            "units": total.units,
            "amounts": self._money(self._amounts(sums)),
            "unknown": total.price_unknown,
            "wrong": name == Standing.UNACCOUNTED.value and total != Tally(),
            "action": action,
        }

    @api.model
    def _amounts(self, sums):
        return {currency: tally.amount for currency, tally in sums.items() if currency and tally != Tally()}

    @api.model
    def _rows(self, figures, cells):
        """Return one row per place in which lines stand; those in which none do are left out, but for the first."""
        by_standing = month_end.add_up(figures.items(), lambda key: key.standing.value)
        late = {}
        for cell in cells:
            if cell.late:
                late[cell.key.standing.value] = late.get(cell.key.standing.value, 0) + cell.counted.units
        return [
            {
                **self._figure(label, name, by_standing.get(name, {}), self._standing_there(name)),
                "turn": self._turn_of(name),
                "late": late.get(name, 0),
                "stuck": Standing(name) in month_end.STUCK,
            }
            for name, label in self._standing_names().items()
            if by_standing.get(name) or name == Standing.INVOICED.value
        ]

    @api.model
    def _standing_there(self, name):
        """Return the domain of the lines of a place.

        What is unaccounted stands nowhere, or stands somewhere although no receipt belongs to it, or with another
        amount than was received.
        """
        return [("adds_up", "=", False)] if name == Standing.UNACCOUNTED.value else [("standing", "=", name)]

    @api.model
    def _standing_names(self):
        return dict(self.env["integration.month.line"]._fields["standing"]._description_selection(self.env))

    @api.model
    def _turn_of(self, name):
        """Return what lines there wait for, and whose turn it is."""
        return {
            "invoiced": self.env._("On posted invoices."),
            "review": self.env._("Approved, or on a draft: finance posts the invoice."),
            "ready": self.env._("Finance reviews and approves."),
            "held": self.env._("Wait for the days of their billing rule, or for the discharge."),
            "mapping": self.env._("Mapping stewards say what the code means."),
            "price": self.env._("Finance settles the price."),
            "parked": self.env._("Each line says what to do."),
            "waiting": self.env._("The engine has not come to it, or it is a dead letter: operators."),
            "voided": self.env._("Taken back or corrected by the system that sent it."),
            "rejected": self.env._("Will never be billed; the reason stands with the line."),
            "duplicate": self.env._("Sent again; counted once."),
            "no_charge": self.env._("Delivered to another system; no charge was to be made."),
            "unaccounted": self.env._("Received, and nothing became of it: tell an administrator at once."),
        }[name]

    @api.model
    def _centers(self, figures):
        """Return {columns, rows} of the figures by cost center, as far as anything stands there."""
        names = self._standing_names()
        used = {key.standing.value for key in figures}
        columns = [name for name, _label in STANDINGS if name in used]
        rows = []
        for center, own in sorted(self._grouped(figures).items()):
            at = [("cost_center", "=", center)]
            by_standing = month_end.add_up(own.items(), lambda key: key.standing.value)
            received = month_end.add_up(own.items(), lambda key: "").get("", {})
            cells = [
                self._figure(names[name], name, by_standing.get(name, {}), [*at, *self._standing_there(name)])
                for name in columns
            ]
            total = self._figure(self.env._("Received"), "received", received, at)
            rows.append({"name": center, "received": total, "cells": cells})
        return {"columns": [names[name] for name in columns], "rows": rows}

    @api.model
    def _grouped(self, figures):
        by_center = {}
        for key, tally in figures.items():
            by_center.setdefault(key.cost_center, {})[key] = tally
        return by_center

    @api.model
    def _ages(self, cells):
        """Return what is unbilled by how long ago it was received, the oldest first."""
        unbilled = [cell for cell in cells if cell.key.standing in month_end.UNBILLED]
        standings = [standing.value for standing in month_end.UNBILLED]
        rows = []
        for name, label in reversed(self._bands()):
            own = [(cell.key, cell.counted) for cell in unbilled if cell.band == name]
            if own:
                sums = month_end.add_up(own, lambda key: "")[""]
                rows.append(self._figure(label, name, sums, [("band", "=", name), ("standing", "in", standings)]))
        return rows

    @api.model
    def _center_ages(self, cells):
        """Return {columns, rows} of what is unbilled by cost center and by how long ago it was received."""
        by_center = month_end.unbilled_ages(cells)
        used = {band for own in by_center.values() for band in own}
        bands = [(name, label) for name, label in reversed(self._bands()) if name in used]
        unbilled = ("standing", "in", [standing.value for standing in month_end.UNBILLED])
        rows = []
        for center, own in sorted(by_center.items()):
            at = [("cost_center", "=", center), unbilled]
            cells = [self._figure(label, name, own.get(name, {}), [*at, ("band", "=", name)]) for name, label in bands]
            rows.append({"name": center, "cells": cells})
        return {"columns": [label for _name, label in bands], "rows": rows}

    @api.model
    def _bands(self):
        return self.env["integration.month.line"]._fields["band"]._description_selection(self.env)

    @api.model
    def _late(self, cells, record):
        """Return the figure of what came, or became ready, after the first sign-off; None before there is one."""
        if not record.closed_at:
            return None
        own = [(cell.key, cell.counted) for cell in cells if cell.late]
        sums = month_end.add_up(own, lambda key: "").get("", {})
        return self._figure(self.env._("Late"), "late", sums, [("late", "!=", False)])

    @api.model
    def _unbilled_part(self, cells):
        """Return what an accrual is about: in all, and by cost center."""
        within = [("standing", "in", [standing.value for standing in month_end.UNBILLED])]
        total, by_center = {}, {}
        for center, currency, tally in month_end.unbilled(cells):
            total[currency] = total.get(currency, Tally()) + tally
            by_center.setdefault(center, {})[currency] = tally
        return {
            "total": self._figure(self.env._("Unbilled"), "unbilled", total, within),
            "centers": [
                self._figure(center, "unbilled", sums, [*within, ("cost_center", "=", center)])
                for center, sums in sorted(by_center.items())
            ],
        }

    # -- sign-off -----------------------------------------------------------------------------------------------------

    @api.model
    def _headline(self, cells, figures, signoff, changes):
        """Return the one sentence that says how the month stands."""
        first, company = self._scope()
        if any(key.standing is Standing.UNACCOUNTED for key in figures):
            return self._sentence("danger", self.env._("Something is unaccounted for. Open the red figure."))
        if not cells:
            return self._sentence("info", self.env._("No service of this month was received."))
        if changes:
            return self._sentence(
                "warning",
                self._changed(len(changes)),
                self._arrived_since(changes),
            )
        if signoff:
            return self._sentence("success", self.env._("Signed off, and nothing has changed since."))
        stuck = month_end.stuck(figures)
        if stuck:
            count = sum(tally.units for tally in stuck.values())
            money = ", ".join(self._money(self._amounts(stuck)))
            return self._sentence(
                "warning", self._waiting(count, money or "–"), self.env._("Whoever signs the month off says why.")
            )
        if not self.env["integration.month"]._is_over(company, first):
            return self._sentence("info", self.env._("The month is not over yet. Nothing waits for a person."))
        return self._sentence("success", self.env._("Nothing waits for a person: it can be signed off."))

    @api.model
    def _waiting(self, count, money):
        if count == 1:
            return self.env._("1 line waits for a person (%s).", money)
        number = self._number(count)
        return self.env._("%(count)s lines wait for a person (%(money)s).", count=number, money=money)

    @api.model
    def _changed(self, count):
        if count == 1:
            return self.env._("1 figure changed since the month was signed off.")
        return self.env._("%s figures changed since the month was signed off.", self._number(count))

    @api.model
    def _arrived_since(self, changes):
        """Return what the changes come to: places add up to what was received, so moves between them cancel out."""
        sums = month_end.add_up(((one.key, one.difference) for one in changes), lambda key: "")[""]
        count = sum(tally.units for tally in sums.values())
        money = ", ".join(self._money(self._amounts(sums)))
        if not count and not money:
            return self.env._("Nothing arrived since: lines changed their place. A finance reviewer signs again.")
        number, money = self._number(count, sign=True), money or "–"
        text = self.env._("Together %(count)s lines (%(money)s).", count=number, money=money)
        if abs(count) == 1:
            text = self.env._("Together %(count)s line (%(money)s).", count=number, money=money)
        return self.env._("%s Look at what changed below; a finance reviewer signs again.", text)

    @staticmethod
    def _sentence(level, text, detail=""):
        return {"level": level, "text": text, "detail": detail}

    @api.model
    def _signoff_part(self, signoff):
        if not signoff:
            return None
        there = {"type": "ir.actions.act_window", "res_model": "integration.month", "res_id": signoff.month_id.id}
        return {
            "by": signoff.user_id.sudo().name,  # sudo: the name of whoever signed
            "at": fields.Datetime.to_string(signoff.signed_at),
            "reason": signoff.reason or "",
            "count": len(signoff.month_id.signoff_ids),
            "action": {**there, "views": [[False, "form"]], "name": signoff.month_id.display_name},
        }

    @api.model
    def _change(self, change):
        """Return a figure that is another one now: then, now, and by how much."""
        key, names = change.key, self._standing_names()
        domain = [("cost_center", "=", key.cost_center), ("currency", "=", key.currency)]
        domain += self._standing_there(key.standing.value)
        label = f"{key.cost_center} · {names[key.standing.value]}"
        return {
            "name": label,
            "before": self._said(key.currency, change.before),
            "after": self._said(key.currency, change.after),
            "difference": self._said(key.currency, change.difference, sign=True),
            "action": self._figure(label, key.standing.value, {key.currency: change.after}, domain)["action"],
        }

    @api.model
    def _said(self, currency, tally, *, sign=False):
        units = self._number(tally.units, sign=sign)
        money = self._money({currency: tally.amount}) if currency and tally.amount != Decimal(0) else []
        return " · ".join([units, *money])

    @api.model
    def action_sign(self, month=None, company_id=None, seen=None):
        """Sign a month off, or ask why first where something waits for a person.

        :param str month: as in :meth:`get_data`
        :param int company_id: as in :meth:`get_data`
        :param str seen: what :meth:`get_data` said with the figures that were read: no others are signed
        :return: an action that asks, or True
        :raises UserError: where figures changed since they were read, or the month is not over yet
        """
        company, first = self._chosen(month, company_id)
        months = self.env["integration.month"]
        months._check_reviewer()
        return months._of(company, first)._ask_to_sign(seen)

    @api.model
    def action_export(self, month=None, company_id=None):
        """Return the action that downloads the figures of a month as a workbook; the audit trail tells of it.

        :param str month: as in :meth:`get_data`
        :param int company_id: as in :meth:`get_data`
        """
        company, first = self._chosen(month, company_id)
        name, content = self.env["integration.month.book"]._export(company, first, "page")
        return self.env["integration.month.export"]._hand_out(name, content)
