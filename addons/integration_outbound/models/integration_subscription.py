from odoo import api, fields, models
from odoo.addons.integration_core.tools import utc_now
from odoo.exceptions import ValidationError
from odoo.tools import SQL

HELD_CODES = ("endpoint_held", "no_active_key", "http_410")


class IntegrationSubscription(models.Model):
    _inherit = "integration.subscription"

    consumer = fields.Selection(selection_add=[("endpoint", "Endpoint outside")], ondelete={"endpoint": "cascade"})
    endpoint_id = fields.Many2one(
        "integration.endpoint", index="btree_not_null", ondelete="restrict", check_company=True, tracking=True
    )
    for_tests = fields.Boolean(
        readonly=True, copy=False, help="Carries the test events of its endpoint; made when the first one is sent."
    )
    include_own = fields.Boolean(
        "Also what it caused itself",
        tracking=True,
        help="Usually a system is not told what followed from its own messages. Tick to send it that too.",
    )
    origin_system_ids = fields.Many2many(
        "integration.system",
        "integration_subscription_origin_rel",
        "subscription_id",
        "system_id",
        string="Only caused by",
        help="Only what followed from messages of these systems. Empty: whatever the cause, Odoo's own users included.",
    )

    @api.model
    def _portable_fields(self):
        return [*super()._portable_fields(), "endpoint_id", "include_own", "origin_system_ids"]

    @api.model
    def _portable_carried(self):
        return [*super()._portable_carried(), ("for_tests", "=", False)]

    def init(self):
        self.env["integration.configuration"]._follow(self._fields["origin_system_ids"].relation)
        return super().init()

    @api.constrains("consumer", "endpoint_id", "company_id", "event_type_ids")
    def _check_endpoint(self):
        for subscription in self:
            if subscription.consumer != "endpoint":
                continue
            if not subscription.endpoint_id:
                raise ValidationError(self.env._("Choose the endpoint that gets these events."))
            if not subscription.for_tests and any(t.direction != "outbound" for t in subscription.event_type_ids):
                # What a clinical system sent may name patients; it is handled inside and never passed on as it came.
                raise ValidationError(self.env._("An endpoint can be told of outbound event types only."))
            if subscription.company_id != subscription.endpoint_id.company_id:
                raise ValidationError(
                    self.env._(
                        "%(endpoint)s belongs to %(company)s and may only be told what happens there.",
                        endpoint=subscription.endpoint_id.name,
                        company=subscription.endpoint_id.company_id.name,
                    )
                )

    @api.onchange("endpoint_id")
    def _onchange_endpoint_id(self):
        if self.endpoint_id:
            self.company_id = self.endpoint_id.company_id
            self.name = self.name or self.endpoint_id.name

    def _release_held(self):
        """Let what was held for want of a key or of an active endpoint be tried at once."""
        if self:
            self.env.cr.execute(
                SQL(
                    """
                    -- The work list first, as the engine does when it completes: neither waits for the other in a ring.
                    WITH held AS (
                        UPDATE integration_due u SET due_at = %(now)s
                          FROM integration_delivery d
                         WHERE u.subscription_id IN %(ids)s AND d.id = u.id AND d.state = 'waiting'
                           AND d.error_code IN %(codes)s
                        RETURNING u.id)
                    UPDATE integration_delivery d SET due_at = %(now)s FROM held WHERE held.id = d.id
                    """,
                    now=utc_now(),
                    ids=tuple(self.ids),
                    codes=HELD_CODES,
                )
            )
        self.env["integration.engine"]._wake(plan=True)
