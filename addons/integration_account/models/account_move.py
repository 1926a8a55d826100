from odoo import api, fields, models
from odoo.addons.integration_core.tools import transaction_data
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

POSTED = "finance.invoice.posted.v1"
CANCELLED = "finance.invoice.cancelled.v1"
CREDITED = "finance.credit_note.posted.v1"
PAYMENT_CHANGED = "finance.invoice.payment_changed.v1"
CUSTOMER_DOCUMENTS = ("out_invoice", "out_refund", "out_receipt")
_WATCHED = {"state", "payment_state", "amount_residual"}
_BASELINE = "integration_account.baseline"


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["account.move", "integration.emitter.mixin"]

    integration_charge_count = fields.Integer("Charges", compute="_compute_integration_charge_count")
    integration_patient = fields.Char(
        "Patient",
        compute="_compute_integration_patient",
        groups="integration_core.group_finance_viewer",
        help="Stands for the patient number: tells the patients of two invoices apart. No name.",
    )
    integration_lock_warning = fields.Char(compute="_compute_integration_lock_warning")

    def _compute_integration_charge_count(self):
        # sudo: the count alone; opening the charges needs the right to see them
        charges = self.env["integration.charge"].sudo()
        rows = charges._read_group([("invoice_id", "in", self.ids)], ["invoice_id"], ["__count"])
        counts = {move.id: count for move, count in rows}
        for move in self:
            move.integration_charge_count = counts.get(move.id) or len(move._integration_credited_charges())

    def _compute_integration_patient(self):
        for move in self:
            found = move._integration_charges().encounter_id.mapped("pseudonym")
            move.integration_patient = ", ".join(sorted({one for one in found if one})) or False

    def _integration_charges(self):
        """Return the charges on these documents. For code that runs as anybody: with sudo, read only."""
        # sudo: the documents' own links to charges, needed for events and counts whoever posts
        charges = self.env["integration.charge"].sudo()
        return charges.search([("invoice_id", "in", self.ids)], order="id") | self._integration_credited_charges()

    def _integration_credited_charges(self):
        refunds = self.filtered(lambda move: move.move_type == "out_refund")
        if not refunds:
            return self.env["integration.charge"].sudo()
        # sudo: as in _integration_charges
        voids = self.env["integration.charge.void"].sudo().search([("credit_line_id.move_id", "in", refunds.ids)])
        return voids.charge_id

    @api.depends("state", "move_type", "invoice_date", "date", "journal_id", "invoice_line_ids.tax_ids")
    def _compute_integration_lock_warning(self):
        for move in self:
            move.integration_lock_warning = False
            if move.state == "draft" and move.move_type in CUSTOMER_DOCUMENTS:
                # A customer document without a date gets today's when it is posted.
                day = move.invoice_date or fields.Date.context_today(move)
                move.integration_lock_warning = move._get_lock_date_message(day, move._affect_tax_report())

    # -- what happens to documents ------------------------------------------------------------------------------------

    def _post(self, soft=True):
        if self.env.user._acts_for_integration():
            raise AccessError(self.env._("The integration engine never posts: a person in finance does."))
        return super()._post(soft=soft)

    def _write_multi(self, vals_list):  # pylint: disable=missing-return; the ORM's returns nothing
        # Everything that reaches the table passes here, computed fields too, which never pass write().
        changed = self.browse(
            record_id for record_id, vals in zip(self._ids, vals_list, strict=True) if _WATCHED & vals.keys()
        )
        before = changed._integration_stored()
        super()._write_multi(vals_list)
        if before:
            changed._integration_note(before)

    def _integration_stored(self):
        """Return ``{id: (state, payment state, residual)}`` as the database has it, for customer documents."""
        if not self:
            return {}
        rows = self.env.execute_query(
            SQL(
                "SELECT id, state, payment_state, amount_residual FROM account_move WHERE id IN %s AND move_type IN %s",
                tuple(self.ids),
                CUSTOMER_DOCUMENTS,
            )
        )
        return {row[0]: row[1:] for row in rows}

    def _integration_note(self, before):
        """Emit what the change from ``before`` to the database's present state means."""
        baseline = self._integration_baseline()
        after = self.browse(before)._integration_stored()
        told = {POSTED: [], CREDITED: [], CANCELLED: [], PAYMENT_CHANGED: []}
        moved = self.browse(move_id for move_id, old in before.items() if old[0] != after[move_id][0])
        for move in moved:
            if after[move.id][0] == "posted":
                told[CREDITED if move.move_type == "out_refund" else POSTED].append(move.id)
            elif after[move.id][0] == "cancel":
                told[CANCELLED].append(move.id)
        for move_id, old in before.items():
            baseline.setdefault(move_id, old)
            if after[move_id][0] == "posted" and old != after[move_id]:
                told[PAYMENT_CHANGED].append(move_id)
        for type_name, ids in told.items():
            self.browse(ids)._emit_event(type_name)
        if moved:
            self.env["integration.charge.document"]._follow(moved)
            moved._integration_follow_charges(before, after)

    def _integration_baseline(self):
        """Return ``{id: stored values}`` as they were when this transaction first changed them."""
        return transaction_data(self.env.cr).setdefault(_BASELINE, {})

    def _integration_follow_charges(self, before, after):
        """Let charges follow: off a cancelled document, back on one that is a draft again."""
        # sudo: whoever cancels an invoice need not see the integration app
        charges = self.env["integration.charge"].sudo()
        cancelled = self.filtered(lambda move: after[move.id][0] == "cancel")
        reopened = self.filtered(lambda move: before[move.id][0] == "cancel" and after[move.id][0] == "draft")
        if cancelled:
            held = charges.search([("invoice_id", "in", cancelled.ids), ("state", "=", "billed")])
            held._invoice_gone(self.env._("Its invoice was cancelled."), forget=False)
            refunds = cancelled.filtered(lambda move: move.move_type == "out_refund")
            self.env["integration.charge.void"]._credit_lines_gone(refunds.invoice_line_ids)
        if reopened:
            charges.search([("invoice_id", "in", reopened.ids), ("state", "in", ("ready", "approved"))])._invoice_back()

    # -- events -------------------------------------------------------------------------------------------------------

    def _event_subject(self, type_name):
        return f"invoice/{self.id}"

    def _event_causes(self):
        return {**super()._event_causes(), **self._integration_causes()}

    def _integration_cause(self):
        """Return the clinical message this document goes back to, or an empty recordset."""
        self.ensure_one()
        return self._integration_causes().get(self.id, self.env["integration.event"])

    def _integration_causes(self):
        """Return {id: clinical message} of those that go back to one: a credit note's void's, else the charge's."""
        # sudo: the chain of causes is bookkeeping, not data shown to the user
        voids, charges = self.env["integration.charge.void"].sudo(), self.env["integration.charge"].sudo()
        refunds = self.filtered(lambda move: move.move_type == "out_refund")
        causes = {}
        for charge in charges.search([("invoice_id", "in", self.ids), ("event_id", "!=", False)], order="id desc"):
            causes[charge.invoice_id.id] = charge.event_id
        for void in refunds and voids.search([("credit_line_id.move_id", "in", refunds.ids)], order="id desc"):
            if void.event_id:
                causes[void.credit_line_id.move_id.id] = void.event_id
        return causes

    def _event_data(self, type_name):
        self.ensure_one()
        wanted = "cancel" if type_name == CANCELLED else "posted"
        if self.state != wanted or (type_name == PAYMENT_CHANGED and not self._integration_payment_changed()):
            return None
        charges = self._integration_charges()
        return {
            "company": str(self.company_id.id),
            "id": str(self.id),
            "number": self.name or None,
            "date": fields.Date.to_string(self.date) or None,
            "move_type": self.move_type,
            # The id alone: the customer may be a patient, whose name is nobody else's business.
            "payer": str(self.partner_id.id) if self.partner_id else None,
            "currency": self.currency_id.name,
            **{name: self._integration_amount(self[name]) for name in _AMOUNTS},
            "payment_state": self.payment_state if self.payment_state != "invoicing_legacy" else "not_paid",
            "encounter": charges[:1].encounter or None,
            "reverses": str(self.reversed_entry_id.id) if self.reversed_entry_id else None,
            "lines": self._integration_lines(charges),
        }

    def _event_facets(self, type_name):
        return {
            "journal": self.journal_id.code,
            "document_type": self.move_type,
            "facility": self._integration_charges()._facilities(),
        }

    def _integration_payment_changed(self):
        """Tell whether residual or payment state differ from when this transaction began.

        A document that was no posted one before begins as not paid, with all of its total open.
        """
        state, payment_state, residual = self._integration_baseline().get(self.id, (None, None, None))
        if state != "posted":
            payment_state, residual = "not_paid", self.amount_total
        same_residual = self.currency_id.compare_amounts(residual or 0.0, self.amount_residual) == 0
        return self.payment_state != payment_state or not same_residual

    def _integration_amount(self, amount):
        return f"{self.currency_id.round(amount) + 0.0:.{self.currency_id.decimal_places}f}"

    def _integration_lines(self, charges):
        # sudo: as in _integration_charges
        voids = self.env["integration.charge.void"].sudo().search([("credit_line_id.move_id", "=", self.id)])
        by_line = {charge.invoice_line_id.id: charge.line for charge in charges}
        by_line.update({void.credit_line_id.id: void.line for void in voids})
        return [
            {"charge": by_line.get(line.id), "amount": self._integration_amount(line.price_subtotal)}
            for line in self.invoice_line_ids
            if line.display_type == "product"
        ]

    # -- buttons ------------------------------------------------------------------------------------------------------

    def _integration_open(self):
        """Return the action that opens this document."""
        if not self:
            raise UserError(self.env._("There is no such document yet."))
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_integration_charges(self):
        """Open the charges on this document."""
        self.env["integration.charge"].check_access("read")
        self.check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("integration_account.action_charge")
        return {**action, "domain": [("id", "in", self._integration_charges().ids)], "context": {}}


_AMOUNTS = ("amount_untaxed", "amount_tax", "amount_total", "amount_residual")
