from odoo.tests import tagged

from .common import MonitorCase


@tagged("post_install", "-at_install")
class TestReconciliation(MonitorCase):
    """The equation as a list, and the receipts behind each figure."""

    def setUp(self):
        super().setUp()
        self.finalize("E-1", self.line(1), self.line(2, service="NEW", price="80.00"))

    def lines(self, **context):
        self.env.invalidate_all()  # each basis is a request of its own
        return self.env["integration.ledger.line"].with_context(**context).search([("system_id", "=", self.system.id)])

    def test_one_row_per_day_currency_and_cost_center(self):
        line = self.lines()
        self.assertRecordValues(
            line,
            [
                {
                    "currency": "USD",
                    "cost_center": "ED",
                    "received": 2,
                    "applied": 1,
                    "parked": 1,
                    "unaccounted": 0,
                    "received_amount": 200.0,
                    "parked_amount": 80.0,
                    "unaccounted_amount": 0.0,
                }
            ],
        )

    def test_a_lost_charge_makes_its_row_red(self):
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM integration_charge WHERE encounter = 'E-1' AND line = '1'")
        self.env.invalidate_all()
        line = self.lines().filtered(lambda row: row.unaccounted)
        self.assertEqual((line.unaccounted, line.unaccounted_amount), (1, 120.0))

    def test_a_row_opens_its_receipts(self):
        for basis in ("received", "service"):
            action = self.lines(ledger_basis=basis).action_open_receipts()
            receipts = self.env["integration.receipt"].search(action["domain"])
            self.assertEqual(sorted(receipts.mapped("unit")), ["1", "2"])

    def test_each_bucket_finds_exactly_its_receipts(self):
        receipts = self.env["integration.receipt"].search([("system_id", "=", self.system.id)])
        for bucket in ("applied", "parked", "waiting", "rejected", "duplicate", "unaccounted"):
            found = receipts.search([("system_id", "=", self.system.id), ("bucket", "=", bucket)])
            self.assertEqual(found, receipts.filtered(lambda receipt, b=bucket: receipt.bucket == b))

    def test_a_receipt_leads_to_its_charge(self):
        receipt = self.env["integration.receipt"].search([("encounter", "=", "E-1"), ("unit", "=", "1")])
        self.assertEqual(receipt.charge_id, self.charges("E-1", 1))
        self.assertEqual(receipt.money_center, "ED")

    def test_grouping_adds_up(self):
        groups = self.env["integration.ledger.line"]._read_group(
            [("system_id", "=", self.system.id)], ["currency"], ["received:sum", "applied:sum", "parked:sum"]
        )
        self.assertEqual(groups, [("USD", 2, 1, 1)])
