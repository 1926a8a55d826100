from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .. import tools
from ..domain import chain

STATES = [
    ("waiting", "Waiting"),
    ("leased", "In progress"),
    ("done", "Done"),
    ("dead", "Dead letter"),
    ("skipped", "Skipped"),
]


class IntegrationDelivery(models.Model):
    """One event for one subscription.

    waiting → leased → done; a failed try goes back to waiting with a later ``due_at`` until its schedule is used up,
    then it is a dead letter (dead) that a person retries or skips. Only the engine moves rows between waiting, leased
    and done (``engine/claims.py``).
    """

    _name = "integration.delivery"
    _inherit = ["integration.emitter.mixin"]
    _description = "Delivery"
    _order = "id desc"
    _log_access = False

    event_id = fields.Many2one("integration.event", required=True, readonly=True, index=True, ondelete="cascade")
    subscription_id = fields.Many2one(
        "integration.subscription", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    consumer = fields.Char(required=True, readonly=True)
    lane = fields.Integer(required=True, readonly=True, help="0 critical, 1 normal, 2 bulk")
    state = fields.Selection(STATES, required=True, readonly=True)
    created_at = fields.Datetime(required=True, readonly=True)
    due_at = fields.Datetime("Next try", required=True, readonly=True)
    first_claim_at = fields.Datetime(readonly=True)
    done_at = fields.Datetime(readonly=True)
    attempts = fields.Integer("Tries", required=True, readonly=True)
    crashes = fields.Integer(required=True, readonly=True, help="Processes that died while they held it.")
    token = fields.Integer(required=True, readonly=True, help="Fencing token: rises with each claim.")
    lease_owner = fields.Char(readonly=True)
    lease_until = fields.Datetime(readonly=True)
    error_code = fields.Char("Reason", readonly=True)
    error_detail = fields.Char("Detail", readonly=True)
    dead_since = fields.Datetime(readonly=True)
    owner_id = fields.Many2one("res.users", "Whose turn", readonly=True, index="btree_not_null")
    skip_reason = fields.Char(readonly=True)
    replay_id = fields.Many2one("integration.replay", readonly=True, index="btree_not_null", ondelete="restrict")
    attempt_ids = fields.One2many("integration.attempt", "delivery_id")
    type_name = fields.Char("Type", related="event_id.type_name")
    correlation_id = fields.Char("Flow", related="event_id.correlation_id")
    record_name = fields.Char("About", compute="_compute_record_name")

    _once = models.UniqueIndex(
        "(event_id, subscription_id, COALESCE(replay_id, 0))", "Delivered once per event, subscription and replay."
    )
    _due_idx = models.Index("(consumer, lane, (attempts > 0), due_at, id) WHERE state = 'waiting'")
    _lease_idx = models.Index("(lease_until) WHERE state = 'leased'")
    _dead_idx = models.Index("(company_id, dead_since) WHERE state = 'dead'")
    _done_idx = models.Index("(subscription_id, done_at) WHERE state = 'done'")

    @api.depends("event_id")
    def _compute_display_name(self):
        for delivery in self:
            delivery.display_name = f"{delivery.type_name} → {delivery.subscription_id.name}"

    @api.depends("event_id")
    def _compute_record_name(self):
        for delivery in self:
            event = delivery.event_id
            delivery.record_name = event.subject or event.webhook_id or event.uuid

    # -- what the engine asks
    # -------------------------------------------------------------------------------------------------

    @api.model
    def _consumers(self):
        """Return {consumer name: model} of the consumers outside Odoo."""
        return {}

    @api.model
    def _claim_condition(self):
        """SQL over ``d`` (delivery) and ``s`` (subscription): what may be claimed; held work is left waiting."""
        return SQL("s.state = 'active'")

    @api.model
    def _lock_leased(self, claimed):
        """Lock the deliveries that are still ours; return their :class:`Claimed`, in the order given."""
        self.env.cr.execute(
            """
            SELECT d.id FROM integration_delivery d
              JOIN unnest(%s, %s) AS c (id, token) ON c.id = d.id AND c.token = d.token
             WHERE d.state = 'leased' FOR UPDATE OF d
            """,
            ([one.id for one in claimed], [one.token for one in claimed]),
        )
        ours = {row[0] for row in self.env.cr.fetchall()}
        return [one for one in claimed if one.id in ours]

    # -- dead letters
    # -----------------------------------------------------------------------------------------------------------

    def _announce_dead(self):
        """Emit that these became dead letters; those of ``integration.*`` events stay silent, so that loops end."""
        name = "integration.delivery.dead_lettered.v1"
        self.filtered(lambda d: chain.may_cause(d.type_name, name))._emit_event(name)

    def _event_cause(self):
        return self.event_id

    def _event_data(self, type_name):
        if self.state != "dead":
            return None
        return {
            "company": str(self.company_id.id),
            "id": str(self.id),
            "number": None,
            "date": fields.Date.to_string(self.dead_since),
            "event": self.event_id.uuid,
            "event_type": self.type_name,
            "consumer": self.subscription_id.name,
            "error_code": self.error_code or "unknown",
            "attempts": self.attempts,
        }

    def _event_subject(self, type_name):
        self.ensure_one()
        return f"delivery/{self.id}"

    # -- what people do
    # ---------------------------------------------------------------------------------------------------------

    def _check_operator(self, reason):
        if not self.env.user.has_group("integration_core.group_operator"):
            raise AccessError(self.env._("Only integration operators move deliveries."))
        if not (reason or "").strip():
            raise UserError(self.env._("Say why: the reason is kept with your name."))
        self.check_access("read")

    def _retry(self, reason):
        """Try dead letters again, with a fresh schedule.

        :param str reason: kept in the audit trail
        """
        self._check_operator(reason)
        # sudo: deliveries are nobody's to write; this method has checked the operator's right
        self._move(
            "dead", SQL("state = 'waiting', due_at = %s, attempts = 0, crashes = 0, dead_since = NULL", tools.utc_now())
        )
        self.env["integration.audit"]._record("delivery.retry", self, reason=reason)
        self.env["integration.engine"]._wake()

    def _skip(self, reason):
        """Give dead letters up, with a reason."""
        self._check_operator(reason)
        self._move("dead", SQL("state = 'skipped', skip_reason = %s, done_at = %s", reason, tools.utc_now()))
        self.env["integration.audit"]._record("delivery.skip", self, reason=reason)

    def _move(self, from_state, assignments):
        self.env.cr.execute(
            SQL(
                "UPDATE integration_delivery SET %s WHERE id IN %s AND state = %s",
                assignments,
                tuple(self.ids or [0]),
                from_state,
            )
        )
        if self.env.cr.rowcount != len(self):
            raise UserError(self.env._("Some of these are no longer dead letters. Reload the list."))
        self.invalidate_recordset()

    def _replay(self, reason):
        """Deliver again what was delivered to endpoints outside; a handler's effect inside Odoo is never repeated.

        :return: the :class:`integration.replay` record
        """
        self._check_operator(reason)
        inside = self.filtered(lambda d: d.consumer == "handler")
        if inside:
            raise UserError(
                self.env._("What a handler did inside Odoo is not done again. Retry its dead letters instead.")
            )
        if len(self.company_id) != 1:
            raise UserError(self.env._("Replay the deliveries of one company at a time."))
        # sudo: operators may replay, the rows are the engine's
        replay = (
            self.env["integration.replay"]
            .sudo()
            .create({"reason": reason, "user_id": self.env.uid, "company_id": self.company_id.id})
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO integration_delivery
                    (event_id, subscription_id, company_id, consumer, lane, state, due_at, created_at,
                     attempts, crashes, token, replay_id)
                SELECT DISTINCT event_id, subscription_id, company_id, consumer, lane, 'waiting', %(now)s, %(now)s,
                       0, 0, 0, %(replay)s::int
                  FROM integration_delivery WHERE id IN %(ids)s
                ON CONFLICT DO NOTHING
                """,
                now=tools.utc_now(),
                replay=replay.id,
                ids=tuple(self.ids),
            )
        )
        self.env["integration.audit"]._record("delivery.replay", self, reason=reason)
        self.env["integration.engine"]._wake()
        return replay.with_env(self.env)
