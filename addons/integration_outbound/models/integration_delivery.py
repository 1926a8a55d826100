import json

from odoo import api, fields, models
from odoo.addons.integration_core.domain import errors
from odoo.addons.integration_core.tools import in_words
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
                    WHERE p.id = s.endpoint_id AND p.state = 'active'
                      AND (s.for_tests OR (p.approved_mode = 'live' AND y.mode = 'live'))))""",
            super()._claim_condition(),
        )

    def _may_leave(self):
        """Tell, as :meth:`_claim_condition` does, whether this delivery may be sent now."""
        self.ensure_one()
        subscription = self.subscription_id
        endpoint = subscription.endpoint_id
        live = endpoint.approved_mode == "live" and endpoint.system_id.mode == "live"
        return subscription.state == "active" and endpoint.state == "active" and (live or subscription.for_tests)

    # -- the same bytes at every try ---------------------------------------------------------------------------------

    def _frozen_ids(self):
        """Return {(event id, subscription id): ids} of what was sent before, by these or by what they replay."""
        if not self:
            return {}
        self.env.cr.execute(
            """
            SELECT DISTINCT ON (event_id, subscription_id) event_id, subscription_id, wire_ids
              FROM integration_delivery
             WHERE event_id IN %s AND subscription_id IN %s AND wire_ids IS NOT NULL
             ORDER BY event_id, subscription_id, id
            """,
            (tuple(self.event_id.ids), tuple(self.subscription_id.ids)),
        )
        return {(event, subscription): ids for event, subscription, ids in self.env.cr.fetchall()}

    def _wire_ids(self, frozen):
        """Return what to send as ``data.ids``; decided at the first try and kept.

        :param dict frozen: what :meth:`_frozen_ids` returned
        """
        self.ensure_one()
        known = frozen.get((self.event_id.id, self.subscription_id.id))
        if known is not None or self.attempts or self.crashes or self.replay_id:
            return known
        ids = self.event_id._subscriber_ids(self.endpoint_id.system_id)
        if ids:
            # By SQL: deliveries are written by the engine alone, in single statements.
            self.env.cr.execute(
                "UPDATE integration_delivery SET wire_ids = %s WHERE id = %s", (json.dumps(ids), self.id)
            )
        return ids

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
