import uuid
from dataclasses import dataclass
from datetime import timezone

import psycopg2.extras
from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import MissingError
from odoo.tools import SQL, split_every

from .. import tools
from ..domain import chain, emissions, envelope, hashing

COMPLETING = "integration_core.complete_emissions"
EMITTED = "integration_core.emitted"


@dataclass(frozen=True, slots=True)
class Cause:
    """What an event takes over from the one that led to it."""

    id: int
    uuid: str | None
    type_name: str
    correlation_id: str | None
    origin_system_id: int | None
    traceparent: str | None
    mode: str
    depth: int


HANDLED = "integration_handled_event_ids"
"""Context key: the events of the batch that a handler is at."""
BATCH = 1000
"""Events per statement: enough to make its cost small, few enough to keep its text small."""
NO_CAUSE = Cause(0, None, "", None, None, None, "live", -1)


def common_cause(causes):
    """Return the :class:`Cause` of what may follow from any of ``causes`` (a list), which a handler was given together.

    One alone is the cause. Of several the longest chain goes on, so that a loop ends; of the rest they say what all of
    them say.
    """
    if len(causes) < 2:
        return causes[0] if causes else NO_CAUSE

    def shared(name):
        values = {getattr(cause, name) for cause in causes}
        return values.pop() if len(values) == 1 else None

    return Cause(
        0,
        None,
        next((cause.type_name for cause in causes if not chain.may_cause(cause.type_name, cause.type_name)), ""),
        shared("correlation_id"),
        shared("origin_system_id"),
        None,
        shared("mode") or NO_CAUSE.mode,
        max(cause.depth for cause in causes),
    )


