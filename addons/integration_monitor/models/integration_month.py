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

    def _ask_to_sign(self):
        """Sign this month off, or return the dialog that asks why where something still waits for a person.

        :raises AccessError: for whoever is no finance reviewer
        :raises UserError: before the month is over
        """
        self._check_reviewer()
        self.check_access("read")
        self._check_can_be_signed()
        if not month_end.stuck(self._figures()):
            return self._sign("")
        return self.env["integration.reason.wizard"]._ask("sign_month", self)

    def _sign(self, reason):
        """Sign these months off as they stand; one that is signed is signed again, never changed.

        :param str reason: needed while something waits for a person
        :raises AccessError: for whoever is no finance reviewer
        :raises UserError: without a reason that is needed, or before the month is over
        """
        self._check_reviewer()
        self.check_access("read")
        # sudo: sign-offs are made by this alone
        for month in self.sudo():
            month._check_can_be_signed()
            cells = month._cells()
            stuck = month_end.stuck(month_end.figures(cells))
            if stuck and not reason.strip():
                raise UserError(
                    self.env._("%(month)s: %(stuck)s. Say why it is signed off nevertheless.", **month._words(stuck))
                )
            signoff = self.env["integration.month.signoff"].sudo()._make(month, cells, reason.strip())
            now = signoff.signed_at
            month.write({"closed_at": month.closed_at or now, "signed_at": now, "signed_by_id": self.env.user.id})
            detail = f"waiting: {signoff.stuck_count}, digest: {signoff.digest}"
            self.env["integration.audit"]._record("month.sign", month, reason=reason.strip() or None, detail=detail)
        return True

    def _words(self, stuck):
        count = sum(tally.units for tally in stuck.values())
        money = self.env["integration.month.signoff"]._money_text(stuck)
        waits = self.env._("%(count)s lines wait (%(money)s)", count=count, money=money or self.env._("no money"))
        return {"month": self.display_name, "stuck": waits}

    def action_open_page(self):
        """Open the month on the page *Month end*; for those who read its lines."""
        self.check_access("read")
        self.env["integration.month.line"].check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.client"]._for_xml_id("integration_monitor.action_month_end")
        about = {"service_month": fields.Date.to_string(self.date_from), "month_company": self.company_id.id}
        return {**action, "context": about}
