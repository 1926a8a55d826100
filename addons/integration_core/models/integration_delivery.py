import logging

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.modules.registry import Registry
from odoo.tools import SQL

from .. import discreet, tools
from ..domain import chain
from ..engine import claims, order
from ..engine.plan import Line
from ..fields import UncheckedMany2one, go_with

_logger = logging.getLogger(__name__)

STATES = [
    ("waiting", "Waiting"),
    ("done", "Done"),
    ("dead", "Dead letter"),
    ("skipped", "Skipped"),
]


class IntegrationDelivery(models.Model):
    """One event for one subscription: what became of it.

    waiting → done; a failed try leaves it waiting with a later ``due_at`` until its schedule is used up, then it is a
    dead letter (dead) that a person retries or skips. As long as it is open, its row in ``integration.due`` is what the
    engine claims, leases and orders (``engine/claims.py``, ``engine/order.py``); this row is written when a try ends.
    """

    _name = "integration.delivery"
    _inherit = ["integration.emitter.mixin"]
    _description = "Delivery"
    _order = "id desc"
    _log_access = False

    # No index on the event: '_once' begins with it. None on the state either: an update of a row that changes no
    # indexed column writes no index entry, and every delivery is updated when it is done.
    # A delivery is written in its event's transaction; a replay, which comes later, locks the event.
    event_id = UncheckedMany2one("integration.event", required=True, readonly=True, ondelete="cascade")
    # With a foreign key: of all that a delivery points to, a subscription alone may be deleted by people.
    subscription_id = fields.Many2one(
        "integration.subscription", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = UncheckedMany2one("res.company", required=True, readonly=True)
    consumer = fields.Char(required=True, readonly=True)
    lane = fields.Integer(required=True, readonly=True, help="0 critical, 1 normal, 2 bulk")
    state = fields.Selection(STATES, required=True, readonly=True)
    created_at = fields.Datetime(required=True, readonly=True)
    due_at = fields.Datetime("Next try", required=True, readonly=True)
    done_at = fields.Datetime(readonly=True)
    attempts = fields.Integer("Tries", required=True, readonly=True)
    crashes = fields.Integer(required=True, readonly=True, help="Processes that died while they held it.")
    lease_owner = fields.Char("In progress at", compute="_compute_queue", help="The engine process that tries it.")
    lease_until = fields.Datetime(compute="_compute_queue")
    hold_code = fields.Char("Held because", compute="_compute_queue", help="Why it is not tried now; empty: it is.")
    is_open = fields.Boolean(
        "Open", compute="_compute_queue", search="_search_is_open", help="Waits, or holds what comes after it."
    )
    error_code = fields.Char("Reason", readonly=True)
    error_detail = fields.Char("Detail", readonly=True)
    dead_since = fields.Datetime(readonly=True)
    owner_id = fields.Many2one("res.users", "Whose turn", readonly=True, index="btree_not_null")
    skip_reason = fields.Char(readonly=True)
    replay_id = fields.Many2one("integration.replay", readonly=True, index="btree_not_null", ondelete="restrict")
    attempt_ids = fields.One2many(
        "integration.attempt", "delivery_id", groups="integration_core.group_operator,integration_core.group_auditor"
    )
    type_name = fields.Char("Type", related="event_id.type_name")
    correlation_id = fields.Char("Flow", related="event_id.correlation_id")
    record_name = fields.Char("About", compute="_compute_record_name")

    _once = models.UniqueIndex(
        "(event_id, subscription_id, COALESCE(replay_id, 0))", "Delivered once per event, subscription and replay."
    )
    _replay_idx = models.Index("(replay_id, id) WHERE replay_id IS NOT NULL")
    # On columns that change at a death alone, not on the state.
    _dead_idx = models.Index("(company_id, dead_since) WHERE dead_since IS NOT NULL")

    def init(self):
        # Room on each page for the one update that every row gets.
        self.env.cr.execute("ALTER TABLE integration_delivery SET (fillfactor = 85)")
        go_with(self.env.cr, self._table, "event_id", "integration_event")

    @api.depends("event_id")
    def _compute_display_name(self):
        for delivery in self:
            delivery.display_name = f"{delivery.type_name} → {delivery.subscription_id.name}"

    @api.depends("event_id")
    def _compute_record_name(self):
        for delivery in self:
            event = delivery.event_id
            delivery.record_name = event.subject or event.webhook_id or event.uuid

    @api.depends("state", "subscription_id.state")
    def _compute_queue(self):
        waiting = self.filtered(lambda d: d.state == "waiting")
        # sudo: whoever sees a delivery sees where it stands
        rows = self.env["integration.due"].sudo()._of(waiting)
        reasons = waiting._hold_codes(rows)
        for delivery in self:
            row = rows.get(delivery.id)
            delivery.lease_owner = row.lease_owner if row else False
            delivery.lease_until = row.lease_until if row else False
            delivery.is_open = bool(row)
            delivery.hold_code = reasons.get(delivery.id, False)

    def _search_is_open(self, operator, value):
        # Through the engine's own small table, however long the history of deliveries is.
        if operator != "in":
            return NotImplemented
        # sudo: the list says where a delivery stands; which of them the user sees is the delivery's own rule
        return Domain("id", "in" if True in value else "not in", self.env["integration.due"].sudo()._search([]))

    def _hold_codes(self, rows):
        """Return {delivery id: error code} of those that are held back now, by a person or by an earlier delivery.

        :param dict rows: the ``integration.due`` row of each delivery
        """
        # sudo: as in _compute_queue
        everything, lanes, systems = self.env["integration.hold"].sudo()._held()
        codes = {}
        for delivery in self:
            row = rows.get(delivery.id)
            subscription = delivery.subscription_id.sudo()  # sudo: as in _compute_queue
            paused = everything or delivery.lane in lanes or subscription.state != "active"
            if paused or delivery.event_id.sudo().system_id.id in systems:
                codes[delivery.id] = "paused"
            elif row and row.tier == str(claims.BLOCKED):
                codes[delivery.id] = "blocked_by_earlier"
        return codes

    # -- what the engine asks
    # -------------------------------------------------------------------------------------------------

    @api.model
    def _consumers(self):
        """Return {consumer name: model} of the consumers outside Odoo."""
        return {}

    @api.model
    def _claim_condition(self):
        """SQL over ``s`` (subscription): whose deliveries may be claimed; those of others are left waiting."""
        return SQL("s.state = 'active'")

    @api.model
    def _plan_handlers(self):
        """Return the :class:`~odoo.addons.integration_core.engine.plan.Line` of each handler that may be given work."""
        self.env.cr.execute(
            SQL(
                "SELECT s.id FROM integration_subscription s WHERE s.consumer = 'handler' AND (%s) ORDER BY s.id",
                self._claim_condition(),
            )
        )
        return [Line(subscription, subscription) for (subscription,) in self.env.cr.fetchall()]

    @api.model
    def _plan_consumer(self, consumer, worker):
        """Return the lines of a consumer outside that may be given work now.

        :param str worker: name of the engine process that asks, for what only one process may do
        """
        return []

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
        # Written in SQL: deliveries are nobody's to write; this method has checked the operator's right.
        self._move(
            "dead",
            SQL("state = 'waiting', due_at = %s, attempts = 0, crashes = 0, dead_since = NULL", tools.utc_now()),
        )
        self._queue_again()
        self.env["integration.audit"]._record("delivery.retry", self, reason=reason)
        self.env["integration.engine"]._wake()

    def _queue_again(self):
        """Put these on the engine's list, due now; one that holds its ordering key is there already."""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO integration_due (id, event_id, subscription_id, company_id, system_id, lane, tier, due_at)
                SELECT d.id, d.event_id, d.subscription_id, d.company_id, e.system_id, d.lane, %(fresh)s, %(now)s
                  FROM integration_delivery d JOIN integration_event e ON e.id = d.event_id WHERE d.id IN %(ids)s
                ON CONFLICT (id) DO UPDATE
                   SET tier = EXCLUDED.tier, due_at = EXCLUDED.due_at, attempts = 0, crashes = 0
                """,
                fresh=claims.FRESH,
                now=tools.utc_now(),
                ids=tuple(self.ids),
            )
        )

    def _skip(self, reason):
        """Give dead letters up, with a reason; what waited behind them in their order goes on."""
        self._check_operator(reason)
        self._move(
            "dead",
            SQL("state = 'skipped', skip_reason = %s, done_at = %s, dead_since = NULL", reason, tools.utc_now()),
        )
        self._leave_queue()
        self.env["integration.audit"]._record("delivery.skip", self, reason=reason)

    def _leave_queue(self):
        """Take these off the engine's list and let the next of their ordering keys go."""
        self.env.cr.execute(
            "DELETE FROM integration_due WHERE id IN %s RETURNING subscription_id, order_key", (tuple(self.ids or [0]),)
        )
        freed = {(subscription, key) for subscription, key in self.env.cr.fetchall() if key}
        if order.release(self.env.cr, freed):
            self.env["integration.engine"]._wake()
        if freed:
            self.env.cr.postcommit.add(lambda dbname=self.env.cr.dbname: release_again(dbname, freed))

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
        replay = self._prepare_replay(reason)
        replay._start()
        return replay

    def _prepare_replay(self, reason=False):
        """Return a draft of a replay of these."""
        if len(self.company_id) != 1:
            raise UserError(self.env._("Replay the deliveries of one company at a time."))
        return self.env["integration.replay"].create(
            {
                "scope": "chosen",
                "reason": reason,
                "company_id": self.company_id.id,
                "chosen_ids": [fields.Command.set(self.ids)],
            }
        )

    def action_prepare_replay(self):
        """Open a draft of a replay of these, with the preview of what it will do."""
        self.env["integration.replay"]._check_operator()
        self.check_access("read")
        replay = self._prepare_replay()
        replay.action_preview()
        return {
            "type": "ir.actions.act_window",
            "res_model": replay._name,
            "res_id": replay.id,
            "view_mode": "form",
        }


def release_again(dbname, freed):
    """After the commit: let go on what came to stand behind heads since the snapshot of who removed them began.

    :param freed: the ordering keys of those heads
    """
    try:
        with tools.engine_cursor(Registry(dbname)) as cr:
            if order.release(cr, freed):
                api.Environment(cr, SUPERUSER_ID, {})["integration.engine"]._wake()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is logged
        # What is committed stays; the engine mends the order of these keys some seconds later.
        discreet.failed(_logger, "ordering keys could not be released", error=error)
