from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..domain import month_end
from ..domain.month_end import Standing
from .integration_ledger import WITHOUT_RECEIPT

SHOWN_MONTHS = 3
"""Months that are shown where no month was chosen: this one and those before it."""
STANDINGS = [
    ("invoiced", "Invoiced"),
    ("review", "In review"),
    ("ready", "Ready"),
    ("held", "On hold"),
    ("mapping", "Waiting for a mapping"),
    ("price", "Price unknown"),
    ("parked", "Parked otherwise"),
    ("waiting", "Not carried out yet"),
    ("voided", "Voided"),
    ("rejected", "Rejected"),
    ("duplicate", "Duplicate"),
    ("no_charge", "Without a charge"),
    ("unaccounted", "Unaccounted"),
]
BANDS = [
    ("week", "Up to 7 days"),
    ("month", "8 to 30 days"),
    ("two_months", "31 to 60 days"),
    ("quarter", "61 to 90 days"),
    ("older", "Over 90 days"),
]

# Where a line stands, from what the equation says became of it and from its charge and invoice.
_STANDING = SQL(
    """
    CASE
        WHEN u.bucket IS NULL THEN 'unaccounted'
        WHEN u.bucket IN ('rejected', 'duplicate', 'waiting') THEN u.bucket
        WHEN u.bucket = 'parked' AND c.park_reason IN %(mapping)s THEN 'mapping'
        WHEN u.bucket = 'parked' AND c.park_reason IN %(price)s THEN 'price'
        WHEN u.bucket = 'parked' THEN 'parked'
        WHEN c.id IS NULL THEN 'no_charge'
        WHEN c.state IN ('held', 'ready') THEN c.state
        WHEN c.state IN ('withdrawn', 'reversed') THEN 'voided'
        WHEN c.state = 'billed' AND v.state = 'posted' THEN 'invoiced'
        ELSE 'review'
    END
    """,
    mapping=month_end.MAPPING_REASONS,
    price=month_end.PRICE_REASONS,
)


