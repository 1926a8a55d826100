from odoo import api, fields, models
from odoo.addons.integration_core.fields import UncheckedMany2one
from odoo.addons.integration_inbound.domain import reasons
from odoo.fields import Domain
from odoo.tools import SQL

BUCKETS = [
    ("applied", "Applied"),
    ("waiting", "Waiting"),
    ("parked", "Parked"),
    ("rejected", "Rejected"),
    ("duplicate", "Duplicate"),
    ("unaccounted", "Unaccounted"),
]


class IntegrationReceipt(models.Model):
    _inherit = "integration.receipt"

    settled = fields.Selection(
        BUCKETS,
        "Had become of it",
        readonly=True,
        help="What the equation said when the rules of retention removed the message; empty as long as it is there.",
    )
    # A charge is nobody's to delete. Were it gone all the same, the equation would say that the unit is unaccounted.
    settled_charge_id = UncheckedMany2one(
        "integration.charge",
        "Had become the charge",
        readonly=True,
        groups="integration_core.group_finance_viewer",
    )
    bucket = fields.Selection(
        BUCKETS,
        "What became of it",
        compute="_compute_bucket",
        search="_search_bucket",
        help="As the equation counts it: from effects, charges and deliveries, not from the receipt. Of a message that "
        "the rules of retention have removed: what it said then.",
    )
    is_open = fields.Boolean(
        "May wait",
        compute="_compute_is_open",
        search="_search_is_open",
        help="A delivery of its message is due or a dead letter, or an effect of it waits: read from what is open, "
        "never from history.",
    )
    money_center = fields.Char(
        "Cost center",
        compute="_compute_money_center",
        search="_search_money_center",
        help="The cost center as sent, else the department as sent, else 'unassigned'.",
    )
    reason_title = fields.Char("Why", compute="_compute_reason_title")
    charge_id = fields.Many2one(
        "integration.charge", compute="_compute_charge_id", groups="integration_core.group_finance_viewer"
    )

    @api.depends("reason")
    @api.depends_context("lang")
    def _compute_reason_title(self):
        names = {code: reason.says for code, reason in reasons.REASONS.items()}
        names |= self.env["integration.overview"]._reason_names()
        for receipt in self:
            receipt.reason_title = names.get(receipt.reason) or receipt.reason

    def _compute_bucket(self):
        self.env["integration.ledger"]._flush()
        buckets = dict(
            self.env.execute_query(
                SQL(
                    "SELECT r0.id, %s FROM integration_receipt r0 WHERE r0.id IN %s",
                    self.env["integration.ledger"]._bucket_of("r0"),
                    tuple(self.ids) or (0,),
                )
            )
        )
        for receipt in self:
            receipt.bucket = buckets.get(receipt.id) or "unaccounted"

    @api.model
    def _search_bucket(self, operator, value):
        if operator != "in":
            return NotImplemented
        ledger = self.env["integration.ledger"]
        ledger._flush()

        def to_sql(_model, alias, _query):
            return SQL("COALESCE(%s, 'unaccounted') IN %s", ledger._bucket_of(alias), tuple(value) or ("",))

        return Domain.custom(to_sql=to_sql)

    def _compute_is_open(self):
        found = self.search([("id", "in", self.ids), ("is_open", "=", True)])
        for receipt in self:
            receipt.is_open = receipt in found

    @api.model
    def _search_is_open(self, operator, value):
        if operator != "in":
            return NotImplemented
        ledger = self.env["integration.ledger"]
        ledger._flush()
        companies = self.env.companies

        def to_sql(_model, alias, _query):
            event = SQL.identifier(alias, "event_id")
            return SQL("%s IS NOT NULL AND %s = ANY (ARRAY(%s))", event, event, ledger._open_events(companies))

        is_open = Domain.custom(to_sql=to_sql)
        return is_open if True in value else ~is_open

    @api.depends("cost_center", "department")
    def _compute_money_center(self):
        for receipt in self:
            receipt.money_center = receipt.cost_center or receipt.department or "unassigned"

    @api.model
    def _search_money_center(self, operator, value):
        if operator != "in":
            return NotImplemented

        def to_sql(_model, alias, _query):
            table = SQL.identifier(alias)
            return SQL(
                "COALESCE(%s.cost_center, %s.department, 'unassigned') IN %s", table, table, tuple(value) or ("",)
            )

        return Domain.custom(to_sql=to_sql)

    @api.depends("event_id", "unit", "settled_charge_id")
    def _compute_charge_id(self):
        charges = self.env["integration.charge"].search([("event_id", "in", self.event_id.ids)])
        found = {(charge.event_id.id, charge.unit): charge for charge in charges}
        noted = self.settled_charge_id.exists()
        for receipt in self:
            own = found.get((receipt.event_id.id, receipt.unit), False)
            receipt.charge_id = own if receipt.event_id else receipt.settled_charge_id & noted
