from decimal import Decimal

from odoo import fields
from odoo.addons.integration_account.tests.common import BillingCase
from odoo.addons.integration_core.domain import units
from odoo.addons.integration_core.domain.equation import Bucket

FINALIZED = "clinical.service.finalized.v1"


class MonitorCase(BillingCase):
    """Messages of a mapped hospital, and the equation over all that was received."""

    def equation(self, *, companies=None, basis="received", by=("system_id",)):
        """Return the rows of the equation over a span that holds everything the tests send."""
        today = fields.Date.today()
        return self.env["integration.ledger"]._equation(
            companies or self.company,
            fields.Date.add(today, days=-400),
            fields.Date.add(today, days=400),
            by=by,
            basis=basis,
        )

    def figures(self, rows=None):
        """Return {bucket: (units, amount of USD, price unknown)} over rows, and the difference as ``lost``."""
        totals = {}
        for row in self.equation() if rows is None else rows:
            for name, tally in [(bucket.value, row.tally(bucket)) for bucket in Bucket] + [("lost", row.difference)]:
                count, amount, unknown = totals.get(name, (0, Decimal(0), 0))
                totals[name] = (count + tally.units, amount + tally.amount, unknown + tally.price_unknown)
        return {name: total for name, total in totals.items() if total != (0, Decimal(0), 0)}

    def receive_again(self, event, outcome="duplicate", reason=None, lines=None):
        """Append receipts as the gate does for a copy or a refusal of a message; return them."""
        message_units = units.units({"lines": lines or [self.line(1)], "department": "ED"}, priced=True)
        self.env["integration.receipt"]._append(
            self.system,
            message_units,
            outcome=outcome,
            webhook_id=event.webhook_id or "refused-1",
            received_at=fields.Datetime.now(),
            mode="live",
            event_uuid=event.uuid or None,
            reason=reason,
        )
