import re
from contextlib import contextmanager
from decimal import Decimal
from unittest.mock import patch

from odoo import fields
from odoo.addons.integration_account.tests.common import BillingCase
from odoo.addons.integration_core.domain import units
from odoo.addons.integration_core.domain.equation import Bucket

FINALIZED = "clinical.service.finalized.v1"
OPEN = "|".join(f"integration_{name}_idx" for name in ("charge_parked", "charge_held", "effect_open", "delivery_dead"))
"""Indexes that hold nothing but what is open: to read one of them whole is to read no history."""
HISTORY = ("integration_receipt", "integration_delivery_count")
"""Tables that get a history here, so that the planner chooses as it does in a database that has been used for long."""
GROWING = (
    "integration_event",
    "integration_delivery",
    "integration_attempt",
    "integration_charge",
    "integration_effect",
    "integration_audit",
)
"""Tables of a few rows here, whose plans say nothing: of them is asked whether there is a way by index."""


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


class PlanCase(MonitorCase):
    """What is read does not grow with what lies behind it: the plans of statements, looked at beside a history."""

    @contextmanager
    def noting(self):
        """Collect the statements that are run meanwhile."""
        noted = []
        genuine = type(self.env.cr).execute

        def execute(cr, query, params=None, log_exceptions=True):
            result = genuine(cr, query, params, log_exceptions)
            noted.append(cr._obj.query.decode())
            return result

        with patch.object(type(self.env.cr), "execute", execute):
            yield noted

    def make_history(self):
        """Have some tables look as in a database that has been used for long."""
        self.env.cr.execute(
            """
            INSERT INTO integration_receipt
                   (company_id, system_id, webhook_id, event_id, outcome, received_at, received_day, service_day, mode,
                    encounter)
            SELECT company_id, id, 'old-' || n, -n, 'duplicate', now() - n * interval '1 day',
                   CURRENT_DATE - n, CURRENT_DATE - n, 'live', 'OLD-' || n
              FROM generate_series(100, 6000) AS n,
                   (SELECT id, company_id FROM integration_system ORDER BY id LIMIT 3) AS s;
            ANALYZE integration_receipt;
            INSERT INTO integration_delivery_count
                   (minute, company_id, subscription_id, lane, state, outcome, slot, tries, latency_ms, grain)
            SELECT now() - n * interval '1 hour', 1, 1, 1, 'done', 'delivered', 1, 1, 1, 2
              FROM generate_series(1000, 20000) AS n;
            ANALYZE integration_delivery_count
            """
        )

    def check_plans(self, noted):
        """Check that no statement reads a table that grows from end to end.

        :param dict noted: {who or what runs them: list of statements}
        """
        # Beside a table of a few rows a merge looks cheap, as it expects to stop early: that says nothing of a history.
        self.env.cr.execute("SET LOCAL enable_mergejoin = off")
        for what, statement, plan in self._plans(noted):
            for table in HISTORY:
                with self.subTest(what, statement=" ".join(statement.split())[:200], table=table):
                    self.assertFalse(re.search(rf"Seq Scan on {table}\b", plan), plan)
                    whole = rf"using (?!{OPEN})\w+ on {table}\b[^\n]*\n(?! *Index Cond)"
                    self.assertFalse(re.search(whole, plan), plan)
        self.env.cr.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off")
        for what, statement, plan in self._plans(noted):
            for table in GROWING:
                with self.subTest(what, statement=" ".join(statement.split())[:200], table=table):
                    self.assertFalse(re.search(rf"Seq Scan on {table}\b", plan), plan)

    def _plans(self, noted):
        for what, statements in noted.items():
            for statement in statements:
                if statement.lstrip().upper().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
                    self.env.cr.execute("EXPLAIN " + statement)  # pylint: disable=sql-injection; the suite's own
                    yield what, statement, "\n".join(row[0] for row in self.env.cr.fetchall())
