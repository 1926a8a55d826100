from odoo import api, models
from odoo.addons.integration_core import tools
from odoo.addons.integration_core.engine.claims import DEAD
from odoo.addons.integration_core.models.integration_event_type import LANE_RANK
from odoo.addons.integration_outbound.models.integration_breaker import STATES as BREAKER_STATES
from odoo.tools import SQL

from ..domain import families, openmetrics

_LANES = {rank: lane for lane, rank in LANE_RANK.items()}
DELETED = "(deleted)"
"""What a subscription is called that is not there any more."""


class IntegrationMetrics(models.AbstractModel):
    """What other tools read: the families of ``domain/families.py`` with their samples.

    Whatever is read here costs the same after ten years: counters come from totals, states from the configuration, the
    work list and indexes, and what takes reading more was counted in the background (``integration.metric.figures``).
    It is one transaction, so that the figures of one scrape belong together.
    """

    _name = "integration.metrics"
    _description = "Metrics"

    @api.model
    def _scrape(self, form):
        """Return all metrics as text in the format ``form`` (bytes)."""
        # Compiling a statement takes longer than any of these may.
        self.env.cr.execute("SET LOCAL jit = off")
        self.env.flush_all()
        found = families.empty()
        self._read_build(found)
        self._read_received(found)
        self._read_figures(found)
        self._read_totals(found)
        self._read_due(found)
        self._read_breakers(found)
        self._read_silence(found)
        self._read_credentials(found)
        self._read_engine(found)
        self._read_audit(found)
        return openmetrics.write(found.values(), form)

    @api.model
    def _read_build(self, found):
        rows = self.env.execute_query(
            SQL(
                "SELECT name, latest_version FROM ir_module_module"
                " WHERE starts_with(name, 'integration_') AND state IN ('installed', 'to upgrade')"
            )
        )
        for name, version in rows:
            found["build"].add((name, version or ""), 1)
        found["ready"].add((), int(self.env["integration.gate"]._is_ready()))

    @api.model
    def _read_received(self, found):
        rows = self.env.execute_query(
            SQL(
                """
            SELECT s.code, o.outcome, COALESCE(t.units, 0)
              FROM integration_system s
              CROSS JOIN (VALUES ('accepted'), ('duplicate'), ('rejected')) AS o (outcome)
              LEFT JOIN integration_received_total t ON t.system_id = s.id AND t.outcome = o.outcome
             WHERE s.mode = 'live' OR t.units > 0
            """
            )
        )
        for code, outcome, units in rows:
            found["received_units"].add((code, outcome), units)

    @api.model
    def _read_figures(self, found):
        for (code,) in self.env.execute_query(
            SQL("SELECT code FROM integration_system WHERE mode = 'live' AND state = 'active' AND active")
        ):
            found["parked_lines"].add((code,), 0)
            found["refused_messages"].add((code,), 0)
        for name, consumer in self.env.execute_query(
            SQL("SELECT name, consumer FROM integration_subscription WHERE active")
        ):
            found["dead_letters"].add((name, consumer), 0)
        for family, labels, value in self.env.execute_query(
            SQL("SELECT family, labels, value FROM integration_metric_figure")
        ):
            if family in found:  # else an earlier release has counted it
                found[family].add(labels, int(value) if value == int(value) else value)
        [(at,)] = self.env.execute_query(
            SQL(
                "SELECT extract(epoch FROM at AT TIME ZONE 'UTC')::float8 FROM integration_metric_state"
                " WHERE name = 'figures'"
            )
        )
        found["figures_timestamp_seconds"].add((), at or 0)

    @api.model
    def _read_totals(self, found):
        rows = self.env.execute_query(
            SQL(
                """
            SELECT COALESCE(s.name, %(deleted)s), COALESCE(s.consumer, ''), t.lane, t.outcome, t.state = 'done', t.slot,
                   sum(t.tries)::bigint, sum(t.latency_ms)::bigint
              FROM (%(totals)s) t LEFT JOIN integration_subscription s ON s.id = t.subscription_id
             GROUP BY 1, 2, 3, 4, 5, 6
            """,
                deleted=DELETED,
                totals=self.env["integration.delivery.count"]._totals_sql(),
            )
        )
        for name, consumer, lane, outcome, done, slot, tries, latency in rows:
            labels = (name, consumer, _LANES.get(lane, str(lane)))
            found["tries"].add((*labels, outcome), tries)
            if done:
                found["delivery_latency_seconds"].observe(labels, slot, tries, latency / 1000)

    @api.model
    def _read_due(self, found):
        lanes = {lane: [0, 0, 0, 0.0] for lane in LANE_RANK}
        for _company, rank, _subscription, _system, many, tried, moves, age, *_ in self._due_groups():
            figures = lanes[_LANES[rank]]
            figures[0] += many
            figures[1] += tried
            figures[2] += 0 if moves else many
            figures[3] = max(figures[3], age if moves else 0.0)
        for lane, (many, tried, held, age) in lanes.items():
            found["open_deliveries"].add((lane,), many)
            found["retrying_deliveries"].add((lane,), tried)
            found["held_deliveries"].add((lane,), held)
            found["oldest_due_seconds"].put((lane,), age)

    @api.model
    def _due_groups(self):
        """Read the work list once, and say of its groups afterwards what keeps them back.

        :return: (company's id, rank of the lane, subscription's id, system's id, how many, how many were tried before,
            whether nothing keeps them back, for how many seconds the oldest has been due, how many that were tried
            before are due again, the lowest id, the lowest id of those that were tried before) rows
        """
        return self.env.execute_query(
            SQL(
                """
            WITH d AS MATERIALIZED (
                SELECT company_id, lane, subscription_id, system_id, count(*) AS many,
                       count(*) FILTER (WHERE attempts > 0) AS tried, min(due_at) AS due_at,
                       count(*) FILTER (WHERE attempts > 0 AND due_at <= %(now)s) AS tried_due, min(id) AS first,
                       min(id) FILTER (WHERE attempts > 0) AS first_tried
                  FROM integration_due WHERE tier <> %(dead)s GROUP BY 1, 2, 3, 4)
            SELECT d.company_id, d.lane, d.subscription_id, d.system_id, d.many, d.tried,
                   ((%(claimable)s) AND (%(let_go)s)),
                   greatest(0, extract(epoch FROM %(now)s - d.due_at))::float8, d.tried_due, d.first, d.first_tried
              FROM d JOIN integration_subscription s ON s.id = d.subscription_id
            """,
                dead=DEAD,
                claimable=self.env["integration.delivery"]._claim_condition(),
                let_go=self.env["integration.hold"]._let_go(),
                now=tools.utc_now(),
            )
        )

    @api.model
    def _read_breakers(self, found):
        # sudo: a scrape is nobody's; endpoints are read to name their breakers
        endpoints = self.env["integration.endpoint"].sudo().search([("url", "!=", False)])
        breakers = self.env["integration.breaker"]
        states = dict(self.env.execute_query(SQL("SELECT name, state FROM integration_breaker")))
        for endpoint in endpoints:
            for state, _label in BREAKER_STATES:
                found["breakers"].add((endpoint.name, state), 0)
            for name in breakers._names_of(endpoint):
                found["breakers"].add((endpoint.name, states.get(name, "closed")), 1)
            for state in endpoint._fields["state"].get_values(self.env):
                found["endpoints"].add((endpoint.name, state), int(state == endpoint.state))

    @api.model
    def _read_silence(self, found):
        for _system, _company, code, age, *_ in self._silences():
            found["silence_seconds"].put((code,), age)

    @api.model
    def _silences(self):
        """Return rows of the live systems that may send, those that are suspended included.

        Who is suspended is refused, and care goes on there all the same: that nothing comes is no less true for it.

        :return: (system's id, company's id, code, seconds since it was last heard from, whether it ever was, whether it
            is suspended) rows; seconds count from going live on
        """
        return self.env.execute_query(
            SQL(
                """
            SELECT s.id, s.company_id, s.code,
                   greatest(0, extract(epoch FROM %(now)s - greatest(s.live_from, e.at, r.at)))::float8,
                   COALESCE(e.at, r.at) IS NOT NULL, s.state = 'suspended'
              FROM integration_system s
              LEFT JOIN LATERAL (SELECT received_at AS at FROM integration_event WHERE system_id = s.id
                                  ORDER BY received_at DESC LIMIT 1) AS e ON true
              LEFT JOIN LATERAL (SELECT received_at AS at FROM integration_receipt
                                  WHERE system_id = s.id AND outcome <> 'accepted'
                                  ORDER BY received_at DESC LIMIT 1) AS r ON true
             WHERE s.mode = 'live' AND s.state IN ('active', 'suspended') AND s.active AND s.live_from <= %(now)s
               AND EXISTS (SELECT FROM integration_system_event_type_rel t WHERE t.system_id = s.id)
            """,
                now=tools.utc_now(),
            )
        )

    @api.model
    def _read_credentials(self, found):
        for _system, _company, _endpoint, code, endpoint, use, ends in self._credential_ends():
            found["credential_expiry_timestamp_seconds"].put((code, endpoint, use), ends)

    @api.model
    def _credential_ends(self):
        """Return when the last key in force of each active system or endpoint ends.

        :return: (system's id, company's id, endpoint's id, code, name of the endpoint, use, unix time or infinity) rows
        """
        return self.env.execute_query(
            SQL(
                """
            SELECT s.id, s.company_id, p.id, COALESCE(s.code, ''), COALESCE(p.name, ''), c.use,
                   max(COALESCE(extract(epoch FROM c.valid_to AT TIME ZONE 'UTC')::float8, 'Infinity'))
              FROM integration_credential c
              LEFT JOIN integration_endpoint p ON p.id = c.endpoint_id
              LEFT JOIN integration_system s ON s.id = COALESCE(c.system_id, p.system_id)
             WHERE c.state = 'active' AND c.valid_from <= %(now)s AND s.state = 'active' AND s.active
               AND COALESCE(p.state, 'active') = 'active'
             GROUP BY s.id, p.id, c.use
            """,
                now=tools.utc_now(),
            )
        )

    @api.model
    def _read_engine(self, found):
        rows = self.env.execute_query(
            SQL(
                """
            SELECT kind, state, count(*), greatest(0, extract(epoch FROM %(now)s - max(last_beat)))::float8
              FROM integration_heartbeat GROUP BY 1, 2
            """,
                now=tools.utc_now(),
            )
        )
        ages = {}
        for kind, state, count, age in rows:
            found["engine_processes"].add((kind, state), count)
            ages[kind] = min(age, ages.get(kind, age))
        for kind, age in ages.items():
            found["engine_heartbeat_age_seconds"].put((kind,), age)

    @api.model
    def _read_audit(self, found):
        [(rows, age)] = self.env.execute_query(
            SQL(
                """
            SELECT (SELECT count(*) FROM integration_audit_queue),
                   COALESCE((SELECT greatest(0, extract(epoch FROM %(now)s - a.at)) FROM integration_audit a
                              WHERE a.id = (SELECT min(id) FROM integration_audit_queue)), 0)::float8
            """,
                now=tools.utc_now(),
            )
        )
        found["unsealed_audit_rows"].add((), rows)
        found["unsealed_audit_age_seconds"].put((), age)
