from collections import defaultdict
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..domain import control_totals
from ..domain.reconciliation import APPLIED, Found, Key, Record, Tally, align

MOST_RECORDS = 20_000
"""Records of all breaks of a period that are looked at for candidates."""
WITHOUT_RECEIPT = 1_000_000_000
"""What `integration.ledger` adds to the id of an effect that no receipt belongs to."""


class IntegrationReconciliationFacts(models.AbstractModel):
    """What Odoo has of a period, as reconciliation counts it.

    Per day, cost center and type: the units of the equation, by day of service; what is *applied* counts, everything
    else is told beside it. Per claim: the charges that stand. Each query reads one company's days by index.
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
        grain = control_totals.grain_of(lines)
        query = SQL(
            "SELECT u.day, u.cost_center, u.kind, u.claim, u.currency, u.status, u.late, count(*), sum(u.amount)::text"
            " FROM (%s) u GROUP BY 1, 2, 3, 4, 5, 6, 7",
            self._pieces(total, grain),
        )
        for *key, status, late, count, amount in self.env.execute_query(query):
            yield Key(*key), status, bool(late), Tally(count, Decimal(amount or 0))

    def _pieces(self, total, grain):
        """Return SQL with a row per piece: the parts of its key, what became of it, and what it is worth."""
        if total.measure == "claim":
            return self._pieces_of_claims(total)
        ledger = self.env["integration.ledger"]
        ledger._flush()
        return SQL(
            """
            SELECT u.id, u.day, %(center)s AS cost_center, t.name AS kind, '' AS claim,
                   COALESCE(u.currency, '') AS currency, COALESCE(u.bucket, 'unaccounted') AS status,
                   u.received_at > %(taken_at)s AS late, u.amount,
                   CASE WHEN u.service_code IS NOT NULL THEN concat(u.encounter, '/', u.service_code) END AS same
              FROM (%(units)s) u JOIN integration_event_type t ON t.id = u.event_type_id
             WHERE u.system_id = %(system)s AND t.name IN %(kinds)s
            """,
            center=SQL("u.cost_center") if grain.cost_centers else SQL("''"),
            taken_at=total.taken_at,
            units=ledger._units([total.company_id.id], total.date_from, total.date_to, "service"),
            system=total.system_id.id,
            kinds=tuple(grain.kinds) or ("",),
        )

    def _pieces_of_claims(self, total):
        self.env["integration.charge"].flush_model()
        return SQL(
            """
            SELECT c.id, NULL::date AS day, '' AS cost_center, '' AS kind, c.claim,
                   COALESCE(c.currency_code, '') AS currency,
                   CASE WHEN c.state IN ('parked', 'rejected') THEN c.state
                        WHEN c.state IN ('withdrawn', 'reversed') THEN 'withdrawn' ELSE 'applied' END AS status,
                   c.received_at > %s AS late, c.amount_sent AS amount, concat(c.encounter, '/', c.service_code) AS same
              FROM integration_charge c
             WHERE c.company_id = %s AND c.service_day BETWEEN %s AND %s AND c.system_id = %s
               AND c.mode = 'live' AND c.current AND c.claim IS NOT NULL
            """,
            total.taken_at,
            total.company_id.id,
            total.date_from,
            total.date_to,
            total.system_id.id,
        )

    # -- the records behind breaks

    @api.model
    def _records(self, total, lines, breaks):
        """Return {key: list of :class:`Record`} of the keys of some breaks, at most MOST_RECORDS together."""
        wanted = {result.key for result in breaks}
        if total.measure == "ledger":
            return self._records_of_ledger(total, wanted)
        named = {(key.day, key.cost_center, key.kind, key.claim) for key in wanted}
        if not named:
            return {}
        query = SQL(
            "SELECT u.id, u.day, u.cost_center, u.kind, u.claim, u.currency, u.status, u.late, u.amount::text, u.same"
            " FROM (%s) u WHERE (COALESCE(u.day::text, ''), u.cost_center, u.kind, u.claim) IN %s"
            " ORDER BY u.id LIMIT %s",
            self._pieces(total, control_totals.grain_of(lines)),
            tuple((str(day or ""), *rest) for day, *rest in named),
            MOST_RECORDS,
        )
        found = defaultdict(list)
        for ref, day, center, kind, claim, currency, status, late, amount, same in self.env.execute_query(query):
            worth = Decimal(amount) if amount is not None else None
            key = self._key_among(wanted, Key(day, center, kind, claim, currency))
            found[key].append(Record(ref, worth, status, bool(late), same or ""))
        return found

    def _key_among(self, wanted, key):
        """Return the break that a piece belongs to: of its own currency, else of that of its place (see align)."""
        if key in wanted:
            return key
        return next((one for one in wanted if one.place == key.place), key)

    def _records_of_ledger(self, total, wanted):
        self.env.cr.execute(
            """
            SELECT id, claim, currency, side, amount::text FROM integration_control_total_line
             WHERE total_id = %s AND claim IN %s ORDER BY id LIMIT %s
            """,
            (total.id, tuple(key.claim for key in wanted) or ("",), MOST_RECORDS),
        )
        found = defaultdict(list)
        for ref, claim, currency, side, amount in self.env.cr.fetchall():
            # A charge that nothing settles is what is missing here.
            status = APPLIED if side == control_totals.FOUND else "charged"
            found[Key(claim=claim, currency=currency)].append(Record(ref, Decimal(amount), status))
        return found

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
