from odoo import api, models
from odoo.addons.integration_monitor.domain import trace
from odoo.addons.integration_monitor.domain.trace import Key, Stage, Step, What
from odoo.addons.integration_monitor.models.integration_trace_finder import MATCHES
from odoo.tools import float_compare, format_datetime

ORDERS = 20
TRANSFERS = 100
STAGES = (Stage.ORDER, Stage.GOODS, Stage.INVOICE, Stage.PAYMENT, Stage.EVENT, Stage.DELIVERY)
"""Stages of the flow of an order."""
OF_TRANSFERS = (Stage.GOODS, Stage.EVENT, Stage.DELIVERY)
"""Stages of a transfer that nobody ordered."""
ENDED = ("done", "cancel")
"""States of transfers after which nothing moves."""


class IntegrationTrace(models.AbstractModel):
    """The trace of what is bought: the order, its goods, its bills and payments, and to whom that was told."""

    _inherit = "integration.trace"

    # -- finding ------------------------------------------------------------------------------------------------------

    @api.model
    def _finders(self):
        return [*super()._finders(), self._find_orders, self._find_transfers]

    @api.model
    def _unsearched(self):
        unsearched = super()._unsearched()
        if not self.env["purchase.order"].has_access("read"):
            unsearched.append(self.env._("Purchase orders are not visible to you, so they are not searched."))
        if not self.env["stock.picking"].has_access("read"):
            unsearched.append(self.env._("Transfers are not visible to you, so they are not searched."))
        return unsearched

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
        transfers = self._trace_transfers_of(into, order)
        self._trace_events_about(into, order, transfers)
        # sudo: what belongs to the order; whether the reader sees each of it is asked where it is told
        self._trace_all(into, self.env["integration.event"], order.sudo().invoice_ids.sudo(False))
        return order.name

    @api.model
    def _gather_transfer(self, into, transfer):
        transfers = self._trace_transfers(into, transfer.backorder_id | transfer | transfer.backorder_ids)
        self._trace_events_about(into, transfers)
        return transfer.name or self.env._("Draft")

    @api.model
    def _relate_documents(self, into, moves):  # pylint: disable=missing-return; there is nothing to return
        super()._relate_documents(into, moves)
        # sudo: which orders a bill is for; whether the reader sees them is asked next
        orders = self._seen(moves.sudo().line_ids.purchase_line_id.order_id.sudo(False))
        into.related += [(Key("order", order.id), self.env._("Purchase order %s", order.name)) for order in orders]

    @api.model
    def _trace_partner(self, into, partner):  # pylint: disable=missing-return; there is nothing to return
        super()._trace_partner(into, partner)
        orders = self.env["purchase.order"]
        if orders.has_access("read"):
            mine = [("partner_id", "child_of", partner.commercial_partner_id.id)]
            orders = self._some(into, orders._name, mine, ORDERS)
            self._trace_orders(into, orders)
            self._trace_transfers_of(into, orders)
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
        """Add orders, and the bills that are expected."""
        changed = self._in_state(orders)
        for order in orders:
            into.steps.append(self._order_step(order, *changed.get(order.id, ("", None))))
            if self._is_to_be_billed(order):
                finance = self.env._("Finance")
                into.steps.append(
                    Step(What.BILL_EXPECTED, names=(order.name,), turn=finance, model=order._name, ids=(order.id,))
                )

    @api.model
    def _is_to_be_billed(self, order):
        """Tell whether a bill is to come: for what came, or for what was ordered, as its product says.

        What was billed before it came, or has gone back, is not: there Odoo waits too, but for no bill.
        """
        digits = self.env["decimal.precision"].precision_get("Product Unit")
        # sudo: the lines of an order that the reader sees
        quantities = order.sudo().order_line.mapped("qty_to_invoice")
        return any(float_compare(quantity, 0, precision_digits=digits) > 0 for quantity in quantities)

    @api.model
    def _order_step(self, order, who, changed):
        common = {
            "names": (order.name,),
            "model": order._name,
            "ids": (order.id,),
            "amounts": self._amount(order.currency_id, order.amount_total),
        }
        match order.state:
            case "purchase":
                at = order.date_approve or changed or order.create_date
                return Step(What.ORDER_CONFIRMED, at, who=who, **common)
            case "to approve":
                turn = self.env._("Whoever approves purchases")
                return Step(What.ORDER_WAITS, order.create_date, who=self._person(order.user_id), turn=turn, **common)
            case "cancel":
                return Step(What.ORDER_CANCELLED, changed or order.write_date, who=who, **common)
        turn = self.env._("Purchasing")
        return Step(What.ORDER_DRAFT, order.create_date, who=self._person(order.user_id), turn=turn, **common)

    @api.model
    def _trace_transfers_of(self, into, orders):
        """Add the transfers of orders, what waits before what is over; return those that the reader sees."""
        # sudo: what belongs to orders that the reader sees; whether they see each transfer is asked where it is told
        transfers = orders.sudo().picking_ids.sorted(lambda transfer: transfer.state in ENDED)
        return self._trace_transfers(into, transfers.sudo(False))

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
        ended = self._in_state(visible.filtered(lambda transfer: transfer.state in ENDED))
        into.steps += [self._transfer_step(transfer, *ended.get(transfer.id, ("", None))) for transfer in visible]
        return visible

    @api.model
    def _transfer_step(self, transfer, ender, ended):
        common = {
            "names": (transfer.name or self.env._("Draft"),),
            "model": transfer._name,
            "ids": (transfer.id,),
        }
        if transfer.state == "done":
            return Step(What.GOODS_MOVED, transfer.date_done, who=ender, **common)
        if transfer.state == "cancel":
            return Step(What.GOODS_CANCELLED, ended or transfer.write_date, who=ender, **common)
        planned = transfer.scheduled_date
        reason = self.env._("planned for %s", format_datetime(self.env, planned, dt_format="short")) if planned else ""
        who, turn = self._person(transfer.user_id), self.env._("Warehouse")
        return Step(What.GOODS_WAIT, who=who, reason=reason, turn=turn, **common)
