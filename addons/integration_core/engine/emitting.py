"""What emitting writes, as functions of the database: rows of the journal, then all that follows from them.

A statement of many parts takes PostgreSQL longer to plan than to carry out, and Odoo's pool throws all plans away when
it hands out a cursor. So there are two functions for one event, of plain inserts that need next to no plan, and two for
many, of one statement each that costs little per event. Plans of all four are kept for as long as the cursor is, which
for the engine, a cron or a script means many transactions.

A kept plan knows nothing of how many events there are. So no part joins what another part returns, which would be
fast for ten events and take forever for thousands: each carries along all that later ones need. Where a table is joined
its rows are looked up one by one, as the engine does (``claims.BY_KEY``).

All act by what the caller knows of the configuration, and do nothing when its stamp is no longer that of the database.
"""

from odoo.sql_db import BaseCursor

from .claims import FRESH, UNPOSITIONED
from .inbox import CHANNEL


def create_functions(cr: BaseCursor) -> None:
    """Make the functions, or make them anew; for a model's ``init``."""
    values = {"fresh": FRESH, "unpositioned": UNPOSITIONED, "channel": CHANNEL, "gone": GONE}
    cr.execute(_EMIT_ONE)
    cr.execute(_EMIT)
    cr.execute(_COMPLETE_ONE, values)
    cr.execute(_COMPLETE, values)


GONE = -1

