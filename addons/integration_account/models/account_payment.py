from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

POSTED = "finance.payment.posted.v1"
CANCELLED = "finance.payment.cancelled.v1"
REJECTED = "finance.payment.rejected.v1"
_MADE = ("in_process", "paid")
_STATES = {POSTED: _MADE, CANCELLED: ("canceled",), REJECTED: ("rejected",)}


class AccountPayment(models.Model):
    _name = "account.payment"
    _inherit = ["account.payment", "integration.emitter.mixin"]

    @api.model_create_multi
    def create(self, vals_list):
        payments = super().create(vals_list)
        payments.filtered(lambda payment: payment.state in _MADE)._integration_tell(POSTED)
        return payments

    def _write_multi(self, vals_list):  # pylint: disable=missing-return; the ORM's returns nothing
        # As for invoices: the state is computed too, and computed fields never pass write().
        changed = self.browse(
            record_id for record_id, vals in zip(self._ids, vals_list, strict=True) if "state" in vals
        )
        before = changed._integration_states()
        super()._write_multi(vals_list)
        after = changed._integration_states() if before else {}
        for payment in changed:
            old, new = before.get(payment.id), after.get(payment.id)
            if new in _MADE and old not in _MADE:
                payment._integration_tell(POSTED)
            elif new == "canceled" and old != new:
                payment._integration_tell(CANCELLED)
            elif new == "rejected" and old != new:
                payment._integration_tell(REJECTED)

    @api.constrains("state", "partner_bank_id", "partner_id", "payment_type", "payment_method_line_id")
    def _integration_check_banks(self):
        """Refuse to pay to a supplier's account that is withheld, and by whoever entered the account.

        A constraint, and not a button: every write that makes a payment passes here. Not at the flush, where Odoo
        swallows errors while it looks up what depends on a payment. Payments that use no bank account (cash, a cheque)
        are not concerned.
        """
        made = self.filtered(lambda p: p.payment_type == "outbound" and p.state in _MADE and p.partner_bank_id)
        going_out = made.filtered(lambda p: p._integration_by_bank())
        banks = going_out.partner_bank_id._integration_of_suppliers()
        withheld = banks._integration_withheld()
        for payment in going_out.filtered(lambda p: p.partner_bank_id in banks):
            bank = payment.partner_bank_id
            if bank.id in withheld:
                raise UserError(
                    self.env._(
                        "The bank account %(account)s of %(supplier)s cannot be paid to. %(status)s",
                        account=withheld[bank.id].new_number,
                        supplier=payment.partner_id.display_name,
                        status=withheld[bank.id]._says(),
                    )
                )
            if self.env["integration.bank.change"]._entered_by_payer(bank):
                raise UserError(
                    self.env._(
                        "You entered the bank account of %s yourself: somebody else pays to it.",
                        payment.partner_id.display_name,
                    )
                )

    def _integration_by_bank(self):
        codes = (*self._get_method_codes_using_bank_account(), *self._get_method_codes_needing_bank_account())
        return self.payment_method_code in codes and self.journal_id.type != "cash"

    def _integration_tell(self, type_name):
        """Emit an event for these payments when this transaction or savepoint ends.

        Odoo posts a payment first and reconciles it then: only at the end is it known which invoice, and so which
        clinical message, it goes back to. A rolled back savepoint forgets what it was to tell.
        """
        if self:
            self.env.cr.precommit.add(lambda: self.exists()._integration_customers()._emit_event(type_name))

    def _integration_states(self):
        if not self:
            return {}
        return dict(
            self.env.execute_query(SQL("SELECT id, state FROM account_payment WHERE id IN %s", tuple(self.ids)))
        )

    def _integration_customers(self):
        return self.filtered(lambda payment: payment.partner_type == "customer")

    # -- events -------------------------------------------------------------------------------------------------------

    def _event_subject(self, type_name):
        return f"payment/{self.id}"

    def _event_cause(self):
        invoices = self.invoice_ids | self.reconciled_invoice_ids
        for invoice in invoices.sorted("id"):
            cause = invoice._integration_cause()
            if cause:
                return cause
        return super()._event_cause()

    def _event_data(self, type_name):
        self.ensure_one()
        if self.state not in _STATES[type_name]:
            return None
        return {
            "company": str(self.company_id.id),
            "id": str(self.id),
            "number": self.name or None,
            "date": fields.Date.to_string(self.date) or None,
            "direction": "in" if self.payment_type == "inbound" else "out",
            "amount": self._integration_amount(self.amount),
            "currency": self.currency_id.name,
            "allocations": self._integration_allocations(),
        }

    def _event_facets(self, type_name):
        invoices = self.invoice_ids | self.reconciled_invoice_ids
        return {
            "journal": self.journal_id.code,
            "document_type": "payment_in" if self.payment_type == "inbound" else "payment_out",
            "facility": invoices._integration_charges()._facilities(),
        }

    def _integration_amount(self, amount):
        return f"{self.currency_id.round(amount) + 0.0:.{self.currency_id.decimal_places}f}"

    def _integration_allocations(self):
        """Return which customer documents the payment settles, in the payment's currency.

        With a journal entry these are its reconciliations. A payment without entry (it is matched from the bank
        statement later) allocates to the documents it was made for, in order, at most what is open on each.
        """
        if self.move_id:
            return self._integration_reconciled()
        left = self.amount
        allocations = []
        for invoice in self.invoice_ids.sorted("id"):
            open_amount = invoice.currency_id._convert(
                invoice.amount_residual, self.currency_id, self.company_id, self.date
            )
            part = min(left, open_amount)
            if self.currency_id.compare_amounts(part, 0.0) > 0:
                allocations.append({"invoice": str(invoice.id), "amount": self._integration_amount(part)})
                left -= part
        return allocations

    def _integration_reconciled(self):
        _liquidity, counterpart, _writeoff = self._seek_for_lines()
        amounts = {}
        for partial, amount, line in [
            *((p, p.credit_amount_currency, p.debit_move_id) for p in counterpart.matched_debit_ids),
            *((p, p.debit_amount_currency, p.credit_move_id) for p in counterpart.matched_credit_ids),
        ]:
            if partial and line.move_id.is_invoice(include_receipts=True):
                amounts[line.move_id.id] = amounts.get(line.move_id.id, 0.0) + amount
        return [
            {"invoice": str(move_id), "amount": self._integration_amount(amount)}
            for move_id, amount in sorted(amounts.items())
        ]
