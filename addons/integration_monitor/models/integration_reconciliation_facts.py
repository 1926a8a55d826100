from collections import defaultdict
from datetime import datetime, time, timedelta
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..domain import control_totals
from ..domain.reconciliation import APPLIED, MOST_RECORDS, Found, Homes, Key, Record, Tally, align

WITHOUT_RECEIPT = 1_000_000_000
"""What `integration.ledger` adds to the id of an effect that no receipt belongs to."""


class IntegrationReconciliationFacts(models.AbstractModel):
    """What Odoo has of a period, as reconciliation counts it.

    Per day, cost center and type: the units of the equation, by day of service; what is *applied* counts, everything
    else is told beside it, what a correction replaced too. Per claim: the charges that stand, in whichever company, of
    the claims that are told, and those of the period's days that no statement tells. Each query reads by index the days
    of the period and the claims that are told.
    """

    _name = "integration.reconciliation.facts"
    _description = "What Odoo has of a period"

    @api.model
    def _found(self, total, lines, told):
        """Return {:class:`Key`: :class:`Found`} of the period of a control total, under the keys that it uses.

        :param total: ``integration.control.total``
        :param lines: what it says, as :class:`control_totals.TotalLine`
        :param told: the same per key
        """
        if total.measure == "ledger":
            return control_totals.found_of(lines)
        found = defaultdict(Found)
        for key, status, is_late, tally in self._tallies(total, lines):
            if status == APPLIED:
                counts = tally if total.measure == "key" else Tally(None, tally.amount)
                one = Found(counts, late=tally if is_late else Tally())
            else:
                one = Found(rest={status: tally})
            found[key] += one
        return align(told, found)

    def _tallies(self, total, lines):
        """Yield (key, status, whether late, tally)."""
        query = SQL(
            "SELECT u.day, u.cost_center, u.kind, u.claim, u.currency, u.status, u.late, count(*), sum(u.amount)::text"
            " FROM (%s) u GROUP BY 1, 2, 3, 4, 5, 6, 7",
            self._pieces(total, lines),
        )
        for *key, status, late, count, amount in self.env.execute_query(query):
            yield Key(*key), status, bool(late), Tally(count, Decimal(amount or 0))

    def _pieces(self, total, lines):
        """Return SQL with a row per piece: the parts of its key, what became of it, and what it is worth."""
        grain = control_totals.grain_of(lines)
        if total.measure == "claim":
            return self._pieces_of_claims(total, grain)
        ledger = self.env["integration.ledger"]
        ledger._flush()
        # A line names one charge for ever: what its revisions replaced the equation calls applied, and it counts once.
        return SQL(
            """
            SELECT u.id, u.day, CASE WHEN t.name IN %(by_center)s THEN u.cost_center ELSE '' END AS cost_center,
                   t.name AS kind, '' AS claim, COALESCE(u.currency, '') AS currency,
                   CASE WHEN u.bucket = 'applied' AND NOT u.stands THEN 'replaced'
                        ELSE COALESCE(u.bucket, 'unaccounted') END AS status,
                   u.received_at > %(taken_at)s AS late, u.amount,
                   CASE WHEN u.service_code IS NOT NULL THEN concat(u.encounter, '/', u.service_code) END AS same
              FROM (%(units)s) u JOIN integration_event_type t ON t.id = u.event_type_id
             WHERE u.system_id = %(system)s AND t.name IN %(kinds)s
            """,
            by_center=tuple(grain.by_center) or ("",),
            taken_at=total.taken_at,
            units=ledger._units([total.company_id.id], total.date_from, total.date_to, "service"),
            system=total.system_id.id,
            kinds=tuple(grain.kinds) or ("",),
        )

    # -- claims

    def _pieces_of_claims(self, total, grain):
        """Return :meth:`_pieces` of claims: a row per charge, and per voided part of one that stands.

        What is worth less since a part was voided counts with what is left of it; the part is beside it, as voided.
        """
        self.env["integration.charge"].flush_model()
        self.env["integration.charge.void"].flush_model()
        self.env["integration.control.total"].flush_model()
        return SQL(
            """
            SELECT c.id, c.day, '' AS cost_center, '' AS kind, c.claim, COALESCE(c.currency_code, '') AS currency,
                   piece.status, c.received_at > %(taken_at)s AS late, piece.amount,
                   concat(c.encounter, '/', c.service_code) AS same
              FROM (%(charges)s) c
              -- Looked up for each: as a join, the planner might hash the voids of all days.
             CROSS JOIN LATERAL (
                 SELECT array_agg(COALESCE(round(v.quantity::numeric * c.unit_price_sent::numeric, 10), 0)) AS amounts
                   FROM integration_charge_void v
                  WHERE v.charge_id = c.id AND v.state = 'applied' AND v.quantity IS NOT NULL
                    AND c.status <> 'withdrawn'
             ) void
             CROSS JOIN LATERAL (
                 SELECT c.status, c.amount_sent - COALESCE((SELECT sum(one) FROM unnest(void.amounts) one), 0) AS amount
                 UNION ALL
                 SELECT 'withdrawn', one FROM unnest(void.amounts) one
             ) piece
            """,
            charges=self._charges(total, grain),
            taken_at=total.taken_at,
        )

    def _charges(self, total, grain):
        """Return SQL with the charges of claims that a control total is compared with.

        Those of the claims that it tells, whichever days and companies they are of. And those of its days whose claim,
        or day of a claim, no statement in force of the system tells: here alone.
        """
        begin, end = self._span(total.system_id, total.date_from, total.date_to)
        return SQL(
            """
            SELECT %(what)s, NULL::date AS day
              FROM integration_charge k
             WHERE k.claim = ANY (%(claims)s) AND %(own)s
            UNION ALL
            SELECT %(what)s, CASE WHEN told.by_day OR k.claim = ANY (%(by_day)s) THEN %(day)s END
              FROM integration_charge k
             CROSS JOIN LATERAL (
                 SELECT bool_or(l.day IS NULL) AS whole, bool_or(l.day IS NOT NULL) AS by_day,
                        bool_or(l.day = %(day)s) AS that_day
                   FROM integration_control_total_line l JOIN integration_control_total t ON t.id = l.total_id
                  WHERE l.claim = k.claim
                    AND t.system_id = %(system)s AND t.measure = 'claim' AND t.state = 'current'
             ) told
             WHERE k.performed_at >= %(begin)s AND k.performed_at < %(end)s AND %(own)s
               AND NOT k.claim = ANY (%(claims)s)
               AND (k.claim = ANY (%(by_day)s) OR told.whole IS NOT TRUE AND told.that_day IS NOT TRUE)
            """,
            what=SQL(
                "k.id, k.claim, k.currency_code, k.received_at, k.amount_sent, k.unit_price_sent, k.encounter,"
                " k.service_code, CASE WHEN k.state IN ('parked', 'rejected') THEN k.state"
                " WHEN k.state IN ('withdrawn', 'reversed') THEN 'withdrawn' ELSE 'applied' END AS status"
            ),
            day=SQL("(k.performed_at AT TIME ZONE 'UTC' AT TIME ZONE %s)::date", self._zone(total.system_id).key),
            own=SQL("k.system_id = %s AND k.mode = 'live' AND k.current AND k.claim IS NOT NULL", total.system_id.id),
            claims=list(grain.claims),
            by_day=list(grain.by_day),
            system=total.system_id.id,
            begin=begin,
            end=end,
        )

    @api.model
    def _zone(self, system):
        """Return the time zone (``ZoneInfo``) of the days that a system tells: its own, not that of a facility."""
        return self.env["integration.charge.resolver"]._zone(system)

    @api.model
    def _span(self, system, first, last):
        """Return when the days of a system begin and end, as naive UTC; the end is no part of them."""
        naive, zone = self.env["integration.charge.resolver"]._naive, self._zone(system)
        days = (first, last + timedelta(days=1))
        return tuple(naive(datetime.combine(day, time.min, zone)) for day in days)

    @api.model
    def _domain_of_claim(self, total, claim, day):
        """Return the domain of the charges that the row of a claim counts, or has beside it.

        :param date day: the one day of them, or None
        """
        own = [("system_id", "=", total.system_id.id), ("mode", "=", "live"), ("current", "=", True)]
        domain = [*own, ("claim", "=", claim)]
        lines = self.env["integration.control.total.line"]
        if not day and lines.search_count([("total_id", "=", total.id), ("claim", "=", claim)], limit=1):
            return domain
        begin, end = self._span(total.system_id, day or total.date_from, day or total.date_to)
        return [*domain, ("performed_at", ">=", begin), ("performed_at", "<", end)]

    # -- the records behind breaks

    @api.model
    def _records(self, total, lines, told, breaks):
        """Return {key: list of :class:`Record`} of the keys of some breaks.

        First those that do not count, then the newest: of each key one more than is searched, if there are so many, so
        that it is known where some are left out.
        """
        wanted = {result.key for result in breaks}
        if not wanted:
            return {}
        query = SQL(
            """
            SELECT f.id, f.day, f.cost_center, f.kind, f.claim, f.currency, f.status, f.late, f.amount::text, f.same
              FROM (SELECT u.*, row_number() OVER (
                               PARTITION BY u.day, u.cost_center, u.kind, u.claim, u.currency
                               ORDER BY u.status = 'applied', u.id DESC) AS place
                      FROM (%s) u WHERE (COALESCE(u.day::text, ''), u.cost_center, u.kind, u.claim) IN %s) f
             WHERE f.place <= %s ORDER BY f.status = 'applied', f.id DESC
            """,
            self._entries(total) if total.measure == "ledger" else self._pieces(total, lines),
            tuple({(str(key.day or ""), key.cost_center, key.kind, key.claim) for key in wanted}),
            MOST_RECORDS + 1,
        )
        found, homes = defaultdict(list), Homes(told)
        for ref, day, center, kind, claim, currency, status, late, amount, same in self.env.execute_query(query):
            worth = Decimal(amount) if amount is not None else None
            for key in homes.of(Key(day, center, kind, claim, currency)):
                if key in wanted:
                    found[key].append(Record(ref, worth, status, bool(late), same or ""))
        return found

    def _entries(self, total):
        """Return :meth:`_pieces` of both sides of a ledger; a charge that nothing settles is what is missing here."""
        return SQL(
            """
            SELECT id, NULL::date AS day, '' AS cost_center, '' AS kind, claim, COALESCE(currency, '') AS currency,
                   CASE WHEN side = %s THEN 'applied' ELSE 'charged' END AS status, false AS late, amount, '' AS same
              FROM integration_control_total_line WHERE total_id = %s
            """,
            control_totals.FOUND,
            total.id,
        )

    @api.model
    def _model_of(self, measure, ref):
        """Return (model, id) of the record that a :class:`Record` names."""
        match measure:
            case "ledger":
                return "integration.control.total.line", ref
            case "claim":
                return "integration.charge", ref
        if ref > WITHOUT_RECEIPT:
            return "integration.effect", ref - WITHOUT_RECEIPT
        return "integration.receipt", ref
