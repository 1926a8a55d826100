from datetime import datetime, time
from decimal import Decimal

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import format_date

from ..domain.trace import Stage, Step, What

CHARGES = 500
VOIDS = 200
DOCUMENTS = 100
PAYMENTS = 100
CODES = 100
SALES = ("out_invoice", "out_refund", "out_receipt")
_REFUNDS = ("out_refund", "in_refund")
_ENDED = {
    "withdrawn": What.CHARGE_WITHDRAWN,
    "reversed": What.CHARGE_REVERSED,
    "rejected": What.CHARGE_REJECTED,
}
_VOIDS = {
    "applied": What.VOID_APPLIED,
    "waiting": What.VOID_WAITS,
    "parked": What.VOID_PARKED,
    "dismissed": What.VOID_DISMISSED,
}
_PAYMENTS = {
    "draft": What.PAYMENT_DRAFT,
    "in_process": What.PAYMENT_MADE,
    "paid": What.PAYMENT_MADE,
    "canceled": What.PAYMENT_CANCELLED,
    "rejected": What.PAYMENT_REJECTED,
}


class IntegrationTraceMoney(models.AbstractModel):
    """The part of a trace that is about money: codes, charges, approval, documents, payments."""

    _name = "integration.trace.money"
    _inherit = ["integration.trace.plumbing"]
    _description = "Trace: charges and documents"

    @api.model
    def _amount(self, currency, amount):
        """Return {currency code: amount}; empty where there is none."""
        # sudo: the code of a currency
        code = currency.sudo().name
        return {code: Decimal(str(round(amount, 6)))} if code and amount else {}

    # -- codes --------------------------------------------------------------------------------------------------------

    @api.model
    def _trace_codes(self, into, charges):
        """Add the codes of these charges that had no meaning when they came, and who gave them one."""
        tasks = self.env["integration.mapping.task"]
        if not tasks.has_access("read"):
            into.blind.add(Stage.MAPPING)
            return
        if not charges:
            return
        names = ("service_code", "department", "facility", "cost_center", "uom_sent")
        codes = {charge[name] for charge in charges for name in names if charge[name]}
        began = min(charges.mapped("create_date"))
        domain = [("system_id", "in", charges.system_id.ids), ("code", "in", list(codes))]
        since = Domain("done_at", "=", False) | Domain("done_at", ">=", began)
        found = self._some(into, tasks._name, Domain(domain) & since, CODES)
        kinds = dict(tasks._fields["kind"]._description_selection(self.env))
        mappers = self._mappers(found)
        for task in found:
            into.steps.append(self._code_step(task, kinds, mappers))

    @api.model
    def _code_step(self, task, kinds, mappers):
        what = {"open": What.CODE_WAITS, "done": What.CODE_MAPPED}.get(task.state, What.CODE_DISMISSED)
        if what is What.CODE_DISMISSED:
            who, at = self._person(task.dismissed_by_id), task.dismissed_at
        else:
            who, at = mappers.get((task.system_id.id, task.kind, task.code), ""), task.done_at
        return Step(
            what,
            task.since if what is What.CODE_WAITS else at or task.since,
            (f"{kinds[task.kind]} {task.code}",),
            who=who,
            reason=task.dismissed_reason or "",
            turn=self._label(task, "turn") if what is What.CODE_WAITS else "",
            system=task.system_id.sudo().name,  # sudo: the name of a system of the reader's company
            model=task._name,
            ids=(task.id,),
        )

    @api.model
    def _mappers(self, tasks):
        """Return {(system id, kind, code): who decided what it means}."""
        identifiers = self.env["integration.identifier"]
        done = tasks.filtered(lambda task: task.state == "done")
        if not done or not identifiers.has_access("read"):
            return {}
        domain = [("system_id", "in", done.system_id.ids), ("code", "in", done.mapped("code"))]
        found = identifiers.search([*domain, ("state", "in", ("approved", "retired"))], order="id", limit=CODES)
        return {(one.system_id.id, one.kind, one.code): self._person(one.decided_by_id) for one in found}

    # -- charges ------------------------------------------------------------------------------------------------------

    @api.model
    def _trace_charges(self, into, domain):
        """Add the charges of a flow, how they were approved, and their voids; return (charges, voids).

        :param domain: over charges
        """
        charges, voids = self.env["integration.charge"], self.env["integration.charge.void"]
        if not charges.has_access("read"):
            into.blind |= {Stage.CHARGE, Stage.APPROVAL}
            return charges, voids
        found = self._some(into, charges._name, domain, CHARGES)
        turns = self.env["integration.overview"]._turns()
        for charge in found:
            into.steps += self._charge_steps(charge, turns)
        told = self._some(into, voids._name, domain, VOIDS)
        into.steps += [self._void_step(void, turns) for void in told]
        return found, told

    @api.model
    def _charge_steps(self, charge, turns):
        """Yield what happened to one charge."""
        common = {
            "names": (charge.line,),
            "model": charge._name,
            "ids": (charge.id,),
            "test": charge.mode == "test",
            "amounts": self._amount(charge.currency_id, charge.amount),
        }
        yield Step(What.CHARGE_MADE, charge.create_date, system=charge.system_id.sudo().name, **common)  # sudo: a name
        if charge.approved_at:
            yield Step(What.APPROVED, charge.approved_at, who=self._approver(charge), **common)
        if charge.state == "parked":
            turn = turns.get(charge.park_reason) or self.env._("Administrator")
            reason = self._label(charge, "park_reason")
            yield Step(What.CHARGE_PARKED, charge.parked_since, reason=reason, turn=turn, **common)
        elif charge.state == "held":
            until = format_date(self.env, charge.ready_on) if charge.ready_on else self.env._("discharge")
            reason = self.env._("until %s", until)
            yield Step(What.CHARGE_HELD, charge.evaluated_at, reason=reason, **common)
        elif charge.state == "ready":
            turn = self.env._("Finance reviewer")
            yield Step(What.APPROVAL_WAITS, charge.evaluated_at, turn=turn, **common)
        elif charge.state == "approved" and not charge.invoice_id:
            yield self._draft_step(charge, common)
        elif charge.state in _ENDED:
            yield Step(_ENDED[charge.state], charge.write_date, reason=charge.ended_reason or "", **common)

    @api.model
    def _draft_step(self, charge, common):
        if charge.group_id.state == "failed":
            turn = self.env._("Finance reviewer")
            reason = charge.group_id.reason or ""
            return Step(What.DRAFT_FAILED, charge.approved_at, reason=reason, turn=turn, **common)
        return Step(What.DRAFT_DUE, charge.approved_at, **common)

    @api.model
    def _approver(self, charge):
        name, behalf = self._person(charge.approved_by_id), charge.group_id.run_id.on_behalf_of_id
        if behalf:
            return self.env._("%(name)s on behalf of %(other)s", name=name, other=self._person(behalf))
        return name

    @api.model
    def _void_step(self, void, turns):
        what = _VOIDS[void.state]
        turn = turns.get(void.park_reason) or self.env._("Finance")
        return Step(
            what,
            void.create_date,
            (void.line,),
            reason=(self._label(void, "park_reason") if what.level.is_open else "") or void.reason or "",
            turn=turn if what is What.VOID_PARKED else "",
            system=void.system_id.sudo().name,  # sudo: the name of a system of the reader's company
            model=void._name,
            ids=(void.id,),
            test=void.mode == "test",
        )

    # -- documents and payments ---------------------------------------------------------------------------------------

    @api.model
    def _trace_documents(self, into, moves):
        """Add invoices and credit notes, and what was paid of them; return (documents, payments) that are visible."""
        payments = self.env["account.payment"]
        if not moves.has_access("read"):
            into.blind |= {Stage.INVOICE, Stage.PAYMENT}
            if moves:
                into.steps.append(Step(What.HIDDEN, hidden=len(moves), count=len(moves), at_stage=Stage.INVOICE))
            return moves.browse(), payments
        into.is_cut |= len(moves) > DOCUMENTS
        moves = moves[:DOCUMENTS]
        visible = moves._filtered_access("read")
        if unseen := len(moves - visible):
            into.steps.append(Step(What.HIDDEN, hidden=unseen, count=unseen, at_stage=Stage.INVOICE))
        posted = self._in_state(visible)
        for move in visible:
            into.steps += self._document_steps(move, posted)
        if not payments.has_access("read"):
            into.blind.add(Stage.PAYMENT)
            return visible, payments
        return visible, self._trace_payments(into, visible.reconciled_payment_ids)

    @api.model
    def _document_steps(self, move, posted):
        """Yield what happened to one document."""
        refund = move.move_type in _REFUNDS
        named = move.name if move.name and move.name != "/" else self.env._("Draft")
        common = {"names": (named,), "model": move._name, "ids": (move.id,)}
        total = self._amount(move.currency_id, move.amount_total)
        made = What.CREDIT_MADE if refund else What.DRAFT_MADE
        yield Step(made, move.create_date, who=self._person(move.create_uid), amounts=total, **common)
        if move.state == "draft":
            waits = What.CREDIT_WAITS if refund else What.DRAFT_WAITS
            yield Step(waits, move.create_date, turn=self.env._("Finance"), amounts=total, **common)
        elif move.state == "cancel":
            yield Step(What.INVOICE_CANCELLED, move.write_date, amounts=total, **common)
        else:
            # Where the chatter does not say when: not before it was made.
            who, at = posted.get(move.id) or ("", max(move.create_date, datetime.combine(move.date, time.min)))
            done = What.CREDIT_POSTED if refund else What.INVOICE_POSTED
            yield Step(done, at, who=who, amounts=total, **common)
            if move.payment_state in ("not_paid", "partial") and not refund:
                due = move.invoice_date_due
                reason = self.env._("due %s", format_date(self.env, due)) if due else ""
                left = self._amount(move.currency_id, move.amount_residual)
                yield Step(What.PAYMENT_WAITS, reason=reason, amounts=left, **common)

    @api.model
    def _moves_of(self, payment):
        """Return the documents that a payment is for: as it was made for them, or as it was reconciled since."""
        return payment.invoice_ids | payment.reconciled_invoice_ids | payment.reconciled_bill_ids

    @api.model
    def _trace_payments(self, into, payments):
        """Add payments; return those that are visible."""
        into.is_cut |= len(payments) > PAYMENTS
        visible = payments[:PAYMENTS]._filtered_access("read")
        if unseen := len(payments[:PAYMENTS] - visible):
            into.steps.append(Step(What.HIDDEN, hidden=unseen, count=unseen, at_stage=Stage.PAYMENT))
        for payment in visible:
            what = _PAYMENTS[payment.state]
            ended = what in (What.PAYMENT_CANCELLED, What.PAYMENT_REJECTED)
            into.steps.append(
                Step(
                    what,
                    payment.write_date if ended else payment.create_date,
                    (payment.name or self.env._("Draft"),),
                    who="" if ended else self._person(payment.create_uid),
                    turn=self.env._("Finance") if what is What.PAYMENT_DRAFT else "",
                    model=payment._name,
                    ids=(payment.id,),
                    amounts=self._amount(payment.currency_id, payment.amount),
                )
            )
        return visible

    @api.model
    def _made_by_hand(self, moves):
        """Return those of these documents on which no charge and no void is: a person made them."""
        # sudo: whether anything is on a document; what it is the reader is not told
        charges, voids = self.env["integration.charge"].sudo(), self.env["integration.charge.void"].sudo()
        credited = Domain("credit_line_id.move_id", "in", moves.ids)
        billed = charges.search(credited | Domain("invoice_id", "in", moves.ids)) if moves else charges
        voided = voids.search(credited) if moves else voids
        taken = {*billed.invoice_id.ids, *billed.credit_line_id.move_id.ids, *voided.credit_line_id.move_id.ids}
        return moves.filtered(lambda move: move.id not in taken)

    @api.model
    def _encounters_on(self, moves):
        """Return {(system id, number)} of the encounters whose charges are on these documents, as the reader sees.

        A credit note that a person made is of what it reverses.
        """
        charges = self.env["integration.charge"]
        if not moves or not charges.has_access("read"):
            return set()
        # sudo: which invoice a document reverses; the charges on it are read with the reader's own rights
        moves |= self._made_by_hand(moves.filtered("reversed_entry_id")).sudo().reversed_entry_id.sudo(False)
        domain = Domain("invoice_id", "in", moves.ids) | Domain("credit_line_id.move_id", "in", moves.ids)
        rows = charges._read_group(domain, ["system_id", "encounter"], limit=20)
        found = {(system.id, encounter) for system, encounter in rows}
        if refunds := moves.filtered(lambda move: move.move_type == "out_refund"):
            voids = self.env["integration.charge.void"]
            rows = voids._read_group([("credit_line_id.move_id", "in", refunds.ids)], ["system_id", "encounter"])
            found |= {(system.id, encounter) for system, encounter in rows}
        return found
