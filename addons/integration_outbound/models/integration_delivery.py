import time
from dataclasses import replace

from odoo import api, fields, models
from odoo.addons.integration_core.domain import errors
from odoo.addons.integration_core.engine import claims
from odoo.addons.integration_core.engine.plan import Line
from odoo.addons.integration_core.tools import in_words
from odoo.tools import SQL

from ..breakers import book_of
from ..domain import breaker
from .integration_breaker import LOST_AFTER, endpoint_key, origin_key

CLAIMABLE = (str(claims.FRESH), str(claims.RETRY))
RATED_AFTER = 5
"""Seconds for which something is due and not sent before the endpoint's rate is said to be why."""


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
                  FROM integration_subscription s
                  JOIN integration_endpoint p ON p.id = s.endpoint_id
                  JOIN integration_system y ON y.id = p.system_id
                 WHERE s.consumer = 'endpoint' AND s.state = 'active' AND (%s)
                 ORDER BY s.id
                """,
                self._endpoint_condition(),
            )
        )
        rows = self.env.cr.fetchall()
        names = {endpoint: {endpoint_key(endpoint), origin_key(url)} - {None} for _line, endpoint, url, *_rest in rows}
        failing = self._failing_breakers(names)
        lines = [
            Line(
                subscription,
                endpoint,
                cap=cap,
                rate=rate or None,
                watched=bool(in_trouble or names[endpoint] & failing),
            )
            for subscription, endpoint, _url, cap, rate, in_trouble in rows
        ]
        return self._behind_breakers(lines, names)

    @api.model
    def _failing_breakers(self, names):
        """Return which breakers had a failure in the last minutes, and tell this process's book."""
        breakers, book = self.env["integration.breaker"], book_of(self.env.cr.dbname)
        book.clock_offset = breakers._now() - time.time()
        book.failing = breakers._failing(set().union(*names.values()) if names else ())
        return book.failing

    @api.model
    def _behind_breakers(self, lines, names):
        """Leave out what stands behind an open breaker, but where its one probe is due or this process's is out.

        Whether it is this process that sends the probe is decided when there is something to send
        (``integration.consumer.endpoint``).

        :param names: {endpoint id: names of the breakers it stands behind}
        """
        breakers, book = self.env["integration.breaker"], book_of(self.env.cr.dbname)
        known = breakers._read(set().union(*names.values()) if names else ())
        shut = {name for name, one in known.items() if one.is_shut}
        book.shut = {endpoint: sorted(own & shut) for endpoint, own in names.items() if own & shut}
        if not shut:
            return lines
        now, probing = breakers._now(), book.probing(LOST_AFTER)
        due = {
            endpoint
            for endpoint, closed in book.shut.items()
            if endpoint in probing or all(breaker.probe_due(known[name], now) for name in closed)
        }
        return [
            replace(line, probing=line.channel in book.shut)
            for line in lines
            if line.channel not in book.shut or line.channel in due
        ]

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
                code = ("breaker_open" if own else "origin_unreachable") if shut else delivery._rate_hold(rows)
            if code and delivery.error_code != "http_410":
                codes[delivery.id] = code
        return codes

    def _rate_hold(self, rows):
        """Return the code of why it waits though it is due and nothing hinders it: its endpoint's rate; or None."""
        row = rows.get(self.id)
        if not (self.endpoint_id.rate_per_minute and row and row.tier in CLAIMABLE and not row.lease_until):
            return None
        late = fields.Datetime.subtract(fields.Datetime.now(), seconds=RATED_AFTER)
        return "rate_limited" if row.due_at < late else None

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
