from odoo import api, fields, models
from odoo.fields import Command

BATCH = 25  # drafts in one transaction of the engine: seconds of work, little to repeat


class IntegrationBillingGroup(models.Model):
    """One draft to make: the approved charges of one company, encounter, customer and currency in one billing run."""

    _name = "integration.billing.group"
    _description = "Draft of a billing run"
    _order = "id"
    _rec_name = "encounter_id"

    run_id = fields.Many2one("integration.billing.run", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    encounter_id = fields.Many2one(
        "integration.encounter", required=True, readonly=True, ondelete="restrict", index=True
    )
    partner_id = fields.Many2one("res.partner", "Customer", required=True, readonly=True, ondelete="restrict")
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    state = fields.Selection(
        [("waiting", "Waiting"), ("done", "Done"), ("failed", "Failed")],
        required=True,
        readonly=True,
        default="waiting",
    )
    reason = fields.Char("Why it failed", readonly=True)
    invoice_id = fields.Many2one("account.move", readonly=True, ondelete="set null", index="btree_not_null")
    charge_ids = fields.One2many("integration.charge", "group_id", readonly=True)

    _waiting_idx = models.Index("(id) WHERE state = 'waiting'")

    @api.model
    def _chore_bill(self, limit):
        """Make the next drafts; return how many are still to do. One that fails says why and stops no other."""
        everywhere = self.with_context(allowed_company_ids=self.env.user.company_ids.ids)
        waiting = everywhere.search([("state", "=", "waiting")], order="id", limit=min(limit, BATCH))
        # Another process may be at it: each draft is made by whoever holds its row.
        for group in waiting.try_lock_for_update(allow_referencing=True):
            reason = self.env["integration.engine"]._contained(group._as_author()._bill)
            if reason is not None:
                group.write({"state": "failed", "reason": reason})
        return everywhere.search_count([("state", "=", "waiting")], limit=limit)

    def _as_author(self):
        """Return the group as the user of the system whose charges these are: the draft names it as its author."""
        # sudo: an encounter may have been opened for another company
        user = self.encounter_id.sudo().system_id.run_as_id
        if self.company_id not in user.company_ids:
            return self
        return self.with_user(user).with_context(allowed_company_ids=user.company_ids.ids)

    def _bill(self):
        """Put this group's approved charges on their draft invoice: the open one, else a new one."""
        self.ensure_one()
        charges = self.charge_ids.filtered(lambda charge: charge.state == "approved").sorted("id")
        if charges:
            move = self.env["integration.charge.document"]._open_invoice(self)
            move = self._add(move, charges) if move else self._create_invoice(charges)
            self.invoice_id = move
        # Without charges left, all were voided meanwhile: there is nothing to invoice.
        self.state = "done"

    def _add(self, move, charges):
        before = move.invoice_line_ids
        move = move.with_company(self.company_id)
        move.write({"invoice_line_ids": [Command.create(charge._invoice_line_values()) for charge in charges]})
        self._link(move, move.invoice_line_ids - before, charges)
        return move

    def _create_invoice(self, charges):
        quiet = {"mail_create_nosubscribe": True, "tracking_disable": True}
        move = (
            self.env["account.move"]
            .with_company(self.company_id)
            .with_context(**quiet)
            .create(self._invoice_values([Command.create(charge._invoice_line_values()) for charge in charges]))
        )
        self.env["integration.charge.document"].create(
            {
                "move_id": move.id,
                "kind": "invoice",
                "company_id": self.company_id.id,
                "encounter_id": self.encounter_id.id,
                "partner_id": self.partner_id.id,
                "currency_id": self.currency_id.id,
            }
        )
        self._link(move, move.invoice_line_ids, charges)
        return move.with_context(**dict.fromkeys(quiet, False))

    def _invoice_values(self, commands):
        values = {
            "move_type": "out_invoice",
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "currency_id": self.currency_id.id,
            "invoice_origin": self.encounter_id.sudo().name,  # sudo: it may have been opened for another company
            "invoice_user_id": self.run_id.user_id.id,
            "invoice_line_ids": commands,
        }
        if self.company_id.integration_sale_journal_id:
            values["journal_id"] = self.company_id.integration_sale_journal_id.id
        return values

    def _link(self, move, lines, charges):
        # Created in the order of the charges, so their ids are in that order too.
        product_lines = lines.filtered(lambda line: line.display_type == "product").sorted("id")
        for charge, line in zip(charges, product_lines, strict=True):
            charge.write({"state": "billed", "invoice_line_id": line.id, "invoice_id": move.id, "ended_reason": False})
        # Totals rounded over the whole invoice may move a cent between its lines: charges follow the lines.
        on_move = self.env["integration.charge"].search([("invoice_id", "=", move.id), ("state", "=", "billed")])
        on_move._take_amounts_from_lines()
