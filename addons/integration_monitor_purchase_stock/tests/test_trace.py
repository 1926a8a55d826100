from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_monitor.tests.test_trace import TraceCase

# With this addon's own terms; pylint: disable-next=unused-import
from odoo.addons.integration_suite.tests.test_terms import TestTerms  # noqa: F401
from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from ..models import integration_trace


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

    def receive(self, order, quantity=10, user=None):
        """Take what has come; what has not stays to be received."""
        transfer = order.with_user(user or self.buyer).picking_ids.filtered(lambda one: one.state != "done")
        transfer.move_ids.write({"quantity": quantity, "picked": True})
        transfer.with_context(skip_backorder=True).button_validate()
        self.commit()
        return transfer

    def billed(self, order):
        order.action_create_invoice()
        bill = order.invoice_ids
        bill.invoice_date = fields.Date.today()
        return bill

    def paid_apart(self, bill):
        """Pay the supplier first, and have it reconciled with a bill afterwards."""
        payment = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "supplier",
                "partner_id": bill.partner_id.id,
                "amount": bill.amount_total,
                "journal_id": self.env["account.journal"].search(
                    [("type", "=", "bank"), ("company_id", "=", self.company.id)], limit=1
                ).id,
            }
        )
        method = payment.payment_method_line_id
        method.payment_account_id = method.payment_account_id or self.env["account.account"].create(
            {"name": "Payments on their way", "code": "109901", "account_type": "asset_current", "reconcile": True}
        )
        payment.outstanding_account_id = method.payment_account_id
        payment.action_post()
        payable = (payment.move_id | bill.sudo()).line_ids.filtered(
            lambda line: line.account_id.account_type == "liability_payable"
        )
        payable.reconcile()
        self.commit()
        return payment


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
        self.commit()  # of what was made a moment ago the chatter tells no change
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
        self.commit()
        [cancelled] = self.steps(self.of(order, self.buyer), "order_cancelled")
        self.assertEqual(cancelled["who"], "buyer")
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

    def test_a_payment_that_was_reconciled_later_leads_to_the_bill_and_the_order(self):
        order = self.confirmed()
        self.receive(order)
        bill = self.billed(order)
        bill.sudo().action_post()
        payment = self.paid_apart(bill)
        self.assertFalse(payment.invoice_ids)
        flow = self.of(payment, self.buyer)
        self.assertLessEqual({"invoice_posted", "payment_made"}, {*self.whats(flow)})
        self.assertEqual(len(self.steps(flow, "payment_made")), 1)
        self.assertIn({"key": f"order-{order.id}", "title": f"Purchase order {order.name}"}, flow["related"])

    def test_no_bill_is_expected_that_has_come_before_the_goods(self):
        order = self.confirmed()
        bill = self.env["account.move"].create(
            {
                "move_type": "in_invoice",
                "partner_id": self.supplier.id,
                "company_id": self.company.id,
                "invoice_date": fields.Date.today(),
                "invoice_line_ids": [
                    Command.create(
                        {"product_id": self.gauze.id, "quantity": 10, "price_unit": 3.0, "tax_ids": [Command.clear()],
                         "purchase_line_id": order.order_line.id}
                    )
                ],
            }
        )  # fmt: skip
        bill.action_post()
        self.commit()
        self.assertEqual((order.invoice_status, order.order_line.qty_to_invoice), ("to invoice", -10))
        self.assertNotIn("bill_expected", self.whats(self.of(order, self.buyer)))

    def test_no_bill_is_expected_for_goods_that_went_back(self):
        order = self.confirmed()
        transfer = self.receive(order)
        self.billed(order).sudo().action_post()
        back = self.env["stock.return.picking"].create({"picking_id": transfer.id})
        back.product_return_moves.write({"quantity": 4, "to_refund": True})
        returned = self.env["stock.picking"].browse(back.action_create_returns()["res_id"])
        returned.move_ids.write({"quantity": 4, "picked": True})
        returned.button_validate()
        self.commit()
        self.assertEqual((order.invoice_status, order.order_line.qty_to_invoice), ("to invoice", -4))
        flow = self.of(order, self.buyer)
        self.assertNotIn("bill_expected", self.whats(flow))
        self.assertEqual(sum(step["count"] for step in self.steps(flow, "goods_moved")), 2)

    def test_what_is_billed_as_ordered_is_expected_before_it_comes(self):
        self.gauze.purchase_method = "purchase"
        flow = self.of(self.confirmed(), self.buyer)
        self.assertLessEqual({"bill_expected", "goods_wait"}, {*self.whats(flow)})

    def test_who_validated_a_transfer_is_told_and_not_who_should_have(self):
        order = self.confirmed()
        keeper = self._user("keeper", "stock.group_stock_user")
        order.picking_ids.sudo().user_id = self.boss
        self.commit()  # what one transaction changes is told as one person's
        [waits] = self.steps(self.of(order, self.buyer), "goods_wait")
        self.assertEqual(waits["who"], self.boss.name)
        self.env["res.lang"]._activate_lang("fr_FR")
        transfer = self.receive(order, user=keeper)
        self.assertEqual(transfer.state, "done")
        [moved] = self.steps(self.of(order, self.buyer), "goods_moved")
        self.assertEqual(moved["who"], "keeper")
        changes = self.env["mail.tracking.value"].search([("mail_message_id.res_id", "=", transfer.id),
                                                          ("field_id.name", "=", "state")])  # fmt: skip
        field = self.env["ir.model.fields"]._get("stock.picking", "state")
        done = field.selection_ids.filtered(lambda one: one.value == "done")
        done.with_context(lang="fr_FR").name = "Fait"
        changes.filtered(lambda one: one.new_value_char == "Done").new_value_char = "Fait"
        [moved] = self.steps(self.of(order, self.buyer), "goods_moved")
        self.assertEqual(moved["who"], "keeper", "in whose language ever")
        changes.unlink()
        [moved] = self.steps(self.of(order, self.buyer), "goods_moved")
        self.assertEqual(moved["who"], "")

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
        [waits] = self.steps(flow, "goods_wait")
        self.assertEqual(waits["names"], order.picking_ids.name)
        self.assertEqual((self.stages(flow)["order"], self.stages(flow)["goods"]), ("done", "waiting"))
        self.assertEqual(self.of(self.supplier, self.steward), {"state": "nothing"})
        self._map("supplier", "MED", self.supplier)
        stages = self.stages(self.of(self.supplier, self.steward))
        self.assertEqual((stages["order"], stages["goods"]), ("hidden", "hidden"))

    def test_of_many_transfers_those_that_wait_are_told(self):
        order = self.confirmed()
        self.receive(order, 4)
        self.receive(order, 3)
        with patch.object(integration_trace, "TRANSFERS", 1):
            for record in (order, self.supplier):
                flow = self.of(record, self.buyer)
                self.assertTrue(flow["is_cut"])
                self.assertEqual(len(self.steps(flow, "goods_wait")), 1)
                self.assertFalse(self.steps(flow, "goods_moved"))

    def test_a_supplier_costs_no_further_statements_by_orders(self):
        def cost():
            trace = self.trace(self.buyer)
            before = self.env.cr.sql_log_count
            trace.get_flow(f"partner-{self.supplier.id}")
            return self.env.cr.sql_log_count - before

        self.confirmed()
        cost()  # what is kept from one to the next
        one = cost()
        for _number in range(4):
            self.confirmed()
        self.assertLessEqual(cost(), one + 4)

    def test_what_is_not_searched_is_said(self):
        self.assertEqual(self.trace(self.buyer).find("P00001")["blind"], "")
        keeper = self._user("keeper", "integration_core.group_steward,stock.group_stock_user")
        told = self.trace(keeper).find("P00001")["blind"]
        self.assertIn("Invoices and payments are not visible to you", told)
        self.assertNotIn("Transfers", told)
        told = self.trace(self.steward).find("P00001")["blind"]
        for words in ("Invoices and payments", "Purchase orders", "Transfers"):
            self.assertIn(f"{words} are not visible to you", told)

    def test_another_companys_order_is_nothing(self):
        order = self.confirmed()
        transfer = order.picking_ids
        other = self.env["res.company"].create({"name": "Other hospital"})
        self.buyer.write({"company_ids": [Command.link(other.id)]})
        there = self.trace(self.buyer).with_context(allowed_company_ids=other.ids)
        for record in (order, transfer):
            self.assertEqual(there.get_flow(f"{record._name}-{record.id}"), {"state": "nothing"})
            self.assertFalse(there.find(record.name)["matches"])
        both = self.trace(self.buyer).with_context(allowed_company_ids=(other | self.company).ids)
        self.assertEqual(both.get_flow(f"order-{order.id}")["state"], "ok")
        flow = there.get_flow(f"partner-{self.supplier.id}")
        self.assertFalse({"order_confirmed", "goods_wait"} & {step["what"] for step in flow.get("steps", ())})

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
