from odoo import api, models
from odoo.addons.integration_monitor.domain import trace
from odoo.addons.integration_monitor.domain.trace import Key, Stage, Step, What
from odoo.addons.integration_monitor.models.integration_trace_finder import MATCHES
from odoo.tools import format_datetime

ORDERS = 20
TRANSFERS = 100
STAGES = (Stage.ORDER, Stage.GOODS, Stage.INVOICE, Stage.PAYMENT, Stage.EVENT, Stage.DELIVERY)
"""Stages of the flow of an order."""
OF_TRANSFERS = (Stage.GOODS, Stage.EVENT, Stage.DELIVERY)
"""Stages of a transfer that nobody ordered."""
_APPROVALS = ("purchase.mt_rfq_approved", "purchase.mt_rfq_confirmed")


class IntegrationTrace(models.AbstractModel):
    """The trace of what is bought: the order, its goods, its bills and payments, and to whom that was told."""

    _inherit = "integration.trace"

    # -- finding ------------------------------------------------------------------------------------------------------

    @api.model
    def _finders(self):
        return [*super()._finders(), self._find_orders, self._find_transfers]

    @api.model
    def _find_orders(self, asked):
        orders = self.env["purchase.order"]
        if orders.has_access("read"):
            for order in orders.search([("name", "=", asked.text)], limit=MATCHES + 1):
                # sudo: the name of the supplier of an order that the reader sees
                yield order, self.env._("Purchase order"), order.name, order.partner_id.sudo().display_name

    @api.model
    def _find_transfers(self, asked):
        transfers = self.env["stock.picking"]
        if transfers.has_access("read"):
            for transfer in transfers.search([("name", "=", asked.text)], limit=MATCHES + 1):
                yield transfer, self.env._("Transfer"), transfer.name, transfer.origin or ""

    @api.model
    def _flow_of(self, record):
        match record._name:
            case "purchase.order":
                return Key("order", record.id)
            case "stock.picking":
                # sudo: which order a transfer is of; whether the reader sees the order is asked next
                order = record.sudo().purchase_id.sudo(False)
                return Key("order", order.id) if self._seen(order) else Key("transfer", record.id)
        return super()._flow_of(record)

    @api.model
    def _seen(self, records):
        """Return those of these records that the reader sees."""
        return records._filtered_access("read") if records.has_access("read") else records.browse()

    # -- gathering ----------------------------------------------------------------------------------------------------

    @api.model
    def _gather(self, into, flow):
        match flow.kind:
            case "order":
                return self._gather_order(into, self._record_of(flow)), STAGES
            case "transfer":
                return self._gather_transfer(into, self._record_of(flow)), OF_TRANSFERS
        title, stages = super()._gather(into, flow)
        if flow.kind == "partner":
            stages = tuple(stage for stage in Stage if stage in {*stages, *trace.OF_ORDERS})
        return title, stages

    @api.model
    def _gather_order(self, into, order):
        self._relate_supplier(into, order)
        self._trace_orders(into, order)
        # sudo: what belongs to the order; whether the reader sees each of it is asked where it is told
        transfers, bills = order.sudo().picking_ids.sudo(False), order.sudo().invoice_ids.sudo(False)
        transfers = self._trace_transfers(into, transfers)
        self._trace_events_about(into, order, transfers)
        self._trace_all(into, self.env["integration.event"], bills)
        return order.name

    @api.model
    def _gather_transfer(self, into, transfer):
        transfers = self._trace_transfers(into, transfer.backorder_id | transfer | transfer.backorder_ids)
        self._trace_events_about(into, transfers)
        return transfer.name or self.env._("Draft")

    @api.model
    def _gather_documents(self, into, moves):
        super()._gather_documents(into, moves)
        # sudo: which orders a bill is for; whether the reader sees them is asked next
        orders = self._seen(moves.sudo().line_ids.purchase_line_id.order_id.sudo(False))
        into.related += [(Key("order", order.id), self.env._("Purchase order %s", order.name)) for order in orders]

    @api.model
    def _trace_partner(self, into, partner):
        super()._trace_partner(into, partner)
        orders = self.env["purchase.order"]
        if orders.has_access("read"):
            mine = [("partner_id", "child_of", partner.commercial_partner_id.id)]
            self._trace_orders(into, self._some(into, orders._name, mine, ORDERS))
        else:
            into.blind |= set(trace.OF_ORDERS)

    @api.model
    def _relate_supplier(self, into, order):
        # sudo: the supplier of an order; whether the reader sees the contact is asked next
        supplier = self._seen(order.sudo().partner_id.commercial_partner_id.sudo(False))
        into.related += [(Key("partner", one.id), one.display_name) for one in supplier]

    @api.model
    def _trace_events_about(self, into, *groups):
        """Add what Odoo journalled about these records, and to whom that went."""
        events = self.env["integration.event"]
        for records in groups:
            events |= self._events_about(into, records)
        self._trace_events(into, events)
        self._trace_deliveries(into, events)

    @api.model
    def _trace_orders(self, into, orders):
        """Add orders, and the bills that are expected for what came."""
        confirmed = self._in_chatter(orders, *_APPROVALS)
        for order in orders:
            into.steps.append(self._order_step(order, confirmed.get(order.id)))
            if order.invoice_status == "to invoice":
                finance = self.env._("Finance")
                into.steps.append(
                    Step(What.BILL_EXPECTED, names=(order.name,), turn=finance, model=order._name, ids=(order.id,))
                )

    @api.model
    def _order_step(self, order, confirmed):
        common = {
            "names": (order.name,),
            "model": order._name,
            "ids": (order.id,),
            "amounts": self._amount(order.currency_id, order.amount_total),
        }
        match order.state:
            case "purchase":
                who, at = confirmed or ("", order.create_date)
                return Step(What.ORDER_CONFIRMED, order.date_approve or at, who=who, **common)
            case "to approve":
                turn = self.env._("Whoever approves purchases")
                return Step(What.ORDER_WAITS, order.create_date, who=self._person(order.user_id), turn=turn, **common)
            case "cancel":
                return Step(What.ORDER_CANCELLED, order.write_date, **common)
        turn = self.env._("Purchasing")
        return Step(What.ORDER_DRAFT, order.create_date, who=self._person(order.user_id), turn=turn, **common)

    @api.model
    def _trace_transfers(self, into, transfers):
        """Add transfers of goods; return those that the reader sees."""
        if not transfers.has_access("read"):
            into.blind.add(Stage.GOODS)
        into.is_cut |= len(transfers) > TRANSFERS
        transfers = transfers[:TRANSFERS]
        visible = self._seen(transfers)
        if unseen := len(transfers - visible):
            into.steps.append(Step(What.HIDDEN, hidden=unseen, count=unseen, at_stage=Stage.GOODS))
        into.steps += [self._transfer_step(transfer) for transfer in visible]
        return visible

    @api.model
    def _transfer_step(self, transfer):
        common = {
            "names": (transfer.name or self.env._("Draft"),),
            "who": self._person(transfer.user_id),
            "model": transfer._name,
            "ids": (transfer.id,),
        }
        if transfer.state == "done":
            return Step(What.GOODS_MOVED, transfer.date_done, **common)
        if transfer.state == "cancel":
            return Step(What.GOODS_CANCELLED, transfer.write_date, **common)
        planned = transfer.scheduled_date
        reason = self.env._("planned for %s", format_datetime(self.env, planned, dt_format="short")) if planned else ""
        return Step(What.GOODS_WAIT, reason=reason, turn=self.env._("Warehouse"), **common)
