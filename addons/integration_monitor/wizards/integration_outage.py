from collections import defaultdict, namedtuple
from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, format_datetime

from ..domain import outage
from ..domain.outage import Stretch, When

FINANCE = "integration_core.group_finance_viewer"
MOST_DAYS = 92
"""Days of one report; more are asked for one after the other."""
MOST_ROWS = 50
"""Silences and gaps that are shown, the longest first where there are more."""
MOST_AFTER = 10_000
"""Messages after the period that are read one by one; what is missing then is looked for by its number."""
MOST_LATER = 100_000
"""Messages that are looked at for their numbers: where there are more, the report says until when it has looked."""
MOST_BEFORE = 1000
"""Messages before the period among which the last of its numbers are looked for."""
MOST_STRETCHES = 200_000
"""Pieces into which the numbers of a period may fall; for more, a shorter period is asked for."""
LATE_DAYS = 31
"""Days after a silence within which is looked for what happened in it."""
NUMBER = f"^[0-9]{{1,{outage.MOST_DIGITS}}}$"
"""What is a number, exactly as the index by number has it."""
_Row = namedtuple("_Row", "begin end length messages lines money")


class IntegrationOutage(models.TransientModel):
    """When a system was silent, what it sent since of what happened meanwhile, and what is still missing."""

    _name = "integration.outage"
    _description = "Outage report"
    _inherit = ["integration.overview.words"]

    system_id = fields.Many2one(
        "integration.system", required=True, domain="[('company_id', 'in', allowed_company_ids)]"
    )
    begin = fields.Datetime(
        "From", required=True, default=lambda self: fields.Datetime.subtract(fields.Datetime.now(), days=7)
    )
    end = fields.Datetime("Until", required=True, default=fields.Datetime.now)
    least = fields.Integer("Silent for (minutes)", required=True, default=60, help="Shorter times are no silence.")
    report = fields.Html(compute="_compute_report", sanitize=False)

    @api.depends("system_id", "begin", "end", "least")
    def _compute_report(self):
        for one in self:
            # Of what is saved: while somebody still types, no history is read.
            one.report = one._rendered() if one.id and one.system_id and one._is_period() else False

    @api.depends("system_id")
    def _compute_display_name(self):
        for one in self:
            one.display_name = one.system_id.name or self.env._("Outage report")

    def _is_period(self):
        if not (self.begin and self.end and self.least > 0):
            return False
        return timedelta() < self.end - self.begin <= timedelta(days=MOST_DAYS)

    def _rendered(self):
        return self.env["ir.qweb"]._render("integration_monitor.outage_body", {"told": self._told()})

    @api.constrains("begin", "end", "least")
    def _check_period(self):
        for one in self:
            if not one._is_period():
                raise UserError(self.env._("Choose a period that ends after it begins, of at most %s days.", MOST_DAYS))

    def _check_reader(self):
        """Refuse a system of another company.

        :raises AccessError: for it
        """
        self.ensure_one()
        self.check_access("read")
        self.system_id.check_access("read")
        if self.system_id.company_id not in self.env.companies:
            raise AccessError(self.env._("You do not work in the company of that system."))

    # -- what is told -------------------------------------------------------------------------------------------------

    def _told(self):
        """Return what the report says, as values for its template."""
        self._check_reader()
        end = min(self.end, fields.Datetime.now())
        moments, before = self._moments(end)
        found = outage.silences(moments, self.begin, end, timedelta(minutes=self.least), before=before)
        found.sort(key=lambda one: (one.end or end) - (one.begin or self.begin), reverse=True)
        shown = sorted(found[:MOST_ROWS], key=lambda one: one.begin or self.begin)
        late = self._caught_up(shown)
        return {
            "system": self.system_id.name,
            "begin": self._when(self.begin),
            "end": self._when(end),
            "zone": self.env.user.tz or "UTC",
            "least": self.least,
            "money": self._sees_money(),
            "silences": [self._silence(one, *late.get(place, (0, 0, {}))) for place, one in enumerate(shown)],
            "silence_count": len(found),
            "late_days": LATE_DAYS,
            **self._told_numbers(end),
        }

    def _told_numbers(self, end):
        """Return what the report says of the numbers of messages."""
        counters, too_many, until = self._counters(end)
        gaps = [(gap, source) for source, one in counters.items() for gap in one.gaps]
        longest = sorted(gaps, key=lambda item: item[0].count, reverse=True)[:MOST_ROWS]
        first, last = (one.first for one in counters.values()), (one.last for one in counters.values())
        return {
            "numbered": bool(counters),
            "too_many": too_many,
            # Each source counts for itself.
            "gaps": [f"{source}: {gap}" if len(counters) > 1 else str(gap) for gap, source in longest],
            "gap_count": len(gaps),
            "missing": sum(gap.count for gap, _source in gaps),
            "known": (min(first), max(last)) if counters else (),
            "looked_until": self._when(until),
        }

    @api.model
    def _sees_money(self):
        return self.env.user.has_group(FINANCE)

    @api.model
    def _when(self, moment):
        return format_datetime(self.env, moment) if moment else ""

    def _seen(self, columns, end):
        """Return SQL of the messages of the system, each with ``part``: before, within or after the period.

        Of those around it so many are read that a system which sends something else, or tests, costs no more.
        """
        own = SQL("%s FROM integration_event WHERE system_id = %s", columns, self.system_id.id)
        return SQL(
            """
            (SELECT %(before)s AS part, mode, %(own)s AND received_at < %(begin)s
              ORDER BY received_at DESC, id DESC LIMIT %(most_before)s)
            UNION ALL
            SELECT %(within)s, mode, %(own)s AND received_at BETWEEN %(begin)s AND %(end)s
            UNION ALL
            (SELECT %(after)s, mode, %(own)s AND received_at > %(end)s
              ORDER BY received_at, id LIMIT %(most_after)s)
            """,
            own=own,
            begin=self.begin,
            end=end,
            most_before=MOST_BEFORE,
            most_after=MOST_AFTER,
            **{one.value: one.value for one in When},
        )

    def _moments(self, end):
        """Return (when messages came in the period and the first one after it, when the last one before it came).

        Of those that came within less than the shortest silence of each other the first and the last one will do.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT part, min(received_at), max(received_at) FROM (%s) AS seen WHERE mode = 'live'
                 GROUP BY part, CASE WHEN part = %s THEN floor(extract(epoch FROM received_at) / %s) END
                """,
                self._seen(SQL("received_at"), end),
                When.WITHIN.value,
                self.least * 60,
            )
        )
        moments, before = set(), None
        for part, first, last in rows:
            match When(part):
                case When.BEFORE:
                    before = last
                case When.WITHIN:
                    moments |= {first, last}
                case When.AFTER:
                    moments.add(first)
        return moments, before

    def _counters(self, end):
        """Return ({source: its :class:`outage.Numbering`}, whether there are too many pieces, until when was looked).

        The last is None where all that came since is known.
        """
        stretches, too_many = self._stretches(end)
        counters = self._numberings(stretches)
        until = self._read_until(end)
        if not until or not any(one.gaps for one in counters.values()):
            return counters, too_many, None
        later = self._came_later(counters, until)
        if later is None:
            return counters, too_many, until[0]
        for source, number in later:
            stretches[source].append(Stretch(number, number, When.AFTER))
        return self._numberings(stretches), too_many, None

    def _numberings(self, stretches):
        counters = {source: outage.numbering(found) for source, found in sorted(stretches.items())}
        return {source: one for source, one in counters.items() if one}

    def _read_until(self, end):
        """Return (when it came, id) of the last message after the period that was read; None: all of them were."""
        rows = self.env.execute_query(
            SQL(
                "SELECT received_at, id FROM integration_event WHERE system_id = %s AND received_at > %s"
                " ORDER BY received_at, id OFFSET %s LIMIT 1",
                self.system_id.id,
                end,
                MOST_AFTER - 1,
            )
        )
        return rows[0] if rows else None

    def _came_later(self, counters, until):
        """Return [(source, number)] of what is missing so far and came after the last message that was read, in order.

        None where too many messages have such numbers, as where a counter begins anew again and again.
        """
        spans = [(source, *span) for source, one in counters.items() for span in outage.sought(one.gaps)]
        sources, firsts, lasts = zip(*spans, strict=True)
        # A look into the index for each gap: with plain joins everything that came since is read, for each gap anew.
        rows = self.env.execute_query(
            SQL(
                """
                SELECT e.received_at, e.id, e.source, e.number, e.mode
                  FROM unnest(%(sources)s::text[], %(firsts)s::bigint[], %(lasts)s::bigint[])
                       AS gap (source, first, last)
                 CROSS JOIN LATERAL (
                       SELECT received_at, id, source, sequence::bigint AS number, mode FROM integration_event
                        WHERE system_id = %(system)s AND source = gap.source AND sequence ~ %(number)s
                          AND sequence::bigint BETWEEN gap.first AND gap.last
                        ORDER BY sequence::bigint LIMIT %(most)s) AS e
                 LIMIT %(most)s
                """,
                sources=list(sources),
                firsts=list(firsts),
                lasts=list(lasts),
                system=self.system_id.id,
                number=NUMBER,
                most=MOST_LATER + 1,
            )
        )
        if len(rows) > MOST_LATER:
            return None
        return [(row[2], row[3]) for row in sorted(rows) if row[:2] > until and row[4] == "live"]

    def _stretches(self, end):
        """Return ({source: its numbers, in the order in which they came, as :class:`Stretch`}, whether too many).

        Those of the period, of what came since, and the ones before it.
        """
        rows = self.env.execute_query(
            SQL(
                """
                WITH told AS (
                    SELECT part, source, received_at, id, sequence::bigint AS number,
                           lag(sequence::bigint) OVER (PARTITION BY source, part ORDER BY received_at, id) AS previous
                      FROM (%(seen)s) AS seen WHERE mode = 'live' AND sequence ~ %(number)s),
                pieces AS (
                    SELECT *, count(*) FILTER (WHERE previous IS DISTINCT FROM number - 1)
                                 OVER (PARTITION BY source, part ORDER BY received_at, id) AS piece
                      FROM told)
                SELECT source, min(number), max(number), part FROM pieces
                 GROUP BY source, part, piece ORDER BY min(received_at), min(id) LIMIT %(most)s
                """,
                seen=self._seen(SQL("received_at, id, source, sequence"), end),
                number=NUMBER,
                most=MOST_STRETCHES + 1,
            )
        )
        if len(rows) > MOST_STRETCHES:
            return {}, True
        found = defaultdict(list)
        for source, first, last, part in rows:
            found[source].append(Stretch(first, last, When(part)))
        return found, False

    def _silence(self, silence, messages, lines, sums):
        """Return a silence as the report tells it, with what was sent since of what happened in it."""
        end = silence.end or min(self.end, fields.Datetime.now())
        length = self._span(round((end - (silence.begin or self.begin)).total_seconds() * 1000))
        began = self._when(silence.begin) or self.env._("never heard of before")
        ended = self._when(silence.end) or self.env._("still silent")
        money = self._money(sums) if self._sees_money() else []
        return _Row(began, ended, length, messages, lines, money)

    def _caught_up(self, silences):
        """Return what happened in silences and was accepted within some days after each of them.

        One look at what came in those days, however many silences there were.

        :param silences: in order, as :class:`outage.Silence`
        :return: {place of the silence: (messages, lines, {currency: amount})}
        """
        over = [(place, one) for place, one in enumerate(silences) if one.end]
        if not over:
            return {}
        found = {}
        for place, currency, of_all, messages, lines, amount in self.env.execute_query(self._late_sql(over)):
            _messages, _lines, sums = found.setdefault(over[place - 1][0], (0, 0, {}))
            if of_all:
                found[over[place - 1][0]] = (messages, lines, sums)
            elif currency:
                sums[currency] = Decimal(amount or 0)
        return found

    def _late_sql(self, over):
        """Return SQL of what happened in silences: (1-based place, currency, whether of all, messages, lines, amount).

        :param over: (anything, silence that is over), in order
        """
        return SQL(
            """
            WITH late AS MATERIALIZED (
                SELECT e.id, e.occurred_at, e.received_at,
                       width_bucket(e.occurred_at, %(begins)s::timestamp[]) AS place
                  FROM integration_event e
                 WHERE e.system_id = %(system)s AND e.mode = 'live' AND e.occurred_at > %(first)s
                   AND e.received_at BETWEEN %(from)s AND %(to)s::timestamp + %(late)s::interval),
            own AS MATERIALIZED (
                SELECT id, place FROM late
                 WHERE occurred_at > (%(begins)s::timestamp[])[place] AND occurred_at < (%(ends)s::timestamp[])[place]
                   AND received_at >= (%(ends)s::timestamp[])[place]
                   AND received_at <= (%(ends)s::timestamp[])[place] + %(late)s::interval)
            SELECT own.place, r.currency, grouping(r.currency) = 1, count(DISTINCT own.id), count(r.id),
                   sum(r.amount)::text
              FROM own LEFT JOIN integration_receipt r ON r.event_id = own.id AND r.outcome = 'accepted'
             GROUP BY GROUPING SETS ((own.place), (own.place, r.currency))
            """,
            begins=[one.begin or self.begin for _place, one in over],
            ends=[one.end for _place, one in over],
            system=self.system_id.id,
            first=over[0][1].begin or self.begin,
            to=over[-1][1].end,
            late=f"{LATE_DAYS} days",
            **{"from": over[0][1].end},
        )

    # -- buttons ------------------------------------------------------------------------------------------------------

    def action_show(self):
        """Show the report of what was chosen: saving it is all there is to do."""
        self._check_reader()
        return True

    def action_messages(self):
        """Open the messages of the period."""
        self._check_reader()
        domain = [("system_id", "=", self.system_id.id), ("mode", "=", "live")]
        within = [("received_at", ">=", self.begin), ("received_at", "<=", self.end)]
        return self._open(self.env._("Messages of %s", self.system_id.name), "integration.event", [*domain, *within])

    def action_print(self):
        """Print the report."""
        self._check_reader()
        return self.env.ref("integration_monitor.report_outage").report_action(self)
