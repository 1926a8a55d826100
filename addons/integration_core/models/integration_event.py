import json
import uuid
from dataclasses import dataclass

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .. import tools
from ..domain import hashing, units
from ..engine import claims
from .integration_event_type import lane_ranks


@dataclass(frozen=True)
class Accepted:
    """What became of a message that was to be stored."""

    event_uuid: str
    duplicate: bool = False
    conflict: bool = False


class IntegrationEvent(models.Model):
    """The journal: one immutable row per thing that happened, written in the transaction of its cause.

    Rows are inserted by SQL in bulk and never updated after their commit; what becomes of them is told by deliveries
    and effects.
    """

    _name = "integration.event"
    _description = "Event"
    _order = "id desc"
    _log_access = False
    _rec_name = "uuid"

    uuid = fields.Char("Event ID", required=True, readonly=True)
    # No index of its own: '_company_time_idx' begins with it.
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    system_id = fields.Many2one("integration.system", readonly=True, index="btree_not_null", help="Empty: Odoo itself.")
    origin_system_id = fields.Many2one(
        "integration.system", readonly=True, help="The system whose message began this flow."
    )
    event_type_id = fields.Many2one("integration.event.type", required=True, readonly=True, index=True)
    type_name = fields.Char("Type", related="event_type_id.name")
    source = fields.Char(required=True, readonly=True)
    source_event_id = fields.Char("Source's ID", required=True, readonly=True)
    webhook_id = fields.Char("Message ID", readonly=True, index="btree_not_null")
    subject = fields.Char(readonly=True)
    occurred_at = fields.Datetime(readonly=True)
    received_at = fields.Datetime("Journalled at", required=True, readonly=True, index=True)
    partition_key = fields.Char("Ordering key (hashed)", readonly=True)
    correlation_id = fields.Char(
        "Flow", required=True, readonly=True, index=True, help="One business flow, from first message to last delivery."
    )
    causation_id = fields.Char("Caused by", readonly=True, index="btree_not_null")
    depth = fields.Integer(readonly=True, help="How many events led to this one.")
    traceparent = fields.Char(readonly=True)
    mode = fields.Selection([("test", "Test"), ("live", "Live")], required=True, readonly=True)
    res_model = fields.Char("Model", readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="res_model", readonly=True)
    body_digest = fields.Char("SHA-256 of the body", readonly=True)
    body_size = fields.Integer("Bytes", readonly=True)
    request_id = fields.Char(readonly=True, index="btree_not_null")
    held_reason = fields.Char(readonly=True, help="Why it was not fanned out.")
    facets = fields.Json(readonly=True, help="What subscriptions filter by, such as the journal; never patient data.")
    txn_key = fields.Char(readonly=True, help="Makes an emission unique within its transaction.")
    delivery_ids = fields.One2many("integration.delivery", "event_id")
    effect_ids = fields.One2many("integration.effect", "event_id")
    delivery_state = fields.Selection(
        [
            ("none", "Nobody subscribed"),
            ("parked", "Parked"),
            ("waiting", "Waiting"),
            ("dead", "Dead letter"),
            ("done", "Done"),
        ],
        compute="_compute_delivery_state",
        compute_sudo=True,  # finance follows a charge to its message without a right to the deliveries themselves
        search="_search_delivery_state",
        string="State",
    )
    content_gone = fields.Char(
        "Content",
        compute="_compute_content_gone",
        compute_sudo=True,
        help="When and why it was removed; empty: it is kept.",
    )
    cause_ids = fields.One2many("integration.event", compute="_compute_flow", string="Flow of events")

    _uuid_uniq = models.UniqueIndex("(uuid)", "An event has an id of its own.")
    _emission_uniq = models.UniqueIndex(
        "(txn_key, event_type_id, res_model, res_id) WHERE txn_key IS NOT NULL", "One event per change and transaction."
    )
    _record_idx = models.Index("(res_model, res_id) WHERE res_id IS NOT NULL")
    _company_time_idx = models.Index("(company_id, received_at)")

    def init(self):
        tools.set_xact_id_column(self.env.cr, self._table)

    @api.depends("delivery_ids.state", "held_reason")
    def _compute_delivery_state(self):
        for event in self:
            states = set(event.delivery_ids.mapped("state"))
            if "dead" in states:
                event.delivery_state = "dead"
            elif "waiting" in states:
                event.delivery_state = "waiting"
            elif states:
                event.delivery_state = "done"
            else:
                event.delivery_state = "parked" if event.held_reason else "none"

    def _compute_content_gone(self):
        gone = self.env["integration.payload.gone"]._words(self)
        for event in self:
            event.content_gone = gone.get(event.id, False)

    def _search_delivery_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        parts = []
        if "none" in value:
            parts.append(fields.Domain("delivery_ids", "=", False) & fields.Domain("held_reason", "=", False))
        if "parked" in value:
            parts.append(fields.Domain("delivery_ids", "=", False) & fields.Domain("held_reason", "!=", False))
        if "dead" in value:
            parts.append(fields.Domain("delivery_ids.state", "=", "dead"))
        if "waiting" in value:
            parts.append(fields.Domain("delivery_ids.state", "=", "waiting"))
        if "done" in value:
            open_ones = fields.Domain("delivery_ids.state", "in", ("waiting", "dead"))
            parts.append(fields.Domain("delivery_ids", "!=", False) & ~open_ones)
        return fields.Domain.OR(parts)

    @api.depends("correlation_id")
    def _compute_flow(self):
        for event in self:
            event.cause_ids = self.search([("correlation_id", "=", event.correlation_id)], order="id", limit=100)

    # -- accepting what a system sent
    # -----------------------------------------------------------------------------------

    @api.model
    def _accept(self, system, message, body, *, message_units, webhook_id, request_id, received_at):
        """Store a verified, valid message with everything that follows from it, in the caller's transaction.

        Call it in a READ COMMITTED transaction: of two copies at once the second then waits for the first and is told
        that it is a duplicate.

        :param message: the :class:`envelope.Envelope` read from ``body``
        :param bytes body: the body after content-decoding
        :param message_units: the :class:`units.Unit` rows of its receipts
        :param datetime received_at: naive UTC
        :return: :class:`Accepted`; nothing was stored when ``duplicate`` or ``conflict``
        :raises KeyringError: when payloads cannot be sealed
        """
        event_uuid = str(uuid.uuid4())
        digest = hashing.body_digest(body)
        seen = self.env["integration.event.key"]._take(
            system,
            webhook_id=webhook_id,
            source=message.source,
            source_event_id=message.id,
            digest=digest,
            event_uuid=event_uuid,
        )
        if seen:
            return Accepted(seen.event_uuid, duplicate=seen.digest == digest, conflict=seen.digest != digest)
        event = self._insert_inbound(system, message, body, digest, event_uuid, webhook_id, request_id, received_at)
        self.env["integration.payload"]._store(event, body)
        self.env["integration.receipt"]._append(
            system,
            message_units,
            outcome="accepted",
            webhook_id=webhook_id,
            received_at=received_at,
            event=event,
            encounter=units.encounter_of(message.data),
            mode=event.mode,
        )
        event._fan_out()
        return Accepted(event_uuid)

    def _insert_inbound(self, system, message, body, digest, event_uuid, webhook_id, request_id, received_at):
        ordering_key = message.ordering_key
        ring = self.env["integration.keyring"]
        return self._insert(
            {
                "uuid": event_uuid,
                "company_id": system.company_id.id,
                "system_id": system.id,
                "origin_system_id": system.id,
                "event_type_id": self.env["integration.event.type"]._named(message.type).id,
                "source": message.source,
                "source_event_id": message.id,
                "webhook_id": webhook_id,
                "occurred_at": message.time and message.time.replace(tzinfo=None),
                "received_at": received_at,
                # A sender may order by patient: only a keyed hash is kept outside the payload.
                "partition_key": ordering_key and ring._keyed_hash(ordering_key, scope=f"ordering:{system.code}"),
                "correlation_id": message.correlationid or event_uuid,
                "causation_id": message.causationid,
                "depth": 0,
                "traceparent": message.traceparent,
                "mode": system._mode_at(received_at),
                "body_digest": digest,
                "body_size": len(body),
                "request_id": request_id,
            }
        )

    @api.model
    def _insert(self, values):
        columns = SQL(", ").join(SQL.identifier(name) for name in values)
        self.env.cr.execute(
            SQL(
                "INSERT INTO integration_event (%s) VALUES %s ON CONFLICT DO NOTHING RETURNING id",
                columns,
                tuple(values.values()),
            )
        )
        row = self.env.cr.fetchone()
        return self.browse((row and row[0]) or ())

    # -- fan-out
    # ----------------------------------------------------------------------------------------------------------

    def _fan_out(self):
        """Make one delivery per event and subscription, due at once, in one statement of the caller's transaction."""
        if self:
            self._fan_out_from(
                SQL("event AS (SELECT * FROM integration_event WHERE id = ANY (%s))", list(self.ids)),
            )

    @api.model
    def _fan_out_from(self, source):
        """Fan out the events that ``source`` yields, in one statement of the caller's transaction; return their ids.

        Each event also gets its place in line for a position, which the sequencer gives it after the commit. The
        deliveries of an ordered subscription are claimable from then on.

        :param SQL source: common table expressions, one of them called ``event`` with the events' rows
        """
        engine = self.env["integration.engine"]
        notify = engine._must_notify()
        self.env.cr.execute(
            SQL(
                _FAN_OUT,
                source=source,
                lane=lane_ranks(),
                now=tools.utc_now(),
                condition=self._fan_out_condition(),
                fresh=claims.FRESH,
                unpositioned=claims.UNPOSITIONED,
                channel=engine._channel(),
                notify=notify,
            )
        )
        ids, made = self.env.cr.fetchone()[:2]
        if made:
            engine._wake(notified=notify)
        return ids

    @api.model
    def _fan_out_condition(self):
        """SQL condition over ``e`` (event), ``t`` (event type) and ``s`` (subscription): what may be delivered.

        Consumers outside Odoo narrow it; test events never leave Odoo. A facet that a subscription asks for must be
        there, and all its values among those asked for: what an event does not tell is not taken for granted.
        """
        return SQL(
            """
            (s.consumer = 'handler' OR e.mode = 'live')
            AND (s.facet_filter IS NULL OR NOT EXISTS (
                SELECT 1 FROM jsonb_each(s.facet_filter) AS f (name, wanted)
                 WHERE NOT COALESCE(f.wanted @> (e.facets -> f.name), false)))
            """
        )

    # -- payload
    # ----------------------------------------------------------------------------------------------------------

    def _read_payload(self):
        """Return the body (bytes) for the engine's own use; None when it is no longer kept.

        :raises KeyringError: without a usable master key
        """
        self.ensure_one()
        return self.env["integration.payload"]._load(self).get(self.id)

    def _open_payload(self, reason):
        """Return the body as indented text for a person who is cleared; the look is recorded.

        :param str reason: why the person needs it
        :raises AccessError: for anybody who is not cleared
        """
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group("integration_core.group_payload_reader"):
            raise AccessError(self.env._("You are not cleared for payloads."))
        if not (reason or "").strip():
            raise UserError(self.env._("Say why you need to see the content."))
        self.env["integration.audit"]._record("payload.read", self, reason=reason)
        body = self._read_payload()
        if body is None:
            raise UserError(self.env._("The content is no longer kept. %s", self.content_gone or "").strip())
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)

    # -- effects
    # ----------------------------------------------------------------------------------------------------------

    def _record_effects(self, rows):
        """Say what became of units of this event; a later call for the same unit replaces the earlier.

        :param rows: iterable of (unit, status, reason or None, record or None); unit is the line, '' for a whole
            message
        """
        self.ensure_one()
        self.env["integration.effect"]._put([(self.id, *row) for row in rows])


