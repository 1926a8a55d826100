import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import psycopg2.extras
from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import MissingError
from odoo.tools import SQL, split_every

from .. import tools
from ..domain import chain, emissions, envelope, hashing, strict_json, tracing
from ..domain.audience import NOBODY, Answer, Audience, Kind, KnownType, Recipients
from ..domain.sender import Recipient
from ..engine import emitting

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
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# What this process knows by heart, per database.
_audiences = {}


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

    def init(self):
        emitting.create_functions(self.env.cr)
        return super().init()

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
        told = self.env.context.get(HANDLED) if len(caused) < len(records) else ()
        handled = told if isinstance(told, tools.EventIds) else ()
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
        drafts = self._drafts(type_name, records, causes)
        known = self._audience()
        while (type_id := known.type_id(type_name, fields.Date.today())) is None or (
            not self._insert_drafts(known.stamp, type_id, drafts)
        ):
            believed, known = known, self._audience(anew=True)
            if type_id is None and known.stamp == believed.stamp:
                return []
        return [draft for draft in drafts if draft.id]

    def _drafts(self, type_name, records, causes):
        """Return what is known of an event of each record before it has an id and a version."""
        database_uuid = self._database_uuid()
        drafts = []
        for record in records:
            cause = causes.get(record.id, NO_CAUSE)
            company_id = record._event_company().id
            event_uuid = str(uuid.uuid4())
            drafts.append(
                emissions.Emission(
                    uuid=event_uuid,
                    type_name=type_name,
                    res_model=record._name,
                    res_id=record.id,
                    company_id=company_id,
                    source=envelope.outbound_source(database_uuid, company_id),
                    subject=record._event_subject(type_name),
                    origin_system_id=cause.origin_system_id,
                    correlation_id=cause.correlation_id or event_uuid,
                    causation_id=cause.uuid,
                    traceparent=tracing.emitted(
                        cause.uuid, cause.traceparent, event_id=event_uuid, event_type=type_name
                    ),
                    mode=cause.mode,
                    depth=cause.depth + 1,
                )
            )
        return drafts

    def _insert_drafts(self, stamp, type_id, drafts):
        """Insert the events and number them; tell whether ``stamp`` still holds. What was emitted before has no id."""
        if len(drafts) == 1:
            return self._insert_draft(stamp, type_id, drafts[0])
        rows = [self._columns(draft) for draft in drafts]
        self.env.cr.execute(
            emitting.EMIT,
            (stamp, self._serial(), type_id, drafts[0].res_model, *map(list, zip(*rows, strict=True))),
        )
        moment, ids, res_ids, counted_ids, versions = self.env.cr.fetchone()
        if moment is None:
            return False
        by_record = dict(zip(res_ids, ids, strict=True))
        version_of = dict(zip(counted_ids, versions, strict=True))
        for draft in drafts:
            if event_id := by_record.get(draft.res_id):
                draft.enter(event_id, type_id, version_of[draft.res_id], moment.replace(tzinfo=timezone.utc))
        return True

    def _insert_draft(self, stamp, type_id, draft):
        self.env.cr.execute(emitting.EMIT_ONE, (stamp, self._serial(), type_id, draft.res_model, *self._columns(draft)))
        [found] = self.env.cr.fetchone()
        if found is None:
            return False
        version, event_id, moment = found
        if event_id:
            draft.enter(event_id, type_id, version, _EPOCH + timedelta(microseconds=moment))
        return True

    @staticmethod
    def _columns(draft):
        return (
            draft.res_id,
            draft.uuid,
            draft.company_id,
            draft.source,
            draft.subject,
            draft.origin_system_id,
            draft.correlation_id,
            draft.causation_id,
            draft.traceparent,
            draft.depth,
            draft.mode,
            "chain_too_long" if draft.held else None,
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
        """Store bodies and facets, and fan out, in one statement; return the ids of the events that are there."""
        self._forget_other_facets(bodies)
        emitted = [emission for emission, _facets, _body in bodies]
        audience, stored = self._audience(), None
        while stored is None:
            recipients, learnt = self._recipients_of(audience, bodies)
            data_key_id, rows = self._sealed(audience, bodies)
            stored = self._store_completed(audience.stamp, data_key_id, emitted, rows, recipients)
            if stored is None:
                audience = self._audience(anew=True)
        # Only now it is sure that what was looked up is of the configuration which the stamp stands for.
        for kind, answer in learnt:
            audience.remember(kind, answer)
        ids, made = stored
        if made:
            self.env["integration.engine"]._woke()
        return set(ids)

    def _sealed(self, audience, bodies):
        """Return the id of the data key, and what is stored of each event.

        :raises KeyringError: without a usable master key
        """
        keyring = self.env["integration.keyring"]
        data_key_id, key = audience.data_key(keyring._get(), keyring._data_key_row)
        sealed = key.encrypt_all((body, f"integration.payload:{emission.uuid}") for emission, _facets, body in bodies)
        return data_key_id, [
            (
                emission.id,
                hashing.body_digest(body),
                len(body),
                json.dumps(facets) if facets else None,
                psycopg2.Binary(content),
            )
            for (emission, facets, body), content in zip(bodies, sealed, strict=True)
        ]

    def _store_completed(self, stamp, data_key_id, emitted, rows, recipients):
        """Store ``rows``, which are of the events ``emitted``, and their deliveries to ``recipients``.

        :return: the ids of the events that are there, and how many deliveries were made; None where ``stamp`` is over
        """
        common = stamp, self._serial(), data_key_id, self.env["integration.engine"]._must_notify()
        if len(rows) == 1 and not emitted[0].completed:
            [emission], [row], [found] = emitted, rows, recipients
            alive = self._exists(emission.res_model, SQL("%s", emission.res_id))
            place = emission.company_id, emission.subject
            self.env.cr.execute(SQL(emitting.COMPLETE_ONE, *common, alive, *row, *place, *found.columns))
            [made] = self.env.cr.fetchone()
            if made == emitting.GONE:
                return [], 0
            return None if made is None else ([emission.id], made)
        columns = map(list, zip(*rows, strict=True))
        self.env.cr.execute(
            SQL(emitting.COMPLETE, *common, self._all_alive(emitted), *columns, [found.rows for found in recipients])
        )
        known, ids, made = self.env.cr.fetchone()
        return (ids, made) if known else None

    def _all_alive(self, emitted):
        """SQL for an array that tells of each event whether its record exists."""
        return SQL(
            """
            ARRAY(SELECT CASE e.res_model %s END
                    FROM unnest(%s, %s) WITH ORDINALITY AS e (res_model, res_id, turn) ORDER BY turn)
            """,
            SQL(" ").join(
                SQL("WHEN %s THEN %s", name, self._exists(name, SQL("e.res_id")))
                for name in sorted({emission.res_model for emission in emitted})
            ),
            [emission.res_model for emission in emitted],
            [emission.res_id for emission in emitted],
        )

    def _exists(self, model, res_id):
        """SQL that tells whether a record exists.

        The ORM may still have one in its cache that was deleted: the statement asks the table itself.
        """
        return SQL("EXISTS (SELECT FROM %s WHERE id = %s)", SQL.identifier(self.env[model]._table), res_id)

    # -- who gets it ---------------------------------------------------------------------------------------------------

    def _audience(self, *, anew=False):
        """Return the :class:`Audience` that this process knows, of whatever configuration that was.

        :param anew: of the configuration as this transaction sees it
        """
        found = None if anew else _audiences.get(self.env.cr.dbname)
        if found is None:
            # One statement: the stamp and what it stands for are of one moment.
            self.env.cr.execute(
                """
                SELECT c.stamp, t.name, t.id, t.sunset
                  FROM integration_configuration c LEFT JOIN integration_event_type t ON t.state <> 'retired'
                """
            )
            rows = self.env.cr.fetchall()
            types = {name: KnownType(type_id, sunset) for _stamp, name, type_id, sunset in rows if name}
            found = _audiences[self.env.cr.dbname] = Audience(rows[0][0], types)
        return found

    def _recipients_of(self, audience, bodies):
        """Return the :class:`Recipients` of each event, and what was learnt: (kind, answer) to remember.

        What ``audience`` does not know is looked up in one statement.
        """
        kinds = [self._kind(emission, facets) for emission, facets, _body in bodies]
        found = [
            NOBODY if emission.held else audience.recipients(kind, emission.moment)
            for (emission, _facets, _body), kind in zip(bodies, kinds, strict=True)
        ]
        missing = [number for number, recipients in enumerate(found) if recipients is None]
        if not missing:
            return found, []
        answers = self._look_up_recipients([bodies[number] for number in missing])
        for number, answer in zip(missing, answers, strict=True):
            found[number] = answer.recipients
        return found, [(kinds[number], answer) for number, answer in zip(missing, answers, strict=True)]

    @staticmethod
    def _kind(emission, facets):
        return Kind(
            emission.event_type_id,
            emission.company_id,
            emission.mode,
            emission.origin_system_id,
            strict_json.dumps(facets).decode() if facets else "",
        )

    def _look_up_recipients(self, bodies):
        """Return the :class:`Answer` for each event."""
        events = [
            {
                "id": emission.id,
                "company_id": emission.company_id,
                "origin_system_id": emission.origin_system_id,
                "event_type_id": emission.event_type_id,
                "mode": emission.mode,
                "res_model": emission.res_model,
                "res_id": emission.res_id,
                "received_at": str(emission.moment.replace(tzinfo=None)),
                "facets": facets,
            }
            for emission, facets, _body in bodies
        ]
        self.env.cr.execute(
            SQL(
                """
                WITH e AS (SELECT * FROM jsonb_populate_recordset(NULL::integration_event, %(events)s))
                %(candidates)s ORDER BY e.id, s.id
                """,
                events=json.dumps(events),
                candidates=self._candidates_sql(),
            )
        )
        recipients, until = {}, {}
        for event_id, *recipient, granted, changes_at in self.env.cr.fetchall():
            if granted:
                recipients.setdefault(event_id, []).append(Recipient(*recipient))
            if changes_at:
                moment = changes_at.replace(tzinfo=timezone.utc)
                until[event_id] = min(moment, until.get(event_id, moment))
        return [
            Answer(Recipients.of(recipients.get(emission.id, ())), emission.moment, until.get(emission.id))
            for emission, _facets, _body in bodies
        ]

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