class IntegrationEvent(models.Model):
    """Emission: what happens in Odoo becomes events, inserted at once and completed before the commit."""

    _inherit = "integration.event"

    @api.model
    def _emit(self, type_name, records):
        """Journal that ``records`` changed, once per record, type and transaction.

        The rows are inserted now, in the caller's savepoint and in one statement, and completed from the records' final
        state before the commit. Emitting a record again has its event completed again.

        :return: the new events
        :raises ValueError: for a type that is not in the catalogue
        """
        # sudo: whoever posts an invoice need not see the integration app; the journal is written for them
        journal = self.sudo()
        if not records:
            return journal.browse()
        causes = journal._causes_of(records)
        emitters = {
            record.id: record
            for record in records
            if chain.may_cause(causes.get(record.id, NO_CAUSE).type_name, type_name)
        }
        known = journal._emissions()
        made = []
        for ids in split_every(BATCH, sorted(emitters)):
            made += journal._insert_emissions(type_name, [emitters[record_id] for record_id in ids], causes)
        for emission in made:
            known.add(emission)
        if emitters and not known.knows(type_name):
            journal._check_type(type_name)
        if known.touch(records._name, emitters):
            journal._complete_before_commit()
        return journal.browse([emission.id for emission in made])

    def _check_type(self, type_name):
        if not self.env["integration.event.type"]._named(type_name):
            raise ValueError(f"unknown event type {type_name}")

    def _emissions(self):
        """Return the :class:`emissions.Emissions` of this transaction."""
        data = tools.transaction_data(self.env.cr)
        if EMITTED not in data:
            data[EMITTED] = emissions.Emissions()
        return data[EMITTED]

    # -- causes --------------------------------------------------------------------------------------------------------

    def _causes_of(self, records):
        """Return {record id: Cause} of those records whose change an event led to; in one statement for all.

        What a handler changes without naming the cause follows from the events that it was given.
        """
        # sudo: the chain of causes is bookkeeping, not data shown to the user
        caused = {record_id: cause.id for record_id, cause in records.sudo()._event_causes().items() if cause}
        handled = self.env.context.get(HANDLED, ()) if len(caused) < len(records) else ()
        if not (caused or handled):
            return {}
        self.env.cr.execute(
            """
            SELECT e.id, e.uuid, t.name, e.correlation_id, e.origin_system_id, e.traceparent, e.mode, e.depth
              FROM integration_event e JOIN integration_event_type t ON t.id = e.event_type_id WHERE e.id = ANY (%s)
            """,
            (list({*caused.values(), *handled}),),
        )
        causes = {row[0]: Cause(*row) for row in self.env.cr.fetchall()}
        named = {record_id: causes[event_id] for record_id, event_id in caused.items() if event_id in causes}
        if not handled:
            return named
        default = common_cause([causes[event_id] for event_id in handled if event_id in causes])
        return {**dict.fromkeys(records.ids, default), **named}

    # -- inserting -----------------------------------------------------------------------------------------------------

    def _insert_emissions(self, type_name, records, causes):
        """Insert an event for each of ``records`` (a list) that has none of this type in this transaction.

        :return: list of :class:`emissions.Emission`; none for a type that is retired or unknown
        """
        self.env["integration.event.type"].flush_model(["name", "state", "sunset"])
        values = []
        for record in records:
            values += self._emission_values(record, type_name, causes.get(record.id, NO_CAUSE))
        res_model = records[0]._name
        self.env.cr.execute(
            SQL(
                _INSERT,
                type_name=type_name,
                today=fields.Date.today(),
                serial=self._serial(),
                res_model=res_model,
                rows=SQL(", ".join([_INSERT_ROW] * len(records)), *values),
            )
        )
        return [
            emissions.Emission(*row[:2], type_name, res_model, *row[2:9], moment=row[9].replace(tzinfo=timezone.utc))
            for row in self.env.cr.fetchall()
        ]

    def _emission_values(self, record, type_name, cause):
        company_id = record._event_company().id
        event_uuid = str(uuid.uuid4())
        depth = cause.depth + 1
        return (
            record.id,
            event_uuid,
            company_id,
            envelope.outbound_source(self._database_uuid(), company_id),
            record._event_subject(type_name),
            cause.origin_system_id,
            cause.correlation_id or event_uuid,
            cause.uuid,
            envelope.child_traceparent(cause.traceparent),
            depth,
            cause.mode,
            "chain_too_long" if chain.is_too_long(depth) else None,
        )

    def _serial(self):
        """Return what follows the transaction's id in ``txn_key``."""
        return f":{tools.transaction_data(self.env.cr)['serial']}"

    @api.model
    def _database_uuid(self):
        # sudo: the database's own identity is part of every event's source
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid")

    # -- completing ----------------------------------------------------------------------------------------------------

    def _complete_before_commit(self):
        data = self.env.cr.precommit.data
        if COMPLETING not in data:
            data[COMPLETING] = True
            # su: the data of an event does not depend on what the user who caused it may read
            self.env.cr.precommit.add(self.env(user=SUPERUSER_ID, su=True)[self._name]._complete_emissions)

    @api.model
    def _complete_emissions(self):
        """Seal what changed since the last run from the records' present state; remove what is no longer so.

        Runs before the commit and before each savepoint that flushes; the last run sees the final state.
        """
        # What is emitted or changed from here on, by another hook too, asks for another run.
        self.env.cr.precommit.data.pop(COMPLETING, None)
        for taken in split_every(BATCH, self._emissions().take()):
            bodies = self._bodies_of(taken)
            done = self._complete(bodies) if bodies else set()
            self._remove([emission.id for emission in taken if emission.id not in done])
            for emission in taken:
                emission.completed = True
            events = self.browse([emission.id for emission in taken])
            events.invalidate_recordset(["body_digest", "body_size", "facets"], flush=False)

    def _remove(self, ids):
        """Remove events of this transaction; rows that a savepoint has rolled back may be among them."""
        if ids:
            self.env.cr.execute(
                "DELETE FROM integration_event WHERE id = ANY (%s) AND txn_key = pg_current_xact_id()::text || %s",
                (ids, self._serial()),
            )
            self.browse(ids).invalidate_recordset(flush=False)

    def _bodies_of(self, taken):
        """Return [(emission, facets, body)] of the events whose record is still there, in the state they tell of."""
        by_model = {}
        for emission in taken:
            by_model.setdefault(emission.res_model, []).append(emission)
        issuers = {}
        bodies = []
        for model, of_model in by_model.items():
            # One recordset, so that what the records' data needs is read for all of them at once.
            records = self.env[model].browse(dict.fromkeys(emission.res_id for emission in of_model))
            by_id = {record.id: record for record in records}
            for emission in of_model:
                told = self._told(by_id[emission.res_id], emission.type_name)
                if told is not None:
                    data, facets = told
                    bodies.append((emission, facets, self._body(issuers, emission, data)))
        return bodies

    @staticmethod
    def _told(record, type_name):
        """Return (data, facets) of a record, or None when it or the state that the event tells of is gone."""
        try:
            data = record._event_data(type_name)
            if data is None:
                return None
            facets = {name: value for name, value in record._event_facets(type_name).items() if value}
            return data, facets or None
        except MissingError:
            return None

    def _body(self, issuers, emission, data):
        kind = emission.type_name, emission.source, emission.moment
        if kind not in issuers:
            issuers[kind] = envelope.Issuer(
                source=emission.source,
                type=emission.type_name,
                time=emission.moment.replace(microsecond=0),
                dataschema=envelope.dataschema_url(self._public_base_url(), emission.type_name),
            )
        issuer = issuers[kind]
        return issuer.body(
            id=emission.uuid,
            subject=emission.subject,
            correlationid=emission.correlation_id,
            causationid=emission.causation_id,
            traceparent=emission.traceparent,
            data={"ids": {}, **data, "changed_at": issuer.time_text, "version": emission.version},
        )

    @api.model
    def _public_base_url(self):
        # sudo: the public address of this Odoo is not a secret
        return self.env["ir.config_parameter"].sudo().get_param("web.base.url", "")

    def _complete(self, bodies):
        """Store bodies and facets, and fan out, in one statement; return the ids of the events that are there.

        A record that was deleted may still be in the ORM's cache: the statement asks the tables themselves.
        """
        self._forget_other_facets(bodies)
        data_key_id, sealed = self.env["integration.keyring"]._seal_all(
            [(body, f"integration.payload:{emission.uuid}") for emission, _facets, body in bodies]
        )
        values = []
        for (emission, facets, body), content in zip(bodies, sealed, strict=True):
            json = facets and psycopg2.extras.Json(facets)
            values += (emission.id, hashing.body_digest(body), len(body), json, psycopg2.Binary(content))
        source = SQL(
            _COMPLETE,
            rows=SQL(", ".join(["(%s::int, %s, %s::int, %s::jsonb, %s::bytea)"] * len(bodies)), *values),
            alive=self._alive({emission.res_model for emission, _facets, _body in bodies}),
            serial=self._serial(),
            data_key_id=data_key_id,
        )
        return set(self._fan_out_from(source))

    def _alive(self, models):
        """SQL condition over ``e``: the record that the event tells of exists."""
        return SQL(" ").join(
            SQL("WHEN %s THEN EXISTS (SELECT 1 FROM %s WHERE id = e.res_id)", name, SQL.identifier(table))
            for name, table in sorted((name, self.env[name]._table) for name in models)
        )

    def _forget_other_facets(self, bodies):
        """Take back the deliveries of events that were fanned out by other facets earlier in this transaction."""
        again = [(emission, facets) for emission, facets, _body in bodies if emission.completed]
        if again:
            self.env.cr.execute(
                """
                DELETE FROM integration_delivery d USING integration_event e, unnest(%s, %s::jsonb[]) AS n (id, facets)
                 WHERE e.id = n.id AND d.event_id = e.id AND e.facets IS DISTINCT FROM n.facets
                """,
                ([e.id for e, _facets in again], [facets and psycopg2.extras.Json(facets) for _e, facets in again]),
            )


