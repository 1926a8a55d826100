from datetime import date
from decimal import Decimal

from odoo import api, models
from odoo.addons.integration_core.domain import equation
from odoo.tools import SQL

WITHOUT_RECEIPT = 1_000_000_000
"""What is added to the id of an effect that no receipt belongs to, so that no receipt has it, too."""
DIMENSIONS = ("company_id", "system_id", "currency", "cost_center", "day")

# What became of one unit. The right side of the equation never reads the receipt's own word for it, refusals and copies
# apart: an accepted unit counts as applied because its effect, and the charge or encounter that carries it, is there.
_EFFECT_BUCKET = SQL(
    """
    CASE
        WHEN f.res_model = 'integration.charge' AND c.id IS NULL THEN NULL
        WHEN f.res_model = 'integration.encounter'
             AND NOT EXISTS (SELECT 1 FROM integration_encounter n WHERE n.id = f.res_id) THEN NULL
        WHEN own.id IS NULL THEN f.status
        WHEN own.state IN ('parked', 'rejected') THEN own.state
        ELSE 'applied'
    END
    """
)
# Without an effect the deliveries tell: not applied yet, given up by a person, or nobody subscribed. A handler that is
# done and left no effect has lost the unit, and that must show. Endpoints have no effects: there, delivered is applied.
_DELIVERY_BUCKET = SQL(
    """
    (SELECT CASE
                WHEN count(*) = 0 THEN 'parked'
                WHEN bool_or(d.state IN ('waiting', 'dead')) THEN 'waiting'
                WHEN bool_or(d.state = 'skipped') THEN 'rejected'
                WHEN bool_and(d.consumer <> 'handler') THEN 'applied'
            END
       FROM integration_delivery d WHERE d.event_id = r.event_id)
    """
)
# Retention removes events of which nothing is open. What the equation said of their units then stays with the receipts,
# and which charge they had become: that is looked at as before. Without that note nobody knows what became of them.
_NOTED_BUCKET = SQL(
    """
    CASE
        WHEN r.settled_charge_id IS NULL THEN NULLIF(r.settled, 'unaccounted')
        WHEN own.id IS NULL THEN NULL
        WHEN own.state IN ('parked', 'rejected') THEN own.state
        ELSE 'applied'
    END
    """
)
_BUCKET = SQL(
    """
    CASE
        WHEN r.outcome <> 'accepted' THEN r.outcome
        WHEN r.event_id IS NULL THEN %s
        WHEN f.id IS NOT NULL THEN %s
        ELSE %s
    END
    """,
    _NOTED_BUCKET,
    _EFFECT_BUCKET,
    _DELIVERY_BUCKET,
)
_JOINS = SQL(
    """
    LEFT JOIN integration_effect f ON f.event_id = r.event_id AND f.unit = r.unit AND r.outcome = 'accepted'
    LEFT JOIN integration_charge c ON f.res_model = 'integration.charge' AND c.id = f.res_id
    LEFT JOIN integration_charge own
           ON own.id = CASE WHEN r.event_id IS NULL THEN r.settled_charge_id ELSE c.id END
          AND (r.event_id IS NULL OR own.event_id = f.event_id AND own.unit = f.unit)
    """
)


