from odoo import api, fields, models
from odoo.exceptions import AccessError


class IntegrationBillingRun(models.Model):
    """Approved charges on their way to draft invoices, in the background: who approved, how far it is, what failed.

    A run is one company's: whoever sees it sees all of it, and its figures are about nothing else.
    """

    _name = "integration.billing.run"
    _description = "Billing run"
    _order = "id desc"
    _rec_name = "create_date"

    user_id = fields.Many2one("res.users", "Approved by", required=True, readonly=True)
    on_behalf_of_id = fields.Many2one(
        "res.users", "On behalf of", readonly=True, help="The finance reviewer who is away and has delegated it."
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    group_ids = fields.One2many("integration.billing.group", "run_id", readonly=True)
    charge_count = fields.Integer("Charges", readonly=True)
    total = fields.Integer("Drafts to make", readonly=True)
    done = fields.Integer(compute="_compute_progress")
    failed = fields.Integer(compute="_compute_progress")
    progress = fields.Float(compute="_compute_progress", help="Percent carried out.")
    state = fields.Selection(
        [("running", "Running"), ("done", "Done"), ("failed", "Done, with failures")], compute="_compute_progress"
    )

    @api.depends("group_ids.state", "total")
    def _compute_progress(self):
        rows = self.env["integration.billing.group"]._read_group(
            [("run_id", "in", self.ids)], ["run_id", "state"], ["__count"]
        )
        counts = {(run.id, state): count for run, state, count in rows}
        for run in self:
            run.done = counts.get((run.id, "done"), 0)
            run.failed = counts.get((run.id, "failed"), 0)
            run.progress = 100.0 * (run.done + run.failed) / run.total if run.total else 100.0
            if counts.get((run.id, "waiting")):
                run.state = "running"
            else:
                run.state = "failed" if run.failed else "done"

    @api.model
    def _start(self, charges, delegator=None):
        """Approve ``charges`` (live and ready) and queue one draft per company, encounter, customer and currency.

        :param delegator: the user on whose behalf that is done, if on somebody's
        :return: the new runs, one per company, as the user sees them
        """
        by_company = charges.grouped("company_id")
        # sudo: runs are made by the button alone; the caller has proven the right to approve
        runs = self.sudo().create(
            [
                {
                    "user_id": self.env.uid,
                    "on_behalf_of_id": delegator and delegator.id,
                    "company_id": company.id,
                    "charge_count": len(members),
                }
                for company, members in by_company.items()
            ]
        )
        for run, members in zip(runs, by_company.values(), strict=True):
            run._queue(members)
        self.env["integration.engine"]._wake()
        return runs.sudo(False)

    def _queue(self, charges):
        """Approve the charges of this run's company and queue their drafts."""
        self.ensure_one()
        grouped = charges.grouped(lambda c: (c.encounter_id, c.partner_id, c.currency_id))
        groups = self.group_ids.create(
            [
                {
                    "run_id": self.id,
                    "company_id": self.company_id.id,
                    "encounter_id": encounter.id,
                    "partner_id": partner.id,
                    "currency_id": currency.id,
                }
                for encounter, partner, currency in grouped
            ]
        )
        now = fields.Datetime.now()
        for group, members in zip(groups, grouped.values(), strict=True):
            members.write(
                {"state": "approved", "approved_by_id": self.env.uid, "approved_at": now, "group_id": group.id}
            )
        self.total = len(groups)

    def action_open(self):
        """Show this run and its progress; several of different companies as a list."""
        self.check_access("read")
        action = {"type": "ir.actions.act_window", "res_model": self._name}
        if len(self) == 1:
            return {**action, "name": self.env._("Billing run"), "res_id": self.id, "view_mode": "form"}
        mine = [("id", "in", self.ids)]
        return {**action, "name": self.env._("Billing runs"), "domain": mine, "view_mode": "list,form"}

    def action_retry_failed(self):
        """Try the failed drafts of these runs again."""
        if not self.env.user.has_group("integration_core.group_finance_reviewer"):
            raise AccessError(self.env._("Only a finance reviewer can retry a billing run."))
        self.check_access("read")
        # sudo: groups are changed by buttons alone; the group and the record rules were checked just above
        self.sudo().group_ids.filtered(lambda group: group.state == "failed").write(
            {"state": "waiting", "reason": False}
        )
        self.env["integration.engine"]._wake()
        return True

    def action_open_invoices(self):
        """Open the invoices this run made or added to."""
        self.check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_out_invoice_type")
        return {**action, "domain": [("id", "in", self.group_ids.invoice_id.ids)], "context": {"create": False}}
