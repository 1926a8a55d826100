from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .. import tools
from ..domain import latency
from ..engine.claims import LATENCY_SLOTS_MS
from .integration_attempt import OUTCOMES

AS_WRITTEN, BY_MINUTE, BY_HOUR = range(3)
_FOLD_LOCK = 0x696E7466  # "intf"
"""Advisory lock of the process that folds."""


class IntegrationDeliveryCount(models.Model):
    """How many tries ended how, by minute, and how long after their event: what dashboards read.

    Every completion appends its own small rows, so that no two processes write one row; a chore folds the rows of a
    past minute into one per key, and after three days those of an hour. Readers always add up, so they never see the
    difference. Written in SQL by the engine alone, without foreign keys: these rows outlive what they count.

    What a fold takes in for the first time it also adds to ``integration_delivery_total``, which has no time: counters
    that only rise are read from there and from what is not folded yet, so that they cost the same after ten years.
    """

    _name = "integration.delivery.count"
    _description = "Count of tries"
    _auto = False
    _log_access = False
    _order = "minute desc, id desc"

    minute = fields.Datetime(required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    subscription_id = fields.Many2one("integration.subscription", required=True, readonly=True)
    lane = fields.Integer(required=True, readonly=True)
    state = fields.Char("Left it", required=True, readonly=True, help="State of the delivery after the try.")
    outcome = fields.Selection(OUTCOMES, required=True, readonly=True)
    slot = fields.Integer("Latency slot", required=True, readonly=True, help="See LATENCY_SLOTS_MS.")
    tries = fields.Integer(required=True, readonly=True)
    latency_ms = fields.Float("Latency, summed (ms)", required=True, readonly=True)

    def init(self):
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS integration_delivery_count (
                id serial PRIMARY KEY,
                minute timestamp NOT NULL,
                company_id integer NOT NULL,
                subscription_id integer NOT NULL,
                lane smallint NOT NULL,
                state varchar NOT NULL,
                outcome varchar NOT NULL,
                slot smallint NOT NULL,
                tries bigint NOT NULL,
                latency_ms bigint NOT NULL
            );
            ALTER TABLE integration_delivery_count ADD COLUMN IF NOT EXISTS grain smallint NOT NULL DEFAULT 0;
            CREATE INDEX IF NOT EXISTS integration_delivery_count_minute_idx
                ON integration_delivery_count (minute, company_id);
            -- On an expression, so that the search for what is to be folded can never read the folded history instead.
            CREATE INDEX IF NOT EXISTS integration_delivery_count_unfolded_idx
                ON integration_delivery_count (grain, date_trunc('minute', minute)) WHERE grain < 2;
            CREATE TABLE IF NOT EXISTS integration_delivery_total (
                subscription_id integer NOT NULL,
                lane smallint NOT NULL,
                state varchar NOT NULL,
                outcome varchar NOT NULL,
                slot smallint NOT NULL,
                tries bigint NOT NULL,
                latency_ms bigint NOT NULL,
                PRIMARY KEY (subscription_id, lane, state, outcome, slot)
            );
            """
        )

    # -- folding
    # ---------------------------------------------------------------------------------------------------------------

    @api.model
    def _chore_fold(self, limit):
        """Fold rows of past minutes, and of hours past three days; return 1 when more is to be folded now.

        One process folds at a time; a row that is appended late to a minute that was folded is folded into it again.
        """
        if not self._unfolded():
            return 0
        # A snapshot from before another process's fold would refuse the DELETE.
        tools.begin_read_committed(self.env.cr)
        return self._fold(limit)

    @api.model
    def _fold(self, limit):
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s)", (_FOLD_LOCK,))
        if not self.env.cr.fetchone()[0]:
            return 0
        for grain, unit, age in self._folds():
            self.env.cr.execute(
                SQL(
                    """
                    WITH past AS (
                        SELECT DISTINCT date_trunc(%(unit)s, minute) AS start FROM (
                            SELECT minute FROM integration_delivery_count
                             WHERE grain = %(below)s AND date_trunc('minute', minute) < %(until)s
                             ORDER BY date_trunc('minute', minute) LIMIT %(limit)s) AS oldest),
                    gone AS (
                        DELETE FROM integration_delivery_count c USING past
                         WHERE c.minute >= past.start AND c.minute < past.start + ('1 ' || %(unit)s)::interval
                           AND c.grain <= %(grain)s
                        RETURNING past.start, c.company_id, c.subscription_id, c.lane, c.state, c.outcome, c.slot,
                                  c.tries, c.latency_ms, c.grain),
                    counted AS (
                        INSERT INTO integration_delivery_total AS t
                            (subscription_id, lane, state, outcome, slot, tries, latency_ms)
                        SELECT subscription_id, lane, state, outcome, slot, sum(tries), sum(latency_ms)
                          FROM gone WHERE grain = %(written)s GROUP BY 1, 2, 3, 4, 5
                        ON CONFLICT (subscription_id, lane, state, outcome, slot) DO UPDATE
                           SET tries = t.tries + EXCLUDED.tries, latency_ms = t.latency_ms + EXCLUDED.latency_ms)
                    INSERT INTO integration_delivery_count
                        (minute, company_id, subscription_id, lane, state, outcome, slot, tries, latency_ms, grain)
                    SELECT start, company_id, subscription_id, lane, state, outcome, slot, sum(tries), sum(latency_ms),
                           %(grain)s
                      FROM gone GROUP BY 1, 2, 3, 4, 5, 6, 7
                    """,
                    unit=unit,
                    below=grain - 1,
                    grain=grain,
                    written=AS_WRITTEN,
                    until=fields.Datetime.now() - age,
                    limit=limit,
                )
            )
        return int(self._unfolded())

    @staticmethod
    def _folds():
        """Return (grain, its unit of time, how old rows are when they are folded into it)."""
        return ((BY_MINUTE, "minute", timedelta(minutes=2)), (BY_HOUR, "hour", timedelta(days=3)))

    @api.model
    def _unfolded(self):
        """Tell whether there is a row that is old enough to be folded."""
        looks = [
            SQL(
                "EXISTS (SELECT 1 FROM integration_delivery_count"
                " WHERE grain = %s AND date_trunc('minute', minute) < %s)",
                grain - 1,
                fields.Datetime.now() - age,
            )
            for grain, _unit, age in self._folds()
        ]
        self.env.cr.execute(SQL("SELECT %s", SQL(" OR ").join(looks)))
        return self.env.cr.fetchone()[0]

    # -- reading
    # ---------------------------------------------------------------------------------------------------------------

    @api.model
    def _figures(self, companies, since, until=None, subscription=None, without=()):
        """Return what became of tries, and how long deliveries took.

        Whole minutes are counted; what is older than three days, in whole hours.

        :param companies: ``res.company`` records; the caller has checked that the user may see them
        :param datetime since: naive UTC
        :param datetime until: naive UTC, left out; None: up to now
        :param subscription: one ``integration.subscription``; None: all
        :param without: ids of subscriptions that are left out
        :return: :class:`~odoo.addons.integration_core.domain.latency.Figures`
        """
        where = [
            SQL("company_id IN %s", tuple(companies.ids) or (0,)),
            SQL("minute >= date_trunc('minute', %s::timestamp)", since),
        ]
        if until:
            where.append(SQL("minute < %s", until))
        if subscription:
            where.append(SQL("subscription_id IN %s", tuple(subscription.ids)))
        if without:
            where.append(SQL("subscription_id <> ALL (%s)", list(without)))
        self.env.cr.execute(
            SQL(
                """
                SELECT outcome, state = 'done', slot, sum(tries)::bigint
                  FROM integration_delivery_count WHERE %s GROUP BY 1, 2, 3
                """,
                SQL(" AND ").join(where),
            )
        )
        tries, delivered = {}, {}
        for outcome, done, slot, count in self.env.cr.fetchall():
            tries[outcome] = tries.get(outcome, 0) + count
            if done:
                delivered[slot] = delivered.get(slot, 0) + count
        return latency.figures(tries, delivered, LATENCY_SLOTS_MS)

    @api.model
    def _tries_since(self, since):
        """Return (company's id, subscription's id, tries, how many of them failed) rows since a moment (naive UTC).

        Whole minutes are counted, as in :meth:`_figures`.
        """
        return self.env.execute_query(
            SQL(
                """
                SELECT company_id, subscription_id, sum(tries)::bigint,
                       COALESCE(sum(tries) FILTER (WHERE outcome <> ALL (%s)), 0)::bigint
                  FROM integration_delivery_count WHERE minute >= date_trunc('minute', %s::timestamp) GROUP BY 1, 2
                """,
                sorted(latency.GOOD),
                since,
            )
        )

    @api.model
    def _totals_sql(self):
        """SQL of all tries since the suite was installed: rows of a subscription, how tries ended, and a slot.

        Columns ``subscription_id``, ``lane``, ``state``, ``outcome``, ``slot``, ``tries`` and ``latency_ms`` (summed);
        several rows may have one key. It reads what is not folded yet, a few minutes, and no history.
        """
        columns = SQL("subscription_id, lane, state, outcome, slot, tries, latency_ms")
        return SQL(
            "SELECT %s FROM integration_delivery_total UNION ALL"
            " SELECT %s FROM integration_delivery_count WHERE grain = %s",
            columns,
            columns,
            AS_WRITTEN,
        )

    @api.model
    def _slot_bounds(self):
        """Return the upper bounds (ms) of the latency slots; slot ``n`` lies between bounds ``n - 1`` and ``n``."""
        return LATENCY_SLOTS_MS
