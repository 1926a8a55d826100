from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_date

from ..domain import month_end


class IntegrationMonth(models.Model):
    """One month of service of one company, and who signed it off. Its figures are read from the tables each time.

    A month belongs to the days of service, local to the facility; it is there from when somebody first wants to sign
    it off. What arrives or becomes ready after its first sign-off is *late* (`integration.month.line`).
    """

    _name = "integration.month"
    _description = "Service month"
    _order = "date_from desc, company_id, id desc"
    _rec_name = "date_from"

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    date_from = fields.Date("First day", required=True, readonly=True)
    closed_at = fields.Datetime("First signed off", readonly=True, help="What comes after it is late.")
    signed_at = fields.Datetime("Signed off", readonly=True)
    signed_by_id = fields.Many2one("res.users", "Signed off by", readonly=True)
    signoff_ids = fields.One2many("integration.month.signoff", "month_id", "Sign-offs", readonly=True)

    _month_uniq = models.UniqueIndex("(company_id, date_from)", "A company has each month once.")

    @api.depends("date_from")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for month in self:
            month.display_name = self._title(month.date_from)

    @api.model
    def _title(self, first):
        """Return what a month is called in the user's language."""
        return format_date(self.env, first, date_format="LLLL y")

    @api.model
    def _of(self, company, first):
        """Return the record of a month of a company, which comes into being by it."""
        # sudo: months are made by being signed off alone; who may is seen to by whoever calls
        months = self.sudo()
        own = [("company_id", "=", company.id), ("date_from", "=", first)]
        return (months.search(own) or months.create({"company_id": company.id, "date_from": first})).sudo(False)

    @api.model
    def _check_reviewer(self):
        """Refuse whoever may not sign months off.

        :raises AccessError: for them
        """
        if not self.env.user.has_group("integration_core.group_finance_reviewer"):
            raise AccessError(self.env._("Only a finance reviewer signs a month off."))

    def _last(self):
        """Return the sign-off that holds, an empty recordset before there is one."""
        return self.signoff_ids.sorted("id")[-1:]

    def _figures(self):
        """Return the figures of this month as they are now."""
        self.ensure_one()
        return month_end.figures(self._cells())

    def _cells(self):
        self.ensure_one()
        lines = self.env["integration.month.line"]
        return lines._cells(self.company_id, self.date_from, month_end.last_of(self.date_from))

    @api.model
    def _is_over(self, company, first):
        """Tell whether a month is over wherever the company's systems are: a day of service is local to its system."""
        # sudo: in which time zones the company's systems are is no secret
        systems = self.env["integration.system"].sudo().with_context(active_test=False)
        zones = set(systems.search([("company_id", "=", company.id)]).mapped("timezone"))
        days = [fields.Date.context_today(self.with_context(tz=zone)) for zone in zones]
        return month_end.last_of(first) < min(days, default=fields.Date.context_today(self))

    def _check_can_be_signed(self):
        self.ensure_one()
        if not self._is_over(self.company_id, self.date_from):
            raise UserError(self.env._("%s is not over yet.", self.display_name))

    def _check_seen(self, cells, seen):
        """Refuse to sign other figures than those that whoever signs has read.

        :param cells: of this month as it stands
        :param str seen: :func:`month_end.seen` of the figures that were read
        :raises UserError: where something has changed since
        """
        if month_end.seen(cells) != seen:
            raise UserError(
                self.env._(
                    "%s: figures changed since you read them. Nothing is signed off; read them again, then sign.",
                    self.display_name,
                )
            )

    def _ask_to_sign(self, seen):
        """Sign this month off, or return the dialog that asks why where something still waits for a person.

        :param str seen: as in :meth:`_sign`
        :raises AccessError: for whoever is no finance reviewer
        :raises UserError: before the month is over, or where figures changed since they were read
        """
        self._check_reviewer()
        self.check_access("read")
        self._check_can_be_signed()
        cells = self._cells()
        self._check_seen(cells, seen)
        if not month_end.stuck(month_end.figures(cells)):
            return self._sign("", seen)
        action = self.env["integration.reason.wizard"]._ask("sign_month", self)
        return {**action, "context": {**action["context"], "default_seen": seen}}

    def _sign(self, reason, seen):
        """Sign this month off as it was read; one that is signed is signed again, never changed.

        The same sign-off once more, as of a button that was pressed twice, is none.

        :param str reason: needed while something waits for a person
        :param str seen: :func:`month_end.seen` of the figures that were read, as the page has it
        :raises AccessError: for whoever is no finance reviewer
        :raises UserError: without a reason that is needed, before the month is over, or where figures changed since
        """
        self.ensure_one()
        self._check_reviewer()
        self.check_access("read")
        self._check_can_be_signed()
        month = self.sudo()  # sudo: sign-offs are made by this alone
        cells, reason = month._cells(), reason.strip()
        self._check_seen(cells, seen)
        stuck = month_end.stuck(month_end.figures(cells))
        if stuck and not reason:
            raise UserError(
                self.env._("%(month)s: %(stuck)s. Say why it is signed off nevertheless.", **month._words(stuck))
            )
        if month._last()._is_the_same(cells, reason):
            return True
        signoff = self.env["integration.month.signoff"].sudo()._make(month, cells, reason)
        now = signoff.signed_at
        month.write({"closed_at": month.closed_at or now, "signed_at": now, "signed_by_id": self.env.user.id})
        detail = f"waiting: {signoff.stuck_count}, digest: {signoff.digest}"
        self.env["integration.audit"]._record("month.sign", month, reason=reason or None, detail=detail)
        return True

    def _words(self, stuck):
        count = sum(tally.units for tally in stuck.values())
        money = self.env["integration.month.signoff"]._money_text(stuck)
        money = money or self.env._("no money")
        if count == 1:
            waits = self.env._("1 line waits (%s)", money)
        else:
            number = self.env["integration.overview.words"]._number(count)
            waits = self.env._("%(count)s lines wait (%(money)s)", count=number, money=money)
        return {"month": self.display_name, "stuck": waits}

    def action_open_page(self):
        """Open the month on the page *Month end*; for those who read its lines."""
        self.check_access("read")
        self.env["integration.month.line"].check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.client"]._for_xml_id("integration_monitor.action_month_end")
        about = {"service_month": fields.Date.to_string(self.date_from), "month_company": self.company_id.id}
        return {**action, "context": about}
