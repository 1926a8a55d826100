from odoo import fields
from odoo.addons.integration_monitor.tests.test_trace import TraceCase
from odoo.addons.integration_suite.tests.test_terms import TestTerms  # noqa: F401 - with this addon's own terms
from odoo.fields import Command
from odoo.tests import HttpCase, tagged


class PurchaseCase(TraceCase):
    """A supplier, and people who buy and look."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        buyers = "purchase.group_purchase_user,stock.group_stock_user,account.group_account_invoice"
        cls.buyer = cls._user("buyer", f"integration_core.group_finance_viewer,{buyers}")
        cls.supplier = cls.env["res.partner"].create({"name": "Medline", "is_company": True})
        cls.gauze = cls.env["product.product"].create(
            {
                "name": "Gauze",
                "type": "consu",
                "is_storable": True,
                "purchase_method": "receive",
                "supplier_taxes_id": [Command.clear()],
            }
        )

    def order(self, quantity=10, price=3.0):
        """Ask the supplier for gauze."""
        line = {"product_id": self.gauze.id, "product_qty": quantity, "price_unit": price}
        return (
            self.env["purchase.order"]
            .with_user(self.buyer)
            .create({"partner_id": self.supplier.id, "order_line": [Command.create(line)]})
        )

    def confirmed(self, **more):
        order = self.order(**more)
        order.button_confirm()
        self.commit()
        return order

    def receive(self, order, quantity=10):
        """Take what has come; what has not stays to be received."""
        transfer = order.picking_ids.filtered(lambda one: one.state != "done")
        transfer.move_ids.write({"quantity": quantity, "picked": True})
        transfer.with_context(skip_backorder=True).button_validate()
        self.commit()
        return transfer

    def billed(self, order):
        order.action_create_invoice()
        bill = order.invoice_ids
        bill.invoice_date = fields.Date.today()
        return bill


@tagged("post_install", "-at_install")
class TestPurchaseTrace(PurchaseCase):
    """From the order to the payment on one page, with the reader's own rights."""

    def test_from_the_quotation_to_the_payment(self):
        order = self.order()
        flow = self.of(order, self.buyer)
        self.assertEqual((flow["title"], flow["headline"]["level"]), (order.name, "warning"))
        [draft] = self.steps(flow, "order_draft")
        self.assertEqual((draft["who"], draft["turn"]), ("buyer", "Purchasing"))
        self.assertIn("30.00", draft["money"][0])
        order.button_confirm()
        self.commit()
        flow = self.of(order, self.buyer)
        self.assertEqual(self.whats(flow), ["order_confirmed", "goods_wait"])
        [waits] = self.steps(flow, "goods_wait")
        self.assertEqual((waits["names"], waits["turn"]), (order.picking_ids.name, "Warehouse"))
        self.assertIn("planned for", waits["reason"])
        self.receive(order)
        flow = self.of(order, self.buyer)
        self.assertEqual({*self.whats(flow)}, {"order_confirmed", "goods_moved", "bill_expected"})
        self.assertEqual(self.stages(flow)["invoice"], "waiting")
        bill = self.billed(order)
        bill.sudo().action_post()
        self.commit()
        flow = self.of(order, self.buyer)
        self.assertLessEqual({"invoice_posted", "payment_waits"}, {*self.whats(flow)})
        self.assertNotIn("bill_expected", self.whats(flow))
        self.pay(bill.sudo())
        self.commit()
        flow = self.of(order, self.buyer)
        self.assertIn("payment_made", self.whats(flow))
        self.assertEqual(flow["headline"]["level"], "success")

    def test_who_confirmed_it_is_told(self):
        order = self.order().with_user(self.boss).sudo()
        order.button_confirm()
        self.commit()
        [confirmed] = self.steps(self.of(order, self.buyer), "order_confirmed")
        self.assertEqual(confirmed["who"], self.boss.name)

    def test_an_order_that_waits_for_approval_and_one_that_is_cancelled(self):
        self.company.write({"po_double_validation": "two_step", "po_double_validation_amount": 5.0})
        order = self.confirmed()
        [waits] = self.steps(self.of(order, self.buyer), "order_waits")
        self.assertEqual(waits["turn"], "Whoever approves purchases")
        order.button_cancel()
        flow = self.of(order, self.buyer)
        self.assertEqual((self.whats(flow), flow["headline"]["level"]), (["order_cancelled"], "success"))

    def test_every_record_leads_to_the_order_and_back(self):
        order = self.confirmed()
        transfer = self.receive(order)
        bill = self.billed(order)
        for record in (order, transfer):
            with self.subTest(record._name):
                flow = self.of(record, self.buyer)
                self.assertEqual(flow["key"], f"order-{order.id}")
                opened = [(step["open"]["res_model"], step["open"].get("res_id")) for step in flow["steps"]]
                self.assertIn((record._name, record.id), opened)
        flow = self.of(bill, self.buyer)
        self.assertIn({"key": f"order-{order.id}", "title": f"Purchase order {order.name}"}, flow["related"])
        related = self.of(order, self.buyer)["related"]
        self.assertEqual(related, [{"key": f"partner-{self.supplier.id}", "title": "Medline"}])
        for text in (order.name, transfer.name):
            with self.subTest(text):
                found = self.trace(self.buyer).find(text)["matches"]
                self.assertEqual([one["key"] for one in found], [f"order-{order.id}"])

    def test_a_part_that_has_not_come_still_waits(self):
        order = self.confirmed()
        first = self.receive(order, 4)
        flow = self.of(order, self.buyer)
        self.assertEqual({*self.whats(flow)}, {"order_confirmed", "goods_moved", "goods_wait", "bill_expected"})
        [waits] = self.steps(flow, "goods_wait")
        self.assertEqual(waits["names"], (order.picking_ids - first).name)

    def test_a_transfer_that_nobody_ordered_has_a_flow_of_its_own(self):
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", self.company.id)], limit=1)
        ward = self.env["stock.location"].create({"name": "Ward", "location_id": warehouse.lot_stock_id.id})
        transfer = self.env["stock.picking"].create(
            {
                "picking_type_id": warehouse.int_type_id.id,
                "location_id": warehouse.lot_stock_id.id,
                "location_dest_id": ward.id,
            }
        )
        flow = self.of(transfer, self.buyer)
        self.assertEqual((flow["key"], self.whats(flow)), (f"transfer-{transfer.id}", ["goods_wait"]))
        self.assertEqual([one["stage"] for one in flow["stages"]], ["goods", "event", "delivery"])
        transfer.action_cancel()
        self.assertEqual(self.whats(self.of(transfer, self.buyer)), ["goods_cancelled"])

    def test_a_supplier_shows_the_last_orders(self):
        order = self.confirmed()
        flow = self.of(self.supplier, self.buyer)
        [step] = self.steps(flow, "order_confirmed")
        self.assertEqual(step["names"], order.name)
        self.assertIn("order", self.stages(flow))
        self.assertEqual(self.stages(self.of(self.supplier, self.steward))["order"], "hidden")

    def test_a_clinical_flow_has_no_stages_of_orders(self):
        self.finalize("E-1", self.line(1))
        flow = self.flow(f"encounter-{self.system.id}-E-1")
        self.assertFalse({"order", "goods"} & self.stages(flow).keys())

    def test_what_the_reader_may_not_see_is_not_told(self):
        order = self.confirmed()
        for record in (order, order.picking_ids):
            self.assertEqual(self.of(record, self.steward), {"state": "nothing"})
        self.assertFalse(self.trace(self.steward).find(order.name)["matches"])
        rule = self.env["ir.rule"].create(
            {
                "name": "No transfers",
                "model_id": self.env["ir.model"]._get_id("stock.picking"),
                "domain_force": "[('id', '=', 0)]",
            }
        )
        flow = self.of(order, self.buyer)
        [hidden] = self.steps(flow, "hidden")
        self.assertEqual((hidden["stage"], hidden["count"], hidden["open"]), ("goods", 1, None))
        rule.unlink()
        self.env["ir.model.access"].search([("model_id.model", "=", "stock.picking")]).unlink()
        flow = self.of(order, self.buyer)
        self.assertEqual(self.stages(flow)["goods"], "hidden")
        self.assertNotIn("goods_wait", self.whats(flow))

    def test_what_was_told_of_an_order_is_there(self):
        order = self.confirmed()
        _charges, invoice = self.bill("E-1")
        self.post_invoice(invoice)
        event = self.events("finance.invoice.posted.v1", invoice)
        self.env.cr.execute(
            "UPDATE integration_event SET res_model = 'purchase.order', res_id = %s WHERE id = %s", (order.id, event.id)
        )
        [emitted] = self.steps(self.of(order, self.buyer), "event_emitted")
        self.assertEqual(emitted["open"]["res_id"], event.id)


@tagged("post_install", "-at_install")
class TestPurchaseTraceScreen(PurchaseCase, HttpCase):
    """The button in a browser: there and back."""

    def test_the_button_of_an_order_and_of_a_transfer_leads_there_and_back(self):
        self.env["res.users"].search([]).write({"tour_enabled": False})
        order = self.confirmed()
        for address in (f"purchase.order/{order.id}", f"stock.picking/{order.picking_ids.id}"):
            with self.subTest(address):
                self.start_tour(f"/odoo/{address}", "integration_trace_purchase", login="buyer")