_FAN_OUT = """
    WITH %(source)s,
    line AS (
        INSERT INTO integration_event_position (event_id) SELECT id FROM event ORDER BY id ON CONFLICT DO NOTHING),
    made AS (
        INSERT INTO integration_delivery
            (event_id, subscription_id, company_id, consumer, lane, state, due_at, created_at, attempts, crashes)
        SELECT e.id, s.id, e.company_id, s.consumer, CASE t.lane %(lane)s END, 'waiting', n.now, n.now, 0, 0
          FROM event e
          JOIN integration_event_type t ON t.id = e.event_type_id
          JOIN integration_subscription_event_type_rel r ON r.event_type_id = t.id
          JOIN integration_subscription s ON s.id = r.subscription_id AND s.active,
               (SELECT %(now)s AS now) n
         WHERE e.held_reason IS NULL AND (s.company_id IS NULL OR s.company_id = e.company_id) AND (%(condition)s)
         ORDER BY e.id, s.id
        ON CONFLICT DO NOTHING
        RETURNING id, event_id, subscription_id, company_id, lane, due_at),
    due AS (
        INSERT INTO integration_due
            (id, event_id, subscription_id, company_id, system_id, lane, tier, due_at, order_key)
        SELECT m.id, m.event_id, m.subscription_id, m.company_id, e.system_id, m.lane,
               CASE WHEN k.order_key IS NULL THEN %(fresh)s ELSE %(unpositioned)s END, m.due_at, k.order_key
          FROM made m
          JOIN integration_event e ON e.id = m.event_id
          JOIN integration_subscription s ON s.id = m.subscription_id
         CROSS JOIN LATERAL (SELECT CASE WHEN s.ordered THEN e.partition_key END AS order_key) k),
    counted AS (SELECT count(*) AS made FROM made)
    SELECT (SELECT COALESCE(array_agg(id), '{}') FROM event), made,
           CASE WHEN made > 0 AND %(notify)s THEN pg_notify(%(channel)s, '') END
      FROM counted
"""
