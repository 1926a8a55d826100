import json
import uuid
from dataclasses import dataclass

from odoo import api, fields, models
from odoo.tools import SQL, ormcache

from .. import intake, standing, tools
from ..domain.sender import Recipient
from ..engine import claims
from ..engine.inbox import CHANNEL
from ..fields import UncheckedMany2one
from .integration_event_type import lane_ranks


@dataclass(frozen=True)
class Accepted:
    """What became of a message that was to be stored."""

    event_uuid: str
    duplicate: bool = False
    conflict: bool = False
    outdated: bool = False
    """Nothing was judged: what is known of its sender changed meanwhile."""


class IntegrationEvent(models.Model):
    """The journal: one immutable row per thing that happened, written in the transaction of its cause.

    Rows are inserted by SQL in bulk and never updated after their commit; what becomes of them is told by deliveries
    and effects.
    """

    _name = "integration.event"
    _inherit = ["integration.payload.mixin"]
    _description = "Event"
    _order = "id desc"
    _log_access = False
    _rec_name = "uuid"

    uuid = fields.Char("Event ID", required=True, readonly=True)
    # No index of its own: '_company_time_idx' begins with it.
    company_id = UncheckedMany2one("res.company", required=True, readonly=True)
    # No index of its own: '_system_idx' begins with it.
    system_id = UncheckedMany2one("integration.system", readonly=True, help="Empty: Odoo itself.")
    origin_system_id = UncheckedMany2one(
        "integration.system", readonly=True, help="The system whose message began this flow."
    )
    event_type_id = UncheckedMany2one("integration.event.type", required=True, readonly=True, index=True)
    type_name = fields.Char("Type", related="event_type_id.name")
    source = fields.Char(required=True, readonly=True)
    source_event_id = fields.Char("Source's ID", required=True, readonly=True)
    webhook_id = fields.Char("Message ID", readonly=True)
    subject = fields.Char(readonly=True)
    occurred_at = fields.Datetime(readonly=True)
    sequence = fields.Char(readonly=True, help="The sender's own number of the message; a gap shows what is missing.")
    received_at = fields.Datetime("Journalled at", required=True, readonly=True)
    partition_key = fields.Char("Ordering key (hashed)", readonly=True)
    correlation_id = fields.Char(
        "Flow", required=True, readonly=True, index=True, help="One business flow, from first message to last delivery."
    )
    causation_id = fields.Char("Caused by", readonly=True)
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
    delivery_ids = fields.One2many(
        "integration.delivery",
        "event_id",
        groups="integration_core.group_operator,integration_core.group_auditor,integration_core.group_engine",
    )
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
    is_past_clock = fields.Boolean(
        "Past its clock",
        compute="_compute_is_past_clock",
        search="_search_is_past_clock",
        help="Its content is kept beyond the days of its rule, because something of it is still open.",
    )
    cause_ids = fields.One2many("integration.event", compute="_compute_flow", string="Flow of events")

    _uuid_uniq = models.UniqueIndex("(uuid)", "An event has an id of its own.")
    _emission_uniq = models.UniqueIndex(
        "(res_model, res_id, event_type_id, txn_key) WHERE txn_key IS NOT NULL", "One event per change and transaction."
    )
    # What Odoo emits is found by its 'uuid', which is its message's id too.
    _message_idx = models.Index("(webhook_id) WHERE system_id IS NOT NULL")
    _system_idx = models.Index("(system_id, received_at) WHERE system_id IS NOT NULL")
    # Digits alone are numbers: of senders that number nothing, and of those that count otherwise, there is no entry.
    _sequence_idx = models.Index(
        "(system_id, source, (sequence::bigint)) WHERE system_id IS NOT NULL AND sequence ~ '^[0-9]{1,18}$'"
    )
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

    def _compute_is_past_clock(self):
        self.env.cr.execute(
            SQL("SELECT late.id FROM (%s) AS late WHERE late.id = ANY (%s)", self._past_clock_sql(), self.ids)
        )
        late = {row[0] for row in self.env.cr.fetchall()}
        for event in self:
            event.is_past_clock = event.id in late

    @api.model
    def _past_clock_sql(self):
        return SQL(
            "SELECT e.id FROM integration_event e WHERE e.id IN (SELECT o.event_id FROM (%s) AS o (event_id, kind))"
            " AND %s",
            self.env["integration.retention"]._open_events(),
            self.env["integration.retention.alarm"]._past_clock(),
        )

    @api.model
    def _search_is_past_clock(self, operator, value):
        if operator != "in":
            return NotImplemented
        late = fields.Domain("id", "in", SQL("(%s)", self._past_clock_sql()))
        return late if True in value else ~late

    def _search_delivery_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        parts = []
        to_nobody = ~self._with_deliveries(fields.Domain.TRUE)
        if "none" in value:
            parts.append(to_nobody & fields.Domain("held_reason", "=", False))
        if "parked" in value:
            parts.append(to_nobody & fields.Domain("held_reason", "!=", False))
        if "dead" in value:
            parts.append(self._with_deliveries(fields.Domain("state", "=", "dead")))
        if "waiting" in value:
            parts.append(self._with_deliveries(fields.Domain("state", "=", "waiting")))
        if "done" in value:
            open_ones = self._with_deliveries(fields.Domain("state", "in", ("waiting", "dead")))
            parts.append(~to_nobody & ~open_ones)
        return fields.Domain.OR(parts)

    @api.model
    def _with_deliveries(self, domain):
        """Return the domain of the events that have such a delivery."""
        # sudo: how far an event is, is told to everybody who reads the event
        deliveries = self.env["integration.delivery"].sudo()
        event = SQL.identifier(deliveries._table, "event_id")
        return fields.Domain("id", "in", deliveries._search(domain).subselect(event))

    @api.depends("correlation_id")
    def _compute_flow(self):
        for event in self:
            event.cause_ids = self.search([("correlation_id", "=", event.correlation_id)], order="id", limit=100)

    # -- accepting what a system sent
    # -----------------------------------------------------------------------------------

    @api.model
    def _accept(
        self,
        system,
        message,
        body,
        *,
        message_units,
        webhook_id,
        request_id,
        received_at,
        event_uuid=None,
        sender=None,
        apart=False,
    ):
        """Store a verified, valid message with everything that follows from it, in the caller's transaction.

        Call it in a READ COMMITTED transaction: of two copies at once the second then waits for the first and is told
        that it is a duplicate.

        :param message: the :class:`envelope.Envelope` read from ``body``
        :param bytes body: the body after content-decoding
        :param message_units: the :class:`units.Unit` rows of its receipts
        :param datetime received_at: naive UTC
        :param str event_uuid: the id that the event gets; a new one when left out
        :param sender: the :class:`sender.Sender` that ``system`` is known to be; it is read when left out
        :param bool apart: store it in a transaction of its own, committed on return, where there is a standing
            connection for that; for a caller that stores nothing else
        :return: :class:`Accepted`; nothing was stored when ``duplicate``, ``conflict`` or ``outdated``
        :raises KeyringError: when payloads cannot be sealed
        """
        sender = sender or system._as_sender(received_at, message.type)
        event_uuid = event_uuid or str(uuid.uuid4())
        values = intake.statement_values(
            sender,
            message,
            body,
            message_units=message_units,
            webhook_id=webhook_id,
            request_id=request_id,
            received_at=received_at,
            event_uuid=event_uuid,
            depth=self._depth_behind(message.causationid, sender.company_id),
            notify=self.env["integration.engine"]._must_notify(),
        )
        if self._store_inbound(values, apart=apart):
            return Accepted(event_uuid)
        seen = self.env["integration.event.key"]._seen(sender.system_id, webhook_id, message.source, message.id)
        if seen is None:
            return Accepted(event_uuid, outdated=True)
        if seen.event_uuid == event_uuid:  # stored apart, by a connection that was lost before it could tell
            self.env["integration.engine"]._woke()
            return Accepted(event_uuid)
        duplicate = seen.digest == values["body_digest"]
        return Accepted(seen.event_uuid, duplicate=duplicate, conflict=not duplicate)

    def _depth_behind(self, causation_id, company_id):
        """Return how many events led to a message that names ``causation_id`` (a text or None) as its cause.

        A system outside that answers our events closes a loop, too; here it is seen by what it says of them.
        """
        if not causation_id:
            return 0
        self.env.cr.execute(
            "SELECT depth + 1 FROM integration_event WHERE uuid = %s AND company_id = %s", (causation_id, company_id)
        )
        return (self.env.cr.fetchone() or (0,))[0]

    def _store_inbound(self, values, *, apart):
        """Store an event with its key, payload, receipts and deliveries in one statement; tell whether it was new.

        The unique indexes of the keys decide, never a search before the insert: without a new key nothing is stored.

        :param values: what :func:`intake.statement_values` returned
        """
        statement = self._storing(values["recipients"] is not None)
        stored, wanted, settled, _notified = self._run_storing(statement, values, apart=apart)
        if wanted:
            self.env["integration.engine"]._woke()
        if settled:
            self._settled_earlier()
        return bool(stored)

    def _run_storing(self, statement, values, *, apart):
        """Run a statement that stores an event, apart or in the caller's transaction; return its row.

        One that may have been lost apart is repeated here: its key tells whether it was carried out.
        """
        row = None
        if apart and tools.is_real(self.env.cr):
            row = standing.connections.run(self.env.cr.dbname, statement, values)
        if row is None:
            statement.execute(self.env.cr, values)
            row = self.env.cr.fetchone()
        return row

    @ormcache("known")
    def _storing(self, known):
        """Return the :class:`tools.Statement` of :meth:`_store_inbound`; it depends on the code alone.

        :param bool known: who gets the event is known, and not looked up by the statement
        """
        place = tools.Statement.place
        values = {name: place(name) for name in intake.EVENT_COLUMNS}
        statement = SQL(
            """
            WITH taken AS (%(key)s),
            e AS (
                INSERT INTO integration_event (%(columns)s) SELECT %(values)s FROM taken RETURNING *),
            payload AS (
                INSERT INTO integration_payload (event_id, data_key_id, algorithm, sealed)
                SELECT id, %(data_key)s, 'AES-256-GCM', %(sealed)s FROM e),
            receipts AS (%(receipts)s),
            settled AS (%(settled)s),
            who AS (%(who)s),
            %(fan_out)s,
            -- Work that is held back wakes nobody: a NOTIFY lets no other transaction commit meanwhile.
            wanted AS MATERIALIZED (
                SELECT FROM due d JOIN integration_subscription s ON s.id = d.subscription_id
                 WHERE (%(claimable)s) AND (%(let_go)s) LIMIT 1)
            SELECT (SELECT count(*) FROM e), (SELECT count(*) FROM wanted), (SELECT count(*) FROM settled),
                   (SELECT pg_notify(%(channel)s, '') FROM wanted WHERE %(notify)s)
            """,
            key=self.env["integration.event.key"]._take_sql(values, place("stamp")),
            columns=SQL(", ").join(map(SQL.identifier, values)),
            values=SQL(", ").join(values.values()),
            data_key=place("data_key"),
            sealed=place("sealed"),
            receipts=self.env["integration.receipt"]._accepted_sql(place("receipts"), place("encounter")),
            settled=self._settle_earlier_sql(values),
            who=self._known_recipients_sql(place("recipients")) if known else self._recipients_sql(),
            fan_out=self._fan_out_sql(),
            claimable=self.env["integration.delivery"]._claim_condition(),
            let_go=self.env["integration.hold"]._let_go_now(),
            channel=CHANNEL,
            notify=place("notify"),
        )
        return tools.Statement.of(self.env.cr, statement)

    @api.model
    def _settle_earlier_sql(self, values):
        """SQL that settles what was told of a message before it was accepted, and returns a row for each.

        It may use ``e``, the event's row; without one it changes nothing.

        :param values: SQL of the columns of the event's row, by name
        """
        return SQL("SELECT FROM e WHERE FALSE")

    @api.model
    def _settled_earlier(self):
        """Be told that :meth:`_settle_earlier_sql` changed something."""

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

    @api.model
    def _recipients_sql(self):
        """SQL that selects who gets the events whose rows are the part ``e`` of the statement."""
        return SQL(
            """
            SELECT e.id AS event_id, e.company_id, e.system_id, e.partition_key,
                   s.id AS subscription_id, s.consumer, CASE t.lane %(lane)s END AS lane, s.ordered
              FROM e
              JOIN integration_event_type t ON t.id = e.event_type_id
              JOIN integration_subscription_event_type_rel r ON r.event_type_id = t.id
              JOIN integration_subscription s ON s.id = r.subscription_id AND s.active
             WHERE e.held_reason IS NULL
               AND (s.company_id IS NULL OR s.company_id = e.company_id)
               AND (%(condition)s)
            """,
            lane=lane_ranks(),
            condition=self._fan_out_condition(),
        )

    @api.model
    def _candidates_sql(self):
        """SQL that selects each event ``e`` with each subscription to its type: whether it gets it, and until when."""
        return SQL(
            """
            SELECT e.id, s.id, s.consumer, CASE t.lane %(lane)s END, s.ordered,
                   (s.company_id IS NULL OR s.company_id = e.company_id) AND (%(condition)s), %(until)s
              FROM e
              JOIN integration_event_type t ON t.id = e.event_type_id
              JOIN integration_subscription_event_type_rel r ON r.event_type_id = t.id
              JOIN integration_subscription s ON s.id = r.subscription_id AND s.active
            """,
            lane=lane_ranks(),
            condition=self._fan_out_condition(),
            until=self._fan_out_until(),
        )

    @api.model
    def _known_recipients_sql(self, recipients):
        """SQL that selects what :meth:`_recipients_sql` does, from SQL of the JSON text of what it found before."""
        return SQL(
            """
            SELECT e.id AS event_id, e.company_id, e.system_id, e.partition_key, k.*
              FROM e, jsonb_to_recordset(%s::jsonb) AS k (
                   subscription_id integer, consumer varchar, lane integer, ordered boolean)
            """,
            recipients,
        )

    @api.model
    def _recipients(self, sender, received_at):
        """Return the :class:`sender.Recipient` of a message of ``sender``; None when that may change with the time.

        What leaves Odoo depends on the time; handlers inside Odoo depend on the configuration alone.
        """
        event = {
            "company_id": sender.company_id,
            "system_id": sender.system_id,
            "origin_system_id": sender.system_id,
            "event_type_id": sender.event_type_id,
            "mode": sender.mode,
            "received_at": str(received_at),
        }
        self.env.cr.execute(
            SQL(
                """
                WITH e AS (SELECT (jsonb_populate_record(NULL::integration_event, %(event)s)).*),
                who AS (%(who)s)
                SELECT EXISTS (SELECT FROM integration_subscription_event_type_rel r
                                 JOIN integration_subscription s ON s.id = r.subscription_id AND s.active
                                WHERE r.event_type_id = %(type)s AND s.consumer <> 'handler'),
                       ARRAY(SELECT to_jsonb(who) FROM who ORDER BY subscription_id)
                """,
                event=json.dumps(event),
                who=self._recipients_sql(),
                type=sender.event_type_id,
            )
        )
        leaves, found = self.env.cr.fetchone()
        if leaves:
            return None
        return tuple(Recipient(*(one[name] for name in Recipient._fields)) for one in found)

    @api.model
    def _fan_out_sql(self):
        """SQL parts ``line``, ``made``, ``kept`` and ``due`` of a statement that inserts the events ``e``.

        ``who`` are their recipients; ``due`` returns a row for each delivery. No part joins another, so that its plan
        is good for any number of them.
        """
        return SQL(
            """
            line AS (INSERT INTO integration_event_position (event_id) SELECT id FROM e),
            made AS MATERIALIZED (
                SELECT nextval('integration_delivery_id_seq') AS id, who.*, n.now,
                       CASE WHEN who.ordered THEN who.partition_key END AS order_key
                  FROM who, (SELECT %(now)s AS now) n),
            kept AS (
                INSERT INTO integration_delivery
                    (id, event_id, subscription_id, company_id, consumer, lane, state, due_at, created_at,
                     attempts, crashes)
                SELECT id, event_id, subscription_id, company_id, consumer, lane, 'waiting', now, now, 0, 0 FROM made),
            due AS (
                INSERT INTO integration_due
                    (id, event_id, subscription_id, company_id, system_id, lane, tier, due_at, order_key)
                SELECT id, event_id, subscription_id, company_id, system_id, lane,
                       CASE WHEN order_key IS NULL THEN %(fresh)s ELSE %(unpositioned)s END, now, order_key
                  FROM made
                RETURNING subscription_id, system_id, lane)
            """,
            now=tools.utc_now(),
            fresh=claims.FRESH,
            unpositioned=claims.UNPOSITIONED,
        )

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

    @api.model
    def _fan_out_until(self):
        """SQL over ``e``, ``t`` and ``s``: from which moment on :meth:`_fan_out_condition` may hold something else.

        The answer is kept until then for every event of the same type, company, mode, originating system and facets,
        as long as nothing changes that ``integration.configuration`` follows. NULL: for good; the moment of the event
        or an earlier one: not at all. Whoever narrows the condition says here what else it depends on.
        """
        return SQL("NULL::timestamp")

    # -- payload
    # ----------------------------------------------------------------------------------------------------------

    def _read_payload(self):
        """Return the body (bytes) for the engine's own use; None when it is no longer kept.

        :raises KeyringError: without a usable master key
        """
        self.ensure_one()
        return self.env["integration.payload"]._load(self).get(self.id)

    def _payload_body(self):
        return self._read_payload()

    def _payload_type(self):
        return self.event_type_id

    def _payload_gone(self):
        return self.content_gone

    # -- effects
    # ----------------------------------------------------------------------------------------------------------

    def _record_effects(self, rows):
        """Say what became of units of this event; a later call for the same unit replaces the earlier.

        :param rows: iterable of (unit, status, reason or None, record or None); unit is the line, '' for a whole
            message
        """
        self.ensure_one()
        self.env["integration.effect"]._put([(self.id, *row) for row in rows])
