from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.addons.integration_core import tools
from odoo.addons.integration_core.engine.claims import DEAD
from odoo.addons.integration_core.models.integration_event_type import LANE_RANK
from odoo.tools import SQL

from ..domain import alerting, objectives
from ..domain.alerting import Reading
from ..domain.objectives import Sample, Tally
from .integration_health_mixin import PARAMETER

_LANES = {rank: lane for lane, rank in LANE_RANK.items()}
LOOKED_BACK_DAYS = 7
"""Days on which is looked whether a system usually sends at this hour."""
LOOKED_BACK_WEEKS = 4
"""Weeks of which the day of this name is looked at, too."""
URGENT_SECONDS = 180
"""A receiver that has taken nothing for so long, while critical messages wait for it, is critical itself."""
_DAY = 86400


class IntegrationAlertReadings(models.AbstractModel):
    """What alert rules read, one method per kind: rollups, the work list, the configuration and entries of indexes.

    Each returns :class:`~odoo.addons.integration_monitor.domain.alerting.Reading` values of all companies; the rule
    leaves out what is not in its scope. What is not there any more reads as nothing bad.
    """

    _name = "integration.alert.readings"
    _description = "Readings for alerts"

    @api.model
    def _read(self, rule):
        """Return the readings of a rule, within its scope."""
        self.env.flush_all()
        readings = getattr(self, f"_read_{rule.kind}")(rule)
        return [one for one in readings if self._is_in_scope(rule, one)]

    @api.model
    def _is_in_scope(self, rule, reading):
        # What concerns all companies, such as the engine, concerns each of them.
        if rule.company_id and reading.company not in (rule.company_id.id, None):
            return False
        wanted = (
            (rule.system_id.id, reading.system),
            (rule.endpoint_id.id, reading.endpoint),
            (rule.lane, reading.lane),
        )
        return all(not asked or asked == found for asked, found in wanted)

    # -- deliveries

    @api.model
    def _read_backlog(self, rule):
        """Minutes that the oldest delivery of a lane has been due which nothing keeps back.

        What waits for a receiver that takes nothing is told by an alert about that.
        """
        endpoints, told = self._endpoints(), self._told_of()
        found = {}
        for company, rank, subscription, system, many, _tried, moves, age, *_ in self.env[
            "integration.metrics"
        ]._due_groups():
            endpoint = endpoints.get(subscription)
            if not moves or endpoint in told or not self._is_asked(rule, system, endpoint):
                continue
            count, oldest = found.get((company, rank), (0, 0.0))
            found[company, rank] = (count + many, max(oldest, age))
        return [
            Reading(
                f"company:{company}/lane:{_LANES[rank]}",
                age / 60,
                company,
                count,
                system=rule.system_id.id or None,
                endpoint=rule.endpoint_id.id or None,
                lane=_LANES[rank],
            )
            for (company, rank), (count, age) in found.items()
        ]

    @staticmethod
    def _is_asked(rule, system, endpoint):
        """Tell whether a delivery is in the scope of a rule whose readings are of many systems and endpoints."""
        asked_system, asked_endpoint = rule.system_id.id, rule.endpoint_id.id
        return (not asked_system or asked_system == system) and (not asked_endpoint or asked_endpoint == endpoint)

    @api.model
    def _read_dead_letters(self, rule):
        """Dead letters of a subscription; of live messages."""
        endpoints, systems = self._endpoints(), self._systems_of_endpoints()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT d.company_id, d.subscription_id, count(*)
                  FROM integration_delivery d JOIN integration_event e ON e.id = d.event_id
                 WHERE d.dead_since IS NOT NULL AND d.state = 'dead' AND e.mode = 'live' GROUP BY 1, 2
                """
            )
        )
        return [
            Reading(
                f"company:{company}/subscription:{subscription}",
                float(count),
                company,
                count,
                system=systems.get(endpoints.get(subscription)),
                endpoint=endpoints.get(subscription),
                subscription=subscription,
            )
            for company, subscription, count in rows
        ]

    @api.model
    def _read_trouble(self, rule):
        """Minutes since a receiver stopped taking what is sent; its own page says why.

        Where critical messages wait for it, this is urgent after as long as critical messages may be late.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id, p.company_id, p.system_id, extract(epoch FROM %s - p.trouble_since)::float8,
                       waiting.count, waiting.critical
                  FROM integration_endpoint p
                  CROSS JOIN LATERAL (
                      SELECT count(*), COALESCE(bool_or(d.lane = %s), false) AS critical
                        FROM integration_due d JOIN integration_subscription s ON s.id = d.subscription_id
                       WHERE s.endpoint_id = p.id AND d.tier <> %s) AS waiting
                 WHERE p.trouble_since IS NOT NULL AND p.approved_mode IS DISTINCT FROM 'test'
                """,
                tools.utc_now(),
                LANE_RANK["critical"],
                DEAD,
            )
        )
        return [
            # One that began a moment ago is past a threshold of 0 all the same, whatever the clocks say.
            Reading(
                f"endpoint:{endpoint}",
                max(seconds, 1.0) / 60,
                company,
                waiting,
                system=system,
                endpoint=endpoint,
                urgent=critical and seconds >= URGENT_SECONDS,
            )
            for endpoint, company, system, seconds, waiting, critical in rows
        ]

    @api.model
    def _read_failing(self, rule):
        """Percentage of the tries of a subscription that failed within the window.

        A receiver that takes nothing is another kind's: nobody is told twice of one thing.

        Of few tries nothing is said while some of its deliveries still wait for another: a receiver that is left alone
        because it does not answer has not recovered.
        """
        endpoints, systems, tests = self._endpoints(), self._systems_of_endpoints(), self._for_tests()
        troubled = self._troubled()
        since = fields.Datetime.now() - timedelta(minutes=rule.window_minutes)
        waiting = {}
        for company, _rank, subscription, _system, _many, tried, _moves, _age, *_ in self.env[
            "integration.metrics"
        ]._due_groups():
            waiting[company, subscription] = waiting.get((company, subscription), 0) + tried
        tries = {
            (company, subscription): (count, failed)
            for company, subscription, count, failed in self.env["integration.delivery.count"]._tries_since(since)
        }
        found = []
        for company, subscription in sorted({*tries, *waiting}):
            count, failed = tries.get((company, subscription), (0, 0))
            again = waiting.get((company, subscription), 0)
            endpoint = endpoints.get(subscription)
            share = None if endpoint in troubled else alerting.failed_share(count, failed, least=rule.least)
            if subscription not in tests and (share is not None or again):
                found.append(
                    Reading(
                        f"company:{company}/subscription:{subscription}",
                        share,
                        company,
                        again,
                        system=systems.get(endpoint),
                        endpoint=endpoint,
                        subscription=subscription,
                    )
                )
        return found

    @api.model
    def _read_burn_rate(self, rule):
        """Burn rate of an endpoint's objective, as both windows show it: that of the rule and a twelfth of it.

        As for failing deliveries, nothing is said of few tries while something still waits for another, nor of a
        receiver that takes nothing: people are told of that, and of what has failed meanwhile, already.
        """
        minutes = objectives.short_window(rule.window_minutes)
        long, short = self._tallies(rule.window_minutes), self._tallies(minutes)
        troubled = self._troubled(minutes)
        waiting = self._retrying()
        percents, systems = self._objectives(), self._systems_of_endpoints()
        found = []
        for company, endpoint in sorted({*long, *waiting}):
            tally, again = long.get((company, endpoint), Tally()), waiting.get((company, endpoint), 0)
            percent = percents[endpoint]
            rate = None
            if tally.tries >= rule.least and endpoint not in troubled:
                recent = short.get((company, endpoint), Tally())
                rate = objectives.both(objectives.burn_rate(tally, percent), objectives.burn_rate(recent, percent))
            if rate is not None or again:
                found.append(
                    Reading(
                        f"company:{company}/endpoint:{endpoint}",
                        rate,
                        company,
                        again,
                        system=systems.get(endpoint),
                        endpoint=endpoint,
                    )
                )
        return found

    @api.model
    def _tallies(self, minutes):
        """Return {(company's id, endpoint's id): tally} of the last minutes; tests apart."""
        endpoints, tests = self._endpoints(), self._for_tests()
        since = fields.Datetime.now() - timedelta(minutes=minutes)
        found = {}
        for company, subscription, tries, failed in self.env["integration.delivery.count"]._tries_since(since):
            if subscription in endpoints and subscription not in tests:
                key = company, endpoints[subscription]
                found[key] = found.get(key, Tally()) + Tally(tries, failed)
        return found

    @api.model
    def _retrying(self):
        """Return {(company's id, endpoint's id): how many deliveries wait to be tried again}; tests apart."""
        endpoints, tests = self._endpoints(), self._for_tests()
        found = {}
        for company, _rank, subscription, _system, _many, tried, _moves, _age, *_ in self.env[
            "integration.metrics"
        ]._due_groups():
            if tried and subscription in endpoints and subscription not in tests:
                key = company, endpoints[subscription]
                found[key] = found.get(key, 0) + tried
        return found

    @api.model
    def _objectives(self):
        """Return {endpoint's id: its objective (%)}."""
        told = self.env["ir.config_parameter"].sudo()  # sudo: a setting of the suite's own
        rows = self.env.execute_query(SQL("SELECT id, criticality FROM integration_endpoint"))
        return {endpoint: objectives.objective(one, told.get_param(PARAMETER % one)) for endpoint, one in rows}

    # -- how a backlog goes on

    def init(self):
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS integration_backlog_sample (
                at timestamp NOT NULL,
                company_id integer NOT NULL,
                lane smallint NOT NULL,
                waiting bigint NOT NULL,
                PRIMARY KEY (at, company_id, lane)
            )
            """
        )

    @api.model
    def _sample_backlog(self):
        """Note how much waits now in each lane, what a pause holds, or a receiver that takes nothing, apart.

        A day of it is kept.

        A lane that has emptied is noted, too: without it the last thing known of it would be that something waits.
        """
        endpoints, told = self._endpoints(), self._told_of()
        waiting = {}
        for company, rank, subscription, _system, many, _tried, moves, _age, *_ in self.env[
            "integration.metrics"
        ]._due_groups():
            goes_on = moves and endpoints.get(subscription) not in told
            waiting[company, rank] = waiting.get((company, rank), 0) + (many if goes_on else 0)
        self.env.cr.execute(
            SQL(
                "DELETE FROM integration_backlog_sample WHERE at < %s - make_interval(days => 1)",
                tools.utc_now(),
            )
        )
        known = self.env.execute_query(SQL("SELECT DISTINCT company_id, lane FROM integration_backlog_sample"))
        rows = [(*key, waiting.get(key, 0)) for key in sorted({*waiting, *known})]
        if rows:
            self.env.cr.execute_values(
                """
                INSERT INTO integration_backlog_sample (at, company_id, lane, waiting) VALUES %s
                ON CONFLICT (at, company_id, lane) DO UPDATE SET waiting = EXCLUDED.waiting
                """,
                rows,
                template="(clock_timestamp() AT TIME ZONE 'UTC', %s, %s, %s)",
            )

    @api.model
    def _read_backlog_forecast(self, rule):
        """Hours until the backlog of a lane is worked off, if it goes on as within the window."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT company_id, lane, at, waiting FROM integration_backlog_sample
                 WHERE at >= %s - make_interval(mins => %s)
                """,
                tools.utc_now(),
                rule.window_minutes,
            )
        )
        samples = {}
        for company, rank, at, waiting in rows:
            samples.setdefault((company, rank), []).append(Sample(at, waiting))
        span = timedelta(minutes=rule.window_minutes / 2)
        found = []
        for (company, rank), seen in samples.items():
            now = max(seen, key=lambda one: one.at).waiting
            hours = objectives.hours_left(seen, least_span=span) if now >= rule.least else 0.0
            lane = _LANES[rank]
            found.append(Reading(f"company:{company}/lane:{lane}", hours, company, now, lane=lane))
        return found

    @api.model
    def _endpoints(self):
        """Return {subscription's id: its endpoint's id}."""
        return dict(
            self.env.execute_query(
                SQL("SELECT id, endpoint_id FROM integration_subscription WHERE endpoint_id IS NOT NULL")
            )
        )

    @api.model
    def _systems_of_endpoints(self):
        return dict(self.env.execute_query(SQL("SELECT id, system_id FROM integration_endpoint")))

    @api.model
    def _troubled(self, minutes=0):
        """Return the ids of endpoints that are known not to take what is sent, or were within the last minutes."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id FROM integration_endpoint WHERE trouble_since IS NOT NULL
                UNION SELECT endpoint_id FROM integration_alert
                       WHERE kind = 'trouble' AND (until IS NULL OR until > %s)
                """,
                fields.Datetime.now() - timedelta(minutes=minutes),
            )
        )
        return {endpoint for (endpoint,) in rows}

    @api.model
    def _told_of(self):
        """Return the ids of endpoints of which an alert says that they do not take what is sent."""
        rows = self.env.execute_query(
            SQL("SELECT endpoint_id FROM integration_alert WHERE kind = 'trouble' AND until IS NULL")
        )
        return {endpoint for (endpoint,) in rows}

    @api.model
    def _for_tests(self):
        """Return the ids of subscriptions by which tests alone leave: these stay out of alerts."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.id FROM integration_subscription s JOIN integration_endpoint p ON p.id = s.endpoint_id
                 WHERE s.for_tests OR p.approved_mode = 'test'
                """
            )
        )
        return {subscription for (subscription,) in rows}

    # -- systems

    @api.model
    def _read_silence(self, rule):
        """Hours since a live system was heard from; nothing is said of one that rarely sends at this hour."""
        found = []
        for system, company, _code, seconds, *_ in self.env["integration.metrics"]._silences():
            hours = seconds / 3600
            late = hours > rule.threshold
            said = not late or self._usually_sends(system, rule.threshold, hours)
            found.append(Reading(f"system:{system}", hours if said else None, company, system=system))
        return found

    @api.model
    def _usually_sends(self, system, hours, silent):
        """Tell whether a system usually sent within as many hours before this time of the day, until it fell silent.

        It did on most of the last days, and where it has been heard for long enough, on most of the last days of this
        name: who works from Monday to Friday is not silent on Saturday. What is the same time is as clocks show it
        where the system is.

        :param float silent: hours since it was last heard from; the days since then say nothing of what is usual
        """
        day = alerting.first_day_back(silent, hours)
        week = alerting.first_week_back(day)
        [counts] = self.env.execute_query(
            SQL(
                """
                SELECT count(*) FILTER (WHERE look.daily AND at.heard), count(*) FILTER (WHERE look.daily),
                       count(*) FILTER (WHERE NOT look.daily AND at.heard),
                       count(*) FILTER (WHERE NOT look.daily AND at.known)
                  FROM integration_system s
                  CROSS JOIN LATERAL (
                      SELECT true AS daily, n AS days FROM generate_series(%(day)s, %(last_day)s) AS n
                      UNION ALL SELECT false, 7 * n FROM generate_series(%(week)s, %(last_week)s) AS n
                  ) AS look
                  CROSS JOIN LATERAL (
                      SELECT ((%(now)s AT TIME ZONE 'UTC' AT TIME ZONE s.timezone) - make_interval(days => look.days))
                             AT TIME ZONE s.timezone AT TIME ZONE 'UTC' AS stop
                  ) AS day
                  CROSS JOIN LATERAL (SELECT day.stop - make_interval(secs => %(seconds)s) AS start) AS span
                  CROSS JOIN LATERAL (
                      SELECT EXISTS (SELECT FROM integration_event e WHERE e.system_id = s.id
                                        AND e.received_at > span.start AND e.received_at <= day.stop) AS heard,
                             EXISTS (SELECT FROM integration_event e WHERE e.system_id = s.id
                                        AND e.received_at > day.stop - make_interval(days => 7)
                                        AND e.received_at <= day.stop) AS known
                  ) AS at
                 WHERE s.id = %(system)s AND s.live_from <= span.start
                """,
                system=system,
                seconds=hours * 3600,
                day=day,
                last_day=day + LOOKED_BACK_DAYS - 1,
                week=week,
                last_week=week + LOOKED_BACK_WEEKS - 1,
                now=tools.utc_now(),
            )
        )
        return alerting.is_usual(*counts)

    @api.model
    def _read_unaccounted(self, rule):
        """Lines of a system of which nobody knows what became; where money alone is missing: its currencies."""
        lines, money = {}, {}
        for system, company, _currency, value in self._unaccounted("equation_units"):
            lines[system, company] = abs(int(value))
        for system, company, currency, value in self._unaccounted("equation_amount"):
            if value:
                money.setdefault((system, company), {})[currency] = abs(value)
        found = []
        for system, company in sorted({*lines, *money}):
            count, sums = lines.get((system, company), 0), money.get((system, company), {})
            [(currency, amount)] = sums.items() if len(sums) == 1 else [(None, None)]
            value = float(count or len(sums))
            found.append(Reading(f"system:{system}", value, company, count, amount, currency, system=system))
        return found

    @api.model
    def _unaccounted(self, family):
        """Return (system's id, company's id, currency or None, value) of what the equation leaves over."""
        return self.env.execute_query(
            SQL(
                """
                SELECT s.id, s.company_id, f.labels[3], f.value
                  FROM integration_metric_figure f JOIN integration_system s ON s.code = f.labels[1]
                 WHERE f.family = %s AND f.labels[2] = 'unaccounted'
                """,
                family,
            )
        )

    @api.model
    def _read_parked_lines(self, rule):
        """Lines of a system that wait for a person."""
        amounts = self._parked_amounts()
        found = []
        for system, company, _currency, value in self._figures("parked_lines"):
            money = amounts.get(system, {})
            # A sum over currencies is no sum.
            [(currency, amount)] = money.items() if len(money) == 1 else [(None, None)]
            found.append(
                Reading(f"system:{system}", float(value), company, int(value), amount, currency, system=system)
            )
        return found

    @api.model
    def _read_parked_money(self, rule):
        """Money of a system in one currency that waits for a person."""
        counts = {system: int(value) for system, _company, _currency, value in self._figures("parked_lines")}
        return [
            Reading(
                f"system:{system}/currency:{currency}",
                float(value),
                company,
                counts.get(system, 0),
                value,
                currency,
                system=system,
            )
            for system, company, currency, value in self._figures("parked_amount")
        ]

    @api.model
    def _read_parked_age(self, rule):
        """Days that the oldest parked line of a system has waited for a person."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.system_id, s.company_id, count(*),
                       extract(epoch FROM %s - min(c.parked_since))::float8
                  FROM integration_charge c JOIN integration_system s ON s.id = c.system_id
                 WHERE c.state = 'parked' AND c.mode = 'live' AND c.parked_since IS NOT NULL GROUP BY 1, 2
                """,
                tools.utc_now(),
            )
        )
        amounts = self._parked_amounts()
        found = []
        for system, company, count, seconds in rows:
            money = amounts.get(system, {})
            [(currency, amount)] = money.items() if len(money) == 1 else [(None, None)]
            found.append(Reading(f"system:{system}", seconds / _DAY, company, count, amount, currency, system=system))
        return found

    @api.model
    def _parked_amounts(self):
        """Return {system's id: {currency: amount}} of parked money."""
        found = {}
        for system, _company, currency, value in self._figures("parked_amount"):
            found.setdefault(system, {})[currency] = Decimal(value)
        return found

    @api.model
    def _figures(self, family):
        """Return (system's id, company's id, currency or None, value) of what the background has counted."""
        return self.env.execute_query(
            SQL(
                """
                SELECT s.id, s.company_id, f.labels[2], f.value
                  FROM integration_metric_figure f JOIN integration_system s ON s.code = f.labels[1]
                 WHERE f.family = %s
                """,
                family,
            )
        )

    @api.model
    def _read_key_expiry(self, rule):
        """Days until the last key of a system or endpoint ends; below 0: since it has ended."""
        now = fields.Datetime.now()
        found = []
        for system, company, endpoint, _code, _name, use, ends in self.env["integration.metrics"]._credential_ends():
            if ends != float("inf"):
                left = (ends - (now - fields.Datetime.to_datetime("1970-01-01")).total_seconds()) / _DAY
                subject = f"endpoint:{endpoint}" if endpoint else f"system:{system}"
                found.append(
                    Reading(f"{subject}/use:{use}", left, company, 1, system=system, endpoint=endpoint or None)
                )
        return found

    # -- the engine

    @api.model
    def _read_engine(self, rule):
        """Seconds since any engine process gave a sign of life while work is due; 0 when none is late."""
        [(silent,)] = self.env.execute_query(
            SQL("SELECT extract(epoch FROM %s - max(last_beat))::float8 FROM integration_heartbeat", tools.utc_now())
        )
        if silent is not None and silent <= rule.threshold:
            return [Reading("engine", max(0.0, silent))]
        companies = [one for (one,) in self.env.execute_query(SQL("SELECT id FROM res_company"))]
        late = self.env["integration.overview"]._late_work(self.env["res.company"].browse(companies))
        if not late:
            return [Reading("engine", 0.0)]
        [(due,)] = self.env.execute_query(
            SQL("SELECT extract(epoch FROM %s - min(due_at))::float8 FROM integration_due", tools.utc_now())
        )
        return [Reading("engine", due if silent is None else silent, count=late)]
