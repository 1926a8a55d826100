from odoo import api, fields, models
from odoo.tools import SQL

DAYS = 92
BUCKETS = ("applied", "waiting", "parked", "rejected", "duplicate")


class IntegrationLedgerLine(models.Model):
    """The equation as a list: one row per company, system, day, currency and cost center, read from the tables.

    The context key ``ledger_basis`` says which day: of receipt (``received``) or of service (``service``).
    """

    _name = "integration.ledger.line"
    _description = "Reconciliation"
    _auto = False
    _order = "day desc, system_id, currency, cost_center, id"
    _rec_name = "day"

    company_id = fields.Many2one("res.company", readonly=True)
    system_id = fields.Many2one("integration.system", readonly=True)
    day = fields.Date(readonly=True)
    currency = fields.Char(readonly=True, help="ISO 4217; empty for messages that carry no money.")
    cost_center = fields.Char(readonly=True, help="The cost center as sent, else the department, else 'unassigned'.")
    received = fields.Integer(readonly=True)
    applied = fields.Integer(readonly=True)
    waiting = fields.Integer(readonly=True)
    parked = fields.Integer(readonly=True)
    rejected = fields.Integer(readonly=True)
    duplicate = fields.Integer(readonly=True)
    unaccounted = fields.Integer(readonly=True, help="Received less all the others: 0 when nothing is lost.")
    price_unknown = fields.Integer(readonly=True, help="Received units without a price: counted, never as 0.")
    received_amount = fields.Float("Amount received", min_display_digits=2, readonly=True, aggregator=None)
    applied_amount = fields.Float("Amount applied", min_display_digits=2, readonly=True, aggregator=None)
    waiting_amount = fields.Float("Amount waiting", min_display_digits=2, readonly=True, aggregator=None)
    parked_amount = fields.Float("Amount parked", min_display_digits=2, readonly=True, aggregator=None)
    rejected_amount = fields.Float("Amount rejected", min_display_digits=2, readonly=True, aggregator=None)
    duplicate_amount = fields.Float("Amount duplicate", min_display_digits=2, readonly=True, aggregator=None)
    unaccounted_amount = fields.Float("Amount unaccounted", min_display_digits=2, readonly=True, aggregator=None)

    @property
    def _table_query(self):
        ledger = self.env["integration.ledger"]
        ledger._flush()
        today = fields.Date.context_today(self)
        units = ledger._units(
            self.env.companies.ids,
            fields.Date.subtract(today, days=DAYS),
            fields.Date.add(today, days=1),
            self._basis(),
        )
        counts = SQL(", ").join(
            SQL("count(*) FILTER (WHERE u.bucket = %s) AS %s", name, SQL.identifier(name)) for name in BUCKETS
        )
        amounts = SQL(", ").join(
            SQL("COALESCE(sum(u.amount) FILTER (WHERE u.bucket = %s), 0) AS %s", name, SQL.identifier(f"{name}_amount"))
            for name in BUCKETS
        )
        return SQL(
            """
            SELECT min(u.id) AS id, u.company_id, u.system_id, u.day, u.currency, u.cost_center,
                   count(*) FILTER (WHERE u.received) AS received, %(counts)s,
                   count(*) FILTER (WHERE u.received) - count(u.bucket) AS unaccounted,
                   count(*) FILTER (WHERE u.unknown_received) AS price_unknown,
                   COALESCE(sum(u.amount_received), 0) AS received_amount, %(amounts)s,
                   COALESCE(sum(u.amount_received), 0)
                       - COALESCE(sum(u.amount) FILTER (WHERE u.bucket IS NOT NULL), 0) AS unaccounted_amount
              FROM (%(units)s) u GROUP BY u.company_id, u.system_id, u.day, u.currency, u.cost_center
            """,
            counts=counts,
            amounts=amounts,
            units=units,
        )

    @api.model
    def _basis(self):
        return "service" if self.env.context.get("ledger_basis") == "service" else "received"

    def action_open_receipts(self):
        """Open the receipts behind this row."""
        self.check_access("read")
        self.ensure_one()
        day = [("service_day", "=", self.day)] if self._basis() == "service" else [("received_day", "=", self.day)]
        if self._basis() == "service":
            day = ["|", *day, "&", ("service_day", "=", False), ("received_day", "=", self.day)]
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Receipts of %(system)s, %(day)s", system=self.system_id.name, day=self.day),
            "res_model": "integration.receipt",
            "views": [(False, "list"), (False, "form")],
            "domain": [
                ("company_id", "=", self.company_id.id),
                ("system_id", "=", self.system_id.id),
                ("currency", "=", self.currency),
                ("money_center", "=", self.cost_center),
                ("mode", "=", "live"),
                *day,
            ],
        }
