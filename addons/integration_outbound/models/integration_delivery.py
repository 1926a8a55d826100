from dataclasses import replace

from odoo import api, fields, models
from odoo.addons.integration_core.domain import errors
from odoo.addons.integration_core.engine.plan import Line
from odoo.addons.integration_core.tools import in_words, utc_now
from odoo.tools import SQL

from ..breakers import book_of
from ..domain import breaker
from .integration_breaker import endpoint_key, origin_key


class IntegrationDelivery(models.Model):
    _inherit = "integration.delivery"

    endpoint_id = fields.Many2one(related="subscription_id.endpoint_id")
    wire_ids = fields.Json(
        readonly=True,
        groups=fields.NO_ACCESS,
        help="What the subscriber's system called the event's records when it was first sent; later tries repeat it.",
    )

    @api.model
    def _consumers(self):
        return {**super()._consumers(), "endpoint": "integration.consumer.endpoint"}

    @api.model
    def _claim_condition(self):
        """Hold the work of endpoints that are not active, and all but test events of those that are not live."""
        return SQL(
            """(%s) AND (s.endpoint_id IS NULL OR EXISTS (
                   SELECT 1 FROM integration_endpoint p JOIN integration_system y ON y.id = p.system_id
                    WHERE p.id = s.endpoint_id AND (%s)))""",
            super()._claim_condition(),
            self._endpoint_condition(),
        )

    @api.model
    def _endpoint_condition(self):
        """SQL over ``s`` (subscription), ``p`` (endpoint) and ``y`` (its system): where something may be sent."""
        return SQL(
            """
            p.state = 'active' AND (s.for_tests OR (p.approved_mode = 'live' AND y.mode = 'live'))
            AND NOT EXISTS (SELECT 1 FROM integration_hold h WHERE h.system_id = y.id)
            """
        )

    @api.model
    def _plan_consumer(self, consumer, worker):
        if consumer != "endpoint":
            return super()._plan_consumer(consumer, worker)
        self.env.cr.execute(
            SQL(
                """
                SELECT s.id, p.id, p.url, p.concurrency, p.rate_per_minute,
                       p.configuration_streak > 0 OR p.trouble_since IS NOT NULL
                       OR EXISTS (SELECT 1 FROM integration_breaker_sample b
                                   WHERE b.name = 'endpoint:' || p.id AND b.at > %s - interval '5 minutes')
                  FROM integration_subscription s
                  JOIN integration_endpoint p ON p.id = s.endpoint_id
                  JOIN integration_system y ON y.id = p.system_id
                 WHERE s.consumer = 'endpoint' AND s.state = 'active' AND (%s)
                 ORDER BY s.id
                """,
                utc_now(),
                self._endpoint_condition(),
            )
        )
        return self._behind_breakers(
            [
                (Line(subscription, endpoint, cap=cap, rate=rate or None, watched=bool(watched)), url)
                for subscription, endpoint, url, cap, rate, watched in self.env.cr.fetchall()
            ]
        )

    @api.model
    def _behind_breakers(self, lines):
        """Leave out what stands behind an open breaker, but for the one probe when it is due.

        :param lines: list of (Line, URL of its endpoint)
        """
        names = {line.channel: {endpoint_key(line.channel), origin_key(url)} - {None} for line, url in lines}
        breakers = self.env["integration.breaker"]
        known = breakers._read(set().union(*names.values()) if names else ())
        shut = {name for name, one in known.items() if one.is_shut}
        if not shut:
            return [line for line, _url in lines]
        now, probing = breakers._now(), {}
        for channel, own in names.items():
            closed = sorted(own & shut)
            if closed and all(breaker.probe_due(known[name], now) for name in closed):
                own_lines = [line for line, _url in lines if line.channel == channel]
                probing[channel] = self._probe(channel, own_lines, closed)
        return [
            replace(line, probing=bool(names[line.channel] & shut))
            for line, _url in lines
            if not names[line.channel] & shut or probing.get(line.channel)
        ]

    def _probe(self, channel, lines, names):
        """Begin the one probe of an endpoint that has something to send; return whether this process may send it."""
        self.env.cr.execute(
            SQL(
                """
                SELECT 1 FROM integration_due WHERE subscription_id = ANY (%s) AND tier IN (0, 1, 5) AND due_at <= %s
                   AND lease_until IS NULL LIMIT 1
                """,
                [line.subscription_id for line in lines],
                utc_now(),
            )
        )
        numbers = self.env.cr.fetchone() and self.env["integration.breaker"]._begin_probe(names)
        if numbers:
            book_of(self.env.cr.dbname).probes[channel] = numbers
        return bool(numbers)

    @api.depends("endpoint_id.state", "endpoint_id.approved_mode", "endpoint_id.system_id.mode")
    def _compute_queue(self):
        return super()._compute_queue()

    def _hold_codes(self, rows):
        codes = super()._hold_codes(rows)
        endpoints = self.subscription_id.endpoint_id
        names = {endpoint: {endpoint_key(endpoint.id), origin_key(endpoint.url)} - {None} for endpoint in endpoints}
        # sudo: whoever sees a delivery may know that its receiver is not asked at present
        breakers = self.env["integration.breaker"].sudo()
        known = breakers._read(set().union(*names.values()) if names else ())
        for delivery in self.filtered("endpoint_id"):
            code = delivery._endpoint_hold() or codes.get(delivery.id)
            if not code:
                shut = {name for name in names[delivery.endpoint_id] if name in known and known[name].is_shut}
                own = endpoint_key(delivery.endpoint_id.id) in shut
                code = ("breaker_open" if own else "origin_unreachable") if shut else None
            if code and delivery.error_code != "http_410":
                codes[delivery.id] = code
        return codes

    def _endpoint_hold(self):
        """Return the code of why its endpoint is sent nothing, or None."""
        subscription, endpoint = self.subscription_id, self.endpoint_id
        if endpoint.state == "paused":
            return "paused"
        live = endpoint.approved_mode == "live" and endpoint.system_id.mode == "live"
        return None if endpoint.state == "active" and (live or subscription.for_tests) else "endpoint_held"

    # -- test events -------------------------------------------------------------------------------------------------

    def _test_state(self):
        """Return how a test event fared: ``waiting``, ``delivered`` or ``failed``."""
        self.ensure_one()
        if self.state == "done":
            return "delivered"
        tried = self.attempts or self.state in ("dead", "skipped")
        return "failed" if tried else "waiting"

    def _test_result(self):
        """Return the outcome of a test event in one line for the endpoint's form."""
        self.ensure_one()
        attempt = self.attempt_ids[-1:]
        if self.state == "done":
            return self.env._(
                "Answered %(status)s after %(ms)s ms.", status=attempt.status_code, ms=attempt.duration_ms
            )
        if not attempt:
            return self.error_detail or self.env._("It leaves within seconds.")
        row = errors.explain(self.error_code)
        return f"{in_words(self.env, row.happened)} {in_words(self.env, row.action)} ({self.error_code})"
