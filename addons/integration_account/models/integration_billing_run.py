from odoo import api, fields, models
from odoo.exceptions import AccessError


class IntegrationBillingRun(models.Model):
    """Approved charges on their way to draft invoices, in the background: who approved, how far it is, what failed."""

    _name = "integration.billing.run"
    _description = "Billing run"
    _order = "id desc"
    _rec_name = "create_date"

    user_id = fields.Many2one("res.users", "Approved by", required=True, readonly=True)
    company_ids = fields.Many2many("res.company", string="Companies", readonly=True)
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
    def _start(self, charges):
        """Approve ``charges`` (live and ready) and queue one draft per company, encounter, customer and currency.

        :return: the new run, as the user sees it
        """
        # sudo: runs are made by the button alone; the caller has proven the right to approve
        run = self.sudo().create(
            {
                "user_id": self.env.uid,
                "company_ids": [fields.Command.set(charges.company_id.ids)],
                "charge_count": len(charges),
            }
        )
        grouped = charges.grouped(lambda c: (c.company_id, c.encounter_id, c.partner_id, c.currency_id))
        groups = run.group_ids.create(
            [
                {
                    "run_id": run.id,
                    "company_id": company.id,
                    "encounter_id": encounter.id,
                    "partner_id": partner.id,
                    "currency_id": currency.id,
                }
                for company, encounter, partner, currency in grouped
            ]
        )
        now = fields.Datetime.now()
        for group, members in zip(groups, grouped.values(), strict=True):
            members.write(
                {"state": "approved", "approved_by_id": self.env.uid, "approved_at": now, "group_id": group.id}
            )
        run.total = len(groups)
        self.env["integration.engine"]._wake()
        return run.sudo(False)

    def action_open(self):
        """Show this run and its progress."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Billing run"),
            "res_model": "integration.billing.run",
            "res_id": self.id,
            "view_mode": "form",
        }

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