_INSERT_ROW = "(%s::int, %s, %s::int, %s, %s, %s::int, %s, %s, %s, %s::int, %s, %s)"
_INSERT = """
    WITH kind AS (
        SELECT id, pg_current_xact_id()::text || %(serial)s AS txn_key, now() AT TIME ZONE 'UTC' AS now
          FROM integration_event_type
         WHERE name = %(type_name)s AND state IS DISTINCT FROM 'retired' AND (sunset IS NULL OR sunset > %(today)s)),
    new (res_id, uuid, company_id, source, subject, origin_system_id, correlation_id, causation_id, traceparent, depth,
         mode, held_reason) AS (VALUES %(rows)s),
    counted AS (
        INSERT INTO integration_record_version AS v (res_model, res_id, version, txn_key)
        SELECT %(res_model)s, new.res_id, 1, kind.txn_key FROM new, kind ORDER BY new.res_id
        ON CONFLICT (res_model, res_id) DO UPDATE
           SET version = v.version + (v.txn_key <> EXCLUDED.txn_key)::int, txn_key = EXCLUDED.txn_key
        RETURNING res_id, version),
    made AS (
        INSERT INTO integration_event
            (uuid, company_id, origin_system_id, event_type_id, source, source_event_id, webhook_id, subject,
             occurred_at, received_at, partition_key, correlation_id, causation_id, depth, traceparent, mode, res_model,
             res_id, held_reason, txn_key)
        SELECT new.uuid, new.company_id, new.origin_system_id, kind.id, new.source, new.uuid, new.uuid, new.subject,
               kind.now, kind.now, new.subject, new.correlation_id, new.causation_id, new.depth, new.traceparent,
               new.mode, %(res_model)s, new.res_id, new.held_reason, kind.txn_key
          FROM new, kind ORDER BY new.res_id
        ON CONFLICT DO NOTHING
        RETURNING *)
    SELECT made.id, made.uuid, res_id, made.source, made.subject, made.correlation_id, made.causation_id,
           made.traceparent, counted.version, made.received_at
      FROM made JOIN counted USING (res_id) ORDER BY made.id
"""
_COMPLETE = """
    new (id, digest, size, facets, sealed) AS (VALUES %(rows)s),
    event AS (
        UPDATE integration_event e SET body_digest = new.digest, body_size = new.size, facets = new.facets
          FROM new
         WHERE e.id = new.id AND (e.txn_key = pg_current_xact_id()::text || %(serial)s) IS TRUE
           AND CASE e.res_model %(alive)s END
        RETURNING e.*),
    kept AS (
        INSERT INTO integration_payload (event_id, data_key_id, algorithm, sealed)
        SELECT event.id, %(data_key_id)s, 'AES-256-GCM', new.sealed FROM event JOIN new ON new.id = event.id
        ON CONFLICT (event_id) DO UPDATE SET data_key_id = EXCLUDED.data_key_id, sealed = EXCLUDED.sealed)
"""