EMIT_ONE = """
    SELECT integration_emit_one(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
"""The arguments of ``integration_emit_one``. Returns version, id (NULL: it was emitted before) and moment (µs since
1970); NULL where the stamp is over."""

EMIT = """
    SELECT * FROM integration_emit(
        %s, %s, %s, %s, %s::int[], %s::text[], %s::int[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[],
        %s::text[], %s::int[], %s::text[], %s::text[])
"""
"""The same for many events: where ``integration_emit_one`` has a value of an event, a list. Returns moment (NULL: the
stamp is over), ids of new events and of their records, and ids of records and their versions."""

COMPLETE_ONE = """
    SELECT integration_complete_one(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
"""The arguments of ``integration_complete_one``, for an event that was never completed. Returns how many deliveries
were made, or :data:`GONE` where the event or its record is not there; NULL where the stamp is over."""

COMPLETE = """
    SELECT * FROM integration_complete(
        %s, %s, %s, %s, %s::bool[], %s::int[], %s::text[], %s::int[], %s::jsonb[], %s::bytea[], %s::jsonb[])
"""
"""The same for many events, or for one that was completed before. Returns whether the stamp still holds, the ids of the
events that are there, and how many deliveries were made."""

# Dropped by their names alone: an earlier version may have had other arguments.
_EMIT_ONE = """
    DROP FUNCTION IF EXISTS integration_emit_one;
    CREATE FUNCTION integration_emit_one(
        _stamp text, _serial text, _event_type_id integer, _res_model text, _res_id integer, _uuid text,
        _company_id integer, _source text, _subject text, _origin_system_id integer, _correlation_id text,
        _causation_id text, _traceparent text, _depth integer, _mode text, _held_reason text)
    RETURNS bigint[] LANGUAGE plpgsql AS $$
    DECLARE
        _version bigint;
        _id bigint;
    BEGIN
        INSERT INTO integration_record_version AS v (res_model, res_id, version, txn_key)
        SELECT _res_model, _res_id, 1, pg_current_xact_id()::text || _serial
          FROM integration_configuration WHERE stamp = _stamp
        ON CONFLICT (res_model, res_id) DO UPDATE
           SET version = v.version + (v.txn_key <> EXCLUDED.txn_key)::int, txn_key = EXCLUDED.txn_key
        RETURNING v.version INTO _version;
        IF _version IS NULL THEN
            RETURN NULL;
        END IF;
        INSERT INTO integration_event
            (uuid, company_id, origin_system_id, event_type_id, source, source_event_id, webhook_id, subject,
             occurred_at, received_at, partition_key, correlation_id, causation_id, depth, traceparent, mode,
             res_model, res_id, held_reason, txn_key)
        VALUES (_uuid, _company_id, _origin_system_id, _event_type_id, _source, _uuid, _uuid, _subject,
                now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', _subject, _correlation_id, _causation_id, _depth,
                _traceparent, _mode, _res_model, _res_id, _held_reason, pg_current_xact_id()::text || _serial)
        ON CONFLICT (res_model, res_id, event_type_id, txn_key) WHERE txn_key IS NOT NULL DO NOTHING
        RETURNING id INTO _id;
        RETURN ARRAY[_version, _id, (extract(epoch FROM now()) * 1000000)::bigint];
    END $$
"""
_EMIT = """
    DROP FUNCTION IF EXISTS integration_emit;
    CREATE FUNCTION integration_emit(
        _stamp text, _serial text, _event_type_id integer, _res_model text, _res_ids integer[], _uuids text[],
        _company_ids integer[], _sources text[], _subjects text[], _origin_system_ids integer[],
        _correlation_ids text[], _causation_ids text[], _traceparents text[], _depths integer[], _modes text[],
        _held_reasons text[],
        OUT moment timestamp, OUT ids integer[], OUT res_ids integer[],
        OUT counted_ids integer[], OUT versions integer[])
    LANGUAGE plpgsql AS $$
    BEGIN
        WITH kind AS MATERIALIZED (
            SELECT pg_current_xact_id()::text || _serial AS txn_key, now() AT TIME ZONE 'UTC' AS now
              FROM integration_configuration WHERE stamp = _stamp),
        new AS MATERIALIZED (
            SELECT * FROM kind, unnest(
                _res_ids, _uuids, _company_ids, _sources, _subjects, _origin_system_ids, _correlation_ids,
                _causation_ids, _traceparents, _depths, _modes, _held_reasons) AS n (
                res_id, uuid, company_id, source, subject, origin_system_id, correlation_id, causation_id,
                traceparent, depth, mode, held_reason)),
        counted AS (
            INSERT INTO integration_record_version AS v (res_model, res_id, version, txn_key)
            SELECT _res_model, new.res_id, 1, new.txn_key FROM new
            ON CONFLICT (res_model, res_id) DO UPDATE
               SET version = v.version + (v.txn_key <> EXCLUDED.txn_key)::int, txn_key = EXCLUDED.txn_key
            RETURNING v.res_id, v.version),
        made AS (
            INSERT INTO integration_event
                (uuid, company_id, origin_system_id, event_type_id, source, source_event_id, webhook_id, subject,
                 occurred_at, received_at, partition_key, correlation_id, causation_id, depth, traceparent, mode,
                 res_model, res_id, held_reason, txn_key)
            SELECT new.uuid, new.company_id, new.origin_system_id, _event_type_id, new.source, new.uuid, new.uuid,
                   new.subject, new.now, new.now, new.subject, new.correlation_id, new.causation_id, new.depth,
                   new.traceparent, new.mode, _res_model, new.res_id, new.held_reason, new.txn_key
              FROM new
            ON CONFLICT (res_model, res_id, event_type_id, txn_key) WHERE txn_key IS NOT NULL DO NOTHING
            RETURNING id, res_id)
        SELECT kind.now, ARRAY(SELECT id FROM made), ARRAY(SELECT res_id FROM made),
               ARRAY(SELECT res_id FROM counted), ARRAY(SELECT version FROM counted)
          INTO moment, ids, res_ids, counted_ids, versions FROM kind;
    END $$
"""
_COMPLETE_ONE = """
    DROP FUNCTION IF EXISTS integration_complete_one;
    CREATE FUNCTION integration_complete_one(
        _stamp text, _serial text, _data_key_id integer, _notify boolean, _alive boolean, _id integer, _digest text,
        _size integer, _facets jsonb, _sealed bytea, _company_id integer, _order_key text,
        _subscription_ids integer[], _consumers text[], _lanes integer[], _ordered boolean[])
    RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        _made CONSTANT integer := cardinality(_subscription_ids);
    BEGIN
        UPDATE integration_event e SET body_digest = _digest, body_size = _size, facets = _facets
          FROM integration_configuration
         WHERE stamp = _stamp AND e.id = _id AND e.txn_key = pg_current_xact_id()::text || _serial AND _alive;
        IF NOT FOUND THEN
            RETURN (SELECT %(gone)s FROM integration_configuration WHERE stamp = _stamp);
        END IF;
        INSERT INTO integration_payload (event_id, data_key_id, algorithm, sealed)
        VALUES (_id, _data_key_id, 'AES-256-GCM', _sealed);
        INSERT INTO integration_event_position (event_id) VALUES (_id);
        FOR _turn IN 1 .. _made LOOP
            INSERT INTO integration_delivery
                (event_id, subscription_id, company_id, consumer, lane, state, due_at, created_at, attempts, crashes)
            VALUES (_id, _subscription_ids[_turn], _company_id, _consumers[_turn], _lanes[_turn], 'waiting',
                    clock_timestamp() AT TIME ZONE 'UTC', clock_timestamp() AT TIME ZONE 'UTC', 0, 0);
            INSERT INTO integration_due (id, event_id, subscription_id, company_id, lane, tier, due_at, order_key)
            VALUES (currval('integration_delivery_id_seq'), _id, _subscription_ids[_turn], _company_id, _lanes[_turn],
                    CASE WHEN _ordered[_turn] AND _order_key IS NOT NULL THEN %(unpositioned)s ELSE %(fresh)s END,
                    clock_timestamp() AT TIME ZONE 'UTC', CASE WHEN _ordered[_turn] THEN _order_key END);
        END LOOP;
        IF _made > 0 AND _notify THEN
            PERFORM pg_notify(%(channel)s, '');
        END IF;
        RETURN _made;
    END $$
"""
_COMPLETE = """
    DROP FUNCTION IF EXISTS integration_complete;
    CREATE FUNCTION integration_complete(
        _stamp text, _serial text, _data_key_id integer, _notify boolean, _alive boolean[], _ids integer[],
        _digests text[], _sizes integer[], _facets jsonb[], _sealed bytea[], _recipients jsonb[],
        OUT known boolean, OUT ids integer[], OUT made bigint)
    LANGUAGE plpgsql
    -- Events are looked up one by one, whatever the statistics of a table say that has just been filled.
    SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off
    -- Plans that these leave nothing else for seem expensive, and would be compiled each time.
    SET jit = off
    AS $$
    BEGIN
        WITH kind AS MATERIALIZED (
            SELECT pg_current_xact_id()::text || _serial AS txn_key, clock_timestamp() AT TIME ZONE 'UTC' AS now
              FROM integration_configuration WHERE stamp = _stamp),
        event AS (
            UPDATE integration_event e SET body_digest = new.digest, body_size = new.size, facets = new.facets
              FROM kind, unnest(_ids, _alive, _digests, _sizes, _facets, _sealed, _recipients)
                AS new (id, alive, digest, size, facets, sealed, recipients)
             -- IS TRUE: else the index of all emissions would seem to suit.
             WHERE e.id = new.id AND (e.txn_key = kind.txn_key) IS TRUE AND new.alive
            RETURNING e.id, e.company_id, e.partition_key, new.sealed, new.recipients, kind.now),
        payload AS (
            INSERT INTO integration_payload (event_id, data_key_id, algorithm, sealed)
            SELECT event.id, _data_key_id, 'AES-256-GCM', event.sealed FROM event
            ON CONFLICT (event_id) DO UPDATE SET data_key_id = EXCLUDED.data_key_id, sealed = EXCLUDED.sealed),
        line AS (
            INSERT INTO integration_event_position (event_id) SELECT event.id FROM event ON CONFLICT DO NOTHING),
        who AS MATERIALIZED (
            SELECT nextval('integration_delivery_id_seq') AS id, event.id AS event_id, event.company_id, event.now, k.*,
                   CASE WHEN k.ordered THEN event.partition_key END AS order_key
              FROM event, jsonb_to_recordset(event.recipients) AS k (
                   subscription_id integer, consumer text, lane integer, ordered boolean)
             WHERE NOT EXISTS (SELECT FROM integration_delivery d
                                -- + 0: else the index of all deliveries of a subscription would seem to suit.
                                WHERE d.event_id = event.id AND d.subscription_id + 0 = k.subscription_id)),
        delivery AS (
            INSERT INTO integration_delivery
                (id, event_id, subscription_id, company_id, consumer, lane, state, due_at, created_at, attempts,
                 crashes)
            SELECT id, event_id, subscription_id, company_id, consumer, lane, 'waiting', now, now, 0, 0 FROM who),
        due AS (
            INSERT INTO integration_due (id, event_id, subscription_id, company_id, lane, tier, due_at, order_key)
            SELECT id, event_id, subscription_id, company_id, lane,
                   CASE WHEN order_key IS NULL THEN %(fresh)s ELSE %(unpositioned)s END, now, order_key FROM who)
        SELECT TRUE, ARRAY(SELECT id FROM event), (SELECT count(*) FROM who) INTO known, ids, made FROM kind;
        IF made > 0 AND _notify THEN
            PERFORM pg_notify(%(channel)s, '');
        END IF;
    END $$
"""
