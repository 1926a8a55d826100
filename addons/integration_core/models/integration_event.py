import json
import uuid
from dataclasses import dataclass

import psycopg2
from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, ormcache

from .. import tools
from ..domain import chain, envelope, hashing, timestamps, units
from ..domain.sender import Recipient
from ..engine import claims
from ..engine.inbox import CHANNEL
from .integration_event_type import lane_ranks

COMPLETING = "integration_core.complete_emissions"
EMITTED = "integration_core.emitted"
_INBOUND_COLUMNS = (
    "uuid",
    "company_id",
    "system_id",
    "origin_system_id",
    "event_type_id",
    "source",
    "source_event_id",
    "webhook_id",
    "occurred_at",
    "received_at",
    "partition_key",
    "correlation_id",
    "causation_id",
    "depth",
    "traceparent",
    "mode",
    "body_digest",
    "body_size",
    "request_id",
)
SERIAL = "integration_core.transaction_serial"


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
    _description = "Event"
    _order = "id desc"
    _log_access = False
    _rec_name = "uuid"

    uuid = fields.Char("Event ID", required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
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
    txn_key = fields.Char(readonly=True, help="Makes an emission unique within its transaction.")
    delivery_ids = fields.One2many("integration.delivery", "event_id")
    effect_ids = fields.One2many("integration.effect", "event_id")
    delivery_state = fields.Selection(
        [("none", "Nobody subscribed"), ("waiting", "Waiting"), ("dead", "Dead letter"), ("done", "Done")],
        compute="_compute_delivery_state",
        compute_sudo=True,  # finance follows a charge to its message without a right to the deliveries themselves
        search="_search_delivery_state",
        string="State",
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

    @api.depends("delivery_ids.state")
    def _compute_delivery_state(self):
        for event in self:
            states = set(event.delivery_ids.mapped("state"))
            if "dead" in states:
                event.delivery_state = "dead"
            elif "waiting" in states:
                event.delivery_state = "waiting"
            else:
                event.delivery_state = "done" if states else "none"

    def _search_delivery_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        parts = []
        if "none" in value:
            parts.append(fields.Domain("delivery_ids", "=", False))
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
    def _accept(self, system, message, body, *, message_units, webhook_id, request_id, received_at, sender=None):
        """Store a verified, valid message with everything that follows from it, in the caller's transaction.

        Call it in a READ COMMITTED transaction: of two copies at once the second then waits for the first and is told
        that it is a duplicate.

        :param message: the :class:`envelope.Envelope` read from ``body``
        :param bytes body: the body after content-decoding
        :param message_units: the :class:`units.Unit` rows of its receipts
        :param datetime received_at: naive UTC
        :param sender: the :class:`sender.Sender` that ``system`` is known to be; it is read when left out
        :return: :class:`Accepted`; nothing was stored when ``duplicate``, ``conflict`` or ``outdated``
        :raises KeyringError: when payloads cannot be sealed
        """
        sender = sender or system._as_sender(received_at, message.type)
        event_uuid = str(uuid.uuid4())
        digest = hashing.body_digest(body)
        values = {
            **self._sender_values(sender, message),
            "uuid": event_uuid,
            "correlation_id": message.correlationid or event_uuid,
            "webhook_id": webhook_id,
            "received_at": received_at,
            "body_digest": digest,
            "body_size": len(body),
            "request_id": request_id,
        }
        receipts = self.env["integration.receipt"]._accepted_rows(message_units, received_at, sender.zone)
        if self._store_inbound(values, sender, body, receipts, units.encounter_of(message.data)):
            return Accepted(event_uuid)
        seen = self.env["integration.event.key"]._seen(sender.system_id, webhook_id, message.source, message.id)
        if seen is None:
            return Accepted(event_uuid, outdated=True)
        return Accepted(seen.event_uuid, duplicate=seen.digest == digest, conflict=seen.digest != digest)

    @staticmethod
    def _sender_values(sender, message):
        ordering_key = message.ordering_key
        return {
            "company_id": sender.company_id,
            "system_id": sender.system_id,
            "origin_system_id": sender.system_id,
            "event_type_id": sender.event_type_id,
            "source": message.source,
            "source_event_id": message.id,
            "occurred_at": message.time and message.time.replace(tzinfo=None),
            # A sender may order by patient: only a keyed hash is kept outside the payload.
            "partition_key": ordering_key and sender.vault.keyed_hash(ordering_key, scope=f"ordering:{sender.code}"),
            "causation_id": message.causationid,
            "depth": 0,
            "traceparent": message.traceparent,
            "mode": sender.mode,
        }

    def _store_inbound(self, values, sender, body, receipts, encounter):
        """Store an event with its key, payload, receipts and deliveries in one statement; tell whether it was new.

        The unique indexes of the keys decide, never a search before the insert: without a new key nothing is stored.
        """
        engine = self.env["integration.engine"]
        known = sender.recipients is not None
        self._storing(known).execute(
            self.env.cr,
            {
                **values,
                "stamp": sender.stamp,
                "data_key": sender.vault.data_key_id,
                "sealed": psycopg2.Binary(sender.vault.seal(body, aad=f"integration.payload:{values['uuid']}")),
                "receipts": receipts,
                "encounter": encounter,
                "recipients": json.dumps([recipient._asdict() for recipient in sender.recipients]) if known else None,
                "notify": engine._must_notify(),
            },
        )
        stored, due, unsettled, _notified = self.env.cr.fetchone()
        if due:
            engine._woke()
        if stored and unsettled:
            self._settle_earlier(values)
        return bool(stored)

    @ormcache("known")
    def _storing(self, known):
        """Return the :class:`tools.Template` of :meth:`_store_inbound`; it depends on the code alone.

        :param bool known: who gets the event is known, and not looked up by the statement
        """
        place = tools.Template.place
        values = {name: place(name) for name in _INBOUND_COLUMNS}
        statement = SQL(
            """
            WITH taken AS (%(key)s),
            e AS (
                INSERT INTO integration_event (%(columns)s) SELECT %(values)s FROM taken RETURNING *),
            payload AS (
                INSERT INTO integration_payload (event_id, data_key_id, algorithm, sealed)
                SELECT id, %(data_key)s, 'AES-256-GCM', %(sealed)s FROM e),
            receipts AS (%(receipts)s),
            who AS (%(who)s),
            %(fan_out)s
            SELECT (SELECT count(*) FROM e), (SELECT count(*) FROM due), %(unsettled)s,
                   (SELECT pg_notify(%(channel)s, '') FROM due WHERE %(notify)s LIMIT 1)
            """,
            key=self.env["integration.event.key"]._take_sql(values, place("stamp")),
            columns=SQL(", ").join(map(SQL.identifier, values)),
            values=SQL(", ").join(values.values()),
            data_key=place("data_key"),
            sealed=place("sealed"),
            receipts=self.env["integration.receipt"]._accepted_sql(place("receipts"), place("encounter")),
            who=self._known_recipients_sql(place("recipients")) if known else self._recipients_sql(),
            fan_out=self._fan_out_sql(),
            unsettled=self._unsettled_sql(place("system_id")),
            channel=CHANNEL,
            notify=place("notify"),
        )
        return tools.Template(self.env.cr, statement)

    @api.model
    def _unsettled_sql(self, system_id):
        """SQL that tells whether :meth:`_settle_earlier` may have something to do for a system."""
        return SQL("FALSE")

    @api.model
    def _settle_earlier(self, values):
        """Settle what was told of a message before it was accepted; ``values`` are its event's."""

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

    # -- emitting what happens in Odoo
    # ------------------------------------------------------------------------------------

    @api.model
    def _emit(self, type_name, records):
        """Journal that ``records`` changed, once per record, type and transaction.

        The row is inserted now, in the caller's savepoint, and completed from the record's final state before the
        commit.

        :raises ValueError: for a type that is not in the catalogue
        """
        # sudo: whoever posts an invoice need not see the integration app; the journal is written for them
        journal = self.sudo()
        event_type = journal.env["integration.event.type"]._named(type_name)
        if not event_type:
            raise ValueError(f"unknown event type {type_name}")
        if event_type._is_retired(fields.Date.today()):
            return journal.browse()
        emitted = self.env.cr.cache.setdefault(EMITTED, set())
        events = journal.browse()
        for record in records:
            emitted.add((record._name, record.id))
            events |= journal._insert_emission(event_type, record)
        journal._complete_before_commit()
        return events

    def _insert_emission(self, event_type, record):
        cause = record._event_cause().sudo()  # sudo: the chain of causes is bookkeeping, not data shown to the user
        if cause and not chain.may_cause(cause.type_name, event_type.name):
            return self.browse()
        company = record._event_company()
        event_uuid = str(uuid.uuid4())
        depth = cause.depth + 1 if cause else 0
        self.env.cr.execute("SELECT pg_current_xact_id()::text, now() AT TIME ZONE 'UTC'")
        xact, now = self.env.cr.fetchone()
        return self._insert(
            {
                "uuid": event_uuid,
                "company_id": company.id,
                "origin_system_id": cause.origin_system_id.id or None,
                "event_type_id": event_type.id,
                "source": envelope.outbound_source(self._database_uuid(), company.id),
                "source_event_id": event_uuid,
                "webhook_id": event_uuid,
                "subject": record._event_subject(event_type.name),
                "occurred_at": now,
                "received_at": now,
                "partition_key": record._event_subject(event_type.name),
                "correlation_id": cause.correlation_id or event_uuid,
                "causation_id": cause.uuid or None,
                "depth": depth,
                "traceparent": envelope.child_traceparent(cause.traceparent or None),
                "mode": cause.mode or "live",
                "res_model": record._name,
                "res_id": record.id,
                "held_reason": "chain_too_long" if depth > chain.MAX_LENGTH else None,
                "txn_key": f"{xact}:{self.env.cr.cache.get(SERIAL, 0)}",
            }
        )

    @api.model
    def _database_uuid(self):
        # sudo: the database's own identity is part of every event's source
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid")

    def _complete_before_commit(self):
        data = self.env.cr.precommit.data
        if COMPLETING not in data:
            data[COMPLETING] = True
            # su: the data of an event does not depend on what the user who caused it may read
            self.env.cr.precommit.add(self.env(user=SUPERUSER_ID, su=True)[self._name]._complete_emissions)

    @api.model
    def _complete_emissions(self):
        """Seal each event of this transaction from its record's present state; remove it when that state is gone.

        Runs before the commit and before each savepoint that flushes; the last run sees the final state.
        """
        self.env.cr.execute(
            "SELECT id FROM integration_event WHERE txn_key = pg_current_xact_id()::text || ':' || %s ORDER BY id",
            (str(self.env.cr.cache.get(SERIAL, 0)),),
        )
        events = self.browse(row[0] for row in self.env.cr.fetchall())
        gone = self.browse()
        for event in events:
            record = self.env[event.res_model].browse(event.res_id).exists()
            data = record._event_data(event.type_name) if record else None
            if data is None:
                gone |= event
            else:
                event._complete(record, data)
        if gone:
            self.env.cr.execute("DELETE FROM integration_event WHERE id IN %s", (tuple(gone.ids),))
            gone.invalidate_recordset()
        (events - gone)._fan_out()

    def _complete(self, record, data):
        self.ensure_one()
        version = self.env["integration.record.version"]._next(record, self.txn_key)
        body = envelope.build(
            id=self.uuid,
            source=self.source,
            type=self.type_name,
            data={"ids": {}, **data, "changed_at": self._rfc3339(self.occurred_at), "version": version},
            time=timestamps.parse(self._rfc3339(self.occurred_at)),
            subject=self.subject,
            partitionkey=self.subject,
            dataschema=envelope.dataschema_url(self._public_base_url(), self.type_name),
            correlationid=self.correlation_id,
            causationid=self.causation_id or None,
            traceparent=self.traceparent or None,
        ).to_bytes()
        self.env["integration.payload"]._store(self, body)
        self.env.cr.execute(
            "UPDATE integration_event SET body_digest = %s, body_size = %s WHERE id = %s",
            (hashing.body_digest(body), len(body), self.id),
        )
        self.invalidate_recordset(["body_digest", "body_size"])

    @staticmethod
    def _rfc3339(moment):
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    @api.model
    def _public_base_url(self):
        # sudo: the public address of this Odoo is not a secret
        return self.env["ir.config_parameter"].sudo().get_param("web.base.url", "")

    # -- fan-out
    # ----------------------------------------------------------------------------------------------------------

    def _fan_out(self):
        """Make one delivery per event and subscription, due at once, in one statement of the caller's transaction.

        Each event also gets its place in line for a position, which the sequencer gives it after the commit. The
        deliveries of an ordered subscription are claimable from then on.
        """
        if not self:
            return
        self.env.cr.execute(
            SQL(
                """
                WITH e AS (SELECT * FROM integration_event WHERE id = ANY (%s)), who AS (%s), %s
                SELECT count(*) FROM due
                """,
                list(self.ids),
                self._recipients_sql(),
                self._fan_out_sql(),
            )
        )
        if self.env.cr.fetchone()[0]:
            self.env["integration.engine"]._wake()

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
        """SQL parts ``line``, ``made`` and ``due`` of a statement with the events ``e`` and their recipients ``who``.

        ``e`` may be what the same statement inserts. ``due`` returns the ids of the deliveries.
        """
        return SQL(
            """
            line AS (
                INSERT INTO integration_event_position (event_id)
                SELECT id FROM e ORDER BY id ON CONFLICT DO NOTHING),
            made AS (
                INSERT INTO integration_delivery
                    (event_id, subscription_id, company_id, consumer, lane, state, due_at, created_at,
                     attempts, crashes)
                SELECT who.event_id, who.subscription_id, who.company_id, who.consumer, who.lane, 'waiting', n.now,
                       n.now, 0, 0
                  FROM who, (SELECT %(now)s AS now) n
                 ORDER BY who.event_id, who.subscription_id
                ON CONFLICT DO NOTHING
                RETURNING id, event_id, subscription_id, due_at),
            due AS (
                INSERT INTO integration_due
                    (id, event_id, subscription_id, company_id, system_id, lane, tier, due_at, order_key)
                SELECT m.id, m.event_id, m.subscription_id, who.company_id, who.system_id, who.lane,
                       CASE WHEN k.order_key IS NULL THEN %(fresh)s ELSE %(unpositioned)s END, m.due_at, k.order_key
                  FROM made m
                  JOIN who ON who.event_id = m.event_id AND who.subscription_id = m.subscription_id
                 CROSS JOIN LATERAL (SELECT CASE WHEN who.ordered THEN who.partition_key END AS order_key) k
                RETURNING id)
            """,
            now=tools.utc_now(),
            fresh=claims.FRESH,
            unpositioned=claims.UNPOSITIONED,
        )

    @api.model
    def _fan_out_condition(self):
        """SQL condition over ``e`` (event), ``t`` (event type) and ``s`` (subscription): what may be delivered.

        Consumers outside Odoo narrow it; test events never leave Odoo.
        """
        return SQL("s.consumer = 'handler' OR e.mode = 'live'")

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
            raise UserError(self.env._("The content is no longer kept."))
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
