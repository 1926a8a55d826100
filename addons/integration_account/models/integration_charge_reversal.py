from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from odoo import fields, models
from odoo.fields import Command

from ..domain.states import OPEN, UNBILLED


class IntegrationChargeReversal(models.AbstractModel):
    """The ways in which a charge ends or shrinks: voids and corrections, before and after it was invoiced.

    The part of ``integration.charge`` that deals with documents which exist already.
    """

    _name = "integration.charge.reversal"
    _description = "Reversal of charges"

    def _remaining(self, without=None):
        """Return the quantity (Decimal) that is left after the voids carried out, ``without`` one of them."""
        self.ensure_one()
        voids = self.void_ids.filtered(lambda void: void.state == "applied" and void.quantity)
        if without:
            voids -= without
        return Decimal(self.quantity_sent) - sum((Decimal(void.quantity) for void in voids), Decimal(0))

    def _converted(self, quantity):
        """Return a quantity (Decimal) in the unit as sent as so many of the invoiced unit, exactly.

        :return: ``Fraction``; None while nobody has said what the sender's unit is
        """
        self.ensure_one()
        if not self.uom_sent:
            return Fraction(quantity)
        return Fraction(quantity) * Fraction(self.unit_ratio) if self.unit_ratio else None

    def _reverse(self, event, reason, void=None):
        """End these charges: withdrawn before they are on a posted invoice, by a draft credit note after.

        :param event: the message that says so; documents that come of it name it as their cause
        :param reason: why, for people
        :param void: the ``integration.charge.void`` that says so, if one does
        """
        for charge in self.filtered(lambda charge: charge.state in (*UNBILLED, "billed")):
            move = charge.invoice_line_id.move_id
            values = {"state": "withdrawn", "ended_reason": reason, "recheck": False}
            if charge.state == "billed" and move.state == "posted":
                remaining = charge.quantity - charge.credited_quantity
                line = charge._credit(remaining)
                values.update(
                    state="reversed", credit_line_id=line.id, credited_quantity=charge.credited_quantity + remaining
                )
                (void or charge._correction_void(event, reason)).credit_line_id = line
            elif charge.state == "billed" and move.state == "draft":
                charge._leave_draft()
            charge.write(values)
        self._state_effects()

    def _correction_void(self, event, reason):
        """Return a record of the reversal that a correction asked for, beside those that voids ask for."""
        return self.env["integration.charge.void"].create(
            {
                "system_id": self.system_id.id,
                "company_id": self.company_id.id,
                "event_id": event.id,
                "mode": self.mode,
                "encounter": self.encounter,
                "line": self.line,
                "reason": reason,
                "state": "applied",
                "charge_id": self.id,
            }
        )

    def _reduce(self, void):
        """Void a part: less of it before it is on a posted invoice, a credit note for the part after."""
        self.ensure_one()
        move = self.invoice_line_id.move_id
        # By the ratio that it was invoiced with, whatever the unit has come to mean since.
        quantity = float(self._converted(Decimal(void.quantity))) if self.state == "billed" else 0.0
        if self.state == "billed" and move.state == "posted":
            line = self._credit(quantity)
            void.credit_line_id = line
            self.write({"credit_line_id": line.id, "credited_quantity": self.credited_quantity + quantity})
        elif self.state == "billed" and move.state == "draft":
            self.invoice_line_id.quantity = self.quantity - quantity
            self._take_amounts_from_lines()
        elif self.state == "approved":
            # The reviewer approved more than this: what is left stays approved.
            self.state = "ready"
            self._evaluate()
            if self.state == "ready":
                self.state = "approved"
        elif self.state in OPEN:
            self._evaluate()

    def _leave_draft(self):
        """Take this charge's line off its draft invoice; an invoice left empty is cancelled."""
        self.ensure_one()
        line = self.invoice_line_id
        move = line.move_id.with_company(line.company_id)
        # Unlinked first, so that the removal does not count as one by hand.
        self.write({"invoice_line_id": False, "invoice_id": False})
        move.write({"invoice_line_ids": [Command.delete(line.id)]})
        if not move.invoice_line_ids.filtered(lambda one: one.display_type == "product"):
            move.button_cancel()

    def _take_amounts_from_lines(self):
        """Let charges say what their invoice lines say, to the cent: together they are the invoice's untaxed total."""
        for charge in self:
            line = charge.invoice_line_id
            charge.write(
                {"quantity": line.quantity, "price_unit": line.price_unit, "amount": abs(line.amount_currency)}
            )

    # -- credit notes -------------------------------------------------------------------------------------------------

    def _credit(self, quantity):
        """Put ``quantity`` of this charge on the draft credit note of its posted invoice; return the new line."""
        self.ensure_one()
        invoice = self.invoice_line_id.move_id.with_company(self.company_id)
        documents = self.env["integration.charge.document"]
        note = documents.search(
            [("kind", "=", "credit_note"), ("open", "=", True), ("origin_id", "=", invoice.id)]
        ).move_id
        values = self._credit_line_values(quantity)
        if note:
            before = note.invoice_line_ids
            note.write({"invoice_line_ids": [Command.create(values)]})
            return note.invoice_line_ids - before
        note = (
            self.env["account.move"]
            .with_company(self.company_id)
            .create(self._credit_note_values(invoice, [Command.create(values)]))
        )
        documents.create(
            {
                "move_id": note.id,
                "kind": "credit_note",
                "company_id": self.company_id.id,
                "encounter_id": self.encounter_id.id,
                "partner_id": invoice.partner_id.id,
                "currency_id": invoice.currency_id.id,
                "origin_id": invoice.id,
            }
        )
        return note.invoice_line_ids

    def _credit_note_values(self, invoice, commands):
        return {
            "move_type": "out_refund",
            "partner_id": invoice.partner_id.id,
            "journal_id": invoice.journal_id.id,
            "currency_id": invoice.currency_id.id,
            "fiscal_position_id": invoice.fiscal_position_id.id,
            "invoice_origin": invoice.invoice_origin,
            "reversed_entry_id": invoice.id,
            "ref": self.env._("Reversal of: %s", invoice.name),
            "invoice_date": self._open_day(invoice),
            "invoice_payment_term_id": False,
            "invoice_user_id": invoice.invoice_user_id.id,
            "invoice_line_ids": commands,
        }

    def _open_day(self, invoice):
        """Return the first open day when today's period is locked, else None: Odoo then dates it when it is posted."""
        today = fields.Date.context_today(self)
        locks = invoice._get_violated_lock_dates(today, has_tax=True)
        return locks[-1][0] + timedelta(days=1) if locks else None

    def _credit_line_values(self, quantity):
        line = self.invoice_line_id
        return {
            "product_id": line.product_id.id,
            "product_uom_id": line.product_uom_id.id,
            "name": line.name,
            "quantity": quantity,
            "price_unit": line.price_unit,
            "discount": line.discount,
            "account_id": line.account_id.id,
            "tax_ids": [Command.set(line.tax_ids.ids)],
            "analytic_distribution": line.analytic_distribution,
        }

    # -- what people do to documents ----------------------------------------------------------------------------------

    def _invoice_gone(self, detail, *, forget=True):
        """Their invoice line or draft was removed by hand: let them be reviewed again, so that they are not lost.

        :param detail: what happened, for people
        :param forget: drop the link to the line; a cancelled invoice may come back with its lines
        """
        values = {
            "state": "ready",
            "approved_by_id": False,
            "approved_at": False,
            "group_id": False,
            "ended_reason": detail,
        }
        if forget:
            values.update(invoice_line_id=False, invoice_id=False)
        self.write(values)

    def _invoice_back(self):
        """Their cancelled invoice is a draft again, with their lines on it: they must not be billed twice."""
        self.filtered("invoice_line_id").write({"state": "billed", "ended_reason": False, "group_id": False})
