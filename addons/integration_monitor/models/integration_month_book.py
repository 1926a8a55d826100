import base64
from decimal import Decimal

from odoo import api, fields, models

from ..domain import month_end, workbook
from ..domain.workbook import Page

FINANCE = "integration_core.group_finance_viewer"
MOST_LATE = 10_000
"""Late lines that a workbook tells of, the latest days of service first."""


class IntegrationMonthBook(models.AbstractModel):
    """The figures of a month as a workbook, for those who ask on the page and, weekly, for those who get it by mail.

    It has counts, amounts, cost centers, encounter and line numbers; no payload, no service, nothing of a patient, and
    not the reasons of sign-offs, which are free text.
    """

    _name = "integration.month.book"
    _description = "Workbook of a month"

    @api.model
    def _export(self, company, first, how):
        """Return (name of the file, workbook as bytes) of a month; the audit trail tells of it.

        :param str how: ``page`` or ``mail``
        """
        content = workbook.write(self._pages(company, first))
        detail = f"month: {first:%Y-%m}, {how}, {len(content)} bytes"
        self.env["integration.audit"]._record("month.export", company=company, detail=detail)
        return f"month-end-{first:%Y-%m}-{company.id}.xlsx", content

    @api.model
    def _pages(self, company, first):
        lines = self.env["integration.month.line"]
        cells = lines._cells(company, first, month_end.last_of(first))
        figures = month_end.figures(cells)
        record = self.env["integration.month"].search([("company_id", "=", company.id), ("date_from", "=", first)])
        return [
            self._page_of_month(company, first, cells, record),
            self._page_of_standings(figures, cells),
            self._page_of_centers(figures),
            self._page_of_ages(cells),
            self._page_of_center_ages(cells),
            self._page_of_unbilled(month_end.unbilled(cells)),
            self._page_of_late(company, first),
            *self._page_of_changes(record, figures),
        ]

    @api.model
    def _page_of_month(self, company, first, cells, record):
        """What the others are about, and when they were read."""
        received = month_end.received(cells)
        rows = [
            (self.env._("Company"), company.name),
            (self.env._("Month of service"), f"{first:%Y-%m}"),
            (self.env._("Read at (UTC)"), fields.Datetime.now()),
            (self.env._("Lines received"), sum(tally.units for tally in received.values())),
            (self.env._("First signed off (UTC)"), record.closed_at or None),
            (self.env._("Last signed off (UTC)"), record.signed_at or None),
            (self.env._("Last signed off by"), record.signed_by_id.sudo().name or None),  # sudo: a name
            (self.env._("SHA-256 of the figures signed off"), record._last().digest or None),
            (self.env._("SHA-256 of these figures"), month_end.digest(month_end.figures(cells))),
        ]
        return Page(self.env._("Month"), (self.env._("What"), self.env._("Value")), rows)

    @api.model
    def _counts(self):
        """Return the headings of a tally."""
        return self.env._("Currency"), self.env._("Lines"), self.env._("Amount as sent"), self.env._("Without a price")

    @staticmethod
    def _tallied(currency, tally):
        return currency, tally.units, tally.amount if currency else None, tally.price_unknown

    @api.model
    def _page_of_standings(self, figures, cells):
        names = self._names("standing")
        sums = month_end.add_up(figures.items(), lambda key: key.standing.value)
        rows = [
            (label, *self._tallied(currency, tally))
            for name, label in names.items()
            for currency, tally in sorted(sums.get(name, {}).items())
        ]
        rows += [
            (self.env._("Received"), *self._tallied(currency, tally))
            for currency, tally in sorted(month_end.received(cells).items())
        ]
        return Page(self.env._("Figures"), (self.env._("Where it stands"), *self._counts()), rows)

    @api.model
    def _names(self, field):
        return dict(self.env["integration.month.line"]._fields[field]._description_selection(self.env))

    @api.model
    def _page_of_centers(self, figures):
        names, order = self._names("standing"), list(month_end.Standing)
        keys = sorted(figures, key=lambda key: (key.cost_center, key.currency, order.index(key.standing)))
        rows = [
            (key.cost_center, names[key.standing.value], *self._tallied(key.currency, figures[key])) for key in keys
        ]
        heads = (self.env._("Cost center"), self.env._("Where it stands"), *self._counts())
        return Page(self.env._("By cost center"), heads, rows)

    @api.model
    def _page_of_ages(self, cells):
        names, unbilled = self._names("band"), [c for c in cells if c.key.standing in month_end.UNBILLED]
        rows = []
        for name, label in names.items():
            sums = month_end.add_up([(c.key, c.counted) for c in unbilled if c.band == name], lambda key: "")
            rows += [(label, *self._tallied(currency, tally)) for currency, tally in sorted(sums.get("", {}).items())]
        return Page(self.env._("Unbilled by age"), (self.env._("Since receipt"), *self._counts()), rows)

    @api.model
    def _page_of_center_ages(self, cells):
        names, by_center = self._names("band"), month_end.unbilled_ages(cells)
        rows = [
            (center, names[band], *self._tallied(currency, tally))
            for center, own in sorted(by_center.items())
            for band in names
            for currency, tally in sorted(own.get(band, {}).items())
        ]
        heads = (self.env._("Cost center"), self.env._("Since receipt"), *self._counts())
        return Page(self.env._("Unbilled by center and age"), heads, rows)

    @api.model
    def _page_of_unbilled(self, unbilled):
        currency, count, _amount, unpriced = self._counts()
        heads = (self.env._("Cost center"), currency, count, self.env._("Will be invoiced, without tax"), unpriced)
        rows = [(center, *self._tallied(currency, tally)) for center, currency, tally in unbilled]
        return Page(self.env._("Unbilled"), heads, rows)

    @api.model
    def _page_of_late(self, company, first):
        lines = self.env["integration.month.line"]
        domain, context = lines._behind(first, company, [("late", "!=", False)])
        standings, why = self._names("standing"), self._names("late")
        rows = [
            (
                one.service_day,
                one.encounter,
                one.line,
                one.cost_center,
                standings[one.standing],
                why[one.late],
                one.received_at,
                one.ready_at or None,
                one.currency or None,
                None if one.price_unknown else Decimal(str(one.amount)),
            )
            for one in lines.with_context(**context).search(domain, limit=MOST_LATE)
        ]
        heads = (
            *(self.env._("Day of service"), self.env._("Encounter"), self.env._("Line"), self.env._("Cost center")),
            *(self.env._("Where it stands"), self.env._("Late"), self.env._("Received (UTC)")),
            *(self.env._("Became ready (UTC)"), self.env._("Currency"), self.env._("Amount as sent")),
        )
        return Page(self.env._("Late"), heads, rows)

    @api.model
    def _page_of_changes(self, record, figures):
        """What changed since the last sign-off; no page before there is one."""
        if not record.signoff_ids:
            return []
        names = self._names("standing")
        rows = [
            (
                *(one.key.cost_center, names[one.key.standing.value], one.key.currency),
                *(one.before.units, one.after.units, one.difference.units),
                *(one.before.amount, one.after.amount, one.difference.amount),
            )
            for one in month_end.changes(record._last()._figures(), figures)
        ]
        heads = (
            *(self.env._("Cost center"), self.env._("Where it stands"), self.env._("Currency")),
            *(self.env._("Lines when signed"), self.env._("Lines now"), self.env._("Difference (lines)")),
            *(self.env._("Amount when signed"), self.env._("Amount now"), self.env._("Difference (amount)")),
        )
        return [Page(self.env._("Changed since signed"), heads, rows)]

    # -- by mail ------------------------------------------------------------------------------------------------------

    @api.model
    def _cron_send(self):
        """Mail last month's workbook to the people that each company has chosen, where an administrator wants that.

        A copy of the database, whose master key is another one's, mails nothing.
        """
        # sudo: whether the key is this database's own; nothing is unsealed
        if self.env["integration.keyring"].sudo()._status():
            return
        for company in self.env["res.company"].sudo().search([("integration_month_mail", "=", True)]):  # sudo: settings
            for user in company.integration_month_user_ids:
                if self._may_get(user, company):
                    context = {"allowed_company_ids": company.ids, "lang": user.lang, "tz": user.tz}
                    # With their own rights: nobody is sent what they may not open.
                    self.with_user(user).with_context(**context)._mail_to(user, company.id)

    @api.model
    def _may_get(self, user, company):
        """Tell whether somebody still reads what finance of that company reads."""
        return user.active and company in user.company_ids and user.has_group(FINANCE) and bool(user.email)

    @api.model
    def _mail_to(self, user, company_id):
        company = self.env["res.company"].browse(company_id)
        first = month_end.first_of(None, fields.Date.context_today(self))
        name, content = self._export(company, first, "mail")
        # sudo: a template of the suite's own, rendered for the company; what it carries was read with the user's rights
        template = self.env.ref("integration_monitor.mail_template_month").sudo()
        title = self.env["integration.month"]._title(first)
        template.with_context(lang=user.lang, month_title=title).send_mail(
            company.id,
            email_values={
                # Whoever reads a document reads its mails and what is attached, and everybody reads companies.
                "model": False,
                "res_id": False,
                "recipient_ids": [fields.Command.link(user.partner_id.id)],
                "attachments": [(name, base64.b64encode(content))],
            },
        )
