import json

from odoo import api, fields, models
from odoo.addons.integration_core.engine.plan import Line
from odoo.tools import SQL


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
                SELECT s.id, p.id, p.concurrency, p.rate_per_minute, p.configuration_streak > 0
                  FROM integration_subscription s
                  JOIN integration_endpoint p ON p.id = s.endpoint_id
                  JOIN integration_system y ON y.id = p.system_id
                 WHERE s.consumer = 'endpoint' AND s.state = 'active' AND (%s)
                 ORDER BY s.id
                """,
                self._endpoint_condition(),
            )
        )
        return [
            Line(subscription, endpoint, cap=concurrency, rate=rate or None, watched=bool(watched))
            for subscription, endpoint, concurrency, rate, watched in self.env.cr.fetchall()
        ]

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
        return f"{self.error_detail or ''} ({self.error_code})".strip()