class IntegrationMonthLine(models.Model):
    """What lies behind the figures of a month: one row per line of service that was received, read from the tables.

    Only lines that can carry a price are here; admissions, discharges and voids are messages without money. The context
    key ``service_month`` (a day of it) names the month of service; without it the last months are shown. Amounts are as
    sent; ``worth`` is what an invoice will say where the charge is worked out, else the amount as sent.
    """

    _name = "integration.month.line"
    _description = "Line of service"
    _auto = False
    _order = "service_day desc, id desc"
    _rec_name = "encounter"

    company_id = fields.Many2one("res.company", readonly=True)
    system_id = fields.Many2one("integration.system", readonly=True)
    service_month = fields.Date("Month of service", readonly=True)
    service_day = fields.Date("Day of service", readonly=True, help="Local to the facility.")
    received_at = fields.Datetime("Received", readonly=True)
    encounter = fields.Char(readonly=True)
    line = fields.Char(readonly=True)
    service_code = fields.Char("Service", readonly=True)
    cost_center = fields.Char(readonly=True, help="The cost center as sent, else the department, else 'unassigned'.")
    currency = fields.Char(readonly=True, help="ISO 4217, as sent; empty where the line names none.")
    # Sums would add currencies to each other: those that are shown are made by statement, see _cells.
    amount = fields.Float(
        "Amount as sent",
        min_display_digits=2,
        readonly=True,
        aggregator=None,
        help="Quantity × unit price; empty where no price was sent.",
    )
    price_unknown = fields.Boolean("Without a price", readonly=True, help="The message carried no price.")
    standing = fields.Selection(STANDINGS, "Where it stands", readonly=True)
    adds_up = fields.Boolean(
        readonly=True,
        help="It was received, and became something of the same amount: else it is part of *Unaccounted*.",
    )
    band = fields.Selection(BANDS, "Age", readonly=True, help="Since it was received.")
    late = fields.Selection(
        [("arrived", "Arrived"), ("ready", "Became ready")],
        readonly=True,
        help="What happened only after its month was signed off for the first time.",
    )
    ready_at = fields.Datetime("Became ready", readonly=True)
    worth = fields.Float(
        "Will be invoiced",
        min_display_digits=2,
        readonly=True,
        aggregator=None,
        help="Without tax: as the charge was worked out, else as sent.",
    )
    worth_currency = fields.Char("Invoice currency", readonly=True)
    charge_id = fields.Many2one("integration.charge", readonly=True)
    invoice_id = fields.Many2one("account.move", readonly=True)

    @property
    def _table_query(self):
        first, last = self._span()
        return self._query(self.env.companies.ids, first, last)

    def _span(self):
        """Return first and last day of what is shown."""
        if month := self.env.context.get("service_month"):
            first = month_end.first_of(str(month), fields.Date.today())
            return first, month_end.last_of(first)
        today = fields.Date.context_today(self)
        first = fields.Date.subtract(today.replace(day=1), months=SHOWN_MONTHS - 1)
        return first, month_end.last_of(today)

    @api.model
    def _query(self, company_ids, first, last):
        """Return SQL with one row per line of service of some days, both included.

        It reads by the indexes of `integration.ledger` and never outside the span.
        """
        ledger = self.env["integration.ledger"]
        ledger._flush()
        self.env["account.move"].flush_model(["state"])
        self.env["integration.month"].flush_model()
        return SQL(
            """
            SELECT l.*, date_trunc('month', l.service_day)::date AS service_month,
                   CASE WHEN l.standing IN ('rejected', 'duplicate', 'no_charge') THEN NULL
                        WHEN l.received_at > m.closed_at THEN 'arrived'
                        WHEN l.ready_at > m.closed_at THEN 'ready' END AS late
              FROM (%(lines)s) l
              LEFT JOIN integration_month m
                ON m.company_id = l.company_id AND m.date_from = date_trunc('month', l.service_day)::date
            """,
            lines=self._lines(ledger._units(company_ids, first, last, "service")),
        )

    @api.model
    def _lines(self, units):
        return SQL(
            """
            SELECT u.id, u.company_id, u.system_id, u.day AS service_day, u.received_at, u.encounter,
                   u.unit AS line, u.service_code, u.cost_center, COALESCE(u.currency, '') AS currency,
                   u.received, u.amount_received, u.unknown_received, u.bucket IS NOT NULL AS counted,
                   u.received AND u.bucket IS NOT NULL AND u.amount IS NOT DISTINCT FROM u.amount_received
                       AND u.price_unknown IS NOT DISTINCT FROM u.unknown_received AS adds_up,
                   COALESCE(u.amount, u.amount_received) AS amount, u.amount AS amount_counted, u.price_unknown,
                   %(standing)s AS standing, %(band)s AS band, c.ready_at, c.id AS charge_id, v.id AS invoice_id,
                   CASE WHEN c.state IN %(worked_out)s THEN c.amount ELSE u.amount END AS worth,
                   CASE WHEN c.state IN %(worked_out)s THEN k.name ELSE u.currency END AS worth_currency
              FROM (%(units)s) u
              LEFT JOIN integration_charge c ON c.id = u.charge_id
              LEFT JOIN account_move v ON v.id = c.invoice_id
              LEFT JOIN res_currency k ON k.id = c.currency_id
             WHERE u.amount_received IS NOT NULL OR u.unknown_received OR u.charge_id IS NOT NULL
            """,
            standing=_STANDING,
            band=self._band(),
            worked_out=("held", "ready", "approved", "billed"),
            units=units,
        )

    @api.model
    def _band(self):
        days = SQL("extract(epoch FROM %s::timestamp - u.received_at) / 86400", fields.Datetime.now())
        whens = SQL(" ").join(SQL("WHEN %s < %s THEN %s", days, most + 1, name) for most, name in month_end.AGES)
        return SQL("CASE %s ELSE %s END", whens, month_end.OLDER)

    @api.depends("encounter", "line")
    def _compute_display_name(self):
        for one in self:
            one.display_name = f"{one.encounter or ''} / {one.line or ''}"

    @api.model
    def _behind(self, month, company, domain):
        """Return (domain, context) of the rows behind a figure of a month (its first day)."""
        within = Domain("company_id", "=", company.id) & Domain(domain)
        return list(within), {"service_month": fields.Date.to_string(month)}

    def action_open(self):
        """Open what the row is about: its charge, else its receipt."""
        self.check_access("read")
        self.ensure_one()
        if self.charge_id:
            model, record_id = "integration.charge", self.charge_id.id
        elif self.id < WITHOUT_RECEIPT:
            model, record_id = "integration.receipt", self.id
        else:
            raise UserError(self.env._("No receipt belongs to this line: tell an administrator."))
        return {
            "type": "ir.actions.act_window",
            "name": self.display_name,
            "res_model": model,
            "res_id": record_id,
            "views": [(False, "form")],
        }

    @api.model
    def _cells(self, company, first, last):
        """Return the lines of a company and of some days as :class:`month_end.Cell`: those that are alike together."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT l.cost_center, l.currency, l.standing, l.band, l.late IS NOT NULL,
                       count(*) FILTER (WHERE l.received), sum(l.amount_received)::text,
                       count(*) FILTER (WHERE l.unknown_received),
                       count(*) FILTER (WHERE l.counted), (sum(l.amount_counted) FILTER (WHERE l.counted))::text,
                       count(*) FILTER (WHERE l.counted AND l.price_unknown),
                       count(*), sum(l.worth)::text, count(*) FILTER (WHERE l.worth IS NULL),
                       COALESCE(l.worth_currency, '')
                  FROM (%s) l GROUP BY 1, 2, 3, 4, 5, l.worth_currency
                """,
                self._query(company.ids, first, last),
            )
        )
        return [
            month_end.Cell(
                month_end.Key(center, currency, Standing(standing)),
                band,
                late,
                month_end.tally_of(*numbers[0:3]),
                month_end.tally_of(*numbers[3:6]),
                worth_currency,
                month_end.tally_of(*numbers[6:9]),
            )
            for center, currency, standing, band, late, *numbers, worth_currency in rows
        ]
