from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.addons.integration_core import tools
from odoo.addons.integration_core.models.integration_event_type import LANE_RANK
from odoo.tools import SQL

from ..domain import alerting
from ..domain.alerting import Reading

_LANES = {rank: lane for lane, rank in LANE_RANK.items()}
LOOKED_BACK_DAYS = 7
"""Days on which is looked whether a system usually sends at this hour."""
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
        """Minutes that the oldest delivery of a lane has been due which nothing keeps back."""
        endpoints = self._endpoints()
        found = {}
        for company, rank, subscription, system, many, _tried, moves, age, *_ in self.env[
            "integration.metrics"
        ]._due_groups():
            endpoint = endpoints.get(subscription)
            if not moves or not self._is_asked(rule, system, endpoint):
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
        """Minutes since a receiver stopped taking what is sent; its own page says why."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id, p.company_id, p.system_id, extract(epoch FROM %s - p.trouble_since)::float8,
                       (SELECT count(*) FROM integration_due d JOIN integration_subscription s
                            ON s.id = d.subscription_id WHERE s.endpoint_id = p.id)
                  FROM integration_endpoint p
                 WHERE p.trouble_since IS NOT NULL AND p.approved_mode IS DISTINCT FROM 'test'
                """,
                tools.utc_now(),
            )
        )
        return [
            # One that began a moment ago is past a threshold of 0 all the same, whatever the clocks say.
            Reading(
                f"endpoint:{endpoint}", max(seconds, 1.0) / 60, company, waiting, system=system, endpoint=endpoint
            )
            for endpoint, company, system, seconds, waiting in rows
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
    def _troubled(self):
        """Return the ids of endpoints that are known not to take what is sent."""
        rows = self.env.execute_query(SQL("SELECT id FROM integration_endpoint WHERE trouble_since IS NOT NULL"))
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
        for system, company, _code, seconds in self.env["integration.metrics"]._silences():
            late = seconds > rule.threshold * 3600
            hours = seconds / 3600 if not late or self._usually_sends(system, rule.threshold) else None
            found.append(Reading(f"system:{system}", hours, company, system=system))
        return found

    @api.model
    def _usually_sends(self, system, hours):
        """Tell whether a system sent on most of the last days within as many hours before this time of the day."""
        [(heard, looked)] = self.env.execute_query(
            SQL(
                """
                SELECT count(*) FILTER (WHERE EXISTS (
                           SELECT FROM integration_event e WHERE e.system_id = s.id
                              AND e.received_at > day.at - make_interval(secs => %(seconds)s)
                              AND e.received_at <= day.at)),
                       count(*)
                  FROM integration_system s
                  CROSS JOIN LATERAL (SELECT %(now)s - make_interval(days => n) AS at
                                        FROM generate_series(1, %(days)s) AS n) AS day
                 WHERE s.id = %(system)s AND s.live_from <= day.at - make_interval(secs => %(seconds)s)
                """,
                system=system,
                seconds=hours * 3600,
                days=LOOKED_BACK_DAYS,
                now=tools.utc_now(),
            )
        )
        return alerting.is_usual(heard, looked)

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