class IntegrationLedger(models.AbstractModel):
    """The equation: ``received = applied + waiting + parked + rejected + duplicate``, in units and in money.

    Received comes from the receipts, which the gate wrote in the transaction of each message. The right side comes
    from the effects, the charges and the deliveries; only duplicates and refusals are the receipt's own word, for
    nothing else came of them. What the right side cannot show is *unaccounted*. Test traffic is left out. Days are
    local to the system; a unit without a day of service is counted on its day of receipt.
    """

    _name = "integration.ledger"
    _description = "The equation"

    @api.model
    def _equation(self, companies, day_from, day_to, *, by=("system_id",), basis="received"):
        """Return the equation of ``companies`` over a span of days, one row per currency and value of ``by``.

        Amounts of different currencies are never added: the currency is always part of the row.

        :param companies: ``res.company`` records
        :param date day_from: first day
        :param date day_to: last day, included
        :param by: names out of ``DIMENSIONS`` by which rows are told apart
        :param str basis: ``received`` (day of receipt) or ``service`` (day of service)
        :return: list of :class:`equation.Row`; ids are 0 and days None where not asked for
        """
        self._flush()
        wanted = {*by, "currency"}
        columns = SQL(", ").join(SQL("u.%s", SQL.identifier(name)) for name in DIMENSIONS if name in wanted)
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT %(columns)s, u.bucket, count(*) AS units, count(*) FILTER (WHERE u.received) AS received,
                       sum(u.amount_received)::text AS amount_received, sum(u.amount)::text AS amount,
                       count(*) FILTER (WHERE u.unknown_received) AS unknown_received,
                       count(*) FILTER (WHERE u.price_unknown) AS price_unknown
                  FROM (%(units)s) u GROUP BY %(columns)s, u.bucket
                """,
                columns=columns,
                units=self._units(companies.ids, day_from, day_to, basis),
            )
        )
        return self._rows(rows)

    @api.model
    def _rows(self, rows):
        ledger = equation.Ledger()
        for row in rows:
            key = equation.Key(
                company=row.get("company_id") or 0,
                system=row.get("system_id") or 0,
                currency=row["currency"],
                cost_center=row.get("cost_center") or equation.UNASSIGNED,
                day=row.get("day"),
            )
            ledger.add(
                equation.Bucket.RECEIVED,
                key,
                units=row["received"],
                amount=Decimal(row["amount_received"] or 0),
                price_unknown=row["unknown_received"],
            )
            if row["bucket"]:
                ledger.add(
                    equation.Bucket(row["bucket"]),
                    key,
                    units=row["units"],
                    amount=Decimal(row["amount"] or 0),
                    price_unknown=row["price_unknown"],
                )
        return list(ledger.rows())

    @api.model
    def _flush(self):
        # The other tables of the equation are written by SQL.
        self.env["integration.charge"].flush_model()
        self.env["integration.encounter"].flush_model()
        self.env["integration.system"].flush_model()

    @api.model
    def _units(self, company_ids, day_from: date, day_to: date, basis="received"):
        """Return SQL with one row per unit: its dimensions, what was received and what became of it.

        Reads by the indexes on (company, day) and never outside the span of days.
        """
        return SQL(
            "%s UNION ALL %s",
            self._units_of_receipts(company_ids, day_from, day_to, basis),
            self._units_without_receipt(company_ids, day_from, day_to),
        )

    @api.model
    def _units_of_receipts(self, company_ids, day_from, day_to, basis):
        if basis == "service":
            day = SQL("COALESCE(r.service_day, r.received_day)")
            span = SQL(
                "(r.service_day BETWEEN %(from)s AND %(to)s"
                " OR r.service_day IS NULL AND r.received_day BETWEEN %(from)s AND %(to)s)",
                **{"from": day_from, "to": day_to},
            )
        else:
            day = SQL("r.received_day")
            span = SQL("r.received_day BETWEEN %s AND %s", day_from, day_to)
        return SQL(
            """
            SELECT r.id AS id, r.company_id, r.system_id, %(day)s AS day,
                   COALESCE(own.currency_code, r.currency) AS currency,
                   COALESCE(r.cost_center, r.department, %(unassigned)s) AS cost_center,
                   true AS received, r.amount AS amount_received, r.price_unknown AS unknown_received,
                   %(bucket)s AS bucket,
                   CASE WHEN own.id IS NULL THEN r.amount WHEN own.priced THEN own.amount_sent END AS amount,
                   CASE WHEN own.id IS NULL THEN r.price_unknown ELSE NOT own.priced END AS price_unknown,
                   r.event_type_id, r.received_at, r.encounter, own.service_code, r.unit, own.id AS charge_id,
                   own.current AS stands
              FROM integration_receipt r %(joins)s
             WHERE r.company_id IN %(companies)s AND r.mode = 'live' AND %(span)s
            """,
            day=day,
            unassigned=equation.UNASSIGNED,
            bucket=_BUCKET,
            joins=_JOINS,
            companies=tuple(company_ids) or (0,),
            span=span,
        )

    @api.model
    def _units_without_receipt(self, company_ids, day_from, day_to):
        """Effects of events that left no receipt: counted on the right alone, so that a lost receipt shows too."""
        day = SQL("(e.received_at AT TIME ZONE 'UTC' AT TIME ZONE s.timezone)::date")
        return SQL(
            """
            SELECT f.id + %(beyond)s AS id, e.company_id, e.system_id, %(day)s AS day, own.currency_code AS currency,
                   COALESCE(own.cost_center, own.department, %(unassigned)s) AS cost_center,
                   false AS received, NULL::numeric AS amount_received, false AS unknown_received, %(bucket)s AS bucket,
                   CASE WHEN own.priced THEN own.amount_sent END AS amount,
                   COALESCE(NOT own.priced, false) AS price_unknown,
                   e.event_type_id, e.received_at, own.encounter, own.service_code, f.unit, own.id AS charge_id,
                   own.current AS stands
              FROM integration_event e
              JOIN integration_system s ON s.id = e.system_id
              JOIN integration_effect f ON f.event_id = e.id
              LEFT JOIN integration_charge c ON f.res_model = 'integration.charge' AND c.id = f.res_id
              LEFT JOIN integration_charge own ON own.id = c.id AND own.event_id = f.event_id AND own.unit = f.unit
             WHERE e.company_id IN %(companies)s AND e.mode = 'live'
               AND e.received_at BETWEEN %(from)s::date - 1 AND %(to)s::date + 2 AND %(day)s BETWEEN %(from)s AND %(to)s
               -- Looked up for each: as a join, the planner might hash the receipts of all days.
               AND NOT EXISTS (SELECT 1 FROM integration_receipt r WHERE r.event_id = e.id AND r.unit = f.unit OFFSET 0)
            """,
            day=day,
            unassigned=equation.UNASSIGNED,
            bucket=_EFFECT_BUCKET,
            beyond=WITHOUT_RECEIPT,
            companies=tuple(company_ids) or (0,),
            **{"from": day_from, "to": day_to},
        )

    @api.model
    def _effects_without_receipt(self, companies, day_from, day_to, systems=None):
        """Return the effects of a span of days of receipt that no receipt belongs to, the first thousand of them.

        :param systems: of these alone; None: of all
        """
        self._flush()
        units = self._units_without_receipt(companies.ids, day_from, day_to)
        ours = SQL("TRUE") if systems is None else SQL("u.system_id IN %s", tuple(systems.ids) or (0,))
        rows = self.env.execute_query(
            SQL(
                "SELECT u.id - %s FROM (%s) u WHERE u.bucket IS NOT NULL AND %s ORDER BY 1 LIMIT 1000",
                WITHOUT_RECEIPT,
                units,
                ours,
            )
        )
        return self.env["integration.effect"].browse(row[0] for row in rows)

    @api.model
    def _waiting_money(self, companies):
        """Return {currency: amount} of all that waits, however long ago it was received: dead letters too.

        Read from what is open, never from history.
        """
        self._flush()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT r.currency, sum(r.amount)::text
                  FROM integration_receipt r %(joins)s
                 WHERE r.event_id IS NOT NULL AND r.event_id = ANY (ARRAY(%(open)s)) AND r.company_id IN %(companies)s
                   AND r.mode = 'live' AND r.amount <> 0 AND %(bucket)s = 'waiting' GROUP BY 1
                """,
                joins=_JOINS,
                open=self._open_events(companies),
                companies=tuple(companies.ids) or (0,),
                bucket=_BUCKET,
            )
        )
        return {currency: Decimal(amount) for currency, amount in rows if currency}

    @api.model
    def _open_events(self, companies):
        """SQL that selects the ids of the events of which something may wait."""
        return SQL(
            """
            SELECT event_id FROM integration_due WHERE company_id IN %(companies)s AND system_id IS NOT NULL
            UNION SELECT event_id FROM integration_delivery
                   WHERE company_id IN %(companies)s AND dead_since > '-infinity' AND state = 'dead'
            UNION SELECT event_id FROM integration_effect WHERE status = 'waiting'
            """,
            companies=tuple(companies.ids) or (0,),
        )

    @api.model
    def _bucket_of(self, alias):
        """Return the SQL value of what became of the unit of one receipt, given the receipt's table alias."""
        return self._of_receipt(alias, _BUCKET)

    @api.model
    def _of_receipt(self, alias, columns):
        return SQL("(SELECT %s FROM (SELECT %s.*) r %s)", columns, SQL.identifier(alias), _JOINS)

    @api.model
    def _settle(self, event_ids, condition):
        """Note with the receipts of events that are about to be removed what the equation says of them now.

        :param event_ids: ids of events that this transaction has locked
        :param SQL condition: over ``e``, which of these events go
        """
        self._flush()
        self.env.cr.execute(
            SQL(
                """
                UPDATE integration_receipt r SET (settled, settled_charge_id) = %s
                  FROM integration_event e
                 WHERE e.id = ANY (%s) AND (%s) AND r.event_id = e.id AND r.outcome = 'accepted'
                """,
                self._of_receipt("r", SQL("COALESCE(%s, 'unaccounted'), own.id", _BUCKET)),
                list(event_ids),
                condition,
            )
        )
        self.env["integration.receipt"].invalidate_model(["settled", "settled_charge_id"])

    @api.model
    def _settle_what_is_gone(self):
        """Note of what was removed before this addon was there that it was applied, and its charge where it has one.

        Only what nothing of is open is removed, and of the rest nobody can say more any more. Where the same line came
        in several messages of one moment, none of them can be told to be its charge's.
        """
        self._flush()
        self.env.cr.execute(
            """
            UPDATE integration_receipt r
               SET settled = 'applied',
                   settled_charge_id = (
                       SELECT CASE WHEN count(*) = 1 THEN min(c.id) END FROM integration_charge c
                        WHERE c.encounter = r.encounter AND c.system_id = r.system_id AND c.mode = r.mode
                          AND c.unit = r.unit AND c.event_id IS NULL
                          AND c.received_at BETWEEN r.received_at - interval '1 s' AND r.received_at + interval '1 s')
             WHERE r.outcome = 'accepted' AND r.event_id IS NULL AND r.settled IS NULL
            """
        )
        self.env["integration.receipt"].invalidate_model(["settled", "settled_charge_id"])
