from datetime import date, timedelta

from odoo import api, fields, models
from odoo.addons.integration_core import tools
from odoo.addons.integration_core.domain.equation import Bucket
from odoo.tools import SQL

from ..domain.families import PARTS

RECEIVED_SECONDS = 2
"""So often receipts are looked for at most."""
RECEIPTS_AT_ONCE = 50_000
"""So many ids of receipts are looked at in one transaction."""
FIGURES_SECONDS = 10
"""So often the figures of the background are counted at most."""
FIGURES_SHARE = 0.01
"""They never take more than this share of the engine's time."""
LOST_DAYS = 31
"""For so many days at most is looked whether what an alert calls unaccounted for is still missing."""
OTHER_CURRENCY = "other"
_RECEIVED_LOCK = 0x696E7472  # "intr"
_FIGURES_LOCK = 0x696E746D  # "intm"


def lost_since(began):
    """Return the first day of receipt of what an alert that began then calls unaccounted for, in whatever zone."""
    return began.date() - timedelta(days=1)


class IntegrationMetricFigures(models.AbstractModel):
    """What is counted for the metrics in the background, so that a scrape reads few rows however long the history is.

    ``integration_received_total`` has what was received since the suite was installed. Receipts are append-only, but
    their ids are not in the order of commits. A chore therefore marks how far ids have been given out, notes which
    transactions hold the lock of whoever writes receipts, and adds up to the mark when these have ended: each receipt
    is counted once, whatever commits late, and nobody waits for those who write something else.

    ``integration_metric_figure`` has what rises and falls and takes reading many rows: the equation, parked money, dead
    letters. It is replaced as a whole. The longer that takes, the less often it is done.
    """

    _name = "integration.metric.figures"
    _description = "Figures for the metrics"

    def init(self):
        # What was received before this was installed is not counted: a counter may begin anywhere.
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS integration_received_total (
                system_id integer NOT NULL,
                outcome varchar NOT NULL,
                units bigint NOT NULL,
                PRIMARY KEY (system_id, outcome)
            );
            CREATE TABLE IF NOT EXISTS integration_metric_figure (
                family varchar NOT NULL,
                labels text[] NOT NULL,
                value numeric NOT NULL
            );
            CREATE TABLE IF NOT EXISTS integration_metric_state (
                name varchar PRIMARY KEY,
                done bigint NOT NULL DEFAULT 0,
                mark bigint NOT NULL DEFAULT 0,
                writers text[] NOT NULL DEFAULT '{}',
                at timestamp,
                took double precision NOT NULL DEFAULT 0
            );
            INSERT INTO integration_metric_state (name, done, mark)
            SELECT 'received', COALESCE(max(id), 0), COALESCE(max(id), 0) FROM integration_receipt
            ON CONFLICT DO NOTHING;
            INSERT INTO integration_metric_state (name) VALUES ('figures') ON CONFLICT DO NOTHING;
            """
        )

    # -- received
    # ------------------------------------------------------------------------------------------------------------

    @api.model
    def _chore_received(self, limit):
        """Add the receipts whose turn it is; return 1 when more of them can be added now."""
        if not self._received_due():
            return 0
        # A snapshot from before another process's turn would refuse the update, and each look needs one of its own.
        tools.begin_read_committed(self.env.cr)
        return self._go_on() if self._is_alone(_RECEIVED_LOCK) else 0

    @api.model
    def _go_on(self):
        done, mark, writers = self._marks()
        if mark == done:
            self._mark()
            self._note_writers()
            done, mark, writers = self._marks()
        elif writers:
            writers = self._writers_left()
        if writers or mark == done:
            return 0
        until = min(done + RECEIPTS_AT_ONCE, mark)
        self._add_received(done, until)
        return int(mark > until)

    @api.model
    def _received_due(self):
        """Tell whether receipts can be counted now, or it is time to look whether more of them can."""
        self.env.cr.execute(
            SQL(
                """
                SELECT CASE WHEN m.mark > m.done AND m.writers = '{}' THEN true
                            WHEN m.mark > m.done OR (q.is_called AND q.last_value > m.mark)
                            THEN COALESCE(m.at <= %(now)s - make_interval(secs => %(pause)s) OR m.at > %(now)s, true)
                            ELSE false END
                  FROM integration_metric_state m, integration_receipt_id_seq q WHERE m.name = 'received'
                """,
                now=tools.utc_now(),
                pause=RECEIVED_SECONDS,
            )
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _marks(self):
        """Return (id up to which is counted, marked id, transactions that may still commit ids up to the mark)."""
        self.env.cr.execute("SELECT done, mark, writers FROM integration_metric_state WHERE name = 'received'")
        return self.env.cr.fetchone()

    @api.model
    def _mark(self):
        """Note which ids have been given out by now."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE integration_metric_state
                   SET mark = (SELECT last_value - (NOT is_called)::integer FROM integration_receipt_id_seq), at = %s
                 WHERE name = 'received'
                """,
                tools.utc_now(),
            )
        )

    @api.model
    def _note_writers(self):
        """Note who may still commit one of the marked ids: only after these were marked, or one could be missed.

        Before an INSERT is given an id it locks the table, and keeps that lock until its transaction has ended and what
        it wrote is seen. What this transaction itself wrote it sees.
        """
        self.env.cr.execute(
            """
            UPDATE integration_metric_state
               SET writers = ARRAY(
                   SELECT DISTINCT virtualtransaction FROM pg_locks
                    WHERE locktype = 'relation' AND relation = 'integration_receipt'::regclass
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                      AND mode = 'RowExclusiveLock' AND granted AND pid <> pg_backend_pid())
             WHERE name = 'received'
            """
        )

    @api.model
    def _writers_left(self):
        """Return those of the noted transactions that have not ended, and note that somebody looked."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE integration_metric_state
                   SET writers = ARRAY(
                       SELECT DISTINCT virtualtransaction FROM pg_locks
                        WHERE locktype = 'relation' AND relation = 'integration_receipt'::regclass
                          AND mode = 'RowExclusiveLock' AND granted AND virtualtransaction = ANY (writers)),
                       at = %s
                 WHERE name = 'received' RETURNING writers
                """,
                tools.utc_now(),
            )
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _add_received(self, after, until):
        """Count the receipts with ids above ``after`` up to ``until``."""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO integration_received_total AS t (system_id, outcome, units)
                SELECT system_id, outcome, count(*) FROM integration_receipt
                 WHERE id > %(after)s AND id <= %(until)s AND mode = 'live' GROUP BY 1, 2
                ON CONFLICT (system_id, outcome) DO UPDATE SET units = t.units + EXCLUDED.units;
                UPDATE integration_metric_state SET done = %(until)s WHERE name = 'received'
                """,
                after=after,
                until=until,
            )
        )

    # -- figures
    # -------------------------------------------------------------------------------------------------------------

    @api.model
    def _chore_figures(self, limit):
        """Count the figures anew when it is time; there is never more to do at once."""
        if self._figures_due():
            tools.begin_read_committed(self.env.cr)
            if self._is_alone(_FIGURES_LOCK) and self._figures_due():
                self._count_figures()
        return 0

    @api.model
    def _figures_due(self):
        self.env.cr.execute(
            SQL(
                """
                SELECT COALESCE(at + make_interval(secs => greatest(%(pause)s, took / %(share)s)) <= %(now)s
                                -- A clock that was put back must not hold the figures up for as long as it was wrong.
                                OR at > %(now)s, true)
                  FROM integration_metric_state WHERE name = 'figures'
                """,
                pause=FIGURES_SECONDS,
                share=FIGURES_SHARE,
                now=tools.utc_now(),
            )
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _count_figures(self):
        self.env.cr.execute(SQL("SELECT %s", tools.utc_now()))
        (began,) = self.env.cr.fetchone()
        self.env.cr.execute("DELETE FROM integration_metric_figure")
        rows = [*self._equation_figures(), *self._open_figures()]
        if rows:
            self.env.cr.execute_values(
                "INSERT INTO integration_metric_figure (family, labels, value) VALUES %s", rows, page_size=1000
            )
        self.env.cr.execute(
            SQL(
                "UPDATE integration_metric_state SET at = %(now)s, took = extract(epoch FROM %(now)s - %(began)s)"
                " WHERE name = 'figures'",
                now=tools.utc_now(),
                began=began,
            )
        )

    @api.model
    def _equation_figures(self):
        """Return (family, labels, value) of the equation of yesterday and today, whatever zone a system is in.

        What is unaccounted for does not come right because a day is past: while an alert says it, it is counted from
        the days on which that began.
        """
        # All companies: whoever reads this holds a token that somebody made who is allowed in each of them.
        ids = [one for (one,) in self.env.execute_query(SQL("SELECT id FROM res_company"))]
        companies = self.env["res.company"].browse(ids)
        first, last = self._days(fields.Date.today())
        ledger = self.env["integration.ledger"]
        found = lost = ledger._equation(companies, first, last)
        if since := self._lost_since(first):
            lost = ledger._equation(companies, since, last)
        codes = dict(self.env.execute_query(SQL("SELECT id, code FROM integration_system")))
        currencies = self._currencies()
        units, amounts = {}, {}
        for part in PARTS:
            for row in lost if part == "unaccounted" else found:
                tally = row.difference if part == "unaccounted" else row.tally(Bucket(part))
                code = codes.get(row.key.system, "")
                units[code, part] = units.get((code, part), 0) + tally.units
                if row.key.currency:
                    key = (code, part, row.key.currency if row.key.currency in currencies else OTHER_CURRENCY)
                    amounts[key] = amounts.get(key, 0) + tally.amount
        return [
            *(("equation_units", list(key), value) for key, value in units.items()),
            *(("equation_amount", list(key), value) for key, value in amounts.items()),
        ]

    @api.model
    def _lost_since(self, first):
        """Return the first day from which on something may still be missing, where it is before ``first``; or None."""
        [(began,)] = self.env.execute_query(
            SQL("SELECT min(since) FROM integration_alert WHERE kind = 'unaccounted' AND until IS NULL")
        )
        if not began:
            return None
        since = max(lost_since(began), fields.Date.subtract(fields.Date.today(), days=LOST_DAYS))
        return since if since < first else None

    @api.model
    def _currencies(self):
        """Return the codes of all currencies that Odoo knows: a message may name what it likes, a label may not."""
        return {code for (code,) in self.env.execute_query(SQL("SELECT name FROM res_currency"))}

    @staticmethod
    def _days(today: date) -> tuple[date, date]:
        return today - timedelta(days=1), today + timedelta(days=1)

    @api.model
    def _open_figures(self):
        """Return (family, labels, value) of what waits for people: read by indexes that hold nothing else."""
        self.env.cr.execute(
            """
            SELECT 'parked_lines', ARRAY[s.code], count(*)
              FROM integration_effect f JOIN integration_event e ON e.id = f.event_id
              JOIN integration_system s ON s.id = e.system_id
             WHERE f.status = 'parked' AND e.mode = 'live' GROUP BY 2
            UNION ALL
            SELECT 'parked_amount', ARRAY[s.code, COALESCE(r.name, 'other')], sum(c.amount_sent)
              FROM integration_charge c JOIN integration_system s ON s.id = c.system_id
              LEFT JOIN res_currency r ON r.name = c.currency_code
             WHERE c.state = 'parked' AND c.mode = 'live' AND c.priced AND c.currency_code IS NOT NULL
             GROUP BY 2 HAVING sum(c.amount_sent) IS NOT NULL
            UNION ALL
            SELECT 'dead_letters', ARRAY[s.name, d.consumer], count(*)
              FROM integration_delivery d JOIN integration_subscription s ON s.id = d.subscription_id
              JOIN integration_event e ON e.id = d.event_id
             WHERE d.dead_since IS NOT NULL AND d.state = 'dead' AND e.mode = 'live' GROUP BY 2
            UNION ALL
            SELECT 'refused_messages', ARRAY[s.code], count(*)
              FROM integration_refused_message m JOIN integration_system s ON s.id = m.system_id
             WHERE m.state = 'open' AND m.mode = 'live' GROUP BY 2
            UNION ALL
            SELECT 'mapping_tasks', ARRAY[s.code, t.kind], count(*)
              FROM integration_mapping_task t JOIN integration_system s ON s.id = t.system_id
             WHERE t.state = 'open' GROUP BY 2
            """
        )
        return self.env.cr.fetchall()

    @api.model
    def _is_alone(self, lock):
        """Tell whether no other process does this; until the end of the transaction none will."""
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s)", (lock,))
        return self.env.cr.fetchone()[0]
